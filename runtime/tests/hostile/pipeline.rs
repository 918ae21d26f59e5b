//! Runs cases in pipelines, through the command.

use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Output;
use std::time::Instant;

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;
use serde_json::Value;

use crate::case::{Case, Expect};
use crate::harness::{PATIENCE, Running, Workbench, text};

/// Frames of a run: attacks come on the third and the sixth.
const FRAMES: u32 = 8;
const ATTACKS: [u64; 2] = [3, 6];
/// Elements of a frame: exactly a page, so that the next stream begins right behind it.
const WIDTH: u32 = 1024;

/// The frames: the number, then what looks random.
fn frames() -> Vec<Vec<u8>> {
    let element = |number: u32, at: u32| match at {
        0 => number,
        at => number.wrapping_mul(0x9e37_79b9).wrapping_mul(2 * at + 1),
    };
    let frame = |number| (0..WIDTH).flat_map(move |at| element(number, at).to_le_bytes());
    (1..=FRAMES).map(|number| frame(number).collect()).collect()
}

/// What the healthy stage makes of a frame: all elements times 3.
fn tripled(frame: &[u8]) -> Vec<u8> {
    let element = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let triple = |bytes| (u64::from(element(bytes)) * 3).min(u32::MAX.into()) as u32;
    frame
        .chunks_exact(4)
        .flat_map(|bytes| triple(bytes).to_le_bytes())
        .collect()
}

/// A folder with the cases, the frames, and a healthy stage.
fn bench(name: &str) -> Workbench {
    let bench = Workbench::new(&format!("hostile-{name}"));
    let array = ArrayType {
        dtype: Dtype::U32,
        shape: vec![FRAMES, WIDTH],
    };
    npy::write(&bench.path("frames.npy"), &array, &frames().concat()).unwrap();
    bench
}

/// Writes a pipeline with these cases side by side, and the healthy stage.
fn write(bench: &Workbench, file: &str, cases: &[Case], isolation: &str, policy: &str) -> PathBuf {
    let mut yaml = format!(
        "namespace: {}
lanes: spread
shared_memory:
  - {{name: x, shape: [{WIDTH}], dtype: uint32}}
  - {{name: healthy, shape: [{WIDTH}], dtype: uint32}}
",
        bench.namespace
    );
    for number in 0..cases.len() {
        writeln!(
            yaml,
            "  - {{name: y{number}, shape: [{WIDTH}], dtype: uint32, mirror: false}}"
        )
        .unwrap();
    }
    yaml += "sources:
  - {name: camera, kind: file.npy, stream: x, parameters: {path: frames.npy, rate_hz: 100}}
sinks:
  - {name: file, kind: file.npy, stream: healthy, parameters: {path: healthy.npy}, delivery: every}
kernels:
  - {name: healthy, kind: cpu.scale, input: x, output: healthy, delivery: every, parameters: {factor: 3}, limits: {deadline: 1min}}
";
    for (number, case) in cases.iter().enumerate() {
        let module = format!("{}.{}", case.name, case.form);
        bench.file(&module, &case.module);
        // The one in Rust has a manifest of its own.
        if case.parameters.is_empty() {
            let manifest = format!(r#"{{"abi": "0.1", "kind": "test.c{}"}}"#, number);
            bench.file(&format!("{}.manifest.json", case.name), manifest);
        }
        let Case {
            name,
            limits,
            parameters,
            ..
        } = case;
        writeln!(
            yaml,
            "  - {{name: {name}, module: {module}, input: x, output: y{number}, delivery: every, isolation: {isolation}, \
             on_fault: {policy}, limits: {{{limits}}}, parameters: {{{parameters}}}}}"
        )
        .unwrap();
    }
    bench.file(file, yaml)
}

/// Runs the pipeline, and looks at the memory of the input afterwards: the file outlives its name.
fn run(bench: &Workbench) -> Output {
    let mut running = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    let input = find_data(&bench.stream("x"), &mut running);
    let output = running.output();
    assert!(
        output.status.code().is_some(),
        "the process died: {}",
        text(&output.stderr)
    );
    if let Some(input) = input {
        check_input(&input, &output);
    }
    assert!(bench.streams().is_empty(), "streams are left");
    output
}

/// The file with a stream's frames, once there is one, or nothing if the run ends without.
fn find_data(stream: &str, running: &mut Running<'_>) -> Option<File> {
    let of_this = |path: &PathBuf| {
        path.to_string_lossy().ends_with("_meta")
            && fs::read(path).is_ok_and(|bytes| {
                let name = bytes.get(256..512).unwrap_or_default();
                name.starts_with(stream.as_bytes())
            })
    };
    let start = Instant::now();
    while running.is_running() && start.elapsed() < PATIENCE {
        let entries = fs::read_dir("/dev/shm").unwrap();
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        if let Some(meta) = paths.find(of_this) {
            return File::open(meta.to_str()?.strip_suffix("_meta")?).ok();
        }
    }
    None
}

/// Each page is nothing or a frame, and no frame is missing that was published.
fn check_input(file: &File, output: &Output) {
    let frames = frames();
    let length = file.metadata().unwrap().len() as usize;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).unwrap();
    // pyshmem's place comes first.
    let slots: Vec<&[u8]> = bytes.chunks(4 * WIDTH as usize).collect();
    for slot in &slots {
        let whole = slot.iter().all(|&byte| byte == 0) || frames.iter().any(|frame| frame == slot);
        assert!(whole, "the input was changed: {:?}", &slot[..64]);
    }
    if output.status.success() {
        for frame in &frames {
            assert!(slots[1..].contains(&&frame[..]), "a frame was changed");
        }
    }
}

