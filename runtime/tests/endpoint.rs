//! Sources and sinks: what they give and take, and what is refused before anything exists.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::config::{self, Config, Report};
use sandpipe::endpoint::{
    Consumed, Produced, Sink, Source, SourceSpec, check_initial, initial_frame, npy, plan_sinks,
    plan_sources,
};
use tempfile::TempDir;

/// A pipeline with the stream `s` of `array` and what `more` says, in `directory`.
fn pipeline(directory: &Path, array: &str, more: &str) -> Config {
    let text = format!(
        "shared_memory:\n  - {{name: s, {array}}}\n  - {{name: t, shape: [2], dtype: uint8}}\n{more}"
    );
    config::parse(&directory.join("pipeline.yaml"), text)
        .unwrap_or_else(|report| panic!("{report}"))
}

fn source_of(
    directory: &Path,
    array: &str,
    kind: &str,
    parameters: &str,
) -> Result<Config, Report> {
    let more = format!(
        "sources:\n  - {{name: camera, kind: {kind}, stream: s, parameters: {{{parameters}}}}}\n"
    );
    let config = pipeline(directory, array, &more);
    plan_sources(&config).map(|_| config)
}

fn open_source(directory: &Path, array: &str, kind: &str, parameters: &str) -> Box<dyn Source> {
    let config =
        source_of(directory, array, kind, parameters).unwrap_or_else(|report| panic!("{report}"));
    plan_sources(&config).unwrap()[0].open().unwrap()
}

fn sink_config(directory: &Path, kind: &str, parameters: &str) -> Config {
    let sink = format!(
        "sinks:\n  - {{name: recorder, kind: {kind}, stream: t, parameters: {{{parameters}}}}}\n"
    );
    pipeline(directory, "shape: [2], dtype: uint8", &sink)
}

fn open_sink(directory: &Path, kind: &str, parameters: &str) -> Box<dyn Sink> {
    plan_sinks(&sink_config(directory, kind, parameters))
        .unwrap_or_else(|report| panic!("{report}"))[0]
        .open()
        .unwrap()
}

/// A file as NumPy writes it.
fn npy_file(path: &Path, descr: &str, fortran: &str, shape: &str, data: &[u8]) {
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    text.insert_str(text.len() - 1, &" ".repeat(64 - (10 + text.len()) % 64));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The frames of a source until it ends or has given `limit`.
fn play(source: &mut dyn Source, bytes: usize, limit: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while frames.len() < limit {
        let mut frame = [vec![0xaa; bytes]];
        match source.next(&mut frame).unwrap() {
            Produced::Frame { .. } => frames.extend(frame),
            Produced::NotBefore(due) => {
                std::thread::sleep(due.saturating_duration_since(Instant::now()))
            }
            Produced::Lost { .. } | Produced::Nothing => {}
            Produced::End => break,
        }
    }
    frames
}

#[test]
fn a_recording_is_played_once_or_over_and_over() {
    let directory = TempDir::new().unwrap();
    npy_file(
        &directory.path().join("f.npy"),
        "<u2",
        "False",
        "(3, 2)",
        &(0..12).collect::<Vec<u8>>(),
    );
    let array = "shape: [2], dtype: uint16";
    let mut once = open_source(directory.path(), array, "file.npy", "path: f.npy");
    let frames = [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9, 10, 11]];
    assert_eq!(play(&mut *once, 4, 10), frames);
    assert_eq!(once.next(&mut [vec![0; 4]]).unwrap(), Produced::End);
    let mut endless = open_source(
        directory.path(),
        array,
        "file.npy",
        "path: f.npy, loop: true",
    );
    assert_eq!(
        play(&mut *endless, 4, 7),
        [&frames[..], &frames[..], &frames[..1]].concat()
    );
    // A single frame is a recording of one.
    let mut single = open_source(
        directory.path(),
        "shape: [3, 2], dtype: uint16",
        "file.npy",
        "path: f.npy",
    );
    assert_eq!(play(&mut *single, 12, 10), [(0..12).collect::<Vec<u8>>()]);
}

