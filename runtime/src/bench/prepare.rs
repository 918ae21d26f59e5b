//! A pipeline made ready for a bench: fed from memory, and without sinks.

use std::path::Path;

use crate::config::{self, Config, Diagnostic, LanesMode, Located, Report, StreamIndex};
use crate::endpoint::{self, PlannedSource, SourceSpec};
use crate::pipeline::{Graph, Plan};
use crate::sandbox::Engine;

use super::frames::Frames;

/// A pipeline that can be measured.
pub struct Prepared {
    /// What it is called in reports: its file, or its kernel.
    pub name: String,
    /// The pipeline. Its sources have no rate and its sinks are left out.
    pub plan: Plan,
    /// The frames of each source, once they have been recorded.
    pub(super) frames: Vec<Frames>,
    /// What a reader of the figures should know about how it was made ready.
    pub(super) notes: Vec<String>,
}

/// Checks the pipeline in a file and makes it ready. Streams from outside that trigger something are fed with random values.
///
/// # Errors
/// As [`Plan::with_sources`].
pub fn prepare(engine: &Engine, file: &Path, extra: &[SourceSpec]) -> Result<Prepared, Report> {
    let mut config = config::load(file)?;
    for source in extra {
        source.add_to(&mut config)?;
    }
    ready(engine, file.display().to_string(), config)
}

/// Checks a pipeline and makes it ready.
pub(super) fn ready(engine: &Engine, name: String, config: Config) -> Result<Prepared, Report> {
    // As it stands: what is wrong with its sources and sinks is wrong here too.
    let mut plan = Plan::of(engine, config)?;
    if plan.graph.ends().next().is_none() {
        let nothing = Diagnostic::new(
            "there is nothing to measure: no kernel publishes on a stream where frames leave the graph",
        );
        return Err(plan.config.report(vec![nothing]));
    }
    let mut notes = Vec::new();
    if plan.stages.iter().any(|stage| stage.program.was_compiled()) {
        notes.push(
            "kernels had to be compiled before the first frame; the next run finds them in the cache"
                .to_owned(),
        );
    }
    for stream in unfed(&plan) {
        let name = plan.config.stream(stream).name.value.clone();
        notes.push(format!(
            "the stream '{name}' has no source; it is fed with random values"
        ));
        SourceSpec::random(&name).add_to(&mut plan.config)?;
    }
    unpace(&mut plan.config);
    if !plan.sinks.is_empty() {
        notes.push("sinks are left out: nothing is written".to_owned());
        plan.config.sinks.clear();
        plan.sinks.clear();
    }
    if plan.config.lanes == LanesMode::Auto {
        notes.push(
            "lanes: auto chooses lanes in each run: hand-offs between them count as waits"
                .to_owned(),
        );
    }
    plan.graph = Graph::of(&plan.config);
    plan.sources = endpoint::plan_sources(&plan.config)?;
    Ok(Prepared {
        name,
        plan,
        frames: Vec::new(),
        notes,
    })
}

/// The streams that trigger something, but have no producer.
fn unfed(plan: &Plan) -> Vec<StreamIndex> {
    let streams = plan.graph.streams.iter().enumerate();
    let unfed =
        streams.filter(|(_, stream)| stream.producer.is_none() && !stream.triggers.is_empty());
    unfed.map(|(index, _)| StreamIndex(index)).collect()
}

/// Takes the rates of all sources away, and what else keeps them from giving every frame at once.
fn unpace(config: &mut Config) {
    for source in &mut config.sources {
        let parameters = &mut source.parameters.entries;
        let holds_up = |name: &str| matches!(name, "rate_hz" | "jitter_us" | "drop_probability");
        parameters.retain(|(name, _)| !holds_up(name));
    }
    config.stages.iter_mut().for_each(|stage| stage.rate = None);
}

impl Prepared {
    /// Replaces every source by frames that it has given.
    ///
    /// # Errors
    /// A source gives none.
    pub(super) fn record_frames(&mut self) -> anyhow::Result<()> {
        let config = &self.plan.config;
        let sources = config.sources.iter().zip(&self.plan.sources);
        let recorded = sources.map(|(source, planned)| {
            // The configuration knows no array that cannot be counted.
            let bytes = |stream: &Located<StreamIndex>| config.stream(**stream).array.bytes();
            let bytes: Option<Vec<usize>> = source.streams.iter().map(bytes).collect();
            Frames::of(planned.as_ref(), &source.name, &bytes.unwrap_or_default())
        });
        self.frames = recorded.collect::<anyhow::Result<_>>()?;
        let boxed = |frames: &Frames| Box::new(frames.clone()) as Box<dyn PlannedSource>;
        self.plan.sources = self.frames.iter().map(boxed).collect();
        Ok(())
    }
}
