//! What a new project holds.

use std::fmt::Write as _;

use super::Language;
use super::project::MANIFEST;
use crate::sandbox::WIT;

/// What stands for the project's name in templates.
const NAME: &str = "{NAME}";

macro_rules! sdk {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/", $path))
    };
}

/// The contract, for tools that read it.
const CONTRACT: (&str, &str) = ("wit/kernel.wit", WIT);

/// The crate that Rust kernels use, as a part of the project: what it takes is what this host speaks.
const CRATE: &[(&str, &str)] = &[
    CONTRACT,
    (
        "sandpipe-kernel/Cargo.toml",
        sdk!("templates/rust/sdk.toml"),
    ),
    (
        "sandpipe-kernel/src/arithmetic.rs",
        sdk!("src/arithmetic.rs"),
    ),
    ("sandpipe-kernel/src/boolean.rs", sdk!("src/boolean.rs")),
    ("sandpipe-kernel/src/context.rs", sdk!("src/context.rs")),
    ("sandpipe-kernel/src/dtype.rs", sdk!("src/dtype.rs")),
    (
        "sandpipe-kernel/src/elementwise.rs",
        sdk!("src/elementwise.rs"),
    ),
    ("sandpipe-kernel/src/export.rs", sdk!("src/export.rs")),
    ("sandpipe-kernel/src/failure.rs", sdk!("src/failure.rs")),
    ("sandpipe-kernel/src/frame.rs", sdk!("src/frame.rs")),
    ("sandpipe-kernel/src/guest.rs", sdk!("src/guest.rs")),
    (
        "sandpipe-kernel/src/guest/stage.rs",
        sdk!("src/guest/stage.rs"),
    ),
    ("sandpipe-kernel/src/instance.rs", sdk!("src/instance.rs")),
    ("sandpipe-kernel/src/kernel.rs", sdk!("src/kernel.rs")),
    ("sandpipe-kernel/src/lib.rs", sdk!("src/lib.rs")),
    ("sandpipe-kernel/src/log.rs", sdk!("src/log.rs")),
    ("sandpipe-kernel/src/number.rs", sdk!("src/number.rs")),
    (
        "sandpipe-kernel/src/parameters.rs",
        sdk!("src/parameters.rs"),
    ),
    ("sandpipe-kernel/src/testing.rs", sdk!("src/testing.rs")),
    (
        "sandpipe-kernel/src/testing/buffer.rs",
        sdk!("src/testing/buffer.rs"),
    ),
    ("sandpipe-kernel/src/view.rs", sdk!("src/view.rs")),
];

/// The author's files of a language's template.
fn own(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::Rust => &[
            ("Cargo.toml", sdk!("templates/rust/Cargo.toml")),
            (".cargo/config.toml", sdk!("templates/rust/config.toml")),
            ("src/lib.rs", sdk!("templates/rust/lib.rs")),
        ],
        Language::C => &[("kernel.c", sdk!("templates/c/kernel.c"))],
        Language::Cpp => &[("kernel.cpp", sdk!("templates/cpp/kernel.cpp"))],
        Language::Zig => &[("kernel.zig", sdk!("templates/zig/kernel.zig"))],
        Language::AssemblyScript => &[(
            "assembly/kernel.ts",
            sdk!("templates/assemblyscript/kernel.ts"),
        )],
        Language::Go => &[
            ("kernel.go", sdk!("templates/go/kernel.go")),
            ("go.mod", sdk!("templates/go/go.mod")),
        ],
        Language::Wat => &[("kernel.wat", sdk!("templates/wat/kernel.wat"))],
        Language::Python => &[("kernel.py", sdk!("templates/python/kernel.py"))],
        Language::JavaScript => &[("kernel.js", sdk!("templates/javascript/kernel.js"))],
        Language::TypeScript => &[
            ("kernel.ts", sdk!("templates/typescript/kernel.ts")),
            ("tsconfig.json", sdk!("templates/typescript/tsconfig.json")),
        ],
    }
}

