//! The command line: one file a command.
//!
//! Machine output goes to standard output alone, logs and progress to standard error. Exit codes: 0 done, 1
//! failed while running, 2 wrong arguments or configuration, 130 interrupted.

mod bench;
mod describe;
mod error;
mod kernel;
mod output;
mod record;
mod replay;
mod result_file;
mod run;
mod sandbox;
mod signals;
mod stream;
mod validate;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::LevelFilter;

const EXAMPLES: &str = "\
Examples:
  sandpipe run configs/observatory_ao/pipeline.yaml --duration 5s
  sandpipe record pipeline.yaml -o run.mcap --duration 30s
  sandpipe replay run.mcap pipeline.yaml --verify
  sandpipe bench configs/observatory_ao/pipeline.yaml
  sandpipe validate pipeline.yaml
  sandpipe describe pipeline.yaml --format mermaid
  sandpipe kernel run cpu.scale --param factor=2 --input in.npy --output out.npy
  sandpipe stream read wfs_image -o frame.npy";

/// Runs untrusted WebAssembly kernels on zero-copy shared-memory streams.
#[derive(Parser)]
#[command(name = "sandpipe", version, after_help = EXAMPLES, max_term_width = 100)]
struct Arguments {
    /// Least severe messages to show on standard error.
    #[arg(long, global = true, value_enum, default_value = "warn")]
    log_level: LogLevel,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Validate(validate::Validate),
    Describe(describe::Describe),
    Run(run::Run),
    Record(record::Record),
    Replay(replay::Replay),
    Bench(bench::Bench),
    #[command(subcommand)]
    Kernel(kernel::Kernel),
    #[command(subcommand)]
    Stream(stream::Stream),
}

#[derive(Clone, Copy, ValueEnum)]
enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no errors; where they cannot be printed, nobody reads them.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    log_to_stderr(arguments.log_level);
    survive_the_file_size_limit();
    let result = match arguments.command {
        Command::Validate(command) => command.run(),
        Command::Describe(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Record(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Bench(command) => command.run(started),
        Command::Kernel(command) => command.run(),
        Command::Stream(command) => command.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => error.report(),
    }
}

/// Has a file that grows beyond `ulimit -f` be an error of the write, like a full disk, rather than the end of the process.
fn survive_the_file_size_limit() {
    // Should this be refused, the process ends as any other would.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
}

fn log_to_stderr(level: LogLevel) {
    let filter = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_writer(|| output::Messages)
        .with_ansi(output::stderr_takes_colour())
        .with_target(false)
        .without_time()
        .init();
}
