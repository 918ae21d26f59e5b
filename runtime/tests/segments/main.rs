//! The files of a stream: what is made, found, refused, replaced and removed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and tells its parent how far it is"
)]

mod damaged;
#[path = "../support/mod.rs"]
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