/// The files of a language's SDK, by their path in a project.
pub(super) fn sdk(language: Language) -> &'static [(&'static str, &'static str)] {
    match language {
        Language::Rust => CRATE,
        Language::C | Language::Cpp => &[("sandpipe.h", sdk!("c/sandpipe.h"))],
        Language::Zig => &[("sandpipe.zig", sdk!("zig/sandpipe.zig"))],
        Language::AssemblyScript => &[("assembly/sandpipe.ts", sdk!("assemblyscript/sandpipe.ts"))],
        Language::Go => &[
            ("sandpipe/exports.go", sdk!("go/exports.go")),
            ("sandpipe/sandpipe.go", sdk!("go/sandpipe.go")),
        ],
        Language::Wat => &[],
        Language::Python => &[CONTRACT, ("sandpipe.py", sdk!("python/sandpipe.py"))],
        Language::JavaScript => &[
            CONTRACT,
            ("sandpipe.js", sdk!("javascript/sandpipe.js")),
            ("failure.js", sdk!("javascript/failure.js")),
        ],
        Language::TypeScript => &[
            CONTRACT,
            ("sandpipe.js", sdk!("javascript/sandpipe.js")),
            ("failure.js", sdk!("javascript/failure.js")),
            ("types.ts", sdk!("javascript/types.ts")),
        ],
    }
}

/// The author's files of a new project, by their path in it.
pub(super) fn files(language: Language, name: &str) -> Vec<(&'static str, String)> {
    let named = |&(path, text): &(&'static str, &str)| (path, text.replace(NAME, name));
    let mut files: Vec<_> = own(language).iter().map(named).collect();
    if language != Language::Rust {
        let manifest = sdk!("templates/manifest.json")
            .replace(NAME, name)
            .replace("{LANG}", language.word());
        files.push((MANIFEST, manifest));
    }
    files.push(("README.md", readme(language, name)));
    files.push((".gitignore", sdk!("templates/gitignore").to_owned()));
    files
}

fn readme(language: Language, name: &str) -> String {
    let mut commands = String::new();
    let mut line = |text: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(commands, "{text}");
    };
    for step in language.steps(name) {
        line(&step.shown());
    }
    let product = language.product(name);
    match language {
        Language::Rust => line(&format!("cp {product} {name}.wasm")),
        _ => line(&format!(
            "sandpipe kernel pack {product} --manifest {MANIFEST} --output {name}.wasm"
        )),
    }
    sdk!("templates/README.md")
        .replace("{COMMANDS}\n", &commands)
        .replace("{LANGUAGE}", language.title())
        .replace("{SOURCE}", language.source())
        .replace(
            "{MANIFEST}",
            if language == Language::Rust {
                "`MANIFEST` in `src/lib.rs`"
            } else {
                "`manifest.json`"
            },
        )
        .replace(NAME, name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files_below(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => files_below(&path),
                false => vec![path],
            })
            .collect()
    }

    /// A file or a dependency that the crate gains has to come along.
    #[test]
    fn a_project_in_rust_gets_the_whole_crate() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
        let there: BTreeSet<String> = files_below(&sdk.join("src"))
            .iter()
            .map(|path| path.strip_prefix(&sdk).unwrap().display().to_string())
            .collect();
        let brought = CRATE
            .iter()
            .filter_map(|(path, _)| path.strip_prefix("sandpipe-kernel/"));
        let brought: BTreeSet<String> = brought.map(str::to_owned).collect();
        assert_eq!(
            brought.difference(&there).collect::<Vec<_>>(),
            ["Cargo.toml"]
        );
        assert!(there.is_subset(&brought), "{there:?} {brought:?}");

        let dependencies = |toml: &str| -> BTreeSet<String> {
            let lines = toml
                .lines()
                .skip_while(|line| !line.contains("dependencies]"));
            let names = lines.filter(|line| line.contains(" = {") || line.contains(".workspace"));
            let name = |line: &str| line.split(['.', ' ']).next().unwrap().to_owned();
            names.map(name).collect()
        };
        let theirs = fs::read_to_string(sdk.join("Cargo.toml")).unwrap();
        assert_eq!(
            dependencies(sdk!("templates/rust/sdk.toml")),
            dependencies(&theirs)
        );
    }
}
