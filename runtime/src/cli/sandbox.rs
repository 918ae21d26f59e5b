//! The sandbox of the commands that load kernels, and what can be chosen about it.

use clap::{Args, ValueEnum};

use super::error::CommandError;
use crate::language;
use crate::sandbox::{Confinement, Engine, EngineOptions, Nans};

#[derive(Args, Default)]
pub(super) struct SandboxArguments {
    /// How much of what confines the processes of `isolation: process` this machine must offer: all of it, or what there is.
    #[arg(long, value_enum, default_value = "full")]
    confinement: ConfinementArgument,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum ConfinementArgument {
    #[default]
    Full,
    Available,
}

impl SandboxArguments {
    /// The sandbox, with the user's cache of compiled code.
    pub(super) fn engine(&self) -> Result<Engine, CommandError> {
        self.engine_with(Nans::Any)
    }

    /// The same, for kernels that compute such NaNs.
    pub(super) fn engine_with(&self, nans: Nans) -> Result<Engine, CommandError> {
        let options = EngineOptions {
            // This very program, even if its file has been replaced meanwhile.
            helper: Some("/proc/self/exe".into()),
            confinement: match self.confinement {
                ConfinementArgument::Full => Confinement::Full,
                ConfinementArgument::Available => Confinement::Available,
            },
            nans,
            adviser: language::adviser,
            ..EngineOptions::default()
        };
        Engine::new(options).map_err(|error| CommandError::Running(error.into()))
    }
}
