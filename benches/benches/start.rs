//! From the start of the command to its first output frame, seen from outside: five stages on 64 numbers, with their kernels
//! compiled before and with nothing compiled yet.
//!
//! `cargo bench -p sandpipe-benches --bench start`

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a bench that cannot run has to say so"
)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, criterion_group};
use rustix::process::{Pid, Signal, kill_process};
use sandpipe::stream;

const PIPELINE: &str = include_str!("../parent/mixed.yaml");
/// The first and the last of its streams.
const INPUT: &str = "mixed_input";
const OUTPUT: &str = "mixed_clipped";
/// How often to look whether the first frame is there.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(60);

fn start(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let namespace = format!("sandpipe-bench.{}", std::process::id());
    let pipeline = folder.path().join("pipeline.yaml");
    fs::write(&pipeline, format!("namespace: {namespace}\n{PIPELINE}")).unwrap();
    let output = format!("{namespace}.{OUTPUT}");
    let mut group = criterion.benchmark_group("start/five stages to their first frame");
    group.sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_secs(10));
    let cache = folder.path().join("cache");
    group.bench_function("compiled before", |bencher| {
        first_frame(&pipeline, &output, &cache);
        bencher.iter_custom(|count| {
            (0..count)
                .map(|_| first_frame(&pipeline, &output, &cache))
                .sum()
        });
    });
    group.sample_size(10);
    group.bench_function("nothing compiled yet", |bencher| {
        let cold = |_| {
            let cache = tempfile::tempdir().unwrap();
            first_frame(&pipeline, &output, cache.path())
        };
        bencher.iter_custom(|count| (0..count).map(cold).sum());
    });
    group.finish();
}

/// How long one run takes to publish its first output frame. The run is ended after it.
fn first_frame(pipeline: &Path, output: &str, cache: &Path) -> Duration {
    let start = Instant::now();
    let mut run = command(pipeline, cache);
    let published = || {
        let ring = stream::info(output).ok().and_then(|info| info.ring);
        ring.is_some_and(|ring| ring.published > 0)
    };
    while !published() {
        if start.elapsed() > PATIENCE {
            panic!("there is no frame after {PATIENCE:?}");
        }
        assert!(run.try_wait().unwrap().is_none(), "the run has ended");
        sleep(LOOK);
    }
    let elapsed = start.elapsed();
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    run.wait().unwrap();
    elapsed
}

/// The command `sandpipe run`, which this program is when it is started with arguments of that.
fn command(pipeline: &Path, cache: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .arg("run")
        .arg(pipeline)
        .args(["--source", &format!("{INPUT}:constant:1000")])
        .env("XDG_CACHE_HOME", cache)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

criterion_group!(benches, start);

fn main() -> ExitCode {
    sandpipe::sandbox::enter();
    if env::args().nth(1).is_some_and(|first| first == "run") {
        return sandpipe::cli::main();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
    ExitCode::SUCCESS
}