#[test]
fn a_rate_spaces_the_frames() {
    let directory = TempDir::new().unwrap();
    let open = |rate: &str| {
        let parameters = format!("pattern: constant, rate_hz: {rate}");
        let array = "shape: [2], dtype: uint8";
        open_source(directory.path(), array, "synthetic.array", &parameters)
    };
    let mut frame = [vec![0; 2]];
    let mut source = open("0.01");
    assert_eq!(
        source.next(&mut frame).unwrap(),
        Produced::Frame {
            output: 0,
            frame_id: None,
            missed: 0
        }
    );
    let Produced::NotBefore(due) = source.next(&mut frame).unwrap() else {
        panic!("the second frame is due at once");
    };
    assert!(due <= Instant::now() + Duration::from_secs(100));

    let mut source = open("1000");
    source.next(&mut frame).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    let Produced::Frame { missed, .. } = source.next(&mut frame).unwrap() else {
        panic!("a frame is overdue");
    };
    assert!(missed >= 2, "{missed}");
}

#[test]
fn a_pattern_reaches_every_dtype() {
    let directory = TempDir::new().unwrap();
    let mut source = open_source(
        directory.path(),
        "shape: [4], dtype: uint8",
        "synthetic.array",
        "pattern: ramp, period: 3, amplitude: 1000, offset: -1.5",
    );
    // -1.5, 498.5, 998.5, …: below 0 and above 255.
    assert_eq!(
        play(&mut *source, 4, 2),
        [[0, 255, 255, 0], [255, 255, 0, 255]]
    );
}

