//! Opens a stage: its state, its windows, its instances, its readers and writers.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use super::{Builder, matches};
use crate::config::{self, FaultAction, Role, StreamIndex};
use crate::kernel::Origin;
use crate::pipeline::clocked::Clocked;
use crate::pipeline::faulted::fault_message;
use crate::pipeline::matching::Matching;
use crate::pipeline::opening::{Memory, Opening, Shown};
use crate::pipeline::plan::PlannedStage;
use crate::pipeline::quarantine::Record;
use crate::pipeline::reopen::Reopener;
use crate::pipeline::stage::{FrameId, Guest, Stage, Start};
use crate::pipeline::state::State;
use crate::pipeline::supervision::Supervision;
use crate::pipeline::team::Team;
use crate::recording::{CallLog, StageSubject, calls};
use crate::sandbox::{Access, Digest};
use crate::stream::PrivateRing;

impl Builder<'_> {
    pub(super) fn stage(&mut self, index: usize) -> anyhow::Result<Stage> {
        let planned = &self.plan.stages[index];
        let config = &self.plan.config.stages[index];
        let state = planned
            .context
            .state
            .iter()
            .map(State::new)
            .collect::<Result<Vec<_>, _>>()?;
        let resumed = self.options.resume.state_of(&config.name);
        for (state, value) in state.iter().zip(resumed.unwrap_or_default()) {
            state.set(value)?;
        }
        let sealed = self.sealed(config)?;
        let opening = Opening {
            program: planned.program.clone(),
            context: planned.context.clone(),
            limits: planned.limits,
            windows: self.windows(index, &state, &sealed),
            stage: index,
            run: self.run.clone(),
        };
        let windows: Vec<String> = opening.windows.iter().map(|w| w.name.clone()).collect();
        let parts = planned.context.part.count;
        let (mut team, helpers) = Team::new(parts, windows.len());
        for part in 0..parts {
            let instance = opening
                .open(part)
                .map_err(|fault| anyhow!("{}", fault_message(&fault, &windows)))
                .with_context(|| format!("{} cannot start", config.called()))?;
            team.put(part, instance);
        }
        let places = (1..).map(|part| (index, part));
        self.helpers.extend(places.zip(helpers));
        let reopener = match config.on_fault.action {
            FaultAction::Stop => None,
            _ => Some(Reopener::start(opening).context("cannot start a thread for restarts")?),
        };
        let calls = self.calls(index, &state);
        let triggers = config
            .trigger
            .iter()
            .map(|stream| self.trigger(**stream, config.delivery));
        let auxiliary = config
            .auxiliary
            .iter()
            .map(|input| self.reader(*input.stream, config::Delivery::Latest));
        let mut outputs = config
            .outputs
            .iter()
            .map(|stream| self.output(**stream))
            .collect::<anyhow::Result<Vec<_>>>()?;
        for (output, frame) in outputs.iter_mut().zip(sealed) {
            output.seal(frame);
        }
        let meter = Arc::clone(&self.meters.stages[index]);
        let sync = matches(config).zip(meter.sync.as_ref());
        Ok(Stage {
            name: config.name.value.clone(),
            start: self.start(config),
            is_sink: config.role == Role::Sink,
            matching: sync.map(|(rule, meter)| Matching::new(rule, Arc::clone(meter))),
            frame_id: match config.propagate_frame_id {
                true => FrameId::Largest,
                false => FrameId::First,
            },
            triggers: triggers.collect::<anyhow::Result<_>>()?,
            auxiliary: auxiliary.collect::<anyhow::Result<_>>()?,
            outputs,
            inputs: Vec::with_capacity(config.trigger.len() + config.auxiliary.len()),
            slots: vec![0; windows.len()],
            state,
            windows,
            team,
            guest: Guest::Here,
            supervision: Supervision::new(config.on_fault.value),
            reopener,
            quarantine: self.keeper.map(|keeper| keeper.stage(record(planned))),
            calls,
            run: self.run.clone(),
            meter,
            has_output: false,
            closed: false,
        })
    }

    /// Where the calls of a stage are noted, if the run is recorded.
    fn calls(&mut self, index: usize, state: &[State]) -> Option<CallLog> {
        self.options.recording.as_ref()?;
        let stage = &self.plan.config.stages[index];
        let name = |stream: StreamIndex| self.plan.config.stream(stream).name.value.clone();
        let triggers = stage.trigger.iter().map(|stream| name(**stream));
        let auxiliary = stage.auxiliary.iter().map(|input| name(*input.stream));
        let inputs: Vec<String> = triggers.chain(auxiliary).collect();
        let outputs: Vec<String> = stage.outputs.iter().map(|stream| name(**stream)).collect();
        let kernel = &self.plan.stages[index].resolved.kernel;
        let arrays = self.plan.stages[index].context.state.iter();
        let (log, queue) = calls(inputs.len(), outputs.len());
        let watch = queue.watch(state.iter().map(State::memory).collect());
        self.recorded_stages.push(StageSubject {
            name: stage.name.value.clone(),
            kind: kernel.manifest.kind.clone(),
            sha256: Digest(kernel.sha256).to_string(),
            inputs,
            outputs,
            state: arrays
                .map(|array| (array.alias.clone(), array.array.clone()))
                .collect(),
            queue,
            watch,
        });
        Some(log)
    }

    /// What makes the stage run.
    fn start(&self, stage: &config::StageConfig) -> Start {
        match stage.role {
            Role::Kernel | Role::Sink => Start::Triggers(stage.trigger_policy),
            Role::Source => {
                let rate = stage.rate.map(|rate| rate.value);
                Start::Clock(Clocked::new(rate, self.feed(), self.options.frames))
            }
        }
    }

    /// Where the stage writes its outputs, if not into its streams: one frame for each, or none.
    fn sealed(&self, stage: &config::StageConfig) -> anyhow::Result<Vec<Arc<PrivateRing>>> {
        if stage.publish.value == config::Publish::InPlace {
            return Ok(Vec::new());
        }
        let frame = |stream: &config::Located<StreamIndex>| {
            let stream = &self.streams[stream.value.0];
            Ok(Arc::new(PrivateRing::new(
                stream.name(),
                1,
                Some(stream.bytes()),
            )?))
        };
        stage.outputs.iter().map(frame).collect()
    }

    /// The windows of a stage in frame-table order.
    fn windows(&self, index: usize, state: &[State], sealed: &[Arc<PrivateRing>]) -> Vec<Shown> {
        let config = &self.plan.config.stages[index];
        let ring = |stream: StreamIndex, access| Shown {
            name: self.plan.config.stream(stream).name.value.clone(),
            memory: Memory::Ring(Arc::clone(&self.streams[stream.0])),
            access,
        };
        let inputs = config.trigger.iter().map(|stream| **stream);
        let inputs = inputs.chain(config.auxiliary.iter().map(|input| *input.stream));
        let mut windows: Vec<Shown> = inputs.map(|stream| ring(stream, Access::Read)).collect();
        for (place, stream) in config.outputs.iter().enumerate() {
            let in_place = ring(**stream, Access::Write);
            windows.push(match sealed.get(place) {
                Some(frame) => Shown {
                    memory: Memory::Private(Arc::clone(frame)),
                    ..in_place
                },
                None => in_place,
            });
        }
        let arrays = &self.plan.stages[index].context.state;
        for (state, array) in state.iter().zip(arrays) {
            for (what, access) in [("previous", Access::Read), ("next", Access::Write)] {
                windows.push(Shown {
                    name: format!("{what} {}", array.alias),
                    memory: Memory::Private(state.memory()),
                    access,
                });
            }
        }
        windows
    }
}

/// What is known before a stage faults.
fn record(planned: &PlannedStage) -> Record {
    let kernel = &planned.resolved.kernel;
    let module = match &kernel.origin {
        Origin::BuiltIn => None,
        // As it is found from anywhere; where that cannot be said, as it was named.
        Origin::File(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
    };
    let sha256 = Digest(kernel.sha256).to_string();
    Record::new(
        module,
        sha256,
        planned.context.clone(),
        planned.limits,
        planned.program.isolation(),
    )
}
