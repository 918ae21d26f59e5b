//! Streams on the wire: against the real pyshmem, both ways.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and tells what it did"
)]

mod attached;
mod documented;
mod forged;
#[path = "../command/harness.rs"]
mod harness;
mod interface;
mod killed;
mod locks;
mod place;
mod speed;
#[path = "../support/mod.rs"]
mod support;
mod users;
mod wakes;

use std::thread;
use std::time::{Duration, Instant};

use sandpipe::stream::{self, Ingest, Reader, Stamp, Writer};
use support::frame;

const LONG: Duration = Duration::from_secs(60);

fn publish(writer: &mut Writer, number: u64) {
    let bytes = frame(number, writer.stream().bytes() / 8);
    let slot = writer.begin().unwrap();
    writer.write(slot, &bytes).unwrap();
    writer.publish(slot, Stamp::source(number)).unwrap();
}

/// Calls `flush_mirror` as a lane does when idle, until nothing is pending.
fn flush(writer: &mut Writer) {
    let deadline = Instant::now() + LONG;
    while writer.flush_mirror().is_some() {
        assert!(Instant::now() < deadline, "the mirror stayed pending");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Brings frames in until the one numbered `last` comes, and checks each; how many came.
fn read_until(ingest: &Ingest, reader: &mut Reader, last: u64) -> u64 {
    let deadline = Instant::now() + LONG;
    let mut bytes = vec![0; reader.stream().bytes()];
    let mut came = 0;
    loop {
        ingest.poll();
        while let Some(taken) = reader.next() {
            reader.read(&taken, &mut bytes).unwrap();
            assert_eq!(
                bytes,
                frame(taken.frame_id, bytes.len() / 8),
                "torn frame {taken:?}"
            );
            came += 1;
            if taken.frame_id == last {
                return came;
            }
        }
        assert!(Instant::now() < deadline, "frame {last} did not come");
        stream::wait(
            &[reader.word(), ingest.word()],
            Duration::ZERO,
            Some(deadline),
        );
    }
}
