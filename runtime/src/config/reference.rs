//! Where one entry names the streams of another.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Diagnostic, suggestion};
use super::fields::Fields;
use super::located::Located;
use super::stream::StreamIndex;
use super::yaml::{Node, Value};

/// A stream that is read as it is, and the name that its reader gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Auxiliary {
    /// The reader's name for it; the stream's own, where none is given.
    pub alias: Located<String>,
    /// The stream.
    pub stream: Located<StreamIndex>,
}

/// The names of the streams in the order of the file, with those of entries that are wrong otherwise.
pub(super) struct StreamNames<'n> {
    names: Vec<&'n str>,
    indices: HashMap<&'n str, StreamIndex>,
}

impl<'n> StreamNames<'n> {
    pub(super) fn of(entries: &'n [Node]) -> StreamNames<'n> {
        let names: Vec<&str> = entries.iter().map(name_of).collect();
        let mut indices = HashMap::new();
        for (index, name) in names
            .iter()
            .enumerate()
            .filter(|(_, name)| !name.is_empty())
        {
            indices.entry(*name).or_insert(StreamIndex(index));
        }
        StreamNames { names, indices }
    }

    /// The name of a stream; empty where its entry has none.
    pub(super) fn name(&self, index: StreamIndex) -> &'n str {
        self.names.get(index.0).copied().unwrap_or_default()
    }

    /// Finds the stream that `text` names; that there is none is reported.
    pub(super) fn resolve(
        &self,
        fields: &mut Fields<'_, '_>,
        text: &Located<String>,
    ) -> Option<Located<StreamIndex>> {
        if let Some(index) = self.indices.get(text.as_str()) {
            return Some(Located::new(*index, text.span));
        }
        if !fields.diagnostics.is_full() {
            let known = self.names.iter().copied().filter(|name| !name.is_empty());
            fields.diagnostics.push(
                Diagnostic::at(
                    text.span,
                    format!(
                        "{} names the stream '{}', which is not defined",
                        fields.what, text.value
                    ),
                )
                .help(suggestion(text, known, "the streams")),
            );
        }
        None
    }
}

/// What an entry calls itself, for messages; empty where it has no usable name.
pub(super) fn name_of(entry: &Node) -> &str {
    let Value::Mapping(keys) = &entry.value else {
        return "";
    };
    match keys.iter().find(|(key, _)| key.value == "name") {
        Some((
            _,
            Located {
                value: Value::Text(name),
                ..
            },
        )) => name.trim(),
        _ => "",
    }
}

/// The stream under `one`, or the streams under `many`: at least one, each once.
pub(super) fn one_or_many(
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
    one: &'static str,
    many: &'static str,
) -> Option<Vec<Located<StreamIndex>>> {
    let (key, node) = fields.require_one_of(one, many)?;
    if key == one {
        let text = fields.text(key, node)?;
        return Some(vec![streams.resolve(fields, &text)?]);
    }
    let found = several(fields, streams, key, node)?;
    if found.is_empty() {
        fields.wrong(key, node, "a list of at least one stream");
        return None;
    }
    Some(found)
}

/// A list of streams, each once.
pub(super) fn several(
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
    key: &str,
    node: &Node,
) -> Option<Vec<Located<StreamIndex>>> {
    let items = fields.list(key, node)?;
    let mut found = Vec::with_capacity(items.len());
    let mut seen = HashSet::new();
    for item in items {
        let Some(text) = fields.text(key, item) else {
            continue;
        };
        let Some(stream) = streams.resolve(fields, &text) else {
            continue;
        };
        if !seen.insert(stream.value) {
            fields.diagnostics.push(
                Diagnostic::at(
                    stream.span,
                    format!(
                        "{} names the stream '{}' twice in '{key}'",
                        fields.what, text.value
                    ),
                )
                .help("name each stream once"),
            );
        }
        found.push(stream);
    }
    (found.len() == items.len()).then_some(found)
}

/// The key `auxiliary`: a list of streams, or a mapping of aliases to streams.
pub(super) fn auxiliary(
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
) -> Option<Vec<Auxiliary>> {
    let Some(node) = fields.get("auxiliary") else {
        return Some(Vec::new());
    };
    let mut found = Vec::new();
    let given = match &node.value {
        Value::List(items) => {
            for item in items {
                let Some(text) = fields.text("auxiliary", item) else {
                    continue;
                };
                let Some(stream) = streams.resolve(fields, &text) else {
                    continue;
                };
                found.push(Auxiliary {
                    alias: text,
                    stream,
                });
            }
            items.len()
        }
        Value::Mapping(entries) => {
            check_aliases(fields, entries);
            for (alias, item) in entries {
                let Some(text) = fields.text("auxiliary", item) else {
                    continue;
                };
                let Some(stream) = streams.resolve(fields, &text) else {
                    continue;
                };
                found.push(Auxiliary {
                    alias: Located::new(alias.trim().to_owned(), alias.span),
                    stream,
                });
            }
            entries.len()
        }
        _ => {
            fields.wrong(
                "auxiliary",
                node,
                "a list of streams, or a mapping of aliases to streams",
            );
            return None;
        }
    };
    let mut seen = HashSet::new();
    for auxiliary in &found {
        if !seen.insert(auxiliary.stream.value) {
            fields.diagnostics.push(Diagnostic::at(
                auxiliary.stream.span,
                format!(
                    "{} names the stream '{}' twice in 'auxiliary'",
                    fields.what,
                    streams.name(auxiliary.stream.value)
                ),
            ));
        }
    }
    (found.len() == given).then_some(found)
}

/// Blanks around an alias do not count, so two that YAML tells apart may be one.
fn check_aliases(fields: &mut Fields<'_, '_>, entries: &[(Located<String>, Node)]) {
    let mut seen = HashSet::new();
    for (alias, _) in entries {
        let name = alias.trim();
        let message = if name.is_empty() {
            format!("{} has an empty alias in 'auxiliary'", fields.what)
        } else if !seen.insert(name) {
            format!(
                "{} has the alias '{name}' twice in 'auxiliary'",
                fields.what
            )
        } else {
            continue;
        };
        let diagnostic = Diagnostic::at(alias.span, message);
        fields
            .diagnostics
            .push(diagnostic.help("give each stream an alias of its own"));
    }
}

/// A stream has one part in a stage: trigger input, auxiliary input or output.
pub(super) fn check_overlap(
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
    trigger: &[Located<StreamIndex>],
    auxiliary: &[Auxiliary],
    outputs: &[Located<StreamIndex>],
) {
    let mut parts: HashMap<StreamIndex, &str> = HashMap::new();
    let trigger = trigger.iter().map(|stream| (stream, "a trigger input"));
    let auxiliary = auxiliary
        .iter()
        .map(|entry| (&entry.stream, "an auxiliary input"));
    let outputs = outputs.iter().map(|stream| (stream, "an output"));
    for (stream, part) in trigger.chain(auxiliary).chain(outputs) {
        match parts.get(&stream.value) {
            // Twice in the same part is reported where the part is read.
            Some(first) if *first != part => fields.diagnostics.push(
                Diagnostic::at(
                    stream.span,
                    format!(
                        "{} cannot use the stream '{}' both as {first} and as {part}",
                        fields.what,
                        streams.name(stream.value)
                    ),
                )
                .help(
                    "define another stream; what a kernel keeps from frame to frame is its state",
                ),
            ),
            Some(_) => {}
            None => {
                parts.insert(stream.value, part);
            }
        }
    }
}
