//! Loops over the elements of frames, unrolled.
//!
//! The host can interrupt a kernel at the head of each loop, which costs something for every turn. So the
//! loops here do 32 elements a turn. Within a turn they load a few elements, compute, and store them, in this
//! order: a compiler that does not know whether input and output overlap (it forgets that slices do not) can
//! still make vector instructions of that, and few vectors are live at a time.

use std::array;

/// Where the parts of a split frame may meet ([`Part::blocks`](crate::Part::blocks)): a multiple of the elements computed in
/// one turn of any loop here, and of a cache line's bytes.
pub const BLOCK: usize = 64;

/// Elements computed in one turn of a loop.
const TURN: usize = 32;

macro_rules! loops {
    ($(#[$attributes:meta])* $name:ident: $($input:ident $rest:ident $T:ident),+) => {
        $(#[$attributes])*
        #[inline]
        pub fn $name<$($T: Copy,)+ U>(
            $($input: &[$T],)+
            output: &mut [U],
            f: impl Fn($($T),+) -> U,
        ) {
            /// Loads `BLOCK` elements of each input before the first result is stored.
            // By itself, because the registers of a large function are given away before its innermost loop is reached, which
            // then loads the same addresses in every turn.
            #[inline(never)]
            fn turns<const BLOCK: usize, $($T: Copy,)+ U>(
                $($input: &[$T],)+
                output: &mut [U],
                f: impl Fn($($T),+) -> U,
            ) {
                let count = output.len()$(.min($input.len()))+;
                $(let ($input, $rest) = $input[..count].as_chunks::<TURN>();)+
                let (output, output_rest) = output[..count].as_chunks_mut::<TURN>();
                for (turn, output) in output.iter_mut().enumerate() {
                    $(let ($input, _) = $input[turn].as_chunks::<BLOCK>();)+
                    let (output, _) = output.as_chunks_mut::<BLOCK>();
                    for (block, output) in output.iter_mut().enumerate() {
                        $(let $input = $input[block];)+
                        *output = array::from_fn(|lane| f($($input[lane]),+));
                    }
                }
                for (place, output) in output_rest.iter_mut().enumerate() {
                    *output = f($($rest[place]),+);
                }
            }
            // A whole vector register, or two.
            if size_of::<U>()$(.max(size_of::<$T>()))+ == 1 {
                turns::<16, $($T,)+ U>($($input,)+ output, f);
            } else {
                turns::<8, $($T,)+ U>($($input,)+ output, f);
            }
        }
    };
}

loops! {
    /// Writes `f(x)` for each element. Elements beyond the shorter slice are left alone.
    map: input input_rest T
}

loops! {
    /// Writes `f(a, b)` for each pair of elements. Elements beyond the shortest slice are left alone.
    zip: a a_rest A, b b_rest B
}

loops! {
    /// Writes `f(a, b, c)` for elements of three slices. Elements beyond the shortest slice are left alone.
    zip3: a a_rest A, b b_rest B, c c_rest C
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_computed_once_whatever_the_length() {
        for length in [0, 1, 31, 32, 33, 100] {
            let input: Vec<u32> = (0..length).collect();
            let mut output = vec![0; length as usize];
            map(&input, &mut output, |x| x + 1);
            assert_eq!(output, (1..=length).collect::<Vec<_>>());
            zip(&input, &input, &mut output, |a, b| 2 * a + b);
            assert_eq!(output, (0..length).map(|x| 3 * x).collect::<Vec<_>>());
            zip3(&input, &input, &input, &mut output, |a, b, c| {
                4 * a + 2 * b + c
            });
            assert_eq!(output, (0..length).map(|x| 7 * x).collect::<Vec<_>>());
        }
    }

    #[test]
    fn elements_beyond_the_shorter_slice_are_left_alone() {
        let mut output = [9; 40];
        map(&[1; 35], &mut output, |x| x);
        assert_eq!(output[..35], [1; 35]);
        assert_eq!(output[35..], [9; 5]);
    }
}
