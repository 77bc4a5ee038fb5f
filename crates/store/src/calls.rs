//! Calls of two legs, and relayed subscriptions of two dialogs, in a file of their own, so that writing them holds back no
//! REGISTER: which there are, and putting them back at the start.

mod form;

use crate::{
    begin::{finish_replacing, replace},
    bindings::Names,
    codec::Unreadable,
    file::{Cannot, File},
    keeper::Source,
    table::{Key, Table},
};
use bellhop_core::b2bua::{CallKey, SavedBond, SavedCall};
use std::{fmt, path::Path, sync::Arc, time::Duration};

/// Those who know the calls and the subscriptions that live.
pub trait Live: Send + Sync {
    /// How a call stands now; `None`: it is over.
    fn save(&self, key: CallKey) -> Option<SavedCall>;

    /// Whether a call lives.
    fn has(&self, key: CallKey) -> bool;

    /// All that live and are to be kept.
    fn keys(&self) -> Vec<CallKey>;

    /// How a subscription stands now; `None`: it is over.
    fn save_bond(&self, key: CallKey) -> Option<SavedBond>;

    /// Whether a subscription lives.
    fn has_bond(&self, key: CallKey) -> bool;

    /// All subscriptions that live and are to be kept.
    fn bond_keys(&self) -> Vec<CallKey>;
}

/// Live calls and subscriptions, as a [`Source`].
pub struct KeptCalls {
    live: Arc<dyn Live>,
    names: Names,
}

/// A file and what was in it.
#[derive(Debug)]
pub struct BegunCalls {
    /// The file; or why it cannot be written now, though it could be read.
    pub file: Result<File, Cannot>,
    /// The calls.
    pub calls: Vec<SavedCall>,
    /// The subscriptions.
    pub bonds: Vec<SavedBond>,
}

/// What was found in a file.
#[derive(Default)]
struct Found {
    calls: Vec<SavedCall>,
    bonds: Vec<SavedBond>,
    /// As they stand in the file.
    values: Vec<(Key, Vec<u8>)>,
    damaged: usize,
    newer: Option<u8>,
}

impl KeptCalls {
    /// What `live` knows, with the names of the listeners.
    pub fn new(live: Arc<dyn Live>, names: Names) -> Self {
        Self { live, names }
    }

    /// Opens the file at `path` again after a failure; in place of one that is damaged by now one is begun with all
    /// calls.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn open_again(&self, path: &Path, unix: Duration) -> Result<File, Cannot> {
        let file = match File::open(path) {
            Err(Cannot::Damaged(why)) => {
                let mut values = Vec::new();
                for key in self.keys() {
                    let mut value = Vec::new();
                    if self.record(&key, &mut value) {
                        values.push((key, value));
                    }
                }
                let (file, aside) = replace(path, unix, |file| fill(file, &values))?;
                tracing::error!(
                    "{} is damaged ({why}). It was set aside as {}, and a new one was begun with all calls that \
                     there are.",
                    path.display(),
                    aside.display()
                );
                file
            }
            other => other?,
        };
        Ok(counting(file))
    }
}

