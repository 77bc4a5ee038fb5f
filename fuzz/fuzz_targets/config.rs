#![no_main]

//! The configuration.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bellhop_fuzz::settings::run(data));
