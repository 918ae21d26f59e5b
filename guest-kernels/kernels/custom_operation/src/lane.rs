//! The types in which blocks of elements are computed.
//!
//! Integers of up to 16 bits are computed in f32, those of 32 bits in f64, which hold them and their sums, and every product that does not
//! saturate anyway, exactly, and for which WebAssembly has vector instructions. All else is computed in its own type.

use std::mem;

use sandpipe_kernel::{Bool, Dtype, Failure, Number, elementwise, f16};
use sandpipe_kernel_common::matrix;

use crate::constant::Constant;

/// Which type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneType {
    F32,
    F64,
    S64,
    U64,
    F16,
    C64,
    C128,
    Bool,
}

impl LaneType {
    /// The type in which elements of a dtype are computed.
    pub(crate) fn of(dtype: Dtype) -> LaneType {
        match dtype {
            Dtype::F32 | Dtype::S8 | Dtype::S16 | Dtype::U8 | Dtype::U16 => LaneType::F32,
            Dtype::F64 | Dtype::S32 | Dtype::U32 => LaneType::F64,
            Dtype::S64 => LaneType::S64,
            Dtype::U64 => LaneType::U64,
            Dtype::F16 => LaneType::F16,
            Dtype::C64 => LaneType::C64,
            Dtype::C128 => LaneType::C128,
            Dtype::Bool => LaneType::Bool,
        }
    }

    /// The type in which a matrix product is summed up: sums of products of integers take more bits than f32 has.
    pub(crate) fn of_product(dtype: Dtype) -> LaneType {
        match LaneType::of(dtype) {
            LaneType::F32 if dtype.is_integer() => LaneType::F64,
            own => own,
        }
    }

    /// The type in which elements of a dtype are read on the way to this one.
    pub(crate) fn reads(self, dtype: Dtype) -> LaneType {
        match dtype {
            Dtype::Bool | Dtype::S8 | Dtype::S16 | Dtype::U8 | Dtype::U16 if self.is_vector() => {
                self
            }
            _ => LaneType::of(dtype),
        }
    }

    /// Whether it is one of the floats that WebAssembly has vectors of.
    pub(crate) fn is_vector(self) -> bool {
        matches!(self, LaneType::F32 | LaneType::F64)
    }

    /// The dtype whose elements lie in memory as they are computed.
    pub(crate) fn dtype(self) -> Dtype {
        match self {
            LaneType::F32 => Dtype::F32,
            LaneType::F64 => Dtype::F64,
            LaneType::S64 => Dtype::S64,
            LaneType::U64 => Dtype::U64,
            LaneType::F16 => Dtype::F16,
            LaneType::C64 => Dtype::C64,
            LaneType::C128 => Dtype::C128,
            LaneType::Bool => Dtype::Bool,
        }
    }
}

