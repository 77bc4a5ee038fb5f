//! Sending datagrams in batches, to each peer in order: one sendmmsg takes as many as it may, and neighbours of
//! one size that go to one peer are handed over as one, which the system or the network card cuts up again
//! (UDP_SEGMENT). The way through the system is most of what a datagram costs.

mod order;

use super::{errors, udp::BATCH};
use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg},
};
use order::together;
use std::{
    io::IoSlice,
    net::SocketAddr,
    os::fd::{AsRawFd, RawFd},
};

/// Sends datagrams in batches, to each peer in order.
pub(crate) struct Sender {
    plain: MultiHeaders<SockaddrStorage>,
    segmented: MultiHeaders<SockaddrStorage>,
    /// Where each group of a call goes.
    addresses: Vec<Option<SockaddrStorage>>,
    /// Sockets whose system or route cuts nothing up.
    whole: Vec<RawFd>,
}

/// Why a datagram did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The send buffer or the interface's queue is full: as good as lost on the way, retransmission mends it.
    Busy,
    /// It cannot be sent to this address, or not at this size (EMSGSIZE).
    Unsendable(Errno),
}

impl Sender {
    /// A sender.
    pub(crate) fn new() -> Self {
        let control = nix::cmsg_space!(u16);
        Self {
            plain: MultiHeaders::preallocate(BATCH, None),
            segmented: MultiHeaders::preallocate(BATCH, Some(control)),
            addresses: Vec::with_capacity(BATCH),
            whole: Vec::new(),
        }
    }

    /// Sends all items, each with its destination. `lost` hears of each that did not leave; the others
    /// are sent all the same.
    pub(crate) fn send<'b, T: Copy>(
        &mut self,
        socket: &impl AsRawFd,
        items: impl Iterator<Item = (&'b [u8], SocketAddr, T)>,
        mut lost: impl FnMut(T, Lost),
    ) {
        let socket = socket.as_raw_fd();
        let mut items = items.peekable();
        while items.peek().is_some() {
            let mut slices = [IoSlice::new(&[]); BATCH];
            let mut tags = [None; BATCH];
            let mut count: usize = 0;
            for (tag, (bytes, to, t)) in tags.iter_mut().zip(items.by_ref()) {
                *tag = Some((bytes, to, t));
                count = count.saturating_add(1);
            }
            let tags = tags.get_mut(..count).unwrap_or_default();
            together(tags, |tag| tag.map(|(_, to, _)| to));
            for (slice, tag) in slices.iter_mut().zip(&*tags) {
                if let Some((bytes, ..)) = tag {
                    *slice = IoSlice::new(bytes);
                }
            }
            let to = |index: usize| tags.get(index).copied().flatten().map(|(_, to, _)| to);
            let batch = Batch {
                slices: slices.get(..count).unwrap_or_default(),
                to: &to,
            };
            let is_whole = self.whole.contains(&socket);
            let (plain, segmented) = (&mut self.plain, &mut self.segmented);
            let call = |call: Call<'_, '_>| {
                let (headers, control) = match &call.segment {
                    None => (&mut *plain, None),
                    Some(size) => (&mut *segmented, Some(ControlMessage::UdpGsoSegments(size))),
                };
                sendmmsg(
                    socket,
                    headers,
                    call.groups,
                    call.addresses,
                    control.as_slice(),
                    MsgFlags::MSG_DONTWAIT,
                )
                .map(Iterator::count)
            };
            let cuts = batch.send(is_whole, &mut self.addresses, call, |index, why| {
                if let Some((_, _, tag)) = tags.get(index).copied().flatten() {
                    lost(tag, why);
                }
            });
            if cuts == Cuts::No && !is_whole {
                self.whole.push(socket);
            }
        }
    }
}

/// Up to [`BATCH`] datagrams of one socket.
struct Batch<'i, 'b> {
    slices: &'i [IoSlice<'b>],
    /// Where each goes.
    to: &'i dyn Fn(usize) -> Option<SocketAddr>,
}

/// One system call.
struct Call<'i, 'b> {
    /// Each is what goes to one address, cut up if there is a size for it and it is longer.
    groups: &'i [&'i [IoSlice<'b>]],
    addresses: &'i [Option<SockaddrStorage>],
    segment: Option<u16>,
}

/// Whether the system cuts up what it is handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cuts {
    Yes,
    No,
}

