//! What a file of shmpipeline does differently here, though it is right: notes for those who come from there.
//!
//! Only what stands in the file and really differs, each once. A file that uses a key or a kind of sandpipe's own has been looked
//! at by somebody who knows, and gets none.

use crate::array::Dtype;

use super::diagnostic::Diagnostic;
use super::located::{Located, Span};
use super::yaml::{self, Node, Value};
use super::{Config, SourceConfig, StageConfig, SynchronizationMode};

/// The sections that shmpipeline knows; beside them it knows `namespace`.
const SECTIONS: [&str; 4] = ["shared_memory", "kernels", "sources", "sinks"];

/// The keys of entries that shmpipeline 1.3 does not know.
const OWN_KEYS: [&str; 12] = [
    "delivery",
    "instances",
    "isolation",
    "lane",
    "limits",
    "mirror",
    "module",
    "on_fault",
    "publish",
    "rate_hz",
    "sha256",
    "slots",
];

/// The kinds of shmpipeline 1.3.
const KINDS: [&str; 23] = [
    "cpu.add_constant",
    "cpu.affine_transform",
    "cpu.centroid",
    "cpu.concatenate",
    "cpu.copy",
    "cpu.custom_operation",
    "cpu.elementwise_add",
    "cpu.elementwise_divide",
    "cpu.elementwise_multiply",
    "cpu.elementwise_subtract",
    "cpu.flatten",
    "cpu.leaky_integrator",
    "cpu.raise_error",
    "cpu.reduce",
    "cpu.scale",
    "cpu.scale_offset",
    "cpu.shack_hartmann_centroid",
    "cpu.spot_centroid",
    "cpu.tip_tilt_controller",
    "cpu.tomographic_controller",
    "synthetic.array",
    "synthetic.frame_set",
    "null.sink",
];

/// Kinds that only move elements about.
const MOVERS: [&str; 4] = [
    "cpu.copy",
    "cpu.flatten",
    "cpu.concatenate",
    "cpu.raise_error",
];

/// Keys that are read, and change nothing; with the reason.
const WITHOUT_EFFECT: [(&str, &str, &str); 7] = [
    (
        "shared_memory",
        "cpu_mirror",
        "a stream on the CPU has nothing to mirror",
    ),
    (
        "kernels",
        "read_timeout",
        "a stage waits for frames as long as it takes, and never for a lock",
    ),
    (
        "kernels",
        "pause_sleep",
        "a paused stage sleeps until it is woken",
    ),
    (
        "kernels",
        "poll_interval",
        "a stage is woken when a frame comes",
    ),
    (
        "sources",
        "poll_interval",
        "a source is asked when its next frame is due",
    ),
    (
        "sinks",
        "read_timeout",
        "a sink waits for frames as long as it takes",
    ),
    (
        "sinks",
        "pause_sleep",
        "a paused sink sleeps until it is woken",
    ),
];

type Entry<'n> = &'n [(Located<String>, Node)];

/// The notes on a configuration that has passed every check, in the order of the file.
pub(super) fn notes(config: &Config) -> Vec<Diagnostic> {
    let Ok(document) = yaml::parse(&config.source) else {
        return Vec::new();
    };
    let Some(top) = mapping(&document).filter(|top| is_of_the_parent(top)) else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    notes.extend(dtypes(top));
    notes.extend(modes(config, top));
    notes.extend(random(config, top));
    notes.extend(integers(config));
    notes.extend(matching(config));
    notes.extend(without_effect(top));
    notes.extend(of_one_input(config, top));
    notes
}

fn mapping(node: &Node) -> Option<Entry<'_>> {
    match &node.value {
        Value::Mapping(entries) => Some(entries),
        _ => None,
    }
}

fn get<'n>(entry: Entry<'n>, key: &str) -> Option<&'n Node> {
    let found = entry.iter().find(|(name, _)| name.value == key);
    found
        .map(|(_, node)| node)
        .filter(|node| !matches!(node.value, Value::Null))
}

fn text<'n>(entry: Entry<'n>, key: &str) -> Option<&'n str> {
    match &get(entry, key)?.value {
        Value::Text(text) => Some(text.trim()),
        _ => None,
    }
}

/// The entries of a section.
fn section<'n>(top: Entry<'n>, name: &str) -> impl Iterator<Item = Entry<'n>> + Clone {
    let items = match get(top, name).map(|node| &node.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(mapping)
}

