//! How subscriptions that are relayed are written down, and read again: strictly, for what is read here is written into
//! messages.

use crate::{
    bindings::Names,
    codec::Unreadable,
    fields::{Fields, begin, end, number, put, text},
    shares::{DEVICE, EVENT, LISTENER, UNTIL, device_of, put_dialog, put_flow, put_place},
};
use bellhop_core::{
    flow::{Flow, ListenerId},
    share::{Dialog, Tag},
    subscription::{SavedRelayed, Standing},
};
use std::time::Duration;

/// Writes one in place of what `out` has. Its listener is written by its name: its number is only this configuration's.
pub(crate) fn write_relayed(names: &Names, saved: &SavedRelayed, out: &mut Vec<u8>) {
    begin(VERSION, out);
    put_dialog(&saved.dialog, out);
    put(LISTENER, names.of(saved.flow.listener).as_bytes(), out);
    put_flow(saved.flow, out);
    if let Some(device) = saved.device {
        put(DEVICE, &device.to_bytes(), out);
    }
    put_place(saved.place, out);
    if saved.is_chosen {
        put(CHOSEN, &[], out);
    }
    put(EVENT, &saved.event, out);
    put(STANDING, &[standing_number(saved.standing)], out);
    if let Some(granted) = saved.granted {
        put(GRANTED, &granted.to_be_bytes(), out);
    }
    for (field, time) in [(BEGAN, saved.began), (UNTIL, saved.until), (AT, saved.at)] {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        put(field, &micros.to_be_bytes(), out);
    }
    end(saved.tag.as_str(), out);
}

/// Reads what [`write_relayed`] wrote for this tag. A listener that is not there any more is one that there never is: the core
/// finds another that will do.
pub(crate) fn read_relayed(
    tag: &str,
    names: &Names,
    value: &[u8],
) -> Result<SavedRelayed, Unreadable> {
    let fields = Fields::of(VERSION, tag, value)?;
    let time = |field| {
        let micros = u64::from_be_bytes(fields.one(field)?.try_into().ok()?);
        Some(Duration::from_micros(micros))
    };
    let read = || {
        let (transport, remote) = fields.flow()?;
        let listener = names.find(&text(fields.one(LISTENER)?)?, transport);
        let event = fields.one(EVENT).filter(|event| is_line(event))?;
        Some(SavedRelayed {
            tag: Tag::of(tag.as_bytes())?,
            dialog: fields.dialog().filter(is_whole)?,
            flow: Flow {
                listener: listener.unwrap_or(ListenerId(u16::MAX)),
                transport,
                remote,
                connection: None,
            },
            device: fields.one(DEVICE).map(device_of).unwrap_or_default(),
            place: fields.place()?,
            is_chosen: fields.one(CHOSEN).is_some(),
            event: event.into(),
            standing: standing_of(fields.one(STANDING)?)?,
            granted: match fields.one(GRANTED) {
                Some(granted) => Some(number(granted)?),
                None => None,
            },
            began: time(BEGAN)?,
            until: time(UNTIL)?,
            at: time(AT)?,
        })
    };
    read().ok_or(Unreadable::Damaged)
}

fn standing_number(standing: Standing) -> u8 {
    match standing {
        Standing::Waiting => 0,
        Standing::Pending => 1,
        Standing::Active => 2,
    }
}

fn standing_of(bytes: &[u8]) -> Option<Standing> {
    match bytes {
        [0] => Some(Standing::Waiting),
        [1] => Some(Standing::Pending),
        [2] => Some(Standing::Active),
        _ => None,
    }
}

/// What goes into a message must be of one line.
fn is_whole(dialog: &Dialog) -> bool {
    let Dialog {
        call_id,
        local,
        local_tag,
        remote,
        remote_tag,
        target,
        routes,
        cseq,
        remote_cseq,
    } = dialog;
    // RFC 3261 8.1.1.5.
    let is_number = |number: u32| i32::try_from(number).is_ok();
    if !is_number(*cseq) || !remote_cseq.is_none_or(is_number) {
        return false;
    }
    let texts = [call_id, local, local_tag, remote, remote_tag, target];
    let mut all = texts.iter().copied().chain(routes);
    all.all(|text| !text.is_empty() && is_line(text))
}

fn is_line(text: &[u8]) -> bool {
    !text.iter().any(|b| matches!(b, b'\r' | b'\n' | 0))
}

const VERSION: u8 = 1;