#[test]
fn bad_parameters_are_all_named_with_their_place() {
    let directory = TempDir::new().unwrap();
    let array = "shape: [4], dtype: float32";
    for (kind, parameters, message, help) in [
        (
            "synthetic.array",
            "patern: sine",
            "source 'camera' has the unknown parameter 'patern'",
            "did you mean 'pattern'?",
        ),
        (
            "synthetic.array",
            "pattern: sinus",
            "'pattern' of source 'camera' cannot be 'sinus'",
            "did you mean 'sine'?",
        ),
        (
            "synthetic.array",
            "pattern: 3",
            "'pattern' of source 'camera' must be a name, but it is 3",
            "",
        ),
        (
            "synthetic.array",
            "rate_hz: 0",
            "'rate_hz' of source 'camera' must be a number of frames per second from 1e-6 to 1e9, but it is 0",
            "",
        ),
        (
            "synthetic.array",
            "rate_hz: fast",
            "must be a number of frames per second",
            "",
        ),
        (
            "synthetic.array",
            "period: -1",
            "'period' of source 'camera' must be a number above 0, but it is -1",
            "",
        ),
        (
            "synthetic.array",
            "impulse_interval: 0",
            "must be an integer of at least 1, but it is 0",
            "",
        ),
        (
            "synthetic.array",
            "impulse_interval: 2.5",
            "must be an integer of at least 1, but it is 2.5",
            "",
        ),
        (
            "synthetic.array",
            "seed: -1",
            "must be an integer of at least 0, but it is -1",
            "",
        ),
        (
            "synthetic.array",
            "amplitude: [1]",
            "must be a number, but it is [1]",
            "",
        ),
        (
            "file.npy",
            "",
            "source 'camera' lacks the parameter 'path'",
            "add 'path: FILE.npy'",
        ),
        (
            "file.npy",
            "path: 3",
            "'path' of source 'camera' must be the path of a .npy file, but it is 3",
            "",
        ),
        (
            "file.npy",
            "path: f.npy, loop: 7",
            "must be true or false, but it is 7",
            "",
        ),
        (
            "file.npy",
            "path: f.npy, lopp: true",
            "has the unknown parameter 'lopp'",
            "did you mean 'loop'?",
        ),
    ] {
        let report = source_of(directory.path(), array, kind, parameters).unwrap_err();
        let found = report
            .diagnostics()
            .iter()
            .find(|found| found.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{parameters}: {report}"));
        assert_eq!(found.span.unwrap().line, 5, "{parameters}");
        assert!(
            found.help.as_deref().unwrap_or_default().contains(help),
            "{parameters}: {report}"
        );
    }
    let report = plan_sinks(&sink_config(
        directory.path(),
        "null.sink",
        "device_delay: 1",
    ))
    .err()
    .unwrap();
    assert!(
        report.plain().contains("did you mean 'device_delay_s'?"),
        "{report}"
    );
    let report = plan_sinks(&sink_config(
        directory.path(),
        "null.sink",
        "device_delay_s: -1",
    ))
    .err()
    .unwrap();
    assert!(
        report.plain().contains("from 0 to 86400, but it is -1"),
        "{report}"
    );
}

#[test]
fn a_bad_recording_is_refused_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("f.npy");
    let array = "shape: [2, 3], dtype: float32";
    let data = [0; 48];
    let refused = |message: &str, help: &str| {
        let report = source_of(directory.path(), array, "file.npy", "path: f.npy").unwrap_err();
        let [diagnostic] = report.diagnostics() else {
            panic!("{report}");
        };
        assert!(diagnostic.message.contains(message), "{report}");
        assert!(
            diagnostic
                .help
                .as_deref()
                .unwrap_or_default()
                .contains(help),
            "{report}"
        );
        let span = diagnostic.span.unwrap();
        assert_eq!(
            &report.source()[span.offset..span.offset + span.length],
            "f.npy"
        );
    };
    refused("does not exist", "");
    for (descr, fortran, shape, message, help) in [
        (
            ">f4",
            "False",
            "(2, 2, 3)",
            "is big endian",
            "array.astype('<f4')",
        ),
        (
            "<f4",
            "True",
            "(2, 2, 3)",
            "is in Fortran order",
            "numpy.ascontiguousarray",
        ),
        (
            "<f8",
            "False",
            "(2, 3)",
            "holds float64 [2, 3], but float32 [2, 3], or a stack of such frames, is needed",
            "",
        ),
        ("<f4", "False", "(2, 6)", "holds float32 [2, 6], but", ""),
        ("<f4", "False", "(12,)", "holds float32 [12], but", ""),
        (
            "<f4",
            "False",
            "(3, 2, 3)",
            "is torn: its header promises 200 bytes, but it has 176",
            "write it again",
        ),
        (
            "<f4",
            "False",
            "(1, 2, 3)",
            "has 24 bytes after the last element",
            "write it again",
        ),
        (
            "<f4",
            "False",
            "(4294967296, 4294967296, 4294967296)",
            "more elements than any file can",
            "",
        ),
        (
            "<f4",
            "False",
            "(9223372036854775807, 2, 3)",
            "more elements than any file can",
            "",
        ),
        (
            "|O",
            "False",
            "(2, 2, 3)",
            "elements of the type '|O'",
            "numpy.save",
        ),
        (
            "<f4",
            "False",
            "2, 3",
            "has a damaged header",
            "write it again",
        ),
    ] {
        npy_file(&path, descr, fortran, shape, &data);
        refused(message, help);
    }
    npy_file(&path, "<f4", "False", "(0, 2, 3)", &[]);
    refused("holds no frame", "");
    fs::write(&path, "not NumPy's").unwrap();
    refused("is not a .npy file", "numpy.save");
    fs::write(&path, "").unwrap();
    refused("is not a .npy file", "numpy.save");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused("is not a regular file", "");
    fs::remove_dir(&path).unwrap();
    // Opening a FIFO must not wait for its writer.
    support::run(Command::new("mkfifo").arg(&path));
    refused("is not a regular file", "");
}

#[test]
fn a_recording_that_is_cut_off_while_it_plays_ends_with_an_error() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("f.npy");
    npy_file(&path, "|u1", "False", "(3, 2)", &[0; 6]);
    let mut source = open_source(
        directory.path(),
        "shape: [2], dtype: uint8",
        "file.npy",
        "path: f.npy",
    );
    assert_eq!(play(&mut *source, 2, 1).len(), 1);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(10)
        .unwrap();
    let error = source.next(&mut [vec![0; 2]]).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[test]
