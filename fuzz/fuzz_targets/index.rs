#![no_main]

//! Whatever bytes come, all there is to read of them can be read.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bellhop_fuzz::index::run(data));
