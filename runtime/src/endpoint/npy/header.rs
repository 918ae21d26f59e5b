//! The header of a `.npy` file (NumPy Enhancement Proposal 1, versions 1 to 3) of a plain array of numbers.
//!
//! Read strictly and without recursion, because the text comes from anybody: a dictionary of exactly the three
//! keys that NumPy writes.

use crate::array::Dtype;

use crate::endpoint::array_file::{Bytes, Problem, Stored};

const MAGIC: &[u8] = b"\x93NUMPY";

/// NumPy's own limit for headers that it does not trust, and room for what comes before the text.
pub(super) const PREFIX_LIMIT: u64 = 12 + TEXT_LIMIT as u64;
const TEXT_LIMIT: usize = 10_000;

/// The data starts at a multiple of this.
const ALIGNMENT: usize = 64;

/// Reads the header from the first bytes of a file.
pub(super) fn parse(prefix: &[u8]) -> Result<Stored, Problem> {
    let after = prefix.strip_prefix(MAGIC).ok_or(Problem::NoNpy)?;
    let (start, length) = match *after {
        [1, _, a, b, ..] => (10, u16::from_le_bytes([a, b]).into()),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        [major @ (0 | 4..), minor, ..] => return Err(Problem::Version(major, minor)),
        _ => return Err(Problem::Header("it ends before its length")),
    };
    if length > TEXT_LIMIT {
        return Err(Problem::Header("it is longer than 10,000 bytes"));
    }
    let text = prefix
        .get(start..start + length)
        .ok_or(Problem::Header("the file ends within it"))?;
    let text = std::str::from_utf8(text).map_err(|_| Problem::Header("it is not text"))?;
    let (dtype, shape) = dictionary(text)?;
    Ok(Stored {
        dtype,
        shape,
        data: (start + length) as u64,
        bytes: Bytes::Little,
    })
}

/// The header as bytes, padded with blanks to `length` bytes, or to the least possible where that is more.
pub(super) fn format(dtype: Dtype, shape: &[u64], length: usize) -> Vec<u8> {
    let order = if dtype.size() == 1 { '|' } else { '<' };
    let mut extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    // One extent keeps its comma, which makes it a tuple.
    extents.truncate(
        extents
            .len()
            .saturating_sub(if shape.len() > 1 { 2 } else { 1 }),
    );
    let mut text = format!(
        "{{'descr': '{order}{}', 'fortran_order': False, 'shape': ({extents}), }}",
        dtype.type_string()
    );
    let start = MAGIC.len() + 4;
    let total = (start + text.len() + 1)
        .next_multiple_of(ALIGNMENT)
        .max(length);
    text.extend(std::iter::repeat_n(' ', total - start - text.len() - 1));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    // The writer takes 64 extents at most, so the text is far shorter than 64 KiB.
    bytes.extend([1, 0]);
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Reads `{'descr': …, 'fortran_order': …, 'shape': …, }`, in any order of the keys.
fn dictionary(text: &str) -> Result<(Dtype, Vec<u64>), Problem> {
    let mut rest = Text(text.trim());
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    rest.expect("{")?;
    while !rest.take("}") {
        let key = rest.quoted()?;
        rest.expect(":")?;
        let again = match key {
            "descr" if rest.0.starts_with('[') => return Err(Problem::Structured),
            "descr" => descr.replace(rest.quoted()?).is_some(),
            "fortran_order" => fortran.replace(rest.boolean()?).is_some(),
            "shape" => shape.replace(rest.extents()?).is_some(),
            _ => return Err(Problem::Header("it has a key that NumPy does not write")),
        };
        if again {
            return Err(Problem::Header("it has a key twice"));
        }
        if !rest.take(",") {
            rest.expect("}")?;
            break;
        }
    }
    if !rest.0.is_empty() {
        return Err(Problem::Header("something follows the dictionary"));
    }
    let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
        return Err(Problem::Header(
            "'descr', 'fortran_order' or 'shape' is missing",
        ));
    };
    let dtype = dtype(descr)?;
    // With one long axis at most, both orders are the same.
    if fortran && shape.iter().filter(|&&extent| extent != 1).count() > 1 {
        return Err(Problem::Fortran);
    }
    Ok((dtype, shape))
}

fn dtype(descr: &str) -> Result<Dtype, Problem> {
    let known = |text: &str| {
        let bare = text.strip_prefix(['<', '|'])?;
        Dtype::all().find(|dtype| dtype.type_string() == bare)
    };
    let little = descr
        .strip_prefix('>')
        .and_then(|bare| known(&format!("<{bare}")));
    match (known(descr), little) {
        (Some(dtype), _) => Ok(dtype),
        // Of single bytes there is no order.
        (None, Some(dtype)) if dtype.size() == 1 => Ok(dtype),
        (None, Some(dtype)) => Err(Problem::BigEndian(dtype)),
        (None, None) => Err(Problem::Dtype(descr.chars().take(40).collect())),
    }
}

/// What of the text has not been read yet; blanks between tokens are skipped.
struct Text<'t>(&'t str);

impl<'t> Text<'t> {
    fn take(&mut self, token: &str) -> bool {
        match self.0.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), Problem> {
        if self.take(token) {
            return Ok(());
        }
        Err(Problem::Header("it is not a dictionary as NumPy writes it"))
    }

