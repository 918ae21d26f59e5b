//! How the elements of a file lie in it.

/// How elements lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// As in streams: little endian.
    Little,
    /// Big endian.
    Big {
        /// Bytes of an element: 1, 2, 4 or 8.
        size: usize,
        /// Half of their range is taken away from integers without a sign, which are then stored with one, or added to such with
        /// one, which are stored without: either way, the first bit of each is the other one. So FITS does it.
        shifted: bool,
    },
}

impl Bytes {
    /// Turns elements as the file has them into little-endian ones.
    pub(super) fn to_little_endian(self, elements: &mut [u8]) {
        self.turn(elements, |size| size - 1);
    }

    /// Turns little-endian elements into those of the file.
    pub(in crate::endpoint) fn of_little_endian(self, elements: &mut [u8]) {
        self.turn(elements, |_| 0);
    }

    /// Turns the bytes of each element round, and the first bit, which then lies in the byte at `first`.
    fn turn(self, elements: &mut [u8], first: fn(usize) -> usize) {
        let Bytes::Big { size, shifted } = self else {
            return;
        };
        match size {
            1 => turn::<1>(elements, shifted, first),
            2 => turn::<2>(elements, shifted, first),
            4 => turn::<4>(elements, shifted, first),
            _ => turn::<8>(elements, shifted, first),
        }
    }
}

fn turn<const SIZE: usize>(elements: &mut [u8], shifted: bool, first: fn(usize) -> usize) {
    let mut bits = [0; SIZE];
    if shifted {
        bits[first(SIZE)] = 0x80;
    }
    for element in elements.as_chunks_mut::<SIZE>().0 {
        element.reverse();
        for (byte, bits) in element.iter_mut().zip(bits) {
            *byte ^= bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_as_they_were() {
        let elements: Vec<u8> = (0..32u8).map(|byte| byte.wrapping_mul(37)).collect();
        for size in [1, 2, 4, 8] {
            for shifted in [false, true] {
                let bytes = Bytes::Big { size, shifted };
                let mut turned = elements.clone();
                bytes.of_little_endian(&mut turned);
                let mut expected: Vec<u8> = elements
                    .chunks(size)
                    .flat_map(|element| element.iter().rev().copied())
                    .collect();
                for first in expected.iter_mut().step_by(size) {
                    *first ^= if shifted { 0x80 } else { 0 };
                }
                assert_eq!(turned, expected, "{bytes:?}");
                bytes.to_little_endian(&mut turned);
                assert_eq!(turned, elements, "{bytes:?}");
            }
        }
    }
}
