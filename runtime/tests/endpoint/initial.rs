//! First values of streams, and single arrays.

use super::*;

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
