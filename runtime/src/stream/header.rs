//! pyshmem's header, version 3 (pyshmem 1.4.0): 512 bytes that say what a stream holds.
//!
//! Here are the fields that never change after creation. Those that change with every frame are in
//! [`place`](super::place).

use crc32fast::Hasher;

use super::name::NAME_LIMIT;
use crate::array::{ArrayType, Dtype};

/// Bytes of the header with the name's field.
pub(super) const LENGTH: usize = 512;

const MAGIC: [u8; 8] = *b"PYSHMEM\0";
const VERSION: u16 = 3;
/// What a header of version 2 began with: its version, as a double.
const LEGACY_MARK: [u8; 8] = 2.0_f64.to_le_bytes();
/// Bytes of the header without the name's field.
const FIELDS_LENGTH: usize = 256;
/// Dimensions that the shape field has room for.
pub(super) const MOST_DIMENSIONS: usize = 19;

// Offsets.
const AT_VERSION: usize = 8;
const AT_LENGTH: usize = 10;
const AT_FLAGS: usize = 12;
const AT_DTYPE: usize = 16;
const AT_DIMENSIONS: usize = 18;
const AT_DEVICE: usize = 20;
const AT_CREATOR: usize = 24;
const AT_BYTES: usize = 32;
const AT_INSTANCE: usize = 76;
const AT_CRC: usize = 92;
const AT_SHAPE: usize = 104;

/// What the checksum leaves out, because it changes: count to lock depth; the checksum itself and the frame id.
const UNCHECKED: [std::ops::Range<usize>; 2] = [40..76, 92..104];

// Flags.
const GPU: u32 = 1;
const CPU_COPY: u32 = 2;
const HAS_INSTANCE: u32 = 4;
const HAS_CRC: u32 = 8;
const NOTIFY: u32 = 16;
const KNOWN_FLAGS: u32 = GPU | CPU_COPY | HAS_INSTANCE | HAS_CRC | NOTIFY;

/// pyshmem's dtype codes are the places in this table.
const DTYPES: [Dtype; 14] = [
    Dtype::S8,
    Dtype::S16,
    Dtype::S32,
    Dtype::S64,
    Dtype::U8,
    Dtype::U16,
    Dtype::U32,
    Dtype::U64,
    Dtype::F16,
    Dtype::F32,
    Dtype::F64,
    Dtype::Bool,
    Dtype::C64,
    Dtype::C128,
];

/// What pyshmem's header says about a stream for as long as it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The stream's name.
    pub name: String,
    /// Dtype and shape.
    pub array: ArrayType,
    /// Where the frames live, if not in the stream's file.
    pub gpu: Option<Gpu>,
    /// Whether writers wake who sleeps on the sequence.
    pub notify: bool,
    /// The process that made the stream.
    pub creator: i64,
    /// Random, new with every creation; zero where an old pyshmem gave none.
    pub instance: [u8; 16],
}

/// The frames live on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gpu {
    /// Which one.
    pub device: i32,
    /// Whether the stream's file holds copies of them; if not, it holds zeros for ever.
    pub copied: bool,
}

/// The bytes are not a header that this version understands; says why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeaderError(pub String);

