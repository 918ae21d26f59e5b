//! `sandpipe kernel run --quarantined`: repeats the call that made a stage fault.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::cli::error::{CommandError, FAILED};
use crate::cli::output;
use crate::cli::sandbox::SandboxArguments;
use crate::kernel::Kernel;
use crate::pipeline::{Record, Solo};
use crate::sandbox::{Digest, Limits};

/// A record may say anything; nobody waits longer.
const LONGEST: Duration = Duration::from_secs(3600);
/// All that a guest can address.
const MOST_MEMORY: u64 = 4 << 30;

/// Exit code 1: the kernel faulted again; 0: it did not.
pub(super) fn run(directory: &Path, module: Option<&Path>) -> Result<ExitCode, CommandError> {
    let (record, arrays) = Record::read(directory).map_err(CommandError::Argument)?;
    let kernel = kernel(&record, module)?;
    let limits = Limits {
        memory: record.limits.memory.min(MOST_MEMORY),
        deadline: record.limits.deadline.min(LONGEST),
        startup: record.limits.startup.min(LONGEST),
        ..record.limits
    };
    let context = &record.context;
    let program = SandboxArguments::default()
        .engine()?
        .load(&kernel.module, &limits, record.isolation)
        .context("the kernel cannot be loaded")
        .map_err(CommandError::Argument)?;
    program.validate_config(context, &limits).map_err(|fault| {
        CommandError::Argument(anyhow!("the kernel refuses the record: {fault}"))
    })?;
    let mut solo = Solo::open(&program, context, &limits).map_err(CommandError::Running)?;
    let inputs = context.trigger_inputs.len() + context.auxiliary_inputs.len();
    for (index, array) in arrays.iter().enumerate() {
        match index.checked_sub(inputs) {
            None => solo.set_input(index, array),
            Some(state) => solo.set_state(state, array),
        }
        .map_err(CommandError::Running)?;
    }
    let Err(fault) = solo.compute(record.frame_id) else {
        let cause = record.cause.escape_debug();
        output::result(&format!("the fault ({cause}) did not recur\n"))?;
        return Ok(ExitCode::SUCCESS);
    };
    let cause = fault.cause.name();
    let verdict = if cause == record.cause {
        "the same fault".to_owned()
    } else {
        format!(
            "another fault than the recorded one, {}",
            record.cause.escape_debug()
        )
    };
    output::result(&format!("{verdict}: {cause}: {fault}\n"))?;
    Ok(ExitCode::from(FAILED))
}

/// The kernel of the record, whose digest must be the recorded one.
fn kernel(record: &Record, module: Option<&Path>) -> Result<Arc<Kernel>, CommandError> {
    let kernel = match module.or(record.module.as_deref()) {
        Some(path) => {
            let kernel =
                Kernel::read(path).map_err(|error| CommandError::Argument(error.into()))?;
            Arc::new(kernel)
        }
        None => super::find(&record.context.kind)?,
    };
    let found = Digest(kernel.sha256).to_string();
    if found != record.sha256 {
        return Err(CommandError::Argument(anyhow!(
            "the module is not the one that faulted: its SHA-256 is {found}, but the record has {}\n  \
             name the right one with --module FILE",
            record.sha256.escape_debug()
        )));
    }
    Ok(kernel)
}
