//! Valid configurations: what each key means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sandpipe::array::Dtype;
use sandpipe::config::{
    self, Config, Delivery, FaultAction, Initial, Isolation, LanesMode, Mode, Number, Publish,
    Storage, StreamIndex, TriggerPolicy,
};

fn parse(text: &str) -> Config {
    config::parse(Path::new("dir/pipeline.yaml"), text).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn the_least_pipeline_has_defaults() {
    let config = parse(
        "shared_memory:\n  - {name: a, shape: [4]}\n  - {name: b, shape: [4], dtype: '<f4'}\nkernels:\n  - {name: k, kind: cpu.copy, input: a, output: b}\n",
    );
    let [a, b] = &config.streams[..] else {
        panic!()
    };
    assert_eq!((a.array.dtype, b.array.dtype), (Dtype::F64, Dtype::F32));
    assert_eq!(a.storage.value, Storage::Cpu);
    assert_eq!(
        (a.mode, a.notify, a.mirror, a.slots),
        (Mode::CreateOrAttach, None, None, None)
    );
    assert_eq!(config.lanes, LanesMode::Fused);
    let stage = &config.stages[0];
    assert_eq!(stage.trigger[0].value, StreamIndex(0));
    assert_eq!(stage.outputs[0].value, StreamIndex(1));
    assert_eq!(stage.read_timeout, Duration::from_secs(1));
    assert_eq!(stage.poll_interval, Duration::from_micros(10));
    assert_eq!(stage.trigger_policy, TriggerPolicy::AnyNew);
    assert_eq!(stage.delivery, Delivery::Latest);
    assert_eq!(stage.on_fault.action, FaultAction::Stop);
    assert_eq!(stage.isolation.value, Isolation::Thread);
    assert_eq!(stage.publish.value, Publish::InPlace);
    assert_eq!(stage.instances.value, 1);
    assert_eq!(config.system_name(StreamIndex(1)), "b");
}

const FULL: &str = "
namespace: lab
kernel_path: [kernels, /opt/k.wasm]
lanes: spread
shared_memory:
  - name: camera
    shape: [2, 3]
    dtype: uint16
    storage: CPU
    notify: yes
    mode: replace
    slots: 8
    mirror: false
    initial: {pattern: values, values: [[1, 2, 3], [4, 5, 6.0]]}
  - {name: matrix, shape: [3, 3], dtype: float32, initial: {pattern: identity, scale: 2}}
  - {name: bias, shape: [3], dtype: float32, initial: {pattern: normal, seed: 7, std: 0.5}}
  - {name: out, shape: [3], dtype: float32, initial: {pattern: constant, value: 1.5}}
  - {name: second, shape: [1]}
kernels:
  - name: mix
    kind: my.mix
    module: modules/mix.wasm
    sha256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
    inputs: [camera, second]
    outputs: [out]
    auxiliary: {m: matrix, b: bias}
    operation: m @ input + b
    parameters: {gain: 2, list: [1, 2.5], deep: {on: true}, none: null}
    read_timeout: 0.1
    pause_sleep: 5ms
    poll_interval: 1.0e-4
    trigger_policy: any_new
    synchronization: {mode: count, on_skew: drop_older, max_skew_generations: 3, timeout: 0.5}
    propagate_frame_id: false
    limits: {memory: 64MiB, deadline: 2ms, startup: 500ms, log_rate: 10/s}
    on_fault: {action: stop}
    isolation: thread
    lane: fast
    delivery: every
    publish: in_place
    instances: 1
sources:
  - {name: cam, kind: file.npy, stream: camera, parameters: {path: frames.npy, rate_hz: 100, loop: true}}
sinks:
  - {name: record, kind: file.npy, stream: out, delivery: every, parameters: {path: out.npy}}
";

#[test]
fn every_key_is_read() {
    let config = parse(FULL);
    assert_eq!(config.namespace.as_deref(), Some("lab"));
    assert_eq!(config.system_name(StreamIndex(0)), "lab.camera");
    let paths: Vec<&PathBuf> = config.kernel_path.iter().map(|path| &path.value).collect();
    assert_eq!(paths, [Path::new("dir/kernels"), Path::new("/opt/k.wasm")]);
    assert_eq!(config.lanes, LanesMode::Spread);

    let camera = &config.streams[0];
    assert_eq!(camera.array.shape, [2, 3]);
    assert_eq!(
        (camera.notify, camera.mode, camera.mirror),
        (Some(true), Mode::Replace, Some(false))
    );
    assert_eq!(camera.slots.unwrap().value, 8);
    let values = (1..=6).map(Number::Integer).collect();
    assert_eq!(
        camera.initial.as_ref().unwrap().value,
        Initial::Values(values)
    );
    let initial = |index: usize| {
        config.streams[index]
            .initial
            .as_ref()
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(initial(1), Initial::Identity(Number::Integer(2)));
    assert_eq!(
        initial(2),
        Initial::Normal {
            seed: 7,
            mean: 0.0,
            std: 0.5
        }
    );
    assert_eq!(initial(3), Initial::Constant(Number::Float(1.5)));

    let stage = &config.stages[0];
    assert_eq!(
        stage.module.as_ref().unwrap().value,
        Path::new("dir/modules/mix.wasm")
    );
    assert_eq!(stage.sha256.unwrap().value[..3], [0x00, 0x11, 0x22]);
    assert_eq!(stage.trigger.len(), 2);
    let aliases: Vec<&str> = stage
        .auxiliary
        .iter()
        .map(|entry| entry.alias.as_str())
        .collect();
    assert_eq!(aliases, ["m", "b"]);
    assert_eq!(stage.operation.as_ref().unwrap().value, "m @ input + b");
    assert_eq!(
        stage.parameters.to_json().to_string(),
        r#"{"gain":2,"list":[1,2.5],"deep":{"on":true},"none":null}"#
    );
    assert_eq!(stage.read_timeout, Duration::from_millis(100));
    assert_eq!(stage.pause_sleep, Duration::from_millis(5));
    assert_eq!(stage.poll_interval, Duration::from_micros(100));
    assert_eq!(stage.trigger_policy, TriggerPolicy::AnyNew);
    let synchronization = stage.synchronization.unwrap();
    assert_eq!(synchronization.max_skew_generations, 3);
    assert_eq!(synchronization.max_wait, Some(Duration::from_millis(500)));
    assert_eq!(stage.limits.memory.unwrap().value, 64 << 20);
    assert_eq!(
        stage.limits.deadline.unwrap().value,
        Duration::from_millis(2)
    );
    assert_eq!(
        stage.limits.startup.unwrap().value,
        Duration::from_millis(500)
    );
    assert_eq!(stage.limits.log_rate.unwrap().value.per_second, 10);
    assert_eq!(stage.lane.as_ref().unwrap().value, "fast");
    assert_eq!(stage.delivery, Delivery::Every);

    let source = &config.sources[0];
    assert_eq!(
        (source.kind.as_str(), source.streams[0].value),
        ("file.npy", StreamIndex(0))
    );
    assert_eq!(source.parameters.get("rate_hz").unwrap().value, 100);
    let place = source.parameters.get("path").unwrap().span;
    assert_eq!(
        &FULL[place.offset..place.offset + place.length],
        "frames.npy"
    );
    let sink = &config.sinks[0];
    assert_eq!(
        (sink.stream.value, sink.delivery),
        (StreamIndex(3), Delivery::Every)
    );
}

#[test]
fn aliases_and_merges_of_yaml_are_read() {
    let config = parse(
        "shared_memory:\n  - &base {name: a, shape: [4], dtype: float32}\n  - {<<: *base, name: b}\nkernels:\n  - {name: k, kind: cpu.copy, input: a, output: b}\n",
    );
    assert_eq!(config.streams[1].array, config.streams[0].array);
    assert_eq!(config.streams[1].name.value, "b");
}

#[test]
fn feedback_through_an_auxiliary_stream_is_no_cycle() {
    parse(
        "shared_memory: [{name: a, shape: [1]}, {name: b, shape: [1]}, {name: c, shape: [1]}]
kernels:
  - {name: last, kind: cpu.copy, input: b, output: c}
  - {name: first, kind: cpu.scale_offset, input: a, auxiliary: [c], output: b}
",
    );
}

/// The pipelines that come with sandpipe.
#[test]
fn the_pipelines_of_the_repository_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("pipeline.yaml");
        if path.exists() {
            config::load(&path).unwrap_or_else(|report| panic!("{report}"));
            count += 1;
        }
    }
    assert!(count > 0);
}
