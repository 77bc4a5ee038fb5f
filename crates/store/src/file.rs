//! The file: opened with its checksums verified, set aside if it is damaged, written in whole groups.

use crate::table::{Key, Table};
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, StorageError, TableDefinition, TableError,
    backends::InMemoryBackend,
};
use std::{
    fmt, fs, io,
    ops::Bound,
    os::unix::fs::OpenOptionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// An open file.
pub struct File {
    database: Database,
    is_new: bool,
    /// The table whose values are counted, and one beside it.
    counted: (Table, Option<Table>),
}

/// Why a file cannot be opened or written.
#[derive(Debug)]
pub enum Cannot {
    /// Another process has it open.
    Locked,
    /// A newer program wrote it.
    Newer(String),
    /// It is damaged.
    Damaged(String),
    /// The disk is full, or fails, or lets us not in.
    Disk(String),
}

impl File {
    /// Opens the file at `path`, or begins one. Every page is checked against its checksum.
    ///
    /// # Errors
    /// Why it cannot be used; it is left as it is.
    pub fn open(path: &Path) -> Result<Self, Cannot> {
        let is_there = path.exists();
        // Who calls whom is nobody else's business.
        let own = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        drop(own);
        if !is_there {
            // A file whose name is not on disk is not on disk.
            sync_folder(path)?;
        }
        Self::opened(|builder| Ok(builder.create(path)?))
    }

    /// What `create` opens with our settings.
    pub(crate) fn opened(
        create: impl FnOnce(&Builder) -> Result<Database, Cannot>,
    ) -> Result<Self, Cannot> {
        guarded(|| {
            let mut builder = Builder::new();
            builder
                .set_cache_size(CACHE)
                .set_check_integrity_on_open(true);
            let database = create(&builder)?;
            let is_new = take_format(&database)?;
            Ok(Self {
                database,
                is_new,
                counted: (Table::Bindings, None),
            })
        })
    }

    /// From now on the values of this table are counted, and those of one beside it.
    #[must_use]
    pub(crate) fn counting(self, counted: Table, beside: Option<Table>) -> Self {
        Self {
            counted: (counted, beside),
            ..self
        }
    }

    /// Whether there was nothing in it when it was opened.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Reads a file that cannot be opened, or not be written: a copy of it in memory, and so much of it as can
    /// be read. The file itself is not touched.
    ///
    /// # Errors
    /// Nothing of it can be read.
    pub fn salvage(path: &Path) -> Result<Self, Cannot> {
        let bytes = fs::read(path)?;
        guarded(|| {
            use redb::StorageBackend as _;
            let memory = InMemoryBackend::new();
            let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            memory.set_len(len)?;
            memory.write(0, &bytes)?;
            let mut builder = Builder::new();
            let database = builder.set_cache_size(CACHE).create_with_backend(memory)?;
            let is_new = false;
            Ok(Self {
                database,
                is_new,
                counted: (Table::Bindings, None),
            })
        })
    }

    /// Writes a group, whole or not at all; when it comes back the group is on disk. `None` for a value: the
    /// key goes. Gives how many AoRs, or calls, there are then, and how many of
    /// what is counted beside them.
    ///
    /// # Errors
    /// Nothing more can be written: the file must be opened anew, and it is not known whether it has the
    /// group.
    pub fn write<'v>(
        &self,
        changes: impl Iterator<Item = (&'v Key, Option<&'v [u8]>)>,
    ) -> Result<(u64, u64), Cannot> {
        guarded(|| {
            let transaction = self.database.begin_write()?;
            let counts = {
                let mut tables: [Option<redb::Table<'_, &'static str, &'static [u8]>>;
                    Table::ALL.len()] = Default::default();
                for (key, value) in changes {
                    // A table that nothing changes in is not opened.
                    let of = key.table();
                    let Some(place) = tables.get_mut(of as usize) else {
                        continue;
                    };
                    let table = match place {
                        Some(table) => table,
                        None => place.insert(transaction.open_table(of.definition())?),
                    };
                    match value {
                        Some(value) => drop(table.insert(key.as_str(), value)?),
                        None => drop(table.remove(key.as_str())?),
                    }
                }
                let count = |of: Table| match tables.get(of as usize) {
                    Some(Some(table)) => Ok::<u64, redb::Error>(table.len()?),
                    _ => Ok(transaction.open_table(of.definition())?.len()?),
                };
                let (of, beside) = self.counted;
                (count(of)?, beside.map_or(Ok(0), count)?)
            };
            transaction.commit()?;
            Ok(counts)
        })
    }

    /// Calls `each` with the keys of a table behind `after`, `most` at most, and their values.
    ///
    /// # Errors
    /// It cannot be read on.
    pub fn read(
        &self,
        table: Table,
        after: Option<&str>,
        most: usize,
        mut each: impl FnMut(&str, &[u8]),
    ) -> Result<usize, Cannot> {
        guarded(|| {
            let transaction = self.database.begin_read()?;
            let opened = match transaction.open_table(table.definition()) {
                Ok(opened) => opened,
                Err(TableError::TableDoesNotExist(_)) => return Ok(0),
                Err(error) => return Err(error.into()),
            };
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut count = 0_usize;
            for entry in opened.range::<&str>((from, Bound::Unbounded))?.take(most) {
                let (key, value) = entry?;
                each(key.value(), value.value());
                count = count.saturating_add(1);
            }
            Ok(count)
        })
    }

    /// Ends well: the next start needs no repair.
    pub fn close(self) -> Result<(), Cannot> {
        guarded(|| Ok(self.database.close()?))
    }
}