fn is_of_the_parent(top: Entry<'_>) -> bool {
    let known = |(key, _): &(Located<String>, Node)| {
        key.value == "namespace" || SECTIONS.contains(&key.as_str())
    };
    let is_own = |(key, _): &(Located<String>, Node)| OWN_KEYS.contains(&key.as_str());
    let mut entries = SECTIONS.iter().flat_map(|name| section(top, name));
    top.iter().all(known)
        && entries.all(|entry| {
            let kind = text(entry, "kind");
            !entry.iter().any(is_own) && kind.is_none_or(|kind| KINDS.contains(&kind))
        })
}

/// One note about several places: at the first, with the number of the others.
fn once(
    places: impl IntoIterator<Item = (String, Span)>,
    message: impl FnOnce(&str) -> String,
) -> Option<Diagnostic> {
    let mut places = places.into_iter();
    let (first, span) = places.next()?;
    let names = match places.count() {
        0 => first,
        1 => format!("{first} and one more"),
        more => format!("{first} and {more} more"),
    };
    Some(Diagnostic::at(span, message(&names)))
}

fn dtypes(top: Entry<'_>) -> Option<Diagnostic> {
    let without = section(top, "shared_memory").filter(|entry| get(entry, "dtype").is_none());
    let places = without.filter_map(|entry| {
        let name = get(entry, "name")?;
        Some((format!("stream '{}'", text(entry, "name")?), name.span))
    });
    let note = once(places, |streams| {
        format!("{streams}: without 'dtype' a stream holds float64, as in shmpipeline")
    });
    note.map(|note| note.help("write 'dtype: float64' if that is meant"))
}

fn modes(config: &Config, top: Entry<'_>) -> Option<Diagnostic> {
    let namespace = config.namespace.as_ref()?;
    let given = section(top, "shared_memory").filter_map(|entry| {
        let mode = text(entry, "mode").filter(|mode| !mode.eq_ignore_ascii_case("replace"))?;
        let span = get(entry, "mode")?.span;
        Some((format!("'mode: {mode}'"), span))
    });
    once(given, |modes| {
        format!(
            "{modes}: existing streams are looked for as '{namespace}.NAME'; shmpipeline 1.3 looks for 'NAME' and finds none"
        )
    })
}

fn random(config: &Config, top: Entry<'_>) -> Option<Diagnostic> {
    let normal = section(top, "shared_memory").filter_map(|entry| {
        let initial = mapping(get(entry, "initial")?)?;
        let pattern = text(initial, "pattern").filter(|name| name.eq_ignore_ascii_case("normal"));
        pattern?;
        Some((
            format!("'initial' of stream '{}'", text(entry, "name")?),
            get(initial, "pattern")?.span,
        ))
    });
    let sources = config.sources.iter().filter(|source| {
        let pattern = source.parameters.get("pattern");
        pattern.is_none_or(|pattern| pattern.value.is_null() || is_random(&pattern.value))
    });
    let sources =
        sources.map(|source| (format!("source '{}'", source.name.value), source.kind.span));
    once(normal.chain(sources), |places| {
        format!(
            "{places}: the random numbers of a seed are the same in every run, but not those that NumPy makes of it"
        )
    })
}

fn is_random(pattern: &serde_json::Value) -> bool {
    let name = pattern.as_str();
    name.is_some_and(|name| name.trim().eq_ignore_ascii_case("random"))
}

fn integers(config: &Config) -> Option<Diagnostic> {
    let stages = config.stages.iter().filter_map(|stage| {
        let kind = stage
            .kind
            .as_ref()
            .filter(|kind| !MOVERS.contains(&kind.as_str()))?;
        let output = config.stream(stage.outputs.first()?.value);
        is_integer(output.array.dtype)
            .then(|| (format!("kernel '{}'", stage.name.value), kind.span))
    });
    once(stages, |stages| {
        format!(
            "{stages}: what an integer cannot hold becomes its bound; in shmpipeline it wraps around, or the kernel fails"
        )
    })
}

fn is_integer(dtype: Dtype) -> bool {
    !matches!(
        dtype,
        Dtype::Bool | Dtype::F16 | Dtype::F32 | Dtype::F64 | Dtype::C64 | Dtype::C128
    )
}

