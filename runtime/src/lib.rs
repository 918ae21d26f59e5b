//! sandpipe: untrusted compute kernels on zero-copy shared-memory streams.
//!
//! Data flows one way: `cli` → [`replay`] → [`pipeline`] → [`recording`], [`sandbox`], [`stream`], [`kernel`], [`config`].
//! The sandbox does not know pipelines, streams do not know WebAssembly.

pub mod array;
pub mod bench;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod endpoint;
pub mod kernel;
pub mod language;
pub mod pipeline;
pub mod recording;
pub mod replay;
pub mod report;
pub mod sandbox;
pub mod stream;
