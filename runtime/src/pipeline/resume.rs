//! What a run begins with, where that is not what the configuration says.

use crate::config::StreamIndex;

/// State and frames of an earlier run, from which a run goes on.
#[derive(Clone, Debug, Default)]
pub struct Resume {
    /// The state arrays of stages, by name. They have the sizes that the stages' kernels say.
    pub state: Vec<(String, Vec<Vec<u8>>)>,
    /// Frames that streams show before the first one is published, and their numbers.
    pub shown: Vec<(StreamIndex, u64, Vec<u8>)>,
    /// Streams whose rings are as deep as those of streams that are recorded: their frames come from a recording, in an order in
    /// which one of them may be as far ahead of another as it could be then.
    pub played: Vec<StreamIndex>,
}

impl Resume {
    /// The state of a stage, if it is not to begin with zeros.
    pub(super) fn state_of(&self, stage: &str) -> Option<&[Vec<u8>]> {
        let found = self.state.iter().find(|(name, _)| name == stage);
        found.map(|(_, state)| state.as_slice())
    }

    /// What a stream shows, if it is not what its configuration says.
    pub(super) fn shown(&self, stream: usize) -> Option<(u64, &[u8])> {
        let found = self.shown.iter().find(|(index, ..)| index.0 == stream);
        found.map(|(_, frame_id, frame)| (*frame_id, frame.as_slice()))
    }
}
