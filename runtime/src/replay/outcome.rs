//! What came of a verification.

use serde::Serialize;

use super::difference::Difference;

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The streams that stages write and that were recorded.
    pub streams: Vec<StreamOutcome>,
    /// The stages that were called again.
    pub stages: Vec<StageOutcome>,
    /// What differs first, by the time of the call.
    pub difference: Option<Difference>,
}

impl Outcome {
    /// Frames that came out as they were recorded.
    pub fn equal(&self) -> u64 {
        self.streams.iter().map(|stream| stream.equal).sum()
    }
}

/// One stream.
#[derive(Clone, Debug, Serialize)]
pub struct StreamOutcome {
    /// Its name.
    pub name: String,
    /// Frames that are equal, bit for bit.
    pub equal: u64,
    /// Frames that are not.
    pub different: u64,
    /// Recorded frames that could not be compared: of calls that were lost, or that took frames which were.
    pub unchecked: u64,
}

/// One stage.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageOutcome {
    /// Its name.
    pub name: String,
    /// Calls that were made again.
    pub repeated: u64,
    /// Calls that could not be: what they took was lost.
    pub unknown: u64,
    /// Frames for which another was published, after a fault.
    pub substituted: u64,
    /// Frames that came to nothing then, because of a fault.
    pub dropped: u64,
    /// How often its state is what was recorded.
    pub states_equal: u64,
}
