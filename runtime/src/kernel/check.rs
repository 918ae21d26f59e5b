//! The manifest of each stage's kernel against the stage. Nothing is compiled and nothing of the kernel runs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use crate::array::Dtype;
use crate::config::{
    Config, Diagnostic, Diagnostics, Located, Report, Role, Span, StageConfig, StreamIndex,
};

use super::manifest::Manifest;
use super::module::Kernel;
use super::registry::Registry;
use super::state::{StateArray, state_arrays};
use super::{KernelError, parameters};

/// A stage with the kernel that it runs.
#[derive(Clone, Debug)]
pub struct ResolvedStage {
    /// Its index in [`Config::stages`].
    pub stage: usize,
    /// Its kernel.
    pub kernel: Arc<Kernel>,
    /// The arrays that the kernel keeps, in the order of its manifest.
    pub state: Vec<StateArray>,
}

/// Finds the kernel of every stage and checks that it fits: arity, storage, dtypes, parameters, digest.
///
/// # Errors
/// All that does not fit.
pub fn check(config: &Config, registry: &Registry) -> Result<Vec<ResolvedStage>, Report> {
    let mut diagnostics = Diagnostics::default();
    let mut modules = Modules::default();
    let mut resolved = Vec::with_capacity(config.stages.len());
    for (index, stage) in config.stages.iter().enumerate() {
        let Some(kernel) = find(stage, registry, &mut modules, &mut diagnostics) else {
            continue;
        };
        let before = diagnostics.found();
        check_digest(stage, &kernel, &mut diagnostics);
        check_arity(stage, &kernel, &mut diagnostics);
        check_streams(config, stage, &kernel, &mut diagnostics);
        parameters::check(stage, &kernel.manifest, &mut diagnostics);
        check_split(config, stage, &kernel.manifest, &mut diagnostics);
        if diagnostics.found() == before {
            let state = state(config, stage, &kernel, &mut diagnostics);
            resolved.push(ResolvedStage {
                stage: index,
                kernel,
                state,
            });
        }
    }
    diagnostics
        .finish(resolved)
        .map_err(|diagnostics| config.report(diagnostics))
}

/// The modules that stages name by file, each read once.
type Modules<'c> = HashMap<&'c Path, Result<Arc<Kernel>, KernelError>>;

fn find<'c>(
    stage: &'c StageConfig,
    registry: &Registry,
    modules: &mut Modules<'c>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Kernel>> {
    let Some(path) = &stage.module else {
        return find_kind(stage, stage.kind.as_ref()?, registry, diagnostics);
    };
    let read = modules
        .entry(&path.value)
        .or_insert_with(|| Kernel::read(&path.value).map(Arc::new));
    let kernel = match read {
        Ok(kernel) => kernel.clone(),
        Err(error) => {
            diagnostics.push(Diagnostic::at(path.span, error.to_string()));
            return None;
        }
    };
    if let Some(kind) = stage
        .kind
        .as_ref()
        .filter(|kind| !kernel.manifest.is_called(kind))
    {
        diagnostics.push(
            Diagnostic::at(
                kind.span,
                format!(
                    "the module {} of {} has the kind '{}', not '{}'",
                    kernel.origin,
                    stage.called(),
                    kernel.manifest.kind,
                    kind.value
                ),
            )
            .help("with 'module', 'kind' can be left out"),
        );
        return None;
    }
    Some(kernel)
}

