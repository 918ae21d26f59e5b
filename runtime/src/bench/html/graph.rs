//! The pipeline from top to bottom: streams and nodes in rows, each below what it comes from.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::super::report::Report;
use super::svg;
use crate::report::graph::{Description, Edge};
use crate::report::text::microseconds;

const ROW: f64 = 66.0;
const BOX: f64 = 40.0;
const GAP: f64 = 18.0;
/// About the width of a character of the text.
const CHARACTER: f64 = 6.9;
const MOST_CHARACTERS: usize = 40;

/// A stream or a node.
struct Item {
    /// The two lines in its box.
    lines: [String; 2],
    class: &'static str,
    row: usize,
    width: f64,
    /// The middle.
    x: f64,
}

impl Item {
    fn new(lines: [String; 2], class: &'static str) -> Self {
        let lines = lines.map(|line| svg::shortened(&line, MOST_CHARACTERS));
        let characters = lines.iter().map(|line| line.chars().count()).max();
        Self {
            width: characters.unwrap_or(0) as f64 * CHARACTER + 24.0,
            lines,
            class,
            row: 0,
            x: 0.0,
        }
    }

    fn top(&self) -> f64 {
        ROW * self.row as f64 + 2.0
    }
}

/// The graph as SVG.
pub fn draw(report: &Report) -> String {
    let graph = &report.graph;
    let mut items = items(report);
    let edges: Vec<(usize, usize, bool)> = graph
        .edges
        .iter()
        .filter_map(|edge| ends(graph, edge))
        .collect();
    rank(&mut items, &edges);
    let width = place(&mut items, &edges);
    let rows = items.iter().map(|item| item.row + 1).max().unwrap_or(0);
    let mut html = svg::open(
        width,
        ROW * rows as f64,
        "Streams and stages of the pipeline",
    );
    html.push_str(
        "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
         <path class=\"head\" d=\"M0 0.5L8 4L0 7.5Z\"/></marker></defs>\n",
    );
    for (from, to, auxiliary) in edges {
        let (from, to) = (&items[from], &items[to]);
        let (y1, y2) = (from.top() + BOX, to.top());
        let middle = (y1 + y2) / 2.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            html,
            "<path class=\"edge{}\" d=\"M{:.1} {y1:.1}C{:.1} {middle:.1} {:.1} {middle:.1} {:.1} {y2:.1}\" marker-end=\"url(#head)\"/>",
            if auxiliary { " auxiliary" } else { "" },
            from.x,
            from.x,
            to.x,
            to.x
        );
    }
    for item in &items {
        let (left, top) = (item.x - item.width / 2.0, item.top());
        let radius = if item.class == "stream" {
            BOX / 2.0
        } else {
            6.0
        };
        let _ = writeln!(
            html,
            "<rect class=\"{}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BOX}\" rx=\"{radius}\"/>\
             <text class=\"strong\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"muted\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            item.class,
            item.width,
            item.x,
            top + 17.0,
            svg::escaped(&item.lines[0]),
            item.x,
            top + 32.0,
            svg::escaped(&item.lines[1])
        );
    }
    html + "</svg>\n"
}

/// The streams, then the nodes, in the order of the description.
fn items(report: &Report) -> Vec<Item> {
    let graph = &report.graph;
    let streams = graph.streams.iter().map(|stream| {
        let array = format!("{} {:?}", stream.dtype, stream.shape);
        Item::new([stream.name.clone(), array], "stream")
    });
    let nodes = graph.nodes.iter().map(|node| {
        let stage = report.stages.iter().find(|(name, _)| *name == node.name);
        let time = stage.and_then(|(_, stage)| stage.kernel_us.p50);
        let kind = match time {
            Some(us) => format!("{} · {} µs", node.kind, microseconds(Some(us))),
            None => node.kind.clone(),
        };
        let class = if node.role == "stage" {
            "node"
        } else {
            "source"
        };
        Item::new([node.name.clone(), kind], class)
    });
    streams.chain(nodes).collect()
}

