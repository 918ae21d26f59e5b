//! The deliberate differences: the rows of the table in MIGRATION.md, each with the words of the one who refuses.

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Parent,
    Sandpipe,
}

/// One row.
pub struct Difference {
    /// Its name in the table.
    pub name: &'static str,
    refused_by: Side,
    /// The complaint has one of these; parts of one that stand apart are separated by `…`.
    words: &'static [&'static str],
    /// The configuration has one of these, if there are any.
    text: &'static [&'static str],
}

impl Difference {
    /// Whether it is about such a complaint about such a configuration.
    pub fn covers(&self, side: Side, complaint: &str, text: &str) -> bool {
        self.refused_by == side
            && self.words.iter().any(|words| has(complaint, words))
            && (self.text.is_empty() || self.text.iter().any(|words| has(text, words)))
    }
}

/// Whether the parts of `words` stand in `text`, one after the other.
fn has(text: &str, words: &str) -> bool {
    let mut rest = Some(text);
    for part in words.split('…') {
        rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
    }
    rest.is_some()
}

const fn sandpipe(name: &'static str, words: &'static [&'static str]) -> Difference {
    Difference {
        name,
        refused_by: Side::Sandpipe,
        words,
        text: &[],
    }
}

const fn parent(
    name: &'static str,
    words: &'static [&'static str],
    text: &'static [&'static str],
) -> Difference {
    Difference {
        name,
        refused_by: Side::Parent,
        words,
        text,
    }
}

pub const DIFFERENCES: &[Difference] = &[
    // What shmpipeline accepts.
    sandpipe("key-given-twice", &["is given twice"]),
    sandpipe(
        "unknown-parameter",
        &["has no parameter", "has the unknown parameter"],
    ),
    sandpipe(
        "parameter-of-another-type",
        &[
            "parameter '…cannot be used by kernel kind",
            "' of source '…must be",
            "' of sink '…must be",
            "parameter '…': expected u32",
        ],
    ),
    sandpipe("number-that-is-none", &["must be a finite number"]),
    sandpipe("extent-that-is-no-integer", &["an extent in 'shape'"]),
    sandpipe(
        "dtype-that-no-stream-has",
        &[
            "must be a dtype of NumPy",
            "'dtype' of stream '…must be a text",
        ],
    ),
    sandpipe(
        "dtype-that-the-kernel-cannot-compute",
        &[
            "cannot use '…', whose dtype is",
            "must hold a real number, but has dtype",
        ],
    ),
    sandpipe(
        "size-beyond-the-machine",
        &["for 3 slots of", "more bytes than"],
    ),
    sandpipe(
        "initial-value-that-does-not-fit",
        &["of 'initial' of stream", "'initial' of stream"],
    ),
    sandpipe("truth-that-is-none", &["must be true or false"]),
    sandpipe(
        "time-that-is-no-number",
        &["must be a number of seconds", "must be a duration"],
    ),
    sandpipe(
        "integer-that-is-none",
        &["'max_skew_generations' of…must be an integer"],
    ),
    sandpipe("both-spellings", &["has both 'max_wait_s' and 'timeout'"]),
    sandpipe("cycle", &["trigger each other in a cycle"]),
    sandpipe(
        "name-that-no-file-can-have",
        &["control character", "the name of a stream"],
    ),
    sandpipe(
        "array-for-several-streams",
        &["of kind 'synthetic.array' writes one stream"],
    ),
    sandpipe("streams-without-use", &["which has no use for"]),
    sandpipe("gpu-stream", &["'storage: gpu' is not supported"]),
    // What shmpipeline refuses.
    parent(
        "blanks-around-a-dtype",
        &["invalid dtype"],
        &["' float32 '"],
    ),
    parent(
        "no-outputs-of-a-sink",
        &["outputs for s must contain"],
        &["outputs: []"],
    ),
    parent(
        "empty-value",
        &[
            "must be a mapping",
            "must be a number",
            "must be a list",
            "requires integer",
            "must be a non-empty string",
            "field 'kernels'",
        ],
        &[":null", ": null", "kernels: \n"],
    ),
    parent(
        "key-or-kind-of-sandpipe",
        &[
            "unsupported fields",
            "unknown kernel kind",
            "unknown source kind",
            "unknown sink kind",
            "initial pattern",
        ],
        &[
            "lanes",
            "cpu.convert",
            "file.npy",
            "slots",
            "pattern: file",
            "delivery",
            "on_fault",
        ],
    ),
    parent("time-with-a-unit", &["must be a number"], &["ms", "us"]),
    parent(
        "word-that-is-no-text-in-yaml-1.1",
        &[
            "must be a non-empty string",
            "must be boolean",
            "requires numeric",
        ],
        &["name: on", "name: no", "factor: 1e-3", "1e3"],
    ),
    parent(
        "concatenate-of-any-new",
        &["requires trigger_policy 'all_new'"],
        &["cpu.concatenate", "cpu.tomographic_controller"],
    ),
];
