//! The command `sandpipe`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandpipe::sandbox::enter();
    sandpipe::cli::main()
}
