//! What the PBX says to a REGISTER of ours.

use super::Slot;
use bellhop_wire::{HeaderId, Message, NameAddr, UriRef};

/// A 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    /// So many seconds: it lists our contact.
    For(u32),
    /// So many seconds, if it means it: it lists no contact at all.
    Unlisted(u32),
    /// It lists others' contacts and not ours.
    NotListed,
}

/// Reads a 2xx to a REGISTER that asked for so many seconds. What counts is what it grants to our own Contact
/// (RFC 3261 10.2.4), or to the phone's where that was shown: by the Contact's parameter, else by the header; what was asked
/// where it says neither. Others' contacts are not ours to look at.
pub(crate) fn read(response: Message<'_>, slot: Slot, shown: Option<&[u8]>, asked: u32) -> Granted {
    let header = || {
        response
            .number(HeaderId::Expires)
            .ok()
            .flatten()
            .unwrap_or(asked)
    };
    match own_contact(response, slot, shown) {
        Some(own) => {
            let own = own.params.unquoted("expires");
            Granted::For(own.and_then(|text| number(&text)).unwrap_or_else(header))
        }
        None if response.first(HeaderId::Contact).is_some() => Granted::NotListed,
        None => Granted::Unlisted(header()),
    }
}

/// Whether a 2xx lists our Contact among those that are bound (RFC 3261 10.3 step 8).
pub(crate) fn is_listed(response: Message<'_>, slot: Slot, shown: Option<&[u8]>) -> bool {
    own_contact(response, slot, shown).is_some()
}

fn own_contact<'m>(
    response: Message<'m>,
    slot: Slot,
    shown: Option<&[u8]>,
) -> Option<NameAddr<'m>> {
    let token = slot.token();
    let phone = shown.and_then(|phone| UriRef::parse(phone).ok());
    let is_ours = |uri: &UriRef<'_>| match &phone {
        Some(phone) => uri.same(phone),
        None => uri.user == Some(token.as_slice()),
    };
    let all = response.values(HeaderId::Contact);
    let mut all = all.filter_map(|value| NameAddr::parse(value.raw).ok());
    all.find(|contact| is_ours(&contact.uri))
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::Device;
    use bellhop_wire::{Limits, Owned};

    fn read(lines: &str) -> Granted {
        let text = format!("SIP/2.0 200 OK\r\nCall-ID: x\r\n{lines}Content-Length: 0\r\n\r\n");
        let owned = Owned::parse(text.as_bytes(), &Limits::default()).unwrap();
        let slot = Slot::Phone(Device::of_bytes([0, 0, 0, 0, 0xab, 1]));
        super::read(owned.message(), slot, None, 3_600)
    }

    #[test]
    fn what_is_granted_is_read_from_our_own_contact_and_from_no_other() {
        let ours = "<sip:bh00000000ab01@192.0.2.1:5060>";
        for (lines, granted) in [
            (format!("Contact: {ours};expires=50\r\n"), 50),
            (
                format!("Contact: <sip:other@x>;expires=9, {ours};expires=70\r\n"),
                70,
            ),
            (format!("Contact: {ours}\r\nExpires: 80\r\n"), 80),
            (format!("Contact: {ours}\r\n"), 3_600),
            (format!("Contact: {ours};expires=7200\r\n"), 7_200),
        ] {
            assert_eq!(read(&lines), Granted::For(granted), "{lines}");
        }
        for (lines, granted) in [("Expires: 90\r\n", 90), ("", 3_600)] {
            assert_eq!(read(lines), Granted::Unlisted(granted), "{lines}");
        }
        let others = "Contact: <sip:other@x>;expires=9\r\nExpires: 60\r\n";
        assert_eq!(read(others), Granted::NotListed);
    }
}
