//! The sources and sinks of a configuration, checked and not yet opened.

use std::path::PathBuf;

use crate::config::{Config, Diagnostic, Diagnostics, Report, SinkConfig, SourceConfig, Span};

use super::array_file::Format;
use super::parameters::Reader;
use super::{EndpointError, Sink, Source, frame_set, null, pyshmem, recording, replay, synthetic};

/// A source whose parameters and files were checked.
pub trait PlannedSource: Send + Sync {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    fn open(&self) -> Result<Box<dyn Source>, EndpointError>;
}

/// A sink whose parameters and directory were checked.
pub trait PlannedSink: Send + Sync {
    /// Starts it.
    ///
    /// # Errors
    /// Its file cannot be created.
    fn open(&self) -> Result<Box<dyn Sink>, EndpointError>;

    /// Whether taking a frame may wait for a device, so that the sink should have a thread of its own.
    fn waits(&self) -> bool;
}

/// Checks the sources of a configuration, in its order.
///
/// # Errors
/// All that is wrong with them.
pub fn plan_sources(config: &Config) -> Result<Vec<Box<dyn PlannedSource>>, Report> {
    let mut diagnostics = Diagnostics::default();
    let mut plans: Vec<Box<dyn PlannedSource>> = Vec::new();
    for source in &config.sources {
        plans.extend(plan_source(config, source, &mut diagnostics));
    }
    diagnostics
        .finish(plans)
        .map_err(|found| config.report(found))
}

/// Checks one source; that it is wrong is reported.
fn plan_source(
    config: &Config,
    source: &SourceConfig,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn PlannedSource>> {
    let what = format!("source '{}'", source.name.value);
    let known: &[&str] = match source.kind.as_str() {
        "synthetic.array" => &synthetic::PARAMETERS,
        "synthetic.frame_set" => &frame_set::PARAMETERS,
        "file.npy" | "file.fits" => &replay::PARAMETERS,
        "pyshmem" => &pyshmem::PARAMETERS,
        kind => {
            diagnostics.push(unknown(kind, source.kind.span));
            return None;
        }
    };
    let mut reader = Reader::new(what, &source.parameters, known, diagnostics);
    if source.kind.value == "synthetic.frame_set" {
        let arrays = source.streams.iter();
        let arrays = arrays.map(|stream| config.stream(**stream).array.clone());
        let plan = frame_set::plan(&mut reader, arrays.collect());
        if source.streams.len() < 2 {
            reader.refuse(
                source.kind.span,
                "of kind 'synthetic.frame_set' needs at least two streams, under 'streams'",
            );
        }
        return Some(Box::new(plan));
    }
    if let Some(second) = source.streams.get(1) {
        let what = format!("of kind '{}' writes one stream", source.kind.value);
        reader.refuse(second.span, &what);
    }
    let array = &config.stream(**source.streams.first()?).array;
    if let Some(format) = file_format(&source.kind) {
        let plan = replay::plan(&mut reader, format, array, config.directory());
        return Some(Box::new(plan?));
    }
    if source.kind.value == "pyshmem" {
        return Some(Box::new(pyshmem::plan(&mut reader, array, config)?));
    }
    Some(Box::new(synthetic::plan(&mut reader, array)))
}

/// Checks the sinks of a configuration, in its order. Creates nothing.
///
/// # Errors
/// All that is wrong with them.
pub fn plan_sinks(config: &Config) -> Result<Vec<Box<dyn PlannedSink>>, Report> {
    let mut diagnostics = Diagnostics::default();
    let mut plans: Vec<Box<dyn PlannedSink>> = Vec::new();
    let mut paths = Vec::new();
    for sink in &config.sinks {
        plans.extend(plan_sink(config, sink, &mut paths, &mut diagnostics));
    }
    diagnostics
        .finish(plans)
        .map_err(|found| config.report(found))
}

/// Checks one sink; that it is wrong is reported. `paths` are those of the sinks before it.
fn plan_sink(
    config: &Config,
    sink: &SinkConfig,
    paths: &mut Vec<PathBuf>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn PlannedSink>> {
    let what = format!("sink '{}'", sink.name.value);
    let array = &config.stream(*sink.stream).array;
    let known: &[&str] = match sink.kind.as_str() {
        "null.sink" => &null::PARAMETERS,
        "file.npy" | "file.fits" => &recording::PARAMETERS,
        "pyshmem" => &pyshmem::PARAMETERS,
        kind => {
            diagnostics.push(unknown(kind, sink.kind.span));
            return None;
        }
    };
    let mut reader = Reader::new(what, &sink.parameters, known, diagnostics);
    if let Some(format) = file_format(&sink.kind) {
        let (plan, span) = recording::plan(&mut reader, format, array, config.directory())?;
        if paths.contains(&plan.path) {
            reader.refuse(span, "writes the same file as a sink before it");
        }
        paths.push(plan.path.clone());
        return Some(Box::new(plan));
    }
    if sink.kind.value == "pyshmem" {
        return Some(Box::new(pyshmem::plan(&mut reader, array, config)?));
    }
    Some(Box::new(null::plan(&mut reader)))
}

/// The format of a kind of files.
fn file_format(kind: &str) -> Option<Format> {
    match kind {
        "file.npy" => Some(Format::Npy),
        "file.fits" => Some(Format::Fits),
        _ => None,
    }
}

/// Not reached with what `config::load` has checked.
fn unknown(kind: &str, span: Span) -> Diagnostic {
    Diagnostic::at(span, format!("the kind '{kind}' is not known"))
}
