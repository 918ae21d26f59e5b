//! Who reports on a run: the meters of all its parts, by their names.

use std::sync::{Arc, OnceLock};

use super::{Builder, matches};
use crate::config::{self, StreamIndex};
use crate::pipeline::graph::{Graph, Node};
use crate::pipeline::lanes::name_of;
use crate::pipeline::plan::{Plan, PlannedStage};
use crate::pipeline::realtime;
use crate::report::meter::{SourceMeter, StageMeter, StreamMeter};
use crate::report::placement::Placement;
use crate::report::{Clock, Entries, Monitor, SourceEntry, StageEntry, StreamEntry};

/// A meter for each part of a pipeline, in its order.
pub(super) struct Meters {
    pub streams: Vec<Arc<StreamMeter>>,
    pub sources: Vec<Arc<SourceMeter>>,
    pub stages: Vec<Arc<StageMeter>>,
    pub sinks: Vec<Arc<StageMeter>>,
}

impl Meters {
    /// `parts`: whether it is measured of what the time of a stage is made.
    pub fn new(plan: &Plan, parts: bool, clock: &Clock) -> Meters {
        let config = &plan.config;
        let source = |source: &config::SourceConfig| SourceMeter::new(source.streams.len());
        let stage = |stage: &config::StageConfig| StageMeter {
            sync: matches(stage).map(|_| Arc::default()),
            parts: parts.then(Box::default),
            ..StageMeter::new(stage.trigger.len(), clock)
        };
        let sinks = config.sinks.iter();
        Meters {
            streams: config.streams.iter().map(|_| Arc::default()).collect(),
            sources: config.sources.iter().map(source).map(Arc::new).collect(),
            stages: config.stages.iter().map(stage).map(Arc::new).collect(),
            sinks: sinks.map(|_| Arc::new(StageMeter::new(1, clock))).collect(),
        }
    }
}

impl Builder<'_> {
    /// What reads all meters.
    pub(super) fn monitor(&self, placement: Arc<OnceLock<Placement>>) -> Monitor {
        let config = &self.plan.config;
        let source = |(index, source): (usize, &config::SourceConfig)| SourceEntry {
            name: source.name.value.clone(),
            kind: source.kind.value.clone(),
            streams: source.streams.iter().map(|stream| stream.0).collect(),
            meter: Arc::clone(&self.meters.sources[index]),
        };
        let stage = |(index, stage): (usize, &PlannedStage)| StageEntry {
            name: name_of(config, Node::Stage(index)).to_owned(),
            kind: stage.resolved.kernel.manifest.kind.clone(),
            triggers: Graph::triggers_of(config, Node::Stage(index)),
            meter: Arc::clone(&self.meters.stages[index]),
        };
        let sink = |(index, sink): (usize, &config::SinkConfig)| StageEntry {
            name: sink.name.value.clone(),
            kind: sink.kind.value.clone(),
            triggers: Graph::triggers_of(config, Node::Sink(index)),
            meter: Arc::clone(&self.meters.sinks[index]),
        };
        let stream = |(index, stream): (usize, &config::StreamConfig)| StreamEntry {
            name: stream.name.value.clone(),
            end: self.plan.graph.is_end(StreamIndex(index)),
            meter: Arc::clone(&self.meters.streams[index]),
        };
        Monitor::new(
            self.plan.interruption.clone(),
            self.clock.clone(),
            Entries {
                sources: config.sources.iter().enumerate().map(source).collect(),
                stages: self.plan.stages.iter().enumerate().map(stage).collect(),
                sinks: config.sinks.iter().enumerate().map(sink).collect(),
                streams: config.streams.iter().enumerate().map(stream).collect(),
            },
            placement,
            realtime::shown(config),
        )
    }
}
