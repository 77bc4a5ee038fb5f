//! The tables of a file, and their keys.

use bellhop_core::{b2bua::CallKey, registrar::Aor, share::Tag};
use redb::TableDefinition;
use std::sync::Arc;

/// The tables. Each has texts for keys and values of a form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// Bindings by AoR.
    Bindings,
    /// What upstreams were told, by a name of its own.
    Leases,
    /// Watchers by our tag.
    Watchers,
    /// Subscriptions of ours at the PBX by our tag.
    Sources,
    /// Calls of two legs by a name of their own.
    Calls,
    /// What is published, and what the PBX said unasked.
    Held,
    /// Subscriptions that are relayed by our name for each.
    Relayed,
    /// Relayed subscriptions of two dialogs by a name of their own.
    Bonds,
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The bindings of an AoR.
    Bindings(Aor),
    /// A lease.
    Leases(Arc<str>),
    /// A watcher.
    Watchers(Tag),
    /// A subscription of ours at the PBX.
    Sources(Tag),
    /// A call of two legs.
    Calls(CallKey),
    /// What is kept by other ways than a subscription, by its name ([`crate::held_name`]).
    Held(Arc<str>),
    /// A subscription that is relayed.
    Relayed(Tag),
    /// A relayed subscription of two dialogs.
    Bonds(CallKey),
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Bindings,
        Self::Leases,
        Self::Watchers,
        Self::Sources,
        Self::Calls,
        Self::Held,
        Self::Relayed,
        Self::Bonds,
    ];

    /// How the file has it.
    pub(crate) const fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(match self {
            Self::Bindings => "bindings",
            Self::Leases => "leases",
            Self::Watchers => "watchers",
            Self::Sources => "sources",
            Self::Calls => "calls",
            Self::Held => "held",
            Self::Relayed => "relayed",
            Self::Bonds => "bonds",
        })
    }
}

impl Key {
    /// The table that it is in.
    pub const fn table(&self) -> Table {
        match self {
            Self::Bindings(_) => Table::Bindings,
            Self::Leases(_) => Table::Leases,
            Self::Watchers(_) => Table::Watchers,
            Self::Sources(_) => Table::Sources,
            Self::Calls(_) => Table::Calls,
            Self::Held(_) => Table::Held,
            Self::Relayed(_) => Table::Relayed,
            Self::Bonds(_) => Table::Bonds,
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bindings(aor) => aor.as_str(),
            Self::Leases(name) | Self::Held(name) => name,
            Self::Watchers(tag) | Self::Sources(tag) | Self::Relayed(tag) => tag.as_str(),
            Self::Calls(key) | Self::Bonds(key) => key.as_str(),
        }
    }

    /// The key of a table that has this text; `None` if none has.
    pub fn of(table: Table, text: &str) -> Option<Self> {
        match table {
            Table::Bindings => Aor::of_canonical(text).map(Self::Bindings),
            Table::Leases => Some(Self::Leases(text.into())),
            Table::Watchers => Tag::of(text.as_bytes()).map(Self::Watchers),
            Table::Sources => Tag::of(text.as_bytes()).map(Self::Sources),
            Table::Calls => CallKey::of(text.as_bytes()).map(Self::Calls),
            Table::Held => Some(Self::Held(text.into())),
            Table::Relayed => Tag::of(text.as_bytes()).map(Self::Relayed),
            Table::Bonds => CallKey::of(text.as_bytes()).map(Self::Bonds),
        }
    }
}
