//! A kernel in Rust that misbehaves as its parameters say: `rust/`, built here as authors build theirs.

use std::sync::OnceLock;

use crate::case::Case;
use crate::guest;

/// The attacks in `rust/src/lib.rs`, and what becomes of each.
const ATTACKS: [(&str, &str, &str); 9] = [
    ("panic", "frame trap unreachable", ""),
    ("recursion", "frame trap", ""),
    ("spin", "frame deadline", "deadline: 50ms"),
    ("allocate", "frame memory", "memory: 8MiB"),
    ("write_input", "frame illegal_write 'x'", ""),
    ("fill_input", "frame illegal_write 'x'", ""),
    ("wild_pointer", "frame trap", ""),
    ("null_pointer", "survived", ""),
    ("long_failure", "frame failed ", ""),
];

pub fn cases() -> Vec<Case> {
    let module = module();
    let case = |(attack, expect, limits): (&str, &str, &str)| {
        let mut case = Case::new(&format!("rust-{attack}"), expect, module, "wasm");
        case.limits = limits.to_owned();
        case.parameters = format!("attack: {attack}");
        case
    };
    ATTACKS.into_iter().map(case).collect()
}

fn module() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| guest::module("sandpipe-hostile-kernel"))
}
