//! What stands in for `stream/wait.rs`: the kernel's futex.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};

use crate::atomic::{AtomicU64, Ordering};
use crate::ring::WaitWord;

loom::lazy_static! {
    /// The words that have been slept on, by address.
    static ref SLEEPERS: Mutex<Vec<(usize, Arc<Condvar>)>> = Mutex::new(Vec::new());
}

fn address(word: &AtomicU64) -> usize {
    std::ptr::from_ref(word).addr()
}

/// `FUTEX_WAKE`.
pub fn wake(word: &AtomicU64) {
    let sleepers = SLEEPERS.lock().unwrap();
    let at = sleepers.iter().find(|(at, _)| *at == address(word));
    if let Some((_, sleepers)) = at {
        sleepers.notify_all();
    }
}

/// `stream::wait` for one word, without spinning. Returns when it has changed, or early.
pub fn wait(word: WaitWord<'_>) {
    word.announce();
    if word.is_changed() {
        return;
    }
    // `FUTEX_WAIT`: compares and falls asleep in one step, as seen by a wake.
    let mut sleepers = SLEEPERS.lock().unwrap();
    if word.value.load(Ordering::SeqCst) as u32 != word.seen as u32 {
        return;
    }
    let at = address(word.value);
    let known = sleepers.iter().find(|(known, _)| *known == at).cloned();
    let (_, sleeper) = known.unwrap_or_else(|| {
        sleepers.push((at, Arc::new(Condvar::new())));
        sleepers[sleepers.len() - 1].clone()
    });
    drop(sleeper.wait(sleepers).unwrap());
}
