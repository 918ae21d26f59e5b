//! Loads the modules of a pipeline: each once, as many at a time as there are processors. Compiling a kernel for the
//! first time takes a fraction of a second, and one that begins last is waited for: so the largest come first.

use std::cmp::Reverse;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::kernel::Kernel;
use crate::sandbox::{Engine, Isolation, Limits, LoadError, Program};

/// One stage's kernel, its limits, and where it is to run.
pub type Wanted<'a> = (&'a Kernel, Limits, Isolation);

/// A program, or why there is none, for each.
pub fn load(engine: &Engine, wanted: &[Wanted<'_>]) -> Vec<Result<Program, LoadError>> {
    let same =
        |a: &Wanted<'_>, b: &Wanted<'_>| a.0.sha256 == b.0.sha256 && (a.1, a.2) == (b.1, b.2);
    let mut distinct: Vec<&Wanted<'_>> = Vec::new();
    let places: Vec<usize> = wanted
        .iter()
        .map(|one| {
            let known = distinct.iter().position(|other| same(one, other));
            known.unwrap_or_else(|| {
                distinct.push(one);
                distinct.len() - 1
            })
        })
        .collect();

    let mut order: Vec<usize> = (0..distinct.len()).collect();
    order.sort_by_key(|&place| Reverse(distinct[place].0.module.len()));
    let next = AtomicUsize::new(0);
    let load_some = || {
        let mut loaded = Vec::new();
        loop {
            let Some(&place) = order.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return loaded;
            };
            let (kernel, limits, isolation) = distinct[place];
            loaded.push((place, engine.load(&kernel.module, limits, *isolation)));
        }
    };
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(distinct.len());
    let mut loaded = thread::scope(|scope| {
        // Where the system gives no thread, those that there are do its work.
        let start = |_| thread::Builder::new().spawn_scoped(scope, load_some).ok();
        let others: Vec<_> = (1..threads).filter_map(start).collect();
        let mut loaded = load_some();
        for other in others {
            // A panic there goes on here.
            loaded.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        loaded
    });
    // Every place has been loaded by one of the threads.
    loaded.sort_by_key(|(place, _)| *place);
    places
        .iter()
        .map(|&place| loaded[place].1.clone())
        .collect()
}
