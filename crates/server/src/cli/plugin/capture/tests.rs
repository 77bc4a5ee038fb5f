//! Captures made byte by byte.

use super::*;

const OPTIONS: &str = "OPTIONS sip:b@h SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";
const INVITE: &str = "INVITE sip:b@h SIP/2.0\r\nCall-ID: 2\r\nContent-Length: 4\r\n\r\nbody";

fn udp(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x13, 0xc4, 0x13, 0xc5];
    out.extend(u16::try_from(data.len() + 8).unwrap().to_be_bytes());
    out.extend([0, 0]);
    out.extend(data);
    out
}

fn tcp(sequence: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x13, 0xc4, 0x13, 0xc5];
    out.extend(sequence.to_be_bytes());
    out.extend([0, 0, 0, 0, 0x60, flags, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0]);
    out.extend(data);
    out
}

/// `fragment`: the field with flags and offset.
fn ipv4(protocol: u8, fragment: u16, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend(u16::try_from(data.len() + 20).unwrap().to_be_bytes());
    out.extend([0, 7]);
    out.extend(fragment.to_be_bytes());
    out.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    out.extend(data);
    out
}

fn ipv6(next: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    out.extend([next, 64]);
    out.extend([[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]; 2].concat());
    out.extend(data);
    out
}

fn ethernet(kind: &[u8], data: &[u8]) -> Vec<u8> {
    [&[2; 12], kind, data, &[0; 6]].concat()
}

fn pcap(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, link]
        .map(u32::to_le_bytes)
        .concat();
    for packet in packets {
        let length = u32::try_from(packet.len()).unwrap();
        out.extend(
            [1_700_000_000, 250_000, length, length]
                .map(u32::to_le_bytes)
                .concat(),
        );
        out.extend(packet);
    }
    out
}

fn texts(capture: &Capture) -> Vec<String> {
    let text = |seen: &Seen| String::from_utf8(seen.bytes.clone()).unwrap();
    capture.messages.iter().map(text).collect()
}

#[test]
fn udp_over_each_kind_of_link_is_read() {
    let packet = ipv4(17, 0, &udp(OPTIONS.as_bytes()));
    let sll = [&[0; 14], &[8, 0][..], &packet].concat();
    let sll2 = [&[8, 0], &[0; 18][..], &packet].concat();
    let vlan = ethernet(&[0x81, 0, 0, 5, 8, 0], &packet);
    let null = [&[2, 0, 0, 0][..], &packet].concat();
    for (link, frame) in [
        (1, ethernet(&[8, 0], &packet)),
        (1, vlan),
        (113, sll),
        (276, sll2),
        (0, null),
        (101, packet),
    ] {
        let capture = read(&pcap(link, &[frame])).unwrap();
        assert_eq!(texts(&capture), [OPTIONS], "link {link}");
        let seen = &capture.messages[0];
        assert_eq!(seen.from, "192.0.2.1:5060".parse().unwrap());
        assert_eq!(seen.to, "192.0.2.2:5061".parse().unwrap());
        assert_eq!(seen.at, Duration::from_micros(1_700_000_000_250_000));
    }
}

#[test]
fn an_ipv6_packet_with_extensions_is_read() {
    let hop = [&[17, 0, 0, 0, 0, 0, 0, 0][..], &udp(OPTIONS.as_bytes())].concat();
    let capture = read(&pcap(229, &[ipv6(0, &hop)])).unwrap();
    assert_eq!(texts(&capture), [OPTIONS]);
    assert_eq!(
        capture.messages[0].from,
        "[2001:db8::1]:5060".parse().unwrap()
    );
}

#[test]
fn fragments_in_any_order_make_one_datagram() {
    let whole = udp(INVITE.as_bytes());
    let (first, rest) = whole.split_at(24);
    let (second, third) = rest.split_at(16);
    let packets = [
        ipv4(17, 5, third),
        ipv4(17, 0x2000, first),
        ipv4(17, 0x2003, second),
    ];
    assert_eq!(texts(&read(&pcap(101, &packets)).unwrap()), [INVITE]);
    let six = |offset: u16, data: &[u8]| {
        let offset = offset.to_be_bytes();
        ipv6(44, &[&[17, 0], &offset[..], &[0, 0, 0, 9], data].concat())
    };
    let packets = [six(1, first), six(25, second), six(40, third)];
    assert_eq!(texts(&read(&pcap(101, &packets)).unwrap()), [INVITE]);
    assert_eq!(
        texts(&read(&pcap(101, &packets[..2])).unwrap()),
        Vec::<String>::new()
    );
}

