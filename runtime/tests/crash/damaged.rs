//! Streams whose files somebody truncates, replaces, removes or scribbles on, before a run starts and while it goes on.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use sandpipe::stream;

use super::chance::Chance;
use super::harness::{PATIENCE, Running, Workbench, text};
use super::killed::{CHAIN, STREAMS};
use super::remains::{files, of_streams};

fn truncate(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

/// Writes over what is there, without making the file longer.
fn scribble(path: &Path, offset: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let room = file.metadata().unwrap().len().saturating_sub(offset);
    let bytes = &bytes[..bytes.len().min(room as usize)];
    file.write_all_at(bytes, offset).unwrap();
}

fn replace_by_fifo(path: &Path) {
    fs::remove_file(path).unwrap();
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
}

fn replace_by_link(path: &Path, to: &Path) {
    fs::remove_file(path).unwrap();
    symlink(to, path).unwrap();
}

fn replace_by_file(path: &Path, length: usize) {
    fs::remove_file(path).unwrap();
    fs::write(path, vec![0x5a; length]).unwrap();
}

/// Whether a run whose stream was damaged so has to go on to its end, or may also end in a fault.
#[derive(Clone, Copy, PartialEq)]
enum May {
    Fault,
    Not,
}

/// What is done to a stream: data file, metadata file, random bytes.
type Damage<'a> = (&'a str, May, &'a dyn Fn(&Path, &Path, &[u8]));

/// A run of 800 frames that has published some, and when it was started.
fn running<'a>(bench: &'a Workbench, what: &str) -> (Running<'a>, Instant) {
    let arguments = ["--source", "x:ramp:2000", "--frames", "800"];
    let arguments = [
        &["run", "pipeline.yaml", "--format", "json"],
        &arguments[..],
    ]
    .concat();
    loop {
        let mut run = bench.start(&arguments);
        let start = Instant::now();
        while run.is_running() {
            assert!(start.elapsed() < PATIENCE, "{what}: no start");
            if stream::info(&bench.stream("y")).is_ok_and(|info| info.count >= 5) {
                return (run, start);
            }
            thread::sleep(Duration::from_millis(1));
        }
        // On a busy machine it may be over before it is looked at.
        let output = run.output();
        assert!(
            output.status.success(),
            "{what}: {}",
            text(&output.stderr) + &text(&output.stdout)
        );
    }
}

