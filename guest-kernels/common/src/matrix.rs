//! Products of matrices.
//!
//! Floats and complex numbers are summed in the lanes of vectors in their own precision, as BLAS does; float16 in float32, one after
//! the other, as NumPy does; integers exactly, as far as 128 bits go, and saturated at the end.

use std::{
    array,
    ops::{AddAssign, Mul},
};

use sandpipe_kernel::{Arithmetic, Bool, f16};
use wide::{f32x4, f64x2};

/// Numbers that matrices can be made of. All matrices are in C order.
pub trait Element: Arithmetic + Default {
    /// Matrix times vector, plus an offset: `out[i] = Σⱼ matrix[i, j] × vector[j] + offset[i]`. The lengths of
    /// `vector` and `out` give the matrix its shape; without an offset it is 0.
    fn affine(matrix: &[Self], vector: &[Self], offset: Option<&[Self]>, out: &mut [Self]);

    /// One row of a product of matrices: `out[j] = Σₖ row[k] × matrix[k, j]`. The lengths of `row` and `out` give the matrix its
    /// shape.
    #[inline]
    fn row_product(row: &[Self], matrix: &[Self], out: &mut [Self]) {
        out.fill(Self::default());
        for (&factor, row) in row.iter().zip(matrix.chunks(out.len())) {
            for (out, &x) in out.iter_mut().zip(row) {
                *out = out.sum(factor.product(x));
            }
        }
    }
}

/// The products of six rows and a vector, lane by lane. Six sums hide the latency of each other's additions, and with what is
/// loaded for them they just fit into the processor's registers.
#[inline(never)]
fn six_rows<V, L: Copy>(rows: [&[L]; 6], vector: &[L]) -> [V; 6]
where
    V: Copy + Default + From<L> + AddAssign + Mul<Output = V>,
{
    let count = vector.len();
    let [a, b, c, d, e, f] = rows.map(|row| &row[..count]);
    let [mut p, mut q, mut r, mut s, mut t, mut u] = [V::default(); 6];
    let mut index = 0;
    // Cranelift computes what can wait at the next branch that needs it, but loads at once. So without a branch behind each vector,
    // a turn of several vectors would load all of them first, and most would be put aside in memory.
    macro_rules! next_vector {
        () => {
            if index >= count {
                break;
            }
            let x = V::from(vector[index]);
            p += V::from(a[index]) * x;
            q += V::from(b[index]) * x;
            r += V::from(c[index]) * x;
            s += V::from(d[index]) * x;
            t += V::from(e[index]) * x;
            u += V::from(f[index]) * x;
            index += 1;
        };
    }
    loop {
        next_vector!();
        next_vector!();
        next_vector!();
        next_vector!();
    }
    [p, q, r, s, t, u]
}

macro_rules! floats {
    ($($type:ident $vector:ident $lanes:literal)*) => {$(
        impl Element for $type {
            fn affine(
                matrix: &[Self],
                vector: &[Self],
                offset: Option<&[Self]>,
                out: &mut [Self],
            ) {
                let columns = vector.len();
                let row = |index: usize| &matrix[index * columns..][..columns];
                let add = |index: usize, sum: $type| match offset {
                    Some(offset) => sum + offset[index],
                    None => sum,
                };
                let (vectors, tail) = vector.as_chunks::<$lanes>();
                let whole = |index: usize| row(index).as_chunks::<$lanes>().0;
                let finish = |index: usize, sums: $vector| {
                    let rest = row(index)[columns - tail.len()..].iter().zip(tail);
                    add(index, rest.fold(sums.reduce_add(), |sum, (&a, &x)| sum + a * x))
                };
                for (group, out) in out.chunks_mut(6).enumerate() {
                    let first = 6 * group;
                    // Where fewer are left, the last stands for those that are not there: a row's sum is the same in
                    // whatever company.
                    let last = first + out.len() - 1;
                    let sums = six_rows(
                        array::from_fn(|k| whole((first + k).min(last))),
                        vectors,
                    );
                    for ((k, out), sum) in out.iter_mut().enumerate().zip(sums) {
                        *out = finish(first + k, sum);
                    }
                }
            }
        }
    )*};
}

floats! { f32 f32x4 4 f64 f64x2 2 }

macro_rules! integers {
    ($($type:ident $sum:ident)*) => {$(
        impl Element for $type {
            fn affine(
                matrix: &[Self],
                vector: &[Self],
                offset: Option<&[Self]>,
                out: &mut [Self],
            ) {
                for (index, out) in out.iter_mut().enumerate() {
                    let row = &matrix[index * vector.len()..][..vector.len()];
                    let mut sum = offset.map_or(0, |offset| $sum::from(offset[index]));
                    for (&a, &x) in row.iter().zip(vector) {
                        sum = sum.saturating_add($sum::from(a).saturating_mul($sum::from(x)));
                    }
                    *out = sum.clamp($sum::from($type::MIN), $sum::from($type::MAX)) as $type;
                }
            }
        }
    )*};
}