/// Triggers that have ids here and none in shmpipeline: there they match each other whatever they are, and nothing else.
fn matching(config: &Config) -> Option<Diagnostic> {
    let stages = config.stages.iter().filter(|stage| {
        let mode = stage.synchronization.map(|rule| rule.mode);
        mode == Some(SynchronizationMode::MatchingFrameId)
    });
    let inputs = stages.flat_map(|stage| stage.trigger.iter());
    let has_id = with_ids(config);
    let places = inputs.filter(|input| !has_id[input.value.0]).map(|input| {
        let name = &config.stream(input.value).name.value;
        (format!("stream '{name}'"), input.span)
    });
    let note = once(places, |streams| {
        format!(
            "{streams}: frames have ids here, and are matched by them; in shmpipeline they have none, so any match any"
        )
    });
    note.map(|note| {
        note.help("there a kernel passes ids on only with 'propagate_frame_id', and 'synthetic.array' gives none")
    })
}

/// Which streams have ids in shmpipeline, by their index: what comes from outside, and what stages pass on of it.
fn with_ids(config: &Config) -> Vec<bool> {
    let mut has_id = vec![true; config.streams.len()];
    let arrays = |source: &&SourceConfig| source.kind.value == "synthetic.array";
    let sources = config.sources.iter().filter(arrays);
    let unnumbered = sources.flat_map(|source| &source.streams);
    let computed = config.stages.iter().flat_map(|stage| &stage.outputs);
    for stream in unnumbered.chain(computed) {
        has_id[stream.value.0] = false;
    }
    let mut readers: Vec<Vec<&StageConfig>> = vec![Vec::new(); config.streams.len()];
    let passing = |stage: &&StageConfig| stage.propagate_frame_id;
    for stage in config.stages.iter().filter(passing) {
        for input in &stage.trigger {
            readers[input.value.0].push(stage);
        }
    }
    let streams = 0..has_id.len();
    let mut reached: Vec<usize> = streams.filter(|&stream| has_id[stream]).collect();
    while let Some(stream) = reached.pop() {
        for stage in &readers[stream] {
            // Outputs get their ids together, so the first tells whether the stage has been here through another input.
            let outputs = stage.outputs.iter().map(|output| output.value.0);
            if outputs.clone().next().is_some_and(|first| !has_id[first]) {
                outputs.clone().for_each(|output| has_id[output] = true);
                reached.extend(outputs);
            }
        }
    }
    has_id
}

fn without_effect(top: Entry<'_>) -> Vec<Diagnostic> {
    let keys = WITHOUT_EFFECT.iter().filter_map(|(name, key, why)| {
        let given = section(top, name).filter_map(|entry| {
            let (key, _) = entry.iter().find(|(found, _)| found.value == *key)?;
            Some((
                format!("'{}' of '{}'", key.value, text(entry, "name")?),
                key.span,
            ))
        });
        once(given, |keys| format!("{keys}: has no effect; {why}"))
    });
    let threads = section(top, "kernels").filter_map(|entry| {
        let parameters = mapping(get(entry, "parameters")?)?;
        let (key, _) = parameters
            .iter()
            .find(|(key, _)| key.value == "blas_threads")?;
        Some((
            format!("'blas_threads' of '{}'", text(entry, "name")?),
            key.span,
        ))
    });
    let threads = once(threads, |keys| {
        format!(
            "{keys}: has no effect; a stage runs on its lane's thread, and 'instances' divides it among several"
        )
    });
    keys.chain(threads).collect()
}

/// Keys about several inputs, of kernels that have one.
fn of_one_input(config: &Config, top: Entry<'_>) -> Vec<Diagnostic> {
    // The kernels are the first of the stages, in the order of the file. Matching by id needs both keys.
    let kernels = section(top, "kernels").zip(&config.stages);
    let kernels = kernels.filter(|(_, stage)| {
        let mode = stage.synchronization.map(|rule| rule.mode);
        stage.trigger.len() == 1 && mode != Some(SynchronizationMode::MatchingFrameId)
    });
    let note = |key: &str| {
        let given = kernels.clone().filter_map(|(entry, stage)| {
            let (name, _) = entry.iter().find(|(name, _)| name.value == key)?;
            Some((format!("'{key}' of '{}'", stage.name.value), name.span))
        });
        once(given, |keys| {
            format!("{keys}: has no effect; one input has no others to wait for")
        })
    };
    let keys = ["trigger_policy", "synchronization"];
    keys.into_iter().filter_map(note).collect()
}
