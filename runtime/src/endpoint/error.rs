//! Why a source or a sink cannot go on.

use super::npy::NpyError;

/// Why a source or a sink cannot be started, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// A `.npy` file.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// A recording, which was whole when it was opened.
    #[error("{0}")]
    Recording(String),
}
