use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::stream::{self, Delivery, Mirror, Mode, Stamp, Stream, StreamSpec};

/// Of pyshmem's header.
const HEADER: usize = 512;
const CHECKSUM: usize = 92;
const SEQUENCE: usize = 48;
/// What its checksum leaves out, because it changes.
const UNCHECKED: [std::ops::Range<usize>; 2] = [40..76, 92..104];

fn spec() -> StreamSpec {
    StreamSpec {
        name: format!("sandpipe-fuzz.{}", std::process::id()),
        array: ArrayType {
            dtype: Dtype::U64,
            shape: vec![16],
        },
        readers: 2,
        every: false,
        slots: None,
        notify: true,
        mirror: Mirror::Every,
        mode: Mode::CreateOrAttach,
    }
}

/// The two files of the stream, and what was in them after a frame was published.
struct Files {
    meta: PathBuf,
    data: PathBuf,
    good: Vec<u8>,
    length: u64,
}

fn files() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        let spec = spec();
        let stream = Stream::create(&spec).expect("there is no room for a stream");
        let mut writer = stream.writer().expect("nobody else writes it");
        let slot = writer.begin().expect("there is a slot");
        writer.publish(slot, Stamp::source(1));
        let of_this = |path: &PathBuf| {
            let meta = path.to_string_lossy().ends_with("_meta");
            meta && fs::read(path).is_ok_and(|bytes| {
                let name = bytes.get(256..HEADER).unwrap_or_default();
                name.starts_with(spec.name.as_bytes())
            })
        };
        let meta = fs::read_dir("/dev/shm")
            .expect("streams lie there")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(of_this)
            .expect("the stream has files");
        let data = Path::new(meta.to_string_lossy().trim_end_matches("_meta")).to_owned();
        Files {
            good: fs::read(&meta).expect("it is ours"),
            length: fs::metadata(&data).expect("it is ours").len(),
            meta,
            data,
        }
    })
}

/// Flags, the length of the data file in units of 64 bytes, the metadata file.
pub fn seeds() -> Vec<Vec<u8>> {
    let files = files();
    let length = (files.length / 64) as u16;
    let with = |flags: u8, bytes: &[u8]| {
        let length = length.to_le_bytes();
        [&[flags], &length[..], bytes].concat()
    };
    vec![
        with(1, &files.good),
        with(0, &files.good),
        with(1, &files.good[..HEADER]),
    ]
}

/// Whatever the files hold, the stream is refused, or its user is safe.
pub fn run(bytes: &[u8]) {
    let Some((&[flags, low, high], meta)) = bytes.split_first_chunk() else {
        return;
    };
    let files = files();
    let mut meta = meta.to_vec();
    // Mostly as if no write were going on: for the end of one, everybody waits a while.
    if flags & 8 == 0
        && let Some(sequence) = meta.get_mut(SEQUENCE)
    {
        *sequence &= !1;
    }
    if flags & 1 != 0 && meta.len() >= HEADER {
        let mut checked = meta[..HEADER].to_vec();
        for range in UNCHECKED {
            checked[range].fill(0);
        }
        meta[CHECKSUM..CHECKSUM + 4].copy_from_slice(&crc32fast::hash(&checked).to_le_bytes());
    }
    let _ = fs::write(&files.meta, &meta);
    let data = File::create(&files.data);
    let _ = data.and_then(|data| data.set_len(u64::from(u16::from_le_bytes([low, high])) * 64));
    look();
    for mode in [Mode::Attach, Mode::CreateOrAttach] {
        if let Ok(stream) = Stream::create(&StreamSpec { mode, ..spec() }) {
            publish_and_read(&stream, flags);
        }
    }
    let _ = stream::remove(&spec().name, true);
}

/// What tools do.
fn look() {
    let name = spec().name;
    let _ = stream::info(&name);
    let _ = stream::list();
    let _ = stream::read_frame(&name);
    let _ = stream::write_frame(&name, &[1; 128], Some(1));
    if let Ok(stream) = Stream::join(&name) {
        publish_and_read(&stream, 0);
    }
    let _ = stream::remove(&name, false);
}

/// What a run does.
fn publish_and_read(stream: &std::sync::Arc<Stream>, flags: u8) {
    let mut bytes = vec![0; stream.bytes()];
    let delivery = if flags & 2 == 0 {
        Delivery::Latest
    } else {
        Delivery::Every
    };
    let reader = stream.reader(delivery);
    if flags & 4 != 0
        && let Ok(ingest) = stream.ingest()
    {
        ingest.poll();
    }
    if let Ok(mut writer) = stream.writer() {
        for number in 0..8 {
            if let Some(slot) = writer.begin() {
                let _ = writer.write(slot, &bytes);
                writer.publish(slot, Stamp::source(number));
            }
        }
    }
    if let Ok(mut reader) = reader {
        reader.current();
        for _ in 0..8 {
            if let Some(frame) = reader.next() {
                let _ = reader.read(&frame, &mut bytes);
            }
        }
    }
    let _ = stream.check();
}
