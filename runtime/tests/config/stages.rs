//! What is wrong with stages, sources and sinks.

use super::{accept, check, with_stage};

#[test]
fn stages() {
    check(
        &with_stage("⟦paramters⟧: {}"),
        &["kernel 'k' has the unknown key 'paramters' | did you mean 'parameters'?"],
    );
    check(
        &with_stage("parameters: ⟦3⟧"),
        &[
            "'parameters' of kernel 'k' must be a mapping of names to values, but it is the integer 3",
        ],
    );
    check(
        &with_stage("parameters: {x: ⟦.nan⟧}"),
        &["parameter 'x' must be a finite number"],
    );
    check(
        &with_stage("operation: ⟦\"input\\a\"⟧"),
        &["'operation' of kernel 'k' holds a control character"],
    );
    accept(&with_stage(
        "operation: |\n    (input # of the camera\n    \t * 2)\n",
    ));
    check(
        &with_stage("inputs: ⟦[⟧a]"),
        &["kernel 'k' must use either 'input' or 'inputs', not both"],
    );
    check(
        &with_stage("outputs: ⟦[⟧b]"),
        &["kernel 'k' must use either 'output' or 'outputs', not both"],
    );
    check(
        &with_stage("").replace("input: a", "inputs: ⟦[⟧]"),
        &["'inputs' of kernel 'k' must be a list of at least one stream"],
    );
    check(
        &with_stage("").replace("input: a", "inputs: [a, ⟦a⟧]"),
        &["kernel 'k' names the stream 'a' twice in 'inputs'"],
    );
    check(
        &with_stage("").replace("input: a", "input: ⟦aa⟧"),
        &["names the stream 'aa', which is not defined | did you mean 'a'?"],
    );
    check(
        &with_stage("").replace("input: a", "input: ⟦[⟧a]"),
        &["'input' of kernel 'k' must be a text, but it is a list"],
    );
    check(
        &with_stage("")
            .replace("  input: a\n", "")
            .replace("- name: k", "- ⟦name⟧: k"),
        &["kernel 'k' lacks the key 'input' | 'inputs: […]'"],
    );
    check(
        &with_stage("")
            .replace("  kind: cpu.copy\n", "")
            .replace("- name: k", "- ⟦name⟧: k"),
        &["kernel 'k' lacks the key 'kind' | 'module: FILE.wasm'"],
    );
    check(
        &with_stage("").replace("output: b", "output: ⟦a⟧"),
        &["kernel 'k' cannot use the stream 'a' both as a trigger input and as an output"],
    );
    check(
        &with_stage("auxiliary: [c, ⟦c⟧]"),
        &["names the stream 'c' twice in 'auxiliary'"],
    );
    check(
        &with_stage("auxiliary: {x: c, y: ⟦c⟧}"),
        &["names the stream 'c' twice in 'auxiliary'"],
    );
    check(
        &with_stage("auxiliary: {⟦''⟧: c}"),
        &["kernel 'k' has an empty alias in 'auxiliary' | an alias of its own"],
    );
    check(
        &with_stage("auxiliary: {⟦' '⟧: c}"),
        &["kernel 'k' has an empty alias in 'auxiliary' | an alias of its own"],
    );
    check(
        &with_stage("auxiliary: {x: c, ⟦' x'⟧: d}")
            .replace("kernels:", "- {name: d, shape: [4]}\nkernels:"),
        &["kernel 'k' has the alias 'x' twice in 'auxiliary' | an alias of its own"],
    );
    check(
        &with_stage("auxiliary: [⟦a⟧]"),
        &["cannot use the stream 'a' both as a trigger input and as an auxiliary input"],
    );
    check(
        &with_stage("auxiliary: {g: b}").replace("output: b", "output: ⟦b⟧"),
        &["cannot use the stream 'b' both as an auxiliary input and as an output"],
    );
    check(
        &with_stage("auxiliary: ⟦c⟧"),
        &["must be a list of streams, or a mapping of aliases to streams, but it is the text 'c'"],
    );
    check(
        &with_stage("operation: ⟦''⟧"),
        &["'operation' of kernel 'k' must not be empty"],
    );
    check(
        &with_stage("read_timeout: ⟦0⟧"),
        &["must be a number of seconds above zero, but it is the integer 0"],
    );
    check(
        &with_stage("read_timeout: ⟦soon⟧"),
        &["'read_timeout' of kernel 'k' must be a duration, but it is the text 'soon' | 500us"],
    );
    check(
        &with_stage("poll_interval: ⟦-.inf⟧"),
        &["must be a number of seconds above zero"],
    );
    check(
        &with_stage("trigger_policy: ⟦any⟧"),
        &["'trigger_policy' of kernel 'k' must be one of "],
    );
    check(
        &with_stage("delivery: ⟦all⟧"),
        &["must be one of latest, every, but it is the text 'all'"],
    );
    check(
        &with_stage("limits: {memory: ⟦64⟧, deadline: ⟦2⟧, startup: ⟦1⟧, log_rate: ⟦10⟧}"),
        &[
            "'memory' of 'limits' of kernel 'k' must be a size in bytes, but it is the integer 64 | 64KiB",
            "must be a duration | 2ms",
            "must be a duration | 2ms",
            "must be a rate | 10/s",
        ],
    );
    for rate in ["1/h", "30/min", "2.5/s"] {
        check(
            &with_stage(&format!("limits: {{log_rate: ⟦{rate}⟧}}")),
            &[&format!(
                "'log_rate' of 'limits' of kernel 'k' must be a rate, but it is the text '{rate}' | a whole number of messages a second, as 10/s"
            )],
        );
    }
    check(
        &with_stage("limits: {memory: ⟦64MB⟧, ⟦deadlin⟧: 2ms}"),
        &[
            "must be | did you mean 64MiB?",
            "unknown key 'deadlin' | did you mean 'deadline'?",
        ],
    );
    check(
        &with_stage("limits: {memory: ⟦8GiB⟧}"),
        &["must be at most 4GiB"],
    );
    check(
        &with_stage("on_fault: ⟦retry⟧"),
        &["'on_fault' of kernel 'k' must be one of "],
    );
    check(
        &with_stage("on_fault: ⟦{⟧max_restarts: 3}"),
        &["'on_fault' of kernel 'k' lacks the key 'action'"],
    );
    check(
        &with_stage("on_fault: {action: stop, max_restarts: ⟦-1⟧}"),
        &["must be an integer from 0 to 1000000"],
    );
    check(
        &with_stage("sha256: ⟦abc⟧"),
        &["'sha256' of kernel 'k' must be a SHA-256 digest | 64 hexadecimal digits"],
    );
    check(
        &with_stage("instances: ⟦0⟧"),
        &["must be an integer from 1 to 1024"],
    );
    check(
        &with_stage("synchronization: {⟦mod⟧: count}"),
        &["unknown key 'mod' | did you mean 'mode'?"],
    );
    check(
        &with_stage("synchronization: {mode: ⟦matching_frame_id⟧}"),
        &[
            "'synchronization' of kernel 'k' is by 'matching_frame_id', which needs a new frame of every input | 'trigger_policy: all_new'",
        ],
    );
    accept(&with_stage(
        "synchronization: {mode: matching_frame_id}\n  trigger_policy: all_new\n  propagate_frame_id: true",
    ));
    check(
        &with_stage("synchronization: {max_wait_s: 1, timeout: ⟦1⟧}"),
        &["has both 'max_wait_s' and 'timeout'"],
    );
}

