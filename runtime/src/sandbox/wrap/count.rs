//! How many memories an instance of a component has.
//!
//! What a component declares is less than what it creates, because a module nested in it can be instantiated twice, and what
//! wasmtime counts in compiled code is more, because of the pages that polls read. So the count is taken of a component of the
//! same structure without code, which compiles at once.

use wasm_encoder::{CodeSection, RawSection, Section};
use wasmparser::Payload;
use wasmtime::component::Component;

use crate::sandbox::admission::LoadError;

use super::nested::{change_modules, own_payloads, preamble, slice};

/// A body without locals: `unreachable`, `end`.
const NO_CODE: [u8; 3] = [0x00, 0x00, 0x0b];

/// Refuses a component, which is valid, whose instances would not have exactly one memory.
pub(crate) fn check_one_memory(
    engine: &wasmtime::Engine,
    component: &[u8],
) -> Result<(), LoadError> {
    let structure = change_modules(component, &without_code)?;
    let memories = Component::from_binary(engine, &structure)
        .map_err(|error| LoadError::new(format!("The module does not compile: {error:#}.")))?
        .resources_required()
        .map(|needs| needs.num_memories);
    if memories == Some(1) {
        return Ok(());
    }
    Err(LoadError::new(format!(
        "The component creates {} linear memories; a kernel of the mapped world has exactly one.",
        memories.map_or("an unknown number of".to_owned(), |count| count.to_string())
    )))
}

fn without_code(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let mut changed = preamble(module)?.to_vec();
    for payload in own_payloads(module) {
        let payload = payload?;
        if let Payload::CodeSectionStart { count, .. } = payload {
            let mut code = CodeSection::new();
            for _ in 0..count {
                code.raw(&NO_CODE);
            }
            code.append_to(&mut changed);
        } else if let Some((id, range)) = payload.as_section() {
            let data = slice(module, range)?;
            RawSection { id, data }.append_to(&mut changed);
        }
    }
    Ok(changed)
}
