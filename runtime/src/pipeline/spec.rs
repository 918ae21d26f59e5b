//! What a pipeline asks of its streams.

use super::graph::{Graph, Node};
use crate::config::{self, Config, Diagnostic, StreamIndex};
use crate::recording::RecordingOptions;
use crate::stream::{Delivery, MOST_SLOTS, Mirror, Mode, StreamSpec};

/// What to ask of a stream: room for its readers, and the mirror where outside processes look.
pub fn spec(config: &Config, graph: &Graph, index: StreamIndex) -> StreamSpec {
    let stream = config.stream(index);
    let neighbours = &graph.streams[index.0];
    let every = neighbours.triggers.iter().any(|node| match node {
        Node::Stage(stage) => config.stages[*stage].delivery == config::Delivery::Every,
        Node::Sink(sink) => config.sinks[*sink].delivery == config::Delivery::Every,
        Node::Source(_) => false,
    });
    let edge = graph.is_edge(index);
    StreamSpec {
        name: config.system_name(index),
        array: stream.array.clone(),
        readers: (neighbours.triggers.len() + neighbours.auxiliary.len()) as u32,
        every,
        slots: stream.slots.as_ref().map(|slots| slots.value),
        notify: stream.notify.unwrap_or(edge),
        mirror: match stream.mirror {
            Some(true) => Mirror::Every,
            None if edge => Mirror::Auto,
            None => Mirror::IfAttached,
            Some(false) => Mirror::Never,
        },
        mode: match stream.mode {
            config::Mode::CreateOrAttach => Mode::CreateOrAttach,
            config::Mode::Create => Mode::Create,
            config::Mode::Attach => Mode::Attach,
            config::Mode::Replace => Mode::Replace,
        },
    }
}

/// The same for a stream that is recorded: more slots, so that the recorder may lag behind, and a place for it if it is a reader.
pub fn recorded(mut spec: StreamSpec, recording: &RecordingOptions) -> StreamSpec {
    if recording.lossless {
        spec.readers += 1;
        spec.every = true;
        // What the configuration asks for was for the other readers.
        spec.slots = spec
            .slots
            .map(|slots| slots.saturating_add(1).min(MOST_SLOTS));
    }
    deep(spec)
}

/// The same with more slots, unless the configuration says how many there are.
pub fn deep(mut spec: StreamSpec) -> StreamSpec {
    let frame_bytes = spec.array.bytes().unwrap_or(usize::MAX);
    let least = spec.default_slots();
    let slots = least.saturating_add(RecordingOptions::spare_slots(frame_bytes));
    // More than there may be is no reason to refuse a pipeline that runs unrecorded.
    spec.slots.get_or_insert(slots.min(MOST_SLOTS.max(least)));
    spec
}

/// The delivery of a stream's reader.
pub fn delivery(wanted: config::Delivery) -> Delivery {
    match wanted {
        config::Delivery::Latest => Delivery::Latest,
        config::Delivery::Every => Delivery::Every,
    }
}

/// Which streams cannot be, whoever made them: too many readers, too few slots, too many dimensions.
pub fn check(config: &Config, graph: &Graph) -> Vec<Diagnostic> {
    let refusal = |index: usize| {
        let error = spec(config, graph, StreamIndex(index)).check().err()?;
        Some(Diagnostic::at(
            config.streams[index].name.span,
            error.to_string(),
        ))
    };
    (0..config.streams.len()).filter_map(refusal).collect()
}
