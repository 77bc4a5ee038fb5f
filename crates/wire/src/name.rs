//! Header field names: the known ones, their compact forms, and look-up in any case.

use crate::{lanes::Lanes, text};

/// A header field name that the index tells apart; everything else is [`HeaderId::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the header field of its name")]
pub enum HeaderId {
    Accept,
    Allow,
    AllowEvents,
    AlertInfo,
    AuthenticationInfo,
    Authorization,
    CallId,
    CallInfo,
    Contact,
    ContentEncoding,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    Event,
    Expires,
    From,
    HistoryInfo,
    MaxBreadth,
    MaxForwards,
    MinExpires,
    PAssertedIdentity,
    PPreferredIdentity,
    Path,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    Reason,
    RecordRoute,
    ReferTo,
    RemotePartyId,
    Require,
    RetryAfter,
    Route,
    Server,
    Subject,
    SubscriptionState,
    Supported,
    To,
    Unsupported,
    UserAgent,
    Via,
    Warning,
    WwwAuthenticate,
    Other,
}

impl HeaderId {
    /// How many there are, `Other` included.
    pub const COUNT: usize = HeaderId::Other as usize + 1;

    /// The identity of a name in any case, compact forms included (RFC 3261 7.3.3, 20).
    pub fn of(name: &[u8]) -> Self {
        let [first, tail @ ..] = name else {
            return Self::Other;
        };
        let Some(second) = tail.first() else {
            return Self::compact(first | 0x20);
        };
        let id = SLOTS
            .get(slot(name.len(), *first, *second))
            .copied()
            .unwrap_or(Self::Other);
        if text::same_without_case(name, id.name().as_bytes()) {
            id
        } else {
            Self::Other
        }
    }

    /// The identity of the name at the front, of which the sixteen octets are also in `lanes`; `None`
    /// if it is longer than fifteen or [`HeaderId::of`] would give `Other`.
    #[inline(always)]
    pub(crate) fn at_front(octets: &[u8; 16], lanes: Lanes, length: usize) -> Option<Self> {
        let [first, second, ..] = *octets;
        if length == 1 {
            return Some(Self::compact(first | 0x20)).filter(|id| *id != Self::Other);
        }
        let front = FRONTS.get(slot(length, first, second))?;
        let same = (lanes | Lanes::of(&front.case)).same(Lanes::of(&front.name));
        (length == front.length && same.bits() | front.behind == 0xffff).then_some(front.id)
    }

    /// The name in its usual spelling; `Other` has none and gives "header".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "Accept",
            Self::Allow => "Allow",
            Self::AllowEvents => "Allow-Events",
            Self::AlertInfo => "Alert-Info",
            Self::AuthenticationInfo => "Authentication-Info",
            Self::Authorization => "Authorization",
            Self::CallId => "Call-ID",
            Self::CallInfo => "Call-Info",
            Self::Contact => "Contact",
            Self::ContentEncoding => "Content-Encoding",
            Self::ContentLength => "Content-Length",
            Self::ContentType => "Content-Type",
            Self::CSeq => "CSeq",
            Self::Date => "Date",
            Self::Diversion => "Diversion",
            Self::Event => "Event",
            Self::Expires => "Expires",
            Self::From => "From",
            Self::HistoryInfo => "History-Info",
            Self::MaxBreadth => "Max-Breadth",
            Self::MaxForwards => "Max-Forwards",
            Self::MinExpires => "Min-Expires",
            Self::PAssertedIdentity => "P-Asserted-Identity",
            Self::PPreferredIdentity => "P-Preferred-Identity",
            Self::Path => "Path",
            Self::Privacy => "Privacy",
            Self::ProxyAuthenticate => "Proxy-Authenticate",
            Self::ProxyAuthorization => "Proxy-Authorization",
            Self::ProxyRequire => "Proxy-Require",
            Self::Reason => "Reason",
            Self::RecordRoute => "Record-Route",
            Self::ReferTo => "Refer-To",
            Self::RemotePartyId => "Remote-Party-ID",
            Self::Require => "Require",
            Self::RetryAfter => "Retry-After",
            Self::Route => "Route",
            Self::Server => "Server",
            Self::Subject => "Subject",
            Self::SubscriptionState => "Subscription-State",
            Self::Supported => "Supported",
            Self::To => "To",
            Self::Unsupported => "Unsupported",
            Self::UserAgent => "User-Agent",
            Self::Via => "Via",
            Self::Warning => "Warning",
            Self::WwwAuthenticate => "WWW-Authenticate",
            Self::Other => "header",
        }
    }

    /// Whether a message may have only one line of this header (RFC 3261 7.3.1, 20).
    pub(crate) const fn is_single(self) -> bool {
        matches!(
            self,
            Self::ContentLength
                | Self::CSeq
                | Self::CallId
                | Self::From
                | Self::To
                | Self::MaxForwards
        )
    }

    /// The compact forms in IANA's list whose header is known here.
    const fn compact(letter: u8) -> Self {
        match letter {
            b'c' => Self::ContentType,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            _ => Self::Other,
        }
    }
}

