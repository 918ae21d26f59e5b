//! Whether a revoked page stops guests on this machine, found out by stopping some.
//!
//! That it does rests on what the compiler leaves alone and how wasmtime takes a fault, which this version of both was found
//! to do and no version promises (`wrap::polls`). So it is tried before it is relied on, with code in the shapes that were hardest.
//! Everything here ends by itself after some 100 ms, so that a failure costs time and nothing else.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use super::cache::Cache;
use super::code::{Code, Loaded};
use super::compiler::Compiler;
use super::deadline::Watchdog;
use super::memory;
use super::page::Pages;
use super::program::Digest;

const SHAPES: &str = include_str!("selftest.wat");
const NAMES: [&str; 4] = ["nested", "dominated", "twice", "recursion"];

/// Rounds of a loop that take some 100 ms; a power of two, from which the recursion's depth follows.
const LONG: u32 = 1 << 28;
/// When a shape is stopped.
const DEADLINE: Duration = Duration::from_micros(50);
/// On a busy machine the watchdog may come too late for one that ends by itself.
const ATTEMPTS: usize = 3;

/// Stops each shape once.
///
/// # Errors
/// What failed: the rest of a sentence after "because".
pub(super) fn run(
    compiler: &Compiler,
    cache: Option<&Cache>,
    watchdog: &Watchdog,
) -> Result<(), String> {
    let failed = |error: String| format!("the self-test failed: {error}");
    let component = load(compiler, cache).map_err(failed)?;
    for name in NAMES {
        let mut attempts = 1;
        while !stops(compiler, &component, watchdog, name).map_err(failed)? {
            if attempts == ATTEMPTS {
                return Err(failed(format!("its function `{name}` was not stopped")));
            }
            attempts += 1;
        }
    }
    Ok(())
}

fn load(compiler: &Compiler, cache: Option<&Cache>) -> Result<Component, String> {
    let cached = cache.map(|cache| (cache, cache.key(compiler, &Digest::of(SHAPES.as_bytes()))));
    if let Some((cache, key)) = &cached
        && let Some(code) = cache.load(key)
        && let Ok(Loaded::Component(component)) = code.load(&compiler.engine)
    {
        return Ok(component);
    }
    let binary = wat::parse_str(SHAPES).map_err(|error| error.to_string())?;
    let component = compiler
        .translate(&binary)
        .map_err(|error| error.to_string())?;
    if let Some((cache, key)) = &cached
        && let Ok(code) = component.serialize()
    {
        cache.store(key, &Code(code));
    }
    Ok(component)
}

/// Whether the function is stopped rather than ending by itself.
fn stops(
    compiler: &Compiler,
    component: &Component,
    watchdog: &Watchdog,
    name: &str,
) -> Result<bool, String> {
    let error = |error: wasmtime::Error| format!("{error:#}");
    let pages = Arc::<Pages>::default();
    let stop = Arc::clone(&pages) as Arc<_>;
    let mut watch = watchdog.watch(DEADLINE, stop);
    let mut store = Store::new(&compiler.engine, ());
    let linker = Linker::new(&compiler.engine);
    let (instance, _) = memory::record(&pages, || linker.instantiate(&mut store, component));
    let function = instance
        .and_then(|instance| instance.get_typed_func::<(u32,), ()>(&mut store, name))
        .map_err(error)?;
    watch.begin();
    let outcome = function.call(&mut store, (LONG,));
    let marked = watch.end();
    Ok(marked && outcome.is_err())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use crate::sandbox::floats::Nans;
    use crate::sandbox::interruption::Interruption;

    #[test]
    fn it_succeeds_here() {
        let compiler = Compiler::new(Interruption::Page, Nans::Any).unwrap();
        assert_eq!(run(&compiler, None, &Watchdog::start().unwrap()), Ok(()));
    }

    #[test]
    fn it_fails_where_nothing_polls_and_ends_all_the_same() {
        let compiler = Compiler::new(Interruption::None, Nans::Any).unwrap();
        let error = run(&compiler, None, &Watchdog::start().unwrap()).unwrap_err();
        assert!(error.contains("`nested` was not stopped"), "{error}");
    }

    #[test]
    fn every_shape_ends_by_itself() {
        let compiler = Compiler::new(Interruption::None, Nans::Any).unwrap();
        let watchdog = Watchdog::start().unwrap();
        let component = load(&compiler, None).unwrap();
        for name in NAMES {
            assert_eq!(stops(&compiler, &component, &watchdog, name), Ok(false));
        }
    }
}
