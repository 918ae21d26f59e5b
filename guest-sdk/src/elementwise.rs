//! Loops over the elements of frames, unrolled.
//!
//! The host can interrupt a kernel at the head of each loop, which costs something for every turn. So the
//! loops here do 32 elements a turn, written so that the compiler turns them into vector instructions.

/// Elements computed in one turn of a loop.
pub const UNROLL: usize = 32;

/// Writes `f(x)` for each element of the input. Elements beyond the shorter slice are left alone.
#[inline]
pub fn map<T: Copy, U>(input: &[T], output: &mut [U], f: impl Fn(T) -> U) {
    let count = input.len().min(output.len());
    let (chunks, rest) = input[..count].as_chunks::<UNROLL>();
    let (output_chunks, output_rest) = output[..count].as_chunks_mut::<UNROLL>();
    for (output, input) in output_chunks.iter_mut().zip(chunks) {
        for (y, &x) in output.iter_mut().zip(input) {
            *y = f(x);
        }
    }
    for (y, &x) in output_rest.iter_mut().zip(rest) {
        *y = f(x);
    }
}

/// Writes `f(a, b)` for each pair of elements. Elements beyond the shortest slice are left alone.
#[inline]
pub fn zip<A: Copy, B: Copy, U>(a: &[A], b: &[B], output: &mut [U], f: impl Fn(A, B) -> U) {
    let count = a.len().min(b.len()).min(output.len());
    let (a_chunks, a_rest) = a[..count].as_chunks::<UNROLL>();
    let (b_chunks, b_rest) = b[..count].as_chunks::<UNROLL>();
    let (output_chunks, output_rest) = output[..count].as_chunks_mut::<UNROLL>();
    for ((output, a), b) in output_chunks.iter_mut().zip(a_chunks).zip(b_chunks) {
        for ((y, &a), &b) in output.iter_mut().zip(a).zip(b) {
            *y = f(a, b);
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
