//! The usual scene: phones, Bellhop, Asterisk behind it in mode trusted, on a
//! lane of their own.

use crate::asterisk::{self, Asterisk};
use crate::bellhop::{self, Bellhop};
use crate::lab::Lab;
use crate::lane::{Lane, Transport};
use crate::netns::Place;
use crate::pjsua::{Pjsua, Task};
use crate::{Baresip, Phone, Sipp};

/// A Bellhop with an Asterisk behind it. Phone `n` is user 600`n`.
#[derive(Debug)]
pub struct Site {
    /// Bellhop.
    pub bellhop: Bellhop,
    /// The PBX.
    pub asterisk: Asterisk,
    /// The lab.
    pub lab: Lab,
    /// Its addresses.
    pub lane: Lane,
}

impl Site {
    /// Bellhop and Asterisk speak UDP with each other. Without a lab the
    /// calling test is counted as skipped.
    pub fn or_skip() -> Option<Self> {
        Self::with(Transport::Udp, |setup| setup)
    }

    /// Bellhop and Asterisk speak `inside` with each other; `setup` may change
    /// Bellhop's configuration.
    pub fn with(
        inside: Transport,
        setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup,
    ) -> Option<Self> {
        Self::in_mode(asterisk::Mode::Trusted, inside, setup)
    }

    /// As [`Site::with`], before an Asterisk in another mode.
    pub fn in_mode(
        mode: asterisk::Mode,
        inside: Transport,
        setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup,
    ) -> Option<Self> {
        Self::of(inside, setup, |pbx| asterisk::Setup { mode, ..pbx })
    }

    /// As [`Site::with`], where the PBX may be set up in another way, too.
    pub fn of(
        inside: Transport,
        setup: impl FnOnce(bellhop::Setup) -> bellhop::Setup,
        pbx: impl FnOnce(asterisk::Setup) -> asterisk::Setup,
    ) -> Option<Self> {
        let lab = Lab::or_skip()?;
        let lane = Lane::take();
        let bellhop = setup(bellhop::Setup::new(&lane).upstream_over(inside)).start();
        let asterisk = pbx(asterisk::Setup::new(&lab, &lane, inside)).start();
        Some(Self {
            bellhop,
            asterisk,
            lab,
            lane,
        })
    }

    /// A scripted phone of user 600`n`.
    pub fn phone(&self, n: u8, transport: Transport) -> Phone {
        Phone::new(&user(n), self.lane.phone(n), self.lane.bellhop(), transport)
    }

    /// A baresip of user 600`n`, registered.
    ///
    /// # Panics
    /// If it does not register in time.
    pub fn baresip(&self, n: u8, transport: Transport) -> Baresip {
        let mut phone = Baresip::start(
            &self.lab,
            &user(n),
            self.lane.phone(n),
            self.lane.bellhop(),
            transport,
        );
        phone.registered();
        phone
    }

    /// A SIPp scenario of user 600`n`.
    pub fn sipp(&self, n: u8, scenario: &str) -> Sipp {
        Sipp::new(&self.lab, scenario, self.lane.phone(n), self.lane.bellhop()).user(&user(n))
    }

    /// A pjsua of user 600`n` that registers and, if told so, calls; or a skip.
    pub fn pjsua(&self, n: u8, transport: Transport, call: Option<&str>) -> Option<Pjsua> {
        let call = call.map(str::to_owned);
        let task = self.task(n, transport);
        Pjsua::or_skip(&self.lab, &Task { call, ..task })
    }

    /// A pjsua of user 600`n` that registers and takes these steps, and sends a tone of this pitch; or a skip.
    pub fn pjsua_taking(
        &self,
        n: u8,
        transport: Transport,
        tone: u16,
        steps: &[&str],
    ) -> Option<Pjsua> {
        let task = self.task(n, transport);
        let steps = steps.iter().map(|&step| step.to_owned()).collect();
        Pjsua::or_skip(
            &self.lab,
            &Task {
                steps,
                tone,
                ..task
            },
        )
    }

    fn task(&self, n: u8, transport: Transport) -> Task {
        Task {
            place: Place::Here,
            user: user(n),
            local: self.lane.phone(n),
            registrar: self.lane.bellhop(),
            transport,
            call: None,
            watch: None,
            steps: Vec::new(),
            tone: 440,
        }
    }
}

fn user(n: u8) -> String {
    (6000 + u32::from(n)).to_string()
}
