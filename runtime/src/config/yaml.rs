//! YAML text to a tree of nodes that know where they stand.
//!
//! The tree, rather than typed structures straight from serde, is what allows all the mistakes of a file to be
//! reported together. Bounds on depth, number of nodes and alias expansion keep a hostile file small.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Error, Location, NonFiniteFloatPolicy, Spanned};

use super::diagnostic::Diagnostic;
use super::located::{Located, Span};

/// Nodes (scalars, lists, mappings) that a file may hold, `initial` values included.
const NODE_LIMIT: usize = 1_000_000;
/// How deep lists and mappings may nest.
const DEPTH_LIMIT: usize = 32;
/// Events that aliases may replay in all: what stops a "billion laughs".
const REPLAY_LIMIT: usize = 20_000;
/// Bytes of one text: aliases may repeat it.
const TEXT_LIMIT: usize = 8 << 10;

/// A value and where it stands.
pub(super) type Node = Located<Value>;

/// The value of a node, by YAML's core schema.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// Any integer of 64 bits, signed or unsigned.
    Integer(i128),
    /// Possibly infinite or not a number.
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<(Located<String>, Node)>),
}

impl Value {
    /// How to speak of this value in "…, but it is …".
    pub(super) fn described(&self) -> String {
        match self {
            Value::Null => "empty".to_owned(),
            Value::Bool(value) => format!("the boolean {value}"),
            Value::Integer(value) => format!("the integer {value}"),
            Value::Float(value) => format!("the number {value:?}"),
            Value::Text(text) => match text.char_indices().nth(60) {
                Some((end, _)) => format!("the text '{}…'", &text[..end]),
                None => format!("the text '{text}'"),
            },
            Value::List(items) if items.is_empty() => "an empty list".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// Reads the one document of `text`.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: NODE_LIMIT,
            max_events: 4 * NODE_LIMIT,
            max_depth: DEPTH_LIMIT,
            flow_nesting_limit: DEPTH_LIMIT,
            max_documents: 1,
            max_aliases: 10_000,
            max_anchors: 10_000,
            max_merge_keys: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: REPLAY_LIMIT },
        duplicate_keys: DuplicateKeyPolicy::Error,
        // `yes` and `on` stay texts; where a boolean is expected they are understood. `0755` stays a text.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options)
        .map(node)
        .map_err(|error| diagnostic(&error))
}

/// The parser's error as ours.
fn diagnostic(error: &Error) -> Diagnostic {
    let span = error.location().map(span).unwrap_or_default();
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            Diagnostic::at(span, format!("the key '{key}' is given twice"))
                .help("keep one of the two")
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => Diagnostic::at(
            span,
            format!("the file is larger than a pipeline may be: {}", plain(error)),
        )
        .help(format!(
            "at most {NODE_LIMIT} values, {DEPTH_LIMIT} levels and {REPLAY_LIMIT} repetitions by aliases are read"
        )),
        Error::MultipleDocuments { .. } => {
            Diagnostic::at(span, "the file holds more than one YAML document")
                .help("keep one document; remove what follows '---'")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            Diagnostic::at(span, "the alias stands inside the value that it repeats")
        }
        _ => Diagnostic::at(span, format!("the file is not valid YAML: {}", plain(error))),
    }
}

/// The parser's words, without the place and without the source, which the report adds.
fn plain(error: &Error) -> String {
    use serde_saphyr::{MessageFormatter, UserMessageFormatter};
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => plain(error),
        _ => UserMessageFormatter.format_message(error).into_owned(),
    }
}

fn node(spanned: Spanned<Value>) -> Node {
    // A repeated value is marked where it is written, not where an alias repeats it.
    let mut span = span(spanned.defined);
    // A block mapping begins where its first key does and has no length of its own.
    if let (Value::Mapping(entries), true) = (&spanned.value, span.length <= 1)
        && let Some((key, _)) = entries.first()
        && key.span.offset == span.offset
    {
        span = key.span;
    }
    Located::new(spanned.value, span)
}

fn span(location: Location) -> Span {
    let place = location.span();
    let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let bytes = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    Span {
        offset: bytes(place.byte_offset()),
        length: bytes(place.byte_len()),
        line: small(location.line()),
        column: small(location.column()),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        check_length(value)?;
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = pairs.next_entry::<Spanned<String>, Spanned<Value>>()? {
            check_length(&key.value)?;
            entries.push((Located::new(key.value, span(key.defined)), node(value)));
        }
        Ok(Value::Mapping(entries))
    }
}

fn check_length<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.len() > TEXT_LIMIT {
        return Err(E::custom(format!(
            "a text has {} bytes, more than {TEXT_LIMIT}",
            text.len()
        )));
    }
    Ok(())
}