/// Whether two names, both of [`HeaderId::Other`], mean the same header: equal without case, or one
/// the compact form of the other (IANA "Session Initiation Protocol Parameters", Header Fields).
pub(crate) fn same_other(a: &[u8], b: &[u8]) -> bool {
    long(a).eq_ignore_ascii_case(long(b))
}

fn long(name: &[u8]) -> &[u8] {
    match name {
        b"a" | b"A" => b"Accept-Contact",
        b"b" | b"B" => b"Referred-By",
        b"d" | b"D" => b"Request-Disposition",
        b"j" | b"J" => b"Reject-Contact",
        b"n" | b"N" => b"Identity-Info",
        b"x" | b"X" => b"Session-Expires",
        b"y" | b"Y" => b"Identity",
        other => other,
    }
}

/// Where a name is looked for. The factors were searched for: with them no two known names share a slot,
/// so that one comparison decides.
const fn slot(length: usize, first: u8, second: u8) -> usize {
    let first = (first | 0x20) as usize;
    let second = (second | 0x20) as usize;
    length
        .wrapping_add(first.wrapping_mul(25))
        .wrapping_add(second.wrapping_mul(58))
        & (SLOTS_LEN - 1)
}

/// A known name of at most fifteen octets, for comparing it at once. A longer one has no length here.
struct Front {
    id: HeaderId,
    length: usize,
    /// A bit for each octet behind the name.
    behind: u32,
    /// In lower case.
    name: [u8; 16],
    /// The bit that letters of both cases have in lower case, where there is a letter.
    case: [u8; 16],
}

/// Each in its slot.
const FRONTS: [Front; SLOTS_LEN] = fronts();
const SLOTS_LEN: usize = 128;
const SLOTS: [HeaderId; SLOTS_LEN] = slots();

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn slots() -> [HeaderId; SLOTS_LEN] {
    let mut slots = [HeaderId::Other; SLOTS_LEN];
    let mut at = 0;
    while at < ALL.len() {
        let name = ALL[at].name().as_bytes();
        let slot = slot(name.len(), name[0], name[1]);
        assert!(
            matches!(slots[slot], HeaderId::Other),
            "two names share a slot"
        );
        slots[slot] = ALL[at];
        at += 1;
    }
    slots
}

#[allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "run by the compiler only"
)]
const fn fronts() -> [Front; SLOTS_LEN] {
    let mut fronts = [const {
        Front {
            id: HeaderId::Other,
            length: usize::MAX,
            behind: 0,
            name: [0; 16],
            case: [0; 16],
        }
    }; SLOTS_LEN];
    let mut at = 0;
    while at < ALL.len() {
        let name = ALL[at].name().as_bytes();
        let slot = slot(name.len(), name[0], name[1]);
        if name.len() < 16 {
            fronts[slot].id = ALL[at];
            fronts[slot].length = name.len();
            fronts[slot].behind = 0xffff & !((1 << name.len()) - 1);
            let mut octet = 0;
            while octet < name.len() {
                fronts[slot].name[octet] = name[octet].to_ascii_lowercase();
                fronts[slot].case[octet] = (name[octet].is_ascii_alphabetic() as u8) << 5;
                octet += 1;
            }
        }
        at += 1;
    }
    fronts
}

