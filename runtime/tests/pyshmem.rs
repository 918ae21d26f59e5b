//! Streams against the real pyshmem, both ways.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::stream::{
    self, Delivery, Ingest, Mirror, Mode, Reader, Stamp, Stream, StreamError, StreamSpec, Writer,
};
use support::{Child, frame, peer, run, spec, stream_name};

/// How long each direction runs at full speed.
const FULL_SPEED: Duration = Duration::from_secs(10);
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

#[test]
fn python_views_what_is_published_at_full_speed() {
    let spec = spec(&stream_name("view"), 16 * 1024);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let frames: Vec<_> = (0..100).map(|number| frame(number, 16 * 1024)).collect();
    let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, "1000000"]));
    viewer.wait_for("viewing");
    let end = Instant::now() + FULL_SPEED;
    let mut published = 0;
    while Instant::now() < end {
        let number = published % 100;
        let slot = writer.begin().unwrap();
        writer.write(slot, &frames[number as usize]).unwrap();
        writer.publish(slot, Stamp::source(number)).unwrap();
        published += 1;
    }
    publish(&mut writer, 1_000_000);
    flush(&mut writer);
    let seen: serde_json::Value = serde_json::from_str(&viewer.wait_for("viewed")).unwrap();
    viewer.finish();
    let (came, missed) = (
        seen["frames"].as_u64().unwrap(),
        seen["missed"].as_u64().unwrap(),
    );
    assert!(came > 100, "{came} of {published} frames came");
    assert_eq!(
        came + missed,
        published + 1,
        "Python knows how many it has missed"
    );
}

#[test]
fn python_writes_at_full_speed_and_every_whole_frame_is_counted() {
    let spec = spec(&stream_name("flood"), 16 * 1024);
    let stream = Stream::create(&spec).unwrap();
    let ingest = stream.ingest().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let mut flood = Child::spawn(&mut peer(&[
        "flood",
        &spec.name,
        &FULL_SPEED.as_secs().to_string(),
    ]));
    flood.wait_for("flooding");
    let mut bytes = vec![0; stream.bytes()];
    let (mut came, mut last) = (0, 0);
    let mut latest = Instant::now();
    while latest.elapsed() < Duration::from_secs(2) {
        ingest.poll();
        if let Some(taken) = reader.next() {
            reader.read(&taken, &mut bytes).unwrap();
            assert_eq!(
                bytes,
                frame(taken.frame_id, bytes.len() / 8),
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
    assert_eq!(last, written, "the last frame came");
    assert_eq!(came + reader.skipped() + ingest.skipped(), written);
    assert!(came > 500, "{came} of {written} frames came");
}

#[test]
fn python_feeds_a_reader_of_every_frame() {
    let mut spec = spec(&stream_name("feed"), 64);
    spec.every = true;
    let stream = Stream::create(&spec).unwrap();
    let ingest = stream.ingest().unwrap();
    let mut reader = stream.reader(Delivery::Every).unwrap();
    for number in 1..=5 {
        run(&mut peer(&["write", &spec.name, &number.to_string()]));
        assert_eq!(read_until(&ingest, &mut reader, number), 1);
    }
    // Frames that nobody takes fill the queue; then pyshmem's place waits, and goes on when there is room.
    let name = spec.name.clone();
    for number in 6..=30 {
        stream::write_frame(&name, &frame(number, 64), Some(number)).unwrap();
        ingest.poll();
    }
    let came = read_until(&ingest, &mut reader, 30);
    assert_eq!(came + ingest.skipped(), 25);
    assert_eq!(reader.skipped(), 0);
    assert!(came > 4);
}

#[test]
fn a_python_writer_killed_in_a_frame_spoils_that_frame_only() {
    let spec = spec(&stream_name("killed"), 512);
    let stream = Stream::create(&spec).unwrap();
    let ingest = stream.ingest().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    run(&mut peer(&["write", &spec.name, "1"]));
    read_until(&ingest, &mut reader, 1);
    for heal in [true, false, true, false, false] {
        let mut half = Child::spawn(&mut peer(&["half", &spec.name, "2"]));
        half.wait_for("halfway");
        half.kill();
        if heal {
            // Noticed before the next writer comes: the sequence is put in order.
            let deadline = Instant::now() + LONG;
            while stream::info(&spec.name).unwrap().write_sequence >= 0 {
                assert!(Instant::now() < deadline);
                assert_eq!(ingest.poll(), None);
                thread::sleep(Duration::from_millis(5));
            }
        }
        // Not noticed: pyshmem's next writer has the sequence even while it writes. No torn frame must come of it.
        let mut flood = Child::spawn(&mut peer(&["flood", &spec.name, "0.3"]));
        flood.wait_for("flooding");
        let deadline = Instant::now() + Duration::from_millis(250);
        let mut bytes = vec![0; stream.bytes()];
        while Instant::now() < deadline {
            ingest.poll();
            if let Some(taken) = reader.next() {
                reader.read(&taken, &mut bytes).unwrap();
                assert_eq!(bytes, frame(taken.frame_id, 512), "torn frame {taken:?}");
            }
        }
        let written = flood.wait_for("flooded").parse().unwrap();
        flood.finish();
        read_until(&ingest, &mut reader, written);
        let info = stream::info(&spec.name).unwrap();
        assert_eq!(info.write_sequence % 2, 0, "{info:?}");
    }
}

#[test]
fn a_frame_that_only_the_lock_can_vouch_for_comes_when_the_lock_is_free() {
    let mut spec = spec(&stream_name("kept"), 512);
    for notify in [true, false] {
        spec.notify = notify;
        let stream = Stream::create(&spec).unwrap();
        let ingest = stream.ingest().unwrap();
        let mut reader = stream.reader(Delivery::Latest).unwrap();
        let mut keeper = Child::spawn(&mut peer(&["keep", &spec.name, "3"]));
        keeper.wait_for("keeping");
        for _ in 0..10 {
            assert_eq!(ingest.poll(), None);
        }
        // Nothing is written any more, so that nothing wakes us.
        keeper.finish();
        assert_eq!(read_until(&ingest, &mut reader, 3), 1);
        assert_eq!(ingest.skipped(), 0);
    }
}

#[test]
fn a_python_process_that_holds_the_lock_does_not_stop_the_producer() {
    let mut spec = spec(&stream_name("locked"), 512);
    spec.mirror = Mirror::Every;
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 1);
    assert!(writer.flush_mirror().is_none(), "mirrored at once");
    let mut half = Child::spawn(&mut peer(&["half", &spec.name, "2"]));
    half.wait_for("halfway");
    let start = Instant::now();
    for number in 2..=1000 {
        publish(&mut writer, number);
    }
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(
        writer.flush_mirror().is_some(),
        "nothing is mirrored while Python writes"
    );
    half.kill();
    flush(&mut writer);
    let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, "1000"]));
    let seen: serde_json::Value = serde_json::from_str(&viewer.wait_for("viewed")).unwrap();
    assert_eq!(
        (seen["frames"].as_u64(), seen["count"].as_u64()),
        (Some(1), Some(1000))
    );
    viewer.finish();
}

