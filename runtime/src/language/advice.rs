//! What authors of each language do about the mistakes that the host finds in their modules.

use serde::Deserialize;
use wasmparser::{KnownCustom, Parser, Payload};

use super::Language;
use crate::kernel::manifest_of;
use crate::sandbox::Advice;

/// The advice for a module in the binary format, if it can be told what language it is written in: by its manifest, or, for a core
/// module, by what its compiler says of itself.
pub fn adviser(module: &[u8]) -> Option<&'static Advice> {
    let language = by_manifest(module).or_else(|| by_producers(module))?;
    Some(language.advice())
}

fn by_manifest(module: &[u8]) -> Option<Language> {
    /// The manifest may be one of another version, or damaged in all else.
    #[derive(Deserialize)]
    struct Named {
        language: String,
    }
    let json = manifest_of(module)?;
    let named: Named = serde_json::from_slice(json.trim_ascii_end()).ok()?;
    Language::ALL
        .into_iter()
        .find(|language| language.word() == named.language)
}

/// A component is made of modules of many languages: its engine's, its libraries'.
fn by_producers(module: &[u8]) -> Option<Language> {
    if Parser::is_component(module) {
        return None;
    }
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CustomSection(section) = payload.ok()? else {
            continue;
        };
        let KnownCustom::Producers(fields) = section.as_known() else {
            continue;
        };
        for field in fields {
            let field = field.ok()?;
            if field.name != "language" {
                continue;
            }
            for value in field.values {
                match value.ok()?.name {
                    "Rust" => return Some(Language::Rust),
                    "Go" => return Some(Language::Go),
                    name if name.starts_with("C_plus_plus") => return Some(Language::Cpp),
                    name if name.starts_with('C') => return Some(Language::C),
                    _ => {}
                }
            }
        }
    }
    None
}

