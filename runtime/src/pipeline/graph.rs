//! The graph of a pipeline: who produces and who consumes each stream, and in which order stages run.

use crate::config::{Config, Role, StreamIndex};

/// Something that produces or consumes frames, by its index in the configuration's section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// An entry under `sources:`.
    Source(usize),
    /// An entry under `kernels:`.
    Stage(usize),
    /// An entry under `sinks:`.
    Sink(usize),
}

/// One stream's neighbours.
#[derive(Clone, Debug, Default)]
pub struct Neighbours {
    /// Who publishes on it: at most one, or nobody, then it is written from outside.
    pub producer: Option<Node>,
    /// Whom it triggers.
    pub triggers: Vec<Node>,
    /// Which stages read it as it is.
    pub auxiliary: Vec<Node>,
}

/// The neighbours of every stream and the order of the nodes.
#[derive(Clone, Debug)]
pub struct Graph {
    /// For each stream of the configuration.
    pub streams: Vec<Neighbours>,
    /// Every node, producers before those whom they trigger.
    pub order: Vec<Node>,
    /// The section of each stage.
    roles: Vec<Role>,
}

impl Graph {
    /// The graph of a configuration, in which every stream has at most one producer and nothing triggers itself.
    pub fn of(config: &Config) -> Self {
        let mut streams = vec![Neighbours::default(); config.streams.len()];
        for (index, source) in config.sources.iter().enumerate() {
            for stream in &source.streams {
                streams[stream.0].producer = Some(Node::Source(index));
            }
        }
        for (index, stage) in config.stages.iter().enumerate() {
            let node = Node::Stage(index);
            stage
                .outputs
                .iter()
                .for_each(|stream| streams[stream.0].producer = Some(node));
            stage
                .trigger
                .iter()
                .for_each(|stream| streams[stream.0].triggers.push(node));
            stage
                .auxiliary
                .iter()
                .for_each(|input| streams[input.stream.0].auxiliary.push(node));
        }
        for (index, sink) in config.sinks.iter().enumerate() {
            streams[sink.stream.0].triggers.push(Node::Sink(index));
        }
        let order = order(config, &streams);
        Self {
            streams,
            order,
            roles: config.stages.iter().map(|stage| stage.role).collect(),
        }
    }

    /// What a node does with frames, whether it is built in or its kernel is a guest's.
    pub fn role(&self, node: Node) -> Role {
        match node {
            Node::Source(_) => Role::Source,
            Node::Stage(index) => self.roles[index],
            Node::Sink(_) => Role::Sink,
        }
    }

    /// Whether the stream is where frames leave the graph: a kernel publishes on it, and it triggers none.
    pub fn is_end(&self, stream: StreamIndex) -> bool {
        let neighbours = &self.streams[stream.0];
        let is_kernel = |node: &Node| self.role(*node) == Role::Kernel;
        neighbours.producer.as_ref().is_some_and(is_kernel)
            && !neighbours.triggers.iter().any(is_kernel)
    }

    /// The streams where frames leave the graph.
    pub fn ends(&self) -> impl Iterator<Item = StreamIndex> {
        let streams = (0..self.streams.len()).map(StreamIndex);
        streams.filter(|stream| self.is_end(*stream))
    }

    /// Whether the stream is at the edge of the graph, where outside processes read or write: it has no
    /// producer, comes from a source or a sink, or is an end.
    pub fn is_edge(&self, stream: StreamIndex) -> bool {
        let producer = self.streams[stream.0].producer;
        producer.map(|node| self.role(node)) != Some(Role::Kernel) || self.is_end(stream)
    }

    /// The streams that a node is triggered by.
    pub fn triggers_of(config: &Config, node: Node) -> Vec<usize> {
        match node {
            Node::Source(_) => Vec::new(),
            Node::Stage(index) => config.stages[index]
                .trigger
                .iter()
                .map(|stream| stream.0)
                .collect(),
            Node::Sink(index) => vec![config.sinks[index].stream.0],
        }
    }

    /// Groups the nodes that trigger one another, directly or through others. Each group is in graph order.
    pub fn chains(&self, config: &Config) -> Vec<Vec<Node>> {
        let mut groups: Vec<Vec<Node>> = Vec::new();
        for &node in &self.order {
            let mut group = vec![node];
            let streams = Self::triggers_of(config, node);
            let producers: Vec<Node> = streams
                .iter()
                .filter_map(|&stream| self.streams[stream].producer)
                .collect();
            // Nodes that an outside stream triggers together belong together too.
            let siblings: Vec<Node> = streams
                .iter()
                .flat_map(|&stream| self.streams[stream].triggers.iter().copied())
                .collect();
            let (joined, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| {
                group
                    .iter()
                    .any(|other| producers.contains(other) || siblings.contains(other))
            });
            group.extend(joined.into_iter().flatten());
            group.sort_by_key(|node| self.order.iter().position(|other| other == node));
            groups = rest;
            groups.push(group);
        }
        groups
    }
}

/// Kahn's algorithm over trigger edges, stable in the order of the configuration.
fn order(config: &Config, streams: &[Neighbours]) -> Vec<Node> {
    let sources = (0..config.sources.len()).map(Node::Source);
    let stages = (0..config.stages.len()).map(Node::Stage);
    let sinks = (0..config.sinks.len()).map(Node::Sink);
    let mut waiting: Vec<Node> = sources.chain(stages).chain(sinks).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let free = |node: &&Node| {
            let mut producers = Graph::triggers_of(config, **node)
                .into_iter()
                .filter_map(|stream| streams[stream].producer);
            producers.all(|producer| order.contains(&producer))
        };
        // The configuration has no cycle; were there one, its nodes would follow in the order of the file.
        let next = waiting.iter().find(free).copied().unwrap_or(waiting[0]);
        waiting.retain(|node| *node != next);
        order.push(next);
    }
    order
}
