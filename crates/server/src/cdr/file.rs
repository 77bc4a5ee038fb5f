//! The file of call records: whole lines or nothing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// A file that is appended to.
#[derive(Debug)]
pub(super) struct Book {
    file: File,
    path: PathBuf,
    /// It ends in the midst of a line.
    is_torn: bool,
}

impl Book {
    /// Opens a file, made if it is not there.
    ///
    /// # Errors
    /// It cannot be opened, or is a pipe or socket, which would have us wait for its reader.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Ok(about) = fs::metadata(path)
            && (about.file_type().is_fifo() || about.file_type().is_socket())
        {
            let why = "is a pipe or socket; allowed: a file";
            return Err(io::Error::other(why));
        }
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .open(path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            is_torn: false,
        })
    }

    /// Where it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends lines; what could not be written whole is taken back.
    ///
    /// # Errors
    /// They are not there.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.is_torn = false;
        }
        let written = self.file.write_all(lines);
        if written.is_err() && self.file.metadata().is_ok_and(|about| about.len() > before) {
            self.is_torn = self.file.set_len(before).is_err();
        }
        written
    }

    /// Has it on the disk.
    pub(super) fn close(self) {
        if let Err(error) = self.file.sync_data()
            // What is no file knows no disk.
            && error.kind() != io::ErrorKind::InvalidInput
        {
            tracing::warn!("cdr.file: {}: {error}", self.path.display());
        }
    }
}
