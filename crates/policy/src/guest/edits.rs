//! Edits of the message at hand: granted or not, and staged.

use super::{Guest, Stage};
use crate::account::counters::HookName;
use crate::contract::sip::policy::types::{Body, EditError};
use crate::grants::Capability;
use bellhop_core::policy::{self, ChangeError, Changes};

impl Guest {
    /// One edit of a header line.
    pub(super) fn change(
        &mut self,
        edit: impl FnOnce(&mut Changes) -> Result<(), ChangeError>,
    ) -> Result<(), EditError> {
        if !self.may_edit() {
            return Err(EditError::Denied);
        }
        edit(&mut self.question.changes).map_err(refused)
    }

    /// The Request-URI.
    pub(super) fn change_uri(&mut self, uri: &str) -> Result<(), EditError> {
        let is_response = self.question.message().status().is_some();
        if self.may_edit() && is_response {
            return Err(EditError::Malformed("a response has no Request-URI".into()));
        }
        self.change(|changes| changes.set_uri(uri))
    }

    /// The body.
    pub(super) fn change_body(&mut self, body: Option<Body>) -> Result<(), EditError> {
        if !self.may_edit() || !self.has(Capability::BodyWrite) {
            return Err(EditError::Denied);
        }
        let body = body.map(owned);
        self.question.changes.set_body(body).map_err(refused)
    }

    fn may_edit(&self) -> bool {
        let needed = match self.question.hook {
            HookName::Response => Capability::EditResponse,
            _ => Capability::Edit,
        };
        matches!(self.stage, Stage::Prompt | Stage::Patient(_)) && self.has(needed)
    }
}

/// The core's body of the contract's.
pub(crate) fn owned(body: Body) -> policy::Body {
    policy::Body {
        content_type: body.content_type.into(),
        data: body.data.into(),
    }
}

fn refused(error: ChangeError) -> EditError {
    match error {
        ChangeError::Protected => EditError::Protected,
        ChangeError::Malformed(why) => EditError::Malformed(why.into()),
    }
}
