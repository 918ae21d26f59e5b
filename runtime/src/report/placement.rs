//! Where `lanes: auto` has put the nodes, and why.

use std::fmt;

use serde::Serialize;

/// The lanes that were chosen, and the times that they were chosen by.
#[derive(Clone, Debug, Serialize)]
pub struct Placement {
    /// Frames that were measured.
    pub frames: u64,
    /// The nodes in the order in which frames pass.
    pub nodes: Vec<NodeTime>,
    /// The lanes, each with nodes that follow one another.
    pub lanes: Vec<PlacedLane>,
}

/// What one node takes for a frame.
#[derive(Clone, Debug, Serialize)]
pub struct NodeTime {
    /// Its name; the stream's name for the intake of an outside stream.
    pub name: String,
    /// Microseconds: the median of its turns, times its turns for each frame.
    pub us: f64,
}

/// One lane.
#[derive(Clone, Debug, Serialize)]
pub struct PlacedLane {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub nodes: Vec<String>,
    /// Microseconds for a frame.
    pub us: f64,
}

impl fmt::Display for Placement {
    /// One line a lane.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lane in &self.lanes {
            let time_of = |name: &String| {
                let node = self.nodes.iter().find(|node| node.name == *name);
                format!("{name} {:.2}", node.map_or(0.0, |node| node.us))
            };
            let nodes: Vec<String> = lane.nodes.iter().map(time_of).collect();
            writeln!(
                f,
                "lane {}: {:.2} µs a frame ({})",
                lane.name,
                lane.us,
                nodes.join(", ")
            )?;
        }
        Ok(())
    }
}
