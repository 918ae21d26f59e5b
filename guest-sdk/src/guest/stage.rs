//! From the contract's types to the SDK's, and the one stage that an instance of the module computes.
#![allow(
    unsafe_code,
    reason = "receives the address of the frame table as a number"
)]

use std::cell::RefCell;

use super::bindings;
use crate::{
    Array, Code, Context, Dtype, Failure, Kernel, Part, Role,
    frame::Address,
    instance::{self, Instance},
};

/// Where the module keeps its stage between calls.
pub struct Slot<K>(RefCell<Option<Instance<K>>>);

impl<K: Kernel> Slot<K> {
    pub const fn empty() -> Self {
        Slot(RefCell::new(None))
    }

    pub fn init(&self, context: bindings::Context) -> Result<(), bindings::Failure> {
        let instance = to_context(context)
            .and_then(Instance::new)
            .map_err(to_failure)?;
        *self.0.borrow_mut() = Some(instance);
        Ok(())
    }

    #[inline]
    pub fn compute_into(&self, frame_id: u64, frame: u32) -> Result<(), bindings::Failure> {
        let mut slot = self.0.borrow_mut();
        let Some(instance) = slot.as_mut() else {
            return Err(to_failure(Failure::failed("compute-into came before init")));
        };
        // SAFETY: the host, which owns this whole memory, calls with the address of a frame table as the
        // contract describes it: page-aligned slots, mapped where `reserve` said, which this program touches
        // through the table only, none mapped at two of its addresses if it can be written.
        unsafe { instance.compute(frame_id, frame as usize as *const Address) }.map_err(to_failure)
    }
}

pub fn validate_config<K: Kernel>(context: bindings::Context) -> Result<(), bindings::Failure> {
    to_context(context)
        .and_then(|context| instance::validate_config::<K>(&context))
        .map_err(to_failure)
}

fn to_context(context: bindings::Context) -> Result<Context, Failure> {
    Ok(Context {
        trigger_inputs: to_arrays(context.trigger_inputs, Role::TriggerInput)?,
        auxiliary_inputs: to_arrays(context.auxiliary_inputs, Role::AuxiliaryInput)?,
        outputs: to_arrays(context.outputs, Role::Output)?,
        state: to_arrays(context.state, Role::State)?,
        parameters: context.parameters,
        name: context.name,
        kind: context.kind,
        part: Part {
            index: context.part.index,
            count: context.part.count,
        },
        operation: context.operation,
    })
}

fn to_arrays(arrays: Vec<bindings::Array>, role: Role) -> Result<Vec<Array>, Failure> {
    arrays
        .into_iter()
        .map(|array| {
            Array::new(
                role,
                array.name,
                array.alias,
                to_dtype(array.dtype),
                array.shape,
            )
        })
        .collect()
}

fn to_dtype(dtype: bindings::Dtype) -> Dtype {
    use bindings::Dtype as D;
    match dtype {
        D::Bool => Dtype::Bool,
        D::S8 => Dtype::S8,
        D::S16 => Dtype::S16,
        D::S32 => Dtype::S32,
        D::S64 => Dtype::S64,
        D::U8 => Dtype::U8,
        D::U16 => Dtype::U16,
        D::U32 => Dtype::U32,
        D::U64 => Dtype::U64,
        D::F16 => Dtype::F16,
        D::F32 => Dtype::F32,
        D::F64 => Dtype::F64,
        D::C64 => Dtype::C64,
        D::C128 => Dtype::C128,
    }
}

fn to_failure(failure: Failure) -> bindings::Failure {
    bindings::Failure {
        code: match failure.code {
            Code::Arity => bindings::Code::Arity,
            Code::Dtype => bindings::Code::Dtype,
            Code::Shape => bindings::Code::Shape,
            Code::Parameter => bindings::Code::Parameter,
            Code::Failed => bindings::Code::Failed,
        },
        message: failure.message,
    }
}
