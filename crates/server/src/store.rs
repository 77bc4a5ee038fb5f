//! The store in the running program: where it is, what is put back at the start, and how the workers hear that
//! something is on disk.

mod calls;

use self::calls::CallStore;
use crate::{
    config::Settings,
    driver::{Answers, Clock, Shards},
};
use bellhop_core::{
    engine::{Engine, Shared},
    outbox::{Changed, Persist, Ticket},
    subscription::Board,
};
use bellhop_store::{
    Begun, Item, Keeper, Kept, Key, Loaded, Manner, Names, Status, begin, held_name, open_again,
};
use std::{path::PathBuf, sync::Arc, time::Instant};

/// The store, if there is a data directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    running: Option<Running>,
}

#[derive(Clone, Debug)]
struct Running {
    keeper: Arc<Keeper>,
    path: PathBuf,
    board: Arc<Board>,
    calls: CallStore,
}

impl Store {
    /// Opens the file, puts the bindings back that it has, and starts the thread that writes. Takes as long as
    /// reading takes.
    ///
    /// # Errors
    /// For the operator: what keeps it from being used.
    pub(crate) fn start(
        settings: &Settings,
        shared: &Shared,
        clock: Clock,
        answers: Answers,
    ) -> Result<Self, String> {
        let Some(dir) = &settings.server.data_dir else {
            tracing::info!(
                "no server.data_dir: bindings are kept in memory; after a restart phones must register again, at \
                 the latest when their registration runs out, and calls and subscriptions of two legs are lost"
            );
            return Ok(Self::default());
        };
        let path = dir.join(FILE);
        let names = names_of(settings);
        let kept = Kept::new(Arc::clone(&shared.location), names, move || clock.now());
        let kept = kept.with(Arc::clone(&shared.subscriptions), Arc::clone(&shared.held));
        let began = Instant::now();
        let Begun { file, loaded } = begin(&path, &kept, clock.now().unix)
            .map_err(|error| format!("server.data_dir: {}: {error}", path.display()))?;
        tell(&loaded, began);
        let kept = Arc::new(kept);
        let (again, all) = (path.clone(), Arc::clone(&kept));
        let keeper = Keeper::start(
            file,
            move || open_again(&again, &all, clock.now().unix),
            kept,
            Box::new(move |tickets, stored| answers.stored(tickets, stored)),
            Manner::AT_ONCE,
        )
        .map_err(|error| format!("the store cannot start: {error}"))?;
        let keeper = Arc::new(keeper);
        let calls = CallStore::start(settings, dir, clock)?;
        let running = Some(Running {
            keeper,
            path,
            board: Arc::clone(&shared.subscriptions),
            calls,
        });
        Ok(Self { running })
    }

    /// Has an engine answer REGISTERs and SUBSCRIBEs only when what they promise is on disk, if there is one, and take
    /// back its watchers and calls.
    pub(crate) fn join(&self, engine: &mut Engine, clock: Clock) {
        if let Some(running) = &self.running {
            engine.set_durable();
            engine.restore(clock.now());
            running.calls.join(engine, clock);
        }
    }

    /// From now on these know the calls that live. To be called before anything is submitted.
    pub(crate) fn attach(&self, shards: &Arc<Shards>) {
        if let Some(running) = &self.running {
            running.calls.attach(shards);
        }
    }

    /// Takes down what has changed; the tickets of those who cannot wait for it.
    pub(crate) fn submit(&self, persists: impl Iterator<Item = Persist>) -> Vec<Ticket> {
        let Some(running) = &self.running else {
            return persists.filter_map(|persist| persist.ticket).collect();
        };
        // Most turns change no call, and this asks for no memory then.
        let mut calls = Vec::new();
        let items = persists.filter_map(|Persist { ticket, what }| {
            let key = match what {
                Changed::Bindings(aor) => Key::Bindings(aor),
                Changed::Watcher(tag) => Key::Watchers(tag),
                Changed::Source(tag) => Key::Sources(tag),
                Changed::Relayed(tag) => Key::Relayed(tag),
                Changed::Held(key) => Key::Held(held_name(&key).into()),
                Changed::Call(key) => Key::Calls(key),
                Changed::Bond(key) => Key::Bonds(key),
            };
            if matches!(key, Key::Calls(_) | Key::Bonds(_)) {
                calls.push(Item { key, ticket });
                return None;
            }
            Some(Item { key, ticket })
        });
        let refused = running.keeper.submit(items);
        running.calls.submit(calls);
        refused
    }

    /// What it is at; `None`: there is none.
    pub(crate) fn status(&self) -> Option<Status> {
        Some(self.running.as_ref()?.keeper.status())
    }

    /// What the store of calls is at, and how large its file is; `None`: there is none.
    pub(crate) fn calls(&self) -> Option<(Status, Option<u64>)> {
        let calls = &self.running.as_ref()?.calls;
        Some((calls.status(), calls.size()))
    }

    /// How large the file is.
    pub(crate) fn size(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        let about = std::fs::metadata(&running.path).ok()?;
        Some(about.len())
    }

    /// Writes what has been taken down, and ends.
    pub(crate) fn stop(&self) {
        if let Some(running) = &self.running {
            let unsaid = running.board.unsaid().into_iter().map(|tag| Item {
                key: Key::Relayed(tag),
                ticket: None,
            });
            let _nobody_waits = running.keeper.submit(unsaid);
            running.keeper.stop();
            running.calls.stop();
        }
    }
}

/// The listeners, as the stores name them.
fn names_of(settings: &Settings) -> Names {
    let listeners = settings.listeners.iter();
    Names::new(listeners.map(|l| (l.name.clone(), l.bind.transport)))
}

/// What was put back, and what was not.
fn tell(loaded: &Loaded, began: Instant) {
    let Loaded {
        bindings,
        aors,
        ended,
        strangers: (strangers, name),
        no_room,
        watchers,
        sources,
        held,
        relayed,
        ..
    } = loaded;
    tracing::info!(
        "{bindings} bindings of {aors} addresses-of-record put back in {} ms, {ended} had run out",
        began.elapsed().as_millis()
    );
    if *watchers > 0 || *sources > 0 {
        tracing::info!(
            "{watchers} watchers of shared subscriptions put back, and {sources} subscriptions of ours at the PBX"
        );
    }
    if *relayed > 0 {
        tracing::info!(
            "{relayed} relayed subscriptions put back: the PBX is asked whether it knows them still"
        );
    }
    if *held > 0 {
        tracing::info!("{held} mailboxes and published states put back");
    }
    if *strangers > 0 {
        tracing::warn!(
            "{strangers} bindings left out: they were made over listeners that are not configured, or by another \
             transport (one of them: {:?}); their phones must register again",
            name.as_deref().unwrap_or_default()
        );
    }
    if *no_room > 0 {
        tracing::warn!("{no_room} bindings left out: there is no room for more");
    }
}

/// In the data directory.
const FILE: &str = "state.redb";
