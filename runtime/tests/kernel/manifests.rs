//! Manifests that are damaged.

use sandpipe::kernel::Manifest;

#[test]
fn damaged_manifests() {
    let deep = (0..20).fold("{}".to_owned(), |inner, _| format!(r#"{{"not":{inner}}}"#));
    let parameters = |schema: &str| format!(r#"{{"abi":"0.1","kind":"k","parameters":{schema}}}"#);
    for (json, message) in [
        (String::new(), "it is no JSON object"),
        ("[]".to_owned(), "it is no JSON object"),
        (r#"{"kind":"k"}"#.to_owned(), "missing field `abi`"),
        (r#"{"abi":"0.1"}"#.to_owned(), "missing field `kind`"),
        (r#"{"abi":0.1,"kind":"k"}"#.to_owned(), "invalid type: floating point `0.1`, expected a string"),
        (r#"{"abi":"9.0","kinds":"k"}"#.to_owned(), "it is for version '9.0' of the contract, and this host implements '0.1'"),
        (r#"{"abi":"0.1","kind":"k","input_arty":1}"#.to_owned(), "unknown field `input_arty`"),
        (r#"{"abi":"0.1","kind":"k","kind":"l"}"#.to_owned(), "duplicate field `kind`"),
        (r#"{"abi":"0.1","kind":"k","input_arity":-1}"#.to_owned(), "invalid value: integer `-1`"),
        (r#"{"abi":"0.1","kind":"k","input_arity":1.5}"#.to_owned(), "invalid type: floating point `1.5`"),
        (r#"{"abi":"0.1","kind":"k","input_arity":1025}"#.to_owned(), "'input_arity' is 1025, more than 1024"),
        (r#"{"abi":"0.1","kind":"k","auxiliary_arity":2000}"#.to_owned(), "'auxiliary_arity' is 2000, more than 1024"),
        (r#"{"abi":"0.1","kind":"k","output_arity":4000000000}"#.to_owned(), "'output_arity' is 4000000000, more than 1024"),
        (r#"{"abi":"0.1","kind":""}"#.to_owned(), "'' is no kind"),
        (r#"{"abi":"0.1","kind":"../../x"}"#.to_owned(), "'../../x' is no kind"),
        (r#"{"abi":"0.1","kind":"k","aliases":["a b"]}"#.to_owned(), "'a b' is no kind"),
        (r#"{"abi":"0.1","kind":"k","storage":"disk"}"#.to_owned(), "unknown variant `disk`"),
        (r#"{"abi":"0.1","kind":"k","dtypes":["float32"]}"#.to_owned(), "'float32' is no dtype; the dtypes are bool, s8"),
        (r#"{"abi":"0.1","kind":"k","dtypes":[]}"#.to_owned(), "'dtypes' is empty"),
        (r#"{"abi":"0.1","kind":"k","split":"columns"}"#.to_owned(), "unknown variant `columns`"),
        (r#"{"abi":"0.1","kind":"k","state":[{"alias":"s","like":"it"}]}"#.to_owned(), "the state 's' is like 'it'"),
        (r#"{"abi":"0.1","kind":"k","state":[{"alias":"s","like":"output:9999999999999999999999"}]}"#.to_owned(), "the state 's' is like"),
        (r#"{"abi":"0.1","kind":"k","state":[{"alias":"s","like":"auxiliary"}]}"#.to_owned(), "like a stream that no stage of this kind has"),
        (r#"{"abi":"0.1","kind":"k","state":[{"alias":"s","like":"output"},{"alias":"s","like":"input"}]}"#.to_owned(), "two arrays of state have the alias 's'"),
        (parameters("3"), "its schema of parameters is no JSON object"),
        (parameters(r#"{"type":"nonsense"}"#), "its schema of parameters is wrong"),
        (parameters(r##"{"properties":{"a":{"$ref":"#"}}}"##), "its schema of parameters has a '$ref'"),
        (parameters(r#"{"$ref":"https://example.com/schema.json"}"#), "has a '$ref'"),
        (parameters(r#"{"properties":{"a":{"pattern":"("}}}"#), "its schema of parameters is wrong"),
        (parameters(r#"{"properties":{"a":{"pattern":"(a)\\1"}}}"#), "its schema of parameters is wrong"),
        (parameters(r#"{"properties":{"a":{"pattern":"((a{1000}){1000}){1000}"}}}"#), "its schema of parameters is wrong"),
        (parameters(&deep), "nests more than 16 levels deep"),
        (format!(r#"{{"abi":"0.1","kind":"k","summary":"{}"}}"#, "x".repeat(70_000)), "more than 65536"),
    ] {
        let error = Manifest::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(message), "{message:?} is not in {error:?}");
    }
    // As a tool that pads sections leaves it.
    Manifest::parse(b"{\"abi\":\"0.1\",\"kind\":\"k\"}\n\0").unwrap();
    Manifest::parse(br#"{"abi":"0.1","kind":"k","output_arity":1024}"#).unwrap();
}