    /// A string without escapes.
    fn quoted(&mut self) -> Result<&'t str, Problem> {
        let quote = if self.0.starts_with('"') { "\"" } else { "'" };
        self.expect_raw(quote)?;
        let end = self
            .0
            .find(quote)
            .ok_or(Problem::Header("a string in it does not end"))?;
        let (text, rest) = self.0.split_at(end);
        if text.contains('\\') {
            return Err(Problem::Header("a string in it holds an escape"));
        }
        self.0 = rest;
        self.expect(quote)?;
        Ok(text)
    }

    /// As [`Text::expect`], but blanks after the token count.
    fn expect_raw(&mut self, token: &str) -> Result<(), Problem> {
        self.0 = self
            .0
            .strip_prefix(token)
            .ok_or(Problem::Header("a string is missing in it"))?;
        Ok(())
    }

    fn boolean(&mut self) -> Result<bool, Problem> {
        if self.take("True") {
            return Ok(true);
        }
        if self.take("False") {
            return Ok(false);
        }
        Err(Problem::Header("'fortran_order' is neither True nor False"))
    }

    /// A tuple of numbers.
    fn extents(&mut self) -> Result<Vec<u64>, Problem> {
        self.expect("(")?;
        let mut extents = Vec::new();
        while !self.take(")") {
            let end = self
                .0
                .find(|character: char| !character.is_ascii_digit())
                .unwrap_or(self.0.len());
            let (digits, rest) = self.0.split_at(end);
            let extent = digits
                .parse()
                .map_err(|_| Problem::Header("'shape' holds something that is no extent"))?;
            extents.push(extent);
            // Python 2 marks long integers.
            self.0 = rest.strip_prefix('L').unwrap_or(rest).trim_start();
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(extents)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;

    use super::*;

    fn with_text(text: &str) -> Result<Stored, Problem> {
        let mut bytes = b"\x93NUMPY\x02\x00".to_vec();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
        parse(&bytes)
    }

    #[test]
    fn what_is_formatted_is_parsed() {
        for dtype in Dtype::all() {
            for shape in [
                vec![],
                vec![7],
                vec![0, 3],
                vec![2, 3, 4],
                vec![u64::MAX; 32],
            ] {
                let bytes = format(dtype, &shape, 0);
                let header = parse(&bytes).unwrap();
                assert_eq!((header.dtype, &header.shape), (dtype, &shape));
                assert_eq!(header.data as usize, bytes.len());
                assert_eq!(bytes.len() % ALIGNMENT, 0);
                assert_eq!(format(dtype, &shape, 1024).len(), 1024);
            }
        }
    }

    #[test]
    fn the_texts_of_other_writers_are_parsed() {
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
            "{\"shape\":(3L,4L),\"fortran_order\":False,\"descr\":\"<f4\"}  \n",
            "{ 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 3 , 4 , ) }\n",
        ] {
            let header = with_text(text).unwrap();
            assert_eq!(
                (header.dtype, header.shape),
                (Dtype::F32, vec![3, 4]),
                "{text}"
            );
        }
        let one_row = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 4), }";
        assert_eq!(with_text(one_row).unwrap().shape, [1, 4]);
    }

    #[test]
    fn what_is_no_plain_array_is_refused() {
        let of = |descr: &str, fortran: &str, shape: &str| {
            with_text(&format!(
                "{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"
            ))
            .unwrap_err()
        };
        assert!(matches!(
            of("'>f4'", "False", "(3,)"),
            Problem::BigEndian(Dtype::F32)
        ));
        assert!(matches!(of("'<f4'", "True", "(3, 4)"), Problem::Fortran));
        assert!(matches!(
            of("[('a', '<f4')]", "False", "(3,)"),
            Problem::Structured
        ));
        for descr in ["'|O'", "'<U4'", "'<f16'", "'f4'", "''", "'<'", "'<é4'"] {
            assert!(
                matches!(of(descr, "False", "(3,)"), Problem::Dtype(_)),
                "{descr}"
            );
        }
        for shape in [
            "3",
            "(-3,)",
            "(3.0,)",
            "(18446744073709551616,)",
            "(3 4)",
            "(3,",
            "((3,),)",
            "(,)",
        ] {
            assert!(
                matches!(of("'<f4'", "False", shape), Problem::Header(_)),
                "{shape}"
            );
        }
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4'}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)} {}",
            "{'descr': '<\\x66', 'fortran_order': False, 'shape': (3,)}",
        ] {
            assert!(matches!(with_text(text), Err(Problem::Header(_))), "{text}");
        }
        assert!(matches!(
            parse(b"\x93NUMPY\x09\x00\x00\x00"),
            Err(Problem::Version(9, 0))
        ));
        assert!(matches!(parse(b"PK\x03\x04"), Err(Problem::NoNpy)));
        assert!(matches!(
            parse(b"\x93NUMPY\x01\x00\xff"),
            Err(Problem::Header(_))
        ));
        assert!(matches!(
            parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"),
            Err(Problem::Header(_))
        ));
        assert!(matches!(
            with_text(&"(".repeat(9_999)),
            Err(Problem::Header(_))
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text in r"\{('(descr|shape|fortran_order|é)': ?('[<>|]?[a-z]?[0-9]{0,3}'|True|False|\(([0-9L]{0,22}, ?){0,3}\)?),? ?){0,4}\}?") {
            let _ = with_text(&text);
        }
    }
}
