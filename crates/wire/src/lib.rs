//! Bytes to SIP messages and back: framing, a one-pass index, borrowed views, edits that leave
//! untouched bytes alone, and replies. The only room that names `rsip` (see [`typed`]).
//!
//! **Invariant**: nothing here allocates while a message is indexed and read, nothing panics on any
//! input, and a message that is written without an edit is byte for byte what came in.

pub mod edit;
pub mod error;
pub mod frame;
pub mod index;
mod lanes;
pub mod limits;
mod mark;
pub mod message;
pub mod method;
pub mod name;
pub mod reply;
mod scan;
mod seek;
mod start;
#[cfg(test)]
mod tests;
mod text;
pub mod typed;
pub mod view;
mod window;

pub use edit::{Edit, EditError};
pub use error::{Error, Kind};
pub use frame::{Frame, Framer};
pub use index::{Index, Rejected};
pub use limits::Limits;
pub use message::{Ends, Field, Message, Owned, Start, Value};
pub use method::Method;
pub use name::HeaderId;
pub use reply::{Reply, ViaMark};
pub use view::{
    auth::Credentials,
    host::Host,
    nameaddr::NameAddr,
    params::Params,
    uri::{Scheme, UriRef},
    via::ViaRef,
};
