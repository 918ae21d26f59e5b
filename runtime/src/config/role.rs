//! In which section of the file a stage stands: `kernels:`, or `sources:` and `sinks:` that are written by guests.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::located::Located;
use super::reference::{self, StreamNames};
use super::stream::StreamIndex;
use super::supervision::Limits;
use super::yaml::{Node, Value};

/// The section of the file that a stage stands in, and so what it does with frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `kernels:`. Makes frames of frames.
    Kernel,
    /// `sources:`. Makes frames by the clock: it has no trigger.
    Source,
    /// `sinks:`. Takes frames; most publish none.
    Sink,
}

/// Frames per second that a source may be asked for.
pub(crate) const RATES: RangeInclusive<f64> = 1e-6..=1e9;

/// Keys of a source whose kernel is a guest's.
pub(super) const SOURCE_KEYS: [&str; 16] = [
    "name",
    "kind",
    "module",
    "sha256",
    "stream",
    "streams",
    "auxiliary",
    "parameters",
    "rate_hz",
    "poll_interval",
    "read_timeout",
    "limits",
    "on_fault",
    "isolation",
    "lane",
    "publish",
];

/// Keys of a sink whose kernel is a guest's.
pub(super) const SINK_KEYS: [&str; 16] = [
    "name",
    "kind",
    "module",
    "sha256",
    "stream",
    "outputs",
    "auxiliary",
    "parameters",
    "read_timeout",
    "pause_sleep",
    "consume_timeout",
    "delivery",
    "limits",
    "on_fault",
    "isolation",
    "lane",
];

/// The streams that make a stage run, and those that it publishes on.
pub(super) type Ends = (
    Option<Vec<Located<StreamIndex>>>,
    Option<Vec<Located<StreamIndex>>>,
);

impl Role {
    /// What messages call a stage of this section.
    pub fn name(self) -> &'static str {
        match self {
            Role::Kernel => "kernel",
            Role::Source => "source",
            Role::Sink => "sink",
        }
    }

    /// Reads which streams the stage takes frames from and publishes on.
    pub(super) fn ends(self, fields: &mut Fields<'_, '_>, streams: &StreamNames<'_>) -> Ends {
        match self {
            Role::Kernel => (
                reference::one_or_many(fields, streams, "input", "inputs"),
                reference::one_or_many(fields, streams, "output", "outputs"),
            ),
            Role::Source => (
                Some(Vec::new()),
                reference::one_or_many(fields, streams, "stream", "streams"),
            ),
            Role::Sink => {
                let stream = fields.required_text("stream");
                let stream = stream.and_then(|text| streams.resolve(fields, &text));
                let outputs = match fields.get("outputs") {
                    None => Some(Vec::new()),
                    Some(node) => reference::several(fields, streams, "outputs", node),
                };
                (stream.map(|stream| vec![stream]), outputs)
            }
        }
    }

    /// The parent project's name for the deadline of a source or a sink, which goes into `limits`.
    pub(super) fn timeout(self, fields: &mut Fields<'_, '_>, limits: &mut Limits) {
        let key = match self {
            Role::Kernel => return,
            Role::Source => "read_timeout",
            Role::Sink => "consume_timeout",
        };
        let Some(timeout) = fields.seconds(key) else {
            return;
        };
        if limits.deadline.is_some() {
            let message = format!(
                "{} has both '{key}' and a deadline under 'limits', which mean the same",
                fields.what
            );
            let diagnostic = Diagnostic::at(timeout.span, message);
            fields
                .diagnostics
                .push(diagnostic.help("keep the deadline"));
        }
        limits.deadline = Some(timeout);
    }

    /// How long a stage waits for a frame before it looks whether it is to stop, where that is given.
    pub(super) fn read_timeout(self, fields: &mut Fields<'_, '_>) -> Option<Located<Duration>> {
        match self {
            Role::Kernel | Role::Sink => fields.seconds("read_timeout"),
            Role::Source => None,
        }
    }
}

/// The key `rate_hz` of a source whose kernel is a guest's.
pub(super) fn rate(fields: &mut Fields<'_, '_>) -> Option<Located<f64>> {
    let rate = fields.number("rate_hz")?;
    if RATES.contains(&rate.value) {
        return Some(rate);
    }
    if let Some(node) = fields.get("rate_hz") {
        fields.wrong(
            "rate_hz",
            node,
            "a number of frames per second from 1e-6 to 1e9",
        );
    }
    None
}

/// Whether an entry of `sources:` or `sinks:` names a kernel instead of one of the kinds that are `built_in`. Whether there is
/// such a kernel is found out where kernels are known.
pub(super) fn is_guest(entry: &Node, built_in: &[&str]) -> bool {
    let Value::Mapping(keys) = &entry.value else {
        return false;
    };
    keys.iter()
        .any(|(key, value)| match (key.as_str(), &value.value) {
            ("module", value) => !matches!(value, Value::Null),
            ("kind", Value::Text(kind)) => !built_in.contains(&kind.trim()),
            _ => false,
        })
}
