//! The deliberate differences: the rows of the table in MIGRATION.md, each with the words of the one who refuses.

/// Who refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Parent,
    Sandpipe,
}

/// One row.
pub struct Difference {
    /// Its name in the table.
    pub name: &'static str,
    refused_by: Side,
    /// The complaint has one of these; parts of one that stand apart are separated by `…`.
    words: &'static [&'static str],
}

impl Difference {
    /// Whether it is about such a complaint.
    pub fn covers(&self, side: Side, complaint: &str) -> bool {
        let has = |words: &&str| {
            let mut rest = Some(complaint);
            for part in words.split('…') {
                rest = rest.and_then(|rest| Some(rest.split_once(part)?.1));
            }
            rest.is_some()
        };
        self.refused_by == side && self.words.iter().any(has)
    }
}

pub const DIFFERENCES: &[Difference] = &[];
