//! `sources:` and `sinks:`, where frames come from and where they go.

use std::time::Duration;

use super::diagnostic::{Diagnostic, suggestion};
use super::fields::Fields;
use super::located::{Located, Span};
use super::parameters::{self, Parameters};
use super::reference::{self, Auxiliary, StreamNames};
use super::stage::{self, Delivery};
use super::stream::StreamIndex;

/// Kinds of sources.
const SOURCE_KINDS: [&str; 3] = ["synthetic.array", "synthetic.frame_set", "file.npy"];

/// Kinds of sinks.
const SINK_KINDS: [&str; 2] = ["null.sink", "file.npy"];

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
    /// The streams that it reads as they are.
    pub auxiliary: Vec<Auxiliary>,
    /// What `endpoint` interprets.
    pub parameters: Parameters,
    /// How often to look again where it had no frame; 10 ms.
    pub poll_interval: Duration,
    /// How long one read may take.
    pub read_timeout: Option<Located<Duration>>,
}

/// One entry of `sinks:`.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkConfig {
    /// Where the entry stands.
    pub span: Span,
    /// Its name.
    pub name: Located<String>,
    /// `null.sink` or `file.npy`.
    pub kind: Located<String>,
    /// The stream that it reads.
    pub stream: Located<StreamIndex>,
    /// The streams that it publishes on.
    pub outputs: Vec<Located<StreamIndex>>,
    /// The streams that it reads as they are.
    pub auxiliary: Vec<Auxiliary>,
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
    let kind = kind(fields, &SOURCE_KINDS, "the kinds of sources");
    let written = reference::one_or_many(fields, streams, "stream", "streams");
    let auxiliary = reference::auxiliary(fields, streams);
    let parameters = parameters::read(fields);
    let poll_interval = fields.seconds("poll_interval");
    let read_timeout = fields.seconds("read_timeout");
    Some(SourceConfig {
        span: fields.span,
        name: name?,
        kind: kind?,
        streams: written?,
        auxiliary: auxiliary?,
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
    let kind = kind(fields, &SINK_KINDS, "the kinds of sinks");
    let stream = fields
        .required_text("stream")
        .and_then(|text| streams.resolve(fields, &text));
    let outputs = match fields.get("outputs") {
        None => Some(Vec::new()),
        Some(node) => reference::several(fields, streams, "outputs", node),
    };
    let auxiliary = reference::auxiliary(fields, streams);
    if let (Some(stream), Some(auxiliary), Some(outputs)) = (stream, &auxiliary, &outputs) {
        reference::check_overlap(fields, streams, &[stream], auxiliary, outputs);
    }
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
        outputs: outputs?,
        auxiliary: auxiliary?,
        parameters,
        read_timeout: read_timeout.map_or(Duration::from_secs(1), |time| time.value),
        pause_sleep: pause_sleep.map_or(Duration::from_millis(10), |time| time.value),
        consume_timeout,
        delivery,
    })
}

fn kind(fields: &mut Fields<'_, '_>, known: &[&str], listed_as: &str) -> Option<Located<String>> {
    let kind = fields.required_text("kind")?;
    if !known.contains(&kind.as_str()) {
        fields.diagnostics.push(
            Diagnostic::at(
                kind.span,
                format!("{} has the unknown kind '{}'", fields.what, kind.value),
            )
            .help(suggestion(&kind, known.iter().copied(), listed_as)),
        );
    }
    Some(kind)
}
