//! Pipelines that both accept, among them every key and every kind that both have.

use serde_json::{Value, json};

/// A stream of float32.
fn stream(name: &str, shape: &[u32]) -> Value {
    json!({"name": name, "shape": shape, "dtype": "float32"})
}

/// Each with the name that messages call it by.
pub fn bases() -> Vec<(&'static str, Value)> {
    vec![
        ("chain", chain()),
        ("vectors", vectors()),
        ("join", join()),
        ("expression", expression()),
        ("images", images()),
        ("binary", binary()),
        ("controllers", controllers()),
    ]
}

/// Every key of streams, sources and sinks, and what is common to kernels.
fn chain() -> Value {
    json!({
        "namespace": "lab",
        "shared_memory": [
            {"name": "x", "shape": [4, 3], "dtype": "float32", "storage": "cpu", "notify": true, "mode": "create_or_attach",
             "initial": {"pattern": "constant", "value": 1.5}},
            {"name": "y", "shape": [4, 3], "dtype": "float32", "mode": "replace",
             "initial": {"pattern": "normal", "seed": 3, "mean": 1.0, "std": 2.0}},
            {"name": "z", "shape": [4, 3], "dtype": "float32", "cpu_mirror": false},
        ],
        "sources": [
            {"name": "camera", "kind": "synthetic.array", "stream": "x", "auxiliary": [], "poll_interval": 0.01,
             "parameters": {"pattern": "ramp", "rate_hz": 100.0, "seed": 1, "amplitude": 2.0, "offset": 1.0, "period": 8.0,
                            "constant": 0.5, "impulse_interval": 4}},
        ],
        "kernels": [
            {"name": "first", "kind": "cpu.scale", "input": "x", "output": "y", "parameters": {"factor": 2.0},
             "read_timeout": 0.1, "pause_sleep": 0.02, "poll_interval": 0.001, "trigger_policy": "any_new",
             "auxiliary": [], "propagate_frame_id": true},
            {"name": "second", "kind": "cpu.add_constant", "inputs": ["y"], "outputs": ["z"], "parameters": {"constant": 1}},
        ],
        "sinks": [
            {"name": "drain", "kind": "null.sink", "stream": "z", "auxiliary": [], "read_timeout": 0.5, "pause_sleep": 0.01,
             "parameters": {"device_delay_s": 0.0, "sample_window": 16}},
        ],
    })
}

fn vectors() -> Value {
    json!({
        "shared_memory": [
            stream("slopes", &[3]),
            {"name": "matrix", "shape": [2, 3], "dtype": "float32", "initial": {"pattern": "identity", "scale": 2.0}},
            {"name": "bias", "shape": [2], "dtype": "float32", "initial": {"pattern": "values", "values": [0.5, 1.5]}},
            stream("open", &[2]),
            stream("closed", &[2]),
            stream("leak", &[1]),
            stream("gain", &[1]),
            {"name": "override", "shape": [1], "dtype": "uint8"},
        ],
        "kernels": [
            {"name": "reconstruct", "kind": "cpu.affine_transform", "input": "slopes", "output": "open",
             "auxiliary": ["matrix", "bias"], "parameters": {"blas_threads": 2}},
            {"name": "integrate", "kind": "cpu.leaky_integrator", "input": "open", "output": "closed",
             "auxiliary": {"leak": "leak", "gain": "gain", "override_enabled": "override"},
             "parameters": {"leak": 0.9, "gain": 0.5}},
        ],
    })
}

fn join() -> Value {
    json!({
        "shared_memory": [stream("a", &[2, 3]), stream("b", &[2, 3]), stream("ab", &[4, 3]), stream("flat", &[12])],
        "kernels": [
            {"name": "join", "kind": "cpu.concatenate", "inputs": ["a", "b"], "output": "ab", "parameters": {"axis": 0},
             "trigger_policy": "all_new", "propagate_frame_id": true,
             "synchronization": {"mode": "matching_frame_id", "on_skew": "drop_older", "max_skew_generations": 4,
                                 "max_wait_s": 0.5}},
            {"name": "flatten", "kind": "cpu.flatten", "input": "ab", "output": "flat",
             "synchronization": {"mode": "count", "timeout": 0.25}},
        ],
    })
}

