//! The files of a stream: what is made, found, refused, replaced and removed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and tells its parent how far it is"
)]

mod support;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sandpipe::stream::{self, Delivery, Mirror, Mode, Stamp, Stream, StreamError, StreamSpec};
use support::{Child, frame, role, spec, stream_name, wait_for_the_parent};

/// The metadata file and the data file of a stream, by asking which ones came with it.
fn files(name: &str) -> (PathBuf, PathBuf) {
    let meta = fs::read_dir("/dev/shm")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with("_meta"))
        .find(|path| {
            let header = fs::read(path).unwrap_or_default();
            header
                .get(256..512)
                .is_some_and(|field| field.starts_with(name.as_bytes()))
        })
        .unwrap();
    let data = PathBuf::from(meta.to_str().unwrap().strip_suffix("_meta").unwrap());
    (meta, data)
}

fn create(spec: &StreamSpec, mode: Mode) -> Result<std::sync::Arc<Stream>, StreamError> {
    Stream::create(&StreamSpec {
        mode,
        ..spec.clone()
    })
}

const MODES: [Mode; 4] = [
    Mode::CreateOrAttach,
    Mode::Create,
    Mode::Attach,
    Mode::Replace,
];

/// Holds a stream until the parent ends or kills it.
#[test]
fn child() {
    let Some(name) = role() else { return };
    let stream = Stream::create(&spec(&name, 512));
    match stream {
        Ok(stream) => {
            let mut writer = stream.writer().unwrap();
            let slot = writer.begin().unwrap();
            writer.write(slot, &frame(1, 512)).unwrap();
            writer.publish(slot, Stamp::source(1)).unwrap();
            println!("run: made");
            wait_for_the_parent();
        }
        Err(error) => println!("run: {error}"),
    }
}

/// Makes and drops streams, in a process where no other test does.
#[test]
fn child_that_counts() {
    let Some(name) = role() else { return };
    let count = |what: &str| {
        fs::read_dir("/proc/self/fd").unwrap().count()
            + fs::read_to_string(what).unwrap().lines().count()
    };
    let mut counts = Vec::new();
    for cycle in 0..300 {
        let stream = Stream::create(&spec(&name, 512)).unwrap();
        let _writer = stream.writer().unwrap();
        let _reader = stream.reader(Delivery::Latest).unwrap();
        drop(Stream::create(&spec(&name, 512)).unwrap_err());
        drop(stream::read_frame(&name).unwrap_err());
        if cycle % 100 == 50 {
            counts.push(count("/proc/self/maps"));
        }
    }
    // A leak would show a hundred times; the allocator may take another block.
    assert!(
        counts.iter().all(|count| count.abs_diff(counts[0]) < 10),
        "{counts:?}"
    );
}

#[test]
fn descriptors_and_mappings_are_given_back() {
    Child::of_this_program("child_that_counts", &stream_name("leaks")).finish();
}

#[test]
fn nothing_is_left_of_a_stream() {
    let spec = spec(&stream_name("gone"), 512);
    let stream = Stream::create(&spec).unwrap();
    let (meta, data) = files(&spec.name);
    assert!(meta.exists() && data.exists());
    drop(stream);
    assert!(!meta.exists() && !data.exists());
}

#[test]
fn a_stream_of_a_run_that_lives_is_refused_and_can_be_joined() {
    let spec = spec(&stream_name("alive"), 512);
    let mut run = Child::of_this_program("child", &spec.name);
    assert_eq!(run.wait_for("run: "), "made");
    for mode in [Mode::CreateOrAttach, Mode::Create, Mode::Replace] {
        let error = create(&spec, mode).unwrap_err();
        assert!(
            matches!(error, StreamError::InUse { process, .. } if process == run.id()),
            "{error}"
        );
    }
    // Attached to, it is a stream like any other: fed by what the run copies to pyshmem's place.
    let attached = create(&spec, Mode::Attach).unwrap();
    assert!(!attached.is_made_here());
    let _ingest = attached.ingest().unwrap();
    let newest = attached.reader(Delivery::Latest).unwrap().newest().unwrap();
    assert_eq!(newest.frame_id, 1);
    let joined = Stream::join(&spec.name).unwrap();
    assert!(
        matches!(joined.writer(), Err(StreamError::Written { process, .. }) if process == run.id())
    );
    drop((attached, joined));
    assert!(stream::info(&spec.name).is_ok());
    run.finish();
    assert!(matches!(
        stream::info(&spec.name),
        Err(StreamError::Missing { .. })
    ));
}

