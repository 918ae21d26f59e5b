//! The ring of a stream: several threads, several processes, and their sudden ends.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and tells its parent how far it is"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sandpipe::stream::{
    self, Bell, Delivery, Mirror, Reader, Stamp, Stream, StreamError, StreamSpec, Woken, Writer,
};
use support::{Child, frame, role, stream_name, wait_for_the_parent};

const LONG: Duration = Duration::from_secs(60);

/// A stream of `length` numbers without a mirror, for two readers.
fn spec(name: &str, length: u32) -> StreamSpec {
    StreamSpec {
        mirror: Mirror::Never,
        ..support::spec(name, length)
    }
}

fn publish(writer: &mut Writer, number: u64) {
    let bytes = frame(number, writer.stream().bytes() / 8);
    let slot = writer.begin().unwrap();
    writer.write(slot, &bytes).unwrap();
    writer.publish(slot, Stamp::source(number)).unwrap();
}

/// Publishes a frame when there is room for it, waiting for that where an `every` reader is behind.
fn publish_when_there_is_room(writer: &mut Writer, number: u64) {
    let deadline = Instant::now() + LONG;
    while writer.begin().is_none() {
        assert!(
            Instant::now() < deadline,
            "there was no room for frame {number}"
        );
        stream::wait(
            &[writer.room()],
            Duration::ZERO,
            Some(Instant::now() + Duration::from_millis(50)),
        );
    }
    publish(writer, number);
}

/// Takes the next frame, waiting for it; its bytes must be those of its number.
fn next_whole(reader: &mut Reader, bytes: &mut [u8]) -> Option<stream::Frame> {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(taken) = reader.next() {
            reader.read(&taken, bytes).unwrap();
            assert_eq!(
                bytes,
                frame(taken.frame_id, bytes.len() / 8),
                "torn frame {taken:?}"
            );
            return Some(taken);
        }
        if reader.closed() {
            return None;
        }
        assert_ne!(
            stream::wait(&[reader.word()], Duration::ZERO, Some(deadline)),
            Woken::Deadline
        );
    }
}

#[test]
fn the_newest_frame_is_held_and_the_next_is_counted() {
    let stream = Stream::create(&spec(&stream_name("newest"), 3)).unwrap();
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 1);
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    assert_eq!(reader.next(), None, "published before the reader came");
    let first = reader.newest().unwrap();
    assert_eq!((first.sequence, first.frame_id), (1, 1));
    assert_eq!(reader.newest(), Some(first));
    for number in 2..=5 {
        publish(&mut writer, number);
    }
    assert!(reader.ready());
    let fifth = reader.next().unwrap();
    assert_eq!(
        (fifth.sequence, fifth.frame_id, reader.skipped()),
        (5, 5, 3)
    );
    assert!(fifth.published_ns >= first.published_ns && fifth.origin_ns == fifth.published_ns);
    assert!(!reader.ready());
    let slot = writer.begin().unwrap();
    writer.publish(slot, Stamp::computed_from(&first)).unwrap();
    assert_eq!(reader.next().unwrap().origin_ns, first.origin_ns);
    assert!(!reader.closed());
    writer.close();
    assert!(reader.closed());
}

#[test]
fn before_the_first_frame_a_reader_holds_zeros() {
    let stream = Stream::create(&spec(&stream_name("zeros"), 64)).unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let mut writer = stream.writer().unwrap();
    let slot = writer.begin().unwrap();
    writer.write(slot, &frame(1, 64)).unwrap();
    let zeros = reader.current();
    assert_eq!((zeros.sequence, zeros.frame_id), (0, 0));
    let mut bytes = vec![1; 512];
    for number in 1..=50 {
        reader.read(&zeros, &mut bytes).unwrap();
        assert_eq!(bytes, vec![0; 512], "while frame {number} is written");
        publish(&mut writer, number);
    }
    assert_eq!(reader.current().frame_id, 50);
    assert!(!reader.ready());
}

#[test]
fn a_slot_that_begin_did_not_give_is_not_published() {
    let stream = Stream::create(&spec(&stream_name("misuse"), 3)).unwrap();
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 1);
    let newest = stream
        .reader(Delivery::Latest)
        .unwrap()
        .newest()
        .unwrap()
        .slot;
    assert_eq!(writer.publish(newest, Stamp::source(2)), None);
    assert_eq!(writer.publish(999, Stamp::source(2)), None);
    assert!(writer.write(newest, &frame(2, 3)).is_err());
    let slot = writer.begin().unwrap();
    assert!(writer.write(slot, &frame(2, 4)).is_err());
}

