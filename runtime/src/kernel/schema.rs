//! The JSON Schema of a kernel's parameters.
//!
//! The schema comes from an untrusted module, and checking it must take bounded time: so it may not refer to other
//! schemas (`$ref` could recurse for ever or double at each step), nor nest deeply, and its patterns run in linear
//! time. Within that it is JSON Schema 2020-12, with one more rule: a parameter that the schema does not mention is
//! an error, unless it says `"additionalProperties": true`.

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::KernelError;

/// How deep the JSON of a schema may nest. Each step may double the work of `unevaluatedProperties`.
const DEPTH_LIMIT: usize = 16;

/// Regular expressions in a schema.
const PATTERN_LIMIT: usize = 64;

/// Bytes of a compiled regular expression.
const PATTERN_SIZE_LIMIT: usize = 1 << 20;

/// What the parameters of a kernel must look like.
#[derive(Clone)]
pub struct Schema {
    source: Value,
    validator: Arc<Validator>,
}

impl Schema {
    /// Compiles a schema; a kernel without one takes no parameters.
    pub(super) fn new(source: Option<Value>) -> Result<Schema, KernelError> {
        let damaged = |what: String| KernelError::new(format!("its schema of parameters {what}"));
        let source = source.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        let Value::Object(object) = &source else {
            return Err(damaged("is no JSON object".to_owned()));
        };
        let mut patterns = 0;
        check(&source, 0, &mut patterns).map_err(damaged)?;
        let mut closed = object.clone();
        if !closed.contains_key("additionalProperties")
            && !closed.contains_key("unevaluatedProperties")
        {
            closed.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE_LIMIT));
        let validator = options
            .build(&Value::Object(closed))
            .map_err(|error| damaged(format!("is wrong: {error}")))?;
        Ok(Schema {
            source,
            validator: Arc::new(validator),
        })
    }

    /// The schema as its author wrote it.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Checks parameters that no pipeline's file wrote.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, parameters: &Value) -> Result<(), KernelError> {
        match self.errors(parameters).next() {
            None => Ok(()),
            Some(error) => {
                let path = error.instance_path().as_str().trim_start_matches('/');
                let what = match path {
                    "" => "the parameters are wrong".to_owned(),
                    name => format!("the parameter '{name}' is wrong"),
                };
                Err(KernelError::new(format!("{what}: {error}")))
            }
        }
    }

    /// What is wrong with `parameters`, a JSON object.
    pub(super) fn errors<'i>(
        &'i self,
        parameters: &'i Value,
    ) -> impl Iterator<Item = ValidationError<'i>> {
        self.validator.iter_errors(parameters)
    }

    /// The names of the parameters that it describes.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.properties()
            .into_iter()
            .flat_map(Map::keys)
            .map(String::as_str)
    }

    /// What its author says about a parameter.
    pub fn description(&self, name: &str) -> Option<&str> {
        self.properties()?.get(name)?.get("description")?.as_str()
    }

    fn properties(&self) -> Option<&Map<String, Value>> {
        self.source.get("properties")?.as_object()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.source)
    }
}

/// Refuses what could make checking expensive. Recursion is bounded by the depth that is allowed.
fn check(value: &Value, depth: usize, patterns: &mut usize) -> Result<(), String> {
    if depth > DEPTH_LIMIT {
        return Err(format!("nests more than {DEPTH_LIMIT} levels deep"));
    }
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("$ref" | "$dynamicRef" | "$recursiveRef", _) => {
                        return Err(format!(
                            "has a '{key}', which is not allowed; write the schema out"
                        ));
                    }
                    ("pattern", _) => *patterns += 1,
                    ("patternProperties", Value::Object(entries)) => *patterns += entries.len(),
                    _ => {}
                }
                check(value, depth + 1, patterns)?;
            }
        }
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check(item, depth + 1, patterns))?,
        _ => {}
    }
    if *patterns > PATTERN_LIMIT {
        return Err(format!("has more than {PATTERN_LIMIT} patterns"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::time::{Duration, Instant};

    use super::*;

    /// The worst that the bound on depth lets through: each level doubles the work of the one below.
    #[test]
    fn a_hostile_schema_takes_bounded_time() {
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let mut schema = json!({"minProperties": 5});
            for _ in 0..7 {
                schema = json!({keyword: [schema.clone(), schema], "unevaluatedProperties": false});
            }
            let begin = Instant::now();
            let schema = Schema::new(Some(schema)).unwrap();
            let parameters = json!({"a": 1, "b": 2, "c": 3});
            assert!(schema.errors(&parameters).count() > 0);
            // Liveness, not speed: without a bound this would not end.
            assert!(begin.elapsed() < Duration::from_secs(20), "{keyword}");
        }
    }

    #[test]
    fn references_are_refused_wherever_they_stand() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"properties": {"a": {"items": {"$dynamicRef": "#a"}}}}),
            json!({"allOf": [{"$recursiveRef": "#"}]}),
        ] {
            assert!(Schema::new(Some(schema)).is_err());
        }
    }
}
