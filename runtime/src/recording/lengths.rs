//! Whether the lengths that a record states lie within it.
//!
//! The crate `mcap` makes room for a text before it reads it, as much as the record says; so a record of a few bytes could ask for
//! gigabytes.

use mcap::records::op;

/// What is left of a record.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    /// A length of 32 bits, and so many bytes.
    fn sized(&mut self) -> Option<Rest<'a>> {
        let length = u32::from_le_bytes(self.skip(4)?.try_into().ok()?);
        self.skip(usize::try_from(length).ok()?).map(Rest)
    }

    /// Pairs of texts.
    fn map(&mut self) -> Option<()> {
        let mut pairs = self.sized()?;
        while !pairs.0.is_empty() {
            pairs.sized()?;
            pairs.sized()?;
        }
        Some(())
    }
}

/// Whether all texts of a record are within it. Records that are not read here have none that matter.
pub(super) fn are_within(opcode: u8, body: &[u8]) -> bool {
    let mut rest = Rest(body);
    let read = match opcode {
        op::METADATA => rest.sized().and_then(|_| rest.map()),
        // Two times, a size, a checksum; the name of a compression.
        op::CHUNK => rest.skip(28).and_then(|_| rest.sized()).map(drop),
        // Two numbers; a topic, an encoding, and what else there is to say.
        op::CHANNEL => (|| {
            rest.skip(4)?;
            rest.sized()?;
            rest.sized()?;
            rest.map()
        })(),
        _ => Some(()),
    };
    read.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn a_text_that_would_be_longer_than_its_record_is_noticed_wherever_it_is() {
        let pairs = [text("key"), text("value")].concat();
        let map = [(pairs.len() as u32).to_le_bytes().to_vec(), pairs].concat();
        let metadata = [text("name"), map.clone()].concat();
        let channel = [vec![0; 4], text("topic"), text("encoding"), map].concat();
        let chunk = [vec![0; 28], text(""), vec![0; 8]].concat();
        for (opcode, body, lengths) in [
            (op::METADATA, metadata, vec![0, 8, 12, 19]),
            (op::CHANNEL, channel, vec![4, 13, 25, 29, 36]),
            (op::CHUNK, chunk, vec![28]),
        ] {
            assert!(are_within(opcode, &body));
            for place in lengths {
                let mut longer = body.clone();
                longer[place..place + 4].copy_from_slice(&u32::MAX.to_le_bytes());
                assert!(!are_within(opcode, &longer), "{opcode}: {place}");
                assert!(!are_within(opcode, &body[..place + 2]), "{opcode}: {place}");
            }
        }
        assert!(are_within(op::MESSAGE, &[]));
    }
}
