//! What arming and disarming a deadline costs, which every call of a kernel does. That is the sandbox's own affair, so its source is built
//! in here once more, with stand-ins for what it takes from its neighbours.

#![allow(missing_docs, reason = "a bench")]

mod sandbox;

/// In place of the streams' clock.
mod stream {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub fn now_ns() -> u64 {
        START.elapsed().as_nanos() as u64
    }
}

fn main() -> std::io::Result<()> {
    let mut call = sandbox::call()?;
    let [mut armed, mut clock] = [f64::INFINITY; 2];
    for _ in 0..151 {
        armed = armed.min(nanoseconds(&mut call));
        clock = clock.min(nanoseconds(|| {
            std::hint::black_box(stream::now_ns());
        }));
    }
    eprintln!(
        "arming and disarming a deadline: {armed:.1} ns, {clock:.1} of them for the time, which a call wants to know anyway"
    );
    Ok(())
}

/// The time of one of many.
fn nanoseconds(mut what: impl FnMut()) -> f64 {
    const MANY: u32 = 10_000;
    let start = std::time::Instant::now();
    for _ in 0..MANY {
        what();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(MANY)
}
