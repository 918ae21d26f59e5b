//! `sandpipe kernel inspect`: what a module is and what it may do.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::cli::error::CommandError;
use crate::cli::sandbox::SandboxArguments;
use crate::cli::{Format, output};
use crate::kernel::Kernel;
use crate::sandbox::{Facts, Isolation, Limits, Program};

/// Shows a kernel's manifest, imports, exports, memory and digest, and what it may do. Runs nothing of it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  sandpipe kernel inspect cpu.affine_transform
  sandpipe kernel inspect my_kernel.wasm --format json")]
pub(in crate::cli) struct Inspect {
    /// A built-in kind, or the file of a module.
    #[arg(value_name = "KIND_OR_FILE")]
    kernel: String,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl Inspect {
    pub(in crate::cli) fn run(self) -> Result<ExitCode, CommandError> {
        let kernel = super::find(&self.kernel)?;
        let engine = SandboxArguments::default().engine()?;
        let program = engine
            .load(&kernel.module, &Limits::default(), Isolation::Thread)
            .with_context(|| format!("the kernel '{}' cannot be loaded", self.kernel))
            .map_err(CommandError::Argument)?;
        match self.format {
            Format::Text => output::result(&text(&kernel, &program))?,
            Format::Json => output::json(&object(&kernel, &program))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An arity as people say it.
fn arity(arity: Option<u32>) -> String {
    arity.map_or("any number".to_owned(), |arity| arity.to_string())
}

/// What the module may do with the outside world, in sentences.
fn powers(facts: &Facts) -> Vec<&'static str> {
    let imports = |name: &str| facts.imports.iter().any(|import| import.starts_with(name));
    let mut powers = vec!["read its inputs and write its outputs"];
    if imports("sandpipe:kernel/log") {
        powers.push("log bounded, rate-limited messages");
    }
    if imports("wasi_snapshot_preview1") {
        powers.push("call WASI, all of which is denied");
    }
    powers
}

fn text(kernel: &Kernel, program: &Program) -> String {
    let manifest = &kernel.manifest;
    let facts = program.facts();
    let mut text = format!(
        "{}  {}\n",
        manifest.kind,
        manifest.version.as_deref().unwrap_or_default()
    );
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<12}{value}");
    };
    if let Some(summary) = &manifest.summary {
        line("summary", summary.clone());
    }
    if let Some(language) = &manifest.language {
        line("language", language.clone());
    }
    line("origin", kernel.origin.to_string());
    line("world", program.world().name().to_owned());
    line(
        "inputs",
        format!(
            "{} to trigger, {} auxiliary",
            arity(manifest.input_arity),
            arity(manifest.auxiliary_arity)
        ),
    );
    line("outputs", arity(manifest.output_arity));
    line("storage", manifest.storage.name().to_owned());
    if let Some(dtypes) = &manifest.dtypes {
        let names: Vec<&str> = dtypes.iter().map(|dtype| dtype.numpy_name()).collect();
        line("dtypes", names.join(", "));
    }
    for name in manifest.parameters.names() {
        let description = manifest.parameters.description(name).unwrap_or_default();
        line("parameter", format!("{name}: {description}"));
    }
    for state in &manifest.state {
        line("state", state.alias.clone());
    }
    line(
        "size",
        format!(
            "{} bytes, {} functions",
            kernel.module.len(),
            facts.functions
        ),
    );
    for memory in &facts.memories {
        let maximum = memory.maximum.map_or("its limit".to_owned(), |maximum| {
            format!("{} KiB", maximum >> 10)
        });
        line(
            "memory",
            format!("{} KiB, growing to {maximum}", memory.initial >> 10),
        );
    }
    line("sha256", kernel.sha256_hex());
    for import in &facts.imports {
        line("import", import.clone());
    }
    for export in &facts.exports {
        line("export", export.clone());
    }
    line("may", powers(facts).join("; "));
    line(
        "may not",
        "anything else: no files, network, clock, threads, randomness or other stages' memory"
            .to_owned(),
    );
    text
}

fn object(kernel: &Kernel, program: &Program) -> Value {
    let manifest = &kernel.manifest;
    let facts = program.facts();
    json!({
        "kind": manifest.kind,
        "aliases": manifest.aliases,
        "version": manifest.version,
        "summary": manifest.summary,
        "language": manifest.language,
        "origin": kernel.origin.to_string(),
        "world": program.world().name(),
        "storage": manifest.storage.name(),
        "input_arity": manifest.input_arity,
        "auxiliary_arity": manifest.auxiliary_arity,
        "output_arity": manifest.output_arity,
        "dtypes": manifest.dtypes.as_ref().map(|dtypes| dtypes.iter().map(|dtype| dtype.numpy_name()).collect::<Vec<_>>()),
        "parameters": manifest.parameters.source(),
        "state": manifest.state.iter().map(|state| state.alias.as_str()).collect::<Vec<_>>(),
        "bytes": kernel.module.len(),
        "functions": facts.functions,
        "memories": facts.memories.iter().map(|memory| json!({
            "initial_bytes": memory.initial,
            "maximum_bytes": memory.maximum,
        })).collect::<Vec<_>>(),
        "sha256": kernel.sha256_hex(),
        "imports": facts.imports,
        "exports": facts.exports,
        "may": powers(facts),
    })
}
