//! Changing the core modules of a component, at any depth, and nothing else.
//!
//! Sections are copied as they are, so that what is not changed on purpose stays the same to the byte.

use std::ops::Range;

use wasm_encoder::{ComponentSection, RawSection};
use wasmparser::{Parser, Payload};

use crate::sandbox::admission::LoadError;

/// `binary`, a core module or a component that is valid, with `change` applied to every core module.
pub(super) fn change_modules(
    binary: &[u8],
    change: &impl Fn(&[u8]) -> Result<Vec<u8>, LoadError>,
) -> Result<Vec<u8>, LoadError> {
    if !Parser::is_component(binary) {
        return change(binary);
    }
    let mut changed = preamble(binary)?.to_vec();
    for payload in own_payloads(binary) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        let data = slice(binary, range)?;
        let nested = matches!(
            payload,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
        );
        if nested {
            let data = change_modules(data, change)?;
            RawSection { id, data: &data }.append_to_component(&mut changed);
        } else {
            RawSection { id, data }.append_to_component(&mut changed);
        }
    }
    Ok(changed)
}

/// Magic number and version.
pub(super) fn preamble(binary: &[u8]) -> Result<&[u8], LoadError> {
    slice(binary, 0..8)
}

/// What `binary` consists of, without what modules and components nested in it consist of.
pub(super) fn own_payloads(binary: &[u8]) -> impl Iterator<Item = Result<Payload<'_>, LoadError>> {
    let mut depth = 0;
    Parser::new(0).parse_all(binary).filter_map(move |payload| {
        let own = match &payload {
            Ok(Payload::Version { .. }) => {
                depth += 1;
                depth == 1
            }
            Ok(Payload::End(_)) => {
                depth -= 1;
                depth == 0
            }
            _ => depth == 1,
        };
        own.then(|| payload.map_err(unreadable))
    })
}

/// Part of a binary, by offsets that its parser has given.
pub(super) fn slice(binary: &[u8], range: Range<usize>) -> Result<&[u8], LoadError> {
    binary
        .get(range)
        .ok_or_else(|| LoadError::new("The module is damaged: it ends in a section."))
}

/// The module has been validated, so this does not happen.
pub(super) fn unreadable(error: wasmparser::Error) -> LoadError {
    LoadError::new(format!("The module cannot be read: {error}."))
}
