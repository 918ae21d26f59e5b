//! Which lane runs what.

use crate::config::{Config, Isolation, LanesMode};

use super::graph::{Graph, Node};

/// One lane to be: its name, the outside streams that it takes in, and its nodes in graph order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The name of its thread.
    pub name: String,
    /// On which of the available processors it runs, counted round and round.
    pub processor: usize,
    /// The stage of which it computes one more part, and which; it runs nothing else then.
    pub part: Option<(usize, u32)>,
    /// Streams without a producer whose first consumer is in this lane.
    pub intakes: Vec<usize>,
    /// What it runs.
    pub nodes: Vec<Node>,
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

/// Distributes the nodes over lanes. A stage with `lane: name` goes to the lane of that name. Of the others,
/// `fused` puts each connected chain on one lane and `spread` each node on its own. A sink that may wait for a
/// device always has its own, so that it holds nobody up, and so has a stage in a process of its own, since its lane waits while
/// that process computes. Each part but the first of a wide stage (`instances`) has its own too, on a processor after that of the
/// stage's lane.
pub fn assign(config: &Config, graph: &Graph, waits: impl Fn(usize) -> bool) -> Vec<Lane> {
    let mut keys: Vec<Key> = Vec::new();
    let mut lanes: Vec<Lane> = Vec::new();
    let groups = match config.lanes {
        LanesMode::Fused => graph.chains(config),
        LanesMode::Spread => graph.order.iter().map(|&node| vec![node]).collect(),
    };
    for group in groups {
        let first = group[0];
        for node in group {
            let key = match node {
                Node::Stage(index) => match &config.stages[index].lane {
                    Some(lane) => Key::Named(&lane.value),
                    None if config.stages[index].isolation.value == Isolation::Process => {
                        Key::Own(node)
                    }
                    None => Key::Chain(first),
                },
                Node::Sink(index) if waits(index) => Key::Own(node),
                Node::Source(_) | Node::Sink(_) => Key::Chain(first),
            };
            if let Some(known) = keys.iter().position(|other| *other == key) {
                lanes[known].nodes.push(node);
                continue;
            }
            let name = match key {
                Key::Named(name) => name,
                // The first of it that is in this lane.
                Key::Chain(_) | Key::Own(_) => name_of(config, node),
            };
            lanes.push(Lane {
                name: name.to_owned(),
                processor: lanes.len(),
                part: None,
                intakes: Vec::new(),
                nodes: vec![node],
            });
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
    lanes
}

/// The lanes of a node's parts but the first.
fn parts(config: &Config, processor: usize, node: Node) -> impl Iterator<Item = Lane> {
    let (stage, count) = match node {
        Node::Stage(stage) => (stage, config.stages[stage].instances.value),
        Node::Source(_) | Node::Sink(_) => (0, 1),
    };
    let name = name_of(config, node);
    (1..count).map(move |part| Lane {
        name: format!("{name} part {part}"),
        processor: processor + part as usize,
        part: Some((stage, part)),
        intakes: Vec::new(),
        nodes: Vec::new(),
    })
}

/// What the configuration calls a node.
pub fn name_of(config: &Config, node: Node) -> &str {
    match node {
        Node::Source(index) => &config.sources[index].name,
        Node::Stage(index) => &config.stages[index].name,
        Node::Sink(index) => &config.sinks[index].name,
    }
}
