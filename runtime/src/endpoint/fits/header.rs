//! The header of a FITS file's primary HDU (FITS Standard 4.0, sections 4 and 5): cards of 80 characters in blocks of 2880 bytes.
//!
//! Read strictly, because it comes from anybody: the cards that say where the image lies have to stand where the standard
//! puts them, and none of them twice.

use crate::array::Dtype;

use super::super::array_file::{Bytes, Problem, RANK_LIMIT, Stored};

/// Headers and data are padded to a multiple of this.
pub(super) const BLOCK: usize = 2880;
const CARD: usize = 80;
/// Blocks that a header may have: room for nine thousand cards.
pub(super) const BLOCK_LIMIT: usize = 256;

/// Integers whose range is shifted by half: BITPIX, BZERO and the dtype that the values then have.
const SHIFTED: [(i64, f64, Dtype); 4] = [
    (8, -128.0, Dtype::S8),
    (16, 32_768.0, Dtype::U16),
    (32, 2_147_483_648.0, Dtype::U32),
    (64, 9_223_372_036_854_775_808.0, Dtype::U64),
];

/// BITPIX and the dtype that values have which stand for themselves.
const PLAIN: [(i64, Dtype); 6] = [
    (8, Dtype::U8),
    (16, Dtype::S16),
    (32, Dtype::S32),
    (64, Dtype::S64),
    (-32, Dtype::F32),
    (-64, Dtype::F64),
];

/// How FITS stores a dtype: BITPIX, and BZERO where it is not 0. `None`: not at all.
pub(super) fn stored_as(dtype: Dtype) -> Option<(i64, Option<f64>)> {
    let plain = PLAIN.iter().find(|(_, plain)| *plain == dtype);
    let shifted = SHIFTED.iter().find(|(.., shifted)| *shifted == dtype);
    match (plain, shifted) {
        (Some((bitpix, _)), _) => Some((*bitpix, None)),
        (None, Some((bitpix, zero, _))) => Some((*bitpix, Some(*zero))),
        (None, None) => None,
    }
}

/// How elements of a dtype that FITS can store lie in the file.
pub(super) fn bytes_of(dtype: Dtype) -> Bytes {
    Bytes::Big {
        size: dtype.size(),
        shifted: SHIFTED.iter().any(|(.., shifted)| *shifted == dtype),
    }
}

/// What has been read of a header.
#[derive(Default)]
pub(super) struct Header {
    cards: usize,
    bitpix: i64,
    axes: Option<usize>,
    /// NAXIS1 first.
    extents: Vec<u64>,
    scale: Option<f64>,
    zero: Option<f64>,
}

impl Header {
    /// Reads the next block. Whether it was the last.
    pub(super) fn read(&mut self, block: &[u8; BLOCK]) -> Result<bool, Problem> {
        let mut ended = false;
        for card in block.chunks_exact(CARD) {
            if !card.iter().all(|byte| (b' '..=b'~').contains(byte)) {
                return Err(match self.cards {
                    0 => Problem::NoFits,
                    _ => Problem::Header("it holds bytes that are no text"),
                });
            }
            // All of it is ASCII.
            let card = str::from_utf8(card).unwrap_or_default();
            match ended {
                true if card.trim_end().is_empty() => {}
                true => return Err(Problem::Header("something follows its END")),
                false => ended = self.card(card)?,
            }
        }
        Ok(ended)
    }

    /// Reads one card. Whether it is the last.
    fn card(&mut self, card: &str) -> Result<bool, Problem> {
        let (keyword, rest) = card.split_at(8);
        let keyword = keyword.trim_end();
        let wrong = |what| Problem::Card {
            card: card.trim_end().to_owned(),
            what,
        };
        let place = self.cards;
        self.cards += 1;
        let expected = match (place, self.axes) {
            (0, _) => "SIMPLE".to_owned(),
            (1, _) => "BITPIX".to_owned(),
            (2, _) => "NAXIS".to_owned(),
            (_, Some(axes)) if place < 3 + axes => format!("NAXIS{}", place - 2),
            _ => return self.later(keyword, rest, wrong),
        };
        if keyword != expected {
            return Err(match place {
                0 => Problem::NoFits,
                _ => wrong("stands where the standard wants another"),
            });
        }
        let value = value(rest).ok_or_else(|| wrong("has no value"))?;
        match place {
            0 if value == "T" => {}
            0 => return Err(wrong("says that it does not keep to the standard")),
            1 => self.bitpix = value.parse().map_err(|_| wrong("is no integer"))?,
            2 => {
                let axes = value.parse().map_err(|_| wrong("is no number of axes"))?;
                if axes > RANK_LIMIT {
                    return Err(Problem::Rank(axes));
                }
                self.axes = Some(axes);
            }
            _ => {
                let extent = value.parse().map_err(|_| wrong("is no extent"))?;
                self.extents.push(extent);
            }
        }
        Ok(false)
    }