impl Language {
    /// Its remedies.
    pub fn advice(self) -> &'static Advice {
        match self {
            Language::Rust => &Advice {
                version: "In Rust, remove the directory `sandpipe-kernel` and run `sandpipe kernel build`, which writes the crate of this version.",
                export: "In Rust, hand the kernel to `sandpipe_kernel::export!` in src/lib.rs, with `crate-type = [\"cdylib\"]` in Cargo.toml.",
                world: "In Rust, build for wasm32-unknown-unknown, and leave out crates that need an operating system.",
                allocator: "In Rust, the allocator traps where memory is full: raise the stage's `limits: memory`, or allocate once, when the kernel is made.",
                reserve: "In Rust, `export!` sees to `reserve`: do not define it.",
            },
            Language::C | Language::Cpp => &Advice {
                version: "In C and C++, remove `sandpipe.h` and run `sandpipe kernel build`, which writes that of this version.",
                export: "In C and C++, include `sandpipe.h` in one file, define `validate_config`, `init` and `compute_into` there, and link as `sandpipe kernel build` does.",
                world: "In C and C++, build with `-nostdlib` for wasm32, without libc, and declare no functions that you do not define.",
                allocator: "In C and C++, `sandpipe_allocate` traps where memory is full: raise the stage's `limits: memory`, or allocate once, in `init`.",
                reserve: "In C and C++, `sandpipe.h` sees to `reserve`: do not define it, and take memory from `sandpipe_allocate` alone.",
            },
            Language::Zig => &Advice {
                version: "In Zig, remove `sandpipe.zig` and run `sandpipe kernel build`, which writes that of this version.",
                export: "In Zig, write `comptime { sandpipe.exportKernel(@This()); }`, and build with `-rdynamic`.",
                world: "In Zig, build for wasm32-freestanding, without `std` functions that need an operating system.",
                allocator: "In Zig, `sandpipe.allocator` fails where memory is full: raise the stage's `limits: memory`, or allocate once, in `init`.",
                reserve: "In Zig, `exportKernel` sees to `reserve`: do not export it, and take memory from `sandpipe.allocator` alone.",
            },
            Language::AssemblyScript => &Advice {
                version: "In AssemblyScript, remove `assembly/sandpipe.ts` and run `sandpipe kernel build`, which writes that of this version.",
                export: "In AssemblyScript, keep the line `export { cabi_realloc, compute_into, init, reserve, validate_config } from \"./sandpipe\"`, hand the kernel to `use`, and give the exports the contract's names by `sandpipe kernel pack`.",
                world: "In AssemblyScript, build with `--use abort=`, and without `console`, `Date` and `Math.random`.",
                allocator: "In AssemblyScript, nothing is freed: raise the stage's `limits: memory`, or allocate once, in `init`.",
                reserve: "In AssemblyScript, `sandpipe.ts` sees to `reserve`: do not export it.",
            },
            Language::Go => &Advice {
                version: "In Go, remove the directory `sandpipe` and run `sandpipe kernel build`, which writes the package of this version.",
                export: "In Go, call `sandpipe.Use` in an `init` function, and build with GOOS=wasip1 and -buildmode=c-shared, as `sandpipe kernel build` does.",
                world: "In Go, build with GOOS=wasip1 GOARCH=wasm, and without `//go:wasmimport`.",
                allocator: "In Go, the collector traps where memory is full: raise the stage's `limits: memory`, of which the runtime alone takes some 10 MiB.",
                reserve: "In Go, the package `sandpipe` sees to `reserve`: do not export it.",
            },
            Language::Wat => &Advice {
                version: "In WebAssembly text, the version is part of the exports' names: write `@0.1.0`, and compare their types with wit/kernel.wit.",
                export: "In WebAssembly text, write the name of an export as the template does: (func (export \"sandpipe:kernel/stage@0.1.0#init\") …).",
                world: "In WebAssembly text, the only import is (import \"sandpipe:kernel/log@0.1.0\" \"log\" (func (param i32 i32 i32))).",
                allocator: "In WebAssembly text, leave `cabi_realloc` out, and the host adds one that takes pages from `memory.grow`.",
                reserve: "In WebAssembly text, take whole pages for `reserve` and answer with their address: (i32.mul (memory.grow (…)) (i32.const 65536)).",
            },
            Language::Python => &Advice {
                version: "In Python, remove `sandpipe.py` and the directory `wit` and run `sandpipe kernel build`, which writes those of this version.",
                export: "In Python, give componentize-py the world kernel-copied of wit/kernel.wit, with `sandpipe` for its module, as `sandpipe kernel build` does.",
                world: "In Python, build with `--stub-wasi`.",
                allocator: "In Python, memory is full: raise the stage's `limits: memory`, of which CPython alone takes some 15 MiB.",
                reserve: "In Python, there is no `reserve`: frames are copied.",
            },
            Language::JavaScript | Language::TypeScript => &Advice {
                version: "In JavaScript and TypeScript, remove `sandpipe.js` and the directory `wit` and run `sandpipe kernel build`, which writes those of this version.",
                export: "In JavaScript and TypeScript, give componentize-qjs the world kernel-copied of wit/kernel.wit and `sandpipe.js`, not `kernel.js`, as `sandpipe kernel build` does.",
                world: "In JavaScript and TypeScript, build with componentize-qjs's `--sync --stub-wasi`.",
                allocator: "In JavaScript and TypeScript, memory is full: raise the stage's `limits: memory`.",
                reserve: "In JavaScript and TypeScript, there is no `reserve`: frames are copied.",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use clap::ValueEnum;

    use super::*;

    /// What is said about an export that is missing in a module of this text.
    fn advice(text: &str) -> Option<&'static str> {
        adviser(&wat::parse_str(text).unwrap()).map(|advice| advice.export)
    }

    #[test]
    fn the_language_is_known_by_the_manifest_though_the_rest_of_it_be_of_another_version() {
        for language in Language::ALL {
            let word = language.word();
            assert_eq!(Language::from_str(word, false), Ok(language));
            let manifest = format!(r#"{{\"abi\":\"7\",\"language\":\"{word}\",\"colour\":1}}"#);
            let said = advice(&format!(
                r#"(module (@custom "sandpipe:manifest" "{manifest}"))"#
            ));
            assert_eq!(said, Some(language.advice().export), "{manifest}");
        }
        for manifest in [
            "",
            "{",
            "[]",
            r#"{\"language\":\"latin\"}"#,
            r#"{\"language\":7}"#,
        ] {
            let said = advice(&format!(
                r#"(module (@custom "sandpipe:manifest" "{manifest}"))"#
            ));
            assert_eq!(said, None, "{manifest}");
        }
    }

    #[test]
    fn a_core_module_is_known_by_what_its_compiler_says() {
        for (said, language) in [
            ("Rust", Language::Rust),
            ("Go", Language::Go),
            ("C11", Language::C),
            ("C_plus_plus_14", Language::Cpp),
        ] {
            let module = format!(r#"(module (@producers (language "{said}" "1")))"#);
            assert_eq!(advice(&module), Some(language.advice().export));
            // Part of a component, it says what the engine of another language is written in.
            assert_eq!(advice(&format!("(component (core {})", &module[1..])), None);
        }
        assert_eq!(advice("(module)"), None);
        assert!(adviser(b"\0asm").is_none());
        assert!(adviser(b"nothing").is_none());
    }
}
