#![no_main]

//! The whole engine through its inputs.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bellhop_fuzz::engine::run(data));