fn find_kind(
    stage: &StageConfig,
    kind: &Located<String>,
    registry: &Registry,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Kernel>> {
    if let Some(kernel) = registry.find(kind) {
        return Some(kernel.clone());
    }
    let (why, instead) = registry.absence(kind, stage.role);
    let message = format!("{} has {why}", stage.called());
    diagnostics.push(Diagnostic::at(kind.span, message).help(instead));
    None
}

fn check_digest(stage: &StageConfig, kernel: &Kernel, diagnostics: &mut Diagnostics) {
    if let Some(pinned) = stage.sha256.filter(|pinned| pinned.value != kernel.sha256) {
        diagnostics.push(
            Diagnostic::at(
                pinned.span,
                format!(
                    "the module of {} is not the one that 'sha256' pins",
                    stage.called()
                ),
            )
            .help(format!(
                "the SHA-256 of the module is {}",
                kernel.sha256_hex()
            )),
        );
    }
}

fn check_arity(stage: &StageConfig, kernel: &Kernel, diagnostics: &mut Diagnostics) {
    let manifest = &kernel.manifest;
    let spans =
        |streams: &[Located<StreamIndex>]| streams.iter().map(|stream| stream.span).collect();
    let auxiliary = stage
        .auxiliary
        .iter()
        .map(|entry| entry.stream.span)
        .collect();
    let parts: [(&str, Option<u32>, Vec<Span>); 3] = [
        ("trigger input", manifest.input_arity, spans(&stage.trigger)),
        ("auxiliary", manifest.auxiliary_arity, auxiliary),
        ("output", manifest.output_arity, spans(&stage.outputs)),
    ];
    for (part, arity, given) in parts {
        let Some(expected) = arity
            .map(|arity| arity as usize)
            .filter(|&arity| arity != given.len())
        else {
            continue;
        };
        // The first that is too many, or the last before the one that is missing.
        let span = given.get(expected).or(given.last()).copied();
        let streams = if expected == 1 { "stream" } else { "streams" };
        let diagnostic = Diagnostic::at(
            span.unwrap_or(place(stage)),
            format!(
                "kernel kind '{}' expects {expected} {part} {streams}, got {}",
                manifest.kind,
                given.len()
            ),
        );
        diagnostics.push(match (stage.role, part) {
            (Role::Source, "trigger input") => diagnostic.help(
                "a source has none; a kernel that computes from frames stands under 'kernels'",
            ),
            (Role::Sink, "output") if given.is_empty() => {
                diagnostic.help("name the streams that it publishes on under 'outputs'")
            }
            _ => diagnostic,
        });
    }
}

/// Where to mark what is wrong with a stage and its kernel together.
pub(super) fn place(stage: &StageConfig) -> Span {
    match (&stage.kind, &stage.module) {
        (Some(kind), _) => kind.span,
        (None, Some(module)) => module.span,
        (None, None) => stage.span,
    }
}

fn check_streams(
    config: &Config,
    stage: &StageConfig,
    kernel: &Kernel,
    diagnostics: &mut Diagnostics,
) {
    let (manifest, called) = (&kernel.manifest, stage.called());
    let auxiliary = stage.auxiliary.iter().map(|entry| &entry.stream);
    for used in stage.trigger.iter().chain(auxiliary).chain(&stage.outputs) {
        let stream = config.stream(used.value);
        if stream.storage.value != manifest.storage {
            let storage = manifest.storage.name();
            diagnostics.push(
                Diagnostic::at(
                    used.span,
                    format!(
                        "{called} of kind '{}' requires {storage} shared memory for '{}'",
                        manifest.kind, stream.name.value
                    ),
                )
                .help(format!(
                    "set 'storage: {storage}' in line {}",
                    stream.storage.span.line
                )),
            );
        }
        if let Some(dtypes) = &manifest.dtypes
            && !manifest.takes(stream.array.dtype)
        {
            let dtypes: Vec<&str> = dtypes.iter().copied().map(Dtype::numpy_name).collect();
            diagnostics.push(
                Diagnostic::at(
                    used.span,
                    format!(
                        "{called} of kind '{}' cannot use '{}', whose dtype is {}",
                        manifest.kind, stream.name.value, stream.array.dtype
                    ),
                )
                .help(format!(
                    "it takes {}; the dtype is set in line {}",
                    dtypes.join(", "),
                    stream.dtype_span.line
                )),
            );
        }
    }
}

/// Whether a frame can be divided among as many instances as the stage wants.
fn check_split(
    config: &Config,
    stage: &StageConfig,
    manifest: &Manifest,
    diagnostics: &mut Diagnostics,
) {
    let wanted = stage.instances;
    if wanted.value == 1 {
        return;
    }
    let (name, kind) = (&stage.name.value, &manifest.kind);
    let rows = |stream: &Located<StreamIndex>| {
        let shape = &config.stream(stream.value).array.shape;
        shape.first().copied().unwrap_or(1)
    };
    let fewest = stage.outputs.iter().map(rows).min().unwrap_or(1);
    let (why, instead) = if manifest.split.is_none() {
        let why = "its manifest does not say \"split\": \"rows\"".to_owned();
        (why, "use 'instances: 1'".to_owned())
    } else if !manifest.state.is_empty() {
        let why = "it keeps state between frames, which one instance has to compute".to_owned();
        (why, "use 'instances: 1'".to_owned())
    } else if wanted.value > fewest {
        let rows = if fewest == 1 { "row" } else { "rows" };
        let why = format!("its output has only {fewest} {rows}");
        (why, format!("use at most 'instances: {fewest}'"))
    } else {
        return;
    };
    let message = format!(
        "kernel '{name}' of kind '{kind}' cannot be split among {} instances: {why}",
        wanted.value
    );
    diagnostics.push(Diagnostic::at(wanted.span, message).help(instead));
}

/// The arrays of state; a manifest whose arity is open may name a stream that this stage has not.
fn state(
    config: &Config,
    stage: &StageConfig,
    kernel: &Kernel,
    diagnostics: &mut Diagnostics,
) -> Vec<StateArray> {
    let array = |stream: StreamIndex| &config.stream(stream).array;
    let inputs: Vec<_> = stage
        .trigger
        .iter()
        .map(|stream| array(stream.value))
        .collect();
    let auxiliary: Vec<_> = stage
        .auxiliary
        .iter()
        .map(|entry| array(entry.stream.value))
        .collect();
    let outputs: Vec<_> = stage
        .outputs
        .iter()
        .map(|stream| array(stream.value))
        .collect();
    state_arrays(&kernel.manifest, &inputs, &auxiliary, &outputs).unwrap_or_else(|error| {
        let message = format!("{} {error}", stage.called());
        diagnostics.push(Diagnostic::at(place(stage), message));
        Vec::new()
    })
}
