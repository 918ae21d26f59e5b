//! A pipeline of one stage that misbehaves on some frames.

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;
use serde_json::Value;

use super::harness::Workbench;

/// Elements of a frame. The first one is the frame's number, from 1.
pub const WIDTH: usize = 4;

/// Counts the calls of the instance, into the second element of the output. The first becomes that of the input plus one.
pub const COUNT: [(&str, &str); 2] = [
    (
        "declarations",
        "(global $calls (mut i32) (i32.const 0))\n;; @declarations",
    ),
    (
        "compute",
        "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         (i32.store offset=4 (i32.load offset=4 (local.get $frame)) (global.get $calls))
         ;; @compute",
    ),
];

/// The number of the frame.
pub const NUMBER: &str = "(i32.load (i32.load (local.get $frame)))";

/// What a kernel does on some frames.
pub const TRAP: &str = "(unreachable)";
pub const FAIL: &str = "(return (call $fail (i32.const 4) (i32.const 0) (i32.const 0)))";

/// Does `fault` where `condition` holds.
pub fn on(condition: &str, fault: &str) -> String {
    format!("(if {condition} (then {fault}))")
}

pub fn even() -> String {
    format!("(i32.eqz (i32.rem_u {NUMBER} (i32.const 2)))")
}

pub fn is(number: u32) -> String {
    format!("(i32.eq {NUMBER} (i32.const {number}))")
}

/// A pipeline of one stage, `stranger`, whose outputs are recorded.
pub struct Case {
    pub bench: Workbench,
}

impl Case {
    pub fn new(name: &str) -> Case {
        Case {
            bench: Workbench::new(name),
        }
    }

    pub fn kernel(self, parts: &[(&str, &str)]) -> Case {
        self.bench.kernel("stranger", parts);
        self
    }

    /// A kernel that counts its calls and does `fault`.
    pub fn faults(self, fault: &str) -> Case {
        let mut parts = COUNT.to_vec();
        parts.push(("compute", fault));
        self.kernel(&parts)
    }

    /// As [`Case::faults`], and a fresh instance takes a while to start.
    pub fn faults_and_starts_slowly(self, fault: &str) -> Case {
        let init = later_init(
            "(loop $again
               (global.set $spin (i32.add (global.get $spin) (i32.const 1)))
               (br_if $again (i32.lt_u (global.get $spin) (i32.const 10000000))))",
        );
        let mut parts = COUNT.to_vec();
        parts.extend(init.iter().map(|(at, body)| (*at, body.as_str())));
        parts.push(("compute", fault));
        self.kernel(&parts)
    }

    /// The frames 1, 2, 3, … at a rate, or as fast as they are taken.
    pub fn frames(self, count: u32, rate_hz: Option<u32>, stage: &str) -> Case {
        let delivery = match stage.contains("delivery") {
            true => "",
            false => "delivery: every, ",
        };
        let rate = rate_hz.map_or(String::new(), |rate| format!(", rate_hz: {rate}"));
        self.bench.file("frames.npy", frames(count));
        self.bench.pipeline(&format!(
            "
shared_memory:
  - {{name: x, shape: [{WIDTH}], dtype: uint32, slots: 16}}
  - {{name: y, shape: [{WIDTH}], dtype: uint32}}
sources:
  - {{name: camera, kind: file.npy, stream: x, parameters: {{path: frames.npy{rate}}}}}
kernels:
  - {{name: stranger, module: stranger.wat, input: x, output: y, {delivery}{stage}}}
sinks:
  - {{name: file, kind: file.npy, stream: y, parameters: {{path: y.npy}}, delivery: every}}
"
        ));
        self
    }

    /// Runs to the end: exit code, report, and the first two elements of every frame that came out.
    pub fn run(&self) -> (i32, Value, Vec<[u32; 2]>) {
        let (code, report) = self.bench.report(&[]);
        assert!(self.bench.streams().is_empty(), "streams are left");
        let accounted = counts(
            &report,
            ["frames", "dropped", "held", "bypassed", "skipped"],
        );
        let accounted: u64 = accounted.iter().sum();
        let published = report["streams"]["x"]["published"].as_u64().unwrap();
        // A run that fails leaves frames that nobody has taken.
        let all = if code == 0 {
            accounted == published
        } else {
            accounted <= published
        };
        assert!(all, "frames are not accounted for: {report}");
        (code, report, recorded(&self.bench, "y.npy"))
    }
}

pub fn frames(count: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.npy");
    let array = ArrayType {
        dtype: Dtype::U32,
        shape: vec![count, WIDTH as u32],
    };
    let elements = (1..=count).flat_map(|number| {
        let mut frame = [0; WIDTH];
        frame[0] = number;
        frame
    });
    let bytes: Vec<u8> = elements.flat_map(u32::to_le_bytes).collect();
    npy::write(&path, &array, &bytes).unwrap();
    std::fs::read(path).unwrap()
}

pub fn recorded(bench: &Workbench, name: &str) -> Vec<[u32; 2]> {
    let Ok((_, bytes)) = npy::read(&bench.path(name)) else {
        return Vec::new();
    };
    let element = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    bytes
        .chunks_exact(4 * WIDTH)
        .map(|frame| [element(&frame[..4]), element(&frame[4..8])])
        .collect()
}

pub fn counts<const N: usize>(report: &Value, keys: [&str; N]) -> [u64; N] {
    keys.map(|key| report["stages"]["stranger"][key].as_u64().unwrap())
}

/// An `init` that does `fault` where the first slot of its input holds a frame: not at the start of a run, but after.
pub fn later_init(fault: &str) -> [(&'static str, String); 3] {
    [
        (
            "declarations",
            "(global $block (mut i32) (i32.const 0))
(global $spin (mut i32) (i32.const 0))
;; @declarations"
                .to_owned(),
        ),
        (
            "reserve",
            "(global.set $block (i32.mul (memory.size) (i32.const 65536)))".to_owned(),
        ),
        (
            "init",
            format!("(if (i32.load offset=4096 (global.get $block)) (then {fault}))"),
        ),
    ]
}

pub fn stranger(case: Case, init: &[(&'static str, String)], compute: &str) -> Case {
    let mut parts: Vec<(&str, &str)> = init.iter().map(|(at, body)| (*at, body.as_str())).collect();
    parts.push(("compute", compute));
    case.kernel(&parts)
}