/// Evaluates an expression with a type name standing for the Rust type.
macro_rules! match_lane {
    ($lane:expr, $L:ident => $body:expr) => {
        $crate::lane::match_lane!(@ $lane, $L => $body,
            F32 f32, F64 f64, S64 i64, U64 u64,
            F16 ::sandpipe_kernel::f16, C64 [f32; 2], C128 [f64; 2], Bool ::sandpipe_kernel::Bool)
    };
    (@ $lane:expr, $L:ident => $body:expr, $($name:ident $type:ty),*) => {
        match $lane {
            $($crate::lane::LaneType::$name => { type $L = $type; $body })*
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
    f16: Vec<Vec<f16>>,
    c64: Vec<Vec<[f32; 2]>>,
    c128: Vec<Vec<[f64; 2]>>,
    bool: Vec<Vec<Bool>>,
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
        self.f16.push(Vec::new());
        self.c64.push(Vec::new());
        self.c128.push(Vec::new());
        self.bool.push(Vec::new());
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
pub(crate) trait Lane: matrix::Element + PartialOrd {
    /// Floats are computed in vectors, several operations at a time; all else one by one, since WebAssembly has no vector
    /// instructions for saturating arithmetic in 64 bits, for halves and for products of complex numbers.
    const VECTOR: bool;

    fn arrays(arrays: &Arrays) -> &Vec<Vec<Self>>;
    fn arrays_mut(arrays: &mut Arrays) -> &mut Vec<Vec<Self>>;

    /// The number, rounded or bounded.
    fn constant(number: Constant) -> Self;

    /// From a real and an imaginary part; what is real has the former alone.
    fn from_parts(parts: [f64; 2]) -> Self;

    /// The real and the imaginary part. 64-bit integers are rounded.
    fn parts(self) -> [f64; 2];

    fn negate(self) -> Self;

    /// The magnitude; of a complex number, as one whose imaginary part is 0.
    fn absolute(self) -> Self;

    /// Whether a part of it is NaN.
    fn is_nan(self) -> bool;

    /// The integer of up to 32 bits that it stands for.
    #[inline(always)]
    fn integer(self) -> i64 {
        self.parts()[0] as i64
    }

    /// NaN if either is.
    #[inline(always)]
    fn lesser(self, other: Self) -> Self {
        if other < self || other.is_nan() {
            other
        } else {
            self
        }
    }

    /// NaN if either is.
    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        if self < other || other.is_nan() {
            other
        } else {
            self
        }
    }

    /// Writes `f(a, b)` for each pair of elements.
    #[inline(always)]
    fn zip(a: &[Self], b: &[Self], out: &mut [Self], f: impl Fn(Self, Self) -> Self) {
        if Self::VECTOR {
            elementwise::zip(a, b, out, f);
        } else {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = f(a, b);
            }
        }
    }
}

macro_rules! lane {
    ($field:ident, $vector:literal, |$number:ident| $constant:expr, $negate:expr, $absolute:expr) => {
        const VECTOR: bool = $vector;

        fn arrays(arrays: &Arrays) -> &Vec<Vec<Self>> {
            &arrays.$field
        }

        fn arrays_mut(arrays: &mut Arrays) -> &mut Vec<Vec<Self>> {
            &mut arrays.$field
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
    };
}

macro_rules! real {
    ($($type:ident, $field:ident, $vector:literal, |$number:ident| $constant:expr, $negate:expr, $absolute:expr $(, $own:item)?;)*) => {$(
        impl Lane for $type {
            lane! { $field, $vector, |$number| $constant, $negate, $absolute }

            $($own)?

            #[inline(always)]
            fn from_parts([real, _]: [f64; 2]) -> Self {
                Number::from_f64(real)
            }

            #[inline(always)]
            fn parts(self) -> [f64; 2] {
                [Number::to_f64(self), 0.0]
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                Number::is_nan(self)
            }
        }
    )*};
}

real! {
    f32, f32, true, |number| number.to_f64() as f32, |x: f32| -x, f32::abs,
        // It holds those of up to 16 bits, and by way of 32 WebAssembly converts a vector at once.
        #[inline(always)]
        fn integer(self) -> i64 {
            i64::from(self as i32)
        };
    f64, f64, true, |number| number.to_f64(), |x: f64| -x, f64::abs;
    i64, i64, false, |number| integer(number, i64::MIN.into(), i64::MAX.into()) as i64,
        i64::saturating_neg, i64::saturating_abs;
    u64, u64, false, |number| integer(number, 0, u64::MAX.into()) as u64, |_| 0, |x| x;
    f16, f16, false, |number| Number::from_f64(number.to_f64()), |x: f16| -x,
        |x: f16| f16::from_bits(x.to_bits() & 0x7fff);
    // Nothing is negated: its typing refuses that.
    Bool, bool, false, |number| Number::from_f64(number.to_f64()), |x| x, |x| x;
}

macro_rules! complex {
    ($($type:ident, $field:ident;)*) => {$(
        impl Lane for [$type; 2] {
            lane! {
                $field, false, |number| Self::from_parts([number.to_f64(), 0.0]), |[a, b]: Self| [-a, -b],
                |[a, b]: Self| [a.hypot(b), 0.0]
            }

            #[inline(always)]
            fn from_parts(parts: [f64; 2]) -> Self {
                parts.map(Number::from_f64)
            }

            #[inline(always)]
            fn parts(self) -> [f64; 2] {
                self.map(f64::from)
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                self[0].is_nan() || self[1].is_nan()
            }

            // The first NaN stays, whose parts need not both be NaN. Else the real parts decide, and then the imaginary ones.
            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                if Lane::is_nan(self) || self <= other && !Lane::is_nan(other) { self } else { other }
            }

            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                if Lane::is_nan(self) || self >= other && !Lane::is_nan(other) { self } else { other }
            }
        }
    )*};
}

complex! { f32, c64; f64, c128; }

fn integer(number: Constant, low: i128, high: i128) -> i128 {
    match number {
        Constant::Integer(value) => value.clamp(low, high),
        Constant::Float(value) => (value as i128).clamp(low, high),
    }
}
