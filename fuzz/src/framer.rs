//! Any split of a stream gives the same frames and the same error (RFC 3261 18.3).

use crate::feed::Feed;
use bellhop_wire::{Error, Frame, Framer, Index, Limits, frame};

/// The first byte chooses the limits and how many cuts follow; the stream is the rest.
pub fn run(data: &[u8]) {
    let mut feed = Feed::new(data);
    let choice = feed.byte();
    let limits = match choice & 3 {
        0 => Limits {
            message: 200,
            headers: 4,
            line: 40,
        },
        _ => Limits::default(),
    };
    let cuts: Vec<_> = (0..choice >> 4).map(|_| feed.short()).collect();
    let stream = feed.rest();
    let whole = frames(stream, &[stream.len()], &limits);

    let mut ends: Vec<_> = cuts
        .iter()
        .map(|cut| usize::from(*cut) % (stream.len() + 1))
        .collect();
    ends.push(stream.len());
    ends.sort_unstable();
    assert_eq!(frames(stream, &ends, &limits), whole, "cut at {ends:?}");
    if stream.len() <= 2_048 {
        let all: Vec<_> = (0..=stream.len()).collect();
        assert_eq!(frames(stream, &all, &limits), whole, "octet by octet");
    }
    if let Frame::Message(message) = frame::datagram(stream) {
        assert!(stream.ends_with(message) && !message.is_empty());
    }
}

/// What one frame was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Ping,
    Nothing,
}

/// The frames of a stream that has come up to these places, one after the other: where each starts and
/// how many bytes it used; and the error that ended it.
pub(crate) fn frames(
    stream: &[u8],
    ends: &[usize],
    limits: &Limits,
) -> (Vec<(usize, usize, Kind)>, Option<Error>) {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    let mut index = Index::new();
    let mut at = 0;
    for end in ends {
        loop {
            let unread = &stream[at..*end];
            let (frame, used) = match framer.next(unread, limits) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            };
            assert!(used > 0 && used <= unread.len());
            let kind = match frame {
                Frame::Message(message) => {
                    assert_eq!(message, &unread[..used]);
                    assert!(message.len() <= limits.message);
                    // Framer and index agree where a message ends.
                    if let Ok(indexed) = index.parse(message, limits) {
                        assert_eq!(indexed.bytes().len(), used);
                    }
                    Kind::Message
                }
                Frame::Ping => Kind::Ping,
                Frame::Nothing => Kind::Nothing,
            };
            frames.push((at, used, kind));
            at += used;
        }
    }
    (frames, None)
}
