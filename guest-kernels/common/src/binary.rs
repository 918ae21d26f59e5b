//! Kernels that are one formula on the input and one auxiliary stream, element by element.

use std::marker::PhantomData;

use sandpipe_kernel::{
    Arithmetic, Context, Failure, Inputs, Kernel, Part, View, ViewMut,
    elementwise::{BLOCK, zip},
    match_arithmetic,
};

/// The formula, and what the kernel says about itself.
pub trait Formula: 'static {
    /// The manifest of the kernel.
    const MANIFEST: &'static str;

    /// One element of the output.
    fn apply<T: Arithmetic>(input: T, auxiliary: T) -> T;
}

/// The kernel of a formula. Input, auxiliary stream and output have one shape and one dtype.
#[derive(Debug)]
pub struct Binary<F> {
    part: Part,
    formula: PhantomData<F>,
}

impl<F: Formula> Kernel for Binary<F> {
    const MANIFEST: &'static str = F::MANIFEST;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let input = context.trigger_input()?;
        context.auxiliary_input(0)?.require_like(input)?;
        context.output()?.require_like(input)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        Ok(Binary {
            part: context.part,
            formula: PhantomData,
        })
    }

    fn compute_into(
        &mut self,
        input: View,
        output: ViewMut,
        auxiliary: Inputs,
    ) -> Result<(), Failure> {
        let range = self.part.blocks(input.array().elements(), BLOCK);
        match_arithmetic!(input.dtype(), T => {
            let auxiliary = &auxiliary.get(0)?.slice::<T>()?[range.clone()];
            let input = &input.slice::<T>()?[range.clone()];
            zip(input, auxiliary, &mut output.slice()?[range], F::apply);
            Ok(())
        })
    }
}
