//! Loops over the elements of frames, unrolled.
//!
//! The host can interrupt a kernel at the head of each loop, which costs something for every turn. So the
//! loops here do 32 elements a turn. Within a turn they load a few elements, compute, and store them, in this
//! order: a compiler that does not know whether input and output overlap (it forgets that slices do not) can
//! still make vector instructions of that, and few vectors are live at a time.

use std::array;

/// Elements computed in one turn of a loop.
const TURN: usize = 32;

/// Writes `f(x)` for each element of the input. Elements beyond the shorter slice are left alone.
#[inline]
pub fn map<T: Copy, U>(input: &[T], output: &mut [U], f: impl Fn(T) -> U) {
    if size_of::<T>().max(size_of::<U>()) == 1 {
        map_blocks::<16, T, U>(input, output, f);
    } else {
        map_blocks::<8, T, U>(input, output, f);
    }
}

/// Writes `f(a, b)` for each pair of elements. Elements beyond the shortest slice are left alone.
#[inline]
pub fn zip<A: Copy, B: Copy, U>(a: &[A], b: &[B], output: &mut [U], f: impl Fn(A, B) -> U) {
    if size_of::<A>().max(size_of::<B>()).max(size_of::<U>()) == 1 {
        zip_blocks::<16, A, B, U>(a, b, output, f);
    } else {
        zip_blocks::<8, A, B, U>(a, b, output, f);
    }
}

/// `map`, loading `BLOCK` elements before the first of them is stored.
#[inline]
fn map_blocks<const BLOCK: usize, T: Copy, U>(input: &[T], output: &mut [U], f: impl Fn(T) -> U) {
    let count = input.len().min(output.len());
    let (turns, rest) = input[..count].as_chunks::<TURN>();
    let (output_turns, output_rest) = output[..count].as_chunks_mut::<TURN>();
    for (output, input) in output_turns.iter_mut().zip(turns) {
        let (output, _) = output.as_chunks_mut::<BLOCK>();
        let (input, _) = input.as_chunks::<BLOCK>();
        for (y, &x) in output.iter_mut().zip(input) {
            *y = array::from_fn(|lane| f(x[lane]));
        }
    }
    for (y, &x) in output_rest.iter_mut().zip(rest) {
        *y = f(x);
    }
}

/// `zip`, loading `BLOCK` elements of each before the first result is stored.
#[inline]
fn zip_blocks<const BLOCK: usize, A: Copy, B: Copy, U>(
    a: &[A],
    b: &[B],
    output: &mut [U],
    f: impl Fn(A, B) -> U,
) {
    let count = a.len().min(b.len()).min(output.len());
    let (a_turns, a_rest) = a[..count].as_chunks::<TURN>();
    let (b_turns, b_rest) = b[..count].as_chunks::<TURN>();
    let (output_turns, output_rest) = output[..count].as_chunks_mut::<TURN>();
    for ((output, a), b) in output_turns.iter_mut().zip(a_turns).zip(b_turns) {
        let (output, _) = output.as_chunks_mut::<BLOCK>();
        let (a, _) = a.as_chunks::<BLOCK>();
        let (b, _) = b.as_chunks::<BLOCK>();
        for ((y, &a), &b) in output.iter_mut().zip(a).zip(b) {
            *y = array::from_fn(|lane| f(a[lane], b[lane]));
        }
    }
    for ((y, &a), &b) in output_rest.iter_mut().zip(a_rest).zip(b_rest) {
        *y = f(a, b);
    }
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
