//! Shared-memory streams.

pub mod guard;
