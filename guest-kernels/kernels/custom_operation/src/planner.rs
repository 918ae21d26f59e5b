//! From an expression to a plan.

use std::mem;

use sandpipe_kernel::Dtype;

use crate::{
    broadcast::Broadcast,
    constant::Constant,
    expression::{Binary, Expression, Node, Unary},
    lane::LaneType,
    plan::{Arithmetic, Formula, Operand, Operation, Pass, Place, Plan, Step},
    registers::Registers,
    token::Error,
    typing::{self, Array, Value},
};

/// What has become of a node.
#[derive(Clone, Copy, Debug)]
enum Term {
    Constant(Constant),
    /// The whole value lies there; `node` has its dtype and shape.
    Whole {
        place: Place,
        node: usize,
    },
    /// A step puts each block of it into a register.
    Block(LaneType, usize),
}

/// A pass that is not finished.
#[derive(Debug, Default)]
struct Draft {
    once: Vec<Step>,
    steps: Vec<Step>,
}

struct Planner<'a> {
    expression: &'a Expression,
    values: &'a [Value],
    /// The pass that each node belongs to, named by the node that is its result.
    passes: Vec<usize>,
    /// The nodes that are done.
    terms: Vec<Term>,
    drafts: Vec<Draft>,
    registers: Registers,
    plan: Plan,
}

/// Plans an operation, with the values of its nodes; the last one is an array like the output.
pub(crate) fn plan(expression: &Expression, values: &[Value]) -> Result<Plan, Error> {
    let count = expression.nodes.len();
    let mut planner = Planner {
        expression,
        values,
        passes: (0..count).collect(),
        terms: Vec::with_capacity(count),
        drafts: (0..count).map(|_| Draft::default()).collect(),
        registers: Registers::default(),
        plan: Plan::default(),
    };
    // Operands stand before what uses them: going back, the pass of each user is known. An operand of a
    // matrix product is a result of its own.
    for index in (0..count).rev() {
        let operands: &[usize] = match &expression.nodes[index] {
            Node::Number(_) | Node::Stream(_) | Node::Binary(Binary::Product, ..) => &[],
            Node::Unary(_, x) => &[*x],
            Node::Binary(_, x, y) => &[*x, *y],
            Node::Clip(operands) => operands,
        };
        for &operand in operands {
            planner.passes[operand] = planner.passes[index];
        }
    }
    for index in 0..count {
        let term = planner.node(index)?;
        planner.terms.push(term);
    }
    let result = count - 1;
    let lane = LaneType::of(planner.array(result)?.dtype);
    planner.finish(result, lane, Place::Output)?;
    planner.plan.registers = planner.registers.finish();
    Ok(planner.plan)
}

impl<'a> Planner<'a> {
    /// Adds what computes a node whose operands are done.
    fn node(&mut self, index: usize) -> Result<Term, Error> {
        if let Value::Constant(number) = self.values[index] {
            return Ok(Term::Constant(number));
        }
        match self.expression.nodes[index] {
            Node::Number(number) => Ok(Term::Constant(number)),
            Node::Stream(stream) => Ok(Term::Whole {
                place: Place::Stream(stream),
                node: index,
            }),
            Node::Unary(Unary::Positive, x) => Ok(self.terms[x]),
            Node::Unary(Unary::Negative, x) => self.unary(index, Operation::Negate, x),
            Node::Unary(Unary::Absolute, x) => self.unary(index, Operation::Absolute, x),
            Node::Binary(operator, x, y) => {
                let (a, b) = (self.terms[x], self.terms[y]);
                match operator {
                    Binary::Add => self.arithmetic(index, Arithmetic::Add, [a, b]),
                    Binary::Subtract => self.arithmetic(index, Arithmetic::Subtract, [a, b]),
                    Binary::Multiply => self.arithmetic(index, Arithmetic::Multiply, [a, b]),
                    Binary::Divide => self.arithmetic(index, Arithmetic::Divide, [a, b]),
                    Binary::Minimum | Binary::Maximum => self.extreme(index, operator, a, b),
                    Binary::Product => self.product(index, x, y),
                }
            }
            Node::Clip([x, low, high]) => {
                let x = self.extreme(index, Binary::Maximum, self.terms[x], self.terms[low])?;
                self.extreme(index, Binary::Minimum, x, self.terms[high])
            }
        }
    }

