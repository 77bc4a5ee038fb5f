//! What a plugin may do, by name: nothing that is not granted.

use std::fmt;
use std::str::FromStr;

/// One thing that a plugin may be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Edits of requests.
    Edit,
    /// Edits of responses.
    EditResponse,
    /// Reading bodies.
    BodyRead,
    /// Replacing bodies.
    BodyWrite,
    /// The interface `store`.
    Store,
    /// The interface `locations`.
    Locations,
    /// The interface `upstreams`.
    Upstreams,
    /// The interface `dialogs`.
    Dialogs,
    /// The interface `random`.
    Random,
    /// The interface `http`.
    Http,
    /// The interface `publish`.
    Publish,
    /// The interface `call`.
    Call,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Edit,
        Self::EditResponse,
        Self::BodyRead,
        Self::BodyWrite,
        Self::Store,
        Self::Locations,
        Self::Upstreams,
        Self::Dialogs,
        Self::Random,
        Self::Http,
        Self::Publish,
        Self::Call,
    ];

    /// As the configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::EditResponse => "edit-response",
            Self::BodyRead => "body-read",
            Self::BodyWrite => "body-write",
            Self::Store => "store",
            Self::Locations => "locations",
            Self::Upstreams => "upstreams",
            Self::Dialogs => "dialogs",
            Self::Random => "random",
            Self::Http => "http",
            Self::Publish => "publish",
            Self::Call => "call",
        }
    }

    /// The capability that an interface of the contract needs: `Some(None)` for those that every plugin
    /// has, `None` for what is no interface of the contract.
    pub(crate) fn of_interface(interface: &str) -> Option<Option<Self>> {
        match interface {
            "types" | "messages" | "log" | "clock" | "metrics" => Some(None),
            "store" => Some(Some(Self::Store)),
            "locations" => Some(Some(Self::Locations)),
            "upstreams" => Some(Some(Self::Upstreams)),
            "dialogs" => Some(Some(Self::Dialogs)),
            "random" => Some(Some(Self::Random)),
            "http" => Some(Some(Self::Http)),
            "publish" => Some(Some(Self::Publish)),
            "call" => Some(Some(Self::Call)),
            _ => None,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Capability {
    type Err = NoSuchCapability;

    fn from_str(name: &str) -> Result<Self, NoSuchCapability> {
        let mut all = Self::ALL.into_iter();
        all.find(|capability| capability.name() == name)
            .ok_or(NoSuchCapability)
    }
}

/// The name is none of [`Capability::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchCapability;

impl fmt::Display for NoSuchCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such capability; there are")?;
        Capability::ALL.iter().try_for_each(|c| write!(f, " {c}"))
    }
}

impl std::error::Error for NoSuchCapability {}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants(u16);

impl Grants {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability as u16)
    }

    /// Whether it is granted.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & 1 << capability as u16 != 0
    }

    /// What is granted.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        let mut all = Capability::ALL.into_iter();
        std::iter::from_fn(move || all.find(|c| self.has(*c)))
    }
}

impl FromIterator<Capability> for Grants {
    fn from_iter<I: IntoIterator<Item = Capability>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_capabilities_are_one_to_one() {
        for capability in Capability::ALL {
            assert_eq!(capability.name().parse(), Ok(capability));
            let alone: Vec<_> = Grants::NONE.with(capability).iter().collect();
            assert_eq!(alone, [capability]);
        }
        assert_eq!("answer".parse::<Capability>(), Err(NoSuchCapability));
    }
}
