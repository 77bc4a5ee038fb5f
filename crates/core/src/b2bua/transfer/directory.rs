//! The shard's word on a dialog that is named: which it is, whether whoever names it may, and what it is called towards
//! whoever is told.

use super::super::call::{Call, End, Pair, State};
use super::super::leg::Leg;
use super::alias::Alias;
use super::ids::Ids;
use super::named::{Answer, Asker, Named, Place, Question};
use crate::engine::{Engine, slot_of_call};
use crate::hex;

impl Engine {
    /// The dialog of this shard that is named.
    pub(super) fn named(&mut self, question: &Question) -> Answer {
        let ids = &question.ids;
        let is_refer = question.told.is_some();
        // 481 to a REFER would be the end of the call that it came in (RFC 5057 5.1).
        let unknown = if is_refer { 603 } else { 481 };
        let chance = self.entropy.next_u64();
        let alias = Alias::read(&self.shared.secret, ids);
        let found = match alias {
            Some(alias) => self.of_alias(alias),
            None => self.of_ids(ids),
        };
        let Some((call, pair, end)) = found else {
            return Err((unknown, "No such dialog"));
        };
        let near = pair.leg(end.other());
        // Who was given an alias has it from the party that is replaced (RFC 3891 3, RFC 5589 7.4).
        if alias.is_none() && !self.may_name(&question.by, near, call, end.other()) {
            return Err((403, "Not a party of the dialog"));
        }
        match call.state {
            State::Ending => return Err((603, "The dialog is over")),
            State::Confirmed if ids.is_early_only && !is_refer => {
                return Err((486, "The dialog has been answered"));
            }
            // RFC 3891 3, RFC 3911 4: one that its user agent has not begun.
            State::Early if end == End::B && !is_refer => return Err((481, "No such dialog")),
            State::Early | State::Confirmed => {}
        }
        let far = pair.leg(end);
        let place = Place {
            side: far.place,
            flow: call.flow(end),
        };
        let is_his = question.told.is_none_or(|told| told.is_same(place));
        let named = if is_his {
            Ids {
                wish: ids.wish,
                call_id: far.call_id.clone(),
                to_tag: far.remote_tag.clone(),
                from_tag: far.tag().into(),
                is_early_only: ids.is_early_only,
            }
        } else {
            let alias = Alias {
                pair: pair.a.local_tag,
                end,
            };
            let slot = slot_of_call(&far.call_id);
            let mut named = alias.write(&self.shared.secret, (chance, slot), ids.wish);
            named.is_early_only = ids.is_early_only;
            named
        };
        Ok(Box::new(Named {
            ids: named,
            leg: far.clone(),
            known_as: (near.local.clone(), near.tag()),
        }))
    }

    fn of_alias(&self, alias: Alias) -> Option<(&Call, &Pair, End)> {
        let (call, _) = self.calls.tagged(alias.pair)?;
        let mut pairs = call.pairs.iter();
        let pair = pairs.find(|pair| pair.a.local_tag == alias.pair)?;
        Some((call, pair, alias.end))
    }

    /// The dialog of these ids, and which end of its call they ask for: its other end for one to whom we are the user
    /// agent that is called, else the one that they are of.
    fn of_ids(&self, ids: &Ids) -> Option<(&Call, &Pair, End)> {
        let find = |ours: &[u8], theirs: &[u8]| {
            let mut tag = [0; 8];
            hex::read(ours, &mut tag)?;
            let tag = u64::from_be_bytes(tag);
            let (call, end) = self.calls.tagged(tag)?;
            let pair = call.pairs.iter().find(|pair| {
                let leg = pair.leg(end);
                let is_of = leg.local_tag == tag && &*leg.remote_tag == theirs;
                is_of && leg.call_id == ids.call_id
            })?;
            Some((call, pair, end))
        };
        if let Some((call, pair, end)) = find(&ids.to_tag, &ids.from_tag) {
            return Some((call, pair, end.other()));
        }
        find(&ids.from_tag, &ids.to_tag)
    }

    /// Whether somebody is the party of a dialog that it would be taken from, or a PBX.
    fn may_name(&self, by: &Asker, near: &Leg, call: &Call, end: End) -> bool {
        let place = Place {
            side: near.place,
            flow: call.flow(end),
        };
        let is_user = || {
            let aor = near.device().and_then(|d| self.shared.location.aor_of(d));
            aor.map(|aor| by.aors.contains(&aor))
        };
        by.is_trusted || is_user().unwrap_or(false) || by.place.is_same(place)
    }
}