    fn unary(&mut self, index: usize, operation: Operation, x: usize) -> Result<Term, Error> {
        // That of the operand: a magnitude is real, what it is of need not be.
        let lane = LaneType::of(self.array(x)?.dtype);
        let x = self.operand(self.passes[index], lane, self.terms[x])?;
        let result = self.step(index, lane, operation, [x; 3]);
        self.bound(index, result)
    }

    fn arithmetic(
        &mut self,
        index: usize,
        arithmetic: Arithmetic,
        operands: [Term; 2],
    ) -> Result<Term, Error> {
        let result = self.binary(index, Operation::Arithmetic(arithmetic), operands)?;
        self.bound(index, result)
    }

    fn extreme(&mut self, index: usize, operator: Binary, a: Term, b: Term) -> Result<Term, Error> {
        let Array { dtype, .. } = *self.array(index)?;
        let (lane, bounds) = (LaneType::of(dtype), typing::bounds(dtype));
        // An integer beyond its dtype bounds nothing, but must not become the result.
        let fit = |number| match (number, bounds) {
            (Constant::Integer(value), Some((low, high))) => {
                Constant::Integer(value.clamp(low, high))
            }
            (number, _) => number,
        };
        let [a, b] = [a, b].map(|term| match term {
            Term::Constant(number) => Term::Constant(fit(number)),
            term => term,
        });
        let (a, b) = match (a, b) {
            (Term::Constant(x), Term::Constant(y)) => {
                let number = x.binary(operator, y).map(Term::Constant);
                return number.ok_or_else(|| self.error(index, "the integer becomes too large"));
            }
            // The order matters between zeros of both signs only.
            (Term::Constant(number), b) if number.to_f64() != 0.0 && lane.is_vector() => (b, a),
            other => other,
        };
        let a = self.operand(self.passes[index], lane, a)?;
        let b = self.operand(self.passes[index], lane, b)?;
        let operation = match operator {
            Binary::Minimum => Operation::Minimum,
            _ => Operation::Maximum,
        };
        Ok(match b {
            Operand::Single(_) if lane.is_vector() => self.limit(index, lane, operation, a, b),
            _ => self.step(index, lane, operation, [a, b, b]),
        })
    }

    /// A minimum or maximum with one value for all elements: a limit of the step before it, if that is for this alone.
    fn limit(
        &mut self,
        index: usize,
        lane: LaneType,
        operation: Operation,
        x: Operand,
        single: Operand,
    ) -> Term {
        let [none_below, none_above] = [f64::NEG_INFINITY, f64::INFINITY]
            .map(|bound| self.registers.constant(lane, Constant::Float(bound)));
        if let Some(Step::Compute {
            formula,
            to: Some(to),
        }) = self.drafts[self.passes[index]].steps.last_mut()
            && Operand::Register(*to) == x
            && formula.lane == lane
        {
            let limits = match (operation, formula.limits) {
                (Operation::Maximum, None) => Some([single, none_above]),
                (Operation::Minimum, None) => Some([none_below, single]),
                // The upper limit comes after the lower one, and wins.
                (Operation::Minimum, Some([low, high])) if high == none_above => {
                    Some([low, single])
                }
                _ => None,
            };
            if limits.is_some() {
                formula.limits = limits;
                return Term::Block(lane, *to);
            }
        }
        let limits = match operation {
            Operation::Maximum => [single, none_above],
            _ => [none_below, single],
        };
        let term = self.step(index, lane, Operation::Copy, [x; 3]);
        if let Some(Step::Compute { formula, .. }) =
            self.drafts[self.passes[index]].steps.last_mut()
        {
            formula.limits = Some(limits);
        }
        term
    }

    fn binary(
        &mut self,
        index: usize,
        operation: Operation,
        [a, b]: [Term; 2],
    ) -> Result<Term, Error> {
        let lane = LaneType::of(self.array(index)?.dtype);
        let a = self.operand(self.passes[index], lane, a)?;
        let b = self.operand(self.passes[index], lane, b)?;
        Ok(self.step(index, lane, operation, [a, b, b]))
    }

