//! A dialog's name, written into the request that goes on.

use super::super::hide::Hider;
use super::super::write::UNBOUNDED;
use super::ids::{Ids, is_required};
use super::named::Named;
use bellhop_wire::{Edit, HeaderId, Message, NameAddr, Owned};

/// Our INVITE with the Replaces or Join of these ids.
pub(in crate::b2bua) fn in_invite(invite: &Owned, ids: &Ids) -> Option<Box<Owned>> {
    let mut edit = Edit::new(invite.message());
    edit.append(ids.wish.name(), &ids.write());
    written(&edit)
}

/// Our REFER with a Refer-To that names the dialog, as the other end is to read it.
pub(in crate::b2bua) fn in_refer(
    request: &Owned,
    refer: Message<'_>,
    named: &Named,
    hider: &Hider<'_>,
) -> Option<Box<Owned>> {
    let to = NameAddr::parse(refer.first(HeaderId::ReferTo)?.value).ok()?;
    let mut value = Vec::with_capacity(256);
    value.push(b'<');
    let (known_as, tag) = &named.known_as;
    if to.uri.user == Some(tag) {
        // It is our Contact, as its other end knows it.
        hider.put_uri(&NameAddr::parse(known_as).ok()?.uri, &mut value);
    } else {
        hider.put_uri(&to.uri, &mut value);
    }
    if hider.tells(&value) {
        return None;
    }
    value.push(b'?');
    named.ids.put_in_uri(&mut value);
    if is_required(&to.uri, named.ids.wish) {
        value.extend_from_slice(b"&Require=");
        value.extend_from_slice(named.ids.wish.name().to_ascii_lowercase().as_bytes());
    }
    value.push(b'>');
    let mut edit = Edit::new(request.message());
    edit.set(HeaderId::ReferTo, &value);
    written(&edit)
}

fn written(edit: &Edit<'_>) -> Option<Box<Owned>> {
    let mut text = Vec::with_capacity(1024);
    edit.write(&mut text).ok()?;
    Some(Box::new(Owned::parse(&text, &UNBOUNDED).ok()?))
}