#[test]
fn what_a_killed_run_left_is_replaced() {
    for mode in [Mode::CreateOrAttach, Mode::Create, Mode::Replace] {
        let spec = spec(&stream_name("killed"), 512);
        let mut run = Child::of_this_program("child", &spec.name);
        assert_eq!(run.wait_for("run: "), "made");
        run.kill();
        let ring = stream::info(&spec.name).unwrap().ring.unwrap();
        assert!(!ring.run_alive && ring.writer.is_none() && ring.published == 1);
        assert_eq!(stream::read_frame(&spec.name).unwrap().bytes, frame(1, 512));
        let stream = create(&spec, mode).unwrap();
        assert!(stream.is_made_here());
        assert_eq!(stream.reader(Delivery::Latest).unwrap().newest(), None);
    }
}

#[test]
fn a_damaged_stream_of_a_run_that_lives_is_not_replaced() {
    type Damage<'a> = &'a dyn Fn(&PathBuf, &PathBuf);
    let damages: [Damage; 4] = [
        &|meta, _| fs::write(meta, [0; 8192]).unwrap(),
        &|meta, _| fs::write(meta, noise(1, 8192)).unwrap(),
        &|meta, _| fs::write(meta, []).unwrap(),
        &|_, data| fs::remove_file(data).unwrap(),
    ];
    for damage in damages {
        let spec = spec(&stream_name("damaged"), 512);
        let mut run = Child::of_this_program("child", &spec.name);
        assert_eq!(run.wait_for("run: "), "made");
        let (meta, data) = files(&spec.name);
        damage(&meta, &data);
        let before = fs::metadata(&meta).unwrap().len();
        assert!(create(&spec, Mode::CreateOrAttach).is_err());
        let error = create(&spec, Mode::Replace).unwrap_err();
        assert!(matches!(error, StreamError::InUse { .. }), "{error}");
        let error = stream::remove(&spec.name, false).unwrap_err();
        assert!(matches!(error, StreamError::Running { .. }), "{error}");
        assert_eq!(fs::metadata(&meta).unwrap().len(), before);
        // The run knows its files whatever is in them.
        run.finish();
        assert!(!meta.exists() && !data.exists());
    }
}

#[test]
fn what_a_killed_run_left_can_be_removed_or_attached_to() {
    let spec = spec(&stream_name("remains"), 512);
    let mut run = Child::of_this_program("child", &spec.name);
    assert_eq!(run.wait_for("run: "), "made");
    run.kill();
    assert!(!create(&spec, Mode::Attach).unwrap().is_made_here());
    stream::remove(&spec.name, false).unwrap();
    assert!(matches!(
        create(&spec, Mode::Attach),
        Err(StreamError::Missing { .. })
    ));
}

#[test]
fn of_two_runs_that_start_at_once_one_gets_the_stream() {
    for _ in 0..5 {
        let name = stream_name("race");
        let mut runs: Vec<_> = (0..3)
            .map(|_| Child::of_this_program("child", &name))
            .collect();
        let said: Vec<String> = runs.iter_mut().map(|run| run.wait_for("run: ")).collect();
        let made = said.iter().filter(|said| *said == "made").count();
        let refused = said
            .iter()
            .filter(|said| said.contains("is in use by a sandpipe run"))
            .count();
        assert_eq!((made, refused), (1, 2), "{said:?}");
        for run in runs {
            run.finish();
        }
        assert!(matches!(
            stream::info(&name),
            Err(StreamError::Missing { .. })
        ));
    }
}