// Numbers of fields, beside those of watchers. One that is given is never given to anything else.
const STANDING: u8 = 40;
const GRANTED: u8 = 41;
const BEGAN: u8 = 42;
const AT: u8 = 43;
// 44 to 46: where it is, of those of watchers.
const CHOSEN: u8 = 47;

#[cfg(test)]
mod tests {
    use super::*;
    use bellhop_core::{flow::Transport, registrar::Device};

    const TAG: &str = "0003000000000007";

    fn names() -> Names {
        Names::new([("tcp of the \u{e4}ther".to_owned(), Transport::Tcp)])
    }

    fn saved() -> SavedRelayed {
        let bytes = |text: &str| text.as_bytes().into();
        SavedRelayed {
            tag: Tag::of(TAG.as_bytes()).unwrap(),
            dialog: Dialog {
                call_id: bytes("1@phone"),
                local: bytes("<sip:6002@example.org>"),
                local_tag: bytes("tpbx"),
                remote: bytes("\"M\u{fc}ller\" <sip:6001@example.org>;tag=t"),
                remote_tag: bytes("t"),
                target: bytes("sip:6001@192.0.2.1:5060"),
                routes: vec![bytes("<sip:a;lr>"), bytes("<sip:b;lr>")],
                cseq: 7,
                remote_cseq: Some(3),
            },
            flow: Flow {
                listener: ListenerId(0),
                transport: Transport::Tcp,
                remote: "[2001:db8::1]:5061".parse().unwrap(),
                connection: None,
            },
            device: Some(Device::of_bytes([1, 2, 3, 4, 5, 6])),
            place: Some((Transport::Udp, "192.0.2.9:5060".parse().unwrap())),
            is_chosen: true,
            event: bytes("dialog;id=7"),
            standing: Standing::Active,
            granted: Some(600),
            began: Duration::from_micros(1_800_000_000_123_456),
            until: Duration::from_micros(1_800_000_600_123_456),
            at: Duration::from_micros(1_800_000_007_123_456),
        }
    }

    fn written(saved: &SavedRelayed) -> Vec<u8> {
        let mut out = vec![9; 9];
        write_relayed(&names(), saved, &mut out);
        out
    }

    #[test]
    fn one_is_read_as_it_was_written() {
        let mut plain = saved();
        (plain.device, plain.granted, plain.standing) = (None, None, Standing::Pending);
        (plain.place, plain.is_chosen) = (None, false);
        plain.dialog.routes.clear();
        plain.flow.remote = "192.0.2.1:5060".parse().unwrap();
        for saved in [saved(), plain] {
            let read = read_relayed(TAG, &names(), &written(&saved));
            assert_eq!(read, Ok(saved));
        }
    }

    #[test]
    fn any_octet_that_changed_and_any_that_is_missing_is_noticed() {
        let good = written(&saved());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let (bad, half) = (read_relayed(TAG, &names(), &bad), &good[..at]);
            assert_eq!(bad, Err(Unreadable::Damaged), "{at}");
            let half = read_relayed(TAG, &names(), half);
            assert_eq!(half, Err(Unreadable::Damaged), "{at}");
        }
        let other = read_relayed("fedcba9876543210", &names(), &good);
        assert_eq!(other, Err(Unreadable::Damaged));
    }

    /// Though its checksum is right.
    #[test]
    fn what_would_be_more_than_a_line_of_a_message_is_none_of_ours() {
        let odd = |change: fn(&mut SavedRelayed)| {
            let mut saved = saved();
            change(&mut saved);
            assert_eq!(
                read_relayed(TAG, &names(), &written(&saved)),
                Err(Unreadable::Damaged)
            );
        };
        odd(|saved| saved.event = b"dialog\r\nX: y".as_slice().into());
        odd(|saved| saved.dialog.target = b"sip:a\n".as_slice().into());
        odd(|saved| saved.dialog.remote = b"<sip:a>\0".as_slice().into());
        odd(|saved| saved.dialog.routes = vec![b"<sip:a>\r".as_slice().into()]);
        odd(|saved| saved.dialog.local_tag = Box::default());
        odd(|saved| saved.dialog.cseq = 1 << 31);
    }

    /// The core finds another that will do.
    #[test]
    fn one_whose_listener_is_gone_is_of_none() {
        let value = written(&saved());
        let read = read_relayed(TAG, &Names::default(), &value).unwrap();
        assert_eq!(read.flow.listener, ListenerId(u16::MAX));
    }
}