/// The file says which form its tables have, and is told if it is new; whether it is.
fn take_format(database: &Database) -> Result<bool, Cannot> {
    let transaction = database.begin_write()?;
    let found = {
        let mut about = transaction.open_table(ABOUT)?;
        let found = about.get("format")?.map(|format| format.value());
        if found.is_none() {
            about.insert("format", FORMAT)?;
        }
        found
    };
    match found {
        None => transaction.commit()?,
        Some(_) => transaction.abort()?,
    }
    match found {
        Some(format) if format > FORMAT => Err(Cannot::Newer(format!(
            "its tables have form {format}, this program knows {FORMAT}"
        ))),
        found => Ok(found.is_none()),
    }
}

/// Puts a damaged file out of the way, under a name that no other has; that name.
///
/// # Errors
/// It stays where it is.
pub(crate) fn set_aside(path: &Path, unix: u64) -> io::Result<PathBuf> {
    let name = |nth: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{unix}"));
        if nth > 0 {
            name.push(format!("-{nth}"));
        }
        PathBuf::from(name)
    };
    let free = (0..=u32::MAX).map(name).find(|name| !name.exists());
    let free = free.unwrap_or_else(|| name(0));
    fs::rename(path, &free)?;
    sync_folder(path)?;
    Ok(free)
}

/// A file that was set aside, the last by name.
pub(crate) fn last_aside(path: &Path) -> Option<PathBuf> {
    let mut beginning = path.file_name()?.to_owned();
    beginning.push(".damaged-");
    let beginning = beginning.into_string().ok()?;
    let entries = fs::read_dir(path.parent()?).ok()?;
    let names = entries
        .flatten()
        .filter_map(|e| e.file_name().into_string().ok());
    let last = names.filter(|name| name.starts_with(&beginning)).max()?;
    Some(path.with_file_name(last))
}

/// Puts a file's name on disk.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) if dir.as_os_str().is_empty() => fs::File::open(".")?.sync_all(),
        Some(dir) => fs::File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Runs what a damaged file may bring to a panic.
fn guarded<T>(run: impl FnOnce() -> Result<T, Cannot>) -> Result<T, Cannot> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Cannot::Damaged("reading it broke off".to_owned())))
}

impl From<redb::Error> for Cannot {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::Locked,
            redb::Error::UpgradeRequired(_) => Self::Newer(error.to_string()),
            redb::Error::Corrupted(what) if what.contains("file format version") => {
                Self::Newer(what)
            }
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::Io(error) => error.into(),
            redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. } => Self::Damaged(error.to_string()),
            error => Self::Disk(error.to_string()),
        }
    }
}

impl From<io::Error> for Cannot {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Disk(error.to_string()),
        }
    }
}

macro_rules! from {
    ($($error:ty),*) => {
        $(impl From<$error> for Cannot {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}
from!(
    DatabaseError,
    StorageError,
    TableError,
    redb::TransactionError,
    redb::CommitError
);

impl fmt::Display for Cannot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked => f.write_str("another process has it open"),
            Self::Newer(what) => write!(f, "a newer program wrote it: {what}"),
            Self::Damaged(what) => write!(f, "it is damaged: {what}"),
            Self::Disk(what) => f.write_str(what),
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").finish_non_exhaustive()
    }
}

/// The form of the tables.
const FORMAT: u64 = 1;
const ABOUT: TableDefinition<'static, &'static str, u64> = TableDefinition::new("about");
/// Bytes of pages that are kept in memory: the upper pages of all trees, and what a group touches.
const CACHE: usize = 16 << 20;
