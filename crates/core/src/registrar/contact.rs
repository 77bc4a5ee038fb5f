//! What a REGISTER asks for: its Contact values, read and judged without knowing what is bound.

use super::{Refusal, RegistrarConfig};
use bellhop_wire::{
    HeaderId, Message, NameAddr, Params, Scheme, UriRef, Value, view::params::Param,
};
use smallvec::SmallVec;
use std::{borrow::Cow, time::Duration};

/// What a REGISTER asks for (RFC 3261 10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// No Contact: which bindings are there (10.2.3).
    Query,
    /// `Contact: *`: remove all (10.2.2).
    Wildcard,
    /// Add, refresh or remove its contacts.
    Contacts,
}

/// Most REGISTERs have one.
pub(super) type Contacts<'m> = SmallVec<[Contact<'m>; 1]>;

/// One Contact value.
pub(super) struct Contact<'m> {
    raw: &'m [u8],
    pub(super) uri: UriRef<'m>,
    pub(super) params: Params<'m>,
    /// In thousandths.
    pub(super) q: u16,
    /// What it is granted; `None`: it is to be removed.
    pub(super) lifetime: Option<Duration>,
    /// `+sip.instance`.
    pub(super) instance: Option<Cow<'m, [u8]>>,
    /// `reg-id`, only where it is honoured.
    pub(super) reg_id: Option<u32>,
}

impl Request {
    /// Reads the Contact values of a REGISTER into `contacts`, which are large: they stay where they are read.
    ///
    /// # Errors
    /// What is not a contact, 400; too many, 403; too short, 423; a first hop that cannot keep a flow,
    /// 439.
    #[inline]
    pub(super) fn read<'m>(
        request: Message<'m>,
        config: &RegistrarConfig,
        contacts: &mut Contacts<'m>,
    ) -> Result<Self, Refusal> {
        let mut lines = request.fields(HeaderId::Contact);
        let Some(first) = lines.next() else {
            return Ok(Self::Query);
        };
        let expires = request
            .number(HeaderId::Expires)
            .map_err(|error| Refusal::bad(error.to_string()))?;
        // What can be read as one value is one: no comma stands in it but in quotes and brackets.
        match NameAddr::parse(first.value) {
            Ok(alone) if lines.next().is_none() => {
                contacts.push(Contact::of(first.value, &alone, expires, config)?);
            }
            _ => {
                if Self::read_several(request, expires, config, contacts)? == Self::Wildcard {
                    return Ok(Self::Wildcard);
                }
            }
        }
        if contacts.iter().any(Contact::wants_flow) {
            match honours_reg_id(request) {
                RegIds::Honoured => {}
                RegIds::Ignored => contacts.iter_mut().for_each(|c| c.reg_id = None),
                RegIds::FirstHopLacksOutbound => {
                    return Err(Refusal::of(439, "First Hop Lacks Outbound Support"));
                }
            }
        }
        if contacts.len() > 1 {
            check_together(contacts)?;
        }
        Ok(Self::Contacts)
    }

    /// As [`Request::read`], for what is not one contact, each contact alone.
    #[cold]
    #[inline(never)]
    fn read_several<'m>(
        request: Message<'m>,
        expires: Option<u32>,
        config: &RegistrarConfig,
        contacts: &mut Contacts<'m>,
    ) -> Result<Self, Refusal> {
        // Each is compared with all others, so the number is bounded before anything else.
        let most = config.max_contacts.saturating_mul(2);
        let values = request.values(HeaderId::Contact);
        let values = values.take(most.saturating_add(1)).map(|value| value.raw);
        let values: SmallVec<[&[u8]; 4]> = values.collect();
        match values.as_slice() {
            [] => return Err(Refusal::bad("Bad Contact")),
            [b"*"] => {
                return if expires == Some(0) {
                    Ok(Self::Wildcard)
                } else {
                    Err(Refusal::bad("Contact * without Expires 0"))
                };
            }
            values if values.contains(&b"*".as_slice()) => {
                return Err(Refusal::bad("Contact * beside other contacts"));
            }
            values if values.len() > most => return Err(Refusal::too_many()),
            _ => {}
        }
        for raw in values {
            let contact = NameAddr::parse(raw).map_err(|_| Contact::bad(raw))?;
            contacts.push(Contact::of(raw, &contact, expires, config)?);
        }
        Ok(Self::Contacts)
    }
}