#[test]
fn what_was_never_completed_is_replaced() {
    let spec = spec(&stream_name("half-made"), 512);
    let (meta, data) = {
        let _stream = Stream::create(&spec).unwrap();
        files(&spec.name)
    };
    let cases: [&dyn Fn(); 4] = [
        &|| fs::write(&data, [0; 100]).unwrap(),
        &|| fs::write(&meta, []).unwrap(),
        &|| fs::write(&meta, [0; 512]).unwrap(),
        &|| fs::write(&meta, [7; 300]).unwrap(),
    ];
    for make in cases {
        make();
        assert!(matches!(
            create(&spec, Mode::Attach),
            Err(StreamError::Missing { .. })
        ));
        assert!(Stream::create(&spec).unwrap().is_made_here());
        assert!(!meta.exists() && !data.exists());
    }
}

#[test]
fn what_is_not_a_stream_is_not_touched() {
    let spec = spec(&stream_name("foreign"), 512);
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    let ((meta, data), good_meta, good_data) = {
        let _stream = Stream::create(&spec).unwrap();
        let (meta, data) = files(&spec.name);
        let (header, frames) = (fs::read(&meta).unwrap(), fs::read(&data).unwrap());
        ((meta, data), header, frames)
    };
    let with = |path: &PathBuf, change: &dyn Fn(&mut Vec<u8>)| {
        fs::write(&meta, &good_meta).unwrap();
        fs::write(&data, &good_data).unwrap();
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    type Case<'a> = (&'a str, &'a dyn Fn());
    let cases: [Case; 9] = [
        ("is a symbolic link", &|| {
            symlink(elsewhere.path(), &meta).unwrap()
        }),
        ("is a symbolic link", &|| {
            symlink(elsewhere.path(), &data).unwrap()
        }),
        ("is not a regular file", &|| fs::create_dir(&data).unwrap()),
        ("is not a regular file", &|| {
            let mode = rustix::fs::Mode::RWXU;
            rustix::fs::mknodat(rustix::fs::CWD, &meta, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
        }),
        ("does not begin with pyshmem's mark", &|| {
            with(&meta, &|bytes| bytes[0] = b'p')
        }),
        ("has a header of version 2", &|| {
            with(&meta, &|bytes| bytes[8] = 2)
        }),
        ("its checksum is wrong", &|| {
            with(&meta, &|bytes| bytes[104] ^= 1)
        }),
        ("belongs to a stream named", &|| {
            with(&meta, &|bytes| {
                let other = Stream::create(&support::spec(&stream_name("other"), 512)).unwrap();
                let header = fs::read(files(other.name()).0).unwrap();
                bytes[..512].copy_from_slice(&header[..512]);
            })
        }),
        ("too few for", &|| {
            with(&data, &|bytes| bytes.truncate(4095))
        }),
    ];
    for (expected, make) in cases {
        make();
        for mode in [Mode::CreateOrAttach, Mode::Create, Mode::Attach] {
            let error = create(&spec, mode).unwrap_err();
            assert!(matches!(error, StreamError::Foreign { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(stream::info(&spec.name).is_err());
        assert!(
            stream::list()
                .unwrap()
                .iter()
                .all(|info| info.name != spec.name)
        );
        assert!(stream::remove(&spec.name, false).is_err());
        if data.is_dir() {
            fs::remove_dir(&data).unwrap();
        } else {
            stream::remove(&spec.name, true).unwrap();
        }
        assert!(fs::symlink_metadata(&meta).is_err() && fs::symlink_metadata(&data).is_err());
    }
    assert_eq!(fs::read(elsewhere.path()).unwrap(), b"");
}

/// Bytes that look random, and always the same.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(next).collect()
}

#[test]
fn scribbled_fields_of_pyshmem_are_survived() {
    let mut spec = spec(&stream_name("fields"), 512);
    spec.mirror = Mirror::Every;
    let written = Stream::create(&spec).unwrap();
    let mut writer = written.writer().unwrap();
    spec.name = stream_name("fields");
    let fed = Stream::create(&spec).unwrap();
    let ingest = fed.ingest().unwrap();
    let mut reader = fed.reader(Delivery::Latest).unwrap();
    let metas = [written.name(), fed.name()].map(|name| {
        let file = OpenOptions::new().write(true).open(files(name).0);
        file.unwrap()
    });
    let extremes = [
        0,
        1,
        2,
        -1,
        -2,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
    ];
    for seed in 0..300u64 {
        for meta in &metas {
            // Count, sequence, time, holder and depth; frame id.
            let mut fields = noise(seed, 36);
            let extreme = extremes[seed as usize % extremes.len()];
            fields[8..16].copy_from_slice(&extreme.to_le_bytes());
            if seed % 2 == 0 {
                fields[24..32].fill(0);
            }
            meta.write_all_at(&fields, 40).unwrap();
            meta.write_all_at(&noise(seed, 8), 96).unwrap();
        }
        let slot = writer.begin().unwrap();
        writer.write(slot, &frame(seed, 512)).unwrap();
        writer.publish(slot, Stamp::source(seed)).unwrap();
        ingest.poll();
        // Now and then long enough to be taken for a write that was left unfinished.
        std::thread::sleep(Duration::from_millis(if seed % 7 == 0 { 15 } else { 0 }));
        ingest.poll();
        reader.next();
    }
    // What is written properly comes through again.
    stream::write_frame(written.name(), &frame(7, 512), None).unwrap_err();
    drop(writer);
    for name in [written.name(), fed.name()] {
        stream::write_frame(name, &frame(7, 512), Some(7)).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while reader.newest().is_none_or(|newest| newest.frame_id != 7) {
        assert!(Instant::now() < deadline);
        ingest.poll();
    }
    let info = stream::info(written.name()).unwrap();
    assert_eq!((info.frame_id, info.write_sequence % 2), (7, 0));
}

#[test]
fn a_scribbled_control_block_is_refused_or_survived() {
    let spec = spec(&stream_name("scribbled"), 512);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let (meta, _) = files(&spec.name);
    let file = OpenOptions::new().write(true).open(&meta).unwrap();
    let length = file.metadata().unwrap().len();
    let mut bytes = vec![0; 4096];
    for seed in 1..=200u64 {
        // Everything behind the header.
        file.write_all_at(&noise(seed, length as usize - 4096), 4096)
            .unwrap();
        for _ in 0..3 {
            if let Some(slot) = writer.begin() {
                writer.write(slot, &frame(seed, 512)).unwrap();
                writer.publish(slot, Stamp::source(seed));
            }
            if let Some(taken) = reader.next() {
                let _ = reader.read(&taken, &mut bytes);
            }
            let _ = reader.newest();
        }
        let _ = stream
            .reader(Delivery::Every)
            .map(|mut reader| reader.next());
        // Who comes new sees that it is no control block: the magic number is gone.
        assert!(stream::info(&spec.name).unwrap().ring.is_none());
    }
    assert!(stream.check().is_ok());
}

#[test]
fn a_frame_that_its_slot_denies_is_an_error_and_not_a_wait_for_ever() {
    let spec = spec(&stream_name("denied"), 512);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let slot = writer.begin().unwrap();
    writer.publish(slot, Stamp::source(1));
    assert_eq!(stream::read_frame(&spec.name).unwrap().sequence, 1);
    let (meta, _) = files(&spec.name);
    let meta = OpenOptions::new().read(true).write(true).open(meta);
    let meta = meta.unwrap();
    // The slots' records are where the sequence 1 stands before the frame's number and two equal times.
    let mut bytes = vec![0; meta.metadata().unwrap().len() as usize];
    meta.read_exact_at(&mut bytes, 0).unwrap();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut places = (4096..bytes.len() - 32).step_by(64);
    let record = places.find(|&at| (word(at), word(at + 8)) == (1, 1) && word(at + 16) > 1);
    meta.write_all_at(&[9], record.unwrap() as u64).unwrap();
    assert!(matches!(
        stream::read_frame(&spec.name),
        Err(StreamError::Overwritten { .. })
    ));
}

/// Of who holds pyshmem's lock and how often.
const AT_HOLDER: u64 = 64;
const AT_DEPTH: u64 = 72;
/// Where the ring's head lies in the metadata file, and the flag that says whether somebody sleeps on it.
const AT_HEAD: u64 = 4096 + 128;
const AT_PARKED: u64 = AT_HEAD + 8;

/// The stream with its metadata file, a writer and a function that publishes.
fn with_metadata(what: &str) -> (std::sync::Arc<Stream>, File) {
    let stream = Stream::create(&spec(&stream_name(what), 512)).unwrap();
    let meta = OpenOptions::new()
        .read(true)
        .write(true)
        .open(files(stream.name()).0);
    (stream, meta.unwrap())
}

fn publish(writer: &mut stream::Writer, number: u64) {
    let slot = writer.begin().unwrap();
    writer.write(slot, &frame(number, 512)).unwrap();
    writer.publish(slot, Stamp::source(number)).unwrap();
}

#[test]
fn a_reader_goes_on_after_somebody_feigned_frames_that_are_far_ahead() {
    for delivery in [Delivery::Latest, Delivery::Every] {
        let (stream, meta) = with_metadata("ahead");
        let mut writer = stream.writer().unwrap();
        let mut reader = stream.reader(delivery).unwrap();
        publish(&mut writer, 1);
        assert_eq!(reader.next().unwrap().frame_id, 1);
        let mut head = [0; 8];
        meta.read_exact_at(&mut head, AT_HEAD).unwrap();
        assert_eq!(
            u64::from_le_bytes(head) << 8 >> 9,
            1,
            "the head is elsewhere"
        );
        meta.write_all_at(&(1u64 << 41).to_le_bytes(), AT_HEAD)
            .unwrap();
        assert_eq!(reader.next().unwrap().sequence, 1 << 40);
        assert!(!reader.ready() && reader.next().is_none());
        for number in 2..10 {
            publish(&mut writer, number);
            assert!(reader.ready() && !reader.closed());
            assert_eq!(reader.next().unwrap().frame_id, number, "{delivery:?}");
        }
        writer.close();
        assert!(reader.next().is_none() && reader.closed());
    }
}

#[test]
fn a_sleeper_whose_flag_was_wiped_out_wakes_all_the_same() {
    let (stream, meta) = with_metadata("asleep");
    let mut writer = stream.writer().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let (woken, wakes) = std::sync::mpsc::channel();
    let sleeper = std::thread::spawn(move || {
        while reader.next().is_none() {
            stream::wait(&[reader.word()], Duration::ZERO, None);
        }
        woken.send(()).unwrap();
    });
    let mut parked = [0; 4];
    let start = Instant::now();
    while parked == [0; 4] {
        meta.read_exact_at(&mut parked, AT_PARKED).unwrap();
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the flag is elsewhere"
        );
    }
    // It sleeps by now, or is about to look at the word once more, which has not changed.
    std::thread::sleep(Duration::from_millis(50));
    meta.write_all_at(&[0; 4], AT_PARKED).unwrap();
    publish(&mut writer, 1);
    wakes.recv_timeout(Duration::from_secs(30)).unwrap();
    // It holds the stream.
    sleeper.join().unwrap();
}

#[test]
fn a_damaged_geometry_is_refused() {
    let spec = spec(&stream_name("geometry"), 512);
    let stream = Stream::create(&spec).unwrap();
    let (meta, data) = files(&spec.name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&meta)
        .unwrap();
    // Version, length, bytes, stride, slots, readers, offset.
    for (at, size) in [
        (16, 4),
        (20, 4),
        (24, 4),
        (28, 4),
        (32, 4),
        (36, 4),
        (40, 8),
    ] {
        let mut good = vec![0; size];
        file.read_exact_at(&mut good, 4096 + at).unwrap();
        for byte in 0..size {
            let mut bad = good.clone();
            bad[byte] ^= 0x85;
            file.write_all_at(&bad, 4096 + at).unwrap();
            let error = Stream::join(&spec.name).unwrap_err();
            assert!(
                matches!(error, StreamError::Foreign { .. }),
                "{at} {byte}: {error}"
            );
        }
        file.write_all_at(&good, 4096 + at).unwrap();
    }
    assert!(Stream::join(&spec.name).is_ok());
    File::options()
        .write(true)
        .open(&data)
        .unwrap()
        .set_len(8192)
        .unwrap();
    assert!(matches!(
        Stream::join(&spec.name),
        Err(StreamError::Foreign { .. })
    ));
    drop(stream);
}

#[test]
fn truncated_files_are_noticed_and_survived() {
    for (cut_meta, length) in [(true, 0), (true, 600), (false, 0), (false, 5000)] {
        let spec = spec(&stream_name("truncated"), 512);
        let stream = Stream::create(&spec).unwrap();
        let mut writer = stream.writer().unwrap();
        let mut reader = stream.reader(Delivery::Every).unwrap();
        let (meta, data) = files(&spec.name);
        let cut = if cut_meta { &meta } else { &data };
        File::options()
            .write(true)
            .open(cut)
            .unwrap()
            .set_len(length)
            .unwrap();
        let mut bytes = vec![0; 4096];
        for number in 1..=20 {
            if let Some(slot) = writer.begin() {
                let _ = writer.write(slot, &frame(number, 512));
                writer.publish(slot, Stamp::source(number));
            }
            if let Some(taken) = reader.next() {
                let _ = reader.read(&taken, &mut bytes);
            }
        }
        assert!(
            matches!(stream.check(), Err(StreamError::Damaged { .. })),
            "{cut_meta} {length}"
        );
        drop((writer, reader, stream));
        let _ = fs::remove_file(meta);
        let _ = fs::remove_file(data);
    }
}

#[test]
fn a_stream_that_does_not_fit_leaves_nothing() {
    let mut spec = spec(&stream_name("huge"), 1 << 27);
    spec.slots = Some(255);
    let start = Instant::now();
    for mode in [Mode::CreateOrAttach, Mode::Create, Mode::Replace] {
        let error = create(&spec, mode).unwrap_err();
        assert!(matches!(error, StreamError::Space { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("needs 256.0 GiB of shared memory"),
            "{error}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(matches!(
        stream::info(&spec.name),
        Err(StreamError::Missing { .. })
    ));
}

#[test]
fn names_that_cannot_be_are_refused() {
    for name in ["", "  ", "a\0b", &"x".repeat(257)] {
        for mode in MODES {
            assert!(matches!(
                create(&spec(name, 1), mode),
                Err(StreamError::Name { .. })
            ));
        }
        assert!(matches!(stream::info(name), Err(StreamError::Name { .. })));
    }
}

#[test]
fn a_lock_signed_by_the_dead_is_unsigned_and_one_of_the_living_is_not() {
    let (stream, meta) = with_metadata("signed");
    let ingest = stream.ingest().unwrap();
    let sign = |holder: u32, depth: u32| {
        meta.write_all_at(&u64::from(holder).to_le_bytes(), AT_HOLDER)
            .unwrap();
        meta.write_all_at(&depth.to_le_bytes(), AT_DEPTH).unwrap();
    };
    let signature = || {
        let mut fields = [0; 12];
        meta.read_exact_at(&mut fields, AT_HOLDER).unwrap();
        fields
    };
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let gone = child.id();
    // What is left by a writer that dies as it takes the lock, has it, and lets go of it. pyshmem opens no stream that names
    // one of the two alone.
    for (number, (holder, depth)) in [(0, (gone, 0)), (1, (gone, 1)), (2, (0, 1))] {
        stream::write_frame(stream.name(), &frame(number, 512), Some(number)).unwrap();
        assert!(ingest.poll().is_some());
        sign(holder, depth);
        let deadline = Instant::now() + Duration::from_secs(10);
        while signature() != [0; 12] {
            assert!(Instant::now() < deadline, "signed still");
            assert_eq!(ingest.poll(), None);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    sign(child.id(), 1);
    for _ in 0..50 {
        assert_eq!(ingest.poll(), None);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(signature()[..4], child.id().to_le_bytes());
    child.kill().unwrap();
    child.wait().unwrap();
    // Under its own name this process finds one that had its id before: it holds the lock itself and has not signed.
    sign(std::process::id(), 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while signature() != [0; 12] {
        assert!(Instant::now() < deadline, "signed still");
        assert_eq!(ingest.poll(), None);
        std::thread::sleep(Duration::from_millis(1));
    }
}
