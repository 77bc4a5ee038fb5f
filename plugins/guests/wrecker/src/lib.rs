//! Does for messages with a field X-Wreck what it names and no plugin should, and nothing for others: loops,
//! traps, takes memory or stack without end. `cargo xtask abuse` runs it. With `endless` in its configuration
//! it does not even start.

use bellhop_plugin::prelude::*;
use std::hint::black_box;

/// The plugin.
pub struct Wrecker {
    endless: bool,
}

impl Plugin for Wrecker {
    const HOOKS: &'static [Hook] = &[Hook::OnRequest];

    fn new(config: &Config<'_>) -> Result<Self, ConfigError> {
        let endless = config.or("endless", false)?;
        Ok(Self { endless })
    }

    fn start(&mut self) -> Result<(), String> {
        if self.endless {
            loop {
                black_box(0);
            }
        }
        Ok(())
    }

    fn on_request(&mut self, msg: &Message) -> Verdict {
        let Some(order) = msg.header("X-Wreck") else {
            return Verdict::Continue;
        };
        match order.as_str() {
            "loop" => loop {
                black_box(0);
            },
            "trap" => wreck(),
            "allocation" => loop {
                black_box(vec![1_u8; 1 << 30]);
                black_box(vec![1_u8; 1 << 24].leak());
            },
            "stack" => {
                black_box(deep(black_box(u64::MAX)));
            }
            _ => {}
        }
        Verdict::Continue
    }
}

#[allow(clippy::panic, reason = "that is what it is for")]
fn wreck() {
    panic!("as told");
}

/// Nested without end: what runs out is the machine's stack.
#[inline(never)]
#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    deep(black_box(n).wrapping_mul(3)).rotate_left(3) ^ n
}

bellhop_plugin::export!(Wrecker);