/// Whether the contacts of one REGISTER may stand beside each other.
#[cold]
fn check_together(contacts: &[Contact<'_>]) -> Result<(), Refusal> {
    for (at, contact) in contacts.iter().enumerate() {
        if contacts.iter().take(at).any(|other| contact.is_same(other)) {
            return Err(Refusal::bad_contact("Contact stands twice", contact.raw));
        }
    }
    let flows = contacts
        .iter()
        .filter(|c| c.reg_id.is_some() && c.lifetime.is_some());
    // RFC 5626 6: one registration makes one flow.
    if flows.count() > 1 {
        return Err(Refusal::bad("More than one Contact with reg-id"));
    }
    Ok(())
}

impl<'m> Contact<'m> {
    /// Judges one value; `header` is what Expires says.
    #[inline(always)]
    fn of(
        raw: &'m [u8],
        &NameAddr { uri, params, .. }: &NameAddr<'m>,
        header: Option<u32>,
        config: &RegistrarConfig,
    ) -> Result<Self, Refusal> {
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) || uri.host.is_none() {
            return Err(Refusal::bad_contact(
                "Contact is not a sip or sips URI",
                raw,
            ));
        }
        if params.raw.is_empty() {
            return Ok(Self {
                raw,
                uri,
                params,
                q: WHOLE,
                lifetime: grant(header, config)?,
                instance: None,
                reg_id: None,
            });
        }
        let told = Told::by(params);
        let asked = if told.expires.is_some() {
            Some(
                params
                    .unquoted("expires")
                    .map_or(MALFORMED, |value| seconds(&value)),
            )
        } else {
            header
        };
        let q = match told.q {
            Some(q) => q
                .value
                .and_then(thousandths)
                .ok_or_else(|| Self::bad(raw))?,
            None => WHOLE,
        };
        let instance = told.instance.and_then(|_| params.unquoted("+sip.instance"));
        let reg_id = told.reg_id.and_then(|id| id.value).and_then(number);
        Ok(Self {
            raw,
            uri,
            params,
            q,
            lifetime: grant(asked, config)?,
            reg_id: reg_id.filter(|id| *id > 0 && instance.is_some()),
            instance,
        })
    }

    fn bad(raw: &[u8]) -> Refusal {
        Refusal::bad_contact("Bad Contact", raw)
    }

    /// Whether both would be the same binding.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self.flow(), other.flow()) {
            (Some(one), Some(other)) => one == other,
            _ => self.uri.same(&other.uri),
        }
    }

    /// What it is bound by if not by its URI (RFC 5626 6).
    pub(super) fn flow(&self) -> Option<(&[u8], u32)> {
        Some((self.instance.as_deref()?, self.reg_id?))
    }

    fn wants_flow(&self) -> bool {
        self.flow().is_some()
    }
}

/// The parameters of a Contact that say something to a registrar, the first of each name.
#[derive(Default)]
struct Told<'m> {
    expires: Option<Param<'m>>,
    q: Option<Param<'m>>,
    instance: Option<Param<'m>>,
    reg_id: Option<Param<'m>>,
}

impl<'m> Told<'m> {
    fn by(params: Params<'m>) -> Self {
        let mut told = Self::default();
        for param in params.iter() {
            let slot = match param.name.len() {
                1 if param.is("q") => &mut told.q,
                6 if param.is("reg-id") => &mut told.reg_id,
                7 if param.is("expires") => &mut told.expires,
                13 if param.is("+sip.instance") => &mut told.instance,
                _ => continue,
            };
            slot.get_or_insert(param);
        }
        told
    }
}

/// What becomes of `reg-id` (RFC 5626 6).
enum RegIds {
    Honoured,
    /// The first hop is another one and cannot keep a flow, and the client did not ask it to.
    Ignored,
    /// The same, and the client did ask.
    FirstHopLacksOutbound,
}

