//! Carrying out a plan.

use sandpipe_kernel::{Failure, Inputs, View, ViewMut};

use crate::{
    block::{compute, compute_with_singles, convert, copy, limit, read, store},
    lane::{Arrays, Lane, match_lane},
    plan::{Formula, Operand, Operation, Pass, Place, Plan, Step},
};

/// Elements that go through all steps of a pass together. The blocks of a few operands fit into the nearest caches, and
/// beginning a block, 60 ns with what the processor's prefetching loses by it, costs little beside doing it.
const BLOCK: usize = 4096;

/// The streams of a stage, in the order of their names in the operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams<'a> {
    pub input: View<'a>,
    pub auxiliary: Inputs<'a>,
}

impl<'a> Streams<'a> {
    fn get(&self, index: usize) -> Result<View<'a>, Failure> {
        match index.checked_sub(1) {
            None => Ok(self.input),
            Some(index) => self.auxiliary.get(index),
        }
    }
}

/// A plan with the memory it needs.
#[derive(Debug)]
pub(crate) struct Machine {
    passes: Vec<Pass>,
    registers: Arrays,
    scratch: Arrays,
}

impl Machine {
    pub(crate) fn new(plan: Plan) -> Result<Machine, Failure> {
        let (mut registers, mut scratch) = (Arrays::default(), Arrays::default());
        for (lane, number) in plan.registers {
            match_lane!(lane, L => {
                let value = number.map_or(L::default(), L::constant);
                registers.push::<L>(BLOCK, value)?;
            });
        }
        for (lane, elements) in plan.scratch {
            match_lane!(lane, L => scratch.push::<L>(elements, L::default())?);
        }
        Ok(Machine {
            passes: plan.passes,
            registers,
            scratch,
        })
    }

    /// Computes a frame.
    pub(crate) fn run(&mut self, streams: Streams, mut output: ViewMut) -> Result<(), Failure> {
        for pass in &self.passes {
            match pass {
                Pass::Elementwise {
                    lane,
                    elements,
                    once,
                    steps,
                    destination,
                } => match_lane!(*lane, L => {
                    Memory {
                        registers: &mut self.registers,
                        scratch: &self.scratch,
                        streams,
                    }
                    .once(once)?;
                    let scratch = match destination {
                        Place::Scratch(place) => Some((*place, self.scratch.take::<L>(*place))),
                        _ => None,
                    };
                    let mut memory = Memory {
                        registers: &mut self.registers,
                        scratch: &self.scratch,
                        streams,
                    };
                    match scratch {
                        Some((place, mut array)) => {
                            let result = memory.each_block(*elements, steps, Target::Plain(&mut array));
                            self.scratch.put(place, array);
                            result?;
                        }
                        None if output.dtype() == lane.dtype() => {
                            let array = output.reborrow().slice::<L>()?;
                            memory.each_block(*elements, steps, Target::Plain(array))?;
                        }
                        None => {
                            let target = Target::<L>::Narrow(output.reborrow());
                            memory.each_block(*elements, steps, target)?;
                        }
                    }
                }),
                Pass::Product {
                    lane,
                    bounds,
                    left,
                    right,
                    rows,
                    columns,
                    scratch,
                } => match_lane!(*lane, L => {
                    let mut product = self.scratch.take::<L>(*scratch);
                    let result = whole::<L>(*left, &self.scratch, streams).and_then(|left| {
                        let right = whole::<L>(*right, &self.scratch, streams)?;
                        multiply(left, right, *rows, *columns, *bounds, &mut product);
                        Ok(())
                    });
                    self.scratch.put(*scratch, product);
                    result?;
                }),
            }
        }
        Ok(())
    }
}

/// Where a pass writes.
enum Target<'a, L> {
    /// Elements as they are computed.
    Plain(&'a mut [L]),
    /// Integers.
    Narrow(ViewMut<'a>),
}

/// What the steps of a pass read and write.
struct Memory<'a> {
    registers: &'a mut Arrays,
    scratch: &'a Arrays,
    streams: Streams<'a>,
}

