//! `sandpipe kernel check`, of modules that are WebAssembly text.

use std::fs;

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;
use serde_json::Value;

use super::harness::{Workbench, text};

const TEMPLATE: &str = include_str!("../../../guest-sdk/templates/wat/kernel.wat");
pub(super) const MANIFEST: &str = include_str!("../../../guest-sdk/templates/manifest.json");

/// What to replace in the template, and by what.
type Changes<'a> = Vec<(&'a str, &'a str)>;

/// The languages as manifests call them, and as people do.
const LANGUAGES: [(&str, &str); 10] = [
    ("rust", "In Rust, "),
    ("c", "In C and C++, "),
    ("cpp", "In C and C++, "),
    ("zig", "In Zig, "),
    ("assemblyscript", "In AssemblyScript, "),
    ("go", "In Go, "),
    ("wat", "In WebAssembly text, "),
    ("python", "In Python, "),
    ("javascript", "In JavaScript and TypeScript, "),
    ("typescript", "In JavaScript and TypeScript, "),
];

/// Makes the template, with parts of its text replaced, a module.
pub(super) fn module(
    bench: &Workbench,
    changes: &[(&str, &str)],
    manifest: &str,
) -> std::process::Output {
    let mut source = TEMPLATE.to_owned();
    for (from, to) in changes {
        assert!(source.contains(from), "the template has no {from}");
        source = source.replace(from, to);
    }
    bench.file("kernel.wat", source);
    bench.file("manifest.json", manifest.replace("{NAME}", "demo"));
    bench.run(&[
        "kernel",
        "pack",
        "kernel.wat",
        "--manifest",
        "manifest.json",
        "--output",
        "demo.wasm",
    ])
}

/// Checks `demo.wasm` and gives its exit code and the names of the rules that are broken, each with what was said.
pub(super) fn check(bench: &Workbench, more: &[&str]) -> (Option<i32>, Vec<(String, String)>) {
    let arguments = [
        &["kernel", "check", "./demo.wasm", "--format", "json"],
        more,
    ]
    .concat();
    let output = bench.run(&arguments);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    let word = |rule: &Value, key: &str| rule[key].as_str().unwrap().to_owned();
    let rules = report["rules"].as_array().unwrap().iter();
    let broken = rules.filter(|rule| rule["verdict"] == "broken");
    let broken = broken
        .map(|rule| (word(rule, "rule"), word(rule, "said")))
        .collect();
    (output.status.code(), broken)
}

