//! What a response context has to do with a request outside of calls.

use super::super::call::{End, Pair};
use bellhop_wire::{Method, Owned, ViaMark};

/// A request that goes on as one of ours.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// What was asked, as it came; let go of once it is answered.
    pub(crate) request: Option<Owned>,
    pub(crate) mark: ViaMark,
    /// Who asked.
    pub(in super::super) from: End,
    /// Both dialogs, or what stands for them where there is none.
    pub(in super::super) pair: Pair,
    /// The subscription that it makes or is in.
    pub(in super::super) bond: Option<u64>,
    /// It is in both dialogs, and does not make them.
    pub(in super::super) is_within: bool,
}

impl Exchange {
    /// The method of what was asked.
    pub(super) fn method(&self) -> Option<Method<'_>> {
        self.request.as_ref()?.message().method()
    }

    /// Both dialogs, if they are not made yet.
    pub(in super::super) fn first(&mut self) -> Option<&mut Pair> {
        (!self.is_within).then_some(&mut self.pair)
    }
}
