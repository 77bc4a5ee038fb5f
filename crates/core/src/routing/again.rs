//! Streams that are gone with an earlier program: where they can be opened again from our side.

use crate::flow::Flow;
use crate::registrar::Binding;
use bellhop_wire::{Host, UriRef};

/// Where a connection can be opened to a phone whose own is gone with the program that it was opened to: at
/// its contact's port, if its contact names the address that it registered from. Behind a NAT it does not, and
/// a call fails at once, until the phone comes again.
pub(crate) fn port_without_nat(binding: &Binding) -> Option<u16> {
    let flow = binding.flow;
    if !flow.transport.is_opened_here() || flow.connection.is_some() {
        return None;
    }
    own_port(&UriRef::parse(binding.contact()).ok()?, flow)
}

/// The port of what an end of a flow calls itself, if that names the address that the flow comes from.
pub(super) fn own_port(contact: &UriRef<'_>, flow: Flow) -> Option<u16> {
    let is_its_own = contact.host == Some(Host::Ip(flow.remote.ip()));
    is_its_own.then(|| contact.port.unwrap_or(flow.transport.default_port()))
}
