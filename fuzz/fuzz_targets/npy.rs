#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (sandpipe_fuzz::NPY.run)(data));