#[test]
fn the_writer_never_waits_and_what_a_reader_holds_stays() {
    let stream = Stream::create(&spec(&stream_name("held"), 1000)).unwrap();
    let mut writer = stream.writer().unwrap();
    let mut readers: Vec<_> = (0..3)
        .map(|_| stream.reader(Delivery::Latest).unwrap())
        .collect();
    let mut held = Vec::new();
    let mut number = 0;
    for reader in &mut readers {
        number += 1;
        publish(&mut writer, number);
        held.push(reader.newest().unwrap());
    }
    for _ in 0..10_000 {
        number += 1;
        publish(&mut writer, number);
    }
    let mut bytes = vec![0; stream.bytes()];
    for (reader, frame_held) in readers.iter().zip(&held) {
        reader.read(frame_held, &mut bytes).unwrap();
        assert_eq!(bytes, frame(frame_held.frame_id, 1000));
    }
    assert!(matches!(
        stream.reader(Delivery::Latest),
        Err(StreamError::Readers { places: 3, .. })
    ));
}

#[test]
fn no_frame_is_torn_at_full_speed() {
    let stream = Stream::create(&spec(&stream_name("torn"), 512)).unwrap();
    let mut writer = stream.writer().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            let mut reader = stream.reader(Delivery::Latest).unwrap();
            let done = &done;
            scope.spawn(move || {
                let mut bytes = vec![0; 4096];
                let (mut taken, mut last) = (0, 0);
                while let Some(taken_now) = next_whole(&mut reader, &mut bytes) {
                    assert!(taken_now.sequence > last);
                    last = taken_now.sequence;
                    taken += 1;
                }
                assert!(taken > 100, "only {taken} frames came");
                assert_eq!(taken + reader.skipped(), last);
                assert!(done.load(Ordering::Relaxed));
            });
        }
        let end = Instant::now() + Duration::from_secs(2);
        let mut number = 0;
        while Instant::now() < end {
            number += 1;
            publish(&mut writer, number);
        }
        done.store(true, Ordering::Relaxed);
        writer.close();
    });
}

#[test]
fn every_reader_gets_every_frame_in_order() {
    const FRAMES: u64 = 20_000;
    let mut spec = spec(&stream_name("every"), 16);
    spec.every = true;
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    thread::scope(|scope| {
        for delivery in [Delivery::Every, Delivery::Every, Delivery::Latest] {
            let mut reader = stream.reader(delivery).unwrap();
            scope.spawn(move || {
                let mut bytes = vec![0; 128];
                let mut last = 0;
                while let Some(taken) = next_whole(&mut reader, &mut bytes) {
                    if delivery == Delivery::Every {
                        assert_eq!(taken.sequence, last + 1);
                    }
                    last = taken.sequence;
                }
                assert_eq!(last, FRAMES);
                assert!(delivery == Delivery::Latest || reader.skipped() == 0);
            });
        }
        for number in 1..=FRAMES {
            publish_when_there_is_room(&mut writer, number);
        }
        writer.close();
    });
}

#[test]
fn a_full_queue_stops_the_writer_until_the_reader_takes_or_goes() {
    let mut spec = spec(&stream_name("full"), 4);
    spec.every = true;
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let mut reader = stream.reader(Delivery::Every).unwrap();
    let mut number = 0;
    let mut fill = |writer: &mut Writer| {
        while writer.begin().is_some() {
            number += 1;
            assert!(number < 100, "the queue has no end");
            publish(writer, number);
        }
    };
    fill(&mut writer);
    let word = writer.room();
    assert!(!word.is_changed());
    assert_eq!(reader.next().unwrap().sequence, 1);
    assert!(word.is_changed());
    // The first frame is still held.
    assert_eq!(writer.begin(), None);
    assert_eq!(reader.next().unwrap().sequence, 2);
    fill(&mut writer);
    drop(reader);
    assert!(writer.begin().is_some());
}

#[test]
fn a_second_writer_is_refused_and_the_next_one_goes_on() {
    let stream = Stream::create(&spec(&stream_name("lease"), 3)).unwrap();
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 1);
    let process = std::process::id();
    assert!(
        matches!(stream.writer(), Err(StreamError::Written { process: p, .. }) if p == process)
    );
    drop(writer);
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let held = reader.newest().unwrap();
    let mut writer = stream.writer().unwrap();
    for number in 2..=9 {
        publish(&mut writer, number);
    }
    let mut bytes = vec![0; 24];
    reader.read(&held, &mut bytes).unwrap();
    assert_eq!(bytes, frame(1, 3));
    assert_eq!(reader.next().unwrap().sequence, 9);
}

