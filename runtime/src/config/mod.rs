//! The configuration of a pipeline: YAML to checked types, with diagnostics that name file, line and column.
//!
//! ```text
//! file ──file──▶ text ──yaml──▶ tree of nodes ──fields──▶ stream, stage, endpoint ──graph, capacity──▶ Config
//! ```
//!
//! The format is that of shmpipeline with the additions of sandpipe. [`load`] is the first of the checks that come
//! before anything of a guest runs: it needs no kernel. All that it finds is reported together.

use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;
use std::sync::Arc;

mod capacity;
mod diagnostic;
mod endpoint;
mod fields;
pub(crate) mod file;
mod graph;
mod initial;
mod located;
mod migration;
mod on_fault;
mod parameters;
mod realtime;
mod reference;
mod render;
mod role;
mod stage;
mod stream;
mod supervision;
mod units;
mod unsupported;
mod yaml;

pub use diagnostic::{Diagnostic, Report, Severity};
pub(crate) use diagnostic::{Diagnostics, nearest, suggestion};
pub(crate) use endpoint::{SINK_KINDS, SOURCE_KINDS};
pub use endpoint::{SinkConfig, SourceConfig};
pub use initial::{Initial, Number};
pub use located::{Located, Span};
pub use on_fault::{FaultAction, OnFault};
pub use parameters::Parameters;
pub use realtime::{Pin, Realtime};
pub use reference::Auxiliary;
pub(crate) use role::RATES;
pub use role::Role;
pub use stage::{Delivery, StageConfig, Synchronization, SynchronizationMode, TriggerPolicy};
pub use stream::{Mode, Storage, StreamConfig, StreamIndex};
pub use supervision::{Isolation, Limits, Publish};
pub use units::{Rate, duration as parse_duration, size as parse_size};

use capacity::Capacity;
use fields::Fields;
use reference::StreamNames;
use yaml::{Node, Value};

/// Bytes that a configuration may have; `initial: values` are what makes one large.
const SIZE_LIMIT: u64 = 16 << 20;

const KEYS: [&str; 8] = [
    "shared_memory",
    "kernels",
    "sources",
    "sinks",
    "namespace",
    "kernel_path",
    "lanes",
    "realtime",
];

/// How stages are distributed over threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LanesMode {
    /// A connected chain of stages runs to completion on one thread.
    #[default]
    Fused,
    /// Each stage has a thread.
    Spread,
    /// As many threads as there are processors, with stages that the first frames have shown to be worth it.
    Auto,
}

/// A pipeline that passed the checks of its own file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// The text of the file, for the diagnostics of later checks.
    pub source: Arc<str>,
    /// What is put, with a dot, before the names of streams in the system.
    pub namespace: Option<String>,
    /// Files and directories where kinds are found besides the built-in ones; absolute if the configuration's
    /// path is, else relative to the current directory.
    pub kernel_path: Vec<Located<PathBuf>>,
    /// How stages are distributed over threads.
    pub lanes: LanesMode,
    /// What lanes ask of the system.
    pub realtime: Option<Realtime>,
    /// The streams.
    pub streams: Vec<StreamConfig>,
    /// The stages.
    pub stages: Vec<StageConfig>,
    /// The sources.
    pub sources: Vec<SourceConfig>,
    /// The sinks.
    pub sinks: Vec<SinkConfig>,
}

impl Config {
    /// The stream of an index of this configuration.
    pub fn stream(&self, index: StreamIndex) -> &StreamConfig {
        &self.streams[index.0]
    }

    /// The stream of a name, without the namespace.
    pub fn find_stream(&self, name: &str) -> Option<StreamIndex> {
        let found = self
            .streams
            .iter()
            .position(|stream| stream.name.value == name);
        found.map(StreamIndex)
    }

    /// The name of a stream in the system: with the namespace.
    pub fn system_name(&self, index: StreamIndex) -> String {
        let name = &self.stream(index).name.value;
        match &self.namespace {
            Some(namespace) => format!("{namespace}.{name}"),
            None => name.clone(),
        }
    }

    /// The directory that paths of the file are relative to.
    pub fn directory(&self) -> &Path {
        directory(&self.path)
    }

    /// What differs where the file comes from shmpipeline, though it is right: see MIGRATION.md.
    pub fn notes(&self) -> Report {
        Report::new(&self.path, self.source.clone(), migration::notes(self)).of(Severity::Note)
    }