// The widest sum of products that memory has room for fits, except for 64-bit numbers, whose sums saturate.
integers! { i8 i64 i16 i64 u8 i64 u16 i64 i32 i128 u32 i128 i64 i128 u64 i128 }

macro_rules! complex {
    ($($type:ident $vector:ident $parts:literal $numbers:literal;)*) => {$(
        impl Element for [$type; 2] {
            fn affine(
                matrix: &[Self],
                vector: &[Self],
                offset: Option<&[Self]>,
                out: &mut [Self],
            ) {
                let (vectors, tail) = vector.as_chunks::<$numbers>();
                for (index, out) in out.iter_mut().enumerate() {
                    let row = &matrix[index * vector.len()..][..vector.len()];
                    let (rows, rest) = row.as_chunks::<$numbers>();
                    // Times the real parts, and times the imaginary ones.
                    let [mut p, mut q] = [$vector::default(); 2];
                    for (a, x) in rows.iter().zip(vectors) {
                        let a = $vector::from(array::from_fn::<_, $parts, _>(|k| a[k / 2][k % 2]));
                        let both = |part: usize| array::from_fn::<_, $parts, _>(|k| x[k / 2][part]);
                        p += a * $vector::from(both(0));
                        q += a * $vector::from(both(1));
                    }
                    let (p, q) = (p.to_array(), q.to_array());
                    let mut sum = [0.0; 2];
                    for k in 0..$numbers {
                        sum = sum.sum([p[2 * k] - q[2 * k + 1], p[2 * k + 1] + q[2 * k]]);
                    }
                    for (&a, &x) in rest.iter().zip(tail) {
                        sum = sum.sum(a.product(x));
                    }
                    *out = offset.map_or(sum, |offset| sum.sum(offset[index]));
                }
            }
        }
    )*};
}

complex! { f32 f32x4 4 2; f64 f64x2 2 1; }

impl Element for f16 {
    fn affine(matrix: &[Self], vector: &[Self], offset: Option<&[Self]>, out: &mut [Self]) {
        for (index, out) in out.iter_mut().enumerate() {
            let row = &matrix[index * vector.len()..][..vector.len()];
            let products = row.iter().zip(vector).map(|(a, x)| a.to_f32() * x.to_f32());
            let sum = f16::from_f32(products.fold(0.0, |sum, product| sum + product));
            *out = offset.map_or(sum, |offset| sum.sum(offset[index]));
        }
    }