fn numpy_reads_what_is_recorded() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("r.npy");
    fs::write(&path, "what was here before").unwrap();
    let mut sink = open_sink(directory.path(), "file.npy", "path: r.npy, limit: 3");
    for index in 0..5 {
        assert_eq!(
            sink.consume(&[index, index + 10], 1).unwrap(),
            Consumed::Ready
        );
    }
    assert_eq!(fs::read(&path).unwrap(), b"what was here before");
    sink.finish().unwrap();
    sink.finish().unwrap();
    assert_eq!(names(directory.path()), ["r.npy"]);
    let script =
        "import sys, numpy; a = numpy.load(sys.argv[1]); print(a.dtype, a.shape, a.tolist())";
    let printed = support::run(
        Command::new(support::python())
            .args(["-c", script])
            .arg(&path),
    );
    assert_eq!(printed.trim(), "uint8 (3, 2) [[0, 10], [1, 11], [2, 12]]");
}

#[test]
fn a_recording_that_is_not_finished_leaves_nothing() {
    let directory = TempDir::new().unwrap();
    let mut sink = open_sink(directory.path(), "file.npy", "path: r.npy");
    sink.consume(&[1, 2], 1).unwrap();
    assert_eq!(names(directory.path()).len(), 1);
    drop(sink);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn a_recording_that_cannot_be_written_is_refused() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("d")).unwrap();
    fs::write(directory.path().join("f"), "").unwrap();
    for (target, message) in [
        ("nowhere/r.npy", "its directory does not exist"),
        ("f/r.npy", "cannot be written"),
        ("d", "is not a regular file"),
        ("d/..", "the path has no file name"),
        ("/dev/null", "is not a regular file"),
    ] {
        let config = sink_config(directory.path(), "file.npy", &format!("path: {target}"));
        let report = plan_sinks(&config).err().unwrap();
        assert!(report.plain().contains(message), "{target}: {report}");
    }
    let sink = |name| {
        format!("  - {{name: {name}, kind: file.npy, stream: t, parameters: {{path: r.npy}}}}\n")
    };
    let two = format!("sinks:\n{}{}", sink("a"), sink("b"));
    let report = plan_sinks(&pipeline(directory.path(), "shape: [2]", &two))
        .err()
        .unwrap();
    assert!(
        report.plain().contains("sink 'b' writes the same file"),
        "{report}"
    );
    assert_eq!(names(directory.path()), ["d", "f"]);
}

#[test]
fn a_slow_device_says_until_when_it_is_busy() {
    let directory = TempDir::new().unwrap();
    assert_eq!(
        open_sink(directory.path(), "null.sink", "")
            .consume(&[1, 2], 1)
            .unwrap(),
        Consumed::Ready
    );
    let before = Instant::now();
    let consumed = open_sink(directory.path(), "null.sink", "device_delay_s: 0.5")
        .consume(&[1, 2], 1)
        .unwrap();
    let Consumed::BusyUntil(until) = consumed else {
        panic!("a device with a delay is ready at once");
    };
    assert!(until >= before + Duration::from_millis(500));
}

