//! From a plan to lanes that are ready to run: creates the streams, publishes initial values, opens instances.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};

use super::clocked::Clocked;
use super::control::RunHandle;
use super::faulted::fault_message;
use super::feeding::{Arrivals, Feed, Feeding};
use super::graph::{Graph, Node};
use super::intake::IntakeWorker;
use super::lane::Crew;
use super::lanes::name_of;
use super::matching::Matching;
use super::opening::{Memory, Opening, Shown};
use super::output::Output;
use super::plan::{Plan, PlannedStage};
use super::quarantine::{Keeper, Record};
use super::realtime::{self, Thread};
use super::reopen::Reopener;
use super::run::RunOptions;
use super::sink::SinkWorker;
use super::source::{Bounds, SourceWorker};
use super::spec::{deep, delivery, recorded, spec};
use super::stage::{FrameId, Guest, Stage, Start};
use super::state::State;
use super::supervision::Supervision;
use super::team::{Helper, Team};
use super::trigger::Trigger;
use super::work::{ReadyLane, hand_out};
use crate::array::zeros;
use crate::config::{self, FaultAction, Role, StreamIndex, SynchronizationMode};
use crate::endpoint;
use crate::kernel::Origin;
use crate::recording::{CallLog, Recorder, StageSubject, StreamSubject, calls};
use crate::report::meter::{SourceMeter, StageMeter, StreamMeter};
use crate::report::placement::Placement;
use crate::report::{Clock, Entries, Monitor, SourceEntry, StageEntry, StreamEntry};
use crate::sandbox::{Access, Digest, Isolation, check_address_space};
use crate::stream::{PrivateRing, Reader, Stamp, Stream};

/// How long the next frame waits for the one before, when only one is to be in flight, though no stage computes.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// A pipeline that can run: its streams exist, its kernels are initialised.
pub struct Built {
    /// The lanes, not yet started.
    pub lanes: Vec<ReadyLane>,
    /// All meters.
    pub monitor: Monitor,
    /// The streams; the last owner removes them.
    pub streams: Vec<Arc<Stream>>,
    /// What records the run, if anything does.
    pub recorder: Option<Recorder>,
}

/// Builds a pipeline that takes frames in as `options` say. `keeper` keeps frames that make stages fault.
///
/// # Errors
/// A stream cannot be created, a kernel cannot be started, or the run was stopped meanwhile. Nothing is left behind then.
pub fn build(
    plan: &Plan,
    options: &RunOptions,
    keeper: Option<&Keeper>,
    run: &RunHandle,
) -> anyhow::Result<Built> {
    // The rings are mapped here and the guests' memories hold windows to them; sources and sinks have a frame of their own.
    let bytes = plan.config.streams.iter().fold(0, |sum: u64, stream| {
        let slots = stream.slots.as_ref().map_or(8, |slots| slots.value + 2);
        let frame = stream.array.bytes().unwrap_or(usize::MAX) as u64;
        sum.saturating_add(frame.saturating_mul(slots.into()))
    });
    let here = |stage: &&PlannedStage| stage.program.isolation() == Isolation::Thread;
    let parts = |stage: &PlannedStage| stage.context.part.count as usize;
    let instances = plan.stages.iter().filter(here).map(parts).sum();
    check_address_space(instances, bytes)?;
    realtime::prepare(plan)?;
    let mut builder = Builder::new(plan, options, keeper, run)?;
    builder.publish_initial()?;
    let lanes = plan.lanes();
    let mut crews = Vec::with_capacity(lanes.len());
    // Intakes first: what lies in an outside stream already is there for its readers, and no new frame to them.
    for lane in &lanes {
        let mut crew: Crew = Crew::default();
        // What is read beside others last: who writes it and then the trigger finds both taken in, in that order.
        let mut intakes = lane.intakes.clone();
        intakes.sort_by_key(|&stream| !plan.graph.streams[stream].auxiliary.is_empty());
        for stream in intakes {
            crew.feeds.push(Box::new(builder.intake(stream)?));
        }
        crews.push(crew);
    }
    for (lane, crew) in lanes.iter().zip(&mut crews) {
        for &node in &lane.nodes {
            if run.is_stopped() {
                bail!("stopped while it was starting");
            }
            match node {
                Node::Source(index) => crew.feeds.push(Box::new(builder.source(index)?)),
                Node::Sink(index) => crew.workers.push(Box::new(builder.sink(index)?)),
                Node::Stage(index) => {
                    let stage = Box::new(builder.stage(index)?);
                    match plan.graph.role(node) {
                        Role::Source => crew.feeds.push(stage),
                        Role::Kernel | Role::Sink => crew.workers.push(stage),
                    }
                }
            }
        }
    }
    let placement = Arc::default();
    let processors = realtime::processors(&plan.config);
    let priority = plan.config.realtime.as_ref();
    let priority = priority.and_then(|realtime| realtime.priority);
    let thread = |processor: usize| Thread {
        processor: processors.get(processor % processors.len().max(1)).copied(),
        priority: priority.map(|priority| priority.value),
    };
    let helpers = std::mem::take(&mut builder.helpers);
    let recorder = builder.recorder()?;
    Ok(Built {
        lanes: hand_out(plan, lanes, crews, helpers, &placement, thread),
        monitor: builder.monitor(placement),
        streams: builder.streams,
        recorder,
    })
}

