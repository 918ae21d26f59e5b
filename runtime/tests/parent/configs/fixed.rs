//! Configurations that no single change of a value leads to.

/// Each with the name that messages call it by.
pub fn fixed() -> Vec<(String, String)> {
    let texts = WHOLE.iter().map(|text| (*text).to_owned());
    let stages = STAGES.iter().map(|stage| pipeline("", stage, ""));
    let streams = STREAMS.iter().map(|stream| pipeline(stream, "", ""));
    let rest = RESTS.iter().map(|rest| pipeline("", "", rest));
    let all = texts.chain(stages).chain(streams).chain(rest);
    all.map(|text| ("fixed".to_owned(), text)).collect()
}

/// a → k → b with more keys for `a` and `k`, and more sections.
fn pipeline(stream: &str, stage: &str, rest: &str) -> String {
    let comma = |keys: &str| {
        if keys.is_empty() {
            String::new()
        } else {
            format!(", {keys}")
        }
    };
    let shape = if stream.contains("shape") {
        ""
    } else {
        ", shape: [4]"
    };
    let dtype = if stream.contains("dtype") {
        ""
    } else {
        ", dtype: float32"
    };
    format!(
        "shared_memory:\n- {{name: a{shape}{dtype}{}}}\n- {{name: b, shape: [4], dtype: float32}}\n- {{name: c, shape: [4], dtype: float32}}\nkernels:\n- {{name: k, kind: cpu.scale, input: a, output: b{}{}}}\n{rest}",
        comma(stream),
        if stage.contains("parameters") {
            ""
        } else {
            ", parameters: {factor: 2}"
        },
        comma(stage),
    )
}

const STAGES: &[&str] = &[
    "read_timeout: 100ms",
    "read_timeout: '0.5'",
    "read_timeout: true",
    "read_timeout: .inf",
    "read_timeout: 1e-5",
    "poll_interval: 500us",
    "pause_sleep: -0.5",
    "parameters: {factor: 1e-3}",
    "parameters: {factor: .nan}",
    "parameters: {factor: .inf}",
    "parameters: {factor: 1_000}",
    "parameters: {factor: 0x10}",
    "parameters: {factor: 010}",
    "parameters: {factor: 190:20:30}",
    "parameters: {factor: 2, factor: 3}",
    "propagate_frame_id: yes",
    "propagate_frame_id: maybe",
    "propagate_frame_id: ''",
    "synchronization: {max_wait_s: 1, timeout: 2}",
    "synchronization: {mode: matching_frame_id}",
    "synchronization: {mode: matching_frame_id}, trigger_policy: all_new",
    "synchronization: {mode: ' COUNT '}, trigger_policy: ' ALL_NEW '",
    "synchronization: {max_skew_generations: true}",
    "synchronization: {max_skew_generations: 0}",
    "synchronization: {max_wait_s: null}",
    "synchronization: {timeout: 0}",
    "auxiliary: [c]",
    "auxiliary: {x: c}",
    "auxiliary: {1: c}",
    "auxiliary: {' ': c}",
    "auxiliary: {'': c}",
    "auxiliary: {' x ': c}",
    "auxiliary: {x: c, ' x': a}",
    "auxiliary: [' c ']",
    "auxiliary: [c, c]",
    "auxiliary: [a]",
    "auxiliary: [b]",
    "auxiliary: c",
    "operation: input * 2",
    "delivery: every",
    "on_fault: skip",
    "parameters: {factor: 2, borrow_gpu_inputs: true}",
];

