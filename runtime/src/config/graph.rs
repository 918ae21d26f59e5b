//! What must hold between the entries: names, producers, and that no stage makes itself run.
//!
//! A loop that is closed through an **auxiliary** stream is allowed: auxiliary streams are read as they are and
//! make nothing run, so the loop is feedback from an earlier frame, the ordinary shape of a control loop. A loop
//! of **triggers** would run for ever once a frame entered it, and no order of its stages is right; it is refused.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::located::{Located, Span};
use super::reference::StreamNames;
use super::stream::StreamIndex;
use super::{SourceConfig, StageConfig};

/// Stages of a cycle that a message names.
const NAMED_IN_A_CYCLE: usize = 8;

/// Which stage triggers which other. That none triggers itself is checked where its streams are read.
struct Edges {
    /// For each stage those that trigger it, and where it names their stream.
    into: Vec<Vec<(usize, Span)>>,
    /// For each stage those that it triggers.
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
            for input in &stage.trigger {
                if let Some(&producer) = producers.get(&input.value)
                    && producer != index
                {
                    into[index].push((producer, input.span));
                    out[producer].push(index);
                }
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
    streams: &StreamNames<'_>,
    diagnostics: &mut Diagnostics,
) {
    let stages = stages
        .iter()
        .map(|stage| (stage.role.name(), &stage.name, &stage.outputs));
    let sources = sources
        .iter()
        .map(|source| ("source", &source.name, &source.streams));
    let mut producers: HashMap<StreamIndex, (&str, &Located<String>)> = HashMap::new();
    for (what, name, outputs) in stages.chain(sources) {
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

/// Which stages are in a cycle of triggers, or behind one.
fn cyclic(edges: &Edges) -> Vec<bool> {
    let mut waits_for: Vec<usize> = edges.into.iter().map(Vec::len).collect();
    let mut left = vec![true; waits_for.len()];
    let mut ready: Vec<usize> = (0..waits_for.len())
        .filter(|&stage| waits_for[stage] == 0)
        .collect();
    while let Some(stage) = ready.pop() {
        left[stage] = false;
        for &next in &edges.out[stage] {
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                ready.push(next);
            }
        }
    }
    left
}

/// Reports each cycle of triggers, with the names of its stages.
pub(super) fn check_cycles(stages: &[StageConfig], diagnostics: &mut Diagnostics) {
    let edges = Edges::of(stages);
    let left = cyclic(&edges);
    // Each stage that is left waits for one that is left. Going from each to the first that it waits for, one
    // comes round; every stage is visited once.
    let mut visited_from: Vec<Option<usize>> = vec![None; stages.len()];
    for start in (0..stages.len()).filter(|&stage| left[stage]) {
        let mut path = Vec::new();
        let mut at = start;
        while visited_from[at].is_none() {
            visited_from[at] = Some(start);
            path.push(at);
            match edges.into[at].iter().find(|(before, _)| left[*before]) {
                Some((before, _)) => at = *before,
                None => break,
            }
        }
        if visited_from[at] == Some(start)
            && let Some(first) = path.iter().position(|&stage| stage == at)
        {
            let mut cycle = path.split_off(first);
            cycle.reverse();
            diagnostics.push(cycle_found(stages, &edges, cycle));
        }
    }
}

/// `cycle` lists its stages in the order in which they trigger each other.
fn cycle_found(stages: &[StageConfig], edges: &Edges, mut cycle: Vec<usize>) -> Diagnostic {
    // Told from the stage that stands first in the file.
    let first = cycle.iter().copied().min().unwrap_or_default();
    let place = cycle
        .iter()
        .position(|&stage| stage == first)
        .unwrap_or_default();
    cycle.rotate_left(place);
    let shown = cycle.iter().take(NAMED_IN_A_CYCLE);
    let mut names: Vec<&str> = shown.map(|&stage| stages[stage].name.as_str()).collect();
    if cycle.len() > NAMED_IN_A_CYCLE {
        names.push("…");
    }
    names.push(&stages[first].name);
    let back = edges.into[first]
        .iter()
        .find(|(before, _)| cycle.last() == Some(before));
    Diagnostic::at(
        back.map_or(stages[first].span, |(_, span)| *span),
        format!("the kernels trigger each other in a cycle: {}", names.join(" → ")),
    )
    .help("read the stream that goes back as 'auxiliary': it is then read as it is, and triggers nothing")
}
