//! A stage with one input and one output, for kernels that are run.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use sandpipe::array::{ArrayType, Dtype};
use sandpipe::sandbox::{
    Access, Array, CacheDirectory, Context, Engine, EngineOptions, Instance, Isolation, Limits,
    Part, Program, Window,
};

const PAGE: u32 = 4096;
const SLOTS: u32 = 3;

/// The frame of kernels in the sandbox's tests: lines marked `;; @name` are places for more.
const KERNEL: &str = include_str!("../../runtime/tests/sandbox/kernel.wat");

pub const LIMITS: Limits = Limits {
    memory: 4 << 20,
    deadline: Duration::from_millis(5),
    startup: Duration::from_millis(20),
    log_rate: 10,
};

/// The kernel with bodies in some of its places.
pub fn kernel(parts: &[(&str, &str)]) -> String {
    let mut text = KERNEL.to_owned();
    for (name, body) in parts {
        text = text.replace(&format!(";; @{name}\n"), &format!("{body}\n"));
    }
    text
}

pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        Engine::new(EngineOptions {
            cache: CacheDirectory::None,
            compile_time: Duration::from_secs(20),
            ..EngineOptions::default()
        })
        .expect("this machine can run kernels")
    })
}

/// Slots behind a page that no kernel sees.
struct Ring(OwnedFd);

impl Ring {
    fn new(fill: u8) -> Ring {
        let file = memfd_create("ring", MemfdFlags::CLOEXEC).expect("there is memory");
        let bytes = vec![fill; (PAGE * (SLOTS + 1)) as usize];
        rustix::io::pwrite(&file, &bytes, 0).expect("there is memory");
        Ring(file)
    }

    fn window(&self, access: Access) -> Window<'_> {
        Window {
            file: self.0.as_fd(),
            offset: PAGE.into(),
            stride: PAGE,
            slots: SLOTS,
            bytes: PAGE,
            access,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; (PAGE * (SLOTS + 1)) as usize];
        rustix::io::pread(&self.0, &mut bytes[..], 0).expect("the file is there");
        bytes
    }
}

fn array(name: &str) -> Array {
    Array {
        name: name.to_owned(),
        alias: name.to_owned(),
        array: ArrayType {
            dtype: Dtype::U8,
            shape: vec![PAGE],
        },
    }
}

fn context() -> Context {
    Context {
        name: "stage".to_owned(),
        kind: "fuzz.kernel".to_owned(),
        part: Part::WHOLE,
        trigger_inputs: vec![array("in")],
        auxiliary_inputs: vec![],
        outputs: vec![array("out")],
        state: vec![],
        operation: None,
        parameters: "{}".to_owned(),
    }
}

/// Runs a program as a stage; afterwards its input is what it was, no byte that it could not see has changed, and a healthy
/// stage on the same input works.
pub fn run(program: &Program) {
    let (input, output) = (Ring::new(0x11), Ring::new(0x22));
    let before = input.bytes();
    let windows = [input.window(Access::Read), output.window(Access::Write)];
    let context = context();
    let _ = program.validate_config(&context, &LIMITS);
    if let Ok(mut instance) = program.open(&context, &windows, &LIMITS) {
        for frame_id in 0..3 {
            if instance.compute_into(frame_id, &[0, 1]).is_err() && instance.is_dead() {
                break;
            }
        }
    }
    assert!(input.bytes() == before, "the input has changed");
    assert!(
        output.bytes()[..PAGE as usize] == [0x22; PAGE as usize],
        "a page outside the window has changed"
    );
    healthy(&input);
}

/// Adds 1 to the first number of a frame of `input`.
fn healthy(input: &Ring) {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    static NEIGHBOUR: Mutex<Option<(Ring, Instance)>> = Mutex::new(None);
    let program = PROGRAM.get_or_init(|| {
        let loaded = engine().load(
            kernel(&[]).as_bytes(),
            &Limits::default(),
            Isolation::Thread,
        );
        loaded.expect("the kernel of the tests is one")
    });
    let output = Ring::new(0);
    let windows = [input.window(Access::Read), output.window(Access::Write)];
    let open = || {
        let opened = program.open(&context(), &windows, &Limits::default());
        opened.expect("a healthy kernel opens")
    };
    open()
        .compute_into(0, &[0, 0])
        .expect("a healthy kernel computes");
    assert_eq!(
        output.bytes()[PAGE as usize..][..4],
        [0x12, 0x11, 0x11, 0x11]
    );
    // And one that was there before.
    let mut neighbour = NEIGHBOUR.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, instance) = neighbour.get_or_insert_with(|| {
        let output = Ring::new(0);
        let windows = [output.window(Access::Read), output.window(Access::Write)];
        let instance = program.open(&context(), &windows, &Limits::default());
        (output, instance.expect("a healthy kernel opens"))
    });
    instance
        .compute_into(0, &[0, 0])
        .expect("a neighbour goes on");
}
