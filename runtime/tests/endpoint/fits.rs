//! Cubes in FITS files.

use super::*;

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
