//! Why a source or a sink cannot go on.

use super::FileError;
use crate::array::ArrayType;
use crate::stream::StreamError;

/// Why a source or a sink cannot be started, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// A file of frames.
    #[error(transparent)]
    File(#[from] FileError),
    /// A recording, which was whole when it was opened.
    #[error("{0}")]
    Recording(String),
    /// A stream outside the pipeline.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Such a stream with other frames.
    #[error("the stream '{name}' holds {found}, but {wanted} is needed")]
    Differs {
        /// Its name.
        name: String,
        /// What it holds.
        found: ArrayType,
        /// What the pipeline's stream holds.
        wanted: ArrayType,
    },
}
