//! The built-in kernels, built natively from the same source: what their sandboxed builds are compared with.
//!
//! Nothing here is sandboxed. A kernel that faults on its frames takes the process with it, so only the kernels of this
//! repository are here, and only `sandpipe bench --compare native` runs them.

use sandpipe_kernel::testing::Stage;
use sandpipe_kernel::{Dtype, Kernel, Role};
use serde_json::{Map, Value};

pub use sandpipe_kernel::Failure;

/// An array of a stage.
pub struct Array<'a> {
    /// What the kernel knows it by.
    pub alias: &'a str,
    /// NumPy's name of its dtype.
    pub dtype: &'a str,
    /// Extents, slowest first.
    pub shape: &'a [u32],
    /// One frame.
    pub frame: &'a [u8],
}

/// What a stage consists of.
pub struct Description<'a> {
    /// What triggers it.
    pub trigger_inputs: Vec<Array<'a>>,
    /// What it reads beside that.
    pub auxiliary_inputs: Vec<Array<'a>>,
    /// What it writes; of the frames only the size matters.
    pub outputs: Vec<Array<'a>>,
    /// The expression of the key `operation`.
    pub operation: Option<&'a str>,
    /// The parameters.
    pub parameters: &'a Map<String, Value>,
}

/// A kernel with frames of its own.
pub trait Native {
    /// Computes one frame.
    ///
    /// # Errors
    /// What the kernel says.
    fn compute(&mut self) -> Result<(), Failure>;

    /// What the last call wrote to an output that exists.
    fn output(&self, index: usize) -> &[u8];
}

impl<K: Kernel> Native for Stage<K> {
    fn compute(&mut self) -> Result<(), Failure> {
        Stage::compute(self)
    }

    fn output(&self, index: usize) -> &[u8] {
        self.output_bytes(index)
    }
}

/// The kernel of a built-in kind with these frames; `None` where there is no such kind.
///
/// # Errors
/// What the kernel says against its configuration.
pub fn native(kind: &str, stage: &Description<'_>) -> Option<Result<Box<dyn Native>, Failure>> {
    let open = match kind {
        "cpu.add_constant" => open::<sandpipe_kernel_add_constant::AddConstant>,
        "cpu.affine_transform" => open::<sandpipe_kernel_affine_transform::AffineTransform>,
        "cpu.concatenate" => open::<sandpipe_kernel_concatenate::Concatenate>,
        "cpu.convert" => open::<sandpipe_kernel_convert::Convert>,
        "cpu.copy" => open::<sandpipe_kernel_copy::Copy>,
        "cpu.custom_operation" => open::<sandpipe_kernel_custom_operation::CustomOperation>,
        "cpu.elementwise_add" => open::<sandpipe_kernel_elementwise_add::ElementwiseAdd>,
        "cpu.elementwise_divide" => open::<sandpipe_kernel_elementwise_divide::ElementwiseDivide>,
        "cpu.elementwise_multiply" => {
            open::<sandpipe_kernel_elementwise_multiply::ElementwiseMultiply>
        }
        "cpu.elementwise_subtract" => {
            open::<sandpipe_kernel_elementwise_subtract::ElementwiseSubtract>
        }
        "cpu.flatten" => open::<sandpipe_kernel_flatten::Flatten>,
        "cpu.leaky_integrator" => open::<sandpipe_kernel_leaky_integrator::LeakyIntegrator>,
        "cpu.moving_spot" => open::<sandpipe_kernel_moving_spot::MovingSpot>,
        "cpu.reduce" => open::<sandpipe_kernel_reduce::Reduce>,
        "cpu.scale" => open::<sandpipe_kernel_scale::Scale>,
        "cpu.scale_offset" => open::<sandpipe_kernel_scale_offset::ScaleOffset>,
        "cpu.shack_hartmann_centroid" | "cpu.centroid" => {
            open::<sandpipe_kernel_shack_hartmann_centroid::ShackHartmannCentroid>
        }
        "cpu.spot_centroid" => open::<sandpipe_kernel_spot_centroid::SpotCentroid>,
        "cpu.statistics" => open::<sandpipe_kernel_statistics::Statistics>,
        "cpu.tip_tilt_controller" => open::<sandpipe_kernel_tip_tilt_controller::TipTiltController>,
        "cpu.tomographic_controller" => {
            open::<sandpipe_kernel_tomographic_controller::TomographicController>
        }
        _ => return None,
    };
    Some(open(stage))
}

fn open<K: Kernel + 'static>(stage: &Description<'_>) -> Result<Box<dyn Native>, Failure> {
    let mut builder = Stage::<K>::new();
    for (name, value) in stage.parameters {
        builder = builder.parameter(name, value.clone());
    }
    if let Some(operation) = stage.operation {
        builder = builder.operation(operation);
    }
    for (role, arrays) in [
        (Role::TriggerInput, &stage.trigger_inputs),
        (Role::AuxiliaryInput, &stage.auxiliary_inputs),
        (Role::Output, &stage.outputs),
    ] {
        for array in arrays {
            let mut dtypes = Dtype::all();
            let dtype = dtypes.find(|dtype| dtype.numpy_name() == array.dtype);
            let dtype = dtype.ok_or_else(|| {
                Failure::failed(format!("the dtype {} is not known", array.dtype))
            })?;
            builder = builder.bytes(role, array.alias, dtype, array.shape, array.frame);
        }
    }
    Ok(Box::new(builder.build()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_native_kernel_computes_what_its_parameters_say() {
        let frame: Vec<u8> = [1.5f32, -2.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let array = |alias| Array {
            alias,
            dtype: "float32",
            shape: &[2],
            frame: &frame,
        };
        let parameters = [("factor".to_owned(), Value::from(2))]
            .into_iter()
            .collect();
        let stage = Description {
            trigger_inputs: vec![array("x")],
            auxiliary_inputs: Vec::new(),
            outputs: vec![array("y")],
            operation: None,
            parameters: &parameters,
        };
        let mut scale = native("cpu.scale", &stage).unwrap().unwrap();
        scale.compute().unwrap();
        let expected: Vec<u8> = [3.0f32, -4.0]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(scale.output(0), expected);
        assert!(native("cpu.nothing", &stage).is_none());
        let none = Map::new();
        let without = Description {
            parameters: &none,
            ..stage
        };
        assert!(native("cpu.scale", &without).unwrap().is_err());
    }
}
