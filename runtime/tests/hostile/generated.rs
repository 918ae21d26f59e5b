//! Modules that are too large, or too broken, to be written by hand.

use crate::case::{Case, compose, compose_inside};

/// The kernel with more declarations.
fn declaring(declarations: &str) -> String {
    compose([("declarations", declarations)])
}

fn text(name: &str, expect: &str, module: String) -> Case {
    Case::new(name, expect, module, "wat")
}

fn binary(name: &str, expect: &str, module: Vec<u8>) -> Case {
    Case::new(name, expect, module, "wasm")
}

pub fn cases() -> Vec<Case> {
    let good = wat::parse_str(compose([])).unwrap();
    let repeated = |text: &str, times: usize| text.repeat(times);
    let numbered =
        |times: usize, text: &dyn Fn(usize) -> String| -> String { (0..times).map(text).collect() };
    let attack = |body: &str| compose([("attack", body)]);

    let mut elf = good.clone();
    elf[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\xc8");
    let mut component = good.clone();
    component[4..8].copy_from_slice(&[0x0d, 0, 1, 0]);
    let mut later = good.clone();
    later[4] = 2;

    vec![
        text(
            "02-long-straight-line",
            "harmless",
            attack(&repeated(
                "(i32.store (i32.const 64) (i32.mul (i32.load (i32.const 64)) (i32.const 3)))\n",
                5000,
            )),
        ),
        text(
            "42-function-of-megabytes",
            "refused bytes in one function",
            declaring(&format!(
                "(func {})",
                // As many bytes for as little text as there can be: text has a limit of its own.
                repeated("(drop (i64.const -0x8000000000000000))", 95_000)
            )),
        ),
        text(
            "43-functions-without-number",
            "refused functions",
            declaring(&repeated("(func)", 200_001)),
        ),
        text(
            "43-locals-without-number",
            "refused locals",
            declaring(&format!("(func (local {}))", repeated("i32 ", 10_001))),
        ),
        text(
            "43-parameters-without-number",
            "refused ",
            declaring(&format!("(func (param {}))", repeated("i32 ", 1_001))),
        ),
        text(
            "43-tables-without-number",
            "refused tables",
            declaring(&repeated("(table 1 funcref)", 257)),
        ),
        text(
            "43-exports-without-number",
            "refused exports",
            declaring(&numbered(10_001, &|n| {
                format!("(export \"e{n}\" (func 0))")
            })),
        ),
        text(
            "43-branches-without-number",
            "harmless",
            attack(&format!(
                "(block $out (br_table {} (i32.const 70000)))",
                repeated("$out ", 65_000)
            )),
        ),
        text(
            "43-blocks-in-blocks",
            "refused blocks inside one another",
            attack(&(repeated("(block ", 300_000) + &repeated(")", 300_000))),
        ),
        text(
            "43-types-without-number",
            "harmless",
            declaring(&numbered(5_000, &|n| {
                format!("(type (func (param {})))", repeated("i32 ", 1 + n % 16))
            })),
        ),
        text(
            "44-components-in-components",
            "refused ",
            repeated("(component ", 5_000) + &repeated(")", 5_000),
        ),
        text(
            "44-types-that-double",
            "refused ",
            format!(
                "(component (type $t0 (tuple u8 u8)) {})",
                numbered(60, &|n| {
                    format!("(type $t{} (tuple $t{n} $t{n}))", n + 1)
                })
            ),
        ),
        text(
            "70-modules-without-number",
            "refused nested modules and components",
            compose_inside([("components", &repeated("(core module)", 256)[..])]),
        ),
        text(
            "70-functions-together",
            "refused functions",
            compose_inside([(
                "components",
                &repeated(&format!("(core module {})", repeated("(func)", 67_000)), 3)[..],
            )]),
        ),
        text(
            "70-types-together",
            "refused types",
            compose_inside([("components", &repeated("(type (list u8))", 100_001)[..])]),
        ),
        binary("45-huge-custom-section", "harmless", {
            with_custom_section(&good, "noise", &vec![0xaa; 4 << 20])
        }),
        binary("45-names-that-are-none", "refused UTF-8", {
            with_custom_section(&good, "name", &[0x01, 0x05, 0x01, 0x00, 0x02, 0xff, 0xfe])
        }),
        binary("47-component-in-name-only", "refused ", component),
        binary("47-version-of-the-future", "refused ", later),
        binary("47-cut-short", "refused ", good[..good.len() / 2].to_vec()),
        binary("47-nothing", "refused ", Vec::new()),
        binary("47-zeros", "refused not WebAssembly", vec![0; 4096]),
        text(
            "47-yaml",
            "refused not WebAssembly",
            "kind: cpu.scale\n".into(),
        ),
        text("47-parentheses", "refused ", repeated("(", 1_000_000)),
        binary("48-precompiled-code", "refused ", elf),
    ]
}

fn with_custom_section(module: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let mut body = vec![name.len() as u8];
    body.extend(name.as_bytes());
    body.extend(data);
    let mut bytes = module.to_vec();
    bytes.push(0);
    let mut length = body.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(body);
    bytes
}