#[test]
fn what_is_done_about_faults_has_to_make_sense() {
    for fine in [
        "on_fault: restart",
        "on_fault: bypass",
        "on_fault: {action: restart, within: 1h, backoff: 5ms, then: hold}",
        "on_fault: {action: skip, backoff: 5ms}",
        "on_fault: {action: hold, max_restarts: 0, then: hold}",
    ] {
        accept(&with_stage(fine));
    }
    check(
        &with_stage(
            "on_fault: {action: stop, max_restarts: ⟦3⟧, within: ⟦1s⟧, backoff: ⟦1ms⟧, then: ⟦skip⟧}",
        ),
        &[
            "'max_restarts' of 'on_fault' of kernel 'k' means nothing with 'action: stop' | remove it",
            "'within' of 'on_fault' of kernel 'k' means nothing with 'action: stop'",
            "'backoff' of 'on_fault' of kernel 'k' means nothing with 'action: stop'",
            "'then' of 'on_fault' of kernel 'k' means nothing with 'action: stop'",
        ],
    );
    check(
        &with_stage("on_fault: {action: skip, within: ⟦1s⟧, then: ⟦stop⟧}"),
        &[
            "'within' of 'on_fault' of kernel 'k' means nothing without 'max_restarts' | add 'max_restarts: …'",
            "'then' of 'on_fault' of kernel 'k' means nothing without 'max_restarts'",
        ],
    );
    check(
        &with_stage("on_fault: {action: restart, max_restarts: ⟦0⟧}"),
        &["'on_fault' of kernel 'k' restarts, but 'max_restarts' is 0 | allow at least one"],
    );
    check(
        &with_stage("on_fault: {action: restart, then: ⟦restart⟧}"),
        &["'then' of 'on_fault' of kernel 'k' cannot be restart"],
    );
    check(
        &with_stage("on_fault: {action: bypass, max_restarts: 2, then: ⟦hold⟧}"),
        &["'then' of 'on_fault' of kernel 'k' cannot be hold after bypass"],
    );
}

