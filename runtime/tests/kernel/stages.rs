//! What does not fit between a stage and its kernel.

use sandpipe::kernel::{Kernel, Like, Origin};

use super::{Folder, module, with_cpu_stage, with_stage};

#[test]
fn a_stage_gets_its_kernel() {
    let folder = Folder::new();
    let manifest = r#"{"abi": "0.1", "kind": "my.sum", "input_arity": null, "auxiliary_arity": 1, "output_arity": 2,
        "state": [{"alias": "s", "like": "output:1"}, {"alias": "t", "like": "auxiliary"}], "split": "rows"}"#;
    folder.write("sum.wasm", wat::parse_str(module(manifest)).unwrap());
    let text = "
kernel_path: [kernels/gain.wat]
shared_memory:
- {name: a, shape: [4], dtype: float32}
- {name: b, shape: [5], dtype: float32}
- {name: c, shape: [6], dtype: int8}
- {name: d, shape: [7], dtype: float64}
kernels:
- {name: first, kind: my.old, input: a, output: b, parameters: {gain: 2}}
- {name: second, module: sum.wasm, input: b, auxiliary: [a], outputs: [c, d]}
";
    let resolved = folder
        .resolve(text)
        .unwrap_or_else(|report| panic!("{report}"));
    let [first, second] = &resolved[..] else {
        panic!()
    };
    assert_eq!(
        (first.stage, first.kernel.manifest.kind.as_str()),
        (0, "my.gain")
    );
    assert_eq!(
        first.kernel.origin,
        Origin::File(folder.0.path().join("kernels/gain.wat"))
    );
    assert!(first.kernel.module.starts_with(b"\0asm"));
    let manifest = &second.kernel.manifest;
    assert_eq!(
        (
            manifest.input_arity,
            manifest.auxiliary_arity,
            manifest.output_arity
        ),
        (None, Some(1), Some(2))
    );
    assert_eq!(manifest.state[0].like, Like::Output(1));
    let state: Vec<String> = second
        .state
        .iter()
        .map(|state| format!("{} {}", state.alias, state.array))
        .collect();
    assert_eq!(state, ["s float64 [7]", "t float32 [4]"]);
}

#[test]
fn kinds() {
    let folder = Folder::new();
    folder.refuses(
        &with_cpu_stage("kind: ⟦my.gian⟧, input: a, output: b"),
        &["kernel 'k' has the unknown kind 'my.gian' | did you mean 'my.gain'?"],
    );
    folder.refuses(
        &with_cpu_stage("kind: ⟦wavelet⟧, input: a, output: b"),
        &["kernel 'k' has the unknown kind 'wavelet' | the kinds are "],
    );
    folder.refuses(
        &with_cpu_stage("kind: ⟦gpu.nonsense⟧, input: a, output: b"),
        &["kernel 'k' has the kind 'gpu.nonsense': gpu kinds are no part of sandpipe | 'sandpipe kernel list' shows the kinds that there are"],
    );
    folder.refuses(&with_cpu_stage("kind: ⟦gpu.scale⟧, input: a, output: b"), &["kernel 'k' has the kind 'gpu.scale': gpu kinds are no part of sandpipe | use 'cpu.scale', with 'storage: cpu'"]);
    folder.refuses(
        &with_cpu_stage("kind: ⟦my.sum⟧, module: kernels/gain.wat, input: a, output: b"),
        &["has the kind 'my.gain', not 'my.sum'"],
    );
    let pin = "00".repeat(32);
    folder.refuses(&with_cpu_stage(&format!("kind: my.gain, sha256: ⟦'{pin}'⟧, input: a, output: b, parameters: {{gain: 1}}")), &["the module of kernel 'k' is not the one that 'sha256' pins | the SHA-256 of the module is "]);
    let kernel = Kernel::read(&folder.0.path().join("kernels/gain.wat")).unwrap();
    let pinned = format!(
        "kind: my.gain, sha256: sha256:{}, input: a, output: b, parameters: {{gain: 1}}",
        kernel.sha256_hex()
    );
    folder.resolve(&with_cpu_stage(&pinned)).unwrap();
}

