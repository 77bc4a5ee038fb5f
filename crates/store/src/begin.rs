//! The start: the file is opened and its bindings are put back; one that is damaged is set aside, and what can
//! be read of it begins the next one.

use crate::{
    bindings::{Kept, Loaded},
    file::{Cannot, File, Key, Table, set_aside},
    keeper::Source as _,
};
use std::{fs, path::Path, time::Duration};

/// A file and what was in it.
#[derive(Debug)]
pub struct Begun {
    /// The file; or why it cannot be written now, though it could be read.
    pub file: Result<File, Cannot>,
    /// What was put back.
    pub loaded: Loaded,
}

/// Opens the file at `path` and puts its bindings back into the location service of `kept`. `unix` is the
/// time, for the name of a file that is set aside.
///
/// # Errors
/// It is locked, newer than this program, or the disk lets us neither read nor write it.
pub fn begin(path: &Path, kept: &Kept, unix: Duration) -> Result<Begun, Cannot> {
    let opened = File::open(path).and_then(|file| {
        let loaded = kept.load(&file)?;
        Ok((file, loaded))
    });
    let (why, before) = match opened {
        Ok((file, loaded)) if loaded.damaged == 0 => {
            return Ok(Begun {
                file: Ok(file),
                loaded,
            });
        }
        Ok((file, loaded)) => {
            drop(file);
            let why = format!("{} of its values are not what was written", loaded.damaged);
            (why, loaded)
        }
        Err(Cannot::Damaged(why)) => (why, Loaded::default()),
        Err(Cannot::Disk(why)) => return read_only(path, kept, why),
        Err(error) => return Err(error),
    };
    let old = File::salvage(path);
    let again = old.as_ref().map_or(Loaded::default(), |old| {
        // What could be read before it broke off is there.
        kept.load(old).unwrap_or_default()
    });
    let leases = old.as_ref().map(leases_of).unwrap_or_default();
    let aside = set_aside(path, unix.as_secs()).map_err(|error| {
        Cannot::Disk(format!("it is damaged, and cannot be set aside: {error}"))
    })?;
    let file = anew(path, &aside, |file| write_all(file, kept, leases))?;
    let loaded = Loaded {
        bindings: kept.count(),
        damaged: before.damaged.max(again.damaged),
        ..before
    };
    tracing::error!(
        "{} is damaged ({why}). It was set aside as {} and a new one was begun, with the {} bindings that could \
         be read; the others come back when their phones register again. Look after the disk; the file that was \
         set aside is not needed any more, unless you want to report this.",
        path.display(),
        aside.display(),
        loaded.bindings
    );
    Ok(Begun {
        file: Ok(file),
        loaded,
    })
}

/// Opens the file again after a failure; one that is damaged by now is set aside. A file that is new has none of
/// what is to be kept ([`File::is_new`]).
///
/// # Errors
/// As [`File::open`].
pub fn open_again(path: &Path, unix: Duration) -> Result<File, Cannot> {
    match File::open(path) {
        Err(Cannot::Damaged(why)) => {
            let aside = set_aside(path, unix.as_secs())?;
            tracing::error!(
                "{} is damaged ({why}). It was set aside as {}, and a new one is begun with all bindings that \
                 there are.",
                path.display(),
                aside.display()
            );
            File::open(path)
        }
        other => other,
    }
}

/// Begins a file anew. Where it cannot be filled the one that was set aside is put back: it is all that there is, and
/// the next start would take the empty one for good.
fn anew(
    path: &Path,
    aside: &Path,
    fill: impl FnOnce(&File) -> Result<(), Cannot>,
) -> Result<File, Cannot> {
    let filled = File::open(path).and_then(|file| fill(&file).map(|()| file));
    filled.map_err(|error| match fs::rename(aside, path) {
        Ok(()) => error,
        Err(put_back) => Cannot::Disk(format!(
            "{error}; what could be saved is in {}, which cannot be put back: {put_back}",
            aside.display()
        )),
    })
}

/// The disk lets us not write: what is there is served all the same.
fn read_only(path: &Path, kept: &Kept, why: String) -> Result<Begun, Cannot> {
    let Ok(old) = File::salvage(path) else {
        return Err(Cannot::Disk(why));
    };
    let loaded = kept.load(&old)?;
    Ok(Begun {
        file: Err(Cannot::Disk(why)),
        loaded,
    })
}

fn leases_of(old: &File) -> Vec<(Key, Vec<u8>)> {
    let mut leases = Vec::new();
    // What could be read before it broke off is kept.
    let _ = old.read(Table::Leases, None, usize::MAX, |name, value| {
        leases.push((Key::Leases(name.into()), value.to_vec()));
    });
    leases
}

fn write_all(file: &File, kept: &Kept, leases: Vec<(Key, Vec<u8>)>) -> Result<(), Cannot> {
    let bindings = kept.keys().into_iter().filter_map(|key| {
        let mut value = Vec::new();
        kept.record(&key, &mut value).then_some((key, value))
    });
    let all: Vec<(Key, Vec<u8>)> = bindings.chain(leases).collect();
    file.write(all.iter().map(|(key, value)| (key, Some(value.as_slice()))))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn a_file_that_was_set_aside_is_put_back_if_the_new_one_cannot_be_filled() {
        let dir = std::env::temp_dir().join(format!("bellhop-anew-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("state.redb");
        fs::write(&path, "damaged").unwrap();
        let aside = set_aside(&path, 1).unwrap();
        let full = |_: &File| Err(Cannot::Disk("no room".to_owned()));
        assert!(matches!(anew(&path, &aside, full), Err(Cannot::Disk(_))));
        assert_eq!(fs::read(&path).unwrap(), b"damaged");
        assert!(!aside.exists());
        let aside = set_aside(&path, 1).unwrap();
        assert!(anew(&path, &aside, |_| Ok(())).unwrap().is_new());
        assert_eq!(fs::read(&aside).unwrap(), b"damaged");
        fs::remove_dir_all(&dir).unwrap();
    }
}