#[test]
fn bypass_needs_one_output_like_the_first_trigger() {
    let streams = "shared_memory: [{name: a, shape: [4]}, {name: b, shape: [4]}, {name: c, shape: [5]}, {name: d, shape: [4], dtype: int8}]";
    let with =
        |stage: &str| format!("{streams}\nkernels: [{{name: k, kind: cpu.copy, {stage}}}]\n");
    check(
        &with("input: a, output: c, on_fault: ⟦bypass⟧"),
        &[
            "kernel 'k' cannot bypass: its trigger 'a' is float64 [4], but its output 'c' is float64 [5] | use 'hold' or 'skip'",
        ],
    );
    check(
        &with("input: a, output: d, on_fault: {action: restart, then: ⟦bypass⟧}"),
        &[
            "kernel 'k' cannot bypass: its trigger 'a' is float64 [4], but its output 'd' is int8 [4]",
        ],
    );
    check(
        &with("input: a, outputs: [b, c], on_fault: {action: ⟦bypass⟧}"),
        &["kernel 'k' cannot bypass: it has 2 outputs"],
    );
    // The second trigger may be whatever it likes.
    accept(&with("inputs: [a, c], output: b, on_fault: bypass"));
}

#[test]
fn endpoints() {
    let with = |endpoint: &str| with_stage("") + endpoint;
    check(
        &with("sources: [{name: s, kind: file.npy, stream: ⟦x⟧}]"),
        &["source 's' names the stream 'x', which is not defined"],
    );
    check(
        &with("sources: [{name: s, kind: file.npy, stream: ⟦b⟧}]"),
        &["the stream 'b' has two producers, kernel 'k' and source 's'"],
    );
    check(
        &with("sources: [{name: ⟦k⟧, kind: file.npy, stream: a}]"),
        &["the name 'k' of a source is already that of the kernel in line 6"],
    );
    check(
        &with("sinks: [⟦{⟧kind: null.sink, stream: b}]"),
        &["sink 1 lacks the key 'name'"],
    );
    check(
        &with("sinks: ⟦{⟧name: s}"),
        &["'sinks' of the pipeline must be a list, but it is a mapping"],
    );
    check(
        &with("sinks: [⟦none⟧]"),
        &["sink 1 must be a mapping of keys to values"],
    );
}

#[test]
fn what_lanes_ask_of_the_system_has_to_make_sense() {
    let with = |realtime: &str| format!("realtime: {realtime}\n{}", with_stage(""));
    check(
        &with("{priority: ⟦0⟧, pin: ⟦sometimes⟧}"),
        &[
            "'priority' of 'realtime' must be an integer from 1 to 98, but it is the integer 0",
            "'pin' of 'realtime' must be true, false, or a list of processors' numbers, but it is",
        ],
    );
    check(
        &with("{priority: ⟦99⟧, pin: [0, ⟦-1⟧], ⟦prority⟧: 3}"),
        &[
            "'priority' of 'realtime' must be an integer from 1 to 98, but it is the integer 99",
            "'pin' of 'realtime' must be a list of processors' numbers, but it is the integer -1",
            "'realtime' has the unknown key 'prority' | did you mean 'priority'?",
        ],
    );
    check(
        &with("⟦fast⟧"),
        &["'realtime' must be a mapping of keys to values"],
    );
}