/// The items that an edge connects, and whether it is an auxiliary input. Streams and nodes may have the same names.
fn ends(graph: &Description, edge: &Edge) -> Option<(usize, usize, bool)> {
    let stream = |name: &str| graph.streams.iter().position(|stream| stream.name == name);
    let node = |name: &str| {
        let index = graph.nodes.iter().position(|node| node.name == name)?;
        Some(graph.streams.len() + index)
    };
    match edge.role {
        "output" => Some((node(&edge.from)?, stream(&edge.to)?, false)),
        role => Some((stream(&edge.from)?, node(&edge.to)?, role == "auxiliary")),
    }
}

/// Puts each item below those that it is triggered by or comes from, and what is only read beside others above its reader.
fn rank(items: &mut [Item], edges: &[(usize, usize, bool)]) {
    let ranked: Vec<_> = edges
        .iter()
        .filter(|(_, _, auxiliary)| !auxiliary)
        .collect();
    // There is no cycle without auxiliary inputs, so no path is longer than this.
    for _ in 0..items.len() {
        for (from, to, _) in &ranked {
            items[*to].row = items[*to].row.max(items[*from].row + 1);
        }
    }
    for index in 0..items.len() {
        if ranked
            .iter()
            .any(|(from, to, _)| *from == index || *to == index)
        {
            continue;
        }
        let readers = edges.iter().filter(|(from, ..)| *from == index);
        let first = readers.map(|(_, to, _)| items[*to].row).min();
        items[index].row = first.unwrap_or(0).saturating_sub(1);
    }
}

/// Spreads the items of each row, each as near below those that it comes from as the order allows. The width of the picture.
fn place(items: &mut [Item], edges: &[(usize, usize, bool)]) -> f64 {
    let mut rows: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        rows.entry(item.row).or_default().push(index);
    }
    let width_of = |row: &[usize], items: &[Item]| {
        let boxes: f64 = row.iter().map(|index| items[*index].width).sum();
        boxes + GAP * row.len().saturating_sub(1) as f64
    };
    let widest = rows
        .values()
        .map(|row| width_of(row, items))
        .fold(0.0, f64::max);
    let width = widest + 4.0;
    let last = rows.keys().max().copied().unwrap_or(0);
    for number in 0..=last {
        let Some(row) = rows.get_mut(&number) else {
            continue;
        };
        let wish = |index: usize, items: &[Item]| {
            let above = edges
                .iter()
                .filter(|(_, to, auxiliary)| *to == index && !auxiliary);
            let places: Vec<f64> = above.map(|(from, ..)| items[*from].x).collect();
            match places.len() {
                // Beside the others.
                0 => f64::INFINITY,
                count => places.iter().sum::<f64>() / count as f64,
            }
        };
        row.sort_by(|a, b| wish(*a, items).total_cmp(&wish(*b, items)));
        let mut left = (width - width_of(row, items)) / 2.0;
        for index in row.iter() {
            items[*index].x = left + items[*index].width / 2.0;
            left += items[*index].width + GAP;
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str) -> Item {
        Item::new([name.to_owned(), String::new()], "stream")
    }

    #[test]
    fn items_lie_below_what_they_come_from_and_beside_one_another() {
        // a → n → b, c beside it, read by n.
        let mut items: Vec<Item> = ["a", "b", "c", "n"].map(item).into();
        let edges = [(0, 3, false), (3, 1, false), (2, 3, true)];
        rank(&mut items, &edges);
        assert_eq!(
            items.iter().map(|item| item.row).collect::<Vec<_>>(),
            [0, 2, 0, 1]
        );
        let width = place(&mut items, &edges);
        let (a, c) = (&items[0], &items[2]);
        assert!(a.x + a.width / 2.0 + GAP <= c.x - c.width / 2.0 + 1e-9);
        assert!(items.iter().all(|item| item.x - item.width / 2.0 >= 0.0));
        assert!(items.iter().all(|item| item.x + item.width / 2.0 <= width));
    }
}
