//! What is known about a frame beside its bytes.

/// A published frame. It stays as it is until the reader that returned it takes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The slot of the ring that it lies in.
    pub slot: u32,
    /// Which publication of the stream it is, from 1.
    pub sequence: u64,
    /// The number that its producer gave it.
    pub frame_id: u64,
    /// When it was published, in nanoseconds of CLOCK_MONOTONIC.
    pub published_ns: u64,
    /// When the frame that it was computed from was published at the graph's source, by the same clock.
    pub origin_ns: u64,
    /// Whether it stands for a frame that could not be computed.
    pub mark: Mark,
}

/// Where the bytes of a frame come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Its producer made it.
    #[default]
    Fresh = 0,
    /// The stage that should have made it faulted: the last good frame once more.
    Held = 1,
    /// The stage that should have made it faulted: a frame of its input.
    Bypassed = 2,
}

impl Mark {
    /// From a word that anybody may have written.
    pub(crate) fn from_word(word: u32) -> Mark {
        match word {
            1 => Mark::Held,
            2 => Mark::Bypassed,
            _ => Mark::Fresh,
        }
    }

    /// A word for people and programs: `fresh`, `held`, `bypassed`.
    pub fn name(self) -> &'static str {
        match self {
            Mark::Fresh => "fresh",
            Mark::Held => "held",
            Mark::Bypassed => "bypassed",
        }
    }
}