#[test]
fn check_finds_what_is_broken_and_says_how_to_mend_it() {
    let bench = Workbench::new("check");
    let body = "    (local.set $in (i32.load (local.get $frame)))\n";
    let before = |code: &str| format!("    {code}\n{body}");
    let grows = before("(drop (memory.grow (i32.const 1)))");
    let outside = before(
        "(f32.store (i32.add (i32.load offset=4 (local.get $frame)) (i32.shl (global.get $elements) (i32.const 2))) (f32.const 7))",
    );
    let counts = before("(global.set $offset (f32.add (global.get $offset) (f32.const 1)))");
    let no_nan = before("(drop (i32.trunc_f32_s (f32.load (i32.load (local.get $frame)))))");
    let fails = (
        "(global.set $gain (call",
        "(drop (i32.const 0)) unreachable (global.set $gain (call",
    );
    let skips = (
        "(local.set $out (i32.load offset=4 (local.get $frame)))\n",
        "(local.set $out (i32.add (i32.load offset=4 (local.get $frame)) (i32.const 16)))\n",
    );
    let accepts_all = (
        "(if (call $alike (call $output (local.get $context)) (call $input (local.get $context))) (then",
        "(if (i32.const 1) (then",
    );
    let f32_only = MANIFEST;
    let both = MANIFEST.replace(r#"["f32"]"#, r#"["f32", "f64"]"#);
    let default = MANIFEST.replace(r#""default": 1"#, r#""default": 2"#);
    let cases: [(&str, Changes<'_>, &str, &str); 9] = [
        ("accepts", vec![fails], f32_only, "unreachable"),
        ("memory", vec![(body, &grows)], f32_only, "grow"),
        (
            "inside",
            vec![(body, &outside)],
            f32_only,
            "behind output 0",
        ),
        ("restarts", vec![(body, &counts)], f32_only, "frame 5"),
        (
            "values",
            vec![(body, &no_nan)],
            f32_only,
            "invalid conversion",
        ),
        ("whole", vec![skips], f32_only, "byte 0"),
        ("refusals", vec![accepts_all], f32_only, "were accepted"),
        ("dtypes", vec![], &both, "were not written"),
        ("parameters", vec![], &default, "'gain' at its default 2"),
    ];
    for (rule, changes, manifest, fragment) in cases {
        let packed = module(&bench, &changes, manifest);
        assert!(packed.status.success(), "{rule}: {}", text(&packed.stderr));
        let (code, broken) = check(&bench, &[]);
        assert_eq!(code, Some(1), "{rule}: {broken:?}");
        let said = broken.iter().find(|(name, _)| name == rule);
        assert!(
            said.is_some_and(|(_, said)| said.contains(fragment)),
            "{rule}: {broken:?}"
        );
        let shown = text(&bench.run(&["kernel", "check", "./demo.wasm"]).stdout);
        for word in ["asked:", "why:", "mend:"] {
            assert!(shown.contains(word), "{rule}: {shown}");
        }
    }
}

#[test]
fn modules_that_do_not_fit_the_contract_are_told_what_to_do() {
    let bench = Workbench::new("contract");
    let realloc = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  ;; Can the kernel run"#;
    let reserve = "(select (i32.const 0) (i32.shl (local.get $page) (i32.const 16)) (i32.eq (local.get $page) (i32.const -1)))";
    let cases: [(&str, &str, &[&str]); 9] = [
        // Another version of the contract.
        (
            "mapped@0.1.0#compute-into",
            "mapped@0.2.0#compute-into",
            &["version 0.1.0 of the contract", "sandpipe kernel new"],
        ),
        // A misspelt export.
        (
            "#validate-config\"",
            "#validate-confg\"",
            &["did you mean", "validate-config"],
        ),
        // One that is missing.
        (
            "sandpipe:kernel/mapped@0.1.0#reserve",
            "x",
            &["does not export `sandpipe:kernel/mapped@0.1.0#reserve`"],
        ),
        // The other world's import.
        (
            "  (memory (export",
            "  (import \"sandpipe:kernel/sink@0.1.0\" \"write-output\" (func (param i32 i32 i32)))\n  (memory (export",
            &["sink@0.1.0#write-output", "frame table"],
        ),
        // A trap in the allocator.
        (
            "  ;; Can the kernel run",
            realloc,
            &["allocator trapped", "unreachable"],
        ),
        // Blocks that cannot be.
        (
            reserve,
            "(i32.const 4097)",
            &["not a multiple of 4096", "memory.grow"],
        ),
        (
            reserve,
            "(i32.shl (local.get $page) (i32.const 17))",
            &["past the end of its memory", "grow"],
        ),
        (reserve, "(i32.const 0)", &["no room", "limits: memory"]),
        // A block over memory that the kernel uses.
        (
            reserve,
            "(memory.fill (i32.const 4096) (i32.const 0) (i32.const 0)) (i32.const 65536)",
            &["gave away a block", "allocator for good"],
        ),
    ];
    // What is done about it depends on the language; each is asked about some of the mistakes.
    let languages = LANGUAGES.iter().cycle();
    for ((from, to, fragments), (language, advice)) in cases.iter().cycle().take(20).zip(languages)
    {
        let mut changes = vec![(*from, *to)];
        if to.contains("memory.fill") {
            changes.push((
                r#"(memory (export "memory") 1)"#,
                r#"(memory (export "memory") 99)"#,
            ));
            let end = "(global.set $elements";
            changes.push((
                end,
                "(i32.store (i32.const 65536) (i32.const 7)) (global.set $elements",
            ));
        }
        let manifest = MANIFEST.replace("{LANG}", language);
        assert!(module(&bench, &changes, &manifest).status.success());
        let output = bench.run(&["kernel", "check", "./demo.wasm"]);
        let shown = text(&output.stdout) + &text(&output.stderr);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{to}: {shown}");
        for fragment in fragments.iter().chain([advice]) {
            assert!(shown.contains(fragment), "{to} in {language}: {shown}");
        }
    }
    // Where nobody knows the language, what is true of all has to do.
    assert!(
        module(&bench, &[(cases[1].0, cases[1].1)], MANIFEST)
            .status
            .success()
    );
    let output = bench.run(&["kernel", "inspect", "./demo.wasm"]);
    let shown = text(&output.stderr);
    assert!(
        shown.contains("did you mean") && !shown.contains("In "),
        "{shown}"
    );
}

#[test]
fn recorded_pairs_are_compared() {
    let bench = Workbench::new("golden");
    assert!(module(&bench, &[], MANIFEST).status.success());
    let array = ArrayType {
        dtype: Dtype::F32,
        shape: vec![3],
    };
    let write = |name: &str, values: [f32; 3]| {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        npy::write(&bench.path(name), &array, &bytes).unwrap();
    };
    for case in ["golden/one", "golden/two"] {
        fs::create_dir_all(bench.path(case)).unwrap();
        bench.file(
            &format!("{case}/case.json"),
            r#"{"parameters": {"gain": 2, "offset": 1}, "tolerance": 0.125}"#,
        );
        write(&format!("{case}/input.npy"), [1., 2., 3.]);
    }
    write("golden/one/output.npy", [3., 5., 7.1]);
    write("golden/two/output.npy", [3., 5., 7.5]);
    let (code, broken) = check(&bench, &["--golden", "golden"]);
    assert_eq!(code, Some(1));
    let expected = (
        "golden".to_owned(),
        "two: output 0: element 2 is 7.0, recorded is 7.5".to_owned(),
    );
    assert_eq!(broken, [expected]);
    bench.file("golden/two/case.json", "{");
    for (arguments, fragment) in [
        (["--golden", "golden"], "case.json"),
        (["--golden", "absent"], "'absent'"),
    ] {
        let output = bench.run(&[&["kernel", "check", "./demo.wasm"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{fragment}");
        assert!(
            text(&output.stderr).contains(fragment),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn built_in_kernels_keep_the_rules() {
    let bench = Workbench::new("check-built-in");
    let list: Value =
        serde_json::from_slice(&bench.run(&["kernel", "list", "--format", "json"]).stdout).unwrap();
    for kind in list["kinds"].as_array().unwrap() {
        let (kind, name) = (
            kind["kind"].as_str().unwrap(),
            kind["name"].as_str().unwrap(),
        );
        let more: &[&str] = match kind {
            _ if kind != name => continue,
            // It is there to fail.
            "cpu.raise_error" => continue,
            "cpu.affine_transform" => &[
                "--input",
                "float32:12",
                "--auxiliary",
                "a=float32:5,12",
                "--auxiliary",
                "b=float32:5",
                "--output",
                "float32:5",
            ],
            "cpu.leaky_integrator" => &[
                "--input",
                "float32:12",
                "--param",
                "leak=0.5",
                "--param",
                "gain=2",
            ],
            "cpu.flatten" => &["--input", "float32:6,8", "--output", "float32:48"],
            "cpu.concatenate" => &[
                "--input",
                "float32:6,8",
                "--input",
                "float32:2,8",
                "--output",
                "float32:8,8",
            ],
            "cpu.reduce" => &["--output", "float32:1"],
            "cpu.shack_hartmann_centroid" => {
                &["--param", "tile_size=8", "--output", "float32:6,8,2"]
            }
            "cpu.spot_centroid" => &["--output", "float32:2"],
            "cpu.statistics" => &["--input", "float32:6,8", "--output", "float64:2"],
            "cpu.tip_tilt_controller" => &[
                "--input",
                "float32:6,8",
                "--auxiliary",
                "matrix=float32:2,2",
                "--auxiliary",
                "bias=float32:2",
                "--output",
                "float32:2",
            ],
            "cpu.tomographic_controller" => &[
                "--input",
                "float32:8,4,8",
                "--auxiliary",
                "wfs_dark=float32:8,4,8",
                "--auxiliary",
                "wfs_inverse_flat=float32:8,4,8",
                "--auxiliary",
                "wfs_slope_offset=float32:8,1,2,2",
                "--auxiliary",
                "reconstructor=float32:5,32",
                "--auxiliary",
                "reconstructor_bias=float32:5",
                "--auxiliary",
                "command_offset=float32:5",
                "--auxiliary",
                "command_low=float32:5",
                "--auxiliary",
                "command_high=float32:5",
                "--output",
                "float32:5",
            ],
            // Of a dtype and of itself, whichever it is.
            "cpu.custom_operation" => &["--operation", "input * input"],
            _ => &[],
        };
        let output = bench.run(&[&["kernel", "check", kind], more].concat());
        assert!(
            output.status.success(),
            "{kind}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}