    /// Brings a result within the bounds of its dtype, if it is computed in a type that has others.
    fn bound(&mut self, index: usize, term: Term) -> Result<Term, Error> {
        let dtype = self.array(index)?.dtype;
        let Some((low, high)) = float_bounds(dtype) else {
            return Ok(term);
        };
        let lane = LaneType::of(dtype);
        let x = self.operand(self.passes[index], lane, term)?;
        let [low, high] =
            [low, high].map(|bound| self.registers.constant(lane, Constant::Float(bound)));
        Ok(self.step(index, lane, Operation::Bound, [x, low, high]))
    }

    /// A step of a node's pass, into a register of its own.
    fn step(
        &mut self,
        index: usize,
        lane: LaneType,
        operation: Operation,
        operands: [Operand; 3],
    ) -> Term {
        let formula = Formula {
            lane,
            operation,
            operands: match operands {
                // Where there is a cheaper way with single values, they stand last.
                [single @ Operand::Single(_), block, _] if operation.commutes() => {
                    [block, single, single]
                }
                operands => operands,
            },
            limits: None,
        };
        let pass = self.passes[index];
        let last = self.drafts[pass].steps.last_mut();
        let to = if let Some(Step::Compute {
            formula: last,
            to: Some(to),
        }) = last
            && let Some(both) = join(last, *to, &formula)
        {
            // One step for both, into the register of the first: no operand of either is there.
            *last = both;
            *to
        } else {
            // Taken before those of the operands are given back: no step reads what it writes.
            let register = self.registers.take(lane);
            let to = Some(register);
            self.drafts[pass].steps.push(Step::Compute { formula, to });
            register
        };
        for operand in operands {
            if operand != Operand::Register(to) {
                self.registers.release(operand);
            }
        }
        Term::Block(lane, to)
    }

    /// The matrix product of two whole arrays, into scratch.
    fn product(&mut self, index: usize, x: usize, y: usize) -> Result<Term, Error> {
        let array = self.array(index)?;
        let lane = LaneType::of_product(array.dtype);
        let (left, right) = (self.whole(x, lane)?, self.whole(y, lane)?);
        let scratch = self.scratch(index, lane)?;
        let (left_shape, right_shape) = (&self.array(x)?.shape, &self.array(y)?.shape);
        let extent = |shape: &[u32], axis: usize| {
            // A vector on the left is one row, on the right one column.
            if shape.len() == 2 {
                shape[axis] as usize
            } else {
                1
            }
        };
        self.plan.passes.push(Pass::Product {
            lane,
            bounds: float_bounds(array.dtype),
            left,
            right,
            rows: extent(left_shape, 0),
            columns: extent(right_shape, 1),
            scratch,
        });
        Ok(Term::Whole {
            place: Place::Scratch(scratch),
            node: index,
        })
    }

    /// Where the whole value of a node lies, as elements of the given type.
    fn whole(&mut self, index: usize, lane: LaneType) -> Result<Place, Error> {
        if let Term::Whole { place, node } = self.terms[index]
            && self.lies_as(place, node, lane)?
        {
            return Ok(place);
        }
        let scratch = Place::Scratch(self.scratch(index, lane)?);
        self.finish(index, lane, scratch)?;
        Ok(scratch)
    }

    /// Ends the pass whose result is a node: its blocks go to the destination.
    fn finish(&mut self, index: usize, lane: LaneType, destination: Place) -> Result<(), Error> {
        let array = self.array(index)?;
        let stored = destination == Place::Output && array.dtype != lane.dtype();
        let term = self.terms[index];
        let operand = self.operand(index, lane, term)?;
        self.registers.release(operand);
        let steps = &mut self.drafts[index].steps;
        match (steps.last_mut(), operand) {
            _ if stored => steps.push(Step::Store { from: operand }),
            // The last step can write there itself.
            (Some(Step::Compute { to, .. }), Operand::Register(register))
                if *to == Some(register) =>
            {
                *to = None;
            }
            _ => steps.push(Step::Compute {
                formula: Formula {
                    lane,
                    operation: Operation::Copy,
                    operands: [operand; 3],
                    limits: None,
                },
                to: None,
            }),
        }
        let Draft { once, steps } = mem::take(&mut self.drafts[index]);
        self.plan.passes.push(Pass::Elementwise {
            lane,
            elements: self.elements(index)?,
            once,
            steps,
            destination,
        });
        Ok(())
    }

