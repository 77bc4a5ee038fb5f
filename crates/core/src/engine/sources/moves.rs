//! Our own subscriptions at the PBX and its targets: which is asked, and what becomes of them when one of several is down or
//! back.

use super::super::Engine;
use super::super::health::places::{own_place, place_of};
use crate::config::{Config, UpstreamTarget};
use crate::flow::Destination;
use crate::outbox::Outbox;
use crate::share::{Source, State};
use crate::time::Now;
use crate::upstream::{Place, State as Health};
use smallvec::SmallVec;
use std::sync::Arc;

impl Engine {
    /// The PBX may have forgotten all of them, or those at this target: each is asked for in its turn, in the dialog that it
    /// had, which the PBX may know still.
    pub(in super::super) fn sources_back(&mut self, now: Now, place: Option<Place>) {
        self.shares.targets.look(now.instant, place);
        self.line_up_sources(now, |engine, source| {
            let at = own_place(&engine.config, source.place);
            place.is_none_or(|place| at == Some(place) || source.dialog.is_none())
        });
    }

    /// This target is known to be well: those that belong there and are elsewhere look for their turn.
    pub(in super::super) fn sources_move(&mut self, now: Now, place: Place) {
        self.line_up_sources(now, |engine, source| {
            let at = own_place(&engine.config, source.place);
            let at = at.filter(|at| engine.is_beside(place, *at));
            at.is_some_and(|at| source.dialog.is_none() || engine.belongs_elsewhere(at))
        });
    }

    fn line_up_sources(&mut self, now: Now, is_it: impl Fn(&Self, &Source) -> bool) {
        for number in self.sources_where(is_it) {
            let Some(source) = self.shares.sources.get_mut(&number) else {
                continue;
            };
            if matches!(source.state, State::Held | State::Wanted) && !source.shards.is_empty() {
                source.state = State::Wanted;
                source.forget_numbers();
                self.source_in_turn(now, number);
            }
        }
    }

    /// A target does not answer. If there is another that does, those that are there are asked for at that one, in their
    /// turn; one whose SUBSCRIBE is on its way waits no longer.
    pub(in super::super) fn sources_down(&mut self, now: Now, place: Place, out: &mut Outbox) {
        if !self.belongs_elsewhere(place) {
            return;
        }
        for number in self.sources_where(|engine, source| is_at(&engine.config, source, place)) {
            let Some(source) = self.shares.sources.get_mut(&number) else {
                continue;
            };
            match source.state {
                _ if source.shards.is_empty() => continue,
                State::Leaving => continue,
                State::Held | State::Wanted => source.state = State::Wanted,
                State::Asking => {
                    let flying = source.flying.take();
                    source.state = State::Wanted;
                    if let Some(client) = flying {
                        self.table.abandon(client);
                    }
                }
            }
            self.source_in_turn(now, number);
        }
        // What has not been answered there is forgotten without more ado.
        for number in self.sources_where(|engine, source| {
            is_at(&engine.config, source, place)
                && source.state == State::Wanted
                && !source.is_known()
        }) {
            self.source_anew(number, out);
        }
    }

    /// Whether one is at a target where it does not belong, and its next SUBSCRIBE is to begin anew: then it does. Where the
    /// PBX that it leaves lives it is ended there.
    pub(super) fn source_moves(&mut self, now: Now, number: u64, out: &mut Outbox) {
        let source = self.shares.sources.get(&number);
        let is_there = |source: &&Source| {
            source.is_known() && matches!(source.state, State::Held | State::Wanted)
        };
        let Some(source) = source.filter(is_there) else {
            return;
        };
        let (place, is_looked_at) = (
            own_place(&self.config, source.place),
            source.state == State::Wanted,
        );
        let Some(place) = place else {
            // Its target is not there any more.
            return self.source_anew(number, out);
        };
        if !self.belongs_elsewhere(place) {
            return;
        }
        if self.shared.health.is_down(place) {
            self.source_anew(number, out);
        } else if is_looked_at {
            self.source_parts(now, number);
        }
    }

    /// Its dialog is left to another, which ends it.
    fn source_parts(&mut self, now: Now, number: u64) {
        self.shares.unname_source(number);
        let Some(source) = self.shares.sources.get_mut(&number) else {
            return;
        };
        let key = Arc::clone(&source.key);
        let mut old = Source::new(now.instant, key, source.by.clone());
        (old.dialog, old.place) = (source.dialog.take(), source.place);
        old.was_there = true;
        old.state = State::Held;
        source.begin_anew();
        let old = self.shares.take_source(old);
        self.shared.subscriptions.count_source(true);
        self.source_in_turn(now, old);
    }

    /// The target that is asked: in a dialog the one that has it; for a new one the first that is up, as for any request, and
    /// after a failure the next.
    pub(in super::super) fn target_for(
        &self,
        now: Now,
        source: &Source,
    ) -> Option<(Destination, UpstreamTarget)> {
        let reached: SmallVec<[_; 2]> = self
            .registrar()?
            .targets
            .iter()
            .filter_map(|target| {
                let to = self.names.destination(target.transport, target.remote)?;
                Some((to, target))
            })
            .collect();
        let of = |place: Place| reached.iter().position(|(_, t)| place_of(t) == place);
        let at = own_place(&self.config, source.place).and_then(of);
        if source.dialog.is_some()
            && let Some((to, target)) = at.and_then(|at| reached.get(at))
        {
            return Some((*to, (*target).clone()));
        }
        let first = match source.place.and_then(of) {
            Some(last) if source.failures > 0 => last.saturating_add(1),
            _ => 0,
        };
        let order = || reached.iter().cycle().skip(first).take(reached.len());
        let is_up = |place| self.shared.health.state(now.instant, place) == Health::Up;
        let up = order().find(|(_, target)| is_up(place_of(target)));
        let (to, target) = up.or_else(|| order().next())?;
        Some((*to, (*target).clone()))
    }

    fn sources_where(&self, is_it: impl Fn(&Self, &Source) -> bool) -> Vec<u64> {
        let all = self.shares.sources.iter();
        let those = all.filter(|(_, source)| is_it(self, source));
        those.map(|(number, _)| *number).collect()
    }
}

/// Whether a source's dialog is at this target.
pub(in super::super) fn is_at(config: &Config, source: &Source, place: Place) -> bool {
    source.dialog.is_some() && own_place(config, source.place) == Some(place)
}
