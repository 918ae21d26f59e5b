//! The module's side of the contract: exports, the manifest section and the block for the windows.

/// Makes the crate a kernel module: exports the contract's functions for a type that implements
/// [`Kernel`](crate::Kernel), and writes its manifest into the section `sandpipe:manifest`. Use it once, in a
/// crate of type `cdylib`. Built for anything else than WebAssembly it does nothing, so that the same crate
/// can be tested and measured natively.
#[macro_export]
macro_rules! export {
    ($kernel:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::guest::{bindings, stage};

            const TEXT: &str = <$kernel as $crate::Kernel>::MANIFEST;

            #[used]
            #[unsafe(link_section = "sandpipe:manifest")]
            static MANIFEST: [u8; TEXT.len()] = $crate::guest::section(TEXT);

            ::std::thread_local! {
                static STAGE: stage::Slot<$kernel> = const { stage::Slot::empty() };
            }

            struct Guest;

            impl bindings::exports::sandpipe::kernel::stage::Guest for Guest {
                fn validate_config(context: bindings::Context) -> Result<(), bindings::Failure> {
                    stage::validate_config::<$kernel>(context)
                }

                fn init(context: bindings::Context) -> Result<(), bindings::Failure> {
                    STAGE.with(|stage| stage.init(context))
                }
            }

            impl bindings::exports::sandpipe::kernel::mapped::Guest for Guest {
                fn reserve(bytes: u32) -> u32 {
                    $crate::guest::reserve(bytes)
                }

                fn compute_into(frame_id: u64, frame: u32) -> Result<(), bindings::Failure> {
                    STAGE.with(|stage| stage.compute_into(frame_id, frame))
                }
            }

    bindings::export_kernel!(Guest with_types_in bindings);
        };
    };
}
