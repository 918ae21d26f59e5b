//! Compiles every kernel under `kernels/` to WebAssembly, with a cargo inside the cargo, and lists the modules for
//! `src/lib.rs`.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "guest";

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last line of the output is what people read.
            eprintln!("\nThe built-in kernels cannot be built: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let root = here.parent().ok_or("this crate is not in its workspace")?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for input in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "wit",
        "guest-sdk/Cargo.toml",
        "guest-sdk/src",
        "guest-kernels/common",
        "guest-kernels/kernels",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }

    let kernels = kernels(&here.join("kernels"))?;
    ensure_target()?;
    let modules = compile_all(root, &target_dir(&out), &kernels)?;

    let mut list = String::from("&[\n");
    for kernel in &kernels {
        let wasm = modules.join(format!("sandpipe_kernel_{kernel}.wasm"));
        let embedded = out.join(format!("{kernel}.wasm"));
        fs::copy(&wasm, &embedded).map_err(|error| format!("{}: {error}", wasm.display()))?;
        writeln!(
            list,
            "    BuiltIn {{ name: {kernel:?}, wasm: include_bytes!({embedded:?}) }},"
        )?;
    }
    list.push_str("]\n");
    fs::write(out.join("built_in.rs"), list)?;
    Ok(())
}

/// The kernels' names: their folders, sorted.
fn kernels(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// One folder for every profile and every kind of outer build, so that a kernel is compiled again only when it
/// has changed: `guest` beside the profiles' folders (OUT_DIR is TARGET_DIR/PROFILE/build/NAME/out).
fn target_dir(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).join("guest")
}

/// Kernels whose loops are written as straight lines of blocks, which become vectors by themselves. Where the compiler tries to do
/// several turns of such a loop at once it gathers elements one by one, at twice to three times the time.
const STRAIGHT: [&str; 3] = [
    "affine_transform",
    "custom_operation",
    "tomographic_controller",
];

/// Compiles all kernels and returns the folder of the modules.
fn compile_all(
    root: &Path,
    target_dir: &Path,
    kernels: &[String],
) -> Result<PathBuf, Box<dyn Error>> {
    let straight = |kernel: &&String| STRAIGHT.contains(&kernel.as_str());
    let (straight, others): (Vec<&String>, Vec<&String>) = kernels.iter().partition(straight);
    compile(root, target_dir, &straight, "-C no-vectorize-loops")?;
    compile(root, target_dir, &others, "")
}

/// Runs cargo for some kernels at once and returns the folder of the modules.
fn compile(
    root: &Path,
    target_dir: &Path,
    kernels: &[&String],
    flags: &str,
) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args([
            "build",
            "--locked",
            "--target",
            TARGET,
            "--profile",
            PROFILE,
        ])
        .arg("--target-dir")
        .arg(target_dir);
    for kernel in kernels {
        let package = format!("sandpipe-kernel-{}", kernel.replace('_', "-"));
        cargo.args(["--package", &package]);
    }
    clean_environment(&mut cargo);
    cargo.env(
        "RUSTFLAGS",
        format!("-C target-feature=+simd128 {flags}").trim_end(),
    );
    let status = cargo
        .status()
        .map_err(|error| format!("cargo did not start: {error}"))?;
    if !status.success() {
        return Err(
            format!("cargo for {TARGET} ended with {status}, for the reasons above").into(),
        );
    }
    Ok(target_dir.join(TARGET).join(PROFILE))
}

/// Takes away what the outer cargo (or clippy, or a coverage tool) has set for the outer build alone.
fn clean_environment(command: &mut Command) {
    const OUTER: [&str; 8] = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_TARGET_DIR",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTFLAGS",
    ];
    for name in OUTER {
        command.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let about_this_package = [
            "CARGO_CFG_",
            "CARGO_FEATURE_",
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_PROFILE_",
            "DEP_",
        ];
        if about_this_package
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
}

/// Makes sure that the compiler has the guest's standard library.
fn ensure_target() -> Result<(), String> {
    if has_target() {
        return Ok(());
    }
    let command = format!("rustup target add {TARGET}");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    if let Ok(toolchain) = env::var("RUSTUP_TOOLCHAIN") {
        rustup.args(["--toolchain", &toolchain]);
    }
    let installed = rustup.status().is_ok_and(|status| status.success());
    if installed && has_target() {
        return Ok(());
    }
    Err(format!(
        "the compilation target {TARGET} is not installed. Install it with:\n\n    {command}\n"
    ))
}

fn has_target() -> bool {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    output.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout);
        output.status.success() && Path::new(folder.trim()).is_dir()
    })
}
