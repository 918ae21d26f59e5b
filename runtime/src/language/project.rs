//! A project: the directory of one kernel, in one language.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Language, Step, template};

/// The longest name of a project.
const NAME_LIMIT: usize = 64;

/// The file with the manifest that is packed into the module. Rust's lies in the source.
pub(super) const MANIFEST: &str = "manifest.json";

/// The directory of one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    directory: PathBuf,
    language: Language,
    name: String,
}

/// Why a directory is no project, or cannot become one.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// It cannot be a file name, a crate, a package and part of a kind all at once.
    #[error(
        "'{0}' cannot name a kernel: use up to {NAME_LIMIT} lower-case letters, digits and '_', a letter first"
    )]
    Name(String),
    /// Something of that name is there.
    #[error("'{}' exists already; choose another name, or remove it", .0.display())]
    Exists(PathBuf),
    /// The system does not let it be written.
    #[error("'{}' cannot be written: {error}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is none.
    #[error("'{}' is not a directory", .0.display())]
    NoDirectory(PathBuf),
    /// No main source file.
    #[error("'{}' is no project of a kernel: it has none of the files {known}\n  make one with sandpipe kernel new", path.display())]
    NoSource {
        /// The directory.
        path: PathBuf,
        /// What would make it one.
        known: String,
    },
    /// Two main source files.
    #[error("'{}' has both '{first}' and '{second}', which are the main files of two languages; remove one", path.display())]
    TwoSources {
        /// The directory.
        path: PathBuf,
        /// One of the files.
        first: &'static str,
        /// Another.
        second: &'static str,
    },
}

impl Project {
    /// Makes a directory `name` within `parent`, with a kernel that works.
    ///
    /// # Errors
    /// A name that cannot be, something of that name that is there, or a directory that cannot be written.
    pub fn create(parent: &Path, language: Language, name: &str) -> Result<Project, ProjectError> {
        check_name(name)?;
        let directory = parent.join(name);
        if directory.symlink_metadata().is_ok() {
            return Err(ProjectError::Exists(directory));
        }
        for (path, text) in template::files(language, name) {
            write(directory.join(path), &text)?;
        }
        let project = Project {
            directory,
            language,
            name: name.to_owned(),
        };
        project.complete()?;
        Ok(project)
    }

    /// Adds what the project lacks of its language's SDK: what is there stays, what was removed comes from this host.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn complete(&self) -> Result<(), ProjectError> {
        for (path, text) in template::sdk(self.language) {
            let path = self.directory.join(path);
            if path.symlink_metadata().is_err() {
                write(path, text)?;
            }
        }
        Ok(())
    }

    /// Looks what a directory is. It has to be called as its kernel.
    ///
    /// # Errors
    /// It is no project, or one of two languages.
    pub fn open(directory: &Path) -> Result<Project, ProjectError> {
        let full = directory
            .canonicalize()
            .ok()
            .filter(|path| path.is_dir())
            .ok_or_else(|| ProjectError::NoDirectory(directory.to_owned()))?;
        let is_there = |language: &Language| full.join(language.source()).is_file();
        let mut found = Language::ALL.into_iter().filter(is_there);
        let Some(language) = found.next() else {
            return Err(ProjectError::NoSource {
                path: directory.to_owned(),
                known: Language::ALL.map(Language::source).join(", "),
            });
        };
        if let Some(second) = found.next() {
            return Err(ProjectError::TwoSources {
                path: directory.to_owned(),
                first: language.source(),
                second: second.source(),
            });
        }
        let name = full
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        check_name(&name)?;
        Ok(Project {
            directory: full,
            language,
            name,
        })
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What its kernel is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// What its kernel is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The commands that build it.
    pub fn steps(&self) -> Vec<Step> {
        self.language.steps(&self.name)
    }

    /// What the commands make; for WebAssembly text, the source.
    pub fn product(&self) -> PathBuf {
        self.directory.join(self.language.product(&self.name))
    }

    /// The finished module: `DIR/NAME.wasm`.
    pub fn module(&self) -> PathBuf {
        self.directory.join(format!("{}.wasm", self.name))
    }

    /// The manifest that has to be packed into the product, unless the language has put it there itself.
    pub fn manifest(&self) -> Option<PathBuf> {
        let packed = self.language != Language::Rust;
        packed.then(|| self.directory.join(MANIFEST))
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), ProjectError> {
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&path, text));
    written.map_err(|error| ProjectError::Write { path, error })
}

/// A name goes into file names, manifests and source code.
fn check_name(name: &str) -> Result<(), ProjectError> {
    let fits = name.len() <= NAME_LIMIT
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    match fits {
        true => Ok(()),
        false => Err(ProjectError::Name(name.to_owned())),
    }
}
