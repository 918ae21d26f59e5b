//! Files that are modules, and those that are none.

use super::{Folder, GAIN, module, with_cpu_stage};

#[test]
fn modules_that_are_none() {
    let folder = Folder::new();
    folder.write("empty.wasm", "");
    folder.write("words.wasm", "not a module");
    folder.write("text.wasm", "(module (func nonsense))");
    let long = format!("(module {})", " ".repeat(4 << 20));
    folder.write("long.wat", &long);
    folder.write("bytes.wasm", b"\x7fELF\xff\xfe");
    folder.write("cut.wasm", b"\0asm\x01\0\0\0\x01\x7f");
    folder.write("bare.wasm", "(module)");
    folder.write(
        "twice.wasm",
        "(module (@custom \"sandpipe:manifest\" \"{}\") (@custom \"sandpipe:manifest\" \"{}\"))",
    );
    folder.write("both.wasm", module(GAIN));
    folder.write("both.manifest.json", GAIN);
    folder.write("bad.wasm", "(module)");
    folder.write("bad.manifest.json", "{");
    let fifo = folder.0.path().join("fifo.wasm");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    for (name, message) in [
        ("missing.wasm", "missing.wasm' does not exist"),
        ("kernels", "kernels' is not a regular file"),
        ("fifo.wasm", "fifo.wasm' is not a regular file"),
        (
            "empty.wasm",
            "empty.wasm' is not WebAssembly: it neither begins with the bytes of a module nor is the text of one",
        ),
        (
            "words.wasm",
            "words.wasm' is not WebAssembly: it neither begins",
        ),
        (
            "text.wasm",
            "text.wasm' is not WebAssembly text: unknown operator or unexpected token at 1:15",
        ),
        (
            "long.wat",
            "long.wat' is WebAssembly text of 4194313 bytes, more than 4194304; assemble it, for example with 'wasm-tools parse'",
        ),
        (
            "bytes.wasm",
            "bytes.wasm' is not WebAssembly: it neither begins",
        ),
        (
            "cut.wasm",
            "cut.wasm' is not a valid module: unexpected end-of-file at byte",
        ),
        (
            "bare.wasm",
            "bare.wasm' has no manifest: it has neither a custom section 'sandpipe:manifest' nor beside it a file",
        ),
        (
            "twice.wasm",
            "twice.wasm' has two sections 'sandpipe:manifest'",
        ),
        ("both.wasm", "both.wasm' has two manifests"),
        (
            "bad.wasm",
            "bad.wasm' has a damaged manifest: EOF while parsing",
        ),
    ] {
        folder.refuses(
            &with_cpu_stage(&format!("module: ⟦{name}⟧, input: a, output: b")),
            &[message],
        );
    }
    folder.write("good.wasm", "(module)");
    folder.write("good.manifest.json", GAIN);
    folder
        .resolve(&with_cpu_stage(
            "module: good.wasm, input: a, output: b, parameters: {gain: 1}",
        ))
        .unwrap();
}

#[test]
fn a_component_carries_the_manifest_of_its_module() {
    let folder = Folder::new();
    let inner = module(GAIN).replacen("(module", "(core module", 1);
    folder.write(
        "component.wasm",
        wat::parse_str(format!("(component {inner})")).unwrap(),
    );
    folder
        .resolve(&with_cpu_stage(
            "module: component.wasm, input: a, output: b, parameters: {gain: 1}",
        ))
        .unwrap();
}

#[test]
fn kernel_paths() {
    let folder = Folder::new();
    let stage = with_cpu_stage("kind: my.gain, input: a, output: b, parameters: {gain: 1}");
    folder.refuses(
        &stage.replace("[kernels]", "[kernels, ⟦nowhere⟧]"),
        &["nowhere' of 'kernel_path' does not exist | relative to the configuration"],
    );
    folder.write(
        "more/again.wat",
        module(&GAIN.replace("my.gain", "my.other")),
    );
    folder.refuses(
        &stage.replace("[kernels]", "[kernels, ⟦more⟧]"),
        &["two modules have the kind 'my.old': '"],
    );
    folder.write(
        "more/again.wat",
        module(r#"{"abi": "0.1", "kind": "cpu.scale"}"#),
    );
    folder.refuses(
        &stage.replace("[kernels]", "[kernels, ⟦more⟧]"),
        &["again.wat' has the kind 'cpu.scale', which is built in"],
    );
    folder.write("more/again.wat", "(module)");
    folder.refuses(
        &stage.replace("[kernels]", "[kernels, ⟦more⟧]"),
        &["again.wat' has no manifest"],
    );
}

#[test]
fn text_beside_the_module_that_was_built_of_it_is_passed_over() {
    let folder = Folder::new();
    let kind = |kind: &str| format!(r#"{{"abi": "0.1", "kind": "{kind}"}}"#);
    let built = wat::parse_str(module(&kind("my.built"))).unwrap();
    folder.write("project/built.wasm", built);
    folder.write("project/kernel.wat", "(module)");
    folder.write("project/other.wat", module(&kind("my.other")));
    folder.write("project/third.wat", "(module)");
    folder.write("project/third.manifest.json", kind("my.third"));
    let stage = |kind: &str| {
        with_cpu_stage(&format!("kind: {kind}, input: a, output: b"))
            .replace("[kernels]", "[kernels, ⟦project⟧]")
    };
    for kind in ["my.built", "my.other", "my.third"] {
        let text = stage(kind).replace(['⟦', '⟧'], "");
        let resolved = folder.resolve(&text);
        resolved.unwrap_or_else(|report| panic!("{report}"));
    }
    folder.write("project/kernel.wat", "(module (func nonsense))");
    folder.refuses(
        &stage("my.built"),
        &["kernel.wat' is not WebAssembly text: unknown operator"],
    );
}
