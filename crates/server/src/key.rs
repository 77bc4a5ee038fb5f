//! The key that Record-Route entries are signed with. It is kept in the data directory, so that the
//! dialogs of a process are known to the next one.

use bellhop_core::{auth::Secret, entropy::Entropy};
use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// The key in `data_dir`, made if there is none yet; without a directory a new one each time.
///
/// # Errors
/// For the operator: the directory cannot be made, or the file cannot be read, written, or is no key.
pub(crate) fn load(data_dir: Option<&Path>, entropy: &mut dyn Entropy) -> Result<Secret, String> {
    let Some(dir) = data_dir else {
        tracing::info!(
            "no server.data_dir: the key of dialogs is a new one, calls that are up lose their route"
        );
        return Ok(Secret::draw(entropy));
    };
    let told = |what: &str, path: &Path, error: std::io::Error| {
        format!(
            "server.data_dir: {} cannot be {what}: {error}",
            path.display()
        )
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| told("made", dir, error))?;
    let file = dir.join(FILE);
    match fs::read(&file) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes).map(Secret::new).map_err(|_| {
            format!(
                "server.data_dir: {} is no key of 32 bytes; remove it and calls that are up lose \
                 their route, or put back the one that was there",
                file.display()
            )
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; 32];
            entropy.fill(&mut key);
            write(dir, &file, &key).map_err(|error| told("written", &file, error))?;
            Ok(Secret::new(key))
        }
        Err(error) => Err(told("read", &file, error)),
    }
}

/// Whole or not at all: a half-written key would be found at the next start.
fn write(dir: &Path, file: &Path, key: &[u8; 32]) -> std::io::Result<()> {
    let fresh = dir.join("secret.key.new");
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    out.write_all(key)?;
    out.sync_all()?;
    fs::rename(&fresh, file)?;
    fs::File::open(dir)?.sync_all()
}

const FILE: &str = "secret.key";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::OsEntropy;
    use bellhop_core::auth::Use;
    use std::os::unix::fs::PermissionsExt as _;

    fn mac(secret: &Secret) -> [u8; 16] {
        secret.mac(Use::Route, &[b"x"])
    }

    fn scratch(name: &str) -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("bellhop-key-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn the_same_directory_gives_the_same_key_again() {
        let dir = scratch("again");
        let first = load(Some(&dir), &mut OsEntropy::new()).unwrap();
        let second = load(Some(&dir), &mut OsEntropy::new()).unwrap();
        assert_eq!(mac(&first), mac(&second));
        let mode = fs::metadata(dir.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn without_a_directory_each_start_has_its_own_key() {
        let first = load(None, &mut OsEntropy::new()).unwrap();
        let second = load(None, &mut OsEntropy::new()).unwrap();
        assert_ne!(mac(&first), mac(&second));
    }

    #[test]
    fn a_damaged_key_is_reported_and_left_alone() {
        let dir = scratch("damaged");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(FILE), b"short").unwrap();
        let error = load(Some(&dir), &mut OsEntropy::new()).err().unwrap();
        assert!(error.contains("is no key of 32 bytes"), "{error}");
        assert_eq!(fs::read(dir.join(FILE)).unwrap(), b"short");
        fs::remove_dir_all(&dir).unwrap();
    }
}