#[test]
fn instances_need_rows_and_a_kernel_that_can_be_split() {
    let folder = Folder::new();
    let kernel = |name: &str, more: &str| {
        let manifest = format!(r#"{{"abi": "0.1", "kind": "my.{name}"{more}}}"#);
        folder.write(&format!("kernels/{name}.wat"), module(&manifest));
    };
    kernel("whole", "");
    kernel("rows", r#", "split": "rows""#);
    kernel(
        "keeper",
        r#", "split": "rows", "state": [{"alias": "s", "like": "output"}]"#,
    );
    let stage = |kind: &str, instances: &str| {
        with_cpu_stage(&format!(
            "kind: my.{kind}, input: a, output: b, instances: {instances}"
        ))
    };
    folder.refuses(
        &stage("whole", "⟦2⟧"),
        &["kernel 'k' of kind 'my.whole' cannot be split among 2 instances: its manifest does not say \"split\": \"rows\" | use 'instances: 1'"],
    );
    folder.refuses(
        &stage("keeper", "⟦3⟧"),
        &["cannot be split among 3 instances: it keeps state between frames, which one instance has to compute | use 'instances: 1'"],
    );
    folder.refuses(
        &stage("rows", "⟦5⟧"),
        &["cannot be split among 5 instances: its output has only 4 rows | use at most 'instances: 4'"],
    );
    for (kind, instances) in [("whole", "1"), ("keeper", "1"), ("rows", "4")] {
        folder.resolve(&stage(kind, instances)).unwrap();
    }
}

#[test]
fn arity() {
    let folder = Folder::new();
    let stage = |streams: &str| {
        with_cpu_stage(&format!(
            "kind: my.gain, parameters: {{gain: 1}}, {streams}"
        ))
    };
    folder.refuses(
        &stage("input: a, output: b, auxiliary: [⟦c⟧]").replace("float16", "float32"),
        &["kernel kind 'my.gain' expects 0 auxiliary streams, got 1"],
    );
    folder.refuses(
        &stage("inputs: [a, ⟦c⟧], output: b").replace("float16", "float32"),
        &["kernel kind 'my.gain' expects 1 trigger input stream, got 2"],
    );
    folder.refuses(
        &stage("input: a, outputs: [b, ⟦c⟧]").replace("float16", "float32"),
        &["kernel kind 'my.gain' expects 1 output stream, got 2"],
    );
    folder.write(
        "kernels/two.wat",
        module(r#"{"abi": "0.1", "kind": "my.two", "input_arity": 2, "auxiliary_arity": 2}"#),
    );
    folder.refuses(
        &with_cpu_stage("kind: ⟦my.two⟧, input: ⟦a⟧, output: b"),
        &[
            "kernel kind 'my.two' expects 2 auxiliary streams, got 0",
            "kernel kind 'my.two' expects 2 trigger input streams, got 1",
        ],
    );
    folder.write("kernels/any.wat", module(r#"{"abi": "0.1", "kind": "my.any", "input_arity": null, "state": [{"alias": "s", "like": "input:1"}]}"#));
    folder.refuses(
        &with_cpu_stage("kind: ⟦my.any⟧, input: a, output: b"),
        &["kernel 'k' lacks the stream that the state 's' of kernel kind 'my.any' is like"],
    );
}

#[test]
fn storage_and_dtypes() {
    let folder = Folder::new();
    folder.refuses(&with_stage("kind: my.gain, input: ⟦d⟧, output: b, parameters: {gain: 1}").replace("kind: my.gain, input: d, output: c", "kind: my.gain, input: a, output: ⟦c⟧"), &[
        "kernel 'k' of kind 'my.gain' requires cpu shared memory for 'd' | set 'storage: cpu' in line 6",
        "kernel 'uses d' of kind 'my.gain' cannot use 'c', whose dtype is float16 | it takes float32, float64; the dtype is set in line 5",
    ]);
}

#[test]
fn parameters() {
    let folder = Folder::new();
    let stage = |parameters: &str| {
        with_cpu_stage(&format!("kind: my.gain, input: a, output: b, {parameters}"))
    };
    folder.refuses(&stage("").replace("- {name: k", "- ⟦{⟧name: k"), &["kernel 'k' lacks the parameter 'gain' of kernel kind 'my.gain' | add 'gain: …' under 'parameters': The factor."]);
    folder.refuses(
        &stage("parameters: {⟦gian⟧: 1}"),
        &["kernel kind 'my.gain' has no parameter 'gian' | did you mean 'gain'?"],
    );
    folder.refuses(
        &stage("parameters: {gain: 1, ⟦blur⟧: 1}"),
        &["kernel kind 'my.gain' has no parameter 'blur' | the parameters are gain, mode, taps"],
    );
    folder.refuses(&stage("parameters: {gain: ⟦much⟧}"), &["parameter 'gain' of kernel 'k' cannot be used by kernel kind 'my.gain': \"much\" is not of type \"number\" | 'gain': The factor."]);
    folder.refuses(
        &stage("parameters: {gain: ⟦-1⟧, mode: ⟦slow⟧, taps: ⟦[⟧1, 2.5]}"),
        &[
            "parameter 'gain' of kernel 'k'",
            "parameter 'mode' of kernel 'k' cannot be used by kernel kind 'my.gain': \"slow\" is not one of \"fast\", \"exact\", \"rough\", \"plain\"",
            "parameter 'taps.1' of kernel 'k'",
        ],
    );
    folder.write(
        "kernels/none.wat",
        module(r#"{"abi": "0.1", "kind": "my.none"}"#),
    );
    folder.refuses(
        &with_cpu_stage("kind: my.none, input: a, output: b, parameters: {⟦x⟧: 1}"),
        &["kernel kind 'my.none' has no parameter 'x' | it takes no parameters"],
    );
    folder.write(
        "kernels/open.wat",
        module(
            r#"{"abi": "0.1", "kind": "my.open", "parameters": {"additionalProperties": true}}"#,
        ),
    );
    folder
        .resolve(&with_cpu_stage(
            "kind: my.open, input: a, output: b, parameters: {x: 1}",
        ))
        .unwrap();
}
