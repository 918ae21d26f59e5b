//! A pipeline that is fed by a recording.

use std::sync::Arc;
use std::time::Duration;

use super::checked::Checked;
use super::playback::{Playback, Speed};
use super::verify::calls_before;
use crate::config::{
    Config, Located, Mode, Parameters, Report, Role, SourceConfig, Span, StreamIndex,
};
use crate::pipeline::{Plan, Resume};
use crate::recording::Recording;
use crate::sandbox::Engine;

/// Why a recording cannot feed a pipeline.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The pipeline is wrong in itself.
    #[error("the pipeline is not valid")]
    Pipeline(Report),
    /// It produces all recorded streams itself.
    #[error(
        "the pipeline produces all streams itself that were recorded, so there is nothing to feed it with; record those of its sources"
    )]
    Nothing,
    /// Of one source some streams were recorded and others not.
    #[error(
        "source '{source_name}' gives '{recorded}', which was recorded, and '{missing}', which was not; record both"
    )]
    Half {
        /// The source.
        source_name: String,
        /// One that was.
        recorded: String,
        /// One that was not.
        missing: String,
    },
}

/// The plan of the pipeline in which the recorded streams that no stage writes come from the recording, from a time of the recording
/// machine's CLOCK_MONOTONIC on; and the names of the sources that stay.
///
/// # Errors
/// There is nothing to be fed, or the pipeline is wrong.
pub fn feed(
    engine: &Engine,
    mut config: Config,
    recording: &Arc<Recording>,
    from_ns: u64,
    speed: Speed,
) -> Result<(Plan, Vec<String>), FeedError> {
    let computed = |stream: StreamIndex| {
        // What a guest's source has given comes from the recording, like what others have.
        let stages = config.stages.iter();
        let mut outputs = stages
            .filter(|stage| stage.role != Role::Source)
            .flat_map(|stage| &stage.outputs);
        outputs.any(|output| output.value == stream)
    };
    let streams = recording.streams.iter().enumerate();
    let played: Vec<(usize, StreamIndex)> = streams
        .filter_map(|(index, stream)| Some((index, config.find_stream(&stream.name)?)))
        .filter(|(_, stream)| !computed(*stream))
        .collect();
    if played.is_empty() {
        return Err(FeedError::Nothing);
    }
    let is_played = |stream: StreamIndex| played.iter().any(|(_, other)| *other == stream);
    let name = |stream: StreamIndex| config.stream(stream).name.value.clone();
    let built_in = config
        .sources
        .iter()
        .map(|source| (&source.name, &source.streams));
    let guests = config
        .stages
        .iter()
        .filter(|stage| stage.role == Role::Source);
    for (source_name, streams) in built_in.chain(guests.map(|stage| (&stage.name, &stage.outputs)))
    {
        let first = |wanted: bool| {
            let mut streams = streams.iter().map(|stream| stream.value);
            streams.find(|stream| is_played(*stream) == wanted)
        };
        if let (Some(recorded), Some(missing)) = (first(true), first(false)) {
            return Err(FeedError::Half {
                source_name: source_name.value.clone(),
                recorded: name(recorded),
                missing: name(missing),
            });
        }
    }
    config
        .sources
        .retain(|source| !source.streams.iter().any(|stream| is_played(stream.value)));
    config
        .stages
        .retain(|stage| !stage.outputs.iter().any(|stream| is_played(stream.value)));
    let stay = config
        .sources
        .iter()
        .map(|source| source.name.value.clone());
    let stay = stay.collect();
    for &(_, stream) in &played {
        // It is this run that makes the stream, whoever made it then.
        config.streams[stream.0].mode = Mode::CreateOrAttach;
    }
    let passed = |&(index, stream): &(usize, StreamIndex)| {
        let frames = &recording.streams[index].frames;
        // The stream's initial value, which this run publishes by itself.
        let has_initial = config.stream(stream).initial.is_some();
        let initial = has_initial && frames.first().is_some_and(|frame| frame.sequence == 1);
        let before = frames.partition_point(|frame| frame.published_ns < from_ns);
        (index, before.max(usize::from(initial)))
    };
    let passed = played.iter().map(passed).collect();
    let playback = Playback::new(Arc::clone(recording), passed, speed);
    let source = source(played.iter().map(|(_, stream)| *stream));
    let plan = Plan::with_source(engine, config, source, Box::new(playback));
    Ok((plan.map_err(FeedError::Pipeline)?, stay))
}

/// The entry of the configuration that stands for the recording.
fn source(streams: impl Iterator<Item = StreamIndex>) -> SourceConfig {
    let nowhere = |text: &str| Located::new(text.to_owned(), Span::default());
    SourceConfig {
        span: Span::default(),
        name: nowhere("recording"),
        kind: nowhere("recording"),
        streams: streams
            .map(|stream| Located::new(stream, Span::default()))
            .collect(),
        parameters: Parameters {
            span: Span::default(),
            entries: Vec::new(),
        },
        poll_interval: Duration::from_millis(10),
        read_timeout: None,
    }
}

/// What stages and streams held at a time: the state that was kept last before it, and the newest frame of each stream that is read
/// beside others.
///
/// # Errors
/// The file cannot be read any more.
pub fn resume(checked: &Checked<'_>, from_ns: u64) -> anyhow::Result<Resume> {
    let Checked {
        plan, recording, ..
    } = checked;
    let mut resume = Resume::default();
    for recorded in &recording.stages {
        let before = calls_before(recording, recorded, from_ns)?;
        let snapshots = recorded.snapshots.iter();
        let snapshot = snapshots.rev().find(|snapshot| snapshot.after <= before);
        if let Some(snapshot) = snapshot {
            let state = recording.read_state(recorded, snapshot)?;
            resume.state.push((recorded.name.clone(), state));
        }
    }
    for (index, neighbours) in plan.graph.streams.iter().enumerate() {
        let name = &plan.config.streams[index].name.value;
        let recorded = recording
            .stream(name)
            .filter(|_| !neighbours.auxiliary.is_empty());
        let frame = recorded.and_then(|stream| {
            let before = stream
                .frames
                .partition_point(|frame| frame.published_ns < from_ns);
            stream.frames.get(before.checked_sub(1)?)
        });
        if let (Some(stream), Some(frame)) = (recorded, frame) {
            let mut bytes = vec![0; stream.array.bytes().unwrap_or(0)];
            recording.read_frame(frame, &mut bytes)?;
            resume
                .shown
                .push((StreamIndex(index), frame.frame_id, bytes));
        }
    }
    Ok(resume)
}
