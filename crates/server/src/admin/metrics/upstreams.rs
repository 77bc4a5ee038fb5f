//! How each target of an upstream is.

use super::text::Text;
use crate::upstreams::Seen;
use bellhop_core::upstream::State;

/// Writes how each is.
pub(super) fn write(text: &mut Text, all: &[Seen]) {
    let mut gauge = |name, help, is_so: fn(State) -> bool| {
        text.gauge(name, help);
        let mut before: Vec<(&str, &str)> = Vec::new();
        for seen in all {
            let which = (seen.upstream.as_str(), seen.target.as_str());
            // Two names of one address are one sample.
            if before.contains(&which) {
                continue;
            }
            before.push(which);
            let labels = [("upstream", which.0), ("target", which.1)];
            text.sample(&labels, u8::from(is_so(seen.look.state)));
        }
    };
    gauge(
        "bellhop_upstream_up",
        "1 if requests are sent to the target, 0 if it does not answer or has asked for time.",
        |state| state == State::Up,
    );
    gauge(
        "bellhop_upstream_draining",
        "1 if the target has asked to be left alone for a time.",
        |state| matches!(state, State::Draining(_)),
    );
}
