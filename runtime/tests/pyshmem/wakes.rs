//! Futexes, both ways: who sleeps on a stream is woken by a publication, not by its own alarm.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use sandpipe::stream::{self, Delivery, Stream};

use super::support::{Child, python, spec, stream_name};
use super::{LONG, flush, publish};

/// A reader that sleeps for as long as it takes, and says what ended each sleep: 0, a wake.
const SLEEPER: &str = r#"
import sys, pyshmem
from pyshmem import _shared
_shared._NOTIFY_MAX_PARK = 600
wait = _shared._FUTEX_WAIT_SYSCALL
woken = 0
def counted(*arguments):
    global woken
    print("parking", flush=True)
    woken += wait(*arguments) == 0
_shared._FUTEX_WAIT_SYSCALL = counted
with pyshmem.open(sys.argv[1]) as stream:
    for number in range(1, 21):
        publication = stream.read_new_publication(timeout=60)
        print("read", publication.frame_id, flush=True)
print("woken", woken, flush=True)
"#;

#[test]
fn a_python_reader_that_sleeps_is_woken_by_a_publication() {
    let spec = spec(&stream_name("sleeper"), 512);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let mut command = Command::new(python());
    command.args(["-c", SLEEPER, &spec.name]);
    let mut sleeper = Child::spawn(&mut command);
    for number in 1..=20 {
        sleeper.wait_for("parking");
        // From saying so to sleeping it takes an instant.
        thread::sleep(Duration::from_millis(5));
        publish(&mut writer, number);
        flush(&mut writer);
        assert_eq!(sleeper.wait_for("read"), number.to_string());
    }
    let woken: u32 = sleeper.wait_for("woken").parse().unwrap();
    sleeper.finish();
    assert!(woken > 0, "none of its sleeps was ended by a wake");
}

/// Writes frames until so many of its wakes have reached somebody.
const WAKER: &str = r#"
import sys, time, numpy, pyshmem
from pyshmem import _shared
wake = _shared._FUTEX_WAKE_SYSCALL
woken = number = 0
def counted(*arguments):
    global woken
    woken += wake(*arguments)
_shared._FUTEX_WAKE_SYSCALL = counted
with pyshmem.open(sys.argv[1]) as stream:
    while woken < 5 and number < 3000:
        time.sleep(0.02)
        number += 1
        stream.write(numpy.full(stream.shape, number, stream.dtype), frame_id=number)
print("woke", woken, number, flush=True)
"#;

#[test]
fn a_lane_that_sleeps_is_woken_by_python() {
    let spec = spec(&stream_name("waker"), 512);
    let stream = Stream::create(&spec).unwrap();
    let ingest = stream.ingest().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let mut command = Command::new(python());
    command.args(["-c", WAKER, &spec.name]);
    let mut waker = Child::spawn(&mut command);
    let woke = thread::scope(|scope| {
        let woke = scope.spawn(|| waker.wait_for("woke"));
        let end = Instant::now() + LONG;
        while !woke.is_finished() && Instant::now() < end {
            ingest.poll();
            reader.next();
            stream::wait(&[ingest.word()], Duration::ZERO, Some(end));
        }
        woke.join().unwrap()
    });
    waker.finish();
    let (woken, written) = woke.split_once(' ').unwrap();
    let (woken, written): (u64, u64) = (woken.parse().unwrap(), written.parse().unwrap());
    assert!(woken >= 5, "{woken} of {written} writes woke somebody");
    ingest.poll();
    assert_eq!(reader.newest().unwrap().frame_id, written);
}
