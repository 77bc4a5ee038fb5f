//! The chain: each plugin in its turn, until one decides.

use super::{ShardPolicy, Waiting, runner};
use crate::account::counters::HookName;
use crate::aside::{Aside, Found, Job, Pending};
use crate::config::OnError;
use crate::error::Fault;
use crate::guest::Stage;
use crate::plugin::{Plugin, Way};
use crate::question::{self, Question};
use crate::runner::{Runner, Subject};
use crate::set::{Place, Set};
use crate::shadow::Outcome;
use bellhop_core::policy::{Answer, Ask, Hook, Reply, Verdict};
use bellhop_core::time::Now;
use std::sync::Arc;
use std::time::Duration;

impl ShardPolicy {
    /// Asks the plugins of `set` from one place on.
    pub(super) fn ask_from(
        &mut self,
        now: Now,
        set: &Arc<Set>,
        from: usize,
        ask: &mut Ask<'_>,
    ) -> Answer {
        let hook = question::name(ask.hook);
        for (at, place) in set.places.iter().enumerate().skip(from) {
            let snapshot = snapshot(place, hook, ask);
            if !place.plugin.has(hook) {
                show(place, snapshot, &Outcome::nothing);
                continue;
            }
            let said = match place.plugin.way(now, hook, &ask.source) {
                Way::Here => self.ask_one(now, set, at, hook, ask),
                Way::Aside(aside, patience) => {
                    let waiting = (set, at, snapshot.clone());
                    match self.hand_over(now, (aside, patience), waiting, ask) {
                        Ok(later) => return later,
                        Err(fault) => Err(fault),
                    }
                }
                Way::LeftAlone => Err(place.plugin.refused(hook, Fault::Quarantined)),
            };
            let outcome = || outcome(&said, snapshot.as_ref(), ask);
            show(place, snapshot.clone(), &outcome);
            if let Some(verdict) = settle(&place.plugin, ask.hook, said) {
                return Answer::Now(verdict);
            }
        }
        Answer::Now(Verdict::Continue)
    }

    /// The answer to a question that waited, or the fallback; and the rest of the chain.
    pub(super) fn answer_of(&mut self, now: Now, waiting: Waiting, ask: &mut Ask<'_>) -> Answer {
        let Waiting {
            set,
            place: at,
            pending,
            snapshot,
        } = waiting;
        let Some(place) = set.places.get(at) else {
            return Answer::Now(Verdict::Continue);
        };
        let said = match pending.take() {
            Some(Found {
                verdict,
                mut question,
            }) => {
                if verdict.is_ok() {
                    question.give_back(ask);
                }
                verdict
            }
            None => {
                let hook = question::name(ask.hook);
                Err(place.plugin.refused(hook, Fault::Deadline))
            }
        };
        let outcome = || outcome(&said, snapshot.as_ref(), ask);
        show(place, snapshot.clone(), &outcome);
        match settle(&place.plugin, ask.hook, said) {
            Some(verdict) => Answer::Now(verdict),
            None => self.ask_from(now, &set, at.saturating_add(1), ask),
        }
    }

    /// Shadows before all real plugins are compared with nothing at all.
    pub(super) fn ask_leading_shadows(&self, set: &Set, ask: &Ask<'_>) {
        let hook = question::name(ask.hook);
        for shadow in &set.leading {
            if shadow.has(hook) {
                send(shadow, Question::copy_of(ask), Outcome::nothing());
            }
        }
    }

    fn ask_one(
        &mut self,
        now: Now,
        set: &Arc<Set>,
        at: usize,
        hook: HookName,
        ask: &mut Ask<'_>,
    ) -> Result<Verdict, Fault> {
        let mut passing: Runner;
        let runner = if Arc::ptr_eq(set, &self.set) {
            self.runners.get_mut(at)
        } else {
            // The set is no longer ours: a message that waited finishes on it all the same.
            passing = match set.places.get(at) {
                Some(place) => runner(&place.plugin),
                None => return Ok(Verdict::Continue),
            };
            Some(&mut passing)
        };
        match runner {
            Some(runner) => runner.ask(now, Stage::Prompt, hook, Subject::Ask(ask)),
            None => Ok(Verdict::Continue),
        }
    }

    /// Gives a question to a thread of the plugin's.
    fn hand_over(
        &mut self,
        now: Now,
        (aside, patience): (Option<&Aside>, Duration),
        (set, at, snapshot): (&Arc<Set>, usize, Option<Question>),
        ask: &Ask<'_>,
    ) -> Result<Answer, Fault> {
        let until = std::time::Instant::now().checked_add(patience);
        let until = until.unwrap_or_else(std::time::Instant::now);
        let pending = Arc::new(Pending::new(ask.ticket, self.wake.clone(), until));
        let job = Job::Hook(Box::new(Question::copy_of(ask)), pending.clone());
        if !aside.is_some_and(|aside| aside.submit(job)) {
            let hook = question::name(ask.hook);
            let refused = |place: &Place| place.plugin.refused(hook, Fault::Busy);
            return Err(set.places.get(at).map_or(Fault::Busy, refused));
        }
        self.waiting.insert(
            ask.ticket,
            Waiting {
                set: set.clone(),
                place: at,
                pending,
                snapshot,
            },
        );
        Ok(Answer::Later {
            until: now.instant.after(patience),
        })
    }
}

/// What a plugin's word does to the chain: `None`, the next one is asked.
fn settle(plugin: &Plugin, hook: Hook, said: Result<Verdict, Fault>) -> Option<Verdict> {
    let verdict = match said {
        Ok(verdict) => verdict,
        Err(_) if plugin.config().on_error == OnError::Continue => return None,
        // The best response so far goes back.
        Err(_) if hook == Hook::Failure => Verdict::Accept { expires: None },
        Err(_) => Verdict::Reply(Reply {
            status: 500,
            ..Reply::default()
        }),
    };
    let decides = hook != Hook::Response && !matches!(verdict, Verdict::Continue);
    decides.then_some(verdict)
}

/// The question as the shadows of a place are to see it, if there are any for this hook.
fn snapshot(place: &Place, hook: HookName, ask: &Ask<'_>) -> Option<Question> {
    let wanted = |shadow: &Arc<Plugin>| shadow.has(hook) || place.plugin.has(hook);
    place
        .shadows
        .iter()
        .any(wanted)
        .then(|| Question::copy_of(ask))
}

fn outcome(said: &Result<Verdict, Fault>, snapshot: Option<&Question>, ask: &Ask<'_>) -> Outcome {
    match snapshot {
        Some(before) => Outcome::of(said, &before.changes, ask.changes),
        None => Outcome::nothing(),
    }
}

/// Gives the shadows of a place the question, and what the real plugin made of it.
fn show(place: &Place, snapshot: Option<Question>, outcome: &dyn Fn() -> Outcome) {
    let Some(snapshot) = snapshot else {
        return;
    };
    for shadow in &place.shadows {
        send(shadow, snapshot.clone(), outcome());
    }
}

fn send(shadow: &Plugin, question: Question, real: Outcome) {
    let job = Job::Compare(Box::new(question), real);
    let taken = shadow
        .patient
        .as_ref()
        .is_some_and(|aside| aside.submit(job));
    if !taken {
        shadow.account().lost();
    }
}
