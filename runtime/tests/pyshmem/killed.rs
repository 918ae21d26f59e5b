//! Python processes that are killed in the middle of what they do.

use std::thread;
use std::time::{Duration, Instant};

use sandpipe::stream::{self, Delivery, Mode, Stream, StreamError, StreamSpec};

use super::support::{Child, frame, peer, run, spec, stream_name};
use super::{LONG, read_until};

/// How many writers, and how many creators, are killed.
const KILLS: u32 = 250;
const KILLED_CREATORS: u32 = 60;

#[test]
fn hundreds_of_writers_killed_at_any_moment_tear_nothing_and_the_stream_heals() {
    for notify in [true, false] {
        let mut spec = spec(&stream_name("killed"), 16 * 1024);
        spec.notify = notify;
        let stream = Stream::create(&spec).unwrap();
        let ingest = stream.ingest().unwrap();
        let mut reader = stream.reader(Delivery::Latest).unwrap();
        let mut killer = Child::spawn(&mut peer(&["kill_writers", &spec.name, &KILLS.to_string()]));
        killer.wait_for("killing");
        let (states, came) = thread::scope(|scope| {
            // The reader goes on until the killer has said how it went.
            let states = scope.spawn(|| {
                let states = (0..KILLS).map(|_| killer.wait_for("killed"));
                let states: Vec<(i64, u64)> = states
                    .map(|state| serde_json::from_str(&state).unwrap())
                    .collect();
                killer.wait_for("done");
                states
            });
            let mut bytes = vec![0; stream.bytes()];
            let mut came = 0;
            while !states.is_finished() {
                ingest.poll();
                while let Some(taken) = reader.next() {
                    reader.read(&taken, &mut bytes).unwrap();
                    assert!(
                        bytes == frame(taken.frame_id, bytes.len() / 8),
                        "torn frame {taken:?}"
                    );
                    came += 1;
                }
                let soon = Some(Instant::now() + Duration::from_millis(20));
                stream::wait(&[reader.word(), ingest.word()], Duration::ZERO, soon);
            }
            (states.join().unwrap(), came)
        });
        killer.finish();
        let inside = states.iter().filter(|(sequence, _)| sequence % 2 != 0);
        println!(
            "{} of {KILLS} died in a write; {came} frames came",
            inside.clone().count()
        );
        assert!(inside.count() > 0, "none was killed in a write");
        run(&mut peer(&["write", &spec.name, "7"]));
        let came = came + read_until(&ingest, &mut reader, 7);
        let info = stream::info(&spec.name).unwrap();
        assert!(
            info.write_sequence > 0 && info.write_sequence % 2 == 0,
            "{info:?}"
        );
        assert_eq!(
            came + reader.skipped() + ingest.missed(),
            info.count,
            "every completed write is accounted for"
        );
    }
}

#[test]
fn creators_killed_at_any_moment_leave_nothing_that_is_in_the_way() {
    let name = stream_name("unborn");
    let mut killer = Child::spawn(&mut peer(&["kill_creators", &name]));
    let mut whole = 0;
    for round in 0..KILLED_CREATORS {
        killer.say("again");
        killer.wait_for("killed");
        let mode = [Mode::Create, Mode::CreateOrAttach][round as usize % 2];
        let spec = StreamSpec {
            mode,
            ..spec(&name, 512)
        };
        match Stream::create(&spec) {
            Ok(stream) => {
                whole += u32::from(!stream.is_made_here());
                drop(stream);
            }
            Err(StreamError::Exists { .. }) if mode == Mode::Create => whole += 1,
            Err(error) => panic!("{error}"),
        }
        // A stream that was complete stays, and is in the next creator's way.
        match stream::remove(&name, false) {
            Ok(()) | Err(StreamError::Missing { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    println!("{whole} of {KILLED_CREATORS} streams were complete");
    killer.finish();
}

#[test]
fn a_python_writer_killed_in_a_frame_spoils_that_frame_only() {
    let spec = spec(&stream_name("killed"), 512);
    let stream = Stream::create(&spec).unwrap();
    let ingest = stream.ingest().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    run(&mut peer(&["write", &spec.name, "1"]));
    read_until(&ingest, &mut reader, 1);
    let elsewhere = tempfile::TempDir::new().unwrap();
    for (heal, next_locks_elsewhere) in [(true, false), (false, false), (false, true), (true, true)]
    {
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
        let mut flood = peer(&["flood", &spec.name, "0.3"]);
        if next_locks_elsewhere {
            flood.env("PYSHMEM_LOCK_DIR", elsewhere.path());
        }
        let mut flood = Child::spawn(&mut flood);
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
