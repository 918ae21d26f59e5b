//! The command `sandpipe`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandpipe::cli::main()
}
