//! Hostile input for everything of sandpipe that reads some.
//!
//! Each target is a function of bytes that panics, crashes or hangs if something is wrong. Three ways lead to it:
//! the tests of this crate run each one for seconds, on a stable compiler; its binary does the same for as long as one likes;
//! and `fuzz_targets/` hands them to libFuzzer, which looks at which code an input reaches. CONTRIBUTING.md has the commands.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a panic is how a target says that something is wrong"
)]

mod attack;
mod config;
pub mod driver;
mod fits;
mod manifest;
mod mcap;
mod module;
mod npy;
mod segment;
mod smith;
mod stage;

use std::fs;
use std::path::PathBuf;

/// Something that reads hostile bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, also for libFuzzer.
    pub name: &'static str,
    /// Reads bytes; panics if it finds something wrong.
    pub run: fn(&[u8]),
    /// Valid inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Pieces that mean something to it.
    pub pieces: &'static [&'static str],
}

/// A pipeline's YAML to its configuration, and the report on its mistakes.
pub const CONFIG: Target = Target {
    name: "config",
    run: config::run,
    seeds: config::seeds,
    pieces: config::PIECES,
};

/// A kernel's manifest.
pub const MANIFEST: Target = Target {
    name: "manifest",
    run: manifest::run,
    seeds: manifest::seeds,
    pieces: manifest::PIECES,
};

/// A `.npy` file.
pub const NPY: Target = Target {
    name: "npy",
    run: npy::run,
    seeds: npy::seeds,
    pieces: npy::PIECES,
};

/// A FITS file.
pub const FITS: Target = Target {
    name: "fits",
    run: fits::run,
    seeds: fits::seeds,
    pieces: fits::PIECES,
};

/// A recording.
pub const MCAP: Target = Target {
    name: "mcap",
    run: mcap::run,
    seeds: mcap::seeds,
    pieces: mcap::PIECES,
};

/// The files of a stream: pyshmem's header, our control block, lengths that do not fit.
pub const SEGMENT: Target = Target {
    name: "segment",
    run: segment::run,
    seeds: segment::seeds,
    pieces: &[],
};

/// A module: read, admitted, compiled, run.
pub const MODULE: Target = Target {
    name: "module",
    run: module::run,
    seeds: module::seeds,
    pieces: module::PIECES,
};

/// A valid module with the functions of the contract, whatever they do: admitted, compiled, run. The bytes are what wasm-smith
/// makes it of.
pub const SMITH: Target = Target {
    name: "smith",
    run: smith::run,
    seeds: Vec::new,
    pieces: &[],
};

/// A kernel that gets as far as its first frame and then does what the bytes say: to addresses in and around its windows,
/// with an answer of `reserve` and an allocator that the bytes choose.
pub const ATTACK: Target = Target {
    name: "attack",
    run: attack::run,
    seeds: Vec::new,
    pieces: &[],
};

/// All of them.
pub const TARGETS: &[Target] = &[
    CONFIG, MANIFEST, NPY, FITS, MCAP, SEGMENT, MODULE, SMITH, ATTACK,
];

/// A directory of this process, for inputs that are read from files.
fn directory() -> PathBuf {
    let directory = std::env::temp_dir().join(format!("sandpipe-fuzz-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("there is no room for temporary files");
    directory
}
