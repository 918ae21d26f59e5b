//! The trait that authors implement.

use crate::{Context, Failure, Frame, Inputs, View, ViewMut};

/// A kernel: implement it for a struct and hand that to [`export!`](macro@crate::export).
///
/// One instance computes one stage. Most kernels implement [`compute_into`](Kernel::compute_into); those with
/// several triggers, several outputs or state implement [`compute_frame`](Kernel::compute_frame) instead.
pub trait Kernel: Sized + 'static {
    /// What the kernel says about itself without running: the JSON text of the manifest, which becomes the
    /// module's custom section `sandpipe:manifest`.
    const MANIFEST: &'static str;

    /// Says whether the kernel can run in this place. Called before any stream exists, on an instance that is
    /// thrown away.
    ///
    /// # Errors
    /// Whatever is wrong with shapes, dtypes or parameters, in words for the pipeline's author.
    fn validate_config(context: &Context) -> Result<(), Failure>;

    /// Makes the kernel, once, before the first frame. The place to allocate: frames should not.
    ///
    /// # Errors
    /// As for [`validate_config`](Kernel::validate_config), which has accepted the same context before.
    fn new(context: &Context) -> Result<Self, Failure>;

    /// Computes one frame with the first trigger input and the first output.
    ///
    /// # Errors
    /// Why there is no result for this frame. Nothing is published then.
    fn compute_into(
        &mut self,
        trigger_input: View<'_>,
        output: ViewMut<'_>,
        auxiliary_inputs: Inputs<'_>,
    ) -> Result<(), Failure> {
        let _ = (trigger_input, output, auxiliary_inputs);
        Err(Failure::failed(
            "the kernel implements neither `compute_into` nor `compute_frame`",
        ))
    }

    /// Computes one frame with all that the stage has. By default calls
    /// [`compute_into`](Kernel::compute_into).
    ///
    /// # Errors
    /// Why there is no result for this frame. Nothing is published then, and the state stays as it was.
    fn compute_frame(&mut self, mut frame: Frame<'_>) -> Result<(), Failure> {
        let trigger_input = frame.trigger_inputs.get(0)?;
        let output = frame.outputs.get(0)?;
        self.compute_into(trigger_input, output, frame.auxiliary_inputs)
    }
}
