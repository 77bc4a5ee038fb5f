//! The program `bellhop`.

#[allow(
    dead_code,
    unused_imports,
    reason = "driven by serve.rs once the engine stands"
)]
mod driver;
#[allow(dead_code, reason = "driven by serve.rs once the engine stands")]
mod resolve;
#[allow(dead_code, reason = "driven by serve.rs once the engine stands")]
mod transport;

fn main() {}
