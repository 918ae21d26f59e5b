//! Which kernel has which kind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{
    Config, Diagnostic, Diagnostics, Located, Report, Role, SINK_KINDS, SOURCE_KINDS, suggestion,
};

use super::manifest::Manifest;
use super::module::{Kernel, Origin};
use super::{KernelError, catalogue, module};

/// Modules that a directory of `kernel_path` may hold.
const MODULES_LIMIT: usize = 1000;

/// Every kernel that can be named by its kind.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    by_kind: BTreeMap<String, Arc<Kernel>>,
}

impl Registry {
    /// The built-in kernels.
    ///
    /// # Errors
    /// When sandpipe was built wrongly.
    pub fn built_in() -> Result<Registry, KernelError> {
        let mut registry = Registry::default();
        for kernel in catalogue::built_in()? {
            registry.add(kernel)?;
        }
        Ok(registry)
    }

    /// The built-in kernels and those of the configuration's `kernel_path`.
    ///
    /// # Errors
    /// Files that are no kernels, and kinds that two of them have.
    pub fn new(config: &Config) -> Result<Registry, Report> {
        let mut registry = Registry::built_in()
            .map_err(|error| config.report(vec![Diagnostic::new(error.to_string())]))?;
        let mut diagnostics = Diagnostics::default();
        for path in &config.kernel_path {
            match modules(path) {
                Ok(files) => files.iter().for_each(|file| {
                    let added =
                        Kernel::read(file).and_then(|kernel| registry.add(Arc::new(kernel)));
                    if let Err(error) = added {
                        diagnostics.push(Diagnostic::at(path.span, error.to_string()));
                    }
                }),
                Err(what) => diagnostics.push(
                    Diagnostic::at(
                        path.span,
                        format!("'{}' of 'kernel_path' {what}", path.display()),
                    )
                    .help(
                        "name a module, or a directory of modules, relative to the configuration",
                    ),
                ),
            }
        }
        diagnostics
            .finish(registry)
            .map_err(|diagnostics| config.report(diagnostics))
    }

    /// The kernel of a kind or an alias.
    pub fn find(&self, kind: &str) -> Option<&Arc<Kernel>> {
        self.by_kind.get(kind)
    }

    /// Why a kind that [`Registry::find`] does not know is not there, and what to do in a section of `role`.
    pub fn absence(&self, kind: &str, role: Role) -> (String, String) {
        // Kinds that could stand there.
        let (built_in, fits): (&[&str], fn(&Manifest) -> bool) = match role {
            Role::Kernel => (&[], |_| true),
            Role::Source => (&SOURCE_KINDS, |manifest| manifest.input_arity == Some(0)),
            Role::Sink => (&SINK_KINDS, |manifest| manifest.output_arity == Some(0)),
        };
        match catalogue::absent(kind, |kind| self.by_kind.contains_key(kind)) {
            Some((why, instead)) => (format!("the kind '{kind}': {why}"), instead),
            None => {
                let kinds = self.kinds().filter(|(_, kernel)| fits(&kernel.manifest));
                let kinds = built_in.iter().copied().chain(kinds.map(|(kind, _)| kind));
                (
                    format!("the unknown kind '{kind}'"),
                    suggestion(kind, kinds, "the kinds"),
                )
            }
        }
    }

    /// Every kind and every alias with its kernel, by name.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &Arc<Kernel>)> + Clone {
        self.by_kind
            .iter()
            .map(|(kind, kernel)| (kind.as_str(), kernel))
    }

    fn add(&mut self, kernel: Arc<Kernel>) -> Result<(), KernelError> {
        for kind in kernel.manifest.kinds() {
            if let Some(other) = self.by_kind.get(kind) {
                return Err(KernelError::new(match (&other.origin, &kernel.origin) {
                    (Origin::BuiltIn, Origin::File(_)) => {
                        format!(
                            "the module {} has the kind '{kind}', which is built in",
                            kernel.origin
                        )
                    }
                    (first, second) => {
                        format!("two modules have the kind '{kind}': {first} and {second}")
                    }
                }));
            }
        }
        for kind in kernel.manifest.kinds() {
            self.by_kind.insert(kind.to_owned(), kernel.clone());
        }
        Ok(())
    }
}

/// The modules of a directory, by name; of a file, itself.
fn modules(path: &Located<PathBuf>) -> Result<Vec<PathBuf>, String> {
    let found = match path.metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err("does not exist".to_owned());
        }
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    if !found.is_dir() {
        return Ok(vec![path.value.clone()]);
    }
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if is_module(&file) {
            files.push(file);
        }
        if files.len() > MODULES_LIMIT {
            return Err(format!("holds more than {MODULES_LIMIT} modules"));
        }
    }
    if files.iter().any(|file| is_called(file, "wasm")) {
        files.retain(|file| !is_source(file));
    }
    files.sort();
    Ok(files)
}

/// Whether a file is WebAssembly text without a manifest: beside a module, what that was built of. What cannot be read is no
/// source, so that its mistake is reported.
fn is_source(file: &Path) -> bool {
    is_called(file, "wat") && module::has_manifest(file).is_ok_and(|has| !has)
}

fn is_module(file: &Path) -> bool {
    is_called(file, "wasm") || is_called(file, "wat")
}

fn is_called(file: &Path, wanted: &str) -> bool {
    file.extension()
        .is_some_and(|extension| extension == wanted)
}
