//! The program `bellhop`.

mod admin;
mod cli;
mod config;
mod demo;
mod driver;
mod holder;
mod key;
mod log;
mod plugins;
mod resolve;
mod seek;
mod serve;
mod store;
mod transport;
mod users;

fn main() -> std::process::ExitCode {
    cli::main()
}
