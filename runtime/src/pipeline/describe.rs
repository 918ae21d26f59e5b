//! A plan in words.

use super::graph::Node;
use super::lanes::{assign, name_of};
use super::plan::Plan;
use crate::config::StreamIndex;
use crate::report::graph::{
    BoundsDescription, Description, Edge, LaneDescription, LimitsDescription, NodeDescription,
    StreamDescription,
};
use crate::sandbox::bounds;

impl Plan {
    /// What the pipeline consists of.
    pub fn describe(&self) -> Description {
        let lanes = assign(&self.config, &self.graph, |sink| self.sinks[sink].waits());
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
                    role: match node {
                        Node::Source(_) => "source",
                        Node::Stage(_) => "stage",
                        Node::Sink(_) => "sink",
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
                    nodes: match lane.part {
                        Some((stage, _)) => vec![name(&Node::Stage(stage))],
                        None => lane.nodes.iter().map(name).collect(),
                    },
                    part: lane.part.map(|(_, part)| part),
                })
                .collect(),
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
                Some(Node::Source(_)) => "source",
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
