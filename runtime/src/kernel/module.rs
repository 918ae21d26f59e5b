//! A kernel as it lies on disk or in the binary: its module and its manifest.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandpipe_kernels::BuiltIn;
use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload};

use crate::config::file;

use super::KernelError;
use super::manifest::{self, Manifest};

/// The custom section that holds the manifest.
pub const SECTION: &str = "sandpipe:manifest";

/// Bytes that a module may have: the largest known, with CPython in it, has 19 million.
pub(super) const SIZE_LIMIT: u64 = 64 << 20;

/// Bytes that WebAssembly text may have. It is expanded in this process, before anything bounds memory, to sixty times as much.
const TEXT_LIMIT: usize = 4 << 20;

/// A kernel: nothing of it has run, nothing is compiled.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What it says about itself.
    pub manifest: Manifest,
    /// The module, core or component, in binary.
    pub module: Arc<[u8]>,
    /// Where it comes from.
    pub origin: Origin,
    /// SHA-256 of the file, or of the built-in module.
    pub sha256: [u8; 32],
}

/// Where a kernel comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of sandpipe.
    BuiltIn,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built in"),
            Origin::File(path) => write!(f, "'{}'", path.display()),
        }
    }
}

impl Kernel {
    /// Reads a module: a core module or a component, in binary or as text. Its manifest is its custom section, or,
    /// beside `NAME.wasm`, the file `NAME.manifest.json`.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(path: &Path) -> Result<Kernel, KernelError> {
        let about =
            |what: String| KernelError::new(format!("the module '{}' {what}", path.display()));
        let bytes = file::read_regular(path, SIZE_LIMIT).map_err(about)?;
        let sha256 = Sha256::digest(&bytes).into();
        let module = binary(bytes).map_err(about)?;
        let damaged = |error: KernelError| about(format!("has a damaged manifest: {error}"));
        let manifest = match (
            section(&module).map_err(about)?,
            beside(path).map_err(about)?,
        ) {
            (Some(section), None) => Manifest::parse(section).map_err(damaged)?,
            (None, Some(json)) => Manifest::parse(&json).map_err(damaged)?,
            (Some(_), Some(_)) => {
                return Err(about(format!(
                    "has two manifests, its section '{SECTION}' and the file '{}'; remove the file",
                    manifest_path(path).display()
                )));
            }
            (None, None) => {
                return Err(about(format!(
                    "has no manifest: it has neither a custom section '{SECTION}' nor beside it a file '{}'",
                    manifest_path(path).display()
                )));
            }
        };
        Ok(Kernel {
            manifest,
            module: module.into(),
            origin: Origin::File(path.to_owned()),
            sha256,
        })
    }

    /// Reads a built-in kernel.
    ///
    /// # Errors
    /// A sentence that names it: sandpipe was built wrongly.
    pub fn built_in(built_in: &BuiltIn) -> Result<Kernel, KernelError> {
        let about = |what: String| {
            KernelError::new(format!("the built-in kernel '{}' {what}", built_in.name))
        };
        let section = section(built_in.wasm).map_err(about)?;
        let section = section.ok_or_else(|| about("has no manifest".to_owned()))?;
        Ok(Kernel {
            manifest: Manifest::parse(section)
                .map_err(|error| about(format!("has a damaged manifest: {error}")))?,
            module: built_in.wasm.into(),
            origin: Origin::BuiltIn,
            sha256: Sha256::digest(built_in.wasm).into(),
        })
    }

    /// The digest as `sha256sum` prints it.
    pub fn sha256_hex(&self) -> String {
        self.sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// `bytes` if they are WebAssembly in binary, else what they are the text of.
pub(super) fn binary(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    let text = std::str::from_utf8(&bytes)
        .map(str::trim_start)
        .unwrap_or_default();
    if !text.starts_with(['(', ';']) {
        return Err("is not WebAssembly: it neither begins with the bytes of a module nor is the text of one".to_owned());
    }
    if bytes.len() > TEXT_LIMIT {
        return Err(format!(
            "is WebAssembly text of {} bytes, more than {TEXT_LIMIT}; assemble it, for example with 'wasm-tools parse'",
            bytes.len()
        ));
    }
    wat::parse_str(text).map_err(|error| {
        // The first line says what is wrong, the second, after "-->", where.
        let error = error.to_string();
        let mut lines = error.lines();
        let what = lines.next().unwrap_or_default();
        let place = lines
            .next()
            .and_then(|line| line.split_once("<anon>:"))
            .map(|(_, place)| place);
        let place = place.map_or(String::new(), |place| format!(" at {place}"));
        format!("is not WebAssembly text: {what}{place}")
    })
}

/// The manifest in a module or, inside a component, in one of its modules.
pub(super) fn section(module: &[u8]) -> Result<Option<&[u8]>, String> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| {
            format!(
                "is not a valid module: {} at byte {}",
                error.message(),
                error.offset()
            )
        })?;
        if let Payload::CustomSection(section) = payload
            && section.name() == SECTION
            && found.replace(section.data()).is_some()
        {
            return Err(format!("has two sections '{SECTION}'"));
        }
    }
    Ok(found)
}

/// Whether a file that is a module has a manifest, in it or beside it.
pub(super) fn has_manifest(path: &Path) -> Result<bool, String> {
    let module = binary(file::read_regular(path, SIZE_LIMIT)?)?;
    Ok(section(&module)?.is_some() || beside(path)?.is_some())
}

/// The manifest beside a module, if there is one.
fn beside(module: &Path) -> Result<Option<Vec<u8>>, String> {
    let path = manifest_path(module);
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    file::read_regular(&path, manifest::SIZE_LIMIT as u64)
        .map(Some)
        .map_err(|what| format!("has beside it a manifest '{}' that {what}", path.display()))
}

fn manifest_path(module: &Path) -> PathBuf {
    module.with_extension("manifest.json")
}
