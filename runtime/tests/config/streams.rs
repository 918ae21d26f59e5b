//! What is wrong with streams.

use super::{check, with_stream};

#[test]
fn streams() {
    check(
        &with_stream("⟦shpae⟧: [4]").replace("name: a", "⟦name⟧: a"),
        &[
            "stream 'a' lacks the key 'shape'",
            "stream 'a' has the unknown key 'shpae' | did you mean 'shape'?",
        ],
    );
    check(
        &with_stream("⟦shape⟧:"),
        &["'shape' of stream 'a' has no value"],
    );
    check(
        &with_stream("shape: ⟦4⟧"),
        &["'shape' of stream 'a' must be a list of integers, but it is the integer 4"],
    );
    check(
        &with_stream("shape: ⟦[⟧]"),
        &["must have from 1 to 32 dimensions, but it has 0"],
    );
    check(
        &with_stream("shape: [⟦4.9⟧]"),
        &[
            "an extent in 'shape' of stream 'a' must be an integer of at least 1, but it is the number 4.9",
        ],
    );
    check(
        &with_stream("shape: [⟦0⟧, ⟦-3⟧]"),
        &["but it is the integer 0", "but it is the integer -3"],
    );
    check(&with_stream("shape: [⟦x⟧]"), &["but it is the text 'x'"]);
    check(
        &with_stream("shape: [⟦010⟧]"),
        &["but it is the text '010'"],
    );
    check(
        &with_stream("shape: [⟦100000000000⟧, 1000]"),
        &["an integer of at most 4294967295"],
    );
    check(
        &with_stream("shape: ⟦[⟧4000000000, 4000000000, 4000000000]"),
        &["has more bytes than can be counted"],
    );
    check(
        &with_stream("shape: ⟦[⟧4000000000, 400000]"),
        &["stream 'a' needs 34.1 PiB for 3 slots of float64 [4000000000, 400000]"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦flaot32⟧"),
        &["must be a dtype of NumPy, but it is 'flaot32' | did you mean 'float32'?"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦f32⟧"),
        &["but it is 'f32' | did you mean 'float32'?"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦u8⟧"),
        &["but it is 'u8' | write uint8 or uint64"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦'>f4'⟧"),
        &["but it is '>f4' | little endian"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦32⟧"),
        &["'dtype' of stream 'a' must be a text, but it is the integer 32"],
    );
    check(
        &with_stream("shape: [4]\n  dtype: ⟦object⟧"),
        &["but it is 'object' | the dtypes are float32"],
    );
    check(
        &with_stream("shape: [4]\n  storage: ⟦disk⟧"),
        &["'storage' of stream 'a' must be one of cpu, gpu, but it is the text 'disk'"],
    );
    check(
        &with_stream("shape: [4]\n  storage: ⟦gpu⟧"),
        &["stream 'a' has gpu storage and lacks 'gpu_device'"],
    );
    check(
        &with_stream("shape: [4]\n  gpu_device: ⟦cuda:0⟧"),
        &["stream 'a' has cpu storage and cannot have a 'gpu_device'"],
    );
    check(
        &with_stream("shape: [4]\n  notify: ⟦maybe⟧"),
        &["'notify' of stream 'a' must be true or false"],
    );
    check(
        &with_stream("shape: [4]\n  mode: ⟦atach⟧"),
        &[
            "'mode' of stream 'a' must be one of create_or_attach, create, attach, replace, but it is the text 'atach' | 'attach'",
        ],
    );
    check(
        &with_stream("shape: [4]\n  slots: ⟦1⟧"),
        &["'slots' of stream 'a' must be an integer from 3 to 4096"],
    );
    check(
        &with_stream("shape: [4]\n  mirror: ⟦edge⟧"),
        &["'mirror' of stream 'a' must be true or false"],
    );
    check(
        &with_stream("shape: [4]\n  cpu_mirror: ⟦1⟧"),
        &["'cpu_mirror' of stream 'a' must be true or false"],
    );
    check(
        &with_stream("shape: [4]")
            .replace("name: b", "name: ⟦a⟧")
            .replace("output: b", "output: ⟦b⟧"),
        &[
            "the name 'a' of a stream is already that of the stream in line 2",
            "names the stream 'b', which is not defined",
        ],
    );
    check(
        &with_stream("shape: [4]")
            .replace("name: a", "name: ⟦''⟧")
            .replace("input: a", "input: ⟦a⟧"),
        &[
            "'name' of stream 1 must not be empty",
            "names the stream 'a', which is not defined",
        ],
    );
    check(
        &format!(
            "namespace: lab\n{}",
            with_stream("shape: [4]")
                .replace("- name: a", &format!("- name: ⟦{}⟧", "a".repeat(252)))
                .replace("input: a", &format!("input: {}", "a".repeat(252)))
        ),
        &["may have 255 bytes with its namespace, but this one has 256"],
    );
}

#[test]
fn initial_values() {
    let stream = |dtype: &str, shape: &str, initial: &str| {
        with_stream(&format!(
            "dtype: {dtype}\n  shape: {shape}\n  initial: {initial}"
        ))
    };
    check(
        &stream("float32", "[2]", "⟦zeros⟧"),
        &["must be a mapping with a 'pattern'"],
    );
    check(
        &stream("float32", "[2]", "⟦{⟧value: 1}"),
        &["'initial' of stream 'a' lacks the key 'pattern'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: ⟦constnat⟧, value: 1}"),
        &["must be | did you mean 'constant'?"],
    );
    check(
        &stream("float32", "[2]", "⟦{⟧pattern: constant}"),
        &["lacks the key 'value'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: 1, ⟦seed⟧: 1}"),
        &["has the unknown key 'seed'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: ⟦x⟧}"),
        &["must be a finite number, but it is the text 'x'"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: ⟦.inf⟧}"),
        &["must be a finite number"],
    );
    check(
        &stream("float32", "[2]", "{pattern: constant, value: ⟦1e39⟧}"),
        &["from -3.4028234663852886e38 to 3.402823"],
    );
    check(
        &stream("uint8", "[2]", "{pattern: constant, value: ⟦256⟧}"),
        &["an integer from 0 to 255 for uint8, but it is the integer 256"],
    );
    check(
        &stream("int8", "[2]", "{pattern: constant, value: ⟦1.5⟧}"),
        &["an integer from -128 to 127 for int8"],
    );
    check(
        &stream("int8", "[2]", "⟦{⟧pattern: normal}"),
        &["is normally distributed, but the stream holds int8"],
    );
    check(
        &stream("float32", "[2]", "{pattern: normal, seed: ⟦-1⟧, std: ⟦-2⟧}"),
        &[
            "an integer of at least 0",
            "'std' of 'initial' of stream 'a' must be at least 0",
        ],
    );
    check(
        &stream("float32", "[2]", "⟦{⟧pattern: identity}"),
        &["needs two dimensions, but the shape is [2]"],
    );
    check(
        &stream(
            "float32",
            "[2, 2]",
            "{pattern: values, values: [[1, 2], ⟦[⟧3]]}",
        ),
        &[
            "must be a list of 2 along axis 1, but it is a list of 1 | the shape of the stream is [2, 2]",
        ],
    );
    check(
        &stream(
            "float32",
            "[2, 2]",
            "{pattern: values, values: [[1, 2], ⟦3⟧]}",
        ),
        &["must be a list of 2 along axis 1, but it is the integer 3"],
    );
    check(
        &stream("float32", "[2]", "{pattern: values, values: [1, ⟦[⟧2]]}"),
        &["must be a finite number, but it is a list"],
    );
}
