//! The program `bellhop`.

mod cli;
#[allow(
    dead_code,
    unused_imports,
    reason = "driven by serve.rs once the engine stands"
)]
mod config;
#[allow(
    dead_code,
    unused_imports,
    reason = "driven by serve.rs once the engine stands"
)]
mod driver;
#[allow(dead_code, reason = "said by the transport once it serves")]
mod holder;
#[allow(dead_code, reason = "driven by serve.rs once the engine stands")]
mod log;
#[allow(dead_code, reason = "driven by serve.rs once the engine stands")]
mod resolve;
#[allow(dead_code, reason = "driven by serve.rs once the engine stands")]
mod transport;
mod users;

fn main() -> std::process::ExitCode {
    cli::main()
}