/// The client speaks to us directly, or its edge proxy, which wrote the last Path value, put `ob` in
/// it.
fn honours_reg_id(request: Message<'_>) -> RegIds {
    let direct = request.values(HeaderId::Via).nth(1).is_none();
    let keeps_flow =
        |path: Value<'_>| NameAddr::parse(path.raw).is_ok_and(|edge| edge.uri.params.has("ob"));
    if direct
        || request
            .values(HeaderId::Path)
            .last()
            .is_some_and(keeps_flow)
    {
        RegIds::Honoured
    } else if supports(request, "outbound") {
        RegIds::FirstHopLacksOutbound
    } else {
        RegIds::Ignored
    }
}

/// Whether the client understands an extension: who requires one does (RFC 3261 20.32, 20.37).
pub(super) fn supports(request: Message<'_>, option: &str) -> bool {
    request.lists(HeaderId::Supported, option) || request.lists(HeaderId::Require, option)
}

/// The lifetime that is granted; `None` to remove (RFC 3261 10.3 step 7).
fn grant(asked: Option<u32>, config: &RegistrarConfig) -> Result<Option<Duration>, Refusal> {
    let Some(asked) = asked else {
        return Ok(Some(config.default_expires));
    };
    let asked = Duration::from_secs(asked.into());
    // An hour may not be refused as too brief.
    let least = config.min_expires.min(HOUR);
    if asked.is_zero() {
        Ok(None)
    } else if asked < least {
        let whole = least
            .as_secs()
            .saturating_add(u64::from(least.subsec_nanos() > 0));
        Err(Refusal {
            min_expires: Some(u32::try_from(whole).unwrap_or(u32::MAX)),
            ..Refusal::of(423, "Interval Too Brief")
        })
    } else {
        Ok(Some(config.shared(asked.min(config.max_expires))))
    }
}

/// RFC 3261 20.10: a malformed value is 3600.
fn seconds(value: &[u8]) -> u32 {
    number(value).unwrap_or(MALFORMED)
}

/// A decimal number; one that is too large is the largest (RFC 3261 20.19).
fn number(value: &[u8]) -> Option<u32> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |sum: u32, digit| {
        let digit = u32::from(digit.wrapping_sub(b'0'));
        sum.saturating_mul(10).saturating_add(digit)
    }))
}

/// A qvalue in thousandths (RFC 3261 25.1): 0 or 1 with at most three decimals, at most 1.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match value {
        [b'0'] => (0, [].as_slice()),
        [b'1'] => (1000, [].as_slice()),
        [b'0', b'.', decimals @ ..] => (0, decimals),
        [b'1', b'.', decimals @ ..] => (1000, decimals),
        _ => return None,
    };
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = decimals.iter().chain(b"000").take(3);
    let thousandths = digits.fold(0_u16, |sum, digit| {
        let digit = u16::from(digit.wrapping_sub(b'0'));
        sum.saturating_mul(10).saturating_add(digit)
    });
    Some(thousandths.saturating_add(whole)).filter(|q| *q <= 1000)
}

/// The q of a Contact that says none, in thousandths.
const WHOLE: u16 = 1000;
const MALFORMED: u32 = 3600;
const HOUR: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qvalue_is_read_in_thousandths() {
        for (text, q) in [
            ("0", 0),
            ("1", 1000),
            ("0.", 0),
            ("0.5", 500),
            ("0.25", 250),
            ("0.123", 123),
            ("1.000", 1000),
        ] {
            assert_eq!(thousandths(text.as_bytes()), Some(q), "{text}");
        }
        for bad in ["", "2", "1.001", "0.1234", ".5", "-1", "0,5", "0.a"] {
            assert_eq!(thousandths(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_number_never_wraps() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        assert_eq!(number(b"4294967296"), Some(u32::MAX));
        assert_eq!(number(b"99999999999999999999"), Some(u32::MAX));
        for bad in ["", "-1", "1.5", "0x10", "1 "] {
            assert_eq!(number(bad.as_bytes()), None, "{bad}");
        }
    }
}