#[test]
fn initial_values() {
    let directory = TempDir::new().unwrap();
    let initial = |array: &str, initial: &str| {
        let more = "sinks: [{name: n, kind: null.sink, stream: t}]\n";
        let config = pipeline(
            directory.path(),
            &format!("{array}, initial: {{{initial}}}"),
            more,
        );
        check_initial(&config)?;
        let stream = &config.streams[0];
        Ok(
            initial_frame(stream.initial.as_ref().unwrap(), &stream.array)
                .unwrap_or_else(|error| panic!("{error}")),
        )
    };
    let frame = |array: &str, text: &str| {
        initial(array, text).unwrap_or_else(|report: Report| panic!("{report}"))
    };
    assert_eq!(
        frame("shape: [3], dtype: uint8", "pattern: constant, value: 7"),
        [7, 7, 7]
    );
    let wide = frame(
        "shape: [1], dtype: uint64",
        "pattern: constant, value: 18446744073709551615",
    );
    assert_eq!(wide, [0xff; 8]);
    assert_eq!(
        frame(
            "shape: [2, 2], dtype: int8",
            "pattern: values, values: [[1, -1], [2, -2]]"
        ),
        [1, 255, 2, 254]
    );
    assert_eq!(
        frame("shape: [2, 3], dtype: uint8", "pattern: identity, scale: 5"),
        [5, 0, 0, 0, 5, 0]
    );
    assert_eq!(
        frame("shape: [3, 2], dtype: uint8", "pattern: identity"),
        [1, 0, 0, 1, 0, 0]
    );
    let normal = "pattern: normal, seed: 1, mean: 5, std: 2";
    let array = "shape: [100, 100], dtype: float64";
    let (one, other) = (
        frame(array, normal),
        frame(array, "pattern: normal, seed: 2, mean: 5, std: 2"),
    );
    assert_eq!(one, frame(array, normal));
    assert_ne!(one, other);
    let values: Vec<f64> = one
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f64::from_le_bytes(bytes))
        .collect();
    let mean = values.iter().sum::<f64>() / 1e4;
    let deviation = (values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / 1e4)
        .sqrt();
    assert!(
        (mean - 5.0).abs() < 0.1 && (deviation - 2.0).abs() < 0.1,
        "{mean} {deviation}"
    );

    npy_file(
        &directory.path().join("m.npy"),
        "|u1",
        "False",
        "(2, 2)",
        &[1, 2, 3, 4],
    );
    assert_eq!(
        frame("shape: [2, 2], dtype: uint8", "pattern: file, path: m.npy"),
        [1, 2, 3, 4]
    );
    let report = initial("shape: [4], dtype: uint8", "pattern: file, path: m.npy").unwrap_err();
    assert!(
        report
            .plain()
            .contains("holds uint8 [2, 2], but uint8 [4] is needed"),
        "{report}"
    );
    let report = initial("shape: [2], dtype: uint8", "pattern: file, path: m.npy").unwrap_err();
    assert!(
        report.plain().contains("but uint8 [2] is needed"),
        "a stack is no initial value: {report}"
    );
    let report = initial("shape: [2], dtype: uint8", "pattern: file, path: n.npy").unwrap_err();
    assert!(report.plain().contains("does not exist"), "{report}");
}

#[test]
fn one_array_is_written_and_read() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a.npy");
    let array = ArrayType {
        dtype: Dtype::C64,
        shape: vec![2, 1],
    };
    let data: Vec<u8> = (0..16).collect();
    npy::write(&path, &array, &data).unwrap();
    assert_eq!(npy::read(&path).unwrap(), (array, data));
    assert_eq!(names(directory.path()), ["a.npy"]);
    for shape in ["()", "(0,)", "(3, 0)"] {
        npy_file(
            &path,
            "|u1",
            "False",
            shape,
            if shape == "()" { &[1] } else { &[] },
        );
        let error = npy::read(&path).unwrap_err();
        assert!(
            error.to_string().contains("which no stream can have"),
            "{error}"
        );
    }
    // More than a kernel can address, in a file without a single block.
    npy_file(&path, "|u1", "False", "(8589934592,)", &[]);
    let header = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(header + (8 << 30))
        .unwrap();
    let error = npy::read(&path).unwrap_err();
    assert!(
        error.to_string().contains("which no stream can have"),
        "{error}"
    );
    npy_file(&path, "|u1", "False", "(65536, 131072)", &[]);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(128 + (8 << 30))
        .unwrap();
    let error = npy::read(&path).unwrap_err();
    assert!(error.to_string().contains("4 GiB"), "{error}");
    let deep = ArrayType {
        dtype: Dtype::U8,
        shape: vec![1; 65],
    };
    assert!(
        npy::write(&path, &deep, &[1])
            .unwrap_err()
            .to_string()
            .contains("65 dimensions")
    );
}

