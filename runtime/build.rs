//! Has the release build of the command linked small, in ways that are left out where the linker or this machine does not know
//! them: each is tried on a program that does nothing.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

const WAYS: [&str; 2] = [
    // Functions with the same code get one place. Rust promises no function an address of its own.
    "-Wl,--icf=all",
    // A bit for each relocation instead of 24 bytes. The C library has to understand it: glibc does from 2.36 on.
    "-Wl,-z,pack-relative-relocs",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let of = |name| env::var(name).unwrap_or_default();
    // What is built for another machine cannot be tried here.
    if of("PROFILE") != "release" || of("TARGET") != of("HOST") {
        return;
    }
    for way in WAYS {
        if runs(way).unwrap_or(false) {
            println!("cargo::rustc-link-arg-bins={way}");
        }
    }
}

/// Whether a program that is linked so runs.
fn runs(way: &str) -> io::Result<bool> {
    let of = |name| env::var(name).unwrap_or_default();
    let folder = of("OUT_DIR");
    let (source, program) = (
        Path::new(&folder).join("nothing.rs"),
        Path::new(&folder).join("nothing"),
    );
    fs::write(&source, "fn main() {}")?;
    let mut rustc = Command::new(of("RUSTC"));
    rustc.arg(&source).arg("-o").arg(&program);
    rustc.args(["--target", &of("TARGET"), "-C", &format!("link-arg={way}")]);
    // The linker and its options are those of the command.
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    let flags = of("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    Ok(rustc.output()?.status.success() && Command::new(&program).status()?.success())
}
