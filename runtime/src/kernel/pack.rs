//! Makes a finished kernel of what a compiler wrote: names its exports as the contract does and puts the manifest in.
//!
//! Some languages can give an export only a name that is an identifier of theirs, and few can write custom sections.

use std::convert::Infallible;

use serde_json::Value;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CustomSection, ExportSection, Section as _};
use wasmparser::{Export, Parser};

use super::KernelError;
use super::manifest::Manifest;
use super::module::{SECTION, binary, section};

/// Identifiers that stand for functions of the contract. The second word of a pair is what `wit/kernel.wit` calls it.
const NAMES: [(&str, &str); 4] = [
    (
        "validate_config",
        "sandpipe:kernel/stage@0.1.0#validate-config",
    ),
    ("init", "sandpipe:kernel/stage@0.1.0#init"),
    ("reserve", "sandpipe:kernel/mapped@0.1.0#reserve"),
    ("compute_into", "sandpipe:kernel/mapped@0.1.0#compute-into"),
];

/// The module, in binary or as text, with the manifest in its section `sandpipe:manifest`.
///
/// # Errors
/// Words that follow the name of the module or, where the manifest is wrong, that of its file.
pub fn pack(module: Vec<u8>, manifest: &[u8]) -> Result<Vec<u8>, PackError> {
    Manifest::parse(manifest).map_err(PackError::Manifest)?;
    let module = binary(module).map_err(PackError::module)?;
    if section(&module).map_err(PackError::module)?.is_some() {
        return Err(PackError::module(format!(
            "has a manifest already, in its section '{SECTION}'; build it anew to change it"
        )));
    }
    let mut packed = match Parser::is_component(&module) {
        true => module,
        false => rename(&module)?,
    };
    let json: Value = serde_json::from_slice(manifest)
        .map_err(|error| PackError::Manifest(KernelError::new(error.to_string())))?;
    let data = json.to_string().into_bytes();
    let manifest = CustomSection {
        name: SECTION.into(),
        data: data.into(),
    };
    // A section at the end is valid in modules and in components.
    manifest.append_to(&mut packed);
    Ok(packed)
}

/// Why a kernel cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// What is wrong with the manifest.
    #[error("is damaged: {0}")]
    Manifest(KernelError),
    /// What is wrong with the module.
    #[error("{0}")]
    Module(KernelError),
}

impl PackError {
    fn module(what: String) -> PackError {
        PackError::Module(KernelError::new(what))
    }
}

fn rename(module: &[u8]) -> Result<Vec<u8>, PackError> {
    let mut renamed = wasm_encoder::Module::new();
    Rename
        .parse_core_module(&mut renamed, Parser::new(0), module)
        .map_err(|error| PackError::module(format!("is not a valid module: {error}")))?;
    Ok(renamed.finish())
}

struct Rename;

impl Reencode for Rename {
    type Error = Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), Error<Infallible>> {
        let known = NAMES.iter().find(|(name, _)| *name == export.name);
        let name = known.map_or(export.name, |(_, name)| name);
        utils::parse_export(self, exports, Export { name, ..export })
    }
}
