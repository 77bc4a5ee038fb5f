//! Panels of lamps before a Bellhop that shares, and a real Asterisk behind it: either is killed while lamps change,
//! and every lamp must be right again without a phone asking (`cargo xtask lamps`).

mod panel;

use crate::admin::Admin;
use crate::asterisk::{self, Asterisk};
use crate::bellhop::Bellhop;
use crate::lane::{Lane, Transport};
use crate::site::Site;
use crate::temp::TempDir;
use panel::Panel;
use std::time::{Duration, Instant};

/// Who watches what, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Phones.
    pub phones: u8,
    /// Lamps of each, at most a hundred; or of all together, if each is one phone's.
    pub lamps: u16,
    /// Whether each lamp is one phone's, so that nothing is to be shared.
    pub is_spread: bool,
    /// Whether the subscriptions end at Bellhop.
    pub is_shared: bool,
    /// Whether Asterisk has its database again when it comes back.
    pub asterisk_remembers: bool,
    /// How often Bellhop asks whether Asterisk is there.
    pub probe: &'static str,
}

/// Phones, Bellhop, Asterisk.
#[derive(Debug)]
pub struct Lamps {
    /// Bellhop.
    pub bellhop: Bellhop,
    /// The PBX.
    pub asterisk: Asterisk,
    plan: Plan,
    panels: Vec<Panel>,
    lit: Vec<bool>,
    _data: TempDir,
    // While it is held no other test takes these addresses.
    lane: Lane,
}

impl Plan {
    /// So many phones with so many lamps each, shared, with an Asterisk that forgets.
    pub fn of(phones: u8, lamps: u16) -> Self {
        Self {
            phones,
            lamps,
            is_spread: false,
            is_shared: true,
            asterisk_remembers: false,
            probe: "2s",
        }
    }

    /// The extension of a lamp of Asterisk's dial plan.
    fn name(&self, lamp: u16) -> String {
        format!("{}", if self.is_spread { 7000 } else { 500 } + lamp)
    }

    fn is_of(&self, phone: usize, lamp: u16) -> bool {
        !self.is_spread || usize::from(lamp) % usize::from(self.phones) == phone
    }
}

impl Lamps {
    /// All phones have subscribed to all their lamps, which are dark. Nothing, and the calling test counted as skipped,
    /// without a lab.
    ///
    /// # Panics
    /// If a SUBSCRIBE is refused, or a lamp is not told of.
    pub fn or_skip(plan: Plan) -> Option<Self> {
        let data = TempDir::new();
        let bellhop = |mut setup: crate::bellhop::Setup| {
            setup.probe = Some(plan.probe);
            // The panels' SUBSCRIBEs are many at once.
            setup = setup.data_dir(data.path()).log("warn");
            let (bind, _) = &setup.listen[0];
            let ip = bind.split(':').nth(1).unwrap_or_default();
            setup.more += &format!("[admin]\nbind = \"{ip}:8060\"\n[subscriptions]\n");
            if plan.is_shared {
                setup.more += "share = [\"dialog\"]\n";
            }
            setup
        };
        let pbx = |mut setup: asterisk::Setup| {
            if plan.asterisk_remembers {
                setup.more.push(("AST_KEEP", "yes".to_owned()));
            }
            setup
        };
        let site = Site::of(Transport::Udp, bellhop, pbx)?;
        let panel = |n: u8| {
            let user = 1 + (n - 1) % 9;
            Panel::new(&site.lane, user, n)
        };
        let mut lamps = Self {
            panels: (1..=plan.phones).map(panel).collect(),
            lit: vec![false; plan.lamps.into()],
            bellhop: site.bellhop,
            asterisk: site.asterisk,
            plan,
            _data: data,
            lane: site.lane,
        };
        lamps.subscribe_all();
        Some(lamps)
    }

    /// Has all phones subscribe to all their lamps, as if they had none.
    ///
    /// # Panics
    /// If a SUBSCRIBE is refused, or a lamp is not told of.
    pub fn subscribe_all(&mut self) {
        let plan = self.plan;
        for at in 0..self.panels.len() {
            self.panels[at].forget_lamps();
            let own: Vec<u16> = (0..plan.lamps)
                .filter(|lamp| plan.is_of(at, *lamp))
                .collect();
            for some in own.chunks(AT_ONCE) {
                for lamp in some {
                    self.panels[at].subscribe(&plan.name(*lamp));
                }
                // Those who have subscribed are told meanwhile.
                for panel in &mut self.panels {
                    panel.serve();
                }
            }
        }
        self.become_right(PATIENCE);
    }

    /// How many subscriptions the phones have.
    pub fn subscriptions(&self) -> usize {
        self.panels.iter().map(|panel| panel.lamps().count()).sum()
    }

    /// Requests that the phones have sent.
    pub fn requests(&self) -> u32 {
        self.panels.iter().map(Panel::requests).sum()
    }

    /// How many subscriptions to a lamp Bellhop knows, as it tells Prometheus.
    pub fn known(&self) -> f64 {
        let gauge = "bellhop_subscriptions{event=\"dialog\",state=\"active\"}";
        Admin::of(&self.lane).metrics().value(gauge)
    }

    /// Subscriptions that were ended so that their phones subscribe anew.
    pub fn deactivated(&self) -> usize {
        self.panels.iter().map(Panel::deactivated).sum()
    }

    /// What was wrong with NOTIFYs: a number that did not rise, a dialog that nobody knows.
    pub fn complaints(&self) -> Vec<String> {
        let all = self.panels.iter();
        all.flat_map(|panel| panel.complaints().iter().cloned())
            .collect()
    }

