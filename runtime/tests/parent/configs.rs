//! Which configurations are accepted: generated ones, and some that were thought of, go to shmpipeline's validator and to ours.
//! Where they are not judged alike, a row of the table in MIGRATION.md says so, and every row has a configuration that shows it.

mod bases;
mod differences;
mod fixed;
mod mutations;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use sandpipe::config;
use sandpipe::pipeline::Plan;
use sandpipe::sandbox::{CacheDirectory, Engine, EngineOptions};

use differences::{DIFFERENCES, Side};

/// The seed of the generated configurations, and how many there are: with both, every run has the same.
const SEED: u64 = 6;
const COUNT: usize = 1500;

/// A configuration and what both say about it: nothing, if they accept it.
struct Case {
    what: String,
    text: String,
    ours: Vec<String>,
    theirs: Vec<String>,
}

/// What shmpipeline says about each text.
fn theirs(texts: &[&str]) -> Vec<Vec<String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parent/configs.py");
    let mut process = Command::new(super::python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    input
        .write_all(&serde_json::to_vec(texts).unwrap())
        .unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `sandpipe validate` says about a text.
fn ours(engine: &Engine, text: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pipeline.yaml");
    let plan = config::parse(&path, text).and_then(|config| Plan::of(engine, config));
    match plan {
        Ok(_) => Vec::new(),
        Err(report) => {
            let found = report.diagnostics().iter();
            found.map(|diagnostic| diagnostic.message.clone()).collect()
        }
    }
}

fn engine() -> Engine {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parent-cache");
    let options = EngineOptions {
        cache: CacheDirectory::At(cache),
        ..EngineOptions::default()
    };
    Engine::new(options).unwrap()
}

/// Asks both about every configuration.
fn judged(configurations: Vec<(String, String)>) -> Vec<Case> {
    let texts: Vec<&str> = configurations
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    let theirs = theirs(&texts);
    let engine = engine();
    let cases = configurations.into_iter().zip(theirs);
    cases
        .map(|((what, text), theirs)| Case {
            ours: ours(&engine, &text),
            what,
            text,
            theirs,
        })
        .collect()
}

/// The names of the table in MIGRATION.md.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../../MIGRATION.md");
    let section = text
        .split("## Configurations that are judged differently")
        .nth(1);
    let section = section.and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect()
}

#[test]
fn configurations_are_judged_as_the_parent_does_or_the_table_says_otherwise() {
    let bases = bases::bases();
    let plain = bases
        .iter()
        .map(|(name, base)| ((*name).to_owned(), base.to_string()));
    for case in judged(plain.collect()) {
        assert_eq!((case.ours, case.theirs), (vec![], vec![]), "{}", case.what);
    }

    let mut configurations = mutations::mutations(&bases, SEED, COUNT);
    assert!(configurations.len() > 300);
    configurations.extend(mutations::dtypes(&bases));
    configurations.extend(fixed::fixed());
    let cases = judged(configurations);
    let accepted = cases.iter().filter(|case| case.ours.is_empty()).count();
    // Else the comparison would say little.
    assert!(
        accepted > cases.len() / 20,
        "only {accepted} of {} are right",
        cases.len()
    );

    let mut hit = BTreeSet::new();
    let mut unexplained = Vec::new();
    for case in &cases {
        let (side, complaints) = match (case.ours.is_empty(), case.theirs.is_empty()) {
            (true, false) => (Side::Parent, &case.theirs),
            (false, true) => (Side::Sandpipe, &case.ours),
            _ => continue,
        };
        for complaint in complaints {
            let covers = |row: &&differences::Difference| row.covers(side, complaint, &case.text);
            match DIFFERENCES.iter().find(covers) {
                Some(row) => drop(hit.insert(row.name.to_owned())),
                None => unexplained.push(format!(
                    "{}\n  refused by {side:?}: {complaint}\n  {}",
                    case.what, case.text
                )),
            }
        }
    }
    println!("{} configurations, {accepted} of them right", cases.len());
    assert!(
        unexplained.is_empty(),
        "{} are judged otherwise, and no row of the table says so:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    let rows: BTreeSet<String> = DIFFERENCES.iter().map(|row| row.name.to_owned()).collect();
    assert_eq!(rows, hit, "rows that no configuration shows");
    assert_eq!(
        rows,
        documented(),
        "the table in MIGRATION.md has other rows"
    );
}
