//! The store in the running program: where it is, what is put back at the start, and how the workers hear that
//! something is on disk.

use crate::{
    config::Settings,
    driver::{Answers, Clock},
};
use bellhop_core::{
    engine::Engine,
    outbox::{Persist, Ticket},
    registrar::Location,
};
use bellhop_store::{Begun, Item, Keeper, Kept, Key, Loaded, Names, Status, begin, open_again};
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
}

impl Store {
    /// Opens the file, puts the bindings back that it has, and starts the thread that writes. Takes as long as
    /// reading takes.
    ///
    /// # Errors
    /// For the operator: what keeps it from being used.
    pub(crate) fn start(
        settings: &Settings,
        location: &Arc<Location>,
        clock: Clock,
        answers: Answers,
    ) -> Result<Self, String> {
        let Some(dir) = &settings.server.data_dir else {
            tracing::info!(
                "no server.data_dir: bindings are kept in memory; after a restart phones must register again, at \
                 the latest when their registration runs out"
            );
            return Ok(Self::default());
        };
        let path = dir.join(FILE);
        let listeners = settings.listeners.iter();
        let names = Names::new(listeners.map(|l| (l.name.clone(), l.bind.transport)));
        let kept = Kept::new(Arc::clone(location), names, move || clock.now());
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
        )
        .map_err(|error| format!("the store cannot start: {error}"))?;
        let keeper = Arc::new(keeper);
        let running = Some(Running { keeper, path });
        Ok(Self { running })
    }

    /// Has an engine answer REGISTERs only when their bindings are on disk, if there is one.
    pub(crate) fn join(&self, engine: &mut Engine) {
        if self.running.is_some() {
            engine.set_durable();
        }
    }

    /// Takes down what has changed; the tickets of those who cannot wait for it.
    pub(crate) fn submit(&self, persists: impl Iterator<Item = Persist>) -> Vec<Ticket> {
        let Some(running) = &self.running else {
            return persists.filter_map(|persist| persist.ticket).collect();
        };
        let item = |Persist { ticket, aor }| Item {
            key: Key::Bindings(aor),
            ticket,
        };
        running.keeper.submit(persists.map(item))
    }

    /// What it is at; `None`: there is none.
    pub(crate) fn status(&self) -> Option<Status> {
        Some(self.running.as_ref()?.keeper.status())
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
            running.keeper.stop();
        }
    }
}

/// What was put back, and what was not.
fn tell(loaded: &Loaded, began: Instant) {
    let Loaded {
        bindings,
        aors,
        ended,
        strangers: (strangers, name),
        no_room,
        ..
    } = loaded;
    tracing::info!(
        "{bindings} bindings of {aors} addresses-of-record put back in {} ms, {ended} had run out",
        began.elapsed().as_millis()
    );
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