#[test]
fn a_run_survives_whatever_is_done_to_its_streams_or_says_what_happened() {
    let mut chance = Chance::new();
    let bench = Workbench::new("damaged");
    bench.pipeline(CHAIN);
    let elsewhere = bench.file("elsewhere", "precious");
    let damages: [Damage; 18] = [
        ("data cut to nothing", May::Fault, &|data, _, _| {
            truncate(data, 0)
        }),
        ("data cut to a page", May::Fault, &|data, _, _| {
            truncate(data, 4096)
        }),
        ("data cut within a page", May::Fault, &|data, _, _| {
            truncate(data, 5000)
        }),
        ("metadata cut to nothing", May::Fault, &|_, meta, _| {
            truncate(meta, 0)
        }),
        ("metadata cut to the header", May::Fault, &|_, meta, _| {
            truncate(meta, 512)
        }),
        ("everything cut", May::Fault, &|data, meta, _| {
            truncate(data, 0);
            truncate(meta, 0);
        }),
        ("data made longer", May::Not, &|data, _, _| {
            truncate(data, 1 << 20)
        }),
        ("noise in the data", May::Not, &|data, _, noise| {
            scribble(data, 0, noise)
        }),
        ("noise in the header", May::Not, &|_, meta, noise| {
            scribble(meta, 0, &noise[..512])
        }),
        ("noise in the control block", May::Not, &|_, meta, noise| {
            scribble(meta, 4096, noise)
        }),
        ("noise in all metadata", May::Not, &|_, meta, noise| {
            scribble(meta, 0, noise)
        }),
        ("zeros in the header", May::Not, &|_, meta, _| {
            scribble(meta, 0, &[0; 512])
        }),
        ("zeros in the control block", May::Not, &|_, meta, _| {
            scribble(meta, 4096, &[0; 1 << 16])
        }),
        ("removed", May::Not, &|data, meta, _| {
            fs::remove_file(data).unwrap();
            fs::remove_file(meta).unwrap();
        }),
        ("metadata removed", May::Not, &|_, meta, _| {
            fs::remove_file(meta).unwrap()
        }),
        ("links in their place", May::Not, &|data, meta, _| {
            replace_by_link(data, &elsewhere);
            replace_by_link(meta, &elsewhere);
        }),
        ("a pipe in place of the data", May::Not, &|data, _, _| {
            replace_by_fifo(data)
        }),
        ("other files in their place", May::Not, &|data, meta, _| {
            replace_by_file(data, 100);
            replace_by_file(meta, 9000);
        }),
    ];
    for (what, may, damage) in damages {
        let stream = STREAMS[chance.below(3) as usize];
        let what = format!("{what} of {stream}");
        let [data, meta] = files(&bench.stream(stream));
        let (mut run, start) = running(&bench, &what);
        chance.sleep_up_to(Duration::from_millis(50));
        damage(&data, &meta, &chance.bytes(1 << 16));
        while run.is_running() {
            assert!(start.elapsed() < PATIENCE, "{what}: it hangs");
            thread::sleep(Duration::from_millis(1));
        }
        let output = run.output();
        let said = text(&output.stderr) + &text(&output.stdout);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        println!("{what}: {}, {}", output.status, report["faults"]);
        match output.status.code() {
            Some(0) => {}
            Some(1) if may == May::Fault => {
                let message = report["faults"][0]["message"].as_str().unwrap();
                assert!(message.contains("truncated"), "{what}: {message}");
                assert_ne!(report["faults"][0]["cause"], "defect", "{what}: {said}");
            }
            _ => panic!("{what}: {}: {said}", output.status),
        }
        assert!(!said.contains("panicked"), "{what}: {said}");
        // What is not the run's any more is left alone, and all the rest is gone.
        let mut left = of_streams(&bench, &STREAMS);
        let foreign = what.contains("place");
        left.retain(|path| !foreign || ![&data, &meta].contains(&path));
        assert!(left.is_empty(), "{what}: {left:?} are left");
        for path in [&data, &meta] {
            // Nothing, where it was the run's.
            let _ = fs::remove_file(path);
        }
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
}

#[test]
fn a_run_that_waits_for_frames_ends_when_a_stream_is_truncated() {
    let bench = Workbench::new("waiting");
    bench.pipeline(CHAIN);
    for (name, file) in [("m", 0), ("y", 0), ("x", 1)] {
        let mut run = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
        run.wait_for("y", 0);
        // What is written before the run is ready starts nothing.
        while stream::info(&bench.stream("y"))
            .unwrap()
            .ring
            .unwrap()
            .published
            == 0
        {
            assert!(run.is_running());
            stream::write_frame(&bench.stream("x"), &[0; 4 * 512], None).unwrap();
            thread::sleep(Duration::from_millis(10));
        }
        truncate(&files(&bench.stream(name))[file], 512);
        let start = Instant::now();
        while run.is_running() {
            assert!(start.elapsed() < PATIENCE, "{name}: it goes on waiting");
            thread::sleep(Duration::from_millis(1));
        }
        let output = run.output();
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{report}");
        let fault = &report["faults"][0];
        assert_eq!(fault["cause"], "segment", "{report}");
        let message = fault["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("{name}'")) && message.contains("truncated"),
            "{message}"
        );
        assert!(of_streams(&bench, &STREAMS).is_empty(), "streams are left");
    }
}

#[test]
fn whatever_lies_in_a_streams_place_is_replaced_or_refused() {
    let mut chance = Chance::new();
    let bench = Workbench::new("occupied");
    bench.pipeline(CHAIN);
    let elsewhere = bench.file("elsewhere", "precious");
    let noise = chance.bytes(9000);
    // What never became a stream is replaced; what may be somebody's is refused, in these words.
    type Case<'a> = (&'a str, &'a dyn Fn(&Path, &Path));
    let cases: [Case; 9] = [
        ("", &|data, _| fs::write(data, &noise).unwrap()),
        ("", &|_, meta| fs::write(meta, []).unwrap()),
        ("", &|data, meta| {
            fs::write(data, &noise).unwrap();
            fs::write(meta, [0; 8192]).unwrap();
        }),
        ("does not begin with pyshmem's mark", &|data, meta| {
            fs::write(data, &noise).unwrap();
            fs::write(meta, &noise).unwrap();
        }),
        ("is a symbolic link", &|data, _| {
            symlink(&elsewhere, data).unwrap()
        }),
        ("is a symbolic link", &|_, meta| {
            symlink(&elsewhere, meta).unwrap()
        }),
        ("is not a regular file", &|data, _| {
            fs::create_dir(data).unwrap()
        }),
        ("is not a regular file", &|data, _| {
            mknodat(CWD, data, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }),
        ("is not a regular file", &|_, meta| {
            mknodat(CWD, meta, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }),
    ];
    for (words, occupy) in cases {
        let stream = STREAMS[chance.below(3) as usize];
        let [data, meta] = files(&bench.stream(stream));
        occupy(&data, &meta);
        let occupied = of_streams(&bench, &STREAMS);
        let output = bench.run(&[
            "run",
            "pipeline.yaml",
            "--source",
            "x:ramp",
            "--frames",
            "5",
        ]);
        let said = text(&output.stderr);
        if words.is_empty() {
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert!(of_streams(&bench, &STREAMS).is_empty());
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words) && said.contains(stream), "{said}");
        assert_eq!(
            of_streams(&bench, &STREAMS),
            occupied,
            "all of it, and nothing else"
        );
        for path in occupied {
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir(&path))
                .unwrap();
        }
    }
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
}
