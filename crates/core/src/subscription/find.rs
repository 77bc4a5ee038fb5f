//! Which subscription a NOTIFY is of.

use super::read::event_of;
use super::table::Table;
use bellhop_wire::Message;

/// What a NOTIFY's dialog is to what is known.
pub(super) enum Found {
    This(u64),
    Sibling(u64),
    Nothing,
}

/// The subscription that a NOTIFY is of: by Call-ID, both tags and event (4.4.1); one whose notifier is not
/// known yet is the first that speaks.
pub(super) fn find_notified(table: &Table, request: Message<'_>) -> Found {
    let (Some(event), Some(watcher)) = (event_of(request), request.to_tag()) else {
        return Found::Nothing;
    };
    let notifier = request.from_tag();
    let mut sibling = None;
    let mut open = None;
    for number in table.of_call(request.call_id(), event) {
        let Some(entry) = table.live.get(&number) else {
            continue;
        };
        if *entry.watcher_tag != *watcher {
            continue;
        }
        match entry.notifier_tag.as_deref() {
            Some(tag) if Some(tag) == notifier => return Found::This(number),
            Some(_) => sibling = Some(number),
            None => open = Some(number),
        }
    }
    match (open, sibling) {
        (Some(number), _) => Found::This(number),
        (None, Some(number)) => Found::Sibling(number),
        (None, None) => Found::Nothing,
    }
}