    /// A report on this configuration, for what later checks find.
    pub fn report(&self, diagnostics: Vec<Diagnostic>) -> Report {
        Report::new(&self.path, self.source.clone(), diagnostics)
    }
}

/// Reads and checks the configuration at `path`.
///
/// # Errors
/// All that is wrong with the file itself, or why it cannot be read.
pub fn load(path: &Path) -> Result<Config, Report> {
    let unreadable = |what: String| {
        let message = format!("the configuration '{}' {what}", path.display());
        Report::new(path, "", vec![Diagnostic::new(message)])
    };
    let bytes = file::read_any(path, SIZE_LIMIT).map_err(unreadable)?;
    let mut text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    parse(path, text)
}

/// The report on a file that is not UTF-8: the part before the byte that is wrong is.
fn not_utf8(path: &Path, error: &FromUtf8Error) -> Report {
    let text = String::from_utf8_lossy(error.as_bytes());
    let offset = error.utf8_error().valid_up_to();
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let span = Span {
        offset,
        length: char::REPLACEMENT_CHARACTER.len_utf8(),
        line: count(1 + before.matches('\n').count()),
        column: count(1 + before[line_start..].chars().count()),
    };
    let diagnostic = Diagnostic::at(
        span,
        "the configuration is not UTF-8: here is a byte that cannot stand there",
    )
    .help("save the file as UTF-8");
    Report::new(path, text.as_ref(), vec![diagnostic])
}

/// Checks the configuration `text`; `path` is what paths in it are relative to.
///
/// # Errors
/// All that is wrong with it.
pub fn parse(path: &Path, text: impl Into<Arc<str>>) -> Result<Config, Report> {
    check(path, text.into(), Capacity::of_this_machine())
}

fn check(path: &Path, source: Arc<str>, capacity: Capacity) -> Result<Config, Report> {
    let mut diagnostics = Diagnostics::default();
    let config = yaml::parse(&source)
        .map_err(|diagnostic| vec![diagnostic])
        .and_then(|document| {
            let config = read(&document, path, &source, capacity, &mut diagnostics);
            diagnostics.finish(config)
        });
    match config {
        Ok(Some(config)) => Ok(config),
        // Nothing is missing without a diagnostic.
        Ok(None) => Err(Report::new(path, source, Vec::new())),
        Err(diagnostics) => Err(Report::new(path, source, diagnostics)),
    }
}

