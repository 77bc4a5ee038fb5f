//! A phone's own REGISTER on its way to the PBX: its Contacts become ours, and what is granted to ours is granted
//! to its.

use super::gift::contact;
use super::{Granted, Slot, read_answer};
use crate::digits::decimal;
use crate::flow::Transport;
use crate::registrar::{Aor, Asked, Device};
use bellhop_wire::{Edit, HeaderId, Message};

/// What is kept of one until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Passing {
    /// Whose.
    pub(crate) aor: Aor,
    /// What it asks for.
    pub(crate) asked: Asked,
    /// No phone is granted more seconds, whatever the PBX says.
    pub(crate) most: Option<u32>,
}

impl Passing {
    /// Puts our Contacts in the place of its own. Its Path goes no further: it would lead past us.
    pub(crate) fn apply<'m>(
        &self,
        request: Message<'m>,
        at: (Transport, &[u8]),
        edit: &mut Edit<'m>,
    ) {
        for field in request.fields(HeaderId::Path) {
            edit.remove(field);
        }
        let Asked::Each(contacts) = &self.asked else {
            return;
        };
        for field in request.fields(HeaderId::Contact) {
            edit.remove(field);
        }
        for (device, seconds) in contacts {
            let mut contact = contact(Slot::Phone(*device), at, b"");
            let seconds = match (*seconds, self.most) {
                (Some(seconds), Some(most)) => Some(seconds.min(most)),
                (seconds, most) => seconds.or(most),
            };
            if let Some(seconds) = seconds {
                contact.put(b";expires=");
                contact.put(&decimal(seconds.into()));
            }
            edit.append(HeaderId::Contact.name(), &contact);
        }
    }
}

/// What a 2xx of the PBX grants to the phones whose Contacts were these, in seconds; `None`: it did not take one.
pub(crate) fn granted(passing: &Passing, response: Message<'_>) -> Option<Vec<(Device, u32)>> {
    let Asked::Each(contacts) = &passing.asked else {
        return Some(Vec::new());
    };
    let mut all = Vec::with_capacity(contacts.len());
    for (device, seconds) in contacts {
        let asked = seconds.unwrap_or(UNSAID);
        let seconds = match asked {
            0 => 0,
            asked => match read_answer(response, Slot::Phone(*device), None, asked) {
                Granted::For(seconds @ 1..) | Granted::Unlisted(seconds @ 1..) => {
                    passing.most.map_or(seconds, |m| seconds.min(m))
                }
                Granted::For(0) | Granted::Unlisted(0) | Granted::NotListed => return None,
            },
        };
        all.push((*device, seconds));
    }
    Some(all)
}

/// What is granted where neither side names a time (RFC 3261 10.2).
const UNSAID: u32 = 3_600;