impl Memory<'_> {
    /// Steps whose results all blocks share.
    fn once(&mut self, steps: &[Step]) -> Result<(), Failure> {
        steps.iter().try_for_each(|step| self.step(step, 0, BLOCK))
    }

    fn each_block<L: Lane>(
        &mut self,
        elements: usize,
        steps: &[Step],
        mut target: Target<'_, L>,
    ) -> Result<(), Failure> {
        for start in (0..elements).step_by(BLOCK) {
            let count = BLOCK.min(elements - start);
            for step in steps {
                match (step, &mut target) {
                    (Step::Compute { formula, to: None }, Target::Plain(array)) => {
                        self.formula::<L>(formula, start, &mut array[start..][..count])?;
                    }
                    (Step::Store { from }, Target::Narrow(view)) => {
                        let block = self.block::<L>(*from, start, count)?;
                        store(block, view.reborrow(), start)?;
                    }
                    (step, _) => self.step(step, start, count)?,
                }
            }
        }
        Ok(())
    }

    /// A step into a register.
    fn step(&mut self, step: &Step, start: usize, count: usize) -> Result<(), Failure> {
        match step {
            Step::Load {
                lane,
                from,
                layout,
                to,
            } => match_lane!(*lane, L => {
                self.write::<L>(*to, |memory, block| match *from {
                    Place::Stream(stream) => {
                        read(memory.streams.get(stream)?, layout, start, &mut block[..count])
                    }
                    place => {
                        let array = whole::<L>(place, memory.scratch, memory.streams)?;
                        copy(array, layout, start, &mut block[..count]);
                        Ok(())
                    }
                })
            }),
            Step::Convert {
                lane,
                from: (own, from),
                to,
            } => match_lane!(*lane, L => {
                self.write::<L>(*to, |memory, block| {
                    convert(memory.registers, *own, *from, &mut block[..count]);
                    Ok(())
                })
            }),
            Step::Compute {
                formula,
                to: Some(to),
            } => match_lane!(formula.lane, L => {
                self.write::<L>(*to, |memory, block| {
                    memory.formula(formula, start, &mut block[..count])
                })
            }),
            Step::Compute { to: None, .. } | Step::Store { .. } => {
                Err(Failure::failed("a step has no destination"))
            }
        }
    }

    /// Writes a register while others are read.
    fn write<L: Lane>(
        &mut self,
        register: usize,
        write: impl FnOnce(&Self, &mut [L]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut block = self.registers.take::<L>(register);
        let result = write(self, &mut block);
        self.registers.put(register, block);
        result
    }

    fn formula<L: Lane>(
        &self,
        formula: &Formula,
        start: usize,
        out: &mut [L],
    ) -> Result<(), Failure> {
        let [a, b, c] = formula.operands;
        let count = out.len();
        let blocks = [
            self.block::<L>(a, start, count)?,
            self.block(b, start, count)?,
            self.block(c, start, count)?,
        ];
        let singles = matches!((b, c), (Operand::Single(_), Operand::Single(_)));
        // Nothing but vectors has limits.
        let Some([low, high]) = formula.limits.filter(|_| L::VECTOR) else {
            match formula.operation {
                Operation::Copy => out.copy_from_slice(blocks[0]),
                operation if singles => compute_with_singles(operation, blocks, out, |x| x),
                operation => compute(operation, blocks, out, |x| x),
            }
            return Ok(());
        };
        let (Some(&low), Some(&high)) = (
            self.block::<L>(low, start, count)?.first(),
            self.block::<L>(high, start, count)?.first(),
        ) else {
            return Ok(());
        };
        match formula.operation {
            _ if low.is_nan() || high.is_nan() => out.fill(L::from_parts([f64::NAN, 0.0])),
            operation if singles => {
                compute_with_singles(operation, blocks, out, move |x| limit(x, low, high));
            }
            operation => compute(operation, blocks, out, move |x| limit(x, low, high)),
        }
        Ok(())
    }

    fn block<L: Lane>(
        &self,
        operand: Operand,
        start: usize,
        count: usize,
    ) -> Result<&[L], Failure> {
        Ok(match operand {
            Operand::Register(register) | Operand::Single(register) => {
                &self.registers.get::<L>(register)[..count]
            }
            Operand::Direct(place) => {
                &whole::<L>(place, self.scratch, self.streams)?[start..][..count]
            }
        })
    }
}

/// A whole array whose elements lie in memory as they are computed.
fn whole<'a, L: Lane>(
    place: Place,
    scratch: &'a Arrays,
    streams: Streams<'a>,
) -> Result<&'a [L], Failure> {
    match place {
        Place::Stream(stream) => streams.get(stream)?.slice::<L>(),
        Place::Scratch(index) => Ok(scratch.get::<L>(index)),
        Place::Output => Err(Failure::failed("the output is not read")),
    }
}

/// The matrix product.
fn multiply<L: Lane>(
    left: &[L],
    right: &[L],
    rows: usize,
    columns: usize,
    bounds: Option<(f64, f64)>,
    product: &mut [L],
) {
    if columns == 1 {
        L::affine(left, right, None, product);
    } else {
        let inner = left.len() / rows.max(1);
        for (row, out) in left.chunks(inner.max(1)).zip(product.chunks_mut(columns)) {
            L::row_product(row, right, out);
        }
    }
    if let Some((low, high)) = bounds {
        let [low, high] = [low, high].map(|bound| L::from_parts([bound, 0.0]));
        for x in product {
            *x = limit(*x, low, high);
        }
    }
}
