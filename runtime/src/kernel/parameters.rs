//! The parameters of a stage against the schema of its kernel.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::config::{Diagnostic, Diagnostics, Located, StageConfig, nearest, suggestion};

use super::manifest::Manifest;

/// Reports parameters that are unknown, missing or not as the schema describes them.
pub(super) fn check(stage: &StageConfig, manifest: &Manifest, diagnostics: &mut Diagnostics) {
    let instance = stage.parameters.to_json();
    let mut missing = Vec::new();
    // What the unknown parameters were probably meant to be is not reported as missing again.
    let mut meant = Vec::new();
    for error in manifest.parameters.errors(&instance) {
        if diagnostics.is_full() {
            return;
        }
        let at_root = error.instance_path().as_str().is_empty();
        match error.kind() {
            ValidationErrorKind::Required { property } if at_root => {
                missing.extend(property.as_str().map(str::to_owned));
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected }
                if at_root =>
            {
                for name in unexpected {
                    meant.extend(nearest(name, manifest.parameters.names()).map(str::to_owned));
                    diagnostics.push(unknown(stage, manifest, name));
                }
            }
            _ => diagnostics.push(wrong(stage, manifest, &error)),
        }
    }
    missing.retain(|name| !meant.contains(name));
    for name in missing {
        diagnostics.push(
            Diagnostic::at(
                stage.parameters.span,
                format!(
                    "{} lacks the parameter '{name}' of kernel kind '{}'",
                    stage.called(),
                    manifest.kind
                ),
            )
            .help(match manifest.parameters.description(&name) {
                Some(description) => format!("add '{name}: …' under 'parameters': {description}"),
                None => format!("add '{name}: …' under 'parameters'"),
            }),
        );
    }
}

fn unknown(stage: &StageConfig, manifest: &Manifest, name: &str) -> Diagnostic {
    let entries = stage.parameters.entries.iter();
    let key = entries.map(|(key, _)| key).find(|key| key.value == name);
    let span = key.map_or(stage.parameters.span, |key: &Located<String>| key.span);
    let message = format!("kernel kind '{}' has no parameter '{name}'", manifest.kind);
    let diagnostic = Diagnostic::at(span, message);
    if manifest.parameters.names().next().is_none() {
        return diagnostic.help("it takes no parameters");
    }
    diagnostic.help(suggestion(
        name,
        manifest.parameters.names(),
        "the parameters",
    ))
}

fn wrong(stage: &StageConfig, manifest: &Manifest, error: &ValidationError<'_>) -> Diagnostic {
    let path: Vec<String> = error
        .instance_path()
        .into_iter()
        .map(|segment| segment.to_string())
        .collect();
    let value = path.first().and_then(|name| stage.parameters.get(name));
    let what = match &path[..] {
        [] => "the parameters".to_owned(),
        path => format!("parameter '{}'", path.join(".")),
    };
    let diagnostic = Diagnostic::at(
        value.map_or(stage.parameters.span, |value| value.span),
        format!(
            "{what} of {} cannot be used by kernel kind '{}': {}",
            stage.called(),
            manifest.kind,
            words(error)
        ),
    );
    let description = path
        .first()
        .and_then(|name| Some((name, manifest.parameters.description(name)?)));
    match description {
        Some((name, description)) => diagnostic.help(format!("'{name}': {description}")),
        None => diagnostic,
    }
}

/// What the validator says; lists, mappings and long texts are not repeated.
fn words(error: &ValidationError<'_>) -> String {
    let instance = error.instance().as_ref();
    let is_short = match instance {
        Value::Array(_) | Value::Object(_) => false,
        Value::String(text) => text.len() <= 100,
        _ => true,
    };
    match error.kind() {
        // The validator itself names three of them and counts the rest.
        ValidationErrorKind::Enum { options } if is_short => {
            format!("{instance} is not one of {}", listed(options))
        }
        ValidationErrorKind::Enum { options } => format!("it is not one of {}", listed(options)),
        _ if is_short => error.to_string(),
        _ => error.masked_with("it").to_string(),
    }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let options: Vec<String> = options.iter().map(Value::to_string).collect();
    options.join(", ")
}
