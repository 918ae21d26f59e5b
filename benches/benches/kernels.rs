//! Every built-in kernel on the same frames: sandboxed with its deadline armed, as the same Rust built natively for AVX2, and by NumPy
//! on one thread where NumPy has it. With `-- --write` the table goes into benches/README.md.
//!
//! The three take turns, in rounds of a millisecond or so, and the fastest round of each counts: what else the machine does falls on
//! all alike, or on none. The last two are programs of their own, because instructions are chosen for all of a build.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use sandpipe::pipeline::Solo;
use sandpipe_benches::{Case, cases, engine};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Gives the time of one of so many calls; `None` where there is no such kernel.
type Timer = Box<dyn FnMut(u32) -> Outcome<Option<Duration>>>;

const ROUNDS: usize = 101;
const ROUND: Duration = Duration::from_millis(1);

fn main() -> Outcome<()> {
    let benches = Path::new(env!("CARGO_MANIFEST_DIR"));
    let native = build_native(benches)?;
    let numpy = benches.join("kernels/timed.py");
    let engine = engine();
    let mut table = vec![
        "| kernel | sandboxed µs | native AVX2 µs | ratio | NumPy µs | ratio |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    eprintln!("\n{}", table.join("\n"));
    for (name, case) in cases() {
        let [sandboxed, native, numpy] = fastest([
            sandboxed(case.wasm(&engine)),
            program(&mut Command::new(&native), &case)?,
            program(Command::new("python3").arg(&numpy), &case)?,
        ])?;
        let beside = |other: f64| match other.is_finite() {
            true => format!("{other:.2} | {:.2}", sandboxed / other),
            false => "– | –".to_owned(),
        };
        let row = format!(
            "| {name} | {sandboxed:.2} | {} | {} |",
            beside(native),
            beside(numpy)
        );
        eprintln!("{row}");
        table.push(row);
    }
    if env::args().any(|argument| argument == "--write") {
        write(&benches.join("README.md"), &table.join("\n"))?;
    }
    Ok(())
}

/// Builds the native kernels beside this build, which knows nothing of AVX2, and without the engine.
fn build_native(benches: &Path) -> Outcome<PathBuf> {
    let root = benches.join("..");
    let target = root.join("target/native");
    let status = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(["build", "--release", "--locked", "--quiet"])
        .args(["--package", "sandpipe-kernels-native", "--target-dir"])
        .arg(&target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-cpu=x86-64-v3")
        .status()?;
    if !status.success() {
        return Err("the native kernels cannot be built".into());
    }
    Ok(target.join("release/sandpipe-kernels-native"))
}

/// The fastest round of each, in microseconds a call; infinity where there is no such kernel.
fn fastest(mut timers: [Timer; 3]) -> Outcome<[f64; 3]> {
    // Also warms up.
    let once = timers[0](3)?.ok_or("there is no such kernel")?;
    let calls = (ROUND.as_nanos() / once.as_nanos().max(100)).clamp(1, 10_000) as u32;
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        for (timer, best) in timers.iter_mut().zip(&mut best) {
            // What the others have put into the caches is not counted.
            timer(1)?;
            if let Some(time) = timer(calls)? {
                *best = best.min(time.as_secs_f64() * 1e6);
            }
        }
    }
    Ok(best)
}

fn sandboxed(mut kernel: Solo) -> Timer {
    Box::new(move |calls| {
        let start = Instant::now();
        for frame_id in 0..calls {
            kernel.compute(u64::from(frame_id))?;
        }
        Ok(Some(start.elapsed() / calls))
    })
}

/// A program that times its kernel: it is asked by lines with a number of calls, and answers with the nanoseconds that they took.
struct Program {
    child: Child,
    answers: BufReader<ChildStdout>,
}

fn program(command: &mut Command, case: &Case) -> Outcome<Timer> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    case.send(child.stdin.as_mut().ok_or("the program has no input")?)?;
    let answers = BufReader::new(child.stdout.take().ok_or("the program has no output")?);
    let mut program = Program { child, answers };
    Ok(Box::new(move |calls| program.time(calls)))
}

impl Program {
    fn time(&mut self, calls: u32) -> Outcome<Option<Duration>> {
        if let Some(requests) = &mut self.child.stdin {
            // It may have ended, and will then not answer.
            let _ = writeln!(requests, "{calls}");
        }
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if !answer.is_empty() {
            return Ok(Some(Duration::from_nanos(answer.trim().parse()?) / calls));
        }
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("a program that times a kernel ended with {status}").into());
        }
        Ok(None)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Waiting closes its input, with which it ends.
        let _ = self.child.wait();
    }
}

/// Puts the table between its marks.
fn write(readme: &Path, table: &str) -> Outcome<()> {
    let [begin, end] = ["<!-- kernels -->\n", "<!-- /kernels -->"];
    let text = fs::read_to_string(readme)?;
    let (before, rest) = text.split_once(begin).ok_or("no mark")?;
    let (_, after) = rest.split_once(end).ok_or("no mark of the end")?;
    Ok(fs::write(
        readme,
        format!("{before}{begin}{table}\n{end}{after}"),
    )?)
}
