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

/// Why a kind of the parent project is not here, and what to use instead, of the kinds that `is_there`.
pub(super) fn absent(
    kind: &str,
    is_there: impl Fn(&str) -> bool,
) -> Option<(&'static str, String)> {
    let cpu = format!("cpu.{}", kind.strip_prefix("gpu.")?);
    let instead = if is_there(&cpu) {
        format!("use '{cpu}', with 'storage: cpu' for its streams")
    } else {
        "'sandpipe kernel list' shows the kinds that there are".to_owned()
    };
    Some((
        "gpu kinds are no part of sandpipe, whose kernels run on the CPU",
        instead,
    ))
}
