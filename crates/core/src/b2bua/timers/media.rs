//! Whether a session description moves its maker's media: what the other end of a call is to know of an answer that only
//! we have heard (RFC 3264 8).

use smallvec::SmallVec;

/// Whether a description says more than the one that was known, and by its version is another one. Formats that are left
/// out say nothing new: to those that are left the other end has agreed.
pub(super) fn is_moved(known: &[u8], new: &[u8]) -> bool {
    let origin = |sdp| lines(sdp).find(|line: &&[u8]| line.starts_with(b"o="));
    let is_same = || {
        let (mut was, mut is) = (kept(known), kept(new));
        loop {
            match (was.next(), is.next()) {
                (None, None) => return true,
                (Some(was), Some(is)) if covers(was, is) => {}
                _ => return false,
            }
        }
    };
    origin(known) != origin(new) && !is_same()
}

/// The lines that say where media goes, which way and how it is kept secret.
fn kept(sdp: &[u8]) -> impl Iterator<Item = &[u8]> {
    lines(sdp).filter(|line| !FORMAL.iter().any(|head| line.starts_with(head)))
}

fn lines(sdp: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = sdp.split(|byte| *byte == b'\n');
    lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

/// Whether a line says nothing that the known one does not.
fn covers(known: &[u8], new: &[u8]) -> bool {
    if !known.starts_with(b"m=") || !new.starts_with(b"m=") {
        return known == new;
    }
    let words =
        |line| -> SmallVec<[&[u8]; 16]> { <[u8]>::split(line, u8::is_ascii_whitespace).collect() };
    let (known, new) = (words(known), words(new));
    let (was, is) = (known.split_at_checked(PLACE), new.split_at_checked(PLACE));
    let (Some((was, formats)), Some((is, fewer))) = (was, is) else {
        return known == new;
    };
    was == is && fewer.iter().all(|format| formats.contains(format))
}

/// Media, port and protocol, before the formats of an `m=` line.
const PLACE: usize = 3;

/// What a line begins with that says nothing of that: whose session it is and since when, how formats are written, and
/// what is so without a word.
const FORMAL: [&[u8]; 9] = [
    b"o=",
    b"s=",
    b"t=",
    b"b=",
    b"a=rtpmap:",
    b"a=fmtp:",
    b"a=rtcp-fb:",
    b"a=ptime:",
    b"a=sendrecv",
];

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "v=0\r\no=- 17 4 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n";

    fn moves(changes: &[(&str, &str)]) -> bool {
        let mut new = KNOWN.to_owned();
        for (old, text) in changes {
            assert!(new.contains(old), "{old}");
            new = new.replace(old, text);
        }
        is_moved(KNOWN.as_bytes(), new.as_bytes())
    }

    #[test]
    fn another_place_port_direction_or_medium_moves_media() {
        for (old, new) in [
            ("c=IN IP4 192.0.2.9", "c=IN IP4 192.0.2.10"),
            ("audio 4000", "audio 4002"),
            ("audio 4000", "audio 0"),
            ("a=sendrecv", "a=sendonly"),
            ("RTP/AVP 0", "RTP/AVP 9 0"),
            ("RTP/AVP 0", "RTP/SAVP 0"),
            ("a=sendrecv\r\n", "m=video 4004 RTP/AVP 99\r\n"),
            ("a=sendrecv\r\n", "a=crypto:1 x inline:y\r\n"),
        ] {
            assert!(moves(&[(" 17 4 ", " 17 5 "), (old, new)]), "{new}");
        }
    }

    #[test]
    fn the_same_again_with_another_version_or_with_fewer_formats_moves_nothing() {
        for (old, new) in [
            ("v=0", "v=0"),
            ("0 8 101", "0 101"),
            ("a=rtpmap:8 PCMA/8000\r\n", ""),
            ("a=sendrecv\r\n", ""),
            ("\r\n", "\n"),
        ] {
            assert!(!moves(&[(" 17 4 ", " 17 5 "), (old, new)]), "{new}");
        }
    }

    /// RFC 3264 8: what has changed has another version.
    #[test]
    fn without_another_version_nothing_has_changed() {
        assert!(!moves(&[("audio 4000", "audio 4002")]));
    }
}