/// Opens the file of calls at `path`, and gives those that it has. A value that is not what was written is left out, and
/// the file set aside; what could be read begins the next one. `unix` is the time, for its name.
///
/// # Errors
/// It is locked, newer than this program, or the disk lets us neither read nor write it.
pub fn begin_calls(path: &Path, names: &Names, unix: Duration) -> Result<BegunCalls, Cannot> {
    finish_replacing(path, "calls of before are lost")?;
    let opened = File::open(path).and_then(|file| {
        let found = read(&file, names)?;
        Ok((file, found))
    });
    let (why, found) = match opened {
        Ok((file, found)) if found.damaged == 0 => {
            return Ok(BegunCalls {
                file: Ok(counting(file)),
                calls: found.calls,
                bonds: found.bonds,
            });
        }
        Ok((file, found)) => {
            drop(file);
            let why = format!("{} of its values are not what was written", found.damaged);
            (why, found)
        }
        Err(Cannot::Damaged(why)) => {
            let read = |old: File| read(&old, names).ok();
            let found = File::salvage(path).ok().and_then(read);
            (why, found.unwrap_or_default())
        }
        Err(Cannot::Disk(why)) => {
            let Ok(old) = File::salvage(path) else {
                return Err(Cannot::Disk(why));
            };
            let found = read(&old, names)?;
            return Ok(BegunCalls {
                calls: found.calls,
                bonds: found.bonds,
                file: Err(Cannot::Disk(why)),
            });
        }
        Err(error) => return Err(error),
    };
    let Found {
        calls,
        bonds,
        values,
        ..
    } = found;
    let file = match replace(path, unix, |file| fill(file, &values)) {
        Ok((file, aside)) => {
            tracing::error!(
                "{} is damaged ({why}). It was set aside as {} and a new one was begun, with the {} calls and {} \
                 subscriptions that could be read. Look after the disk; the file that was set aside is not needed any more, unless you want to \
                 report this.",
                path.display(),
                aside.display(),
                calls.len(),
                bonds.len()
            );
            Ok(counting(file))
        }
        Err(error) => {
            let why = format!("it is damaged ({why}), and no new one can be begun: {error}");
            Err(Cannot::Disk(why))
        }
    };
    Ok(BegunCalls { file, calls, bonds })
}

/// What a file has. What could be read before it broke off is lost with the rest.
fn read(file: &File, names: &Names) -> Result<Found, Cannot> {
    let mut found = Found::default();
    file.read(Table::Calls, None, usize::MAX, |text, value| {
        let call = form::read_call(names, text, value);
        let read = call.map(|call| found.calls.push(call));
        found.note((Table::Calls, text, value), read);
    })?;
    file.read(Table::Bonds, None, usize::MAX, |text, value| {
        let bond = form::read_bond(names, text, value);
        let read = bond.map(|bond| found.bonds.push(bond));
        found.note((Table::Bonds, text, value), read);
    })?;
    match found.newer {
        Some(version) => Err(Cannot::Newer(format!(
            "its values have form {version}, which this program does not know"
        ))),
        None => Ok(found),
    }
}

impl Found {
    /// A value has been read, or could not be.
    fn note(&mut self, (table, text, value): (Table, &str, &[u8]), read: Result<(), Unreadable>) {
        match (read, Key::of(table, text)) {
            (Ok(()), Some(key)) => self.values.push((key, value.to_vec())),
            (Err(Unreadable::Newer(version)), _) => self.newer = Some(version),
            _ => self.damaged = self.damaged.saturating_add(1),
        }
    }
}

/// What is counted in the file of calls.
fn counting(file: File) -> File {
    file.counting(Table::Calls, Some(Table::Bonds))
}

fn fill(file: &File, values: &[(Key, Vec<u8>)]) -> Result<(), Cannot> {
    let values = values
        .iter()
        .map(|(key, value)| (key, Some(value.as_slice())));
    file.write(values)?;
    Ok(())
}

impl Source for KeptCalls {
    fn record(&self, key: &Key, out: &mut Vec<u8>) -> bool {
        match key {
            Key::Calls(key) => {
                let call = self.live.save(*key);
                let written = call.map(|call| form::write_call(&self.names, &call, out));
                written.is_some()
            }
            Key::Bonds(key) => {
                let bond = self.live.save_bond(*key);
                let written = bond.map(|bond| form::write_bond(&self.names, *key, &bond, out));
                written.is_some()
            }
            _ => false,
        }
    }

    fn is_there(&self, key: &Key) -> bool {
        match key {
            Key::Calls(key) => self.live.has(*key),
            Key::Bonds(key) => self.live.has_bond(*key),
            _ => false,
        }
    }

    fn keys(&self) -> Vec<Key> {
        let calls = self.live.keys().into_iter().map(Key::Calls);
        calls
            .chain(self.live.bond_keys().into_iter().map(Key::Bonds))
            .collect()
    }
}

impl fmt::Debug for KeptCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptCalls").finish_non_exhaustive()
    }
}
