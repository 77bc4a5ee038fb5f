//! The packets of a capture file: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).

use std::time::Duration;

use super::cursor::Cursor;

/// Hands each packet on: when it was seen, the link type it has, and its bytes.
///
/// # Errors
/// It is no capture, or what `each` says.
pub(super) fn packets(
    bytes: &[u8],
    each: impl FnMut(Duration, u32, &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let magic = bytes.first_chunk::<4>().copied().unwrap_or_default();
    match (u32::from_be_bytes(magic), u32::from_le_bytes(magic)) {
        (SECTION, _) => next_generation(bytes, each),
        (MICROS | NANOS, _) => classic(bytes, true, u32::from_be_bytes(magic) == NANOS, each),
        (_, MICROS | NANOS) => classic(bytes, false, u32::from_le_bytes(magic) == NANOS, each),
        _ => Err("neither a pcap nor a pcapng file".to_owned()),
    }
}

fn classic(
    bytes: &[u8],
    is_big: bool,
    is_nanos: bool,
    mut each: impl FnMut(Duration, u32, &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = Cursor(bytes);
    // Magic, version, two unused fields and the snapshot length stand before the link type.
    let link = rest.take(20).and_then(|_| rest.u32_of(is_big));
    let link = link.ok_or("the file ends in its header")? & 0x0fff_ffff;
    let mut packet = || {
        let seconds = rest.u32_of(is_big)?;
        let fraction = rest.u32_of(is_big)?;
        let length = rest.u32_of(is_big)?;
        let _on_the_wire = rest.u32_of(is_big)?;
        let data = rest.take(usize::try_from(length).ok()?)?;
        let nanos = if is_nanos {
            fraction
        } else {
            fraction.saturating_mul(1000)
        };
        let at =
            Duration::from_secs(seconds.into()).saturating_add(Duration::from_nanos(nanos.into()));
        Some((at, data))
    };
    while let Some((at, data)) = packet() {
        each(at, link, data)?;
    }
    Ok(())
}

/// One interface of a section: its link type, and how many ticks its clock has in a second.
struct Interface {
    link: u32,
    ticks: u64,
}

fn next_generation(
    bytes: &[u8],
    mut each: impl FnMut(Duration, u32, &[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let mut rest = Cursor(bytes);
    let mut is_big = false;
    let mut interfaces: Vec<Interface> = Vec::new();
    while let Some((kind, body)) = block(&mut rest, &mut is_big) {
        let mut body = Cursor(body);
        match kind {
            SECTION => interfaces.clear(),
            INTERFACE => interfaces.extend(interface(&mut body, is_big)),
            ENHANCED => {
                let packet = enhanced(&mut body, is_big);
                let packet = packet.and_then(|(index, ticks, data)| {
                    let interface = interfaces.get(usize::try_from(index).ok()?)?;
                    Some((interface.at(ticks), interface.link, data))
                });
                if let Some((at, link, data)) = packet {
                    each(at, link, data)?;
                }
            }
            SIMPLE => {
                let length = body
                    .u32_of(is_big)
                    .and_then(|length| usize::try_from(length).ok());
                if let (Some(length), Some(interface)) = (length, interfaces.first()) {
                    let data = body.0.get(..length).unwrap_or(body.0);
                    each(Duration::ZERO, interface.link, data)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The type of the next block, and what is in it. A section's head says in which order numbers are.
fn block<'b>(rest: &mut Cursor<'b>, is_big: &mut bool) -> Option<(u32, &'b [u8])> {
    let kind = rest.array::<4>()?;
    let kind = match u32::from_be_bytes(kind) == SECTION {
        true => {
            *is_big = rest.0.get(4..8)? == [0x1a, 0x2b, 0x3c, 0x4d];
            SECTION
        }
        false if *is_big => u32::from_be_bytes(kind),
        false => u32::from_le_bytes(kind),
    };
    let length = usize::try_from(rest.u32_of(*is_big)?).ok()?;
    let body = rest.take(length.checked_sub(12)?)?;
    rest.take(4)?;
    Some((kind, body))
}

fn interface(body: &mut Cursor<'_>, is_big: bool) -> Option<Interface> {
    let link = body.u16_of(is_big)?;
    body.take(6)?;
    let mut ticks = 1_000_000;
    while let (Some(code), Some(length)) = (body.u16_of(is_big), body.u16_of(is_big)) {
        let padded = usize::from(length).checked_next_multiple_of(4)?;
        let Some(value) = body.take(padded) else {
            break;
        };
        // if_tsresol: a power of ten, or with the top bit of two.
        if let (9, Some(power)) = (code, value.first()) {
            let base: u64 = if power & 0x80 == 0 { 10 } else { 2 };
            ticks = base.checked_pow(u32::from(power & 0x7f)).unwrap_or(ticks);
        }
    }
    Some(Interface {
        link: link.into(),
        ticks,
    })
}

fn enhanced<'b>(body: &mut Cursor<'b>, is_big: bool) -> Option<(u32, u64, &'b [u8])> {
    let index = body.u32_of(is_big)?;
    let ticks = u64::from(body.u32_of(is_big)?) << 32 | u64::from(body.u32_of(is_big)?);
    let length = usize::try_from(body.u32_of(is_big)?).ok()?;
    body.u32_of(is_big)?;
    Some((index, ticks, body.take(length)?))
}

impl Interface {
    fn at(&self, ticks: u64) -> Duration {
        let whole = ticks.checked_div(self.ticks).unwrap_or(0);
        let part = u128::from(ticks.checked_rem(self.ticks).unwrap_or(0));
        let nanos = part
            .saturating_mul(1_000_000_000)
            .checked_div(self.ticks.into());
        let nanos = u64::try_from(nanos.unwrap_or(0)).unwrap_or(0);
        Duration::from_secs(whole).saturating_add(Duration::from_nanos(nanos))
    }
}

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;
