//! Configurations that no single change of a value leads to.

pub const FIXED: [&str; 1] = [""];
