//! Which lane runs what.

use crate::config::{Config, Isolation, LanesMode};

use super::graph::{Graph, Node};

/// One lane to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The name of its thread.
    pub name: String,
    /// On which of the available processors it runs, counted round and round.
    pub processor: usize,
    /// What it does.
    pub task: Task,
    /// Streams without a producer whose first consumer is in this lane.
    pub intakes: Vec<usize>,
    /// What it runs, in graph order.
    pub nodes: Vec<Node>,
}

/// What a lane does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Runs its nodes.
    Run,
    /// Runs its nodes, measures them, and then divides them among itself and the lanes that take a share.
    Measure,
    /// Takes a share of what is divided.
    Share,
    /// Computes one more part of a wide stage.
    Part {
        /// The index of the stage.
        stage: usize,
        /// Which part.
        part: u32,
    },
}

/// What makes nodes share a lane. Names alone would not do: a lane may be called like a node.
#[derive(PartialEq)]
enum Key<'a> {
    /// The stages that ask for a lane of this name.
    Named(&'a str),
    /// The chain that begins with this node.
    Chain(Node),
    /// This node alone.
    Own(Node),
}

/// Distributes the nodes over lanes, for so many processors. A stage with `lane: name` goes to the lane of that name. Of the others,
/// `fused` puts each connected chain on one lane and `spread` each node on its own; `auto` puts all on one that measures them, and adds
/// lanes to take a share as long as there are processors that no other lane computes on. A sink that may wait for a
/// device always has its own, so that it holds nobody up, and so has a stage in a process of its own, since its lane waits while
/// that process computes. Each part but the first of a wide stage (`instances`) has its own too, on a processor after that of the
/// stage's lane.
pub fn assign(
    config: &Config,
    graph: &Graph,
    processors: usize,
    waits: impl Fn(usize) -> bool,
) -> Vec<Lane> {
    let mut keys: Vec<Key> = Vec::new();
    let mut lanes: Vec<Lane> = Vec::new();
    let groups = match config.lanes {
        LanesMode::Fused => graph.chains(config),
        LanesMode::Spread => graph.order.iter().map(|&node| vec![node]).collect(),
        LanesMode::Auto => vec![graph.order.clone()],
    };
    for group in groups {
        for &node in &group {
            let key = match node {
                Node::Stage(index) => match &config.stages[index].lane {
                    Some(lane) => Key::Named(&lane.value),
                    None if config.stages[index].isolation.value == Isolation::Process => {
                        Key::Own(node)
                    }
                    None => Key::Chain(group[0]),
                },
                Node::Sink(index) if waits(index) => Key::Own(node),
                Node::Source(_) | Node::Sink(_) => Key::Chain(group[0]),
            };
            if let Some(known) = keys.iter().position(|other| *other == key) {
                lanes[known].nodes.push(node);
                continue;
            }
            let (name, task) = match key {
                Key::Named(name) => (name, Task::Run),
                Key::Chain(_) if config.lanes == LanesMode::Auto => ("auto 1", Task::Measure),
                // The first of it that is in this lane.
                Key::Chain(_) | Key::Own(_) => (name_of(config, node), Task::Run),
            };
            lanes.push(Lane::new(name.to_owned(), lanes.len(), task, vec![node]));
            keys.push(key);
        }
    }
    for (stream, neighbours) in graph.streams.iter().enumerate() {
        let first = neighbours
            .triggers
            .iter()
            .chain(&neighbours.auxiliary)
            .next();
        let (None, Some(first)) = (neighbours.producer, first) else {
            continue;
        };
        if let Some(lane) = lanes.iter_mut().find(|lane| lane.nodes.contains(first)) {
            lane.intakes.push(stream);
        }
    }
    for lane in &mut lanes {
        lane.nodes
            .sort_by_key(|node| graph.order.iter().position(|other| other == node));
    }
    let parts: Vec<Lane> = lanes
        .iter()
        .flat_map(|lane| lane.nodes.iter().map(|node| (lane.processor, *node)))
        .flat_map(|(processor, node)| parts(config, processor, node))
        .collect();
    lanes.extend(parts);
    add_shares(&mut lanes, processors);
    lanes
}

impl Lane {
    fn new(name: String, processor: usize, task: Task, nodes: Vec<Node>) -> Lane {
        Lane {
            name,
            processor,
            task,
            intakes: Vec::new(),
            nodes,
        }
    }
}

/// The lanes of a node's parts but the first.
fn parts(config: &Config, processor: usize, node: Node) -> impl Iterator<Item = Lane> {
    let (stage, count) = match node {
        Node::Stage(stage) => (stage, config.stages[stage].instances.value),
        Node::Source(_) | Node::Sink(_) => (0, 1),
    };
    let name = name_of(config, node);
    (1..count).map(move |part| {
        let task = Task::Part { stage, part };
        let processor = processor + part as usize;
        Lane::new(format!("{name} part {part}"), processor, task, Vec::new())
    })
}

/// Where a lane measures, adds the lanes that take a share: one for each processor on which none computes. Any stage may end up on any of
/// them, so they come first, and each lane has the processor of its place.
fn add_shares(lanes: &mut Vec<Lane>, processors: usize) {
    let Some(measuring) = lanes.iter().position(|lane| lane.task == Task::Measure) else {
        return;
    };
    let computes = |lane: &&Lane| {
        let stage = |node: &Node| matches!(node, Node::Stage(_));
        matches!(lane.task, Task::Part { .. }) || lane.nodes.iter().any(stage)
    };
    let others = lanes.iter().filter(computes).count();
    lanes[..=measuring].rotate_right(1);
    let shares = 1..(1 + processors).saturating_sub(others);
    let share = |number| Lane::new(format!("auto {}", number + 1), 0, Task::Share, Vec::new());
    lanes.splice(1..1, shares.map(share));
    for (place, lane) in lanes.iter_mut().enumerate() {
        lane.processor = place;
    }
}

/// What the configuration calls a node.
pub fn name_of(config: &Config, node: Node) -> &str {
    match node {
        Node::Source(index) => &config.sources[index].name,
        Node::Stage(index) => &config.stages[index].name,
        Node::Sink(index) => &config.sinks[index].name,
    }
}
