//! What stands behind a key: the bindings of an address-of-record, a watcher, a subscription, of ours or relayed; and
//! putting them back at the start.

use crate::{
    codec::{self, Named, Unreadable},
    file::{Cannot, File},
    held::{held_key, held_name, read_held, write_held},
    keeper::Source,
    relayed::{read_relayed, write_relayed},
    shares,
    table::{Key, Table},
};
use bellhop_core::{
    flow::{Flow, ListenerId, Transport},
    registrar::{Aor, Bindings, Location, Record},
    share::Held,
    subscription::Board,
    time::Now,
};
use std::{fmt, sync::Arc};

/// The listeners' names and transports, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<[(String, Transport)]>);

/// The bindings of a location service, and what is kept of subscriptions, as a [`Source`].
pub struct Kept {
    location: Arc<Location>,
    board: Arc<Board>,
    held: Arc<Held>,
    names: Names,
    now: Box<dyn Fn() -> Now + Send + Sync>,
}

/// What was found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Bindings that were put back.
    pub bindings: usize,
    /// AoRs that have them.
    pub aors: usize,
    /// Bindings whose time was up.
    pub ended: usize,
    /// Bindings over listeners that are not there any more, and one of their names.
    pub strangers: (usize, Option<String>),
    /// Values that are not what was written.
    pub damaged: usize,
    /// Bindings that found no room.
    pub no_room: usize,
    /// Watchers of shared subscriptions.
    pub watchers: usize,
    /// Subscriptions of ours at the PBX.
    pub sources: usize,
    /// Mailboxes that the PBX told of, and states that are published.
    pub held: usize,
    /// Subscriptions that are relayed.
    pub relayed: usize,
}

impl Names {
    /// These listeners.
    pub fn new(listeners: impl IntoIterator<Item = (String, Transport)>) -> Self {
        Self(listeners.into_iter().collect())
    }

    /// The name of a listener.
    pub(crate) fn of(&self, listener: ListenerId) -> &str {
        self.0
            .get(usize::from(listener.0))
            .map_or("", |(name, _)| name)
    }

    /// The listener of this name and transport.
    pub(crate) fn find(&self, name: &str, transport: Transport) -> Option<ListenerId> {
        let is = |(own, by): &(String, Transport)| own == name && *by == transport;
        let place = self.0.iter().position(is)?;
        u16::try_from(place).ok().map(ListenerId)
    }
}

