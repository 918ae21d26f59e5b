//! MCAP, as far as recordings need it: records made of fields, and fields out of records. <https://mcap.dev/spec>
//!
//! The crate `mcap` would bring some twenty others, and its readers trust the lengths that a file states. What is here is held against
//! MCAP's own Python package by the tests.

/// What stands at both ends of a file.
pub(super) const MAGIC: [u8; 8] = *b"\x89MCAP0\r\n";

/// An opcode and a length.
pub(super) const RECORD_HEAD: usize = 9;
/// Before what a message holds: a channel, a sequence, two times.
pub(super) const MESSAGE_HEAD: usize = 22;
/// Before the records of a chunk without compression: two times, a size, a checksum, an empty name, a length.
pub(super) const CHUNK_HEAD: usize = 40;

/// What a record is.
pub(super) mod op {
    pub const HEADER: u8 = 0x01;
    pub const FOOTER: u8 = 0x02;
    pub const CHANNEL: u8 = 0x04;
    pub const MESSAGE: u8 = 0x05;
    pub const CHUNK: u8 = 0x06;
    pub const MESSAGE_INDEX: u8 = 0x07;
    pub const CHUNK_INDEX: u8 = 0x08;
    pub const ATTACHMENT: u8 = 0x09;
    pub const ATTACHMENT_INDEX: u8 = 0x0a;
    pub const STATISTICS: u8 = 0x0b;
    pub const METADATA: u8 = 0x0c;
    pub const METADATA_INDEX: u8 = 0x0d;
    pub const DATA_END: u8 = 0x0f;
}

/// Pairs of strings.
pub(super) type Map = std::collections::BTreeMap<String, String>;

/// Puts the fields of records into bytes.
pub(super) trait Put {
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    fn string(&mut self, text: &str);
    fn map(&mut self, map: &Map);
    /// A record whose content `fill` adds.
    fn record(&mut self, opcode: u8, fill: impl FnOnce(&mut Self));
    /// What `fill` adds, with its length in 32 bits before it.
    fn counted(&mut self, fill: impl FnOnce(&mut Self));
}

impl Put for Vec<u8> {
    fn u16(&mut self, value: u16) {
        self.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend(value.to_le_bytes());
    }

    fn string(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.extend(text.as_bytes());
    }

    fn map(&mut self, map: &Map) {
        self.counted(|bytes| {
            for (key, value) in map {
                bytes.string(key);
                bytes.string(value);
            }
        });
    }

    fn record(&mut self, opcode: u8, fill: impl FnOnce(&mut Self)) {
        self.push(opcode);
        let length = self.len();
        self.u64(0);
        let begin = self.len();
        fill(self);
        let bytes = (self.len() - begin) as u64;
        if let Some(place) = self.get_mut(length..begin) {
            place.copy_from_slice(&bytes.to_le_bytes());
        }
    }

    fn counted(&mut self, fill: impl FnOnce(&mut Self)) {
        let length = self.len();
        self.u32(0);
        let begin = self.len();
        fill(self);
        let bytes = (self.len() - begin) as u32;
        if let Some(place) = self.get_mut(length..begin) {
            place.copy_from_slice(&bytes.to_le_bytes());
        }
    }
}

/// Takes the fields of a record out of its bytes; `None` where there are too few, or what is no text.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn string(&mut self) -> Option<&'a str> {
        let length = self.u32()?;
        std::str::from_utf8(self.take(length as usize)?).ok()
    }

    pub fn map(&mut self) -> Option<Map> {
        let length = self.u32()?;
        let mut fields = Fields(self.take(length as usize)?);
        let mut map = Map::new();
        while !fields.0.is_empty() {
            let (key, value) = (fields.string()?, fields.string()?);
            map.insert(key.to_owned(), value.to_owned());
        }
        Some(map)
    }
}

/// A channel, as it is written and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Channel {
    pub id: u16,
    pub topic: String,
    pub encoding: String,
    pub metadata: Map,
}

impl Channel {
    pub fn write(&self, to: &mut Vec<u8>) {
        to.record(op::CHANNEL, |to| {
            to.u16(self.id);
            // There is no schema: the encoding says all.
            to.u16(0);
            to.string(&self.topic);
            to.string(&self.encoding);
            to.map(&self.metadata);
        });
    }

    pub fn read(body: &[u8]) -> Option<Channel> {
        let mut fields = Fields(body);
        let (id, _schema) = (fields.u16()?, fields.u16()?);
        Some(Channel {
            id,
            topic: fields.string()?.to_owned(),
            encoding: fields.string()?.to_owned(),
            metadata: fields.map()?,
        })
    }
}

/// The records of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// Of the records before they were compressed; 0: it was not computed.
    pub sum: u32,
    pub compression: &'a str,
    pub records: &'a [u8],
}

impl<'a> Chunk<'a> {
    pub fn read(body: &'a [u8]) -> Option<Chunk<'a>> {
        let mut fields = Fields(body);
        let (_begin, _end, _bytes) = (fields.u64()?, fields.u64()?, fields.u64()?);
        Some(Chunk {
            sum: fields.u32()?,
            compression: fields.string()?,
            records: {
                let bytes = fields.u64()?;
                fields.take(usize::try_from(bytes).ok()?)?
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_is_none() {
        let metadata: Map = [("stream", "camera"), ("ö", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let channel = Channel {
            id: 7,
            topic: "camera".to_owned(),
            encoding: "e".to_owned(),
            metadata,
        };
        let mut bytes = Vec::new();
        channel.write(&mut bytes);
        assert_eq!(bytes[0], op::CHANNEL);
        let body = &bytes[RECORD_HEAD..];
        assert_eq!(
            u64::from_le_bytes(bytes[1..9].try_into().unwrap()),
            body.len() as u64
        );
        assert_eq!(Channel::read(body), Some(channel));
        for end in 0..body.len() {
            assert_eq!(Channel::read(&body[..end]), None, "{end}");
        }
    }
}
