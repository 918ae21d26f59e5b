//! How a command fails: the text on standard error and the exit code.

use std::process::ExitCode;

use super::output;
use crate::config::Report;

/// Why a command did not do what it was asked.
pub(super) enum CommandError {
    /// The configuration is wrong; nothing was created.
    Configuration(Report),
    /// An argument or a file named by one is wrong; nothing was created.
    Argument(anyhow::Error),
    /// It failed while running.
    Running(anyhow::Error),
}

/// Exit code of wrong arguments and configurations.
pub(super) const WRONG: u8 = 2;
/// Exit code of a run that failed.
pub(super) const FAILED: u8 = 1;

impl CommandError {
    /// Prints the error and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Configuration(report) => {
                output::report(&report);
                ExitCode::from(WRONG)
            }
            Self::Argument(error) => {
                output::error(&format!("error: {error:#}\n"));
                ExitCode::from(WRONG)
            }
            Self::Running(error) => {
                // A reader that has gone away wants no more output: that is success.
                if output::is_broken_pipe(&error) {
                    return ExitCode::SUCCESS;
                }
                match error.downcast_ref() {
                    // What the system refuses is shown where the pipeline asks for it.
                    Some(report) => output::report(report),
                    None => output::error(&format!("error: {error:#}\n")),
                }
                ExitCode::from(FAILED)
            }
        }
    }
}

impl From<Report> for CommandError {
    fn from(report: Report) -> Self {
        Self::Configuration(report)
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::Running(error.into())
    }
}
