//! The `parameters` of a stage, a source or a sink: kept as they are written, for whoever knows their meaning.

use serde_json::{Map, Number, Value as Json};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::Fields;
use super::located::{Located, Span};
use super::yaml::{Node, Value};

/// Names and values in the order of the file, each with its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Where the mapping stands; where there is none, the entry that could have one.
    pub span: Span,
    /// Each name once.
    pub entries: Vec<(Located<String>, Located<Json>)>,
}

impl Parameters {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&Located<Json>> {
        self.entries
            .iter()
            .find(|(key, _)| key.value == name)
            .map(|(_, value)| value)
    }

    /// As the JSON object that a kernel is given, in the order of the file.
    pub fn to_json(&self) -> Json {
        let entries = self.entries.iter();
        Json::Object(
            entries
                .map(|(key, value)| (key.value.clone(), value.value.clone()))
                .collect::<Map<String, Json>>(),
        )
    }
}

/// The key `parameters` of `fields`; nothing where it is missing.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Parameters {
    let mut parameters = Parameters {
        span: fields.span,
        entries: Vec::new(),
    };
    let Some(node) = fields.get("parameters") else {
        return parameters;
    };
    parameters.span = node.span;
    let Value::Mapping(entries) = &node.value else {
        fields.wrong("parameters", node, "a mapping of names to values");
        return parameters;
    };
    for (key, value) in entries {
        if let Some(json) = json(value, &key.value, fields.diagnostics) {
            parameters
                .entries
                .push((key.clone(), Located::new(json, value.span)));
        }
    }
    parameters
}

/// `node` as JSON. Numbers that JSON cannot hold are reported. Recursion is bounded by the YAML reader.
fn json(node: &Node, name: &str, diagnostics: &mut Diagnostics) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Text(text) => Json::String(text.clone()),
        Value::Integer(value) => Json::Number(Number::from_i128(*value)?),
        Value::Float(value) => match Number::from_f64(*value) {
            Some(number) => Json::Number(number),
            None => {
                diagnostics.push(Diagnostic::at(
                    node.span,
                    format!("parameter '{name}' must be a finite number, but it is {value}"),
                ));
                return None;
            }
        },
        Value::List(items) => Json::Array(
            items
                .iter()
                .filter_map(|item| json(item, name, diagnostics))
                .collect(),
        ),
        Value::Mapping(entries) => Json::Object(
            entries
                .iter()
                .filter_map(|(key, value)| {
                    Some((key.value.clone(), json(value, name, diagnostics)?))
                })
                .collect(),
        ),
    })
}
