//! The dialog that a Replaces or a Join names (RFC 3891 6.1, RFC 3911 7.1), also as a header in a Refer-To URI.

use bellhop_wire::view::params::Params;
use bellhop_wire::{HeaderId, Message, NameAddr, UriRef};

/// What is to be done with a dialog that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The new one takes its place (RFC 3891).
    Replace,
    /// The new one joins it (RFC 3911).
    Join,
}

/// A dialog as its user agent knows it that is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) wish: Wish,
    pub(crate) call_id: Box<[u8]>,
    /// The tag of that user agent.
    pub(crate) to_tag: Box<[u8]>,
    /// The tag of its other side.
    pub(crate) from_tag: Box<[u8]>,
    /// Only while nobody has answered.
    pub(crate) is_early_only: bool,
}

/// What is wrong with a Replaces or a Join: it cannot be read, or there are several (RFC 3891 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misused;

impl Wish {
    const BOTH: [Self; 2] = [Self::Replace, Self::Join];

    /// The name of its header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Replace => "Replaces",
            Self::Join => "Join",
        }
    }
}

impl Ids {
    /// The dialog that an INVITE names.
    pub(super) fn of_invite(invite: Message<'_>) -> Result<Option<Self>, Misused> {
        let mut found = Wish::BOTH.into_iter().flat_map(|wish| {
            let fields = invite.named(wish.name());
            fields.map(move |field| (wish, field.value))
        });
        let Some((wish, value)) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(Misused);
        }
        Self::read(wish, value).map(Some).ok_or(Misused)
    }

    /// The dialog that a REFER's Refer-To names.
    pub(super) fn of_refer(refer: Message<'_>) -> Result<Option<Self>, Misused> {
        let Some(field) = refer.first(HeaderId::ReferTo) else {
            return Ok(None);
        };
        let Ok(to) = NameAddr::parse(field.value) else {
            return Ok(None);
        };
        let mut found = headers(&to.uri).filter_map(|(name, value)| {
            let is_it = |wish: &Wish| name.eq_ignore_ascii_case(wish.name().as_bytes());
            let wish = Wish::BOTH.into_iter().find(is_it)?;
            Some((wish, value))
        });
        let Some((wish, value)) = found.next() else {
            return Ok(None);
        };
        if found.next().is_some() {
            return Err(Misused);
        }
        Self::read(wish, &value).map(Some).ok_or(Misused)
    }

    fn read(wish: Wish, value: &[u8]) -> Option<Self> {
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        let (call_id, raw) = value.split_at_checked(end)?;
        let call_id = call_id.trim_ascii();
        let params = Params { raw };
        let only = |name: &str| {
            let mut all = params
                .iter()
                .filter(|param| param.name.eq_ignore_ascii_case(name.as_bytes()));
            let value = all.next()?.value?;
            all.next().is_none().then_some(value.trim_ascii())
        };
        let is_word = |text: &[u8]| {
            !text.is_empty()
                && text.len() <= LONGEST
                && text.iter().all(|b| b.is_ascii_graphic() && *b != b',')
        };
        let (to_tag, from_tag) = (only("to-tag")?, only("from-tag")?);
        let are_words = [call_id, to_tag, from_tag].into_iter().all(is_word);
        are_words.then(|| Self {
            wish,
            call_id: call_id.into(),
            to_tag: to_tag.into(),
            from_tag: from_tag.into(),
            is_early_only: wish == Wish::Replace && params.has("early-only"),
        })
    }

    /// As the value of its header.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        for part in [
            &*self.call_id,
            b";to-tag=",
            &self.to_tag,
            b";from-tag=",
            &self.from_tag,
        ] {
            out.extend_from_slice(part);
        }
        if self.is_early_only {
            out.extend_from_slice(b";early-only");
        }
        out
    }

    /// As a header of a URI (RFC 3261 19.1.1).
    pub(super) fn put_in_uri(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.wish.name().as_bytes());
        out.push(b'=');
        for byte in self.write() {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                out.push(byte);
            } else {
                out.push(b'%');
                crate::hex::write(&[byte], |digits| {
                    out.extend(digits.iter().map(u8::to_ascii_uppercase));
                });
            }
        }
    }
}

