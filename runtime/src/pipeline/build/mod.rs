//! From a plan to lanes that are ready to run: creates the streams, publishes initial values, opens instances.

mod monitor;
mod stage;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use self::monitor::Meters;
use super::awake::Awake;
use super::control::RunHandle;
use super::feeding::{Arrivals, Feed, Feeding};
use super::graph::Node;
use super::intake::IntakeWorker;
use super::lane::Crew;
use super::lanes::Task;
use super::output::Output;
use super::plan::{Plan, PlannedStage};
use super::quarantine::Keeper;
use super::realtime::{self, Aside, Thread};
use super::run::RunOptions;
use super::sink::SinkWorker;
use super::source::{Bounds, SourceWorker};
use super::spec::{deep, delivery, recorded, spec};
use super::team::Helper;
use super::trigger::Trigger;
use super::work::{ReadyLane, hand_out};
use crate::array::zeros;
use crate::config::{self, Role, StreamIndex, SynchronizationMode};
use crate::endpoint;
use crate::recording::{Recorder, StageSubject, StreamSubject};
use crate::report::{Clock, Monitor};
use crate::sandbox::{Isolation, check_address_space};
use crate::stream::{Reader, Stamp, Stream};

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
    /// Keeps processors awake meanwhile, if that is asked for.
    pub awake: Option<Awake>,
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
    let awake = realtime::prepare(plan)?;
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
    let processors = match &builder.options.recording {
        None => realtime::processors(&plan.config),
        Some(_) => realtime::processors_beside_a_disk(&plan.config),
    };
    let priority = plan.config.realtime.as_ref();
    let priority = priority.and_then(|realtime| realtime.priority);
    let thread = |processor: usize| Thread {
        processor: processors.get(processor % processors.len().max(1)).copied(),
        priority: priority.map(|priority| priority.value),
    };
    let helpers = std::mem::take(&mut builder.helpers);
    // A lane that waits for its share may never get one.
    let own = lanes.iter().filter(|lane| lane.task != Task::Share);
    let aside = Aside::of(own.map(|lane| thread(lane.processor).processor));
    let recorder = builder.recorder(move || aside.apply())?;
    Ok(Built {
        lanes: hand_out(plan, lanes, crews, helpers, &placement, thread),
        monitor: builder.monitor(placement),
        streams: builder.streams,
        recorder,
        awake,
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
    meters: Meters,
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
            meters: Meters::new(plan, options.feeding.measures_parts(), &clock),
            streams,
            clock,
            helpers: HashMap::new(),
            recorded_stages: Vec::new(),
        })
    }

    /// Publishes what the configuration wants to be there before the first frame.
    fn publish_initial(&self) -> anyhow::Result<()> {
        let streams = self.streams.iter().zip(&self.meters.streams);
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
        let mut output = Output::new(writer, Arc::clone(&self.meters.streams[stream.0]));
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
        let meter = Arc::clone(&self.meters.streams[stream]);
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
            Arc::clone(&self.meters.sources[index]),
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
        let meter = Arc::clone(&self.meters.sinks[index]);
        Ok(SinkWorker::new(
            config.name.value.clone(),
            sink,
            trigger,
            frame,
            meter,
            config.consume_timeout.map(|timeout| timeout.value),
        ))
    }

    /// What records the run, if anything is to. Its threads `prepare` themselves first.
    fn recorder(
        &mut self,
        prepare: impl Fn() + Clone + Send + 'static,
    ) -> anyhow::Result<Option<Recorder>> {
        let Some(recording) = self.options.recording.clone() else {
            return Ok(None);
        };
        let subject = |stream: &StreamIndex| StreamSubject {
            name: self.plan.config.stream(*stream).name.value.clone(),
            stream: Arc::clone(&self.streams[stream.0]),
        };
        let streams = recording.streams.iter().map(subject).collect();
        let stages = std::mem::take(&mut self.recorded_stages);
        Recorder::start(recording, streams, stages, prepare).map(Some)
    }
}

/// The rule of a stage whose triggers have to match.
fn matches(stage: &config::StageConfig) -> Option<&config::Synchronization> {
    let rule = stage.synchronization.as_ref();
    rule.filter(|rule| rule.mode == SynchronizationMode::MatchingFrameId)
}
