use sandpipe::kernel::Manifest;

pub const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "1e999",
    "-1",
    "18446744073709551616",
    "0.1",
    "\"abi\":",
    "\"kind\":",
    "\"$ref\":\"#\"",
    "\"$ref\":\"#/properties/gain\"",
    "\"$ref\":\"http://localhost/\"",
    "\"$defs\":",
    "\"pattern\":\"(a+)+$\"",
    "\"not\":",
    "\"allOf\":[",
    "\"default\":",
    "\"multipleOf\":0",
    "\"type\":\"object\"",
    "\\u0000",
    "\\ud800",
    "\"like\":\"output:9\"",
    "\"minimum\":",
    "\"enum\":[]",
    "\"$dynamicRef\":\"#a\"",
    "\"$id\":\"x\"",
    "\"split\":\"rows\"",
    "[[[[[[[[",
];

const VALID: &str = r#"{"abi": "0.1", "kind": "my.gain", "aliases": ["my.old"], "version": "1", "summary": "s",
    "storage": "cpu", "input_arity": null, "auxiliary_arity": 2, "output_arity": 1, "dtypes": ["f32", "f64"],
    "state": [{"alias": "s", "like": "output:0"}], "split": "rows",
    "parameters": {"type": "object", "required": ["gain"], "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {"gain": {"type": ["number", "null"], "minimum": 0, "multipleOf": 0.5, "default": 1},
        "mode": {"enum": ["fast", "exact"]}, "taps": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true},
        "name": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "format": "regex"}},
        "patternProperties": {"^x": {"not": {"const": 1}}}, "dependentRequired": {"mode": ["gain"]},
        "if": {"required": ["mode"]}, "then": {"minProperties": 2}, "additionalProperties": false}}"#;

pub fn seeds() -> Vec<Vec<u8>> {
    vec![VALID.into()]
}

/// What is refused is refused in words.
pub fn run(bytes: &[u8]) {
    if let Err(error) = Manifest::parse(bytes) {
        assert!(!error.to_string().is_empty());
    }
}
