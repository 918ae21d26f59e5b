//! What the format knows and this version does not do yet: one line each, to be removed with the work.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::located::Span;
use super::{SinkConfig, SourceConfig, StageConfig, Storage, StreamConfig};

/// A stage refuses a stream on a GPU with its own reason; here are those that no stage uses.
pub(super) fn check_streams(
    streams: &[StreamConfig],
    stages: &[StageConfig],
    diagnostics: &mut Diagnostics,
) {
    let mut used = vec![false; streams.len()];
    for stage in stages {
        let auxiliary = stage.auxiliary.iter().map(|entry| &entry.stream);
        for stream in stage.trigger.iter().chain(auxiliary).chain(&stage.outputs) {
            if let Some(used) = used.get_mut(stream.value.0) {
                *used = true;
            }
        }
    }
    for (stream, used) in streams.iter().zip(used) {
        if stream.storage.value == Storage::Gpu && !used {
            refuse(
                diagnostics,
                stream.storage.span,
                "'storage: gpu'",
                "use 'storage: cpu'",
            );
        }
    }
}

pub(super) fn check_source(source: &SourceConfig, diagnostics: &mut Diagnostics) {
    let mut refuse =
        |span: Span, what: &str, instead: &str| refuse(diagnostics, span, what, instead);
    if let Some(auxiliary) = source.auxiliary.first() {
        refuse(
            auxiliary.stream.span,
            "'auxiliary' of a source",
            "remove it",
        );
    }
    if let Some(timeout) = source.read_timeout {
        refuse(timeout.span, "'read_timeout' of a source", "remove it");
    }
}

pub(super) fn check_sink(sink: &SinkConfig, diagnostics: &mut Diagnostics) {
    let mut refuse =
        |span: Span, what: &str, instead: &str| refuse(diagnostics, span, what, instead);
    if let Some(output) = sink.outputs.first() {
        refuse(output.span, "'outputs' of a sink", "remove it");
    }
    if let Some(auxiliary) = sink.auxiliary.first() {
        refuse(auxiliary.stream.span, "'auxiliary' of a sink", "remove it");
    }
    if let Some(timeout) = sink.consume_timeout {
        refuse(timeout.span, "'consume_timeout' of a sink", "remove it");
    }
}

fn refuse(diagnostics: &mut Diagnostics, span: Span, what: &str, instead: &str) {
    diagnostics.push(
        Diagnostic::at(span, format!("{what} is not supported by this version")).help(instead),
    );
}
