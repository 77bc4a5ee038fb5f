#![no_main]

//! An edit changes what it says and nothing else.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bellhop_fuzz::edits::run(data));