#[test]
fn a_bell_ends_a_wait_for_frames() {
    let stream = Stream::create(&spec(&stream_name("bell"), 3)).unwrap();
    let reader = stream.reader(Delivery::Latest).unwrap();
    let bell = Arc::new(Bell::new());
    let ringer = bell.clone();
    let ring = thread::spawn(move || ringer.ring());
    let woken = stream::wait(
        &[reader.word(), bell.word()],
        Duration::ZERO,
        Some(Instant::now() + LONG),
    );
    assert_eq!(woken, Woken::Changed);
    assert!(bell.is_rung() && !reader.ready());
    ring.join().unwrap();
}

/// What the processes do that the tests below start. The role is `what stream`.
#[test]
fn child() {
    let Some(role) = role() else { return };
    let (what, name) = role.split_once(' ').unwrap();
    let stream = Stream::join(name).unwrap();
    match what {
        "hold" => {
            let mut reader = stream.reader(Delivery::Every).unwrap();
            let held = reader.newest();
            println!("holding {}", held.map_or(0, |held| held.sequence));
            wait_for_the_parent();
        }
        "read" => {
            let mut reader = stream.reader(Delivery::Every).unwrap();
            println!("reading");
            let mut bytes = vec![0; stream.bytes()];
            let mut last = 0;
            while let Some(taken) = next_whole(&mut reader, &mut bytes) {
                assert_eq!(taken.sequence, last + 1);
                last = taken.sequence;
            }
            println!("read {last}");
        }
        "write" => {
            let mut writer = stream.writer().unwrap();
            for number in 1.. {
                publish(&mut writer, number);
                if number == 100 {
                    println!("writing");
                }
            }
        }
        _ => panic!("{what}"),
    }
}

#[test]
fn another_process_reads_every_frame() {
    let mut spec = spec(&stream_name("across"), 64);
    spec.every = true;
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let mut child = Child::of_this_program("child", &format!("read {}", spec.name));
    child.wait_for("reading");
    for number in 1..=10_000 {
        publish_when_there_is_room(&mut writer, number);
    }
    writer.close();
    assert_eq!(child.wait_for("read "), "10000");
    child.finish();
}

#[test]
fn what_a_killed_reader_held_is_given_back() {
    let mut spec = spec(&stream_name("killed-reader"), 8);
    spec.every = true;
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 1);
    let mut children: Vec<_> = (0..3)
        .map(|_| Child::of_this_program("child", &format!("hold {}", spec.name)))
        .collect();
    for child in &mut children {
        assert_eq!(child.wait_for("holding "), "1");
    }
    assert!(matches!(
        stream.reader(Delivery::Latest),
        Err(StreamError::Readers { .. })
    ));
    let mut number = 1;
    while writer.begin().is_some() {
        number += 1;
        assert!(number < 100, "the queue has no end");
        publish(&mut writer, number);
    }
    children[0].kill();
    // The writer still has to wait for the two that are alive.
    let deadline = Instant::now() + Duration::from_millis(300);
    while Instant::now() < deadline {
        assert_eq!(writer.begin(), None);
        stream::wait(
            &[writer.room()],
            Duration::ZERO,
            Some(Instant::now() + Duration::from_millis(10)),
        );
    }
    // A new reader takes the place of the killed one.
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    assert_eq!(reader.newest().unwrap().sequence, number);
    children[1].kill();
    children[2].kill();
    publish_when_there_is_room(&mut writer, number + 1);
    let mut bytes = vec![0; 64];
    next_whole(&mut reader, &mut bytes).unwrap();
}

#[test]
fn a_killed_writer_leaves_whole_frames_and_its_place() {
    let spec = spec(&stream_name("killed-writer"), 4096);
    let stream = Stream::create(&spec).unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let mut bytes = vec![0; stream.bytes()];
    let mut last = 0;
    for _ in 0..10 {
        let mut child = Child::of_this_program("child", &format!("write {}", spec.name));
        child.wait_for("writing");
        assert!(
            matches!(stream.writer(), Err(StreamError::Written { process, .. }) if process == child.id())
        );
        child.kill();
        let taken = next_whole(&mut reader, &mut bytes).unwrap();
        assert!(taken.sequence >= last + 100);
        last = taken.sequence;
    }
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 7);
    let taken = next_whole(&mut reader, &mut bytes).unwrap();
    assert_eq!((taken.sequence, taken.frame_id), (last + 1, 7));
}
