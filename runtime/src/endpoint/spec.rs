//! A source on the command line: `STREAM:PATTERN[:RATE_HZ]`.

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;

use crate::config::{
    Config, Diagnostic, Located, Parameters, Report, Role, SourceConfig, Span, StageConfig,
    suggestion,
};

use super::pattern::FORMULAS;

/// A `synthetic.array` with default parameters that takes the place of the stream's source in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSpec {
    stream: String,
    pattern: String,
    rate_hz: Option<f64>,
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<SourceSpec, String> {
        let mut parts = text.split(':');
        let (Some(stream), Some(pattern), rate, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(
                "it must be STREAM:PATTERN or STREAM:PATTERN:RATE_HZ, for example camera:sine:1000"
                    .to_owned(),
            );
        };
        let names = FORMULAS.iter().map(|(name, _)| *name);
        if !names.clone().any(|name| name == pattern) {
            let help = suggestion(pattern, names, "the patterns");
            return Err(format!("the pattern '{pattern}' is not known; {help}"));
        }
        let rate_hz = match rate.map(str::parse::<f64>) {
            None => None,
            Some(Ok(rate)) if (1e-6..=1e9).contains(&rate) => Some(rate),
            Some(_) => {
                return Err(
                    "the rate must be a number of frames per second from 1e-6 to 1e9".to_owned(),
                );
            }
        };
        Ok(SourceSpec {
            stream: stream.to_owned(),
            pattern: pattern.to_owned(),
            rate_hz,
        })
    }
}

impl SourceSpec {
    /// Random values as fast as they are taken.
    pub fn random(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            pattern: "random".to_owned(),
            rate_hz: None,
        }
    }

    /// Adds the source to `config`, in place of one that writes the same stream.
    ///
    /// # Errors
    /// The stream is not defined, a stage writes it, or a source that writes others too.
    pub fn add_to(&self, config: &mut Config) -> Result<(), Report> {
        let refuse = |config: &Config, message: String, help: String| {
            Err(config.report(vec![Diagnostic::new(message).help(help)]))
        };
        let Some(stream) = config.find_stream(&self.stream) else {
            let names = config.streams.iter().map(|stream| stream.name.as_str());
            let message = format!(
                "a source of the command line names the stream '{}', which is not defined",
                self.stream
            );
            return refuse(
                config,
                message,
                suggestion(&self.stream, names, "the streams"),
            );
        };
        let writes = |streams: &[Located<_>]| streams.iter().any(|written| written.value == stream);
        // A source that a guest has written is replaced like a built-in one.
        let replaced = |stage: &StageConfig| {
            writes(&stage.outputs) && stage.role == Role::Source && stage.outputs.len() == 1
        };
        let mut others = config.stages.iter();
        if let Some(stage) = others.find(|stage| writes(&stage.outputs) && !replaced(stage)) {
            let message = format!(
                "a source of the command line writes the stream '{}', but so does {}",
                self.stream,
                stage.called()
            );
            return refuse(
                config,
                message,
                "feed a stream that no kernel writes".to_owned(),
            );
        }
        config.stages.retain(|stage| !replaced(stage));
        let several = |source: &&SourceConfig| writes(&source.streams) && source.streams.len() > 1;
        if let Some(source) = config.sources.iter().find(several) {
            let message = format!(
                "a source of the command line writes the stream '{}', but so does source '{}', together with others",
                self.stream, source.name.value
            );
            let help = "take that source out of the file".to_owned();
            return refuse(config, message, help);
        }
        config.sources.retain(|source| !writes(&source.streams));
        let mut entries = vec![("pattern", Value::from(self.pattern.clone()))];
        entries.extend(self.rate_hz.map(|rate| ("rate_hz", Value::from(rate))));
        config.sources.push(SourceConfig {
            span: Span::default(),
            name: nowhere(format!("--source {}", self.stream)),
            kind: nowhere("synthetic.array".to_owned()),
            streams: vec![nowhere(stream)],
            parameters: Parameters {
                span: Span::default(),
                entries: entries
                    .into_iter()
                    .map(|(key, value)| (nowhere(key.to_owned()), nowhere(value)))
                    .collect(),
            },
            poll_interval: Duration::from_millis(10),
            read_timeout: None,
        });
        Ok(())
    }
}

/// A value that no file wrote.
fn nowhere<T>(value: T) -> Located<T> {
    Located::new(value, Span::default())
}
