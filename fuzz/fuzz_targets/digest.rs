#![no_main]

//! Nobody passes without the right digest.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bellhop_fuzz::digest::run(data));
