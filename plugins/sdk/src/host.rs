//! Who answers the calls of a plugin: the real host in WebAssembly, the harness elsewhere.

#[cfg(target_arch = "wasm32")]
pub use crate::bindings::sip::policy::messages::Message;
#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::sip::policy::{
    call, clock, dialogs, http, locations, log, metrics, publish, random, store, upstreams,
};

#[cfg(not(target_arch = "wasm32"))]
pub use crate::testing::Message;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::world::{
    call, clock, dialogs, http, locations, log, metrics, publish, random, store, upstreams,
};