/// Whether a Refer-To URI asks that its header be understood (RFC 3891 5, RFC 3911 6).
pub(super) fn is_required(uri: &UriRef<'_>, wish: Wish) -> bool {
    headers(uri).any(|(name, value)| {
        name.eq_ignore_ascii_case(b"Require")
            && value.eq_ignore_ascii_case(wish.name().to_ascii_lowercase().as_bytes())
    })
}

/// The headers in a URI, escapes resolved.
fn headers<'a>(uri: &UriRef<'a>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + use<'a> {
    let all = uri.headers.unwrap_or_default();
    all.split(|b| *b == b'&').filter_map(|header| {
        let equals = header.iter().position(|b| *b == b'=')?;
        let (name, value) = header.split_at_checked(equals)?;
        Some((unescaped(name), unescaped(value.get(1..)?)))
    })
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let mut byte = [0];
        let digits = behind.get(..2).unwrap_or_default();
        if *first == b'%' && crate::hex::read(digits, &mut byte).is_some() {
            out.extend_from_slice(&byte);
            rest = behind.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    out
}

/// Bytes of an identifier: no dialog of ours has a longer one.
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_wire::{Limits, Owned};

    fn message(method: &str, lines: &str) -> Owned {
        let text = format!(
            "{method} sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        Owned::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn in_invite(lines: &str) -> Result<Option<Ids>, Misused> {
        Ids::of_invite(message("INVITE", lines).message())
    }

    #[test]
    fn a_replaces_and_a_join_are_read_and_written_as_they_were() {
        for value in [
            "98732@sip.example.com;to-tag=r33th4x0r;from-tag=ff87ff",
            "12;to-tag=1;from-tag=2;early-only",
        ] {
            let ids = in_invite(&format!("Replaces: {value}\r\n"))
                .unwrap()
                .unwrap();
            assert_eq!(ids.wish, Wish::Replace);
            assert_eq!(String::from_utf8(ids.write()).unwrap(), value);
        }
        let ids = in_invite("join: 1 ; FROM-TAG=x ;to-tag=y\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(ids.wish, Wish::Join);
        assert_eq!(ids.write(), b"1;to-tag=y;from-tag=x");
        assert_eq!(in_invite("Subject: x\r\n"), Ok(None));
    }

    #[test]
    fn several_and_what_cannot_be_read_are_misused() {
        for lines in [
            "Replaces: 1;to-tag=2;from-tag=3\r\nReplaces: 1;to-tag=2;from-tag=3\r\n",
            "Replaces: 1;to-tag=2;from-tag=3\r\nJoin: 1;to-tag=2;from-tag=3\r\n",
            "Replaces: 1;to-tag=2;from-tag=3, 4;to-tag=5;from-tag=6\r\n",
            "Replaces: 1;to-tag=2\r\n",
            "Replaces: 1;to-tag=2;from-tag=3;to-tag=2\r\n",
            "Replaces: ;to-tag=2;from-tag=3\r\n",
            "Replaces: 1;to-tag;from-tag=3\r\n",
        ] {
            assert_eq!(in_invite(lines), Err(Misused), "{lines}");
        }
    }

    #[test]
    fn a_refer_to_names_it_with_escapes_and_gets_them_again() {
        let line = "Refer-To: \"C\" <sip:c@d;x=1?Replaces=12%40h%3bto-tag%3D7%3Bfrom-tag%3D8&Require=replaces>\r\n";
        let refer = message("REFER", line);
        let ids = Ids::of_refer(refer.message()).unwrap().unwrap();
        assert_eq!(ids.write(), b"12@h;to-tag=7;from-tag=8");
        let mut out = Vec::new();
        ids.put_in_uri(&mut out);
        assert_eq!(out, b"Replaces=12%40h%3Bto-tag%3D7%3Bfrom-tag%3D8");
        let value = refer.message().first(HeaderId::ReferTo).unwrap().value;
        let uri = NameAddr::parse(value).unwrap().uri;
        assert!(is_required(&uri, Wish::Replace) && !is_required(&uri, Wish::Join));
        let blind = message("REFER", "Refer-To: <sip:c@d?Subject=x>\r\n");
        assert_eq!(Ids::of_refer(blind.message()), Ok(None));
        let bad = message("REFER", "Refer-To: <sip:c@d?Replaces=1>\r\n");
        assert_eq!(Ids::of_refer(bad.message()), Err(Misused));
    }
}