    /// The blocks of a term as an operand in a pass.
    fn operand(&mut self, pass: usize, lane: LaneType, term: Term) -> Result<Operand, Error> {
        Ok(match term {
            Term::Constant(number) => self.registers.constant(lane, number),
            Term::Block(from, register) if from == lane => Operand::Register(register),
            Term::Block(from, register) => {
                let to = self.registers.take(lane);
                self.registers.release(Operand::Register(register));
                let from = (from, register);
                self.drafts[pass]
                    .steps
                    .push(Step::Convert { lane, from, to });
                Operand::Register(to)
            }
            Term::Whole { place, node } => {
                let layout = Broadcast::new(&self.array(node)?.shape, &self.array(pass)?.shape);
                if layout.is_identity() && self.lies_as(place, node, lane)? {
                    return Ok(Operand::Direct(place));
                }
                // Narrow integers become floats while they are read; all else is converted after it.
                let own = match place {
                    Place::Scratch(scratch) => self.plan.scratch[scratch].0,
                    _ => lane.reads(self.array(node)?.dtype),
                };
                let single = layout.is_single();
                let mut steps = Vec::new();
                // What is read once for a frame stays for all blocks, in a register that nothing else uses.
                let register = if single {
                    Registers::keep
                } else {
                    Registers::take
                };
                let read = register(&mut self.registers, own);
                steps.push(Step::Load {
                    lane: own,
                    from: place,
                    layout,
                    to: read,
                });
                let mut to = read;
                if own != lane {
                    to = register(&mut self.registers, lane);
                    let from = (own, read);
                    steps.push(Step::Convert { lane, from, to });
                    self.registers.release(Operand::Register(read));
                }
                let draft = &mut self.drafts[pass];
                if single {
                    draft.once.append(&mut steps);
                    Operand::Single(to)
                } else {
                    draft.steps.append(&mut steps);
                    Operand::Register(to)
                }
            }
        })
    }

    /// Whether the elements of an array lie in memory as they are computed.
    fn lies_as(&self, place: Place, node: usize, lane: LaneType) -> Result<bool, Error> {
        Ok(match place {
            Place::Scratch(scratch) => self.plan.scratch[scratch].0 == lane,
            _ => self.array(node)?.dtype == lane.dtype(),
        })
    }

    /// Room for the whole value of a node.
    fn scratch(&mut self, index: usize, lane: LaneType) -> Result<usize, Error> {
        let elements = self.elements(index)?;
        self.plan.scratch.push((lane, elements));
        Ok(self.plan.scratch.len() - 1)
    }

    fn elements(&self, index: usize) -> Result<usize, Error> {
        let shape = &self.array(index)?.shape;
        let elements = shape
            .iter()
            .try_fold(1usize, |count, &extent| count.checked_mul(extent as usize));
        elements.ok_or_else(|| {
            self.error(
                index,
                format!("an intermediate result of shape {shape:?} is too large"),
            )
        })
    }

    /// The dtype and shape of a node that is no constant.
    fn array(&self, index: usize) -> Result<&'a Array, Error> {
        match &self.values[index] {
            Value::Array(array) => Ok(array),
            Value::Constant(_) => {
                Err(self.error(index, "a number stands where an array is needed"))
            }
        }
    }

    fn error(&self, index: usize, message: impl Into<String>) -> Error {
        Error::new(self.expression.columns[index], message)
    }
}

/// The last formula, whose result is `result`, and the next as one, if the result is for that alone.
fn join(last: &Formula, result: usize, next: &Formula) -> Option<Formula> {
    let result = Operand::Register(result);
    let [a, b, _] = next.operands;
    let other = match (a == result, b == result) {
        (true, false) => b,
        (false, true) if next.operation.commutes() => a,
        _ => return None,
    };
    let both = last.operation.then(next.operation);
    let operation = both.filter(|_| last.lane.is_vector() && last.limits.is_none())?;
    Some(Formula {
        operation,
        operands: [last.operands[0], last.operands[1], other],
        ..*last
    })
}

/// The least and the greatest value of an integer dtype that is computed in floats.
fn float_bounds(dtype: Dtype) -> Option<(f64, f64)> {
    let (low, high) = typing::bounds(dtype)?;
    LaneType::of(dtype)
        .is_vector()
        .then_some((low as f64, high as f64))
}
