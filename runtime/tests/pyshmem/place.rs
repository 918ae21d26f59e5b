//! Frames in and out of pyshmem's place, while Python writes, keeps the lock, lists and unlinks.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::stream::{self, Delivery, Mirror, Stamp, Stream, StreamError};

use super::attached::made_by_python;
use super::support::{self, Child, frame, peer, run, spec, stream_name};
use super::{flush, publish, read_until};

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
    assert_eq!(came + ingest.missed(), 25);
    assert_eq!(reader.skipped(), 0);
    assert!(came > 4);
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
        assert_eq!(ingest.missed(), 0);
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
