//! Calls are read as they were written, and nothing else is read.

use super::*;
use crate::codec::checksum;
use bellhop_core::{
    b2bua::{SavedCare, SavedRecord, SavedSession, SessionConfig, Tried},
    flow::Transport,
};
use proptest::{prelude::*, strategy::ValueTree as _};

pub(super) fn names() -> Names {
    Names::new([
        ("udp".to_owned(), Transport::Udp),
        ("wss of the \u{e4}ther".to_owned(), Transport::Wss),
        ("tls".to_owned(), Transport::Tls),
    ])
}

fn line() -> impl Strategy<Value = Box<[u8]>> {
    let octet = any::<u8>().prop_map(|b| {
        if matches!(b, 0 | b'\r' | b'\n') {
            b'x'
        } else {
            b
        }
    });
    prop::collection::vec(octet, 0..80).prop_map(Into::into)
}

fn flow() -> impl Strategy<Value = Flow> {
    let transports = [Transport::Udp, Transport::Wss, Transport::Tls];
    (0..3_u16, any::<IpAddr>(), any::<u16>()).prop_map(move |(listener, ip, port)| Flow {
        listener: ListenerId(listener),
        transport: transports[usize::from(listener)],
        remote: SocketAddr::new(ip, port),
        connection: None,
    })
}

pub(super) fn saved_leg() -> impl Strategy<Value = SavedLeg> {
    let device = any::<[u8; Device::BYTES]>().prop_map(Device::of_bytes);
    let place = prop::option::of((flow(), prop::option::of(device)));
    let lines = (line(), line(), line(), line(), line(), line());
    let numbers = any::<(u64, u32, u32)>();
    (lines, place, numbers).prop_map(|(lines, place, numbers)| {
        let (call_id, local, remote, remote_tag, target, routes) = lines;
        let (local_tag, seq, remote_seq) = numbers;
        SavedLeg {
            call_id,
            local,
            local_tag,
            remote,
            remote_tag,
            target,
            routes,
            place,
            seq,
            remote_seq,
        }
    })
}

fn saved_end() -> impl Strategy<Value = SavedEnd> {
    let more = (
        any::<(u32, u32)>(),
        prop::option::of(any::<u32>()),
        any::<bool>(),
        prop::option::of(".{0,20}"),
    );
    (saved_leg(), flow(), more).prop_map(|(leg, flow, more)| {
        let (invite, waits, is_open, user) = more;
        SavedEnd {
            leg,
            flow,
            invite,
            waits,
            is_open,
            user: user.map(Into::into),
        }
    })
}

pub(super) fn time() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_micros)
}

fn word() -> impl Strategy<Value = Box<str>> {
    ".{0,20}".prop_map(Into::into)
}

fn record() -> impl Strategy<Value = SavedRecord> {
    let place = (flow().prop_map(|flow| flow.transport), any::<SocketAddr>());
    let place = prop::option::of(place.prop_map(|(by, at)| {
        // A scope is not written.
        (by, SocketAddr::new(at.ip(), at.port()))
    }));
    let tried = (
        line(),
        place,
        prop::option::of(word()),
        any::<u16>(),
        time(),
        word(),
    );
    let tried = tried.prop_map(|(uri, to, upstream, status, took, tag)| Tried {
        uri,
        to,
        upstream,
        status,
        took,
        tag,
    });
    let tried = prop::collection::vec(tried, 0..4);
    let times = (
        time(),
        time(),
        prop::option::of(time()),
        prop::option::of(time()),
    );
    let words = (
        prop::option::of(word()),
        prop::option::of(word()),
        prop::option::of(word()),
    );
    let notes = prop::collection::vec((word(), word()), 0..3);
    (times, flow(), words, line(), tried, any::<u8>(), notes).prop_map(
        |((began, age, rang, answered), source, words, request_uri, attempts, more, notes)| {
            let (upstream, user, called) = words;
            SavedRecord {
                began,
                age,
                rang,
                answered,
                source,
                upstream,
                user,
                called,
                request_uri,
                attempts,
                attempts_left_out: more,
                notes,
            }
        },
    )
}

fn session() -> impl Strategy<Value = SavedSession> {
    let numbers = any::<(u32, u32)>();
    let flags = any::<(bool, bool, bool)>();
    let sdp = prop::collection::vec(any::<u8>(), 0..90);
    (numbers, flags, prop::option::of(time()), sdp).prop_map(|(numbers, flags, left, sdp)| {
        SavedSession {
            interval: numbers.0,
            least: numbers.1,
            is_ours: flags.0,
            is_agreed: flags.1,
            updates: flags.2,
            left,
            last_sdp: sdp.into(),
        }
    })
}

