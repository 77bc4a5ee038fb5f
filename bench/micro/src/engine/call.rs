//! A whole call from the PBX to a phone, message by message: a figure is the sum of the six that the engine gets.

use super::site::{ANSWER, PBX, address, flow_of};
use super::{Play, Stage, in_dialog_of, invite_to_phone};
use crate::Case;
use bellhop_testkit::Peer;
use std::net::SocketAddr;

struct Call {
    play: Play,
    /// What comes next.
    next: Step,
    /// The INVITE as the phone has it.
    invite: String,
    /// The 200 as the PBX has it.
    accepted: String,
}

#[derive(Clone, Copy)]
enum Step {
    Invite,
    Ringing,
    Accepted,
    Ack,
    Bye,
    ByeAnswered,
}

/// Such calls, one after another.
pub(super) fn case(stage: Stage) -> Box<dyn Case> {
    Box::new(Call {
        play: Play {
            stage,
            script: invite_to_phone,
            flow: flow_of(address(PBX)),
            bytes: Vec::new(),
        },
        next: Step::Invite,
        invite: String::new(),
        accepted: String::new(),
    })
}

impl Case for Call {
    fn steps(&self) -> usize {
        6
    }

    fn prepare(&mut self) {
        let (from, text) = self.said();
        self.play.flow = flow_of(from);
        self.play.bytes = text.into_bytes();
        self.play.stage.out.clear();
    }

    fn run(&mut self) {
        self.play.run();
    }
}

impl Call {
    /// Who says what next, from what the engine has sent last.
    fn said(&mut self) -> (SocketAddr, String) {
        let stage = &mut self.play.stage;
        let says = |phone: &Peer, text| (phone.address, text);
        let (said, next) = match self.next {
            Step::Invite => {
                stage.rounds = stage.rounds.wrapping_add(1);
                stage.pass();
                (invite_to_phone(stage), Step::Ringing)
            }
            Step::Ringing => {
                self.invite = stage.last();
                let phone = stage.phone();
                let text = phone.answer(&self.invite, 180, "Ringing", "");
                (says(phone, text), Step::Accepted)
            }
            Step::Accepted => {
                let phone = stage.phone();
                let text = phone.answer(&self.invite, 200, "OK", ANSWER);
                (says(phone, text), Step::Ack)
            }
            Step::Ack => {
                self.accepted = stage.last();
                (in_dialog_of(stage, &self.accepted, "ACK"), Step::Bye)
            }
            Step::Bye => (
                in_dialog_of(stage, &self.accepted, "BYE"),
                Step::ByeAnswered,
            ),
            Step::ByeAnswered => {
                let bye = stage.last();
                let phone = stage.phone();
                let text = phone.answer(&bye, 200, "OK", "");
                (says(phone, text), Step::Invite)
            }
        };
        self.next = next;
        said
    }
}
