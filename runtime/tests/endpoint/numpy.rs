//! Arrays in files of NumPy.

use super::*;

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
