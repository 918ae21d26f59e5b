//! The word that says which frame is the newest.

/// One publication in one word: the slot in the top 8 bits, the sequence (the publication's number, from 1) in the next 55,
/// and in bit 0 whether the writer has closed the stream. The low half is the futex word, so closing must change it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head(pub u64);

impl Head {
    /// Set when no more frames will come.
    pub const CLOSED: u64 = 1;

    #[inline]
    pub fn new(slot: u32, sequence: u64) -> Head {
        Head(u64::from(slot) << 56 | (sequence << 1 & ((1 << 56) - 1)))
    }

    #[inline]
    pub fn slot(self) -> u32 {
        (self.0 >> 56) as u32
    }

    /// 0: nothing has been published.
    #[inline]
    pub fn sequence(self) -> u64 {
        self.0 << 8 >> 9
    }

    #[inline]
    pub fn is_closed(self) -> bool {
        self.0 & Head::CLOSED != 0
    }
}