/// That the healthy stage has computed what it computes alone: all frames, or, of a run that ended early, the first ones.
fn check_healthy(bench: &Workbench, all: bool) {
    let expected: Vec<u8> = frames().iter().flat_map(|frame| tripled(frame)).collect();
    let Ok((_, computed)) = npy::read(&bench.path("healthy.npy")) else {
        assert!(!all, "the healthy stage has computed nothing");
        return;
    };
    assert!(expected.starts_with(&computed), "the healthy stage differs");
    assert!(
        !all || expected == computed,
        "the healthy stage lacks frames"
    );
}

/// Cases that validation refuses: all in one process, one file each.
pub fn are_refused(cases: &[Case], isolation: &str) {
    let bench = bench(&format!("refused-{isolation}"));
    let mut arguments = vec!["validate".to_owned(), "--format".into(), "json".into()];
    for case in cases {
        let file = format!("{}.yaml", case.name);
        write(&bench, &file, std::slice::from_ref(case), isolation, "stop");
        arguments.push(file);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = bench.run(&arguments);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdicts = verdicts.as_array().or_else(|| verdicts["files"].as_array());
    let verdicts = verdicts.expect("a list of verdicts");
    assert_eq!(verdicts.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, verdict) in cases.iter().zip(verdicts) {
        let Expect::Refused(words) = &case.expect else {
            panic!("{} is not to be refused", case.name);
        };
        let message = verdict["errors"][0]["message"].as_str();
        if !message.is_some_and(|message| message.contains(words.as_str())) {
            wrong.push(format!("{}: {words:?} is not in {message:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(bench.streams().is_empty());
}

/// Cases that end the run when the stage is opened.
pub fn cannot_start(cases: &[Case], isolation: &str) {
    let mut wrong = Vec::new();
    for case in cases {
        let bench = bench(&format!("{}-{isolation}", case.name));
        write(
            &bench,
            "pipeline.yaml",
            std::slice::from_ref(case),
            isolation,
            "stop",
        );
        let output = run(&bench);
        let said = text(&output.stderr) + &text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{}: {said}", case.name);
        let Expect::Open(words) = &case.expect else {
            panic!("{} is not to be opened", case.name);
        };
        if !said.contains(words.as_str()) || !said.contains(&case.name) {
            wrong.push(format!("{}: {words:?} is not in {said}", case.name));
        }
        check_healthy(&bench, false);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cases of which only is known that nobody else notices.
pub fn are_survived(cases: &[Case], isolation: &str) {
    for case in cases {
        let bench = bench(&format!("{}-{isolation}", case.name));
        write(
            &bench,
            "pipeline.yaml",
            std::slice::from_ref(case),
            isolation,
            "skip",
        );
        let output = run(&bench);
        let started = output.status.code() == Some(0);
        assert!(
            started || output.status.code() == Some(1),
            "{}: {}",
            case.name,
            text(&output.stderr)
        );
        check_healthy(&bench, started);
    }
}

/// Cases that end the run with their first fault.
pub fn stop_the_run(cases: &[Case], isolation: &str) {
    for case in cases {
        let bench = bench(&format!("stop-{}-{isolation}", case.name));
        write(
            &bench,
            "pipeline.yaml",
            std::slice::from_ref(case),
            isolation,
            "stop",
        );
        let output = run(&bench);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["state"], "failed");
        let stage = Stage::of(&report, case);
        stage.check_fault(ATTACKS[0], "stopped");
        assert_eq!(stage.count("frames"), ATTACKS[0] - 1);
        check_healthy(&bench, false);
    }
}

/// All cases that come as far as their first frame, in one pipeline.
pub struct Run {
    cases: Vec<Case>,
    policy: &'static str,
    isolation: &'static str,
}

impl Run {
    pub fn of_the_running(policy: &'static str, isolation: &'static str) -> Run {
        let runs = |expect: &Expect| matches!(expect, Expect::Frame { .. } | Expect::Harmless);
        Run {
            cases: crate::those(runs),
            policy,
            isolation,
        }
    }

    pub fn check(&self) {
        let bench = bench(&format!("{}-{}", self.policy, self.isolation));
        write(
            &bench,
            "pipeline.yaml",
            &self.cases,
            self.isolation,
            self.policy,
        );
        let output = run(&bench);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert!(
            !errors.contains(['\u{1b}', '\0', '\u{202e}']),
            "a kernel has written to the terminal: {errors:?}"
        );
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        for case in &self.cases {
            let stage = Stage::of(&report, case);
            match case.expect {
                Expect::Harmless => stage.check_harmless(),
                _ => stage.check_policy(self.policy),
            }
        }
        check_healthy(&bench, true);
    }
}

/// What a report says of a case.
struct Stage<'a> {
    case: &'a Case,
    numbers: &'a Value,
    faults: Vec<&'a Value>,
}

impl<'a> Stage<'a> {
    fn of(report: &'a Value, case: &'a Case) -> Stage<'a> {
        let faults = report["faults"].as_array().unwrap().iter();
        Stage {
            case,
            numbers: &report["stages"][&case.name],
            faults: faults
                .filter(|fault| fault["stage"] == case.name.as_str())
                .collect(),
        }
    }

    fn count(&self, what: &str) -> u64 {
        let count = self.numbers[what].as_u64();
        count.unwrap_or_else(|| panic!("{}: {}", self.case.name, self.numbers))
    }

    /// The fault of a frame has the right cause, words and consequence.
    fn check_fault(&self, frame_id: u64, action: &str) {
        let Expect::Frame { cause, words } = &self.case.expect else {
            panic!("{} is not to fault", self.case.name);
        };
        let fault = self
            .faults
            .iter()
            .find(|fault| fault["frame_id"] == frame_id);
        let fault = fault.unwrap_or_else(|| {
            panic!(
                "{}: no fault of frame {frame_id}: {:?}",
                self.case.name, self.faults
            )
        });
        assert_eq!(
            fault["cause"],
            cause.as_str(),
            "{}: {fault}",
            self.case.name
        );
        assert_eq!(fault["action"], action, "{}: {fault}", self.case.name);
        let message = fault["message"].as_str().unwrap();
        assert!(
            message.contains(words.as_str()) && !message.chars().any(char::is_control),
            "{}: {words:?} is not in {message:?}",
            self.case.name
        );
        assert!(message.chars().count() < 1100, "{}", self.case.name);
    }

    fn check_policy(&self, policy: &str) {
        let action = match policy {
            "restart" => "restarted",
            "skip" => "skipped",
            "hold" => "held",
            "bypass" => "bypassed",
            other => panic!("nothing is known of {other}"),
        };
        let name = &self.case.name;
        let lost = self.count("dropped") + self.count("held") + self.count("bypassed");
        let faults = self.count("faults");
        let accounted = self.count("frames") + lost;
        assert_eq!(accounted, u64::from(FRAMES), "{name}: {}", self.numbers);
        // While a fresh instance is on its way, these answer without one, be it to an attack.
        let away = matches!(policy, "skip" | "hold" | "bypass") && lost > faults;
        assert!(lost == faults || away, "{name}: {}", self.numbers);
        // On a busy machine a short deadline passes in a frame without an attack too.
        let late = self.case.limits.contains("deadline");
        assert!(!self.faults.is_empty(), "{name}: {}", self.numbers);
        for fault in &self.faults {
            let frame = fault["frame_id"].as_u64().unwrap();
            assert!(late || ATTACKS.contains(&frame), "{name}: {fault}");
            // There is nothing to hold before the first good frame.
            let nothing_to_hold = late && policy == "hold" && fault["action"] == "skipped";
            self.check_fault(frame, if nothing_to_hold { "skipped" } else { action });
        }
        let attacks = ATTACKS.len() as u64;
        assert!(faults >= attacks || away, "{name}: {:?}", self.faults);
        assert!(lost >= attacks, "{name}: {}", self.numbers);
        if policy == "restart" {
            // After a fault of the last frame nobody waits for a fresh instance.
            let last = self.faults.iter().any(|fault| fault["frame_id"] == FRAMES);
            let restarts = self.count("restarts");
            assert!(
                restarts == faults || last && restarts + 1 == faults,
                "{name}"
            );
        }
    }

    fn check_harmless(&self) {
        let name = &self.case.name;
        assert!(self.faults.is_empty(), "{name}: {:?}", self.faults);
        assert_eq!(self.count("frames"), u64::from(FRAMES), "{name}");
    }
}
