//! A plan in words.

use super::graph::Node;
use super::lanes::{Lane, Task, name_of};
use super::placement::{partition, placement};
use super::plan::{Plan, PlannedStage};
use super::realtime;
use super::solo::Solo;
use crate::config::{Role, StreamIndex};
use crate::report::graph::{
    BoundsDescription, Description, Edge, LaneDescription, LimitsDescription, NodeDescription,
    StreamDescription,
};
use crate::report::placement::Placement;
use crate::sandbox::bounds;

impl Plan {
    /// What the pipeline consists of.
    pub fn describe(&self) -> Description {
        let lanes = self.lanes();
        let name = |node: &Node| name_of(&self.config, *node).to_owned();
        let lane_of = |node: &Node| {
            let lane = lanes.iter().find(|lane| lane.nodes.contains(node));
            lane.map_or_else(String::new, |lane| lane.name.clone())
        };
        Description {
            streams: (0..self.config.streams.len())
                .map(|index| self.stream(index))
                .collect(),
            nodes: self
                .graph
                .order
                .iter()
                .map(|node| NodeDescription {
                    name: name(node),
                    role: match self.graph.role(*node) {
                        Role::Kernel => "stage",
                        role => role.name(),
                    },
                    kind: self.kind_of(*node),
                    lane: lane_of(node),
                    instances: match node {
                        Node::Stage(index) => Some(self.stages[*index].context.part.count),
                        Node::Source(_) | Node::Sink(_) => None,
                    },
                    isolation: match node {
                        Node::Stage(index) => Some(self.stages[*index].program.isolation().name()),
                        Node::Source(_) | Node::Sink(_) => None,
                    },
                    limits: match node {
                        Node::Stage(index) => Some(&self.stages[*index].limits),
                        Node::Source(_) | Node::Sink(_) => None,
                    }
                    .map(|limits| LimitsDescription {
                        memory_bytes: limits.memory,
                        deadline_us: limits.deadline.as_secs_f64() * 1e6,
                        startup_us: limits.startup.as_secs_f64() * 1e6,
                        log_rate: limits.log_rate,
                    }),
                })
                .collect(),
            edges: self.edges(),
            lanes: lanes
                .iter()
                .map(|lane| LaneDescription {
                    name: lane.name.clone(),
                    nodes: match lane.task {
                        Task::Part { stage, .. } => vec![name(&Node::Stage(stage))],
                        _ => lane.nodes.iter().map(name).collect(),
                    },
                    part: match lane.task {
                        Task::Part { part, .. } => Some(part),
                        Task::Run | Task::Measure | Task::Share => None,
                    },
                })
                .collect(),
            placement: self.foretell(&lanes),
            realtime: realtime::shown(&self.config),
            interruption: self.interruption.clone(),
            bounds: BoundsDescription {
                log_characters: bounds::LOG_CHARACTERS,
                fault_characters: bounds::FAULT_CHARACTERS,
                module_bytes: bounds::MODULE_BYTES,
                functions: bounds::FUNCTIONS,
                function_bytes: bounds::FUNCTION_BYTES,
                function_locals: bounds::FUNCTION_LOCALS,
                block_depth: bounds::BLOCK_DEPTH,
                tables: bounds::TABLES,
                table_elements: bounds::TABLE_ELEMENTS,
                instances: bounds::INSTANCES,
            },
        }
    }

    /// Where `lanes: auto` would put the stages if each took what it takes alone, on frames of zeros. Sources and sinks count nothing.
    /// `None` where nothing is to be placed, or a kernel does not compute such frames.
    fn foretell(&self, lanes: &[Lane]) -> Option<Placement> {
        let measuring = lanes.iter().find(|lane| lane.task == Task::Measure)?;
        let mut loads = Vec::with_capacity(measuring.nodes.len());
        for node in &measuring.nodes {
            loads.push(match node {
                Node::Stage(index) => alone(&self.stages[*index])?,
                Node::Source(_) | Node::Sink(_) => 0.0,
            });
        }
        let shares = lanes.iter().filter(|lane| lane.task == Task::Share);
        let names: Vec<String> = std::iter::once(measuring)
            .chain(shares)
            .map(|lane| lane.name.clone())
            .collect();
        let nodes = measuring.nodes.iter();
        let nodes = nodes.map(|node| name_of(&self.config, *node).to_owned());
        let starts = partition(&loads, names.len());
        Some(placement(nodes.collect(), &loads, &starts, &names, 1))
    }

    fn kind_of(&self, node: Node) -> String {
        match node {
            Node::Source(index) => self.config.sources[index].kind.value.clone(),
            Node::Stage(index) => self.stages[index].resolved.kernel.manifest.kind.clone(),
            Node::Sink(index) => self.config.sinks[index].kind.value.clone(),
        }
    }

    fn stream(&self, index: usize) -> StreamDescription {
        let stream = &self.config.streams[index];
        let neighbours = &self.graph.streams[index];
        let consumed = !neighbours.triggers.is_empty() || !neighbours.auxiliary.is_empty();
        StreamDescription {
            name: stream.name.value.clone(),
            dtype: stream.array.dtype.numpy_name().to_owned(),
            shape: stream.array.shape.clone(),
            role: match neighbours.producer {
                None if consumed => "external",
                None => "orphan",
                Some(node) if self.graph.role(node) == Role::Source => "source",
                Some(_) if self.graph.is_end(StreamIndex(index)) => "end",
                Some(_) => "intermediate",
            },
            frame_bytes: stream.array.bytes().unwrap_or(0),
        }
    }

    fn edges(&self) -> Vec<Edge> {
        let stream_name = |index: usize| self.config.streams[index].name.value.clone();
        let mut edges = Vec::new();
        for (index, neighbours) in self.graph.streams.iter().enumerate() {
            let node_name = |node: &Node| name_of(&self.config, *node).to_owned();
            let to = |role: &'static str| {
                move |node: &Node| Edge {
                    from: stream_name(index),
                    to: node_name(node),
                    role,
                }
            };
            edges.extend(neighbours.producer.iter().map(|node| Edge {
                from: name_of(&self.config, *node).to_owned(),
                to: stream_name(index),
                role: "output",
            }));
            edges.extend(neighbours.triggers.iter().map(to("trigger")));
            edges.extend(neighbours.auxiliary.iter().map(to("auxiliary")));
        }
        edges
    }
}

/// The median time of a stage's call, in nanoseconds, on frames of zeros; of a wide stage, that of one part.
fn alone(stage: &PlannedStage) -> Option<f64> {
    const CALLS: usize = 9;
    let mut solo = Solo::open(&stage.program, &stage.context, &stage.limits).ok()?;
    let calls = (0..CALLS).map(|call| solo.compute(call as u64).ok());
    let mut times = calls.collect::<Option<Vec<_>>>()?;
    times.sort_unstable();
    Some(times[CALLS / 2].as_nanos() as f64)
}