const ALL: [HeaderId; HeaderId::COUNT - 1] = [
    HeaderId::Accept,
    HeaderId::Allow,
    HeaderId::AllowEvents,
    HeaderId::AlertInfo,
    HeaderId::AuthenticationInfo,
    HeaderId::Authorization,
    HeaderId::CallId,
    HeaderId::CallInfo,
    HeaderId::Contact,
    HeaderId::ContentEncoding,
    HeaderId::ContentLength,
    HeaderId::ContentType,
    HeaderId::CSeq,
    HeaderId::Date,
    HeaderId::Diversion,
    HeaderId::Event,
    HeaderId::Expires,
    HeaderId::From,
    HeaderId::HistoryInfo,
    HeaderId::MaxBreadth,
    HeaderId::MaxForwards,
    HeaderId::MinExpires,
    HeaderId::PAssertedIdentity,
    HeaderId::PPreferredIdentity,
    HeaderId::Path,
    HeaderId::Privacy,
    HeaderId::ProxyAuthenticate,
    HeaderId::ProxyAuthorization,
    HeaderId::ProxyRequire,
    HeaderId::Reason,
    HeaderId::RecordRoute,
    HeaderId::ReferTo,
    HeaderId::RemotePartyId,
    HeaderId::Require,
    HeaderId::RetryAfter,
    HeaderId::Route,
    HeaderId::Server,
    HeaderId::Subject,
    HeaderId::SubscriptionState,
    HeaderId::Supported,
    HeaderId::To,
    HeaderId::Unsupported,
    HeaderId::UserAgent,
    HeaderId::Via,
    HeaderId::Warning,
    HeaderId::WwwAuthenticate,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at_front(name: &[u8]) -> Option<HeaderId> {
        let mut octets = [b':'; 16];
        let length = name.len().min(16);
        octets[..length].copy_from_slice(&name[..length]);
        HeaderId::at_front(&octets, Lanes::of(&octets), name.len())
    }

    #[test]
    fn every_name_is_found_in_any_case() {
        for (at, id) in ALL.into_iter().enumerate() {
            assert_eq!(id as usize, at);
            for name in [
                id.name().to_owned(),
                id.name().to_ascii_lowercase(),
                id.name().to_ascii_uppercase(),
            ] {
                assert_eq!(HeaderId::of(name.as_bytes()), id, "{name}");
                let front = (name.len() < 16).then_some(id);
                assert_eq!(at_front(name.as_bytes()), front, "{name}");
            }
        }
    }

    #[test]
    fn a_name_with_one_letter_changed_is_another() {
        for id in ALL {
            for at in 0..id.name().len() {
                let mut name = id.name().as_bytes().to_vec();
                name[at] ^= 0x01;
                assert_eq!(HeaderId::of(&name), HeaderId::Other, "{name:?}");
                assert_eq!(at_front(&name), None, "{name:?}");
            }
        }
    }

    #[test]
    fn compact_names_are_those_of_iana() {
        for (letter, id) in [
            ("c", HeaderId::ContentType),
            ("e", HeaderId::ContentEncoding),
            ("f", HeaderId::From),
            ("I", HeaderId::CallId),
            ("k", HeaderId::Supported),
            ("L", HeaderId::ContentLength),
            ("m", HeaderId::Contact),
            ("o", HeaderId::Event),
            ("r", HeaderId::ReferTo),
            ("s", HeaderId::Subject),
            ("t", HeaderId::To),
            ("u", HeaderId::AllowEvents),
            ("V", HeaderId::Via),
            ("x", HeaderId::Other),
            ("", HeaderId::Other),
        ] {
            assert_eq!(HeaderId::of(letter.as_bytes()), id, "{letter}");
            let front = Some(id).filter(|id| *id != HeaderId::Other);
            assert_eq!(at_front(letter.as_bytes()), front, "{letter}");
        }
        assert!(same_other(b"x", b"Session-Expires"));
        assert!(same_other(b"REFERRED-BY", b"b"));
        assert!(!same_other(b"x", b"b"));
    }
}
