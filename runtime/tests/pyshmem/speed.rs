//! Full speed in both directions at once, in frames small and large: no torn frame, and counts that are true.

use std::thread;
use std::time::{Duration, Instant};

use sandpipe::stream::{self, Delivery, Stamp, Stream};

use super::support::{Child, frame, peer, spec, stream_name};
use super::{flush, publish};

/// How long all of it runs at full speed.
const FULL_SPEED: Duration = Duration::from_secs(10);
/// Numbers in a frame: 4 KiB, 128 KiB, 1 MiB.
const LENGTHS: [u32; 3] = [512, 16 * 1024, 128 * 1024];
/// The number of the last frame.
const LAST: u64 = 1_000_000_000;

#[test]
fn ten_seconds_of_full_speed_both_ways_tear_nothing_and_the_counts_are_true() {
    thread::scope(|scope| {
        for length in LENGTHS {
            scope.spawn(move || python_views_what_is_published(length));
            scope.spawn(move || python_writes_and_every_whole_frame_is_counted(length));
        }
    });
}

fn python_views_what_is_published(length: u32) {
    let spec = spec(&stream_name("view"), length);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let frames: Vec<_> = (0..20)
        .map(|number| frame(number, length as usize))
        .collect();
    let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, &LAST.to_string()]));
    viewer.wait_for("viewing");
    let start = Instant::now();
    let mut published = 0;
    while start.elapsed() < FULL_SPEED {
        let number = published % frames.len() as u64;
        let slot = writer.begin().unwrap();
        writer.write(slot, &frames[number as usize]).unwrap();
        writer.publish(slot, Stamp::source(number)).unwrap();
        published += 1;
    }
    publish(&mut writer, LAST);
    flush(&mut writer);
    let seen: serde_json::Value = serde_json::from_str(&viewer.wait_for("viewed")).unwrap();
    viewer.finish();
    let of = |key: &str| seen[key].as_u64().unwrap();
    println!("{length}: of {published} frames Python saw {seen}");
    assert!(
        of("frames") > 20,
        "{length}: {published} were published: {seen}"
    );
    assert_eq!(
        of("frames") + of("missed"),
        published + 1,
        "Python knows how many it has missed"
    );
    assert_eq!(
        of("missed"),
        of("missed_by_handle"),
        "and so does its handle"
    );
    assert!(
        seen["seconds"].as_f64().unwrap() > 0.8 * FULL_SPEED.as_secs_f64(),
        "it has seen frames from the beginning to the end: {seen}"
    );
}

fn python_writes_and_every_whole_frame_is_counted(length: u32) {
    let spec = spec(&stream_name("flood"), length);
    let stream = Stream::create(&spec).unwrap();
    let ingest = stream.ingest().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let seconds = FULL_SPEED.as_secs().to_string();
    let mut flood = Child::spawn(&mut peer(&["flood", &spec.name, &seconds]));
    flood.wait_for("flooding");
    let start = Instant::now();
    let mut bytes = vec![0; stream.bytes()];
    let (mut came, mut last) = (0, 0);
    let mut latest = Instant::now();
    while start.elapsed() < FULL_SPEED || latest.elapsed() < Duration::from_secs(2) {
        ingest.poll();
        if let Some(taken) = reader.next() {
            reader.read(&taken, &mut bytes).unwrap();
            assert!(
                bytes == frame(taken.frame_id, bytes.len() / 8),
                "torn frame {taken:?}"
            );
            assert!(taken.frame_id > last);
            last = taken.frame_id;
            came += 1;
            latest = Instant::now();
        }
        let soon = Instant::now() + Duration::from_millis(100);
        stream::wait(
            &[reader.word(), ingest.word()],
            Duration::from_micros(50),
            Some(soon),
        );
    }
    let written: u64 = flood.wait_for("flooded").parse().unwrap();
    flood.finish();
    println!("{length}: of {written} frames of Python {came} came");
    assert_eq!(last, written, "the last frame came");
    assert_eq!(came + reader.skipped() + ingest.missed(), written);
    assert!(came > 50, "{length}: {came} of {written} frames came");
}
