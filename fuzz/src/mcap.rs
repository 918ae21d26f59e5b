use std::fs::{self, File};
use std::sync::{Arc, OnceLock};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::config::StreamIndex;
use sandpipe::recording::{
    Outcome, Recorder, Recording, RecordingOptions, StageSubject, StreamSubject, calls,
};
use sandpipe::stream::{Mirror, Mode, PrivateRing, Stamp, Stream, StreamSpec};

use crate::directory;

/// The largest frame that is expected.
const LARGEST: u64 = 4096;

pub const PIECES: &[&str] = &[
    "\u{89}MCAP0\r\n",
    "sandpipe.frame/1",
    "sandpipe.call/1",
    "sandpipe.state/1",
    "\"inputs\":[]",
    "\"array\":{\"dtype\":\"F64\",\"shape\":[4294967295,4294967295]}",
    "4294967295,4294967295,4294967295",
    "float64",
    "\u{6}\0\0\0\0\0\0\0\0",
    "\u{f}\u{4}\0\0\0\0\0\0\0",
];

fn array() -> ArrayType {
    ArrayType {
        dtype: Dtype::U64,
        shape: vec![2, 4],
    }
}

/// What a short run leaves.
fn recorded() -> Vec<u8> {
    let stream = Stream::create(&StreamSpec {
        name: format!("sandpipe-fuzz.mcap.{}", std::process::id()),
        array: array(),
        readers: 0,
        every: false,
        slots: Some(8),
        notify: false,
        mirror: Mirror::Never,
        mode: Mode::Replace,
    })
    .expect("there is no room for a stream");
    let path = directory().join("seed.mcap");
    let _ = fs::remove_file(&path);
    let state = PrivateRing::new("state", 2, Some(16)).expect("there is no memory");
    let (mut log, queue) = calls(1, 1);
    let options = RecordingOptions {
        file: Arc::new(File::create_new(&path).expect("the file cannot be written")),
        streams: vec![StreamIndex(0)],
        lossless: false,
        memory: 1 << 20,
        pipeline: b"shared_memory: []".to_vec(),
        about: [("cpu".to_owned(), "none".to_owned())].into(),
    };
    let subject = StreamSubject {
        name: "x".to_owned(),
        stream: Arc::clone(&stream),
    };
    let stage = StageSubject {
        name: "stage".to_owned(),
        kind: "cpu.copy".to_owned(),
        sha256: "00".to_owned(),
        inputs: vec!["x".to_owned()],
        outputs: vec!["x".to_owned()],
        state: vec![(
            "s".to_owned(),
            ArrayType {
                shape: vec![2],
                ..array()
            },
        )],
        watch: queue.watch(vec![Arc::new(state)]),
        queue,
    };
    let recorder = Recorder::start(options, vec![subject], vec![stage], || {});
    let recorder = recorder.expect("the recorder cannot start");
    let mut writer = stream.writer().expect("the stream has a writer");
    for number in 1..=3 {
        log.committed();
        let sequences = || [number].into_iter();
        log.note(Outcome::Fresh, number, number, sequences(), sequences());
        let slot = writer.begin().expect("no reader holds up the writer");
        writer.publish(slot, Stamp::source(number));
    }
    drop(writer);
    recorder.finish();
    fs::read(&path).expect("the recording cannot be read")
}

/// The same, with checksums that say that none was computed: so damage gets past them.
fn without_checksums(mut file: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(head) = file.get(at..at + 9) {
        let (opcode, body) = (head[0], at + 9);
        let length = u64::from_le_bytes(head[1..].try_into().expect("eight bytes")) as usize;
        match opcode {
            0x06 => file[body + 24..body + 28].fill(0),
            0x0f => file[body..body + 4].fill(0),
            0x02 => break,
            _ => {}
        }
        at = body + length;
    }
    file
}

pub fn seeds() -> Vec<Vec<u8>> {
    static SEED: OnceLock<Vec<u8>> = OnceLock::new();
    let seed = SEED.get_or_init(recorded);
    vec![without_checksums(seed.clone()), seed.clone()]
}

/// What is in a recording can be read as it says.
pub fn run(bytes: &[u8]) {
    let path = directory().join("run.mcap");
    fs::write(&path, bytes).expect("the file cannot be written");
    let Ok(recording) = Recording::open(&path, LARGEST, |read, all| assert!(read <= all)) else {
        return;
    };
    for stream in &recording.streams {
        let mut frame = vec![0; stream.array.bytes().unwrap_or(0).min(1 << 20)];
        let mut last = None;
        for entry in &stream.frames {
            assert!(last < Some(entry.sequence), "frames are in order");
            last = Some(entry.sequence);
            assert!(recording.read_frame(entry, &mut frame).is_ok());
            assert!(stream.frame(entry.sequence).is_some());
        }
    }
    for stage in &recording.stages {
        for batch in &stage.batches {
            for call in recording.read_calls(stage, batch).into_iter().flatten() {
                assert_eq!(call.inputs.len(), stage.inputs.len());
                assert_eq!(call.outputs.len(), stage.outputs.len());
            }
        }
        for snapshot in &stage.snapshots {
            let state = recording.read_state(stage, snapshot);
            assert_eq!(state.expect("it is there").len(), stage.state.len());
        }
        let _ = stage.calls();
    }
}