#[test]
fn a_source_of_the_command_line() {
    let directory = TempDir::new().unwrap();
    let more = "sources: [{name: old, kind: file.npy, stream: s, parameters: {path: none.npy}}]\n\
        kernels: [{name: k, kind: cpu.copy, input: s, output: t}]\n";
    let mut config = pipeline(directory.path(), "shape: [2], dtype: uint8", more);
    let spec: SourceSpec = "s:constant:0.01".parse().unwrap();
    spec.add_to(&mut config).unwrap();
    assert_eq!(
        config.sources.len(),
        1,
        "it takes the place of the one in the file"
    );
    let mut source = plan_sources(&config).unwrap()[0].open().unwrap();
    assert_eq!(
        source.next(&mut [vec![1, 1]]).unwrap(),
        Produced::Frame {
            output: 0,
            frame_id: None,
            missed: 0
        }
    );
    assert!(matches!(
        source.next(&mut [vec![1, 1]]).unwrap(),
        Produced::NotBefore(_)
    ));

    let refused = |text: &str, message: &str| {
        let mut config = config.clone();
        let error = match text.parse::<SourceSpec>() {
            Err(error) => error,
            Ok(spec) => spec.add_to(&mut config).unwrap_err().plain(),
        };
        assert!(error.contains(message), "{text}: {error}");
    };
    refused("s", "must be STREAM:PATTERN");
    refused("s:sine:1:2", "must be STREAM:PATTERN");
    refused("s:sinus", "did you mean 'sine'?");
    for rate in ["0", "-1", "nan", "inf", "fast", ""] {
        refused(&format!("s:sine:{rate}"), "the rate must be a number");
    }
    refused("u:sine", "names the stream 'u', which is not defined");
    refused("t:sine", "but so does kernel 'k'");
}

#[test]
fn the_files_of_the_observatory_are_what_its_streams_hold() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/observatory_ao/pipeline.yaml");
    let config = config::load(&file).unwrap_or_else(|report| panic!("{report}"));
    check_initial(&config).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(
        plan_sinks(&config)
            .unwrap_or_else(|report| panic!("{report}"))
            .len(),
        1
    );
    let mut source = plan_sources(&config).unwrap_or_else(|report| panic!("{report}"))[0]
        .open()
        .unwrap();
    let mut frame = [vec![0; 256 * 256 * 2]];
    assert_eq!(
        source.next(&mut frame).unwrap(),
        Produced::Frame {
            output: 0,
            frame_id: None,
            missed: 0
        }
    );
    // The camera's offset is 200 counts: in the dark corner a frame is near that.
    let corner = u16::from_le_bytes([frame[0][0], frame[0][1]]);
    assert!((150..250).contains(&corner), "{corner}");
}

/// A FITS file with these cards behind SIMPLE, and these bytes of data, padded.
fn fits_file(path: &Path, cards: &[&str], data: &[u8]) {
    let header = ["SIMPLE  =                    T"]
        .iter()
        .chain(cards)
        .chain(&["END"]);
    let mut bytes: Vec<u8> = header
        .flat_map(|card| format!("{card:<80}").into_bytes())
        .collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    fs::write(path, bytes).unwrap();
}

