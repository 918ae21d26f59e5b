//! The snippets of MIGRATION.md for Python beside a pipeline: run as they stand there.

use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::harness::{Workbench, text};
use super::support::python;

const GUIDE: &str = include_str!("../../../MIGRATION.md");

/// The code blocks of a language in the guide's part with this heading.
fn snippets(heading: &str, language: &str) -> Vec<&'static str> {
    let (_, part) = GUIDE.split_once(&format!("\n### {heading}\n")).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let begin = format!("```{language}\n");
    let blocks = part.split(begin.as_str()).skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap())
        .collect()
}

#[test]
fn scripts_of_the_guide_work_beside_its_pipeline() {
    let heading = "Streams from Python";
    let bench = Workbench::new("guide");
    let [pipeline] = snippets(heading, "yaml")[..] else {
        panic!("one pipeline is expected")
    };
    let namespace = format!("namespace: {}", bench.namespace);
    bench.file(
        "pipeline.yaml",
        pipeline.replace("namespace: lab", &namespace),
    );
    let [camera, viewer, question] = snippets(heading, "python")[..] else {
        panic!("three scripts are expected")
    };
    let start = |script: &str| {
        let script = script.replace("\"lab.", &format!("\"{}.", bench.namespace));
        Command::new(python())
            .args(["-c", &script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let check = |client: Child| {
        let output = client.wait_with_output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{said}");
    };
    let mut run = bench.start(&["run", "pipeline.yaml"]);
    run.wait_for_reader("raw");
    // The camera feeds the viewer.
    let together = [camera, viewer].map(start);
    together.into_iter().for_each(check);
    check(start(question));
    run.signal(Signal::INT);
    assert_eq!(run.output().status.code(), Some(130));
}