struct Builder<'a> {
    plan: &'a Plan,
    options: &'a RunOptions,
    keeper: Option<&'a Keeper>,
    run: &'a RunHandle,
    clock: Clock,
    /// Where the frames of sources arrive, if anybody waits for that.
    arrivals: Option<Arc<Arrivals>>,
    streams: Vec<Arc<Stream>>,
    stream_meters: Vec<Arc<StreamMeter>>,
    source_meters: Vec<Arc<SourceMeter>>,
    stage_meters: Vec<Arc<StageMeter>>,
    sink_meters: Vec<Arc<StageMeter>>,
    /// Who computes the parts of wide stages but the first, by stage and part.
    helpers: HashMap<(usize, u32), Helper>,
    /// The stages whose calls are recorded.
    recorded_stages: Vec<StageSubject>,
}

impl<'a> Builder<'a> {
    /// Creates the streams.
    fn new(
        plan: &'a Plan,
        options: &'a RunOptions,
        keeper: Option<&'a Keeper>,
        run: &'a RunHandle,
    ) -> anyhow::Result<Self> {
        let config = &plan.config;
        let clock = run.clock().clone();
        let streams = (0..config.streams.len())
            .map(|index| {
                let mut spec = spec(config, &plan.graph, StreamIndex(index));
                if let Some(recording) = &options.recording
                    && recording.streams.contains(&StreamIndex(index))
                {
                    spec = recorded(spec, recording);
                }
                if options.resume.played.contains(&StreamIndex(index)) {
                    spec = deep(spec);
                }
                let name = &config.streams[index].name;
                Stream::create(&spec).with_context(|| format!("stream '{}'", **name))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self {
            plan,
            options,
            keeper,
            run,
            arrivals: (options.feeding == Feeding::OneInFlight)
                .then(|| Arc::new(Arrivals::new(plan.graph.ends().count()))),
            stream_meters: streams.iter().map(|_| Arc::default()).collect(),
            streams,
            source_meters: config
                .sources
                .iter()
                .map(|source| Arc::new(SourceMeter::new(source.streams.len())))
                .collect(),
            stage_meters: config
                .stages
                .iter()
                .map(|stage| {
                    Arc::new(StageMeter {
                        sync: matches(stage).map(|_| Arc::default()),
                        parts: options.feeding.measures_parts().then(Box::default),
                        ..StageMeter::new(stage.trigger.len(), &clock)
                    })
                })
                .collect(),
            sink_meters: config
                .sinks
                .iter()
                .map(|_| Arc::new(StageMeter::new(1, &clock)))
                .collect(),
            clock,
            helpers: HashMap::new(),
            recorded_stages: Vec::new(),
        })
    }

    /// Publishes what the configuration wants to be there before the first frame.
    fn publish_initial(&self) -> anyhow::Result<()> {
        let streams = self.streams.iter().zip(&self.stream_meters);
        let streams = streams.zip(&self.plan.config.streams).enumerate();
        for (index, ((stream, meter), configured)) in streams {
            let made;
            let (frame_id, frame) = match (self.options.resume.shown(index), &configured.initial) {
                (Some(shown), _) => shown,
                (None, None) => continue,
                (None, Some(initial)) => {
                    let cannot = || {
                        let name = &*configured.name;
                        format!("cannot make the initial value of stream '{name}'")
                    };
                    made =
                        endpoint::initial_frame(initial, &configured.array).with_context(cannot)?;
                    (0, made.as_slice())
                }
            };
            let mut writer = stream.writer()?;
            let slot = writer
                .begin()
                .context("a stream without readers has no free slot")?;
            writer.write(slot, frame)?;
            writer.publish(slot, Stamp::source(frame_id));
            meter.published.add(1);
        }
        Ok(())
    }

    fn output(&self, stream: StreamIndex) -> anyhow::Result<Output> {
        let writer = self.streams[stream.0].writer()?;
        let mut output = Output::new(writer, Arc::clone(&self.stream_meters[stream.0]));
        let end = self.plan.graph.ends().position(|end| end == stream);
        if let (Some(arrivals), Some(end)) = (&self.arrivals, end) {
            output.announce(Arc::clone(arrivals), end);
        }
        Ok(output)
    }

    /// Private memory for a frame of the stream.
    fn frame(&self, stream: StreamIndex) -> anyhow::Result<Vec<u8>> {
        let stream = &self.streams[stream.0];
        let no_memory = || format!("no memory for a frame of stream '{}'", stream.name());
        zeros(stream.bytes()).with_context(no_memory)
    }

    fn reader(&self, stream: StreamIndex, wanted: config::Delivery) -> anyhow::Result<Reader> {
        Ok(self.streams[stream.0].reader(delivery(wanted))?)
    }

    fn trigger(&self, stream: StreamIndex, delivery: config::Delivery) -> anyhow::Result<Trigger> {
        Ok(Trigger::new(self.reader(stream, delivery)?))
    }

    fn intake(&self, stream: usize) -> anyhow::Result<IntakeWorker> {
        let ingest = self.streams[stream].ingest()?;
        let meter = Arc::clone(&self.stream_meters[stream]);
        Ok(match self.plan.graph.streams[stream].triggers.is_empty() {
            true => IntakeWorker::of_auxiliary(ingest, meter),
            false => IntakeWorker::of_trigger(ingest, meter, self.options.frames),
        })
    }

    fn source(&self, index: usize) -> anyhow::Result<SourceWorker> {
        let config = &self.plan.config.sources[index];
        let source = self.plan.sources[index]
            .open()
            .with_context(|| format!("cannot open source '{}'", *config.name))?;
        let streams = || config.streams.iter().map(|stream| stream.value);
        let outputs = streams().map(|stream| self.output(stream));
        let frames = streams().map(|stream| self.frame(stream));
        Ok(SourceWorker::new(
            config.name.value.clone(),
            source,
            outputs.collect::<anyhow::Result<_>>()?,
            self.feed(),
            frames.collect::<anyhow::Result<_>>()?,
            Arc::clone(&self.source_meters[index]),
            Bounds {
                generations: self.options.frames,
                read: config.read_timeout.map(|timeout| timeout.value),
            },
        ))
    }

    /// What makes a source publish. A frame counts as lost when all stages together could have computed it.
    fn feed(&self) -> Feed {
        let deadlines = self.plan.stages.iter().map(|stage| stage.limits.deadline);
        let patience = deadlines.fold(LEAST_PATIENCE, Duration::saturating_add);
        self.options.feeding.feed(self.arrivals.as_ref(), patience)
    }

    fn sink(&self, index: usize) -> anyhow::Result<SinkWorker> {
        let config = &self.plan.config.sinks[index];
        let sink = self.plan.sinks[index]
            .open()
            .with_context(|| format!("cannot open sink '{}'", *config.name))?;
        let stream = *config.stream;
        let frame = self.frame(stream)?;
        let trigger = self.trigger(stream, config.delivery)?;
        let meter = Arc::clone(&self.sink_meters[index]);
        Ok(SinkWorker::new(
            config.name.value.clone(),
            sink,
            trigger,
            frame,
            meter,
            config.consume_timeout.map(|timeout| timeout.value),
        ))
    }

    fn stage(&mut self, index: usize) -> anyhow::Result<Stage> {
        let planned = &self.plan.stages[index];
        let config = &self.plan.config.stages[index];
        let state = planned
            .context
            .state
            .iter()
            .map(State::new)
            .collect::<Result<Vec<_>, _>>()?;
        let resumed = self.options.resume.state_of(index).unwrap_or_default();
        for (state, value) in state.iter().zip(resumed) {
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
        let meter = Arc::clone(&self.stage_meters[index]);
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

    /// What records the run, if anything is to.
    fn recorder(&mut self) -> anyhow::Result<Option<Recorder>> {
        let Some(recording) = self.options.recording.clone() else {
            return Ok(None);
        };
        let subject = |stream: &StreamIndex| StreamSubject {
            name: self.plan.config.stream(*stream).name.value.clone(),
            stream: Arc::clone(&self.streams[stream.0]),
        };
        let streams = recording.streams.iter().map(subject).collect();
        let stages = std::mem::take(&mut self.recorded_stages);
        Recorder::start(recording, streams, stages).map(Some)
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

    fn monitor(&self, placement: Arc<OnceLock<Placement>>) -> Monitor {
        let config = &self.plan.config;
        let source = |(index, source): (usize, &config::SourceConfig)| SourceEntry {
            name: source.name.value.clone(),
            kind: source.kind.value.clone(),
            streams: source.streams.iter().map(|stream| stream.0).collect(),
            meter: Arc::clone(&self.source_meters[index]),
        };
        let stage = |(index, stage): (usize, &PlannedStage)| StageEntry {
            name: name_of(config, Node::Stage(index)).to_owned(),
            kind: stage.resolved.kernel.manifest.kind.clone(),
            triggers: Graph::triggers_of(config, Node::Stage(index)),
            meter: Arc::clone(&self.stage_meters[index]),
        };
        let sink = |(index, sink): (usize, &config::SinkConfig)| StageEntry {
            name: sink.name.value.clone(),
            kind: sink.kind.value.clone(),
            triggers: Graph::triggers_of(config, Node::Sink(index)),
            meter: Arc::clone(&self.sink_meters[index]),
        };
        let stream = |(index, stream): (usize, &config::StreamConfig)| StreamEntry {
            name: stream.name.value.clone(),
            end: self.plan.graph.is_end(StreamIndex(index)),
            meter: Arc::clone(&self.stream_meters[index]),
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

/// The rule of a stage whose triggers have to match.
fn matches(stage: &config::StageConfig) -> Option<&config::Synchronization> {
    let rule = stage.synchronization.as_ref();
    rule.filter(|rule| rule.mode == SynchronizationMode::MatchingFrameId)
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
