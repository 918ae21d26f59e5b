//! The sources and sinks of a configuration, checked and not yet opened.

use crate::array::ArrayType;
use crate::config::{Config, Diagnostic, Diagnostics, Report};

use super::parameters::Reader;
use super::{EndpointError, Sink, Source, null, recording, replay, synthetic};

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
        let what = format!("source '{}'", source.name.value);
        let Some(stream) = source.streams.first() else {
            continue;
        };
        let array = &config.stream(**stream).array;
        match source.kind.as_str() {
            "synthetic.array" => {
                let mut reader = Reader::new(
                    what,
                    &source.parameters,
                    &synthetic::PARAMETERS,
                    &mut diagnostics,
                );
                plans.push(Box::new(synthetic::plan(&mut reader, array)));
            }
            "file.npy" => {
                let mut reader = Reader::new(
                    what,
                    &source.parameters,
                    &replay::PARAMETERS,
                    &mut diagnostics,
                );
                if let Some(plan) = replay::plan(&mut reader, array, config.directory()) {
                    plans.push(Box::new(plan));
                }
            }
            kind => diagnostics.push(unknown(kind, source.kind.span)),
        }
    }
    diagnostics
        .finish(plans)
        .map_err(|found| config.report(found))
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
