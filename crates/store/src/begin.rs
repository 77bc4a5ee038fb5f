//! The start: the file is opened and its bindings are put back; one that is damaged is set aside, and what can
//! be read of it begins the next one.

use crate::{
    bindings::{Kept, Loaded},
    file::{Cannot, File, last_aside, set_aside, sync_folder},
    keeper::Source as _,
    table::{Key, Table},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

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
    finish_replacing(path, "phones must register again")?;
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
    let replaced = replace(path, unix, |file| write_all(file, kept, leases));
    let loaded = Loaded {
        bindings: kept.count(),
        damaged: before.damaged.max(again.damaged),
        // What the first look put back is not put back again.
        ..if before.aors > 0 { before } else { again }
    };
    let (file, aside) = match replaced {
        Ok(replaced) => replaced,
        Err(error) => {
            let why = format!("it is damaged ({why}), and no new one can be begun: {error}");
            let file = Err(Cannot::Disk(why));
            return Ok(Begun { file, loaded });
        }
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

/// Opens the file again after a failure; in place of one that is damaged by now one is begun with all bindings of
/// `kept`. A file that is new otherwise has none of what is to be kept ([`File::is_new`]).
///
/// # Errors
/// As [`File::open`].
pub fn open_again(path: &Path, kept: &Kept, unix: Duration) -> Result<File, Cannot> {
    match File::open(path) {
        Err(Cannot::Damaged(why)) => {
            let (file, aside) = replace(path, unix, |file| write_all(file, kept, Vec::new()))?;
            tracing::error!(
                "{} is damaged ({why}). It was set aside as {}, and a new one was begun with all bindings that \
                 there are.",
                path.display(),
                aside.display()
            );
            Ok(file)
        }
        other => other,
    }
}

/// Puts a new file, filled by `fill`, in the place of a damaged one, which is set aside; gives where that is. The
/// new one is whole and on disk before the old one is touched, so that there is never a moment at which a crash
/// leaves neither ([`finish_replacing`]).
pub(crate) fn replace(
    path: &Path,
    unix: Duration,
    fill: impl FnOnce(&File) -> Result<(), Cannot>,
) -> Result<(File, PathBuf), Cannot> {
    let next = next_of(path);
    drop_if_there(&next)?;
    let filled = File::open(&next).and_then(|file| fill(&file).map(|()| file));
    let file = filled.inspect_err(|_| {
        // It may be the disk that is full.
        let _ = fs::remove_file(&next);
    })?;
    let aside = set_aside(path, unix.as_secs())?;
    fs::rename(&next, path)?;
    sync_folder(path)?;
    Ok((file, aside))
}

/// Goes on where a crash has broken [`replace`] off: a new file whose place is free is whole, any other is not. `loss` is
/// what a file that is gone means.
pub(crate) fn finish_replacing(path: &Path, loss: &str) -> io::Result<()> {
    let next = next_of(path);
    if path.exists() {
        // If it cannot be dropped now, that is said when another is to be begun.
        let _ = drop_if_there(&next);
        return Ok(());
    }
    if next.exists() {
        fs::rename(&next, path)?;
        sync_folder(path)?;
        tracing::warn!(
            "{} was damaged and set aside by an earlier start that broke off; what could be read of it is there.",
            path.display()
        );
    } else if let Some(aside) = last_aside(path) {
        tracing::warn!(
            "There is no {}, and a new one is begun, though {} is there: {loss}.",
            path.display(),
            aside.display()
        );
    }
    Ok(())
}

fn drop_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where a file is filled before it takes the place of another.
fn next_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".next");
    PathBuf::from(name)
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

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("bellhop-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_damaged_file_stays_where_it_is_if_the_new_one_cannot_be_filled() {
        let dir = folder("unfilled");
        let path = dir.join("state.redb");
        fs::write(&path, "damaged").unwrap();
        let full = |_: &File| Err(Cannot::Disk("no room".to_owned()));
        let unix = Duration::from_secs(1);
        assert!(matches!(replace(&path, unix, full), Err(Cannot::Disk(_))));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        assert_eq!(fs::read(&path).unwrap(), b"damaged");
        let (file, aside) = replace(&path, unix, |_| Ok(())).unwrap();
        assert!(file.is_new() && path.exists());
        assert_eq!(fs::read(aside).unwrap(), b"damaged");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_replacement_that_a_crash_broke_off_is_finished_or_forgotten() {
        let dir = folder("broken-off");
        let (path, next) = (dir.join("state.redb"), dir.join("state.redb.next"));
        // Before the damaged one was touched.
        fs::write(&path, "damaged").unwrap();
        fs::write(&next, "half").unwrap();
        finish_replacing(&path, "").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"damaged");
        assert!(!next.exists());
        // After it was set aside.
        fs::write(&next, "whole").unwrap();
        set_aside(&path, 1).unwrap();
        finish_replacing(&path, "").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(last_aside(&path).unwrap(), dir.join("state.redb.damaged-1"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
