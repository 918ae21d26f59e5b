//! The loops over blocks of elements.

use std::slice;

use sandpipe_kernel::{
    Bool, Dtype, Failure, Number, View, ViewMut,
    elementwise::{map, zip3},
};

use crate::{
    broadcast::Broadcast,
    lane::{Arrays, Lane, LaneType, match_lane},
    plan::{Arithmetic, Operation},
};

/// Does an operation, and `finish` on what comes of it. `b` and `c` are ignored where it has fewer operands.
#[inline(never)]
pub(crate) fn compute<L: Lane>(
    operation: Operation,
    [a, b, c]: [&[L]; 3],
    out: &mut [L],
    finish: impl Fn(L) -> L,
) {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    match operation {
        Operation::Copy => L::zip(a, a, out, move |x, _| finish(x)),
        Operation::Negate => L::zip(a, a, out, move |x, _| finish(x.negate())),
        Operation::Absolute => L::zip(a, a, out, move |x, _| finish(x.absolute())),
        Operation::Arithmetic(Add) => L::zip(a, b, out, move |x, y| finish(x.sum(y))),
        Operation::Arithmetic(Subtract) => L::zip(a, b, out, move |x, y| finish(x.difference(y))),
        Operation::Arithmetic(Multiply) => L::zip(a, b, out, move |x, y| finish(x.product(y))),
        Operation::Arithmetic(Divide) => L::zip(a, b, out, move |x, y| finish(x.quotient(y))),
        Operation::Minimum => L::zip(a, b, out, move |x, y| finish(x.lesser(y))),
        Operation::Maximum => L::zip(a, b, out, move |x, y| finish(x.greater(y))),
        // Only vectors do several operations at once.
        _ if !L::VECTOR => {}
        Operation::Then(Add, second) => then(L::sum, second, [a, b, c], out, finish),
        Operation::Then(Subtract, second) => then(L::difference, second, [a, b, c], out, finish),
        Operation::Then(Multiply, second) => then(L::product, second, [a, b, c], out, finish),
        // The planner does not ask for it: a division takes longer than the trip.
        Operation::Then(Divide, _) => {}
        Operation::Clip => zip3(a, b, c, out, move |x, low, high| {
            finish(x.greater(low).lesser(high))
        }),
        Operation::Bound => zip3(a, b, c, out, move |x, low, high| {
            finish(bound(x, low, high))
        }),
    }
}

/// Does an operation whose operands but the first are the same for all elements. They stay in registers of the
/// processor then, which saves most of the work.
#[inline(never)]
pub(crate) fn compute_with_singles<L: Lane>(
    operation: Operation,
    [a, b, c]: [&[L]; 3],
    out: &mut [L],
    finish: impl Fn(L) -> L,
) {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    let (Some(&y), Some(&z)) = (b.first(), c.first()) else {
        return;
    };
    match operation {
        _ if !L::VECTOR => compute(operation, [a, b, c], out, finish),
        Operation::Arithmetic(Add) => map(a, out, move |x| finish(x.sum(y))),
        Operation::Arithmetic(Subtract) => map(a, out, move |x| finish(x.difference(y))),
        Operation::Arithmetic(Multiply) => map(a, out, move |x| finish(x.product(y))),
        Operation::Arithmetic(Divide) => map(a, out, move |x| finish(x.quotient(y))),
        Operation::Then(Add, second) => then_single(move |x| x.sum(y), second, z, a, out, finish),
        Operation::Then(Subtract, second) => {
            then_single(move |x| x.difference(y), second, z, a, out, finish);
        }
        Operation::Then(Multiply, second) => {
            then_single(move |x| x.product(y), second, z, a, out, finish);
        }
        Operation::Bound => map(a, out, move |x| finish(bound(x, y, z))),
        _ => compute(operation, [a, b, c], out, finish),
    }
}

/// `second(first(a), z)`.
#[inline(always)]
fn then_single<L: Lane>(
    first: impl Fn(L) -> L,
    second: Arithmetic,
    z: L,
    a: &[L],
    out: &mut [L],
    finish: impl Fn(L) -> L,
) {
    match second {
        Arithmetic::Add => map(a, out, move |x| finish(first(x).sum(z))),
        Arithmetic::Subtract => map(a, out, move |x| finish(first(x).difference(z))),
        Arithmetic::Multiply => map(a, out, move |x| finish(first(x).product(z))),
        Arithmetic::Divide => map(a, out, move |x| finish(first(x).quotient(z))),
    }
}

