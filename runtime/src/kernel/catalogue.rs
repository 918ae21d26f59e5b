//! The kinds that are known without a file: those built in, and those of the parent project that are not.

use std::sync::Arc;

use sandpipe_kernels::BUILT_IN;

use super::KernelError;
use super::module::Kernel;

/// The built-in kernels, by name.
pub(super) fn built_in() -> Result<Vec<Arc<Kernel>>, KernelError> {
    let kernels = BUILT_IN.iter().map(Kernel::built_in);
    kernels.map(|kernel| kernel.map(Arc::new)).collect()
}

/// Why a kind of the parent project is not here, and what to use instead.
pub(super) fn absent(kind: &str) -> Option<(&'static str, String)> {
    if let Some(name) = kind.strip_prefix("gpu.") {
        return Some((
            "gpu kinds are no part of sandpipe, whose kernels run on the CPU",
            format!("use 'cpu.{name}', with 'storage: cpu' for its streams"),
        ));
    }
    let instead = match kind {
        "cpu.tip_tilt_controller" => {
            "use 'cpu.spot_centroid', 'cpu.leaky_integrator' and 'cpu.affine_transform'"
        }
        "cpu.tomographic_controller" => {
            "use 'cpu.shack_hartmann_centroid', 'cpu.flatten', 'cpu.affine_transform', 'cpu.leaky_integrator' and \
             'cpu.custom_operation'"
        }
        _ => return None,
    };
    Some((
        "it is deprecated in shmpipeline and no part of sandpipe",
        instead.to_owned(),
    ))
}
