//! The files in `kernels/`.
//!
//! ```text
//! ;; What it tries, in a sentence.
//! ;; expect: frame illegal_write 'x'
//! ;; limits: deadline: 50ms
//! ;; @attack
//! (i32.store (i32.load (local.get $frame)) (i32.const 9))
//! ```
//!
//! What follows `;; @NAME` goes into that place of the sandbox's test kernel, which adds 1 to its input. `@attack` is the body of
//! a function that is called instead on every third frame; `@module` replaces the kernel altogether. With `;; kernel: composed` it is
//! the kernel of two components, and the attack is one of the inner component.

use std::fs;
use std::path::{Path, PathBuf};

/// The kernel that the attacks are put into.
const KERNEL: &str = include_str!("../sandbox/kernel.wat");
/// Its memory, and the first line of its allocator.
const MEMORY: &str = r#"(memory (export "memory") 2)"#;
const ALLOCATE: &str = "(local $at i32)\n";

/// The kernel of two components, and the inner one's memory.
const COMPOSED: &str = include_str!("../sandbox/composed.wat");
const INNER_MEMORY: &str = r#"(memory (export "memory") 2) ;; of the inner one"#;

/// What becomes of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Validation refuses it, with these words.
    Refused(String),
    /// It cannot be opened, for a reason with these words.
    Open(String),
    /// Every third frame is a fault with this cause, and these words.
    Frame { cause: String, words: String },
    /// Nothing but what it computes.
    Harmless,
    /// Anything, as long as nobody else notices.
    Survived,
}

impl Expect {
    fn parse(text: &str) -> Expect {
        let (what, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.replace("\\ufffd", "\u{fffd}");
        match what {
            "refused" => Expect::Refused(rest),
            "open" => Expect::Open(rest),
            "frame" => {
                let (cause, words) = rest.split_once(' ').unwrap_or((&rest, ""));
                Expect::Frame {
                    cause: cause.to_owned(),
                    words: words.to_owned(),
                }
            }
            "harmless" => Expect::Harmless,
            "survived" => Expect::Survived,
            other => panic!("nothing is known of the outcome {other:?}"),
        }
    }

    pub fn cause(&self) -> String {
        match self {
            Expect::Frame { cause, .. } => cause.clone(),
            _ => String::new(),
        }
    }
}

/// One attack.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub expect: Expect,
    /// As in a stage's `limits`.
    pub limits: String,
    /// As in a stage's `parameters`.
    pub parameters: String,
    pub module: Vec<u8>,
    /// `wat` or `wasm`.
    pub form: &'static str,
}

impl Case {
    pub fn new(name: &str, expect: &str, module: impl Into<Vec<u8>>, form: &'static str) -> Case {
        Case {
            name: name.to_owned(),
            expect: Expect::parse(expect),
            limits: String::new(),
            parameters: String::new(),
            module: module.into(),
            form,
        }
    }

    /// The same as a component: a module that imports WASI is made one. None where the case is a module of its own.
    fn in_a_component(name: &str, text: &str) -> Option<Case> {
        let import = ";; @imports\n(import \"wasi_snapshot_preview1\" \"sched_yield\" (func $unused (result i32)))\n";
        let composed = !text.contains(";; @module");
        composed.then(|| {
            Case::parse(
                &format!("{name}-in-a-component"),
                &format!("{text}{import}"),
            )
        })
    }

    fn parse(name: &str, text: &str) -> Case {
        let (head, body) = text.split_once(";; @").expect("a case has a part");
        let field = |field: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| line.strip_prefix(&format!(";; {field}: ")))
        };
        let expect = field("expect").unwrap_or_else(|| panic!("{name} has no outcome"));
        let parts = body.split(";; @").map(|part| {
            let (name, body) = part.split_once('\n').expect("a part has a line of its own");
            (name, body)
        });
        let text = match field("kernel") {
            None => compose(parts),
            Some("composed") => compose_inside(parts),
            Some(other) => panic!("there is no kernel {other}"),
        };
        let mut case = Case::new(name, expect, text, "wat");
        case.limits = field("limits").unwrap_or_default().to_owned();
        case
    }
}

/// The test kernel with these parts.
pub fn compose<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = KERNEL.to_owned();
    for (name, body) in parts {
        let mark = |name: &str| format!(";; @{name}\n");
        let (from, to) = match name {
            "module" => return body.to_owned(),
            "memory" => (MEMORY.to_owned(), body.to_owned()),
            "allocate" => (ALLOCATE.to_owned(), format!("{ALLOCATE}{body}")),
            "attack" => {
                let function = format!(
                    "(func $attack (param $frame_id i64) (param $frame i32) (result i32)\n{body}(call $ok))\n"
                );
                let place = mark("declarations");
                text = text.replacen(&place, &(function + &place), 1);
                let call = "(if (i64.eqz (i64.rem_u (local.get $frame_id) (i64.const 3)))
                    (then (return (call $attack (local.get $frame_id) (local.get $frame)))))\n";
                (mark("compute"), call.to_owned())
            }
            name => (mark(name), body.to_owned() + &mark(name)),
        };
        assert!(text.contains(&from), "there is no place for {name}");
        text = text.replacen(&from, &to, 1);
    }
    text
}

/// The kernel of two components with these parts in the inner one.
pub fn compose_inside<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = COMPOSED.to_owned();
    for (name, body) in parts {
        let (from, to) = match name {
            "memory" => (INNER_MEMORY.to_owned(), body.to_owned()),
            "attack" => (
                ";; @work\n".to_owned(),
                format!(
                    "(if (i64.eqz (i64.rem_u (local.get $frame_id) (i64.const 3))) (then {body}))\n"
                ),
            ),
            name => (format!(";; @{name}\n"), format!("{body};; @{name}\n")),
        };
        assert!(text.contains(&from), "there is no place for {name}");
        text = text.replacen(&from, &to, 1);
    }
    text
}

/// Groups of attacks on what passes between guest and host, in which components and core modules are not called in the same way.
const INTERFACE: [&str; 8] = ["19-", "28-", "34-", "35-", "36-", "40-", "41-", "60-"];

/// All of `kernels/`.
pub fn read_all() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/kernels");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let mut cases = vec![Case::parse(name, &text)];
        if INTERFACE.iter().any(|group| name.starts_with(group)) {
            cases.extend(Case::in_a_component(name, &text));
        }
        cases
    };
    files.iter().flat_map(read).collect()
}
