//! What a pipeline consists of, and how that is shown.

use std::fmt::Write as _;

use serde::Serialize;

use super::placement::Placement;
use super::realtime::Realtime;

/// A pipeline as `describe --format json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The streams, in the order of the configuration.
    pub streams: Vec<StreamDescription>,
    /// Sources, stages and sinks, producers before those whom they trigger.
    pub nodes: Vec<NodeDescription>,
    /// Who gives to whom.
    pub edges: Vec<Edge>,
    /// The lanes and what each runs, in order.
    pub lanes: Vec<LaneDescription>,
    /// With `lanes: auto`, what comes of times measured on frames of zeros. A run measures its own first frames.
    pub placement: Option<Placement>,
    /// What `realtime:` asks for; `null` without it.
    pub realtime: Option<Realtime>,
    /// How guests are stopped at their deadlines: `revoked page`, or `epoch checks, because …`.
    pub interruption: String,
    /// What every guest is bound by, whatever its limits.
    pub bounds: BoundsDescription,
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamDescription {
    /// Its name.
    pub name: String,
    /// NumPy's name of the dtype.
    pub dtype: String,
    /// Extents, slowest first.
    pub shape: Vec<u32>,
    /// `external` (written from outside), `source`, `intermediate`, `end` or `orphan`.
    pub role: &'static str,
    /// The bytes of one frame.
    pub frame_bytes: usize,
}

/// One source, stage or sink.
#[derive(Clone, Debug, Serialize)]
pub struct NodeDescription {
    /// Its name.
    pub name: String,
    /// `source`, `stage` or `sink`.
    pub role: &'static str,
    /// Its kind.
    pub kind: String,
    /// The lane that runs it; of a wide stage, the lane of its first part.
    pub lane: String,
    /// Of a stage: instances among which each frame is split.
    pub instances: Option<u32>,
    /// Of a stage: where its guest runs, `thread` or `process`.
    pub isolation: Option<&'static str>,
    /// Of a stage: what its guest may use.
    pub limits: Option<LimitsDescription>,
}

/// What a guest may use.
#[derive(Clone, Debug, Serialize)]
pub struct LimitsDescription {
    /// Bytes of linear memory, windows not counted.
    pub memory_bytes: u64,
    /// Time for one frame.
    pub deadline_us: f64,
    /// Time for each step before the first frame.
    pub startup_us: f64,
    /// Log messages a second.
    pub log_rate: u32,
}

/// What no configuration changes.
#[derive(Clone, Debug, Serialize)]
pub struct BoundsDescription {
    /// Characters of a log message that are kept.
    pub log_characters: usize,
    /// Characters of a fault's message that are kept.
    pub fault_characters: usize,
    /// Bytes of a module.
    pub module_bytes: usize,
    /// Functions of a module.
    pub functions: usize,
    /// Bytes of one function.
    pub function_bytes: usize,
    /// Locals of one function.
    pub function_locals: u64,
    /// Blocks inside one another in one function.
    pub block_depth: usize,
    /// Tables of a module.
    pub tables: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Core instances of a component.
    pub instances: usize,
}

/// A connection through a stream.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    /// The node or the stream it comes from.
    pub from: String,
    /// The node or the stream it leads to.
    pub to: String,
    /// `trigger`, `auxiliary` or `output`.
    pub role: &'static str,
}

/// One lane.
#[derive(Clone, Debug, Serialize)]
pub struct LaneDescription {
    /// Its name.
    pub name: String,
    /// The nodes it runs, in order.
    pub nodes: Vec<String>,
    /// Of a lane that computes one more part of a wide stage: which part, counted from 0.
    pub part: Option<u32>,
}

