//! What is wrong with a file as a whole.

use sandpipe::config;

use super::{check, refused, with_stage};

#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let report = config::load(&file(
        "cut.yaml",
        "é: 1\né: \u{fe}".as_bytes().split_last().unwrap().1,
    ))
    .unwrap_err();
    let span = report.diagnostics()[0].span.unwrap();
    assert_eq!(
        (span.offset, span.line, span.column),
        (10, 2, 4),
        "{report}"
    );
    let marked = file("marked.yaml", "\u{feff}kernels: []".as_bytes());
    let report = config::load(&marked).unwrap_err();
    assert!(report.plain().contains("1 | kernels"), "{report}");
    for (path, message) in [
        (
            folder.path().join("missing.yaml"),
            "missing.yaml' does not exist",
        ),
        (folder.path().to_owned(), "is a directory"),
        (
            file("bytes.yaml", b"shared_memory:\n  - \xff"),
            "is not UTF-8: here is a byte",
        ),
        (
            file("large.yaml", &vec![b'#'; (16 << 20) + 1]),
            "is larger than the limit of 16777216 bytes",
        ),
    ] {
        let report = config::load(&path).unwrap_err();
        let [diagnostic] = report.diagnostics() else {
            panic!("{report}")
        };
        assert!(diagnostic.message.contains(message), "{report}");
        assert!(
            report.json()[0]["file"]
                .as_str()
                .unwrap()
                .contains(folder.path().to_str().unwrap())
        );
    }
}

#[test]
fn yaml() {
    check("", &["the configuration is empty | shared_memory"]);
    check(
        "⟦[⟧]",
        &["the pipeline must be a mapping of keys to values, but it is an empty list"],
    );
    check(
        "⟦just words⟧",
        &["the pipeline must be a mapping of keys to values, but it is the text 'just words'"],
    );
    check(
        "shared_memory: []\n⟦shared_memory⟧: []",
        &["the key 'shared_memory' is given twice"],
    );
    for text in [
        "a: [",
        "a: b: c",
        "\t- x",
        "a: *nowhere",
        "a: &x [*x]",
        "{",
        "a: 'b",
        "%YAML 9",
        "? [a]\n: b",
        "~: b",
        "--- a\n--- b",
        "a: !!binary x",
    ] {
        let report = refused(text);
        assert!(report.diagnostics()[0].span.is_some(), "{text:?}: {report}");
    }
    check("a: !own ⟦x⟧", &["not valid YAML"]);
    check(
        "⟦kernles⟧: []\r\nshared_memory: ⟦3⟧\r\nsinks: [⟦é⟧]",
        &[
            "unknown key 'kernles'",
            "must be a list, but it is the integer 3",
            "sink 1 must be a mapping",
        ],
    );
}

#[test]
fn yaml_bombs() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{before}]\n");
    }
    let nested = "[".repeat(100_000);
    let nested_block = (0..2000)
        .map(|level| " ".repeat(level) + "a:\n")
        .collect::<String>();
    let many = format!("a: [{}1]", "1,".repeat(1_100_000));
    let long = format!(
        "a: &a {}\nb: [{}1]",
        "x".repeat(1 << 20),
        "*a,".repeat(5000)
    );
    for text in [laughs, nested, nested_block, many, long] {
        let report = refused(&text);
        assert_eq!(report.diagnostics().len(), 1, "{report}");
        assert!(report.plain().len() < 10_000);
    }
}

#[test]
fn top_level() {
    check(
        "⟦⟦sources⟧⟧: []",
        &[
            "the pipeline lacks the key 'shared_memory'",
            "the pipeline has no kernel, source or sink",
        ],
    );
    check(
        "shared_memory: ⟦[⟧]\nsinks: [{name: s, kind: null.sink, stream: ⟦x⟧}]",
        &[
            "'shared_memory' of the pipeline must be a list of at least one stream, but it is an empty list",
            "sink 's' names the stream 'x', which is not defined",
        ],
    );
    check(
        &format!("⟦kernel⟧: []\n{}", with_stage("")),
        &["the pipeline has the unknown key 'kernel' | did you mean 'kernels'?"],
    );
    check(
        &format!("namespace: ⟦a/b⟧\n{}", with_stage("")),
        &["'namespace' must not contain a slash"],
    );
    check(
        &format!("namespace: ⟦3⟧\n{}", with_stage("")),
        &["'namespace' of the pipeline must be a text, but it is the integer 3 | quotes"],
    );
    check(
        &format!("lanes: ⟦fuse⟧\n{}", with_stage("")),
        &[
            "'lanes' of the pipeline must be one of fused, spread, auto, but it is the text 'fuse' | did you mean 'fused'?",
        ],
    );
    check(
        &format!("kernel_path: ⟦here⟧\n{}", with_stage("")),
        &["'kernel_path' of the pipeline must be a list"],
    );
}
