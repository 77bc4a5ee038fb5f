#![no_main]

//! Any split of a stream gives the same frames.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bellhop_fuzz::framer::run(data));
