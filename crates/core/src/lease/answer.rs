//! What the PBX says to a REGISTER of ours.

use super::Slot;
use bellhop_wire::{HeaderId, Message, NameAddr, UriRef};

/// A 2xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    /// So many seconds.
    For(u32),
    /// It lists others' contacts and not ours.
    NotListed,
}

/// Reads a 2xx to a REGISTER that asked for so many seconds. What counts is what it grants to our own Contact
/// (RFC 3261 10.2.4), or to the phone's where that was shown: by the Contact's parameter, else by the header; what was asked where it says neither. Others'
/// contacts are not ours to look at.
pub(crate) fn read(response: Message<'_>, slot: Slot, shown: Option<&[u8]>, asked: u32) -> Granted {
    let token = slot.token();
    let phone = shown.and_then(|phone| UriRef::parse(phone).ok());
    let is_ours = |uri: &UriRef<'_>| match &phone {
        Some(phone) => uri.same(phone),
        None => uri.user == Some(token.as_slice()),
    };
    let header = || {
        response
            .number(HeaderId::Expires)
            .ok()
            .flatten()
            .unwrap_or(asked)
    };
    let mut lists_any = false;
    for value in response.values(HeaderId::Contact) {
        lists_any = true;
        let Ok(contact) = NameAddr::parse(value.raw) else {
            continue;
        };
        if !is_ours(&contact.uri) {
            continue;
        }
        let own = contact.params.unquoted("expires");
        return Granted::For(own.and_then(|text| number(&text)).unwrap_or_else(header));
    }
    if lists_any {
        Granted::NotListed
    } else {
        Granted::For(header())
    }
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
            ("Expires: 90\r\n".to_owned(), 90),
            (String::new(), 3_600),
        ] {
            assert_eq!(read(&lines), Granted::For(granted), "{lines}");
        }
        let others = "Contact: <sip:other@x>;expires=9\r\nExpires: 60\r\n";
        assert_eq!(read(others), Granted::NotListed);
    }
}