impl<'b> Batch<'_, 'b> {
    /// Sends it; `call` makes the system call and gives how many groups have left.
    fn send(
        &self,
        is_whole: bool,
        addresses: &mut Vec<Option<SockaddrStorage>>,
        mut call: impl FnMut(Call<'_, 'b>) -> Result<usize, Errno>,
        mut lost: impl FnMut(usize, Lost),
    ) -> Cuts {
        let count = self.slices.len();
        let mut cuts = if is_whole { Cuts::No } else { Cuts::Yes };
        let (mut at, mut tries): (usize, usize) = (0, 0);
        // Items before this one go one by one: one of them has kept all of its group from leaving.
        let mut singly: usize = 0;
        while at < count {
            let mut groups: [&[IoSlice<'b>]; BATCH] = [&[]; BATCH];
            let singles = if cuts == Cuts::No { count } else { singly };
            let segment = self.plan(at, singles, &mut groups, addresses);
            let groups = groups.get(..addresses.len()).unwrap_or_default();
            let first = groups.first().map_or(1, |group| group.len());
            let result = call(Call {
                groups,
                addresses,
                segment,
            });
            match result {
                // A short count: the next call gives the error of the group that stopped this one.
                Ok(sent) => {
                    let left = groups.iter().take(sent.max(1)).map(|group| group.len());
                    (at, tries) = (at.saturating_add(left.sum()), 0);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    (at..count).for_each(|index| lost(index, Lost::Busy));
                    break;
                }
                // The queue of this one's interface is full; others may leave by another.
                Err(Errno::ENOBUFS) => {
                    let end = at.saturating_add(first);
                    (at..end).for_each(|index| lost(index, Lost::Busy));
                    (at, tries) = (end, 0);
                }
                // It may be an earlier datagram's, and several may be reported one after another.
                Err(errno) if errors::is_earlier(errno) && tries < TRIES => {
                    tries = tries.saturating_add(1);
                }
                Err(Errno::EIO | Errno::EINVAL) if segment.is_some() => cuts = Cuts::No,
                Err(_) if first > 1 => (singly, tries) = (at.saturating_add(first), 0),
                Err(errno) => {
                    lost(at, Lost::Unsendable(errno));
                    (at, tries) = (at.saturating_add(1), 0);
                }
            }
        }
        cuts
    }

    /// Makes groups of the items from `at` on, as many as one call takes; gives the size that the longer
    /// ones are cut to. Items before `singles` are groups of their own.
    fn plan<'g>(
        &'g self,
        mut at: usize,
        singles: usize,
        groups: &mut [&'g [IoSlice<'b>]; BATCH],
        addresses: &mut Vec<Option<SockaddrStorage>>,
    ) -> Option<u16> {
        addresses.clear();
        let mut segment = None;
        let mut longest: usize = 0;
        for group in groups {
            let Some(to) = (self.to)(at) else { break };
            let mut rest = self.slices.get(at..).unwrap_or_default();
            if at < singles {
                rest = rest.get(..1).unwrap_or_default();
            }
            let (length, size) = self.group(at, to, rest);
            // The size is one for a whole call, and cuts up all that is longer.
            match (size, segment) {
                (Some(size), None) if longest <= usize::from(size) => segment = Some(size),
                (Some(size), Some(other)) if size == other => {}
                (Some(_), _) => break,
                (None, Some(other)) if len(rest) > usize::from(other) => break,
                (None, _) => longest = longest.max(len(rest)),
            }
            *group = rest.get(..length).unwrap_or_default();
            addresses.push(Some(SockaddrStorage::from(to)));
            at = at.saturating_add(length);
        }
        segment
    }

    /// How many of `rest`, the items from `at` on, go together, and their size if it is more than one:
    /// to one peer, of one size, the last maybe shorter.
    fn group(&self, at: usize, to: SocketAddr, rest: &[IoSlice<'b>]) -> (usize, Option<u16>) {
        let size = len(rest);
        if !(1..=LONGEST).contains(&size) {
            return (1, None);
        }
        let (mut length, mut bytes): (usize, usize) = (1, size);
        for (next, index) in rest.iter().zip(at..).skip(1) {
            let is_fit = !next.is_empty() && next.len() <= size && bytes <= MOST;
            if !is_fit || (self.to)(index) != Some(to) {
                break;
            }
            length = length.saturating_add(1);
            bytes = bytes.saturating_add(size);
            if next.len() < size {
                break;
            }
        }
        let size = u16::try_from(size).ok().filter(|_| length > 1);
        (length, size)
    }
}

/// The length of the first.
fn len(slices: &[IoSlice<'_>]) -> usize {
    slices.first().map_or(0, |slice| slice.len())
}

/// What fits every link of IPv6 (RFC 8200 5: 1,280 bytes, less the headers): the system refuses to cut into
/// pieces that would have to be fragmented.
const LONGEST: usize = 1_232;
/// Bytes that another datagram may follow in one group: together less than a datagram can be.
const MOST: usize = 65_507 - LONGEST;
/// How often a group is tried again because the error may be another's.
const TRIES: usize = 4;

#[cfg(test)]
mod tests;