const STREAMS: &[&str] = &[
    "dtype: '>f4'",
    "dtype: '<f4'",
    "dtype: f4",
    "dtype: f",
    "dtype: single",
    "dtype: object",
    "dtype: U8",
    "dtype: 'datetime64[s]'",
    "dtype: longdouble",
    "dtype: float16",
    "dtype: bool",
    "dtype: [float32]",
    "dtype: FLOAT32",
    "dtype: ' float32 '",
    "shape: [4.0]",
    "shape: ['4']",
    "shape: 4",
    "shape: [[4]]",
    "shape: [100000000000, 1000]",
    "shape: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
    "storage: gpu",
    "storage: gpu, gpu_device: 'cuda:0'",
    "gpu_device: 'cuda:0'",
    "cpu_mirror: yes",
    "cpu_mirror: 1",
    "notify: off",
    "notify: 'true'",
    "mode: Attach",
    "mode: open",
    "initial: {pattern: constant}",
    "initial: {pattern: constant, value: true}",
    "initial: {pattern: constant, value: '1'}",
    "initial: {pattern: constant, value: 1e300}",
    "initial: {pattern: constant, value: .nan}",
    "initial: {pattern: Constant, value: 1}",
    "initial: {pattern: normal, std: -1}",
    "initial: {pattern: normal, seed: -1}",
    "initial: {pattern: normal, seed: 1.5}",
    "initial: {pattern: normal, seed: true}",
    "initial: {pattern: values, values: [1, 2, 3, 4]}",
    "initial: {pattern: values, values: [1, 2, 3]}",
    "initial: {pattern: values, values: [[1, 2], [3, 4]]}",
    "initial: {pattern: values}",
    "initial: {pattern: identity}",
    "initial: {pattern: file, path: nowhere.npy}",
    "initial: {pattern: constant, value: 1, scale: 2}",
    "initial: constant",
    "initial: {}",
    "slots: 8",
];

const RESTS: &[&str] = &[
    "namespace: lab",
    "namespace: ''",
    "namespace: a/b",
    "namespace: 5",
    "namespace: null",
    "lanes: spread",
    "version: 1",
    "sources: {}",
    "sources: null",
    "sources: [{name: s, kind: synthetic.array, stream: a}]",
    "sources: [{name: s, kind: synthetic.array, stream: b}]",
    "sources: [{name: s, kind: synthetic.array, streams: [a, c]}]",
    "sources: [{name: s, kind: synthetic.array, streams: [a, a]}]",
    "sources: [{name: s, kind: synthetic.frame_set, streams: [a, c], parameters: {rate_hz: 100, jitter_us: 5, drop_probability: 0.5, assign_frame_id: false, seed: 3}}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, auxiliary: [c]}]",
    "sources: [{name: s, kind: synthetic.frame_set, streams: [a], parameters: {}}]",
    "sources: [{name: s, kind: synthetic.frame_set, streams: [a, c], parameters: {drop_probability: 2}}]",
    "sources: [{name: s, kind: synthetic.frame_set, streams: [a, c], parameters: {jitter_us: -1}}]",
    "sources: [{name: k, kind: synthetic.array, stream: a}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, parameters: {pattern: Random}}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, parameters: {pattern: noise}}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, parameters: {rate_hz: 0}}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, parameters: {rate_hz: null}}]",
    "sources: [{name: s, kind: file.npy, stream: a, parameters: {path: nowhere.npy}}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, auxiliary: [a]}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, auxiliary: {x: c}}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, auxiliary: [nowhere]}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, read_timeout: 0}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, read_timeout: -1}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, poll_interval: 0}]",
    "sources: [{name: s, kind: synthetic.array, stream: a, poll_interval: null}]",
    "sinks: [{name: s, kind: null.sink, stream: b}]",
    "sinks: [{name: s, kind: null.sink, stream: b, auxiliary: [c]}]",
    "sinks: [{name: s, kind: null.sink, stream: b, auxiliary: [b]}]",
    "sinks: [{name: s, kind: null.sink, stream: b, auxiliary: {x: nowhere}}]",
    "sinks: [{name: s, kind: null.sink, stream: b, outputs: [c]}]",
    "sinks: [{name: s, kind: null.sink, stream: b, outputs: [nowhere]}]",
    "sinks: [{name: s, kind: null.sink, stream: b, consume_timeout: 0.5, read_timeout: 0.5, pause_sleep: 0.5}]",
    "sinks: [{name: s, kind: null.sink, stream: b, consume_timeout: -1}]",
    "sinks: [{name: s, kind: null.sink, stream: b, consume_timeout: soon}]",
    "sinks: [{name: s, kind: null.sink, stream: b, consume_timeout: 0}]",
    "sinks: [{name: s, kind: null.sink, stream: b, outputs: []}]",
    "sinks: [{name: s, kind: null.sink, stream: b, outputs: [a]}, {name: t, kind: null.sink, stream: b, outputs: [a]}]",
    "sinks: [{name: s, kind: null.sink, stream: b, outputs: [b]}]",
    "sinks: [{name: s, kind: null.sink, stream: b, parameters: {device_delay_s: -1}}]",
    "sinks: [{name: s, kind: null.sink, stream: b, parameters: {sample_window: 0}}]",
    "sinks: [{name: s, kind: null.sink, stream: b, parameters: {unknown: 1}}]",
    "sinks: [{name: s, kind: file.npy, stream: b, parameters: {path: out.npy}}]",
    "sinks: [{name: s, kind: video.sink, stream: b}]",
];

