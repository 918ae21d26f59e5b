//! How a project becomes a module: the commands, one after the other, run in the project's directory.

use std::borrow::Cow;
use std::process::Command;

use super::tool::{ASC, CARGO, COMPONENTIZE_PY, COMPONENTIZE_QJS, GO, MissingTool, TSC, Tool, ZIG};
use super::{Language, Project};

/// One command of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The tool.
    pub tool: Tool,
    environment: Vec<(&'static str, &'static str)>,
    arguments: Vec<String>,
}

impl Step {
    fn new(tool: Tool, arguments: &str) -> Step {
        Step {
            tool,
            environment: Vec::new(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The command as one would type it in the project's directory.
    pub fn shown(&self) -> String {
        let environment = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let arguments = self
            .arguments
            .iter()
            .map(|argument| quoted(argument).into_owned());
        let words: Vec<String> = environment
            .chain([self.tool.commands[0].to_owned()])
            .chain(arguments)
            .collect();
        words.join(" ")
    }

    /// The command, ready to run in the project's directory.
    ///
    /// # Errors
    /// The tool is missing.
    pub fn command(&self, project: &Project) -> Result<Command, MissingTool> {
        let mut command = Command::new(self.tool.find(project.directory())?);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().copied())
            .current_dir(project.directory());
        Ok(command)
    }
}

fn quoted(argument: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+.,/:@%".contains(c);
    match argument.chars().all(plain) {
        true => argument.into(),
        false => format!("'{}'", argument.replace('\'', r"'\''")).into(),
    }
}

impl Language {
    /// The commands that make [`Language::product`].
    pub(super) fn steps(self, name: &str) -> Vec<Step> {
        // Of wasm32's features those that the host admits.
        const CLANG: &str = "--target=wasm32-freestanding -O3 -msimd128 -mbulk-memory -nostdlib -Wl,--no-entry -Wl,--strip-all";
        let one = |tool, arguments: String| vec![Step::new(tool, &arguments)];
        match self {
            Language::C => one(ZIG, format!("cc {CLANG} -o {name}.wasm kernel.c")),
            Language::Cpp => one(
                ZIG,
                format!(
                    "c++ -std=c++20 -fno-exceptions -fno-rtti {CLANG} -o {name}.wasm kernel.cpp"
                ),
            ),
            Language::Zig => one(
                ZIG,
                format!(
                    "build-exe kernel.zig -target wasm32-freestanding -mcpu=generic+simd128+bulk_memory -fno-entry -rdynamic \
                     -OReleaseFast -fstrip -femit-bin={name}.wasm"
                ),
            ),
            Language::AssemblyScript => one(
                ASC,
                format!(
                    "assembly/kernel.ts -O3 --noAssert --runtime minimal --use abort= --enable simd -o {name}.wasm"
                ),
            ),
            Language::Go => {
                let mut step = Step::new(
                    GO,
                    &format!("build -buildmode=c-shared -ldflags=-s -o {name}.wasm ."),
                );
                step.environment = vec![("GOOS", "wasip1"), ("GOARCH", "wasm")];
                vec![step]
            }
            Language::Wat => Vec::new(),
            Language::Rust => one(
                CARGO,
                "build --release --target wasm32-unknown-unknown --target-dir target".to_owned(),
            ),
            Language::Python => one(
                COMPONENTIZE_PY,
                format!("-d wit -w kernel-copied componentize --stub-wasi sandpipe -o {name}.wasm"),
            ),
            Language::JavaScript => one(COMPONENTIZE_QJS, componentize("sandpipe.js", name)),
            Language::TypeScript => vec![
                Step::new(TSC, "--project ."),
                Step::new(COMPONENTIZE_QJS, &componentize("build/sandpipe.js", name)),
            ],
        }
    }

    /// The file that the steps make, relative to the project.
    pub(super) fn product(self, name: &str) -> String {
        match self {
            Language::Rust => format!("target/wasm32-unknown-unknown/release/{name}.wasm"),
            Language::Wat => "kernel.wat".to_owned(),
            _ => format!("{name}.wasm"),
        }
    }
}

/// What WASI would offer traps: no kernel gets it.
fn componentize(source: &str, name: &str) -> String {
    format!("--wit wit --js {source} -n kernel-copied --sync --stub-wasi -o {name}.wasm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_typed() {
        let mut step = Step::new(GO, "build -o a.wasm");
        step.environment = vec![("GOOS", "wasip1")];
        step.arguments.push("two words".to_owned());
        assert_eq!(step.shown(), "GOOS=wasip1 go build -o a.wasm 'two words'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
