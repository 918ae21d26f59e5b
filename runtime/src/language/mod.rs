//! The languages that kernels are written in: what a new project holds and how it is built.
//!
//! ```text
//! kernel new ──▶ Project::create ── template ──▶ DIR/kernel.c, sandpipe.h, manifest.json, README.md
//! kernel build ─▶ Project::open ──▶ recipe ──▶ Step, Step … ── tool ──▶ DIR/NAME.wasm
//! ```
//!
//! A project needs no file that says what it is: its main source file does ([`Language::source`]). The commands come from here
//! and never from the project.

mod advice;
mod project;
mod recipe;
mod template;
mod tool;

pub use advice::adviser;
pub use project::{Project, ProjectError};
pub use recipe::Step;
pub use tool::{MissingTool, Tool};

/// A language that kernels are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, with the crate `sandpipe-kernel`.
    Rust,
    /// C, with one header.
    C,
    /// C++, with the header of C.
    #[value(alias = "c++")]
    Cpp,
    /// Zig, with one file.
    Zig,
    /// AssemblyScript, with one file.
    #[value(name = "assemblyscript")]
    AssemblyScript,
    /// Go, by its standard compiler, with one package.
    Go,
    /// WebAssembly text, with nothing.
    Wat,
    /// Python, by copy.
    Python,
    /// JavaScript, by copy.
    #[value(name = "javascript")]
    JavaScript,
    /// TypeScript, by copy.
    #[value(name = "typescript")]
    TypeScript,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 10] = [
        Language::Rust,
        Language::C,
        Language::Cpp,
        Language::Zig,
        Language::AssemblyScript,
        Language::Go,
        Language::Wat,
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
    ];

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::C => "C",
            Language::Cpp => "C++",
            Language::Zig => "Zig",
            Language::AssemblyScript => "AssemblyScript",
            Language::Go => "Go",
            Language::Wat => "WebAssembly text",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
            Language::TypeScript => "TypeScript",
        }
    }

    /// What `kernel new --lang` and manifests call it.
    pub fn word(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Cpp => "cpp",
            Language::Zig => "zig",
            Language::AssemblyScript => "assemblyscript",
            Language::Go => "go",
            Language::Wat => "wat",
            Language::Python => "python",
            Language::JavaScript => "javascript",
            Language::TypeScript => "typescript",
        }
    }

    /// The main source file of its projects, by which they are known.
    pub fn source(self) -> &'static str {
        match self {
            Language::Rust => "src/lib.rs",
            Language::C => "kernel.c",
            Language::Cpp => "kernel.cpp",
            Language::Zig => "kernel.zig",
            Language::AssemblyScript => "assembly/kernel.ts",
            Language::Go => "kernel.go",
            Language::Wat => "kernel.wat",
            Language::Python => "kernel.py",
            Language::JavaScript => "kernel.js",
            Language::TypeScript => "kernel.ts",
        }
    }
}
