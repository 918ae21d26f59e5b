//! What the tests share: kernels as text, streams as memfds, a stage with one input and one output.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};
use sandpipe::array::{ArrayType, Dtype};
use sandpipe::sandbox::{
    Access, Array, CacheDirectory, Context, Engine, EngineOptions, Fault, Instance, Interruption,
    Isolation, Limits, Part, Program, Window,
};

/// Bytes of a frame and of a slot.
pub const FRAME: u32 = 4096;
/// Slots of a ring.
pub const SLOTS: u32 = 3;

/// The kernel of `kernel.wat` with some of its `;; @name` lines replaced.
pub fn kernel(parts: &[(&str, &str)]) -> String {
    let mut text = include_str!("kernel.wat").to_owned();
    for (name, body) in parts {
        let mark = format!(";; @{name}\n");
        assert!(text.contains(&mark), "no place named {name}");
        text = text.replace(&mark, &format!("{body}\n"));
    }
    text
}

/// Wraps a kernel as an author's tools would.
pub fn component(binary: &[u8]) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve
        .push_str("kernel.wit", sandpipe::sandbox::WIT)
        .unwrap();
    let world = resolve
        .select_world(&[package], Some("kernel-mapped"))
        .unwrap();
    let mut module = binary.to_vec();
    wit_component::embed_component_metadata(
        &mut module,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
    )
    .unwrap();
    wit_component::ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// What engines of these tests have in common: no cache, and children where kernels run in them.
pub fn options() -> EngineOptions {
    let helper = || env!("CARGO_BIN_EXE_sandpipe").into();
    EngineOptions {
        cache: CacheDirectory::None,
        helper: (crate::ISOLATION == Isolation::Process).then(helper),
        ..EngineOptions::default()
    }
}

pub fn engine() -> Engine {
    engine_by(None)
}

/// An engine whose guests are stopped in the way that is wanted, where they run on threads.
pub fn engine_by(interruption: Option<Interruption>) -> Engine {
    Engine::new(EngineOptions {
        interruption,
        ..options()
    })
    .unwrap()
}

/// The processes that this one has started and that still run or wait to be reaped.
pub fn children() -> Vec<PathBuf> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .map(|entry| entry.unwrap().path())
        // Its own name, the state, and the parent's id come first, the name in brackets.
        .filter(|path| {
            let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
            let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            rest.split(' ').nth(1) == Some(&own)
        })
        .collect()
}

/// The mappings of the process in which the kernel runs that has `ring` mapped.
pub fn maps_of_guest(ring: &Ring) -> String {
    let inode = rustix::fs::fstat(&ring.file).unwrap().st_ino.to_string();
    let processes = match crate::ISOLATION {
        Isolation::Thread => vec![PathBuf::from("/proc/self")],
        Isolation::Process => children(),
    };
    let maps = processes
        .iter()
        .map(|process| std::fs::read_to_string(process.join("maps")));
    let has = |maps: &String| {
        maps.lines()
            .any(|line| line.split_whitespace().nth(4) == Some(&inode))
    };
    maps.map(Result::unwrap)
        .find(has)
        .expect("a process that has the ring mapped")
}

/// A ring of [`SLOTS`] slots of [`FRAME`] bytes behind one page of something else.
pub struct Ring {
    pub file: OwnedFd,
    pub slots: u32,
}

impl Ring {
    /// A ring whose bytes are all `fill`.
    pub fn new(fill: u8) -> Ring {
        let ring = Ring {
            file: memfd_create("ring", MemfdFlags::CLOEXEC).unwrap(),
            slots: SLOTS,
        };
        ring.write_at(0, &vec![fill; ring.size() as usize]);
        ring
    }

    pub fn size(&self) -> u64 {
        u64::from(FRAME) * u64::from(self.slots + 1)
    }

    pub fn window(&self, access: Access) -> Window<'_> {
        Window {
            file: self.file.as_fd(),
            offset: u64::from(FRAME),
            stride: FRAME,
            slots: self.slots,
            bytes: FRAME,
            access,
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) {
        assert_eq!(
            rustix::io::pwrite(&self.file, bytes, offset).unwrap(),
            bytes.len()
        );
    }

    pub fn slot_offset(slot: u32) -> u64 {
        u64::from(FRAME) * u64::from(slot + 1)
    }

    /// Writes through the file, as another process would.
    pub fn put(&self, slot: u32, value: u32) {
        self.write_at(Self::slot_offset(slot), &value.to_le_bytes());
    }

    pub fn get(&self, slot: u32) -> u32 {
        let mut bytes = [0; 4];
        rustix::io::pread(&self.file, &mut bytes, Self::slot_offset(slot)).unwrap();
        u32::from_le_bytes(bytes)
    }
}

impl Ring {
    /// Every byte of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.size() as usize];
        rustix::io::pread(&self.file, &mut bytes[..], 0).unwrap();
        bytes
    }

    pub fn truncate(&self, size: u64) {
        rustix::fs::ftruncate(&self.file, size).unwrap();
    }
}

fn array(name: &str) -> Array {
    Array {
        name: name.to_owned(),
        alias: name.to_owned(),
        array: ArrayType {
            dtype: Dtype::U8,
            shape: vec![FRAME],
        },
    }
}

/// One trigger input and one output.
pub fn context() -> Context {
    Context {
        name: "stage".to_owned(),
        kind: "test.kernel".to_owned(),
        part: Part::WHOLE,
        trigger_inputs: vec![array("in")],
        auxiliary_inputs: vec![],
        outputs: vec![array("out")],
        state: vec![],
        operation: None,
        parameters: "{}".to_owned(),
    }
}

/// A stage's rings and its program.
pub struct Stage {
    pub program: Program,
    pub limits: Limits,
    pub input: Ring,
    pub output: Ring,
}

impl Stage {
    pub fn new(text: &str) -> Stage {
        Stage::on(&engine(), text)
    }

    pub fn on(engine: &Engine, text: &str) -> Stage {
        let limits = Limits::default();
        Stage::with(
            engine
                .load(text.as_bytes(), &limits, crate::ISOLATION)
                .unwrap(),
            limits,
        )
    }

    pub fn with(program: Program, limits: Limits) -> Stage {
        Stage {
            program,
            limits,
            input: Ring::new(0x11),
            output: Ring::new(0),
        }
    }

    pub fn open(&self) -> Result<Instance, Fault> {
        let windows = [
            self.input.window(Access::Read),
            self.output.window(Access::Write),
        ];
        self.program.open(&context(), &windows, &self.limits)
    }
}

/// Runs another test of this file with the environment variable `child` set, and expects it to pass.
pub fn in_a_process_of_its_own(test: &str, child: &str) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(child, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}
