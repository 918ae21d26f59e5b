//! Extism through its C interface, in the library that its Python package brings.

use std::error::Error;
use std::ffi::{CStr, c_char, c_void};
use std::fs;
use std::ptr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use libloading::{Library, Symbol};

use crate::histogram;

const TIME: Duration = Duration::from_secs(1);

type New = unsafe extern "C" fn(*const u8, u64, *const c_void, u64, bool, *mut *mut c_char) -> *mut c_void;
type Call = unsafe extern "C" fn(*mut c_void, *const c_char, *const u8, u64) -> i32;
type Length = unsafe extern "C" fn(*mut c_void) -> u64;
type Data = unsafe extern "C" fn(*mut c_void) -> *const u8;

pub fn calls(
    library: &str,
    plugin: &str,
    sizes: &[&str],
) -> Result<Vec<(String, Histogram<u64>)>, Box<dyn Error>> {
    let wasm = fs::read(plugin)?;
    // SAFETY: a well known library, whose initialisers do nothing that matters; the types are those of its header extism.h.
    let library = unsafe { Library::new(library)? };
    let (new, call, length, data): (Symbol<New>, Symbol<Call>, Symbol<Length>, Symbol<Data>) = unsafe {
        (
            library.get(b"extism_plugin_new")?,
            library.get(b"extism_plugin_call")?,
            library.get(b"extism_plugin_output_length")?,
            library.get(b"extism_plugin_output_data")?,
        )
    };
    let mut error = ptr::null_mut();
    // SAFETY: a plugin of `wasm.len()` bytes, no host functions, no WASI.
    let plugin = unsafe { new(wasm.as_ptr(), wasm.len() as u64, ptr::null(), 0, false, &mut error) };
    if plugin.is_null() {
        // SAFETY: a null result comes with a message.
        return Err(unsafe { CStr::from_ptr(error) }.to_string_lossy().into());
    }
    let mut measured = Vec::new();
    for size in sizes {
        let numbers: usize = size.parse::<usize>()? / 4;
        let frame: Vec<u8> = (0..numbers).flat_map(|index| (index as f32).to_le_bytes()).collect();
        let mut result = vec![0u8; frame.len()];
        let mut times = histogram();
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            let start = Instant::now();
            // SAFETY: a live plugin, a name that ends with a zero, and a frame of that length.
            let code = unsafe { call(plugin, c"scale".as_ptr(), frame.as_ptr(), frame.len() as u64) };
            // SAFETY: after a call.
            if code != 0 || unsafe { length(plugin) } != result.len() as u64 {
                return Err("the plugin did not scale".into());
            }
            // SAFETY: so many bytes are there until the next call. A user has them when they are in memory of his own.
            unsafe { ptr::copy_nonoverlapping(data(plugin), result.as_mut_ptr(), result.len()) };
            times.saturating_record(start.elapsed().as_nanos() as u64);
        }
        assert_eq!(result[4..8], 2f32.to_le_bytes());
        measured.push((format!("extism {size}"), times));
    }
    Ok(measured)
}