#[test]
fn tcp_segments_twice_and_out_of_order_make_their_messages_once() {
    let text = format!("{OPTIONS}\r\n\r\n{INVITE}{OPTIONS}");
    let bytes = text.as_bytes();
    let from = u32::MAX - 20;
    let piece = |range: std::ops::Range<usize>| {
        let sequence = from
            .wrapping_add(1)
            .wrapping_add(u32::try_from(range.start).unwrap());
        ipv4(6, 0, &tcp(sequence, 0x10, &bytes[range]))
    };
    let packets = [
        ipv4(6, 0, &tcp(from, 0x02, b"")),
        piece(0..30),
        piece(60..90),
        piece(30..70),
        piece(30..70),
        piece(100..bytes.len()),
        piece(80..101),
        ipv4(6, 0, &tcp(0, 0x11, b"")),
    ];
    let capture = read(&pcap(101, &packets)).unwrap();
    assert_eq!(texts(&capture), [OPTIONS, INVITE, OPTIONS]);
    assert!(capture.messages.iter().all(|seen| seen.is_tcp));
}

#[test]
fn a_capture_that_begins_in_a_connection_begins_at_a_message() {
    let packets = [
        ipv4(6, 0, &tcp(100, 0x10, b"the rest of a message")),
        ipv4(6, 0, &tcp(200, 0x10, OPTIONS.as_bytes())),
    ];
    assert_eq!(texts(&read(&pcap(101, &packets)).unwrap()), [OPTIONS]);
}

#[test]
fn a_pcapng_with_nanoseconds_is_read_in_either_order() {
    for is_big in [false, true] {
        let n32 = |n: u32| {
            if is_big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let n16 = |n: u16| {
            if is_big {
                n.to_be_bytes()
            } else {
                n.to_le_bytes()
            }
        };
        let block = |kind: u32, body: &[u8]| {
            let length = n32(u32::try_from(body.len() + 12).unwrap());
            [&n32(kind)[..], &length, body, &length].concat()
        };
        let packet = ipv4(17, 0, &udp(OPTIONS.as_bytes()));
        let ticks = 1_700_000_000_250_000_000_u64;
        let length = u32::try_from(packet.len()).unwrap();
        let head = [
            0,
            u32::try_from(ticks >> 32).unwrap(),
            ticks as u32,
            length,
            length,
        ]
        .map(n32)
        .concat();
        let padding = vec![0; packet.len().next_multiple_of(4) - packet.len()];
        let interface = [
            &n16(101)[..],
            &[0; 6],
            &n16(9),
            &n16(1),
            &[9, 0, 0, 0],
            &n16(0),
            &n16(0),
        ]
        .concat();
        let file = [
            block(
                0x0a0d_0d0a,
                &[&n32(0x1a2b_3c4d)[..], &n16(1), &n16(0), &[0xff; 8]].concat(),
            ),
            block(1, &interface),
            block(0x4000_0bad, &[1, 2, 3, 4]),
            block(6, &[&head[..], &packet, &padding].concat()),
        ]
        .concat();
        let capture = read(&file).unwrap();
        assert_eq!(texts(&capture), [OPTIONS]);
        assert_eq!(capture.messages[0].at, Duration::from_nanos(ticks));
    }
}

#[test]
fn what_is_no_capture_is_refused_and_half_a_capture_read() {
    assert!(read(b"").is_err());
    assert!(read(b"INVITE sip:b@h SIP/2.0").is_err());
    assert!(
        read(&pcap(105, &[vec![0; 40]]))
            .unwrap_err()
            .contains("105")
    );
    let whole = pcap(
        101,
        &[
            ipv4(17, 0, &udp(OPTIONS.as_bytes())),
            ipv4(17, 0, &udp(b"\0\0\0\0")),
        ],
    );
    for end in 24..whole.len() {
        let capture = read(&whole[..end]).unwrap();
        assert!(capture.messages.len() <= 1, "{end}");
    }
    assert_eq!(read(&whole).unwrap().skipped, 1);
}