const WHOLE: &[&str] = &[
    "",
    "- a\n- b\n",
    "shared_memory: []\n",
    "shared_memory: [{name: a, shape: [1]}]\n",
    "shared_memory:\n- {name: a, shape: [1], dtype: float32}\nkernels: \n",
    "shared_memory:\n- {name: a, shape: [1], dtype: float32}\nsinks: [{name: s, kind: null.sink, stream: a}]\n---\na: 1\n",
    // A circle of triggers; through an auxiliary stream it is feedback.
    "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1]}]\nkernels:\n- {name: p, kind: cpu.copy, input: a, output: b}\n- {name: q, kind: cpu.copy, input: b, output: a}\n",
    "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1]}, {name: c, shape: [1]}]\nkernels:\n- {name: p, kind: cpu.elementwise_add, input: a, auxiliary: [c], output: b}\n- {name: q, kind: cpu.copy, input: b, output: c}\n",
    "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1]}]\nkernels:\n- {name: p, kind: cpu.copy, input: a, output: b}\n- {name: q, kind: cpu.copy, input: a, output: b}\n",
    // Duplicate keys, anchors, merges.
    "namespace: a\nnamespace: b\nshared_memory: [{name: a, shape: [1]}]\nsinks: [{name: s, kind: null.sink, stream: a}]\n",
    "shared_memory:\n- &x {name: a, shape: [1], dtype: float32}\n- {<<: *x, name: b}\nkernels: [{name: k, kind: cpu.copy, input: a, output: b}]\n",
    "shared_memory: &x [{name: a, shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: k, kind: cpu.copy, input: a, output: b}]\nsinks: [{name: s, kind: null.sink, stream: b}]\n",
    // Words that YAML 1.1 takes for truth values.
    "shared_memory: [{name: on, shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: k, kind: cpu.copy, input: on, output: b}]\n",
    "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: no, kind: cpu.copy, input: a, output: b}]\n",
    "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: 5, kind: cpu.copy, input: a, output: b}]\n",
    "shared_memory: [{name: 'a/b', shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: k, kind: cpu.copy, input: 'a/b', output: b}]\n",
    "shared_memory: [{name: \"a\\tb\", shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: k, kind: cpu.copy, input: \"a\\tb\", output: b}]\n",
    "shared_memory: [{name: ' a ', shape: [1]}, {name: b, shape: [1]}]\nkernels: [{name: k, kind: cpu.copy, input: a, output: b}]\n",
    "shared_memory: [{name: a, shape: [1]}, {name: a, shape: [1]}]\nsinks: [{name: s, kind: null.sink, stream: a}]\n",
    "shared_memory: [{name: a, shape: [1000000, 1000000]}]\nsinks: [{name: s, kind: null.sink, stream: a}]\n",
    // Streams on a GPU: read by a kernel, and by nobody.
    "shared_memory: [{name: a, shape: [1], storage: gpu, gpu_device: 'cuda:0'}]\nsinks: [{name: s, kind: null.sink, stream: a}]\n",
    "shared_memory: [{name: a, shape: [1], storage: gpu, gpu_device: 'cuda:0'}, {name: b, shape: [1]}]\nkernels: [{name: k, kind: gpu.copy, input: a, output: b}]\n",
    "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1], dtype: int32}]\nkernels: [{name: k, kind: cpu.convert, input: a, output: b}]\n",
    "shared_memory: [{name: a, shape: [2]}, {name: b, shape: [2]}, {name: c, shape: [4]}]\nkernels: [{name: k, kind: cpu.concatenate, inputs: [a, b], output: c, trigger_policy: any_new}]\n",
    "shared_memory: [{name: a, shape: [2]}, {name: b, shape: [2]}, {name: c, shape: [4]}]\nkernels: [{name: k, kind: cpu.concatenate, inputs: [b, a], output: c, synchronization: {mode: matching_frame_id}}]\n",
];