#[test]
fn python_lists_examines_opens_and_unlinks_our_streams() {
    for dtype in Dtype::all() {
        let mut spec = spec(&stream_name(dtype.name()), 1);
        spec.array = ArrayType {
            dtype,
            shape: vec![3, 1, 5],
        };
        let stream = Stream::create(&spec).unwrap();
        // `list_streams` looks at every stream of the machine and stumbles over one that is being made just then.
        let script = "import sys, json, time, pyshmem; name = sys.argv[1]; s = pyshmem.open(name)\n\
                      def names(tries=200):\n\
                      \x20 try: return pyshmem.list_streams()\n\
                      \x20 except (ValueError, OSError):\n\
                      \x20  if tries == 0: raise\n\
                      \x20  time.sleep(0.05); return names(tries - 1)\n\
                      assert name in names(); assert (s.read() == 0).all(); \
                      print(json.dumps(pyshmem.stat(name))); s.close(); pyshmem.unlink(name)";
        let text = run(Command::new(support::python()).args(["-c", script, &spec.name]));
        let stat: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(stat["dtype"], dtype.numpy_name());
        assert_eq!(stat["shape"], serde_json::json!([3, 1, 5]));
        assert_eq!(stat["creator_pid"], std::process::id());
        assert_eq!(
            (&stat["notify"], &stat["creator_alive"]),
            (&true.into(), &true.into())
        );
        assert!(matches!(
            stream::info(&spec.name),
            Err(StreamError::Missing { .. })
        ));
        // The run goes on in memory that has no name any more, and leaves a namesake alone.
        let mut writer = stream.writer().unwrap();
        let slot = writer.begin().unwrap();
        writer.publish(slot, Stamp::source(1)).unwrap();
        let namesake = Stream::create(&spec).unwrap();
        drop((writer, stream));
        assert!(stream::info(&spec.name).is_ok());
        drop(namesake);
        assert!(stream::info(&spec.name).is_err());
    }
}

/// A stream that a living Python process has made, with one frame in it.
fn made_by_python(spec: &StreamSpec) -> Child {
    let mut owner = Child::spawn(&mut peer(&["create", &spec.name, "uint64", "512"]));
    owner.wait_for("created");
    run(&mut peer(&["write", &spec.name, "41"]));
    owner
}

