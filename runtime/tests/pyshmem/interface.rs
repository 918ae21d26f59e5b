//! Python attaches to streams of ours: everything that pyshmem can do with them.

use std::process::Command;

use rustix::process::Signal;
use sandpipe::array::Dtype;

use super::harness::Workbench;
use super::support::{Child, python};

#[test]
fn every_call_of_pyshmem_works_on_the_streams_of_a_run_for_every_dtype() {
    let bench = Workbench::new("interface");
    let stream = |name: &str, dtype: &str| {
        format!("  - {{name: {name}_{dtype}, shape: [3, 1, 5], dtype: {dtype}, notify: true}}\n")
    };
    let dtypes: Vec<&str> = Dtype::all().map(Dtype::numpy_name).collect();
    let streams = dtypes
        .iter()
        .map(|dtype| stream("x", dtype) + &stream("y", dtype));
    let stages = dtypes.iter().map(|dtype| {
        format!("  - {{name: {dtype}, kind: cpu.copy, input: x_{dtype}, output: y_{dtype}}}\n")
    });
    bench.pipeline(&format!(
        "lanes: auto\nshared_memory:\n{}kernels:\n{}sinks:\n  - {{name: end, kind: null.sink, stream: y_{}}}\n",
        streams.collect::<String>(),
        stages.collect::<String>(),
        dtypes[13],
    ));
    let mut run = bench.start(&["run", "pipeline.yaml", "--format", "json"]);
    run.wait_for_reader(&format!("y_{}", dtypes[13]));
    let mut command = Command::new(python());
    command.args(["-c", include_str!("interface.py"), &bench.stream("")]);
    let mut client = Child::spawn(&mut command);
    client.wait_for("all");
    client.finish();
    run.signal(Signal::INT);
    let report: serde_json::Value = serde_json::from_slice(&run.output().stdout).unwrap();
    assert_eq!(report["state"], "interrupted", "{report}");
    assert_eq!(report["faults"], serde_json::json!([]), "{report}");
}
