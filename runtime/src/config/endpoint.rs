//! `sources:` and `sinks:` of the built-in kinds, where frames come from and where they go. For those of guests see `role`.

use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::located::{Located, Span};
use super::parameters::{self, Parameters};
use super::reference::{self, StreamNames};
use super::stage::{self, Delivery};
use super::stream::StreamIndex;

/// Kinds of sources.
pub(crate) const SOURCE_KINDS: [&str; 5] = [
    "synthetic.array",
    "synthetic.frame_set",
    "file.npy",
    "file.fits",
    "pyshmem",
];

/// Kinds of sinks.
pub(crate) const SINK_KINDS: [&str; 4] = ["null.sink", "file.npy", "file.fits", "pyshmem"];

pub(super) const SOURCE_KEYS: [&str; 8] = [
    "name",
    "kind",
    "stream",
    "streams",
    "auxiliary",
    "parameters",
    "poll_interval",
    "read_timeout",
];

pub(super) const SINK_KEYS: [&str; 10] = [
    "name",
    "kind",
    "stream",
    "outputs",
    "auxiliary",
    "parameters",
    "read_timeout",
    "pause_sleep",
    "consume_timeout",
    "delivery",
];

/// One entry of `sources:`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceConfig {
    /// Where the entry stands.
    pub span: Span,
    /// Its name.
    pub name: Located<String>,
    /// One of the built-in kinds.
    pub kind: Located<String>,
    /// The streams that it writes: one, but for `synthetic.frame_set`.
    pub streams: Vec<Located<StreamIndex>>,
    /// What `endpoint` interprets.
    pub parameters: Parameters,
    /// How often to look again where it had no frame; 10 ms.
    pub poll_interval: Duration,
    /// How long it may have no frame once it was asked for one.
    pub read_timeout: Option<Located<Duration>>,
}

/// One entry of `sinks:`.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkConfig {
    /// Where the entry stands.
    pub span: Span,
    /// Its name.
    pub name: Located<String>,
    /// One of the built-in kinds.
    pub kind: Located<String>,
    /// The stream that it reads.
    pub stream: Located<StreamIndex>,
    /// What `endpoint` interprets.
    pub parameters: Parameters,
    /// How long it waits for a frame before it looks whether it is to stop; 1 s.
    pub read_timeout: Duration,
    /// How often it looks whether a pause is over; 10 ms.
    pub pause_sleep: Duration,
    /// How long one frame may take.
    pub consume_timeout: Option<Located<Duration>>,
    /// Which frames it gets: a recording wants `every`.
    pub delivery: Delivery,
}

/// Reads one entry of `sources:`.
pub(super) fn read_source(
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
) -> Option<SourceConfig> {
    let name = fields.required_text("name");
    let kind = fields.required_text("kind");
    let written = reference::one_or_many(fields, streams, "stream", "streams");
    let auxiliary = reference::auxiliary(fields, streams)?;
    let other = auxiliary.first().map(|auxiliary| auxiliary.stream.span);
    refuse_others(fields, "auxiliary", other);
    let parameters = parameters::read(fields);
    let poll_interval = fields.seconds("poll_interval");
    let read_timeout = fields.seconds("read_timeout");
    Some(SourceConfig {
        span: fields.span,
        name: name?,
        kind: kind?,
        streams: written?,
        parameters,
        poll_interval: poll_interval.map_or(Duration::from_millis(10), |time| time.value),
        read_timeout,
    })
}

/// Reads one entry of `sinks:`.
pub(super) fn read_sink(
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
) -> Option<SinkConfig> {
    let name = fields.required_text("name");
    let kind = fields.required_text("kind");
    let stream = fields
        .required_text("stream")
        .and_then(|text| streams.resolve(fields, &text));
    let outputs = match fields.get("outputs") {
        None => Vec::new(),
        Some(node) => reference::several(fields, streams, "outputs", node)?,
    };
    refuse_others(fields, "outputs", outputs.first().map(|output| output.span));
    let auxiliary = reference::auxiliary(fields, streams)?;
    let other = auxiliary.first().map(|auxiliary| auxiliary.stream.span);
    refuse_others(fields, "auxiliary", other);
    let parameters = parameters::read(fields);
    let read_timeout = fields.seconds("read_timeout");
    let pause_sleep = fields.seconds("pause_sleep");
    let consume_timeout = fields.seconds("consume_timeout");
    let delivery = stage::delivery(fields);
    Some(SinkConfig {
        span: fields.span,
        name: name?,
        kind: kind?,
        stream: stream?,
        parameters,
        read_timeout: read_timeout.map_or(Duration::from_secs(1), |time| time.value),
        pause_sleep: pause_sleep.map_or(Duration::from_millis(10), |time| time.value),
        consume_timeout,
        delivery,
    })
}

/// A built-in source or sink has no use for streams beside its own; the kernel of a guest may.
fn refuse_others(fields: &mut Fields<'_, '_>, key: &str, others: Option<Span>) {
    if let Some(span) = others {
        let message = format!(
            "{} is of a built-in kind, which has no use for '{key}'",
            fields.what
        );
        let help = format!("remove '{key}'; a kernel that is a source or a sink may have it");
        fields
            .diagnostics
            .push(Diagnostic::at(span, message).help(help));
    }
}
