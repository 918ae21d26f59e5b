//! The sources and sinks of a configuration, checked and not yet opened.

use crate::array::ArrayType;
use crate::config::{Config, Diagnostic, Diagnostics, Report, SourceConfig};

use super::parameters::Reader;
use super::{EndpointError, Sink, Source, frame_set, null, recording, replay, synthetic};

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
        "file.npy" => &replay::PARAMETERS,
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
                "writes at least two streams, and 'synthetic.array' one",
            );
        }
        return Some(Box::new(plan));
    }
    if let Some(second) = source.streams.get(1) {
        reader.refuse(
            second.span,
            &format!("of kind '{}' writes one stream", source.kind.value),
        );
    }
    let array = &config.stream(**source.streams.first()?).array;
    if source.kind.value == "file.npy" {
        return Some(Box::new(replay::plan(
            &mut reader,
            array,
            config.directory(),
        )?));
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
        let what = format!("sink '{}'", sink.name.value);
        let array: &ArrayType = &config.stream(*sink.stream).array;
        match sink.kind.as_str() {
            "null.sink" => {
                let mut reader =
                    Reader::new(what, &sink.parameters, &null::PARAMETERS, &mut diagnostics);
                plans.push(Box::new(null::plan(&mut reader)));
            }
            "file.npy" => {
                let mut reader = Reader::new(
                    what.clone(),
                    &sink.parameters,
                    &recording::PARAMETERS,
                    &mut diagnostics,
                );
                let Some((plan, span)) = recording::plan(&mut reader, array, config.directory())
                else {
                    continue;
                };
                if paths.contains(&plan.path) {
                    diagnostics.push(Diagnostic::at(
                        span,
                        format!("{what} writes the same file as a sink before it"),
                    ));
                }
                paths.push(plan.path.clone());
                plans.push(Box::new(plan));
            }
            kind => diagnostics.push(unknown(kind, sink.kind.span)),
        }
    }
    diagnostics
        .finish(plans)
        .map_err(|found| config.report(found))
}

/// Not reached with what `config::load` has checked.
fn unknown(kind: &str, span: crate::config::Span) -> Diagnostic {
    Diagnostic::at(span, format!("the kind '{kind}' is not known"))
}