fn expression() -> Value {
    json!({
        "shared_memory": [stream("raw", &[2, 3]), stream("dark", &[2, 3]), stream("gain", &[1]), stream("clean", &[2, 3]),
                          stream("mean", &[1])],
        "kernels": [
            {"name": "calibrate", "kind": "cpu.custom_operation", "operation": "clip((input - d) * gain, 0, max(d, 4.0))",
             "input": "raw", "output": "clean", "auxiliary": {"d": "dark", "gain": "gain"}},
            {"name": "reduce", "kind": "cpu.reduce", "input": "clean", "output": "mean", "parameters": {"operation": "sum"}},
        ],
    })
}

fn images() -> Value {
    json!({
        "shared_memory": [stream("image", &[8, 4]), stream("centroids", &[2, 1, 2]), stream("again", &[2, 1, 2]),
                          stream("spot", &[2]), stream("copy", &[8, 4]), stream("never", &[8, 4])],
        "kernels": [
            {"name": "tiles", "kind": "cpu.shack_hartmann_centroid", "input": "image", "output": "centroids",
             "parameters": {"tile_size": 4}},
            {"name": "old", "kind": "cpu.centroid", "input": "image", "output": "again", "parameters": {"tile_size": 4}},
            {"name": "spot", "kind": "cpu.spot_centroid", "input": "image", "output": "spot",
             "parameters": {"threshold": 1.0, "background": 0.5, "weight_power": 2}},
            {"name": "copy", "kind": "cpu.copy", "input": "image", "output": "copy"},
            {"name": "fail", "kind": "cpu.raise_error", "input": "copy", "output": "never",
             "parameters": {"message": "as asked"}},
        ],
    })
}

fn binary() -> Value {
    let stage = |name: &str, output: &str, parameters: Value| {
        json!({"name": name, "kind": format!("cpu.{name}"), "input": "a", "auxiliary": ["b"], "output": output,
               "parameters": parameters})
    };
    let streams = ["a", "b", "c", "d", "e", "f", "g"].map(|name| stream(name, &[5]));
    json!({
        "shared_memory": streams,
        "kernels": [
            stage("elementwise_add", "c", json!({})),
            stage("elementwise_subtract", "d", json!({})),
            stage("elementwise_multiply", "e", json!({})),
            stage("elementwise_divide", "f", json!({})),
            stage("scale_offset", "g", json!({"gain": 0.5})),
        ],
    })
}

/// The deprecated ones, and what sources and sinks may have beside their stream.
fn controllers() -> Value {
    let images = |name: &str| stream(name, &[8, 4, 4]);
    json!({
        "shared_memory": [
            images("wfs"), images("dark"), images("flat"), stream("offset", &[8, 1, 1, 2]), stream("matrix", &[3, 16]),
            stream("bias", &[3]), stream("zero", &[3]), stream("low", &[3]), stream("high", &[3]), stream("command", &[3]),
            stream("spot", &[6, 5]), stream("rotation", &[2, 2]), stream("centre", &[2]), stream("tip_tilt", &[2]),
        ],
        "sources": [
            {"name": "eight", "kind": "synthetic.array", "stream": "wfs", "read_timeout": 0.5, "poll_interval": 0.002},
        ],
        "kernels": [
            {"name": "tomography", "kind": "cpu.tomographic_controller", "input": "wfs", "output": "command",
             "auxiliary": {"wfs_dark": "dark", "wfs_inverse_flat": "flat", "wfs_slope_offset": "offset", "reconstructor": "matrix",
                           "reconstructor_bias": "bias", "command_offset": "zero", "command_low": "low", "command_high": "high"},
             "trigger_policy": "all_new", "parameters": {"tile_size": 4, "slope_gain": 0.5, "leak": 0.9, "control_gain": 2.0, "command_gain": 1.5}},
            {"name": "steering", "kind": "cpu.tip_tilt_controller", "input": "spot", "output": "tip_tilt",
             "auxiliary": ["rotation", "centre"],
             "parameters": {"background": 1.0, "threshold": 0.5, "weight_power": 2.0, "leak": 0.9, "control_gain": 0.3}},
        ],
        "sinks": [
            {"name": "mirror", "kind": "null.sink", "stream": "command", "consume_timeout": 0.25, "read_timeout": 0.5},
        ],
    })
}
