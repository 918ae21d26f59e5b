//! What must hold between the entries: names, producers, and that no stage makes itself run.
//!
//! A loop that is closed through an **auxiliary** stream is allowed: auxiliary streams are read as they are and
//! make nothing run, so the loop is feedback from an earlier frame, the ordinary shape of a control loop. A loop
//! of **triggers** would run for ever once a frame entered it, and no order of its stages is right; it is refused.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::located::Located;
use super::reference::StreamNames;
use super::stream::StreamIndex;
use super::{SinkConfig, SourceConfig, StageConfig};

/// Stages of a cycle that a message names.
const NAMED_IN_A_CYCLE: usize = 8;

/// The stages in an order in which each comes after those that trigger it, first come first: a lane may run its
/// stages in this order. A stage in a cycle, or behind one, is left out; a loaded configuration has none.
pub fn order(stages: &[StageConfig]) -> Vec<usize> {
    let edges = Edges::of(stages);
    let mut waits_for: Vec<usize> = edges.into.iter().map(Vec::len).collect();
    let mut ready: std::collections::BTreeSet<usize> = (0..stages.len())
        .filter(|&stage| waits_for[stage] == 0)
        .collect();
    let mut order = Vec::with_capacity(stages.len());
    while let Some(stage) = ready.pop_first() {
        order.push(stage);
        for &next in &edges.out[stage] {
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                ready.insert(next);
            }
        }
    }
    order
}

/// Which stage triggers which other. That none triggers itself is checked where its streams are read.
struct Edges {
    into: Vec<Vec<usize>>,
    out: Vec<Vec<usize>>,
}

impl Edges {
    fn of(stages: &[StageConfig]) -> Edges {
        let mut producers: HashMap<StreamIndex, usize> = HashMap::new();
        for (index, stage) in stages.iter().enumerate() {
            for output in &stage.outputs {
                producers.entry(output.value).or_insert(index);
            }
        }
        let mut into = vec![Vec::new(); stages.len()];
        let mut out = vec![Vec::new(); stages.len()];
        for (index, stage) in stages.iter().enumerate() {
            let before = stage
                .trigger
                .iter()
                .filter_map(|input| producers.get(&input.value));
            for producer in before.filter(|&&producer| producer != index) {
                into[index].push(*producer);
                out[*producer].push(index);
            }
        }
        Edges { into, out }
    }
}

/// Checks the names of streams, and those of stages, sources and sinks together.
pub(super) fn check_names<'c>(
    streams: impl Iterator<Item = &'c Located<String>>,
    parts: impl Iterator<Item = (&'static str, &'c Located<String>)>,
    diagnostics: &mut Diagnostics,
) {
    let streams = streams.map(|name| ("stream", name)).collect::<Vec<_>>();
    for names in [streams, parts.collect()] {
        let mut seen: HashMap<&str, (&str, u32)> = HashMap::new();
        for (what, name) in names {
            if let Some((other, line)) = seen.get(name.as_str()) {
                diagnostics.push(
                    Diagnostic::at(
                        name.span,
                        format!("the name '{}' of a {what} is already that of the {other} in line {line}", name.value),
                    )
                    .help("give each its own name"),
                );
            } else {
                seen.insert(&name.value, (what, name.span.line));
            }
        }
    }
}

/// Checks that each stream has at most one producer.
pub(super) fn check_producers(
    stages: &[StageConfig],
    sources: &[SourceConfig],
    sinks: &[SinkConfig],
    streams: &StreamNames<'_>,
    diagnostics: &mut Diagnostics,
) {
    let stages = stages
        .iter()
        .map(|stage| ("kernel", &stage.name, &stage.outputs));
    let sources = sources
        .iter()
        .map(|source| ("source", &source.name, &source.streams));
    let sinks = sinks.iter().map(|sink| ("sink", &sink.name, &sink.outputs));
    let mut producers: HashMap<StreamIndex, (&str, &Located<String>)> = HashMap::new();
    for (what, name, outputs) in stages.chain(sources).chain(sinks) {
        for output in outputs {
            match producers.get(&output.value) {
                // Twice by the same one is reported where its outputs are read.
                Some((_, first)) if first.span == name.span => {}
                Some((other, first)) => diagnostics.push(
                    Diagnostic::at(
                        output.span,
                        format!(
                            "the stream '{}' has two producers, {other} '{}' and {what} '{}'",
                            streams.name(output.value),
                            first.value,
                            name.value
                        ),
                    )
                    .help("let one of them write another stream"),
                ),
                None => {
                    producers.insert(output.value, (what, name));
                }
            }
        }
    }
}

/// Reports each cycle of triggers, with the names of its stages.
pub(super) fn check_cycles(stages: &[StageConfig], diagnostics: &mut Diagnostics) {
    let ordered = order(stages);
    if ordered.len() == stages.len() {
        return;
    }
    let edges = Edges::of(stages);
    let mut left: Vec<bool> = vec![true; stages.len()];
    for stage in ordered {
        left[stage] = false;
    }
    // Each stage that is left waits for one that is left. Going from each to the first that it waits for, one
    // comes round; every stage is visited once.
    let mut visited_from: Vec<Option<usize>> = vec![None; stages.len()];
    for start in (0..stages.len()).filter(|&stage| left[stage]) {
        let mut path = Vec::new();
        let mut at = start;
        while visited_from[at].is_none() {
            visited_from[at] = Some(start);
            path.push(at);
            match edges.into[at].iter().find(|&&before| left[before]) {
                Some(&before) => at = before,
                None => break,
            }
        }
        if visited_from[at] == Some(start)
            && let Some(first) = path.iter().position(|&stage| stage == at)
        {
            let mut cycle = path.split_off(first);
            cycle.reverse();
            report(stages, &edges, &cycle, diagnostics);
        }
    }
}

/// `cycle` in the order in which the stages trigger each other.
fn report(stages: &[StageConfig], edges: &Edges, cycle: &[usize], diagnostics: &mut Diagnostics) {
    // Told from the stage that stands first in the file.
    let Some((first, &stage)) = cycle.iter().enumerate().min_by_key(|(_, stage)| **stage) else {
        return;
    };
    let in_order = || cycle[first..].iter().chain(&cycle[..first]);
    let mut names: Vec<&str> = in_order()
        .take(NAMED_IN_A_CYCLE)
        .map(|&index| stages[index].name.as_str())
        .collect();
    if cycle.len() > NAMED_IN_A_CYCLE {
        names.push("…");
    }
    names.push(&stages[stage].name);
    let before = in_order().next_back().copied().unwrap_or(stage);
    let input = stages[stage].trigger.iter().find(|input| {
        edges.into[stage].contains(&before)
            && stages[before]
                .outputs
                .iter()
                .any(|output| output.value == input.value)
    });
    let span = input.map_or(stages[stage].span, |input| input.span);
    diagnostics.push(
        Diagnostic::at(
            span,
            format!("the kernels trigger each other in a cycle: {}", names.join(" → ")),
        )
        .help("read the stream that goes back as 'auxiliary': it is then read as it is, and triggers nothing"),
    );
}