/// The values of every dtype that FITS has, at its ends and in the middle, as Python's.
const FITS_VALUES: &str = "
import sys, numpy
from astropy.io import fits
def values(name):
    kind = numpy.dtype(name)
    if kind.kind == 'f':
        return numpy.array([0, -1.5, numpy.inf, numpy.finfo(kind).max, -numpy.finfo(kind).tiny, 7], kind)
    ends = numpy.iinfo(kind)
    return numpy.array([0, ends.min, ends.max, ends.max // 2, 1, 7], kind)
names = ['uint8', 'int8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64']
";

const FITS_DTYPES: [&str; 10] = [
    "uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
];

#[test]
fn fits_files_of_astropy_are_played_in_every_dtype() {
    let directory = TempDir::new().unwrap();
    let script = format!(
        "{FITS_VALUES}
for name in names:
    cube = values(name).reshape(3, 1, 2)
    more = fits.ImageHDU(numpy.ones((5, 5)))
    fits.HDUList([fits.PrimaryHDU(cube), more]).writeto(f'{{sys.argv[1]}}/{{name}}.fits')
    cube.astype(cube.dtype.newbyteorder('<')).tofile(f'{{sys.argv[1]}}/{{name}}.raw')"
    );
    support::run(
        Command::new(support::python())
            .args(["-c", &script])
            .arg(directory.path()),
    );
    for dtype in FITS_DTYPES {
        let raw = fs::read(directory.path().join(format!("{dtype}.raw"))).unwrap();
        let array = format!("shape: [1, 2], dtype: {dtype}");
        let path = format!("path: {dtype}.fits");
        let mut source = open_source(directory.path(), &array, "file.fits", &path);
        let frames = play(&mut *source, raw.len() / 3, 10);
        assert_eq!(frames.concat(), raw, "{dtype}");
        let mut endless = open_source(
            directory.path(),
            &array,
            "file.fits",
            &format!("{path}, loop: true"),
        );
        assert_eq!(
            play(&mut *endless, raw.len() / 3, 4)[3],
            frames[0],
            "{dtype}"
        );
        // The whole as one frame, and as what a stream holds at first.
        let array = format!("shape: [3, 1, 2], dtype: {dtype}");
        let mut whole = open_source(directory.path(), &array, "file.fits", &path);
        assert_eq!(
            play(&mut *whole, raw.len(), 10),
            std::slice::from_ref(&raw),
            "{dtype}"
        );
        let initial = format!("{array}, initial: {{pattern: file, {path}}}");
        let sink = "sinks: [{name: n, kind: null.sink, stream: t}]\n";
        let config = pipeline(directory.path(), &initial, sink);
        check_initial(&config).unwrap_or_else(|report| panic!("{report}"));
        let stream = &config.streams[0];
        let frame = initial_frame(stream.initial.as_ref().unwrap(), &stream.array).unwrap();
        assert_eq!(frame, raw, "{dtype}");
    }
}

#[test]
fn astropy_reads_what_is_recorded_in_every_dtype() {
    let directory = TempDir::new().unwrap();
    let raw = format!(
        "{FITS_VALUES}
for name in names:
    data = values(name)
    data.astype(data.dtype.newbyteorder('<')).tofile(f'{{sys.argv[1]}}/{{name}}.raw')"
    );
    let python = |script: &str| {
        support::run(
            Command::new(support::python())
                .args(["-c", script])
                .arg(directory.path()),
        )
    };
    python(&raw);
    for dtype in FITS_DTYPES {
        let raw = fs::read(directory.path().join(format!("{dtype}.raw"))).unwrap();
        let sink = format!(
            "sinks:\n  - {{name: r, kind: file.fits, stream: s, parameters: {{path: {dtype}.fits, limit: 3}}}}\n"
        );
        let config = pipeline(
            directory.path(),
            &format!("shape: [1, 2], dtype: {dtype}"),
            &sink,
        );
        let mut sink = plan_sinks(&config).unwrap_or_else(|report| panic!("{report}"))[0]
            .open()
            .unwrap();
        for frame in raw.chunks(raw.len() / 3) {
            sink.consume(frame, 1).unwrap();
        }
        // Beyond the limit.
        sink.consume(&raw[..raw.len() / 3], 4).unwrap();
        assert!(!directory.path().join(format!("{dtype}.fits")).exists());
        sink.finish().unwrap();
    }
    let check = format!(
        "{FITS_VALUES}
for name in names:
    with fits.open(f'{{sys.argv[1]}}/{{name}}.fits') as file:
        file.verify('exception')
        data = file[0].data
        assert data.dtype.newbyteorder('=') == numpy.dtype(name), (name, data.dtype)
        assert data.shape == (3, 1, 2), data.shape
        assert (data.ravel() == values(name)).all(), (name, data)
print('ok')"
    );
    assert_eq!(python(&check).trim(), "ok");
    assert_eq!(
        names(directory.path()).len(),
        2 * FITS_DTYPES.len(),
        "nothing else is left"
    );
}

#[test]
fn a_bad_fits_file_is_refused_with_the_reason() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("f.fits");
    let refused = |message: &str| {
        let array = "shape: [2, 3], dtype: uint16";
        let report = source_of(directory.path(), array, "file.fits", "path: f.fits").unwrap_err();
        assert!(report.plain().contains(message), "{message}: {report}");
    };
    refused("does not exist");
    let image = |more: &[&'static str]| {
        let mut cards = vec![
            "BITPIX  =                   16",
            "NAXIS   =                    2",
            "NAXIS1  =                    3",
            "NAXIS2  =                    2",
        ];
        cards.extend(more);
        cards
    };
    let unsigned = [
        "BSCALE  =                    1",
        "BZERO   =              3.2768D4 / shifted",
    ];
    fits_file(&path, &image(&unsigned), &[0; 12]);
    let array = "shape: [2, 3], dtype: uint16";
    let mut source = open_source(directory.path(), array, "file.fits", "path: f.fits");
    assert_eq!(play(&mut *source, 12, 2), [[0, 128].repeat(6)]);
    fits_file(&path, &image(&[]), &[0; 12]);
    refused("holds int16 [2, 3], but uint16 [2, 3]");
    for (cards, message) in [
        (
            vec!["NAXIS   =                    2"],
            "stands where the standard wants another",
        ),
        (
            vec![
                "BITPIX  =                   16",
                "NAXIS   =                    0",
            ],
            "has no image in its primary HDU",
        ),
        (
            vec![
                "BITPIX  =                   12",
                "NAXIS   =                    1",
                "NAXIS1  =                    3",
            ],
            "elements of the type 'BITPIX 12'",
        ),
        (
            vec![
                "BITPIX  =                   16",
                "NAXIS   =                  999",
            ],
            "999 dimensions",
        ),
        (
            image(&["BSCALE  =                  0.5"]),
            "integers that stand for others (BSCALE 0.5, BZERO 0)",
        ),
        (
            image(&["BZERO   =                  100"]),
            "integers that stand for others (BSCALE 1, BZERO 100)",
        ),
        (image(&["BZERO   =                  nan"]), "is no number"),
        (
            image(&[
                "BZERO   =                    0",
                "BZERO   =                32768",
            ]),
            "stands there twice",
        ),
        (
            image(&["NAXIS   =                    1"]),
            "stands there twice",
        ),
        (
            image(&["GROUPS  =                    T"]),
            "has no image in its primary HDU",
        ),
        (
            vec![
                "BITPIX  =                   64",
                "NAXIS   =                    2",
                "NAXIS1  =  4294967296000000000",
                "NAXIS2  =  4294967296000000000",
            ],
            "more elements than any file can",
        ),
        (
            vec![
                "BITPIX  =                   16",
                "NAXIS   =                    1",
                "NAXIS1  =              9999999",
            ],
            "is torn: its header promises 20002878 bytes",
        ),
        (
            vec![
                "BITPIX  =                   16",
                "NAXIS   =                    1",
                "NAXIS1  =                   -3",
            ],
            "is no extent",
        ),
        (vec!["BITPIX  =                 'ab'"], "has no value"),
    ] {
        fits_file(&path, &cards, &[0; 12]);
        refused(message);
    }
    for (bytes, message) in [
        (b"".to_vec(), "is not a FITS file"),
        (b"\x93NUMPY".repeat(1000), "is not a FITS file"),
        (
            format!("{:<80}", "SIMPLE  =                    F")
                .repeat(36)
                .into_bytes(),
            "does not keep to the standard",
        ),
        (
            {
                let mut cards = format!("{:<80}", "SIMPLE  =                    T");
                for card in image(&[]) {
                    cards += &format!("{card:<80}");
                }
                cards += &format!("{:<80}", "COMMENT no end").repeat(31);
                cards.into_bytes()
            },
            "the file ends within it",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        refused(message);
    }
    fits_file(&path, &image(&unsigned), &[0; 12]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([1; 2880]);
    fs::write(&path, bytes).unwrap();
    refused("has 2880 bytes after the last element");
    // What FITS cannot hold is said before anything is written.
    let sink = "sinks:\n  - {name: r, kind: file.fits, stream: s, parameters: {path: c.fits}}\n";
    for dtype in ["bool", "float16", "complex64", "complex128"] {
        let config = pipeline(
            directory.path(),
            &format!("shape: [2], dtype: {dtype}"),
            sink,
        );
        let report = plan_sinks(&config).err().unwrap();
        let message = format!("cannot hold elements of the type {dtype}");
        assert!(report.plain().contains(&message), "{report}");
    }
}

#[test]
fn a_fits_recording_that_is_cut_off_while_it_plays_ends_with_an_error() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("f.fits");
    let cards = [
        "BITPIX  =                    8",
        "NAXIS   =                    2",
        "NAXIS1  =                    2",
        "NAXIS2  =                    3",
    ];
    fits_file(&path, &cards, &[0; 6]);
    let mut source = open_source(
        directory.path(),
        "shape: [2], dtype: uint8",
        "file.fits",
        "path: f.fits",
    );
    assert_eq!(play(&mut *source, 2, 1).len(), 1);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(2882)
        .unwrap();
    let error = source.next(&mut [vec![0; 2]]).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
}
