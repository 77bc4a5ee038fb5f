//! Calls of two legs in a file of their own, so that writing them holds back no REGISTER: which there are, and putting
//! them back at the start.

mod form;

use crate::{
    begin::{finish_replacing, replace},
    bindings::Names,
    codec::Unreadable,
    file::{Cannot, File},
    keeper::Source,
    table::{Key, Table},
};
use bellhop_core::b2bua::{CallKey, SavedCall};
use std::{fmt, path::Path, sync::Arc, time::Duration};

/// Those who know the calls that live.
pub trait Live: Send + Sync {
    /// How a call stands now; `None`: it is over.
    fn save(&self, key: CallKey) -> Option<SavedCall>;

    /// Whether a call lives.
    fn has(&self, key: CallKey) -> bool;

    /// All that live and are to be kept.
    fn keys(&self) -> Vec<CallKey>;
}

/// Live calls, as a [`Source`].
pub struct KeptCalls {
    live: Arc<dyn Live>,
    names: Names,
}

/// A file and the calls that were in it.
#[derive(Debug)]
pub struct BegunCalls {
    /// The file; or why it cannot be written now, though it could be read.
    pub file: Result<File, Cannot>,
    /// The calls.
    pub calls: Vec<SavedCall>,
}

/// What was found in a file.
#[derive(Default)]
struct Found {
    calls: Vec<SavedCall>,
    /// As they stand in the file.
    values: Vec<(Key, Vec<u8>)>,
    damaged: usize,
    newer: Option<u8>,
}

impl KeptCalls {
    /// The calls that `live` knows, with the names of the listeners.
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
        Ok(file.counting(Table::Calls))
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
                file: Ok(file.counting(Table::Calls)),
                calls: found.calls,
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
            return Ok(BegunCalls {
                calls: read(&old, names)?.calls,
                file: Err(Cannot::Disk(why)),
            });
        }
        Err(error) => return Err(error),
    };
    let Found { calls, values, .. } = found;
    let file = match replace(path, unix, |file| fill(file, &values)) {
        Ok((file, aside)) => {
            tracing::error!(
                "{} is damaged ({why}). It was set aside as {} and a new one was begun, with the {} calls that could \
                 be read. Look after the disk; the file that was set aside is not needed any more, unless you want to \
                 report this.",
                path.display(),
                aside.display(),
                calls.len()
            );
            Ok(file.counting(Table::Calls))
        }
        Err(error) => {
            let why = format!("it is damaged ({why}), and no new one can be begun: {error}");
            Err(Cannot::Disk(why))
        }
    };
    Ok(BegunCalls { file, calls })
}

/// What a file has. What could be read before it broke off is lost with the rest.
fn read(file: &File, names: &Names) -> Result<Found, Cannot> {
    let mut found = Found::default();
    file.read(Table::Calls, None, usize::MAX, |text, value| {
        match (
            form::read_call(names, text, value),
            Key::of(Table::Calls, text),
        ) {
            (Ok(call), Some(key)) => {
                found.calls.push(call);
                found.values.push((key, value.to_vec()));
            }
            (Err(Unreadable::Newer(version)), _) => found.newer = Some(version),
            _ => found.damaged = found.damaged.saturating_add(1),
        }
    })?;
    match found.newer {
        Some(version) => Err(Cannot::Newer(format!(
            "its values have form {version}, which this program does not know"
        ))),
        None => Ok(found),
    }
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
        let Key::Calls(key) = key else {
            return false;
        };
        let call = self.live.save(*key);
        if let Some(call) = &call {
            form::write_call(&self.names, call, out);
        }
        call.is_some()
    }

    fn is_there(&self, key: &Key) -> bool {
        matches!(key, Key::Calls(key) if self.live.has(*key))
    }

    fn keys(&self) -> Vec<Key> {
        self.live.keys().into_iter().map(Key::Calls).collect()
    }
}

impl fmt::Debug for KeptCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptCalls").finish_non_exhaustive()
    }
}
