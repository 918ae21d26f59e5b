//! Sources and sinks: what they give and take, and what is refused before anything exists.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod fits;
mod initial;
mod numpy;
mod parameters;
mod patterns;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::config::{self, Config, Report};
use sandpipe::endpoint::{
    Consumed, Produced, Sink, Source, SourceSpec, check_initial, initial_frame, npy, plan_sinks,
    plan_sources,
};
use tempfile::TempDir;

/// A pipeline with the stream `s` of `array` and what `more` says, in `directory`.
fn pipeline(directory: &Path, array: &str, more: &str) -> Config {
    let text = format!(
        "shared_memory:\n  - {{name: s, {array}}}\n  - {{name: t, shape: [2], dtype: uint8}}\n{more}"
    );
    config::parse(&directory.join("pipeline.yaml"), text)
        .unwrap_or_else(|report| panic!("{report}"))
}

fn source_of(
    directory: &Path,
    array: &str,
    kind: &str,
    parameters: &str,
) -> Result<Config, Report> {
    let more = format!(
        "sources:\n  - {{name: camera, kind: {kind}, stream: s, parameters: {{{parameters}}}}}\n"
    );
    let config = pipeline(directory, array, &more);
    plan_sources(&config).map(|_| config)
}

fn open_source(directory: &Path, array: &str, kind: &str, parameters: &str) -> Box<dyn Source> {
    let config =
        source_of(directory, array, kind, parameters).unwrap_or_else(|report| panic!("{report}"));
    plan_sources(&config).unwrap()[0].open().unwrap()
}

fn sink_config(directory: &Path, kind: &str, parameters: &str) -> Config {
    let sink = format!(
        "sinks:\n  - {{name: recorder, kind: {kind}, stream: t, parameters: {{{parameters}}}}}\n"
    );
    pipeline(directory, "shape: [2], dtype: uint8", &sink)
}

fn open_sink(directory: &Path, kind: &str, parameters: &str) -> Box<dyn Sink> {
    plan_sinks(&sink_config(directory, kind, parameters))
        .unwrap_or_else(|report| panic!("{report}"))[0]
        .open()
        .unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A file as NumPy writes it.
fn npy_file(path: &Path, descr: &str, fortran: &str, shape: &str, data: &[u8]) {
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    text.insert_str(text.len() - 1, &" ".repeat(64 - (10 + text.len()) % 64));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes).unwrap();
}

/// The frames of a source until it ends or has given `limit`.
fn play(source: &mut dyn Source, bytes: usize, limit: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while frames.len() < limit {
        let mut frame = [vec![0xaa; bytes]];
        match source.next(&mut frame).unwrap() {
            Produced::Frame { .. } => frames.extend(frame),
            Produced::NotBefore(due) => {
                std::thread::sleep(due.saturating_duration_since(Instant::now()))
            }
            Produced::Lost { .. } | Produced::Nothing => {}
            Produced::End => break,
        }
    }
    frames
}
