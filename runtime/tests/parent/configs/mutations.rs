//! Changes to a configuration, each at one place: every key and every value of it comes to be changed.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// A step into a document.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// What takes the place of a value.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(3),
        json!(1.5),
        json!(""),
        json!(" "),
        json!("3"),
        json!("nowhere"),
        json!([]),
        json!({}),
        json!([2]),
        json!([1, "x"]),
        json!({"pattern": "constant"}),
        json!(123_456_789_012_345_678_u64),
    ]
}

/// Words of the format: at a wrong place, or in the place of another of their kind.
const WORDS: [&str; 46] = [
    "gpu",
    "CPU",
    "attach",
    "create",
    "replace",
    "all_new",
    "any_new",
    "count",
    "matching_frame_id",
    "drop_older",
    "drop_newer",
    "float64",
    "float16",
    "int32",
    "uint8",
    "bool",
    "complex64",
    "object",
    ">f4",
    "u8",
    "U5",
    "constant",
    "normal",
    "values",
    "identity",
    "random",
    "sine",
    "impulse",
    "checkerboard",
    "sum",
    "mean",
    "max",
    "min",
    "cpu.copy",
    "cpu.concatenate",
    "cpu.raise_error",
    "cpu.nothing",
    "gpu.scale",
    "synthetic.array",
    "null.sink",
    "input * 2",
    "input @ input",
    "input ** 2",
    "input + nowhere",
    "a/b",
    "0.5",
];

/// `count` texts that are `bases` with one change each, or two now and then; the same for the same seed.
pub fn mutations(bases: &[(&str, Value)], seed: u64, count: usize) -> Vec<(String, String)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut all: Vec<(String, Value)> = Vec::new();
    for (name, base) in bases {
        all.extend(changes(name, base));
    }
    all.shuffle(&mut random);
    // There are many more words than other values, and most are refused by both.
    let (words, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(what, _)| what.contains(" := "));
    let mut all: Vec<(String, Value)> = words.into_iter().take(count / 4).collect();
    let others = others.into_iter().take(count - all.len());
    all.extend(others);
    all.shuffle(&mut random);
    let twice = all.clone();
    for (name, document) in twice.iter().take(count / 8) {
        let again: Vec<(String, Value)> = changes(name, document).collect();
        all.push(again[random.random_range(0..again.len())].clone());
    }
    // JSON is YAML.
    all.into_iter()
        .map(|(name, document)| (name, document.to_string()))
        .collect()
}

/// `bases` with another dtype in all places where they have float32.
pub fn dtypes(bases: &[(&str, Value)]) -> Vec<(String, String)> {
    let dtypes = [
        "float64",
        "float16",
        "int8",
        "int32",
        "uint8",
        "uint64",
        "bool",
        "complex64",
    ];
    let of = |dtype: &'static str| {
        bases.iter().map(move |(name, base)| {
            let text = base.to_string().replace("float32", dtype);
            (format!("{name} of {dtype}"), text)
        })
    };
    dtypes.into_iter().flat_map(of).collect()
}

/// Every single change of `base`.
fn changes(name: &str, base: &Value) -> impl Iterator<Item = (String, Value)> {
    let mut found = Vec::new();
    for path in paths(base) {
        let place = place(&path);
        let mut change = |what: String, edit: &dyn Fn(&mut Value)| {
            let mut document = base.clone();
            edit(&mut document);
            if document != *base {
                found.push((format!("{name}: {place} {what}"), document));
            }
        };
        for value in values() {
            change(format!("= {value}"), &|document| {
                if let Some(at) = at(document, &path) {
                    *at = value.clone();
                }
            });
        }
        if at_of(base, &path).is_some_and(Value::is_string) {
            let names = names(base);
            for word in names.iter().map(String::as_str).chain(WORDS) {
                change(format!(":= {word}"), &|document| {
                    if let Some(at) = at(document, &path) {
                        *at = json!(word);
                    }
                });
            }
        }
        change("removed".to_owned(), &|document| remove(document, &path));
        change("given an unknown key".to_owned(), &|document| {
            if let Some(Value::Object(entries)) = at(document, &path) {
                entries.insert("surprise".to_owned(), json!(1));
            }
        });
        change("its first item twice".to_owned(), &|document| {
            if let Some(Value::Array(items)) = at(document, &path) {
                items.extend(items.first().cloned());
            }
        });
        change("backwards".to_owned(), &|document| {
            if let Some(Value::Array(items)) = at(document, &path) {
                items.reverse();
            }
        });
        for (one, many) in [
            ("input", "inputs"),
            ("output", "outputs"),
            ("stream", "streams"),
        ] {
            change(format!("both {one} and {many}"), &|document| {
                if let Some(Value::Object(entries)) = at(document, &path)
                    && let Some(Value::String(name)) = entries.get(one).cloned()
                {
                    entries.insert(many.to_owned(), json!([name]));
                }
            });
            change(format!("{many} for {one}"), &|document| {
                if let Some(Value::Object(entries)) = at(document, &path)
                    && let Some(Value::String(name)) = entries.remove(one)
                {
                    entries.insert(many.to_owned(), json!([name]));
                }
            });
        }
    }
    found.into_iter()
}

/// All places of a document but its root.
fn paths(document: &Value) -> Vec<Vec<Step>> {
    fn below(value: &Value, path: &[Step], found: &mut Vec<Vec<Step>>) {
        let children: Vec<(Step, &Value)> = match value {
            Value::Object(entries) => entries
                .iter()
                .map(|(key, value)| (Step::Key(key.clone()), value))
                .collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, value)| (Step::Index(index), value))
                .collect(),
            _ => Vec::new(),
        };
        for (step, child) in children {
            let path: Vec<Step> = path.iter().cloned().chain([step]).collect();
            below(child, &path, found);
            found.push(path);
        }
    }
    let mut found = vec![Vec::new()];
    below(document, &[], &mut found);
    found
}

fn place(path: &[Step]) -> String {
    let steps = path.iter().map(|step| match step {
        Step::Key(key) => format!(".{key}"),
        Step::Index(index) => format!("[{index}]"),
    });
    steps.collect()
}

fn at<'v>(document: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(document, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(*index),
    })
}

fn at_of<'v>(document: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(document, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(*index),
    })
}

fn remove(document: &mut Value, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    match (at(document, parents), last) {
        (Some(Value::Object(entries)), Step::Key(key)) => {
            entries.shift_remove(key);
        }
        (Some(Value::Array(items)), Step::Index(index)) => {
            items.remove(*index);
        }
        _ => {}
    }
}

/// The names of streams, kernels, sources and sinks.
fn names(document: &Value) -> Vec<String> {
    let sections = ["shared_memory", "kernels", "sources", "sinks"];
    let entries = sections
        .iter()
        .filter_map(|section| document.get(section)?.as_array());
    let names = entries
        .flatten()
        .filter_map(|entry| entry.get("name")?.as_str());
    names.map(str::to_owned).collect()
}
