//! What is wrong between entries.

use super::check;

#[test]
fn graphs() {
    let pipeline = |kernels: &[(&str, &str, &str)]| {
        let stages: Vec<String> = kernels
            .iter()
            .map(|(name, input, output)| {
                format!("- {{name: {name}, kind: cpu.copy, input: {input}, output: {output}}}\n")
            })
            .collect();
        let streams: String = ["v", "w", "x", "y", "z"]
            .map(|name| format!("- {{name: {name}, shape: [1]}}\n"))
            .concat();
        format!("shared_memory:\n{streams}kernels:\n{}", stages.concat())
    };
    check(
        &pipeline(&[("p", "v", "w"), ("q", "x", "⟦w⟧")]),
        &["the stream 'w' has two producers, kernel 'p' and kernel 'q'"],
    );
    check(
        &pipeline(&[("p", "⟦x⟧", "w"), ("q", "w", "x")]),
        &["the kernels trigger each other in a cycle: p → q → p | 'auxiliary'"],
    );
    check(
        &pipeline(&[
            ("before", "v", "w"),
            ("p", "⟦z⟧", "x"),
            ("q", "x", "y"),
            ("r", "y", "z"),
        ]),
        &["in a cycle: p → q → r → p"],
    );
    // What follows a cycle is in none; two cycles are two.
    check(
        &pipeline(&[
            ("p", "⟦w⟧", "v"),
            ("q", "v", "w"),
            ("after", "w", "x"),
            ("r", "⟦z⟧", "y"),
            ("s", "y", "z"),
        ]),
        &["p → q → p", "r → s → r"],
    );
}

#[test]
fn all_mistakes_are_reported_together() {
    check(
        "lanes: ⟦both⟧
shared_memory:
  - name: a
    shape: [⟦0⟧]
  - {name: b, shape: [1], dtype: ⟦f33⟧}
kernels:
  - name: k
    kind: cpu.copy
    input: ⟦A⟧
    output: b
    ⟦outptu⟧: b
",
        &[
            "'lanes'",
            "'shape'",
            "'dtype'",
            "the stream 'A'",
            "'outptu'",
        ],
    );
}
