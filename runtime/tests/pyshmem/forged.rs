//! Files that pyshmem left half made, or that this version does not take: made by pyshmem, then changed.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use sandpipe::stream::{self, Mode, Stream, StreamError, StreamSpec};

use super::harness::{Workbench, text};
use super::support::{Child, peer, spec, stream_name};

// Offsets in the header.
const AT_FLAGS: u64 = 12;
const AT_DEVICE: u64 = 20;
const AT_CRC: u64 = 92;

/// The files of a stream that Python has made and closed: metadata and data.
fn made(name: &str) -> (PathBuf, PathBuf) {
    let mut maker = Child::spawn(&mut peer(&["create", name, "uint64", "512"]));
    maker.wait_for("created");
    maker.finish();
    let is_meta = |path: &PathBuf| {
        path.to_str().is_some_and(|path| path.ends_with("_meta"))
            && fs::read(path).is_ok_and(|bytes| bytes[256..].starts_with(name.as_bytes()))
    };
    let files = fs::read_dir("/dev/shm").unwrap();
    let meta = files
        .map(|file| file.unwrap().path())
        .find(is_meta)
        .unwrap();
    let data = PathBuf::from(meta.to_str().unwrap().trim_end_matches("_meta"));
    assert!(data.exists());
    (meta, data)
}

fn write(path: &PathBuf, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

/// Puts the checksum of the changed header in its place.
fn seal(meta: &PathBuf) {
    let mut header = fs::read(meta).unwrap();
    for unchecked in [40..76, 92..104] {
        header[unchecked].fill(0);
    }
    write(meta, AT_CRC, &crc32fast::hash(&header[..512]).to_le_bytes());
}

/// What is done to the metadata and the data of a stream.
type Breakage = fn(&PathBuf, &PathBuf);

/// What is written into the metadata.
type Forgery = fn(&PathBuf);

#[test]
fn what_a_creator_left_half_made_is_no_stream_and_in_nobodys_way() {
    let breakages: [(&str, Breakage); 5] = [
        ("only the data is there", |meta, _| {
            fs::remove_file(meta).unwrap()
        }),
        ("the header is empty", |meta, _| write_length(meta, 0)),
        ("the header is blank", |meta, _| write(meta, 0, &[0; 512])),
        ("the header has no end", |meta, _| {
            write(meta, AT_CRC, &[0; 420])
        }),
        ("only the header is there", |_, data| {
            fs::remove_file(data).unwrap()
        }),
    ];
    for (what, breaks) in breakages {
        for mode in [Mode::Create, Mode::CreateOrAttach, Mode::Replace] {
            let spec = StreamSpec {
                mode,
                ..spec(&stream_name("half-made"), 512)
            };
            let (meta, data) = made(&spec.name);
            breaks(&meta, &data);
            let missing = stream::read_frame(&spec.name);
            assert!(
                matches!(missing, Err(StreamError::Missing { .. })),
                "{what}: {missing:?}"
            );
            let attach = StreamSpec {
                mode: Mode::Attach,
                ..spec.clone()
            };
            let attached = Stream::create(&attach);
            assert!(
                matches!(attached, Err(StreamError::Missing { .. })),
                "{what}: {attached:?}"
            );
            let stream = Stream::create(&spec).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(stream.is_made_here(), "{what}");
        }
    }
}

fn write_length(path: &PathBuf, length: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

#[test]
fn streams_on_a_gpu_and_of_old_versions_are_refused_with_the_reason_and_left_as_they_are() {
    let cases: [(&str, Forgery); 4] = [
        ("frames are on GPU 1 and nowhere else", |meta| {
            write(meta, AT_FLAGS, &(1 | 4 | 8_u32).to_le_bytes());
            write(meta, AT_DEVICE, &1_i32.to_le_bytes());
            seal(meta);
        }),
        ("holds copies of frames that are on GPU 0", |meta| {
            write(meta, AT_FLAGS, &(1 | 2 | 4 | 8_u32).to_le_bytes());
            write(meta, AT_DEVICE, &0_i32.to_le_bytes());
            seal(meta);
        }),
        ("has a header of version 2", |meta| {
            write(meta, 0, &[0; 256]);
            for (place, value) in [
                (0, 2.0),
                (2, 7.0),
                (3, 1.0),
                (4, 4096.0),
                (6, -1.0),
                (12, 1.0),
                (13, 512.0_f64),
            ] {
                write(meta, 8 * place, &value.to_le_bytes());
            }
        }),
        ("has a header of version 4", |meta| {
            write(meta, 8, &4_u16.to_le_bytes())
        }),
    ];
    let bench = Workbench::new("forged");
    for (reason, forge) in cases {
        let name = bench.stream("x");
        let (meta, data) = made(&name);
        forge(&meta);
        let before = (fs::read(&meta).unwrap(), fs::read(&data).unwrap());
        let refused = |what: &str, error: &str| {
            assert!(error.contains(reason), "{what}: {error}, not {reason}");
        };
        for mode in [Mode::Attach, Mode::CreateOrAttach, Mode::Create] {
            let spec = StreamSpec {
                mode,
                ..spec(&name, 512)
            };
            let error = Stream::create(&spec).unwrap_err();
            refused("create", &error.to_string());
        }
        let error = stream::write_frame(&name, &[1; 4096], None).unwrap_err();
        refused("write", &error.to_string());
        let error = stream::read_frame(&name).unwrap_err();
        refused("read", &error.to_string());
        for place in ["input", "output"] {
            let other = if place == "input" { "output" } else { "input" };
            bench.pipeline(&format!(
                "
shared_memory:
  - {{name: x, shape: [512], dtype: uint64, mode: attach}}
  - {{name: other, shape: [512], dtype: uint64}}
kernels:
  - {{name: copy, kind: cpu.copy, {place}: x, {other}: other}}
"
            ));
            let output = bench.run(&["run", "pipeline.yaml"]);
            assert_ne!(output.status.code(), Some(0));
            refused(place, &text(&output.stderr));
        }
        assert!(
            before == (fs::read(&meta).unwrap(), fs::read(&data).unwrap()),
            "{reason}: it was changed"
        );
        stream::remove(&name, true).unwrap();
    }
}
