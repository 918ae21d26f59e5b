//! What stands in for `stream/owner.rs`: owners of whom it is known whether they live.

/// Odd ones live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub u64);

impl Owner {
    pub const NOBODY: Owner = Owner(0);
    pub const WRITER: Owner = Owner(1);
    pub const READER: Owner = Owner(3);
    pub const DEAD: Owner = Owner(4);

    pub fn is_alive(self) -> bool {
        self.0 % 2 == 1
    }
}