#[test]
fn a_stream_that_python_made_is_used_as_it_is() {
    for mode in [Mode::CreateOrAttach, Mode::Attach] {
        let mut spec = spec(&stream_name("attach"), 512);
        spec.mode = mode;
        let owner = made_by_python(&spec);
        let stream = Stream::create(&spec).unwrap();
        assert!(!stream.is_made_here());
        // As an input: what lies there already is the newest frame, though not a new one.
        let ingest = stream.ingest().unwrap();
        let mut reader = stream.reader(Delivery::Latest).unwrap();
        assert_eq!(reader.newest().unwrap().frame_id, 41);
        assert!(!reader.ready());
        run(&mut peer(&["write", &spec.name, "42"]));
        assert_eq!(read_until(&ingest, &mut reader, 42), 1);
        drop((ingest, reader));
        // As an output.
        let mut writer = stream.writer().unwrap();
        publish(&mut writer, 43);
        flush(&mut writer);
        let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, "43"]));
        viewer.wait_for("viewed");
        viewer.finish();
        drop((writer, stream));
        assert_eq!(
            stream::read_frame(&spec.name).unwrap().bytes,
            frame(43, 512),
            "not removed"
        );
        owner.finish();
        stream::remove(&spec.name, false).unwrap();
    }
}

#[test]
fn a_stream_of_python_that_differs_is_refused_or_replaced() {
    let mut other = spec(&stream_name("differs"), 511);
    let create = |spec: &StreamSpec, mode| {
        Stream::create(&StreamSpec {
            mode,
            ..spec.clone()
        })
    };
    let owner = made_by_python(&other);
    for mode in [Mode::CreateOrAttach, Mode::Attach] {
        let error = create(&other, mode).unwrap_err();
        assert!(matches!(error, StreamError::Differs { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("holds uint64 [512], not uint64 [511]"),
            "{error}"
        );
    }
    assert!(matches!(
        create(&other, Mode::Create),
        Err(StreamError::Exists { .. })
    ));
    owner.finish();
    // Its maker has ended: then it is replaced, but never attached to.
    assert!(matches!(
        create(&other, Mode::Attach),
        Err(StreamError::Differs { .. })
    ));
    let replaced = create(&other, Mode::CreateOrAttach).unwrap();
    assert!(replaced.is_made_here());
    drop(replaced);
    assert!(matches!(
        create(&other, Mode::Attach),
        Err(StreamError::Missing { .. })
    ));
    // Asked for in so many words, it is replaced even so.
    other.name = stream_name("replaced");
    let owner = made_by_python(&other);
    drop(create(&other, Mode::Replace).unwrap());
    owner.finish();
}

#[test]
fn single_frames_go_in_and_out_as_python_sees_them() {
    let spec = spec(&stream_name("tools"), 512);
    let owner = made_by_python(&spec);
    let snapshot = stream::read_frame(&spec.name).unwrap();
    assert_eq!(
        (snapshot.frame_id, snapshot.sequence, snapshot.bytes),
        (41, 1, frame(41, 512))
    );
    let mut viewer = Child::spawn(&mut peer(&["view", &spec.name, "77"]));
    viewer.wait_for("viewing");
    stream::write_frame(&spec.name, &frame(77, 512), Some(77)).unwrap();
    viewer.wait_for("viewed");
    viewer.finish();
    let info = stream::info(&spec.name).unwrap();
    assert_eq!(
        (info.count, info.frame_id, info.creator_alive),
        (2, 77, true)
    );
    assert_eq!(info.creator, i64::from(owner.id()));
    assert!(info.ring.is_none() && info.written.is_some());
    let wrong = stream::write_frame(&spec.name, &[0; 8], None);
    assert!(matches!(
        wrong,
        Err(StreamError::FrameSize {
            wanted: 4096,
            given: 8,
            ..
        })
    ));
    owner.finish();
    stream::remove(&spec.name, false).unwrap();
    assert!(matches!(
        stream::remove(&spec.name, false),
        Err(StreamError::Missing { .. })
    ));
}

#[test]
fn the_ring_of_a_running_pipeline_is_read_and_its_output_is_not_written() {
    let spec = spec(&stream_name("running"), 512);
    let stream: Arc<Stream> = Stream::create(&spec).unwrap();
    assert!(matches!(
        stream::read_frame(&spec.name),
        Err(StreamError::Empty { .. })
    ));
    let mut writer = stream.writer().unwrap();
    publish(&mut writer, 5);
    assert_eq!(stream::read_frame(&spec.name).unwrap().bytes, frame(5, 512));
    let refused = stream::write_frame(&spec.name, &frame(6, 512), None);
    assert!(matches!(refused, Err(StreamError::Written { .. })));
    let ring = stream::info(&spec.name).unwrap().ring.unwrap();
    assert!(ring.run_alive && !ring.closed);
    assert_eq!(
        (ring.published, ring.readers_attached, ring.writer),
        (1, 0, Some(std::process::id()))
    );
    assert!(
        stream::list()
            .unwrap()
            .iter()
            .any(|info| info.name == spec.name)
    );
    assert!(matches!(
        stream::remove(&spec.name, false),
        Err(StreamError::Running { .. })
    ));
    stream::remove(&spec.name, true).unwrap();
    assert!(stream.check().is_ok());
}