fn read(
    document: &Node,
    path: &Path,
    source: &Arc<str>,
    capacity: Capacity,
    diagnostics: &mut Diagnostics,
) -> Option<Config> {
    if matches!(document.value, Value::Null) {
        diagnostics.push(
            Diagnostic::new("the configuration is empty")
                .help("define streams under 'shared_memory:'"),
        );
        return None;
    }
    let mut top = Fields::of(document, "the pipeline", &KEYS, diagnostics)?;
    let namespace = namespace(&mut top);
    let kernel_path = kernel_path(&mut top, directory(path));
    let lanes = top.choice(
        "lanes",
        &[
            ("fused", LanesMode::Fused),
            ("spread", LanesMode::Spread),
            ("auto", LanesMode::Auto),
        ],
    );
    let realtime = realtime::read(&mut top);
    top.require("shared_memory");
    let [stream_entries, stage_entries, source_entries, sink_entries] =
        ["shared_memory", "kernels", "sources", "sinks"].map(|key| section(&mut top, key));
    if stream_entries.is_empty()
        && let Some(node) = top.get("shared_memory")
        && matches!(node.value, Value::List(_))
    {
        top.wrong("shared_memory", node, "a list of at least one stream");
    }
    if [stage_entries, source_entries, sink_entries]
        .iter()
        .all(|section| section.is_empty())
    {
        top.diagnostics.push(
            Diagnostic::at(document.span, "the pipeline has no kernel, source or sink")
                .help("add 'kernels:'"),
        );
    }

    let names = StreamNames::of(stream_entries);
    let streams = entries(
        stream_entries.iter().enumerate(),
        "stream",
        &stream::KEYS,
        diagnostics,
        |fields| stream::read(fields, namespace.as_deref(), directory(path)),
    );
    // Sources and sinks that guests have written are stages, behind the others.
    let (source_entries, guest_sources) = by_author(source_entries, &SOURCE_KINDS);
    let (sink_entries, guest_sinks) = by_author(sink_entries, &SINK_KINDS);
    let mut stages = Vec::new();
    for (role, nodes, known) in [
        (
            Role::Kernel,
            stage_entries.iter().enumerate().collect(),
            &stage::KEYS[..],
        ),
        (Role::Source, guest_sources, &role::SOURCE_KEYS),
        (Role::Sink, guest_sinks, &role::SINK_KEYS),
    ] {
        stages.extend(entries(nodes, role.name(), known, diagnostics, |fields| {
            stage::read(role, fields, &names, directory(path))
        }));
    }
    let sources = entries(
        source_entries,
        "source",
        &endpoint::SOURCE_KEYS,
        diagnostics,
        |fields| endpoint::read_source(fields, &names),
    );
    let sinks = entries(
        sink_entries,
        "sink",
        &endpoint::SINK_KEYS,
        diagnostics,
        |fields| endpoint::read_sink(fields, &names),
    );

    let stage_names = stages.iter().map(|stage| (stage.role.name(), &stage.name));
    let source_names = sources.iter().map(|source| ("source", &source.name));
    let sink_names = sinks.iter().map(|sink| ("sink", &sink.name));
    graph::check_names(
        streams.iter().map(|stream| &stream.name),
        stage_names.chain(source_names).chain(sink_names),
        diagnostics,
    );
    graph::check_producers(&stages, &sources, &names, diagnostics);
    graph::check_cycles(&stages, diagnostics);
    capacity::check(&streams, capacity, diagnostics);
    if streams.len() == stream_entries.len() {
        unsupported::check_streams(&streams, &stages, diagnostics);
        on_fault::check_bypass(&stages, &streams, diagnostics);
    }
    Some(Config {
        path: path.to_owned(),
        source: source.clone(),
        namespace,
        kernel_path,
        lanes: lanes.map_or(LanesMode::default(), |lanes| lanes.value),
        realtime,
        streams,
        stages,
        sources,
        sinks,
    })
}

/// The items of a section; none where it is missing or no list.
fn section<'n>(top: &mut Fields<'n, '_>, key: &str) -> &'n [Node] {
    top.get(key)
        .and_then(|node| top.list(key, node))
        .unwrap_or_default()
}

/// The entries of a section of sources or sinks: those of the kinds that are `built_in`, and those of guests.
fn by_author<'n>(nodes: &'n [Node], built_in: &[&str]) -> (Vec<Entry<'n>>, Vec<Entry<'n>>) {
    let entries = nodes.iter().enumerate();
    entries.partition(|(_, node)| !role::is_guest(node, built_in))
}

/// An entry of a section, and which one it is.
type Entry<'n> = (usize, &'n Node);

/// Reads each entry of a section; those that are wrong are reported and left out.
fn entries<'n, T>(
    nodes: impl IntoIterator<Item = Entry<'n>>,
    what: &str,
    known: &[&str],
    diagnostics: &mut Diagnostics,
    mut read: impl FnMut(&mut Fields<'n, '_>) -> Option<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    for (index, node) in nodes {
        let called = match reference::name_of(node) {
            "" => format!("{what} {}", index + 1),
            name => format!("{what} '{}'", name.chars().take(80).collect::<String>()),
        };
        if let Some(mut fields) = Fields::of(node, called, known, diagnostics) {
            found.extend(read(&mut fields));
        }
    }
    found
}

fn namespace(top: &mut Fields<'_, '_>) -> Option<String> {
    let text = top.optional_text("namespace")?;
    if text.contains(['/', '\\']) {
        top.diagnostics.push(Diagnostic::at(
            text.span,
            format!(
                "'namespace' must not contain a slash, but it is '{}'",
                text.value
            ),
        ));
        return None;
    }
    Some(text.value)
}

fn kernel_path(top: &mut Fields<'_, '_>, directory: &Path) -> Vec<Located<PathBuf>> {
    let Some(node) = top.get("kernel_path") else {
        return Vec::new();
    };
    let items = top.list("kernel_path", node).unwrap_or_default();
    let texts = items
        .iter()
        .filter_map(|item| top.text("kernel_path", item));
    texts
        .map(|text| text.map(|text| directory.join(text)))
        .collect()
}

/// The directory of a file.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
