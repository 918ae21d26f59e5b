//! A plan: a pipeline in which everything has been checked that can be checked before anything is created.

use std::path::Path;

use crate::config::{self, Config, Diagnostic, Report, SourceConfig, Span};
use crate::endpoint::{self, PlannedSink, PlannedSource, SourceSpec};
use crate::kernel::{self, Registry, ResolvedStage};
use crate::sandbox::{
    Array, Context, Engine, Interruption, Isolation, Limits, Part, Program, World,
};

use super::graph::Graph;
use super::lanes::{Lane, assign};
use super::load::{Wanted, load};
use super::realtime::{self, available};
use super::spec;

/// One stage, checked and compiled.
pub struct PlannedStage {
    /// The kernel and where it was found.
    pub resolved: ResolvedStage,
    /// Its compiled module.
    pub program: Program,
    /// What the guest is told.
    pub context: Context,
    /// What the guest may use.
    pub limits: Limits,
}

/// A pipeline that passed checks 1 to 5 of SPECIFICATION.md: nothing has been created yet.
pub struct Plan {
    /// The configuration.
    pub config: Config,
    /// Who is connected with whom.
    pub graph: Graph,
    /// The stages, as in the configuration.
    pub stages: Vec<PlannedStage>,
    /// The sources, as in the configuration.
    pub sources: Vec<Box<dyn PlannedSource>>,
    /// The sinks, as in the configuration.
    pub sinks: Vec<Box<dyn PlannedSink>>,
    /// What compiled them and stops them.
    pub engine: Engine,
    /// How the guests are stopped at their deadlines, in words.
    pub interruption: String,
}

impl Plan {
    /// Checks the pipeline in a file.
    ///
    /// # Errors
    /// Everything that the first failing check found.
    pub fn new(engine: &Engine, file: &Path) -> Result<Self, Report> {
        Self::with_sources(engine, file, &[])
    }

    /// Checks the pipeline in a file to which sources of the command line are added.
    ///
    /// # Errors
    /// As [`Plan::new`]; also where such a source names no stream, or one that has a producer.
    pub fn with_sources(
        engine: &Engine,
        file: &Path,
        extra: &[SourceSpec],
    ) -> Result<Self, Report> {
        let mut config = config::load(file)?;
        for source in extra {
            source.add_to(&mut config)?;
        }
        Self::of(engine, config)
    }

    /// Checks a pipeline.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn of(engine: &Engine, config: Config) -> Result<Self, Report> {
        Self::checked(engine, config, endpoint::plan_sources)
    }

    /// Checks a pipeline with one source more, which has been checked.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn with_source(
        engine: &Engine,
        mut config: Config,
        source: SourceConfig,
        planned: Box<dyn PlannedSource>,
    ) -> Result<Self, Report> {
        let others = config.clone();
        config.sources.push(source);
        Self::checked(engine, config, |_| {
            let mut sources = endpoint::plan_sources(&others)?;
            sources.push(planned);
            Ok(sources)
        })
    }

    fn checked(
        engine: &Engine,
        config: Config,
        plan_sources: impl FnOnce(&Config) -> Result<Vec<Box<dyn PlannedSource>>, Report>,
    ) -> Result<Self, Report> {
        let graph = Graph::of(&config);
        no_failures(&config, spec::check(&config, &graph))?;
        let registry = Registry::new(&config)?;
        let resolved = kernel::check(&config, &registry)?;
        endpoint::check_initial(&config)?;
        let sources = plan_sources(&config)?;
        let sinks = endpoint::plan_sinks(&config)?;
        let stages = compile(engine, &config, resolved)?;
        no_failures(&config, unfit_to_split(&config, &stages))?;
        let failures = stages.iter().filter_map(|stage| {
            let mut parts = 0..stage.context.part.count;
            let failure = parts.find_map(|part| {
                let context = stage.context.of_part(part);
                let outcome = stage.program.validate_config(&context, &stage.limits);
                outcome.err()
            })?;
            Some(Diagnostic::at(
                place(&config, stage),
                refusal(&config, stage, &failure.message),
            ))
        });
        no_failures(&config, failures.collect())?;
        Ok(Self {
            config,
            graph,
            sources,
            sinks,
            engine: engine.clone(),
            interruption: interruption(engine, &stages),
            stages,
        })
    }
}

/// How guests are stopped at their deadline, in words: what holds for most, and what for others.
fn interruption(engine: &Engine, stages: &[PlannedStage]) -> String {
    let mut words = engine.interruption_in_words();
    for (way, others) in [
        (Interruption::Epochs, "epoch checks for"),
        (Interruption::None, "the process ends of"),
    ] {
        let stopped_so = |stage: &&PlannedStage| stage.program.interruption() == way;
        let names = stages.iter().filter(stopped_so);
        let names: Vec<String> = names
            .map(|stage| format!("'{}'", stage.context.name))
            .collect();
        if way != engine.interruption() && !names.is_empty() {
            words += &format!("; {others} {}", names.join(", "));
        }
    }
    words
}

impl Plan {
    /// The lanes on this machine.
    pub fn lanes(&self) -> Vec<Lane> {
        let available = available();
        let pinned = realtime::processors(&self.config);
        // Lanes that are not pinned find those that are free.
        let processors = if pinned.is_empty() { available } else { pinned }
            .len()
            .max(1);
        let waits = |sink: usize| self.sinks[sink].waits();
        assign(&self.config, &self.graph, processors, waits)
    }
}

