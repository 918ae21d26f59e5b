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
}
