//! What the configuration says of WebSockets.

use std::time::Duration;

/// What a listener asks of those who open a WebSocket to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The pages that may open one, as a browser names them in `Origin`; none: anybody's.
    pub(crate) origins: Vec<String>,
    /// How long one may be silent before it is asked whether it lives.
    pub(crate) ping: Duration,
}