/// Admits and compiles every module.
fn compile(
    engine: &Engine,
    config: &Config,
    resolved: Vec<ResolvedStage>,
) -> Result<Vec<PlannedStage>, Report> {
    let wanted: Vec<Wanted<'_>> = resolved
        .iter()
        .map(|resolved| {
            let kernel = resolved.kernel.as_ref();
            (
                kernel,
                limits(config, resolved),
                isolation(config, resolved),
            )
        })
        .collect();
    let loaded = load(engine, &wanted);
    let limits: Vec<Limits> = wanted.into_iter().map(|(_, limits, _)| limits).collect();
    let mut stages = Vec::with_capacity(resolved.len());
    let mut failures = Vec::new();
    for ((resolved, limits), loaded) in resolved.into_iter().zip(limits).zip(loaded) {
        match loaded {
            Ok(program) => stages.push(PlannedStage {
                context: context(config, &resolved),
                resolved,
                program,
                limits,
            }),
            Err(error) => {
                let stage = &config.stages[resolved.stage];
                let span = stage.module.as_ref().map(|module| module.span);
                let span = span.or(stage.kind.as_ref().map(|kind| kind.span));
                let message = format!("{} cannot be loaded: {error}", stage.called());
                failures.push(Diagnostic::at(span.unwrap_or(stage.span), message));
            }
        }
    }
    no_failures(config, failures)?;
    Ok(stages)
}

/// Kernels that get copies hand over whole outputs, so no two of them can share one.
fn unfit_to_split(config: &Config, stages: &[PlannedStage]) -> Vec<Diagnostic> {
    let unfit = |stage: &&PlannedStage| {
        stage.context.part.count > 1 && stage.program.world() == World::Copied
    };
    let refusal = |stage: &PlannedStage| {
        let (name, kind) = (&stage.context.name, &stage.context.kind);
        let message = format!(
            "kernel '{name}' of kind '{kind}' cannot be split: it hands over copies of whole outputs (world kernel-copied)"
        );
        let span = config.stages[stage.resolved.stage].instances.span;
        Diagnostic::at(span, message).help("use 'instances: 1'")
    };
    stages.iter().filter(unfit).map(refusal).collect()
}

fn no_failures(config: &Config, failures: Vec<Diagnostic>) -> Result<(), Report> {
    if failures.is_empty() {
        return Ok(());
    }
    Err(config.report(failures))
}

/// What the guest is told about its place.
pub fn context(config: &Config, resolved: &ResolvedStage) -> Context {
    let stage = &config.stages[resolved.stage];
    let array = |stream: usize, alias: Option<&str>| {
        let stream = &config.streams[stream];
        Array {
            name: stream.name.value.clone(),
            alias: alias.unwrap_or(&stream.name).to_owned(),
            array: stream.array.clone(),
        }
    };
    let outputs: Vec<Array> = stage
        .outputs
        .iter()
        .map(|stream| array(stream.0, None))
        .collect();
    Context {
        name: stage.name.value.clone(),
        kind: resolved.kernel.manifest.kind.clone(),
        part: Part {
            index: 0,
            count: stage.instances.value,
        },
        trigger_inputs: stage
            .trigger
            .iter()
            .map(|stream| array(stream.0, None))
            .collect(),
        auxiliary_inputs: stage
            .auxiliary
            .iter()
            .map(|input| array(input.stream.0, Some(&input.alias)))
            .collect(),
        state: resolved
            .state
            .iter()
            .map(|state| Array {
                name: state.alias.clone(),
                alias: state.alias.clone(),
                array: state.array.clone(),
            })
            .collect(),
        outputs,
        operation: stage
            .operation
            .as_ref()
            .map(|operation| operation.value.clone()),
        parameters: stage.parameters.to_json().to_string(),
    }
}

/// The limits of a stage: the defaults where the configuration says nothing.
fn limits(config: &Config, resolved: &ResolvedStage) -> Limits {
    let configured = &config.stages[resolved.stage].limits;
    let mut limits = Limits::default();
    if let Some(memory) = &configured.memory {
        limits.memory = memory.value;
    }
    if let Some(deadline) = &configured.deadline {
        limits.deadline = deadline.value;
    }
    if let Some(startup) = &configured.startup {
        limits.startup = startup.value;
    }
    if let Some(rate) = &configured.log_rate {
        limits.log_rate = rate.per_second;
    }
    limits
}

/// Where the guest of a stage runs.
fn isolation(config: &Config, resolved: &ResolvedStage) -> Isolation {
    match config.stages[resolved.stage].isolation.value {
        config::Isolation::Thread => Isolation::Thread,
        config::Isolation::Process => Isolation::Process,
    }
}

/// Where to point when a kernel refuses its configuration: the whole entry would be too much to mark.
fn place(config: &Config, stage: &PlannedStage) -> Span {
    config.stages[stage.resolved.stage].name.span
}

/// A kernel's refusal, with the stage and kind before it unless the kernel has said them itself.
fn refusal(config: &Config, stage: &PlannedStage, message: &str) -> String {
    let of_kind = format!("of kind '{}'", stage.context.kind);
    let said = format!("kernel '{}' {of_kind}", stage.context.name);
    if message.starts_with(&said) {
        return message.to_owned();
    }
    let called = config.stages[stage.resolved.stage].called();
    format!("{called} {of_kind}: {message}")
}
