//! What the format knows and this version does not do yet: one line each, to be removed with the work.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::located::Span;
use super::{StageConfig, Storage, StreamConfig};

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

fn refuse(diagnostics: &mut Diagnostics, span: Span, what: &str, instead: &str) {
    diagnostics.push(
        Diagnostic::at(span, format!("{what} is not supported by this version")).help(instead),
    );
}
