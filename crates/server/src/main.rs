//! The program `bellhop`.

mod admin;
mod aside;
mod cdr;
mod cli;
mod config;
mod demo;
mod doctor;
mod driver;
mod holder;
mod key;
mod log;
mod plugins;
mod push;
mod resolve;
mod seek;
mod serve;
mod store;
mod transport;
mod upstreams;
mod users;
mod web;

fn main() -> std::process::ExitCode {
    cli::main()
}
