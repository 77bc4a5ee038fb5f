//! What a plugin makes of the call that the INVITE at hand begins: kept with its notes, and gone with them if the hook
//! fails.

use super::{Guest, Stage};
use crate::account::counters::HookName;
use crate::contract::sip::policy::call::{Error, Host, Mode};
use bellhop_wire::Method;

impl Host for Guest {
    fn set_mode(&mut self, mode: Mode) -> Result<(), Error> {
        if !self.begins_call() || self.question.hook == HookName::Failure {
            return Err(Error::NotNow);
        }
        self.question.notes.set_legs(mode == Mode::B2bua);
        Ok(())
    }

    fn note(&mut self, key: String, value: String) -> Result<(), Error> {
        if !self.begins_call() {
            return Err(Error::NotNow);
        }
        let noted = self.question.notes.record(&key, &value);
        noted.map_err(|_| Error::Full)
    }
}

impl Guest {
    /// Whether it is asked about an INVITE that makes a call.
    fn begins_call(&self) -> bool {
        let question = &self.question;
        let is_asked = matches!(
            question.hook,
            HookName::Request | HookName::Route | HookName::Failure
        );
        is_asked
            && matches!(self.stage, Stage::Prompt | Stage::Patient(_))
            && !question.origin.is_in_dialog
            && question.message().method() == Some(Method::Invite)
    }
}
