//! One machine in simulated time: fires its timers when they are due and writes down what it asks for.

use crate::{
    time::Instant,
    transaction::{
        invite_client, invite_server,
        machine::{Actions, ClientAction, Env, ServerAction},
        non_invite_client, non_invite_server,
        timer::{TimerConfig, Timers},
    },
};
use std::{fmt::Debug, hash::Hash, time::Duration};

/// RFC 3261's times over UDP.
pub(super) fn unreliable() -> Env {
    Env {
        timers: TimerConfig::default(),
        reliable: false,
    }
}

/// RFC 3261's times over TCP.
pub(super) fn reliable() -> Env {
    Env {
        timers: TimerConfig::default(),
        reliable: true,
    }
}

/// What the simulation must know of a machine.
pub(super) trait Machine: Copy + Debug + PartialEq {
    type Event: Copy + Debug;
    type Timer: Copy + Eq + Hash + Debug;
    type Action: Debug;

    fn begin(env: &Env) -> (Self, Actions<Self::Action>);
    fn transition(self, event: Self::Event, env: &Env) -> (Self, Actions<Self::Action>);
    fn fired(timer: Self::Timer) -> Self::Event;
    /// The timer that an action starts (with its time) or stops.
    fn timer(action: &Self::Action) -> Option<(Self::Timer, Option<Duration>)>;
}

/// A machine, its timers and what it did.
pub(super) struct Sim<M: Machine> {
    pub(super) state: M,
    env: Env,
    now: Instant,
    timers: Timers<M::Timer>,
    log: Vec<(u64, String)>,
}

impl<M: Machine> Sim<M> {
    /// Starts the machine at time 0.
    pub(super) fn new(env: Env) -> Self {
        let (state, actions) = M::begin(&env);
        let mut sim = Self {
            state,
            env,
            now: Instant::default(),
            timers: Timers::new(),
            log: Vec::new(),
        };
        sim.perform(actions);
        sim
    }

    /// Starts a machine at time 0 and feeds it one event.
    pub(super) fn after(env: Env, event: M::Event) -> Self {
        let mut sim = Self::new(env);
        sim.feed(event);
        sim
    }

    /// An event, now. What the machine did for it, timers left out.
    pub(super) fn feed(&mut self, event: M::Event) -> Vec<String> {
        let (state, actions) = self.state.transition(event, &self.env);
        self.state = state;
        self.perform(actions)
    }

    /// Lets time pass until `millis`, firing what comes due.
    pub(super) fn run_to(&mut self, millis: u64) {
        let end = Instant::from_micros(millis * 1000);
        while let Some(due) = self.timers.next().filter(|due| *due <= end) {
            self.now = due;
            while let Some(timer) = self.timers.pop_due(due) {
                self.feed(M::fired(timer));
            }
        }
        self.now = end;
    }

    /// When, in milliseconds, the machine did this.
    pub(super) fn times(&self, action: &str) -> Vec<u64> {
        let times = self.log.iter().filter(|(_, did)| did == action);
        times.map(|(at, _)| *at).collect()
    }

    /// How many timers run.
    pub(super) fn running(&self) -> usize {
        self.timers.len()
    }

    fn perform(&mut self, actions: Actions<M::Action>) -> Vec<String> {
        let mut did = Vec::new();
        for action in actions {
            match M::timer(&action) {
                Some((timer, Some(after))) => self.timers.set(timer, self.now.after(after)),
                Some((timer, None)) => {
                    self.timers.cancel(&timer);
                }
                None => did.push(format!("{action:?}")),
            }
        }
        let at = self.now.as_micros() / 1000;
        self.log.extend(did.iter().map(|did| (at, did.clone())));
        did
    }
}

macro_rules! machine {
    ($module:ident, $action:ident, $begin:expr) => {
        impl Machine for $module::State {
            type Event = $module::Event;
            type Timer = $module::Timer;
            type Action = $module::Action;

            fn begin(env: &Env) -> (Self, Actions<Self::Action>) {
                $begin(env)
            }

            fn transition(self, event: Self::Event, env: &Env) -> (Self, Actions<Self::Action>) {
                self.on(event, env)
            }

            fn fired(timer: Self::Timer) -> Self::Event {
                $module::Event::Timer(timer)
            }

            fn timer(action: &Self::Action) -> Option<(Self::Timer, Option<Duration>)> {
                match action {
                    $action::Start(timer, after) => Some((*timer, Some(*after))),
                    $action::Stop(timer) => Some((*timer, None)),
                    _ => None,
                }
            }
        }
    };
}

machine!(invite_client, ClientAction, invite_client::State::start);
machine!(
    non_invite_client,
    ClientAction,
    non_invite_client::State::start
);
machine!(invite_server, ServerAction, |_: &Env| (
    invite_server::State::start(),
    Actions::default()
));
machine!(
    non_invite_server,
    ServerAction,
    non_invite_server::State::start
);