/// For people.
pub fn text(description: &Description) -> String {
    let mut rows = vec![
        ["stream", "dtype", "shape", "role"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for stream in &description.streams {
        rows.push(vec![
            stream.name.clone(),
            stream.dtype.clone(),
            format!("{:?}", stream.shape),
            stream.role.to_owned(),
        ]);
    }
    let mut text = super::text::columns(&rows, 4);
    text.push('\n');
    let mut rows = vec![
        ["node", "kind", "from", "with", "to", "lane"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for node in &description.nodes {
        let of = |role: &str| {
            let matching = description.edges.iter().filter(|edge| edge.role == role);
            let names: Vec<&str> = matching
                .filter_map(|edge| match () {
                    () if edge.to == node.name && role != "output" => Some(edge.from.as_str()),
                    () if edge.from == node.name && role == "output" => Some(edge.to.as_str()),
                    () => None,
                })
                .collect();
            if names.is_empty() {
                "–".to_owned()
            } else {
                names.join(", ")
            }
        };
        rows.push(vec![
            node.name.clone(),
            node.kind.clone(),
            of("trigger"),
            of("auxiliary"),
            of("output"),
            lanes_of(description, node),
        ]);
    }
    text.push_str(&super::text::columns(&rows, 6));
    text.push('\n');
    if let Some(placement) = &description.placement {
        let _ = writeln!(
            text,
            "on frames of zeros (a run measures its own first frames):\n{placement}"
        );
    }
    if let Some(realtime) = &description.realtime {
        let _ = writeln!(text, "{realtime}\n");
    }
    text.push_str(&limits(description));
    text
}

/// The lanes of a node: one for each of its parts.
fn lanes_of(description: &Description, node: &NodeDescription) -> String {
    let more = description
        .lanes
        .iter()
        .filter(|lane| lane.part.is_some() && lane.nodes.contains(&node.name));
    let names = std::iter::once(&node.lane).chain(more.map(|lane| &lane.name));
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// What the stages' guests may use, and how they are stopped.
fn limits(description: &Description) -> String {
    let heads = [
        "limits of",
        "memory",
        "deadline",
        "startup",
        "log messages",
        "isolation",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for node in &description.nodes {
        if let Some(limits) = &node.limits {
            rows.push(vec![
                node.name.clone(),
                size(limits.memory_bytes),
                time(limits.deadline_us),
                time(limits.startup_us),
                format!("{}/s", limits.log_rate),
                node.isolation.unwrap_or_default().to_owned(),
            ]);
        }
    }
    let mut text = super::text::columns(&rows, 6);
    let bounds = &description.bounds;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "each stage: log messages of {} characters, fault messages of {}; a module of {} with {} functions of {}, {} locals and {} \
         blocks inside one another, {} tables of {} elements together, {} instances\ninterruption: {}",
        bounds.log_characters,
        bounds.fault_characters,
        size(bounds.module_bytes as u64),
        bounds.functions,
        size(bounds.function_bytes as u64),
        bounds.function_locals,
        bounds.block_depth,
        bounds.tables,
        bounds.table_elements,
        bounds.instances,
        description.interruption
    );
    text
}

/// Bytes with the largest unit that does not round.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(
        || format!("{bytes} B"),
        |(shift, unit)| format!("{} {unit}", bytes >> shift),
    )
}

/// Microseconds with a unit in which they are easy to read.
fn time(microseconds: f64) -> String {
    match microseconds {
        us if us >= 1e6 => format!("{} s", us / 1e6),
        us if us >= 1e3 => format!("{} ms", us / 1e3),
        us => format!("{us} µs"),
    }
}

/// A flow chart for Mermaid.
pub fn mermaid(description: &Description) -> String {
    let mut text = "flowchart LR\n".to_owned();
    let id = Ids::of(description);
    for stream in &description.streams {
        let label = format!("{}<br/>{} {:?}", stream.name, stream.dtype, stream.shape);
        let _ = writeln!(
            text,
            "  {}([\"{}\"])",
            id.stream(&stream.name),
            label.replace('"', "&quot;")
        );
    }
    for node in &description.nodes {
        let label = format!("{}<br/>{}", node.name, node.kind);
        let _ = writeln!(
            text,
            "  {}[\"{}\"]",
            id.node(&node.name),
            label.replace('"', "&quot;")
        );
    }
    for edge in &description.edges {
        let arrow = if edge.role == "auxiliary" {
            "-.->"
        } else {
            "-->"
        };
        let (from, to) = id.ends(edge);
        let _ = writeln!(text, "  {from} {arrow} {to}");
    }
    text
}

/// A graph for Graphviz.
pub fn dot(description: &Description) -> String {
    let mut text =
        "digraph pipeline {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n".to_owned();
    let quoted = |label: String| label.replace('\\', "\\\\").replace('"', "\\\"");
    let id = Ids::of(description);
    for stream in &description.streams {
        let name = quoted(stream.name.clone());
        let label = format!("{name}\\n{} {:?}", stream.dtype, stream.shape);
        let _ = writeln!(
            text,
            "  {} [label=\"{label}\", shape=box, style=rounded];",
            id.stream(&stream.name)
        );
    }
    for node in &description.nodes {
        let label = format!(
            "{}\\n{}",
            quoted(node.name.clone()),
            quoted(node.kind.clone())
        );
        let _ = writeln!(
            text,
            "  {} [label=\"{label}\", shape=box, style=filled];",
            id.node(&node.name)
        );
    }
    for edge in &description.edges {
        let style = if edge.role == "auxiliary" {
            " [style=dashed]"
        } else {
            ""
        };
        let (from, to) = id.ends(edge);
        let _ = writeln!(text, "  {from} -> {to}{style};");
    }
    text + "}\n"
}

/// Identifiers for drawings: names may hold any character.
struct Ids<'a>(&'a Description);

impl<'a> Ids<'a> {
    fn of(description: &'a Description) -> Self {
        Self(description)
    }

    fn stream(&self, name: &str) -> String {
        let index = self.0.streams.iter().position(|stream| stream.name == name);
        format!("s{}", index.unwrap_or(usize::MAX))
    }

    fn node(&self, name: &str) -> String {
        let index = self.0.nodes.iter().position(|node| node.name == name);
        format!("n{}", index.unwrap_or(usize::MAX))
    }

    fn ends(&self, edge: &Edge) -> (String, String) {
        if edge.role == "output" {
            (self.node(&edge.from), self.stream(&edge.to))
        } else {
            (self.stream(&edge.from), self.node(&edge.to))
        }
    }
}
