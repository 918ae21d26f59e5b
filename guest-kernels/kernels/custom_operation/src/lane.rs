//! The types in which blocks of elements are computed.
//!
//! Floats and 64-bit integers are computed in their own type. Narrower integers are computed in f64, which holds
//! them and their sums, and every product that does not saturate anyway, exactly, and for which WebAssembly has
//! vector instructions.

use std::mem;

use sandpipe_kernel::{Dtype, Failure, Number, elementwise};
use sandpipe_kernel_common::matrix;

use crate::constant::Constant;

/// Which type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneType {
    F32,
    F64,
    S64,
    U64,
}

impl LaneType {
    /// The type in which elements of a dtype are computed.
    pub(crate) fn of(dtype: Dtype) -> LaneType {
        match dtype {
            Dtype::F32 => LaneType::F32,
            Dtype::S64 => LaneType::S64,
            Dtype::U64 => LaneType::U64,
            _ => LaneType::F64,
        }
    }

    /// The type in which elements of a dtype are read on the way to this one.
    pub(crate) fn reads(self, dtype: Dtype) -> LaneType {
        match dtype {
            Dtype::S8 | Dtype::S16 | Dtype::U8 | Dtype::U16 if self == LaneType::F32 => self,
            _ => LaneType::of(dtype),
        }
    }

    /// Whether it is one of the floats.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, LaneType::F32 | LaneType::F64)
    }

    /// The dtype whose elements lie in memory as they are computed.
    pub(crate) fn dtype(self) -> Dtype {
        match self {
            LaneType::F32 => Dtype::F32,
            LaneType::F64 => Dtype::F64,
            LaneType::S64 => Dtype::S64,
            LaneType::U64 => Dtype::U64,
        }
    }
}

/// Evaluates an expression with a type name standing for the Rust type.
macro_rules! match_lane {
    ($lane:expr, $L:ident => $body:expr) => {
        match $lane {
            $crate::lane::LaneType::F32 => {
                type $L = f32;
                $body
            }
            $crate::lane::LaneType::F64 => {
                type $L = f64;
                $body
            }
            $crate::lane::LaneType::S64 => {
                type $L = i64;
                $body
            }
            $crate::lane::LaneType::U64 => {
                type $L = u64;
                $body
            }
        }
    };
}
pub(crate) use match_lane;

/// Arrays, each of one of the types, by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrays {
    f32: Vec<Vec<f32>>,
    f64: Vec<Vec<f64>>,
    i64: Vec<Vec<i64>>,
    u64: Vec<Vec<u64>>,
}

impl Arrays {
    /// Adds an array at the next position.
    pub(crate) fn push<L: Lane>(&mut self, elements: usize, value: L) -> Result<(), Failure> {
        let mut array = Vec::new();
        array.try_reserve_exact(elements).map_err(|_| {
            let bytes = elements.saturating_mul(size_of::<L>());
            Failure::failed(format!(
                "no memory for an intermediate result of {bytes} bytes"
            ))
        })?;
        array.resize(elements, value);
        self.f32.push(Vec::new());
        self.f64.push(Vec::new());
        self.i64.push(Vec::new());
        self.u64.push(Vec::new());
        let last = self.f32.len() - 1;
        L::arrays_mut(self)[last] = array;
        Ok(())
    }

    pub(crate) fn get<L: Lane>(&self, index: usize) -> &[L] {
        &L::arrays(self)[index]
    }

    /// Takes an array out, to be written while others are read.
    pub(crate) fn take<L: Lane>(&mut self, index: usize) -> Vec<L> {
        mem::take(&mut L::arrays_mut(self)[index])
    }

    /// Puts it back.
    pub(crate) fn put<L: Lane>(&mut self, index: usize, array: Vec<L>) {
        L::arrays_mut(self)[index] = array;
    }
}

/// A type in which blocks are computed.
pub(crate) trait Lane: Number + matrix::Element {
    /// Floats are computed in vectors; integers one by one, since WebAssembly has no vector instructions for
    /// saturating arithmetic in 64 bits.
    const FLOAT: bool;

    fn arrays(arrays: &Arrays) -> &Vec<Vec<Self>>;
    fn arrays_mut(arrays: &mut Arrays) -> &mut Vec<Vec<Self>>;

    /// The number, rounded or bounded.
    fn constant(number: Constant) -> Self;

    fn negate(self) -> Self;

    fn absolute(self) -> Self;

    /// Writes `f(a, b)` for each pair of elements.
    #[inline(always)]
    fn zip(a: &[Self], b: &[Self], out: &mut [Self], f: impl Fn(Self, Self) -> Self) {
        if Self::FLOAT {
            elementwise::zip(a, b, out, f);
        } else {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = f(a, b);
            }
        }
    }
}

macro_rules! lanes {
    ($($type:ident, $float:literal, |$number:ident| $constant:expr, $negate:expr, $absolute:expr;)*) => {$(
        impl Lane for $type {
            const FLOAT: bool = $float;

            fn arrays(arrays: &Arrays) -> &Vec<Vec<Self>> {
                &arrays.$type
            }

            fn arrays_mut(arrays: &mut Arrays) -> &mut Vec<Vec<Self>> {
                &mut arrays.$type
            }

            fn constant($number: Constant) -> Self {
                $constant
            }

            #[inline(always)]
            fn negate(self) -> Self {
                ($negate)(self)
            }

            #[inline(always)]
            fn absolute(self) -> Self {
                ($absolute)(self)
            }
        }
    )*};
}

lanes! {
    f32, true, |number| number.to_f64() as f32, |x: f32| -x, f32::abs;
    f64, true, |number| number.to_f64(), |x: f64| -x, f64::abs;
    i64, false, |number| integer(number, i64::MIN.into(), i64::MAX.into()) as i64,
        i64::saturating_neg, i64::saturating_abs;
    u64, false, |number| integer(number, 0, u64::MAX.into()) as u64, |_| 0, |x| x;
}

fn integer(number: Constant, low: i128, high: i128) -> i128 {
    match number {
        Constant::Integer(value) => value.clamp(low, high),
        Constant::Float(value) => (value as i128).clamp(low, high),
    }
}