    /// Changes every second lamp, counted from this one, at Asterisk.
    pub fn flip(&mut self, first: u16) {
        for lamp in (first..self.plan.lamps).step_by(2) {
            let lit = &mut self.lit[usize::from(lamp)];
            *lit = !*lit;
        }
        self.set_all(first);
    }

    /// Kills Bellhop, has lamps change while nobody is there to tell, and starts it; how long it took until it was
    /// ready, and from then on until every lamp was right.
    ///
    /// # Panics
    /// If that is never so.
    pub fn kill_bellhop(&mut self, first: u16) -> (Duration, Duration) {
        self.bellhop.kill();
        self.flip(first);
        let began = Instant::now();
        self.bellhop.start();
        let ready = began.elapsed();
        (ready, self.become_right(PATIENCE))
    }

    /// Kills Asterisk and starts it with other lamps lit; how long it took until it was ready, and from then on until
    /// every lamp was right.
    ///
    /// # Panics
    /// If that is never so.
    pub fn kill_asterisk(&mut self, first: u16) -> (Duration, Duration) {
        self.asterisk.kill();
        let began = Instant::now();
        self.asterisk.start();
        let ready = began.elapsed();
        let since = Instant::now();
        for lamp in (first..self.plan.lamps).step_by(2) {
            let lit = &mut self.lit[usize::from(lamp)];
            *lit = !*lit;
        }
        // It has forgotten what is lit, or some of it: its database is on disk a second later.
        self.set_all(0);
        self.set_all(1);
        let lit = since.elapsed();
        (ready, lit + self.become_right(PATIENCE))
    }

    /// Kills both, and starts both with other lamps lit; how long it took until Bellhop was ready, and from the moment when
    /// Asterisk was, too, until every lamp was right or its phone had been told to subscribe anew.
    ///
    /// # Panics
    /// If that is never so.
    pub fn kill_both(&mut self, first: u16) -> (Duration, Duration) {
        self.bellhop.kill();
        self.asterisk.kill();
        let began = Instant::now();
        self.bellhop.start();
        let ready = began.elapsed();
        self.asterisk.start();
        let since = Instant::now();
        for lamp in (first..self.plan.lamps).step_by(2) {
            let lit = &mut self.lit[usize::from(lamp)];
            *lit = !*lit;
        }
        self.set_all(0);
        self.set_all(1);
        // What shows the right state may know nothing of the next one.
        let all_told = self.plan.asterisk_remembers || self.are_deactivated(PATIENCE);
        assert!(all_told, "only {} were told", self.deactivated());
        self.become_right(PATIENCE);
        (ready, since.elapsed())
    }

    /// Waits until every phone has every lamp as it is, those left out that it was told to subscribe anew to; how long that
    /// took.
    ///
    /// # Panics
    /// If it is not so `within` the time.
    pub fn become_right(&mut self, within: Duration) -> Duration {
        let began = Instant::now();
        let is_right = crate::deadline::holds_within(within, || {
            for panel in &mut self.panels {
                panel.serve();
            }
            self.wrong().is_empty()
        });
        let complaints = self.complaints();
        assert!(
            is_right,
            "not within {within:?}: {:?}; {complaints:#?}",
            self.wrong()
        );
        began.elapsed()
    }

    /// How many phones show a lamp otherwise than it is, by its extension.
    fn wrong(&self) -> Vec<(String, usize)> {
        let wrong = |(lamp, is_lit): (u16, &bool)| {
            let name = self.plan.name(lamp);
            let own = (0..).zip(&self.panels);
            let own = own.filter(|(at, _)| self.plan.is_of(*at, lamp));
            let count = own
                .filter(|(_, panel)| !panel.shows(&name, *is_lit))
                .count();
            (count > 0).then_some((name, count))
        };
        (0..).zip(&self.lit).filter_map(wrong).collect()
    }

    /// Kills Asterisk and starts it again.
    pub fn restart_asterisk(&mut self) {
        self.asterisk.kill();
        self.asterisk.start();
    }

    /// Waits until all subscriptions have been ended so that their phones subscribe anew; whether they were in time.
    pub fn are_deactivated(&mut self, within: Duration) -> bool {
        crate::deadline::holds_within(within, || {
            for panel in &mut self.panels {
                panel.serve();
            }
            self.deactivated() == self.subscriptions()
        })
    }

    /// Has the phones answer for so long.
    pub fn listen(&mut self, time: Duration) {
        crate::deadline::holds_within(time, || {
            for panel in &mut self.panels {
                panel.serve();
            }
            false
        });
    }

    /// How many subscriptions Asterisk has.
    ///
    /// # Panics
    /// If it does not say.
    pub fn inbound(&self) -> usize {
        let shown = self.asterisk.cli("pjsip show subscriptions inbound");
        let number = shown.split(" active subscriptions").next();
        let number = number.and_then(|text| text.lines().last());
        number
            .and_then(|text| text.trim().parse().ok())
            .expect("a number")
    }

    /// Sets every second lamp from this one on at Asterisk: all of them are lit, or none is.
    fn set_all(&self, first: u16) {
        let word = match self.lit[usize::from(first)] {
            true => "INUSE",
            false => "NOT_INUSE",
        };
        let (plan, count) = (&self.plan, self.plan.lamps);
        if plan.is_spread {
            let (from, to) = (plan.name(first), plan.name(count));
            let at = format!("Local/{from}{to}2{word}@lights");
            self.asterisk
                .cli(&format!("channel originate {at} application NoOp"));
            return;
        }
        for lamp in (first..count).step_by(2) {
            let name = plan.name(lamp);
            self.asterisk
                .cli(&format!("devstate change Custom:lamp{name} {word}"));
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
/// Lamps of a panel that are subscribed to before the others are looked after: Asterisk ends those that answer too late.
const AT_ONCE: usize = 10;