impl Header {
    /// The header as bytes, nothing published.
    ///
    /// The caller has checked that the name has at most 256 bytes, and that the array has 1 to 19 dimensions and a size.
    pub fn encode(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        let mut flags = CPU_COPY | HAS_INSTANCE | HAS_CRC;
        if self.notify {
            flags |= NOTIFY;
        }
        let code = DTYPES.iter().position(|&dtype| dtype == self.array.dtype);
        put(0, &MAGIC);
        put(AT_VERSION, &VERSION.to_le_bytes());
        put(AT_LENGTH, &(FIELDS_LENGTH as u16).to_le_bytes());
        put(AT_FLAGS, &flags.to_le_bytes());
        put(
            AT_DTYPE,
            &(code.unwrap_or(DTYPES.len()) as u16).to_le_bytes(),
        );
        put(
            AT_DIMENSIONS,
            &(self.array.shape.len() as u16).to_le_bytes(),
        );
        put(AT_DEVICE, &(-1i32).to_le_bytes());
        put(AT_CREATOR, &self.creator.to_le_bytes());
        put(
            AT_BYTES,
            &(self.array.bytes().unwrap_or(0) as u64).to_le_bytes(),
        );
        put(AT_INSTANCE, &self.instance);
        for (axis, &extent) in self.array.shape.iter().enumerate() {
            put(AT_SHAPE + 8 * axis, &u64::from(extent).to_le_bytes());
        }
        put(FIELDS_LENGTH, self.name.as_bytes());
        let crc = checksum(&bytes);
        bytes[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks a copy of the header, by the rules of pyshmem's `open`.
    ///
    /// # Errors
    /// Says what is wrong, as the end of a sentence that begins with the file's path.
    pub fn decode(bytes: &[u8; LENGTH]) -> Result<Header, HeaderError> {
        let refuse = |reason: String| Err(HeaderError(reason));
        if bytes[..8] == LEGACY_MARK {
            return refuse(
                "has a header of version 2, which an old pyshmem wrote: let the stream be made anew by pyshmem 1.4".into(),
            );
        }
        if bytes[..8] != MAGIC {
            return refuse("does not begin with pyshmem's mark".into());
        }
        let version = u16_at(bytes, AT_VERSION);
        if version != VERSION || usize::from(u16_at(bytes, AT_LENGTH)) != FIELDS_LENGTH {
            return refuse(format!(
                "has a header of version {version}; version {VERSION} is understood"
            ));
        }
        let flags = u32_at(bytes, AT_FLAGS);
        if flags & !KNOWN_FLAGS != 0 {
            return refuse(format!(
                "has flags that this version does not know ({flags:#x})"
            ));
        }
        if flags & (GPU | CPU_COPY) == 0 {
            return refuse("says that its frames are nowhere".into());
        }
        let expected = if flags & HAS_CRC == 0 {
            0
        } else {
            checksum(bytes)
        };
        if u32_at(bytes, AT_CRC) != expected {
            return refuse("has a damaged header (its checksum is wrong)".into());
        }
        let Some(&dtype) = DTYPES.get(usize::from(u16_at(bytes, AT_DTYPE))) else {
            return refuse(format!(
                "has an unknown dtype code {}",
                u16_at(bytes, AT_DTYPE)
            ));
        };
        let dimensions = usize::from(u16_at(bytes, AT_DIMENSIONS));
        if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
            return refuse(format!("says that frames have {dimensions} dimensions"));
        }
        let extents = (0..dimensions).map(|axis| u64_at(bytes, AT_SHAPE + 8 * axis));
        let shape: Option<Vec<u32>> = extents
            .map(|extent| u32::try_from(extent).ok().filter(|&extent| extent > 0))
            .collect();
        let Some(shape) = shape else {
            return refuse("has a shape with an extent of 0 or above 2^32".into());
        };
        let array = ArrayType { dtype, shape };
        if array.bytes().map(|bytes| bytes as u64) != Some(u64_at(bytes, AT_BYTES)) {
            return refuse(format!(
                "says that a frame of {array} has {} bytes",
                u64_at(bytes, AT_BYTES)
            ));
        }
        let creator = u64_at(bytes, AT_CREATOR) as i64;
        if creator <= 0 {
            return refuse(format!("names {creator} as the process that made it"));
        }
        let name = &bytes[FIELDS_LENGTH..FIELDS_LENGTH + NAME_LIMIT];
        let end = name
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(name.len());
        let Ok(name) = std::str::from_utf8(&name[..end]) else {
            return refuse("holds a name that is not UTF-8".into());
        };
        let mut instance = [0; 16];
        instance.copy_from_slice(&bytes[AT_INSTANCE..AT_INSTANCE + 16]);
        Ok(Header {
            name: name.to_owned(),
            array,
            gpu: (flags & GPU != 0).then(|| Gpu {
                device: u32_at(bytes, AT_DEVICE) as i32,
                copied: flags & CPU_COPY != 0,
            }),
            notify: flags & NOTIFY != 0,
            creator,
            instance,
        })
    }
}

/// Whether the bytes are those of a header that pyshmem began and did not complete: it writes the mark first and the checksum
/// last.
pub(super) fn is_unfinished(bytes: &[u8; LENGTH]) -> bool {
    bytes[..8] == [0; 8] || bytes[..8] == MAGIC && u32_at(bytes, AT_CRC) == 0
}

/// CRC-32 (zlib) over the header with the changing fields as zeros, then the name's field.
fn checksum(bytes: &[u8; LENGTH]) -> u32 {
    let mut copy = *bytes;
    for range in UNCHECKED {
        copy[range].fill(0);
    }
    let mut hasher = Hasher::new();
    hasher.update(&copy);
    hasher.finalize()
}

fn u16_at(bytes: &[u8; LENGTH], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8; LENGTH], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8; LENGTH], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            name: "camera".to_owned(),
            array: ArrayType {
                dtype: Dtype::U16,
                shape: vec![256, 256],
            },
            gpu: None,
            notify: true,
            creator: 4242,
            instance: *b"0123456789abcdef",
        }
    }

    #[test]
    fn what_is_written_is_read_for_every_dtype_and_rank() {
        for dtype in Dtype::all() {
            for rank in [1, 2, MOST_DIMENSIONS] {
                let mut header = header();
                header.array = ArrayType {
                    dtype,
                    shape: (0..rank).map(|axis| 1 + (axis as u32) % 3).collect(),
                };
                assert_eq!(Header::decode(&header.encode()), Ok(header));
            }
        }
    }

    #[test]
    fn a_name_may_fill_its_field() {
        let mut header = header();
        header.name = "n".repeat(NAME_LIMIT);
        assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn the_fields_that_change_are_not_in_the_checksum() {
        let mut bytes = header().encode();
        for at in (40..76).chain(96..104) {
            bytes[at] ^= 0xa5;
        }
        assert_eq!(Header::decode(&bytes), Ok(header()));
    }

    #[test]
    fn every_other_flipped_bit_is_noticed() {
        let good = header().encode();
        for bit in
            (0..8 * LENGTH).filter(|bit| !UNCHECKED.iter().any(|range| range.contains(&(bit / 8))))
        {
            let mut bytes = good;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bytes).is_err(), "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), LENGTH), flags in 0u32..64) {
            // Most of the way in: the mark, the version, no checksum.
            bytes[..8].copy_from_slice(&MAGIC);
            bytes[AT_VERSION..AT_FLAGS].copy_from_slice(&[3, 0, 0, 1]);
            bytes[AT_FLAGS..AT_FLAGS + 4].copy_from_slice(&flags.to_le_bytes());
            let bytes: [u8; LENGTH] = bytes.try_into().unwrap();
            let _ = Header::decode(&bytes);
        }
    }
}
