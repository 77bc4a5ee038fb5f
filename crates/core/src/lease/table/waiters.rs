//! Phones that wait for the PBX, and what they are told.

use super::times::seconds;
use super::{Around, Leases, SOON, Waiting};
use crate::lease::Event;
use crate::lease::want::{Demand, Fate, Need, Outcome};
use crate::registrar::Device;
use crate::time::Instant;
use std::time::Duration;

impl Leases {
    /// What is wanted. Whoever waits hears by an outcome, now or later.
    pub(crate) fn demand(&mut self, around: Around<'_>, demand: Demand, out: &mut Vec<Outcome>) {
        self.notice(around, out);
        if let Some(ticket) = demand.ticket {
            let left = demand.wants.iter().filter(|w| w.need != Need::Check);
            let waiting = Waiting {
                left: left.count(),
                fate: Fate::Held(u32::MAX),
            };
            self.waiting.insert(ticket, waiting);
        }
        for want in &demand.wants {
            let device = want.slot.device();
            let event = match want.need {
                Need::Check => {
                    self.check(around, device, out);
                    continue;
                }
                Need::Again if !self.live.contains_key(&device) => continue,
                Need::Bind => Event::Want,
                Need::Renew(_) | Need::Again => Event::Renew,
            };
            let is_new = !self.live.contains_key(&device);
            if is_new {
                self.begin(around, &demand.aor, want.slot);
            }
            if let Some(lease) = self.live.get_mut(&device) {
                if let Need::Renew(seconds) = want.need {
                    lease.expires = seconds;
                }
                lease.waiters.extend(demand.ticket);
                if want.expected.is_some() {
                    lease.expected.clone_from(&want.expected);
                    around.slots.expect(want.slot, want.expected.clone());
                }
            }
            if !is_new {
                self.step(around, device, event, None, out);
            }
            self.serve(around, device, want.need, out);
            if self.lease_waits(device) {
                self.enqueue(device);
            }
        }
    }

    /// Answers a phone at once where it need not wait, or would for too long.
    pub(super) fn serve(
        &mut self,
        around: Around<'_>,
        device: Device,
        need: Need,
        out: &mut Vec<Outcome>,
    ) {
        let Some(lease) = self.live.get(&device) else {
            return;
        };
        let now = around.now;
        let good = lease.state.good_until().filter(|until| *until > now);
        let ahead = self.queues.urgent();
        let fate = match (need, good) {
            (Need::Bind, Some(until)) => Fate::Held(seconds(until.since(now))),
            _ if around.is_down || self.silent.is_some() || self.wait(around, ahead) > PATIENCE => {
                let all = self.queues.len();
                Fate::Later(self.wait(around, all))
            }
            _ => return,
        };
        self.tell(around.now, device, &fate, out);
    }

    /// How long so many turns take, if all shards have as many to take.
    fn wait(&self, around: Around<'_>, turns: usize) -> Duration {
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        let all = turns.saturating_mul(u32::from(around.config.shards));
        around.config.interval().saturating_mul(all)
    }

    /// Tells those who wait for a lease what became of it.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        device: Device,
        fate: &Fate,
        out: &mut Vec<Outcome>,
    ) {
        let Some(lease) = self.live.get_mut(&device) else {
            return;
        };
        let waiters = std::mem::take(&mut lease.waiters);
        if waiters.is_empty() {
            return;
        }
        // Whoever waited is bound now, or never will be.
        lease.check = now.after(SOON);
        self.arm(device);
        for ticket in waiters {
            let Some(waiting) = self.waiting.get_mut(&ticket) else {
                continue;
            };
            waiting.left = waiting.left.saturating_sub(1);
            waiting.fate = waiting.fate.clone().and(fate.clone());
            if waiting.left == 0
                && let Some(Waiting { fate, .. }) = self.waiting.remove(&ticket)
            {
                out.push(Outcome { ticket, fate });
            }
        }
    }
}

/// How long a phone may have to wait for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