fn care() -> impl Strategy<Value = SavedCare> {
    let timers = any::<(u32, u32)>();
    let timers = timers.prop_map(|(interval, least)| SessionConfig { interval, least });
    let config = (prop::option::of(timers), prop::option::of(time()));
    (config, session(), session()).prop_map(|((timers, keepalive), a, b)| SavedCare {
        timers,
        keepalive,
        a,
        b,
    })
}

fn call() -> impl Strategy<Value = SavedCall> {
    let times = any::<(u64, u64)>();
    let more = (prop::option::of(record()), prop::option::of(care()));
    (times, any::<bool>(), saved_end(), saved_end(), more).prop_map(
        |((answered, at), is_ending, a, b, (record, care))| SavedCall {
            answered: Duration::from_micros(answered),
            at: Duration::from_micros(at),
            is_ending,
            a,
            b,
            record,
            care,
        },
    )
}

/// Nothing that is written into messages ends a line.
pub(super) fn is_of_one_line_each(leg: &SavedLeg) -> bool {
    let lines = [
        &leg.call_id,
        &leg.local,
        &leg.remote,
        &leg.target,
        &leg.routes,
    ];
    let is_end = |b: &u8| matches!(b, b'\r' | b'\n');
    !lines.iter().any(|line| line.iter().any(is_end))
}

fn written(call: &SavedCall) -> (String, Vec<u8>) {
    let mut out = vec![9; 9];
    write_call(&names(), call, &mut out);
    (call.key().as_str().to_owned(), out)
}

proptest! {
    #[test]
    fn a_call_is_read_as_it_was_written(call in call()) {
        let (key, value) = written(&call);
        prop_assert_eq!(read_call(&names(), &key, &value), Ok(call));
    }

    #[test]
    fn any_octet_that_changed_and_any_that_is_missing_is_noticed(
        call in call(),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let (key, value) = written(&call);
        let mut bad = value.clone();
        bad[at.index(value.len())] ^= 1 << bit;
        prop_assert_eq!(read_call(&names(), &key, &bad), Err(Unreadable::Damaged));
        let half = &value[..at.index(value.len())];
        prop_assert_eq!(read_call(&names(), &key, half), Err(Unreadable::Damaged));
    }

    /// Its checksum is right: only the reader itself stands between it and the messages it would make.
    #[test]
    fn garbage_is_refused_or_is_a_call_of_that_key(
        key in "[0-9a-f]{19}",
        body in prop::collection::vec(any::<u8>(), 0..300),
        is_ours: bool,
    ) {
        let mut value = if is_ours { vec![VERSION] } else { Vec::new() };
        value.extend(body);
        end(&key, &mut value);
        if let Ok(call) = read_call(&names(), &key, &value) {
            let own = call.key();
            prop_assert_eq!(own.as_str(), key);
        }
    }

    #[test]
    fn a_call_with_a_field_changed_or_left_out_never_has_a_line_too_many(
        call in call(),
        at in any::<prop::sample::Index>(),
        octet: u8,
    ) {
        let (key, mut value) = written(&call);
        value.truncate(value.len().saturating_sub(8));
        let at = at.index(value.len());
        value[at] = octet;
        end(&key, &mut value);
        if let Ok(call) = read_call(&names(), &key, &value) {
            for end in [&call.a, &call.b] {
                prop_assert!(is_of_one_line_each(&end.leg));
            }
        }
    }
}

#[test]
fn what_a_newer_program_wrote_is_told_from_damage() {
    let mut newer = vec![VERSION + 1, 1, 2, 3];
    let sum = checksum("key", &newer);
    newer.extend_from_slice(&sum);
    let read = read_call(&names(), "key", &newer);
    assert_eq!(read, Err(Unreadable::Newer(VERSION + 1)));
}

/// A listener has its name; one that is gone is the core's to replace.
#[test]
fn a_call_is_of_the_listener_of_its_name_wherever_that_stands_now() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut call = call().new_tree(&mut runner).unwrap().current();
    call.a.flow.listener = ListenerId(2);
    call.a.flow.transport = Transport::Tls;
    call.b.flow.listener = ListenerId(0);
    call.b.flow.transport = Transport::Udp;
    let (key, value) = written(&call);
    let turned = Names::new([
        ("tls".to_owned(), Transport::Tls),
        ("other".to_owned(), Transport::Udp),
    ]);
    let read = read_call(&turned, &key, &value).unwrap();
    assert_eq!(read.a.flow.listener, ListenerId(0));
    assert_eq!(read.b.flow.listener, ListenerId(u16::MAX));
}
