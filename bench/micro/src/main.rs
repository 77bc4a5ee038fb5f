//! The cases of the engine and of the message layer.

use std::process::ExitCode;

fn main() -> ExitCode {
    bellhop_micro::main_of(&[bellhop_micro::engine::CASES, bellhop_micro::wire::CASES])
}