impl Kept {
    /// The bindings of `location`; `now` is asked whenever something is written.
    pub fn new(
        location: Arc<Location>,
        names: Names,
        now: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Self {
        Self {
            location,
            board: Arc::default(),
            held: Arc::default(),
            names,
            now: Box::new(now),
        }
    }

    /// And what this board keeps of subscriptions, and what is kept by other ways.
    #[must_use]
    pub fn with(self, board: Arc<Board>, held: Arc<Held>) -> Self {
        Self {
            board,
            held,
            ..self
        }
    }

    /// How many bindings there are.
    pub(crate) fn count(&self) -> usize {
        self.location.len()
    }

    /// Puts back what a file has. An AoR that has bindings keeps those.
    ///
    /// # Errors
    /// It cannot be read to its end, or a newer program wrote it; what was read until then is put back.
    pub fn load(&self, file: &File) -> Result<Loaded, Cannot> {
        let now = (self.now)();
        let (mut loaded, mut newer) = (Loaded::default(), None);
        file.read(Table::Bindings, None, usize::MAX, |key, value| {
            match (codec::read(key, value), Aor::of_canonical(key)) {
                (Ok(named), Some(aor)) => self.put_back(now, &aor, &named, &mut loaded),
                (Err(Unreadable::Newer(version)), _) => newer = Some(version),
                _ => loaded.damaged = loaded.damaged.saturating_add(1),
            }
        })?;
        self.load_shares(file, &mut loaded, &mut newer)?;
        file.read(
            Table::Held,
            None,
            usize::MAX,
            |name, value| match read_held(name, value) {
                Ok((key, saved)) => {
                    let is_back = self.held.put_back(now, key, saved);
                    loaded.held = loaded.held.saturating_add(usize::from(is_back));
                }
                Err(Unreadable::Newer(version)) => newer = Some(version),
                Err(Unreadable::Damaged) => loaded.damaged = loaded.damaged.saturating_add(1),
            },
        )?;
        match newer {
            Some(version) => Err(Cannot::Newer(format!(
                "its values have form {version}, which this program does not know"
            ))),
            None => Ok(loaded),
        }
    }

    fn load_shares(
        &self,
        file: &File,
        loaded: &mut Loaded,
        newer: &mut Option<u8>,
    ) -> Result<(), Cannot> {
        let saves = &self.board.saves;
        let mut unread = |why| match why {
            Unreadable::Newer(version) => *newer = Some(version),
            Unreadable::Damaged => loaded.damaged = loaded.damaged.saturating_add(1),
        };
        let mut watchers = 0_usize;
        file.read(Table::Watchers, None, usize::MAX, |tag, value| {
            match shares::read_watcher(tag, value) {
                Ok(named) => {
                    let mut watcher = named.watcher;
                    let listener = self.names.find(&named.listener, watcher.flow.transport);
                    // One that is gone: the core finds another that will do.
                    watcher.flow.listener = listener.unwrap_or(ListenerId(u16::MAX));
                    saves.put_watcher(watcher);
                    watchers = watchers.saturating_add(1);
                }
                Err(why) => unread(why),
            }
        })?;
        let mut sources = 0_usize;
        file.read(
            Table::Sources,
            None,
            usize::MAX,
            |tag, value| match shares::read_source(tag, value) {
                Ok(source) => {
                    saves.put_source(source);
                    sources = sources.saturating_add(1);
                }
                Err(why) => unread(why),
            },
        )?;
        let mut relayed = 0_usize;
        file.read(
            Table::Relayed,
            None,
            usize::MAX,
            |tag, value| match read_relayed(tag, &self.names, value) {
                Ok(saved) => {
                    self.board.put_back(saved);
                    relayed = relayed.saturating_add(1);
                }
                Err(why) => unread(why),
            },
        )?;
        (loaded.watchers, loaded.sources, loaded.relayed) = (watchers, sources, relayed);
        Ok(())
    }

    fn bindings_record(&self, aor: &Aor, out: &mut Vec<u8>) -> bool {
        let now = (self.now)();
        let mut bindings = Bindings::new();
        self.location.lookup(now.instant, aor, &mut bindings);
        let named = bindings.iter().map(|binding| Named {
            listener: self.names.of(binding.flow.listener),
            record: binding.record(now),
        });
        codec::write(aor.as_str(), named, out);
        !bindings.is_empty()
    }

    fn put_back(&self, now: Now, aor: &Aor, named: &[Named<'_>], loaded: &mut Loaded) {
        let mut held = Bindings::new();
        self.location.lookup(now.instant, aor, &mut held);
        if !held.is_empty() {
            return;
        }
        let mut records = Vec::with_capacity(named.len());
        for Named { listener, record } in named {
            let Some(listener) = self.names.find(listener, record.flow.transport) else {
                loaded.strangers.0 = loaded.strangers.0.saturating_add(1);
                let name = || (*listener).to_owned();
                loaded.strangers.1.get_or_insert_with(name);
                continue;
            };
            let flow = Flow {
                listener,
                ..record.flow
            };
            records.push(Record { flow, ..*record });
        }
        match self.location.restore(now, aor, &records) {
            Some(0) => loaded.ended = loaded.ended.saturating_add(records.len()),
            Some(count) => {
                loaded.aors = loaded.aors.saturating_add(1);
                loaded.bindings = loaded.bindings.saturating_add(count);
                let ended = records.len().saturating_sub(count);
                loaded.ended = loaded.ended.saturating_add(ended);
            }
            None => loaded.no_room = loaded.no_room.saturating_add(records.len()),
        }
    }
}

impl Source for Kept {
    fn record(&self, key: &Key, out: &mut Vec<u8>) -> bool {
        let saves = &self.board.saves;
        match key {
            Key::Bindings(aor) => self.bindings_record(aor, out),
            Key::Watchers(tag) => saves.watcher(*tag).is_some_and(|watcher| {
                let listener = self.names.of(watcher.flow.listener);
                shares::write_watcher(tag.as_str(), listener, &watcher, out);
                true
            }),
            Key::Sources(tag) => saves.source(*tag).is_some_and(|source| {
                shares::write_source(tag.as_str(), &source, out);
                true
            }),
            Key::Held(name) => held_key(name)
                .and_then(|key| self.held.saved((self.now)(), &key))
                .is_some_and(|saved| {
                    write_held(name, &saved, out);
                    true
                }),
            Key::Relayed(tag) => self.board.saved((self.now)(), *tag).is_some_and(|saved| {
                write_relayed(&self.names, &saved, out);
                true
            }),
            Key::Leases(_) | Key::Calls(_) | Key::Bonds(_) => false,
        }
    }

    fn is_there(&self, key: &Key) -> bool {
        let saves = &self.board.saves;
        match key {
            Key::Bindings(aor) => {
                let mut bindings = Bindings::new();
                self.location
                    .lookup((self.now)().instant, aor, &mut bindings);
                !bindings.is_empty()
            }
            Key::Watchers(tag) => saves.watcher(*tag).is_some(),
            Key::Sources(tag) => saves.source(*tag).is_some(),
            Key::Relayed(tag) => self.board.is_saved(*tag),
            Key::Held(name) => {
                held_key(name).is_some_and(|key| self.held.saved((self.now)(), &key).is_some())
            }
            Key::Leases(_) | Key::Calls(_) | Key::Bonds(_) => false,
        }
    }

    fn keys(&self) -> Vec<Key> {
        let now = (self.now)().instant;
        let (all, _) = self.location.list(now, usize::MAX, |_| true);
        let bindings = all.into_iter().map(|(aor, _)| Key::Bindings(aor));
        let saves = &self.board.saves;
        let watchers = saves.watchers().into_iter();
        let watchers = watchers.filter_map(|w| w.tag().map(Key::Watchers));
        let sources = saves.sources().into_iter();
        let sources = sources.filter_map(|s| s.tag().map(Key::Sources));
        let held = self.held.keys().into_iter();
        let held = held.map(|key| Key::Held(held_name(&key).into()));
        let relayed = self.board.saved_tags().into_iter().map(Key::Relayed);
        bindings
            .chain(watchers)
            .chain(sources)
            .chain(held)
            .chain(relayed)
            .collect()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}