    fn row_product(row: &[Self], matrix: &[Self], out: &mut [Self]) {
        let columns = out.len();
        for (group, out) in out.chunks_mut(16).enumerate() {
            let mut sums = [0.0; 16];
            for (factor, row) in row.iter().zip(matrix.chunks(columns)) {
                for (sum, x) in sums.iter_mut().zip(&row[16 * group..]) {
                    *sum += factor.to_f32() * x.to_f32();
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = f16::from_f32(sum);
            }
        }
    }
}

impl Element for Bool {
    fn affine(matrix: &[Self], vector: &[Self], offset: Option<&[Self]>, out: &mut [Self]) {
        for (index, out) in out.iter_mut().enumerate() {
            let row = &matrix[index * vector.len()..][..vector.len()];
            let any = row.iter().zip(vector).any(|(a, x)| a.get() && x.get());
            *out = (any || offset.is_some_and(|offset| offset[index].get())).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_equals_the_sum_by_hand() {
        for rows in [1, 3, 5, 6, 7, 13] {
            for columns in [1, 2, 3, 7, 8, 9, 31, 32, 33, 70] {
                // Small whole numbers, so that f32 is exact in any order.
                let matrix: Vec<i32> = (0..rows * columns).map(|k| (k * 37 % 19) - 9).collect();
                let vector: Vec<i32> = (0..columns).map(|k| (k * 11 % 7) - 3).collect();
                let offset: Vec<i32> = (0..rows).map(|k| 5 - k).collect();
                let mut out = vec![0; rows as usize];
                i32::affine(&matrix, &vector, Some(&offset), &mut out);
                for (row, &value) in out.iter().enumerate() {
                    let products = (0..columns as usize)
                        .map(|column| matrix[row * columns as usize + column] * vector[column]);
                    assert_eq!(value, products.sum::<i32>() + offset[row]);
                }

                let float = |values: &[i32]| values.iter().map(|&x| x as f32).collect::<Vec<_>>();
                let mut out32 = vec![0.0; rows as usize];
                f32::affine(
                    &float(&matrix),
                    &float(&vector),
                    Some(&float(&offset)),
                    &mut out32,
                );
                assert_eq!(out32, float(&out));

                let double = |values: &[i32]| values.iter().map(|&x| x as f64).collect::<Vec<_>>();
                let mut out64 = vec![0.0; rows as usize];
                f64::affine(
                    &double(&matrix),
                    &double(&vector),
                    Some(&double(&offset)),
                    &mut out64,
                );
                assert_eq!(out64, double(&out));
            }
        }
    }

    #[test]
    fn integers_saturate_only_at_the_end() {
        let mut out = [0i8; 2];
        i8::affine(
            &[127, 127, -128, 127, 127, 127],
            &[127, 127, 127],
            None,
            &mut out,
        );
        assert_eq!(out, [127, 127]);
        i8::affine(
            &[127, -127, 1, 0, 0, 0],
            &[127, 127, 5],
            Some(&[-6, -128]),
            &mut out,
        );
        assert_eq!(out, [-1, -128]);
        let mut out = [0];
        u64::affine(&[u64::MAX, 1], &[u64::MAX, 1], None, &mut out);
        assert_eq!(out, [u64::MAX]);
    }

    #[test]
    fn complex_sums_of_every_size_equal_those_by_hand() {
        for columns in [1, 2, 3, 7, 8] {
            // Small whole numbers, exact in any order.
            let number = |k: usize| [(k * 37 % 19) as f32 - 9.0, (k * 11 % 7) as f32 - 3.0];
            let matrix: Vec<_> = (0..3 * columns).map(number).collect();
            let vector: Vec<_> = (5..5 + columns).map(number).collect();
            let offset = [[1.0, -2.0]; 3];
            let mut out = [[0.0; 2]; 3];
            <[f32; 2]>::affine(&matrix, &vector, Some(&offset), &mut out);
            let by_hand: Vec<_> = matrix
                .chunks(columns)
                .map(|row| {
                    let products = row.iter().zip(&vector).map(|(a, &x)| a.product(x));
                    products.fold([1.0, -2.0], Arithmetic::sum)
                })
                .collect();
            assert_eq!(out[..], by_hand);
            let double = |values: &[[f32; 2]]| -> Vec<_> {
                values.iter().map(|x| x.map(f64::from)).collect()
            };
            let mut out64 = [[0.0; 2]; 3];
            let offset = Some(&double(&offset)[..]);
            <[f64; 2]>::affine(&double(&matrix), &double(&vector), offset, &mut out64);
            assert_eq!(out64[..], double(&by_hand));
        }
    }

    #[test]
    fn halves_are_summed_as_f32_and_rounded_before_the_offset() {
        let half = f16::from_f32;
        let mut out = [f16::ZERO];
        // 2048 + 1 + 1 is 2050, though an f16 rounds 2048 + 1 to 2048.
        let row = [half(2048.0), half(1.0), half(1.0)];
        f16::affine(&row, &[f16::ONE; 3], Some(&[half(1.0)]), &mut out);
        assert_eq!(out, [half(2052.0)], "2050 + 1, halfway, to even");
        // 2049 is 2048 before 1 is added, which is lost again.
        f16::affine(&row[..2], &[f16::ONE; 2], Some(&[half(1.0)]), &mut out);
        assert_eq!(out, [half(2048.0)]);
        // A row of products of more columns than are done at once.
        for columns in [1, 16, 21] {
            let mut out = vec![f16::NAN; columns];
            f16::row_product(&row, &vec![f16::ONE; 3 * columns], &mut out);
            assert_eq!(out, vec![half(2050.0); columns]);
        }
    }

    #[test]
    fn sums_of_products_of_bool_are_or_of_and() {
        let bools = |values: &[u8]| {
            values
                .iter()
                .map(|&x| Bool::from(x == 1))
                .collect::<Vec<_>>()
        };
        let matrix = bools(&[1, 0, 1, 1, 0, 1]);
        let mut out = bools(&[0; 3]);
        Bool::affine(&matrix, &bools(&[0, 1]), None, &mut out);
        assert_eq!(out, bools(&[0, 1, 1]));
        Bool::affine(&matrix, &bools(&[0, 0]), Some(&bools(&[0, 1, 0])), &mut out);
        assert_eq!(out, bools(&[0, 1, 0]));
        let matrix = bools(&[1, 0, 1, 0, 0, 1]);
        Bool::row_product(&bools(&[0, 1]), &matrix, &mut out);
        assert_eq!(out, bools(&[0, 0, 1]));
        Bool::row_product(&bools(&[1, 1]), &matrix, &mut out);
        assert_eq!(out, bools(&[1, 0, 1]));
    }
}