/// `second(first(a, b), c)`.
#[inline(always)]
fn then<L: Lane>(
    first: impl Fn(L, L) -> L,
    second: Arithmetic,
    [a, b, c]: [&[L]; 3],
    out: &mut [L],
    finish: impl Fn(L) -> L,
) {
    match second {
        Arithmetic::Add => zip3(a, b, c, out, move |x, y, z| finish(first(x, y).sum(z))),
        Arithmetic::Subtract => zip3(a, b, c, out, move |x, y, z| {
            finish(first(x, y).difference(z))
        }),
        Arithmetic::Multiply => zip3(a, b, c, out, move |x, y, z| finish(first(x, y).product(z))),
        Arithmetic::Divide => zip3(a, b, c, out, move |x, y, z| finish(first(x, y).quotient(z))),
    }
}

/// Within limits that are not NaN: one instruction of WebAssembly's for each. A NaN stays one.
#[inline(always)]
pub(crate) fn limit<L: Lane>(x: L, low: L, high: L) -> L {
    let x = if x < low { low } else { x };
    if high < x { high } else { x }
}

/// An integer within its bounds. Adding 0 to a -0 gives the 0 that an integer is.
#[inline(always)]
fn bound<L: Lane>(x: L, low: L, high: L) -> L {
    limit(x, low, high).sum(L::from_parts([0.0; 2]))
}

/// Reads the block of a stream that begins at `start`, in a type that holds its dtype.
#[inline(never)]
pub(crate) fn read<L: Lane>(
    view: View,
    layout: &Broadcast,
    start: usize,
    block: &mut [L],
) -> Result<(), Failure> {
    if view.dtype() == L::DTYPE {
        copy(view.slice::<L>()?, layout, start, block);
        return Ok(());
    }
    macro_rules! narrow {
        ($($dtype:ident $type:ident)*) => {
            match view.dtype() {
                // Spares the compiler the pairs that the planner does not ask for.
                $(Dtype::$dtype if L::VECTOR && size_of::<$type>() < size_of::<L>() => {
                    repeat(view.slice::<$type>()?, layout, start, block, |from, to| {
                        map(from, to, |x| L::from_parts([x.to_f64(), 0.0]));
                    });
                })*
                other => return Err(Failure::dtype(format!("cannot read dtype {other}"))),
            }
        };
    }
    narrow! { Bool Bool S8 i8 S16 i16 S32 i32 U8 u8 U16 u16 U32 u32 }
    Ok(())
}

/// Fills a block with an array's elements, repeated as the layout says.
pub(crate) fn copy<L: Copy>(array: &[L], layout: &Broadcast, start: usize, block: &mut [L]) {
    repeat(array, layout, start, block, |from, to| {
        for (to, &from) in to.iter_mut().zip(from) {
            *to = from;
        }
    });
}

/// The same with what `convert` makes of the elements, of as many as lie one behind the other at once.
fn repeat<T, L: Copy>(
    array: &[T],
    layout: &Broadcast,
    start: usize,
    mut block: &mut [L],
    convert: impl Fn(&[T], &mut [L]),
) {
    for run in layout.runs(start, block.len()) {
        let (part, later) = block.split_at_mut(run.length);
        block = later;
        match part {
            [first, others @ ..] if run.repeated => {
                convert(&array[run.from..=run.from], slice::from_mut(first));
                others.fill(*first);
            }
            part => convert(&array[run.from..][..run.length], part),
        }
    }
}

/// Converts a register of another type.
pub(crate) fn convert<L: Lane>(registers: &Arrays, own: LaneType, from: usize, block: &mut [L]) {
    match_lane!(own, O => each(registers.get::<O>(from), block));
}

/// By itself, since there are many of it.
#[inline(never)]
fn each<O: Lane, L: Lane>(from: &[O], to: &mut [L]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = L::from_parts(from.parts());
    }
}

/// Writes the block that begins at `start` to an output of integers.
#[inline(never)]
pub(crate) fn store<L: Lane>(block: &[L], output: ViewMut, start: usize) -> Result<(), Failure> {
    macro_rules! narrow {
        ($($dtype:ident $type:ident)*) => {
            match output.dtype() {
                // They are computed in nothing else, and are within their bounds.
                $(Dtype::$dtype if L::VECTOR && size_of::<$type>() < size_of::<L>() => {
                    let output = &mut output.slice::<$type>()?[start..];
                    map(block, output, |x| x.integer() as $type);
                })*
                other => return Err(Failure::dtype(format!("cannot write dtype {other}"))),
            }
        };
    }
    narrow! { S8 i8 S16 i16 S32 i32 U8 u8 U16 u16 U32 u32 }
    Ok(())
}