    /// A card behind those that have their place.
    fn later(
        &mut self,
        keyword: &str,
        rest: &str,
        wrong: impl Fn(&'static str) -> Problem,
    ) -> Result<bool, Problem> {
        let again = match keyword {
            "END" => return Ok(true),
            "BSCALE" => self
                .scale
                .replace(real(rest).ok_or_else(|| wrong("is no number"))?),
            "BZERO" => self
                .zero
                .replace(real(rest).ok_or_else(|| wrong("is no number"))?),
            "SIMPLE" | "BITPIX" | "NAXIS" => return Err(wrong("stands there twice")),
            "GROUPS" if value(rest) == Some("T") => return Err(Problem::NoImage),
            _ => return Ok(false),
        };
        match again {
            Some(_) => Err(wrong("stands there twice")),
            None => Ok(false),
        }
    }

    /// What the header says of a file whose data begin at `data`.
    pub(super) fn finish(self, data: u64) -> Result<Stored, Problem> {
        if self.extents.is_empty() {
            return Err(Problem::NoImage);
        }
        let (scale, zero) = (self.scale.unwrap_or(1.0), self.zero.unwrap_or(0.0));
        let plain = PLAIN.iter().find(|(bitpix, _)| *bitpix == self.bitpix);
        let Some((_, dtype)) = plain else {
            return Err(Problem::Dtype(format!("BITPIX {}", self.bitpix)));
        };
        let shifted = SHIFTED.iter();
        let mut shifted = shifted.filter(|(bitpix, by, _)| *bitpix == self.bitpix && *by == zero);
        let dtype = match shifted.next() {
            _ if scale != 1.0 => return Err(Problem::Scaled { scale, zero }),
            Some((.., dtype)) => *dtype,
            None if zero == 0.0 => *dtype,
            None => return Err(Problem::Scaled { scale, zero }),
        };
        Ok(Stored {
            dtype,
            shape: self.extents.into_iter().rev().collect(),
            data,
            bytes: bytes_of(dtype),
        })
    }
}

/// The value of a card that is a number or a logical value, from its characters behind the keyword; `None` where there is none.
fn value(rest: &str) -> Option<&str> {
    let value = rest.strip_prefix("= ")?;
    let value = value.split('/').next()?.trim();
    (!value.is_empty() && !value.starts_with('\'')).then_some(value)
}

/// A finite number.
fn real(rest: &str) -> Option<f64> {
    let text = value(rest)?.replace(['D', 'd'], "E");
    // What Rust reads beyond numbers (inf, nan) FITS does not know.
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.E".contains(&byte));
    text.parse()
        .ok()
        .filter(|value: &f64| number && value.is_finite())
}

/// The header of an image of a dtype that FITS can store, padded to whole blocks. Its length depends on the rank alone.
pub(super) fn format(dtype: Dtype, shape: &[u64]) -> Vec<u8> {
    let (bitpix, zero) = stored_as(dtype).unwrap_or((8, None));
    let card = |keyword: &str, value: &str| format!("{:<80}", format!("{keyword:<8}= {value:>20}"));
    let mut text = card("SIMPLE", "T");
    text += &card("BITPIX", &bitpix.to_string());
    text += &card("NAXIS", &shape.len().to_string());
    for (axis, extent) in shape.iter().rev().enumerate() {
        text += &card(&format!("NAXIS{}", axis + 1), &extent.to_string());
    }
    if let Some(zero) = zero {
        text += &card("BSCALE", "1");
        text += &card("BZERO", &format!("{zero:.0}"));
    }
    text += &format!("{:<80}", "END");
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
    bytes
}
