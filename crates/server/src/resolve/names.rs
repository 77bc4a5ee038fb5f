//! What the upstreams' names stand for, kept over times in which they cannot be looked up.

use super::{Answer, Asker, LEAST, MOST, Place, Question, Resolver};
use crate::config::{Host, Target};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// What the upstreams' names stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    known: HashMap<Question, Vec<Place>>,
    /// Those that were not found when they were looked up last.
    lost: HashSet<Question>,
    /// How long until one of them is to be looked up again; `None`: there are no names.
    pause: Option<Duration>,
}

impl Names {
    /// The places of a target's name, the one to try first in front; none if it is an address itself.
    pub(crate) fn of(&self, target: &Target) -> &[Place] {
        let known = question(target).and_then(|question| self.known.get(&question));
        known.map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether these names stand for something else than those did.
    pub(crate) fn differ_from(&self, others: &Self) -> bool {
        self.known != others.known
    }

    /// How long to wait before looking them up again.
    pub(crate) fn pause(&self) -> Duration {
        self.pause.unwrap_or(MOST)
    }

    /// Looks up the names of all targets, at the same time. A name that cannot be looked up now keeps
    /// the places it had, and places in another order are no news: where weights decide, chance does
    /// so once for each change of the records (RFC 2782).
    pub(crate) async fn refreshed(
        &self,
        resolver: &Resolver,
        targets: impl Iterator<Item = &Target>,
    ) -> Self {
        let mut asked = HashMap::new();
        for question in targets.filter_map(question) {
            asked
                .entry(question)
                .or_insert_with_key(|question| resolver.ask(question.clone(), Asker::Upstream));
        }
        let mut now = Self::default();
        for (question, heard) in asked {
            let answer = match heard {
                Some(heard) => heard.await.unwrap_or(Answer::none()),
                None => Answer::none(),
            };
            let before = self.known.get(&question);
            let is_lost = answer.places.is_empty();
            let places = match before {
                Some(before) if is_lost || same(&answer.places, before) => before.clone(),
                _ => answer.places,
            };
            let host = &question.host;
            if places.is_empty() {
                tracing::warn!(target: "bellhop::resolve", host, "the upstream's name stands for nothing; trying again");
            } else if is_lost && !self.lost.contains(&question) {
                tracing::warn!(target: "bellhop::resolve", host, "not found now; the upstream keeps its addresses");
            } else if before != Some(&places) {
                tracing::info!(target: "bellhop::resolve", host, ?places, "name looked up");
            }
            let pause = if is_lost {
                LEAST
            } else {
                answer.good_for.clamp(LEAST, MOST)
            };
            now.pause = Some(now.pause.unwrap_or(MOST).min(pause));
            if is_lost {
                now.lost.insert(question.clone());
            }
            if !places.is_empty() {
                now.known.insert(question, places);
            }
        }
        now
    }
}

/// What has to be looked up for a target, if anything.
fn question(target: &Target) -> Option<Question> {
    match &target.host {
        Host::Name(name) => Some(Question {
            host: name.clone(),
            port: target.port,
            transport: target.transport(),
        }),
        Host::Ip(_) => None,
    }
}

fn same(a: &[Place], b: &[Place]) -> bool {
    a.len() == b.len() && a.iter().all(|place| b.contains(place))
}
