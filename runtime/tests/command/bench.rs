//! `sandpipe bench`: what it reports, not how fast anything is.

use serde_json::Value;

use super::harness::{PATIENCE, Workbench, text};

const CHAIN: &str = "
shared_memory:
  - {name: x, shape: [64], dtype: float32}
  - {name: y, shape: [64], dtype: float32}
  - {name: z, shape: [64], dtype: float32}
kernels:
  - {name: double, kind: cpu.scale, input: x, output: y, parameters: {factor: 2}}
  - {name: shift, kind: cpu.add_constant, input: y, output: z, parameters: {constant: 1}}
";

const SHORT: [&str; 6] = ["--duration", "200ms", "--warmup", "300ms", "--rounds", "2"];

/// Runs `sandpipe bench pipeline.yaml --format json` for a short time, with more arguments.
fn report(bench: &Workbench, more: &[&str]) -> Value {
    let mut arguments = vec!["bench", "pipeline.yaml", "--format", "json"];
    arguments.extend(SHORT);
    arguments.extend(more);
    let output = bench.run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// That percentiles are there and in order.
fn assert_percentiles(percentiles: &Value) {
    let names = ["p50", "p90", "p99", "p999", "max"];
    let values = names.map(|name| percentiles[name].as_f64().unwrap());
    assert!(values[0] >= 0.0 && values.is_sorted(), "{percentiles}");
    assert!(percentiles["count"].as_u64().unwrap() > 0);
}

#[test]
fn the_report_has_every_figure_for_every_stage() {
    let bench = Workbench::new("bench");
    for (lanes, instances) in [("fused", 1), ("spread", 1), ("fused", 2)] {
        let wide = format!("kind: cpu.scale, instances: {instances}");
        let chain = CHAIN.replace("kind: cpu.scale", &wide);
        bench.pipeline(&format!("lanes: {lanes}{chain}"));
        let report = report(&bench, &["--source", "x:ramp", "--rate", "500"]);
        assert!(report["throughput_hz"].as_f64().unwrap() > 0.0);
        assert!(report["first_frame_ms"].as_f64().unwrap() > 0.0);
        assert!(report["rss_bytes"].as_u64().unwrap() > 1 << 20);
        assert_percentiles(&report["latency_us"]);
        assert!(report["latency_us"]["p50"].as_f64().unwrap() > 0.0);
        let stages = report["stages"].as_object().unwrap();
        assert_eq!(stages.keys().collect::<Vec<_>>(), ["double", "shift"]);
        let count = &report["latency_us"]["count"];
        for stage in stages.values() {
            for part in ["kernel_us", "overhead_us", "wait_us"] {
                assert_percentiles(&stage[part]);
                // One frame in flight: whatever arrived went through every stage, but for those at the edges of the runs.
                // (The meters are read while frames pass.)
                let (frames, all) = (stage[part]["count"].as_u64(), count.as_u64().unwrap());
                assert!(frames.unwrap().abs_diff(all) <= 10 + all / 20, "{report}");
            }
            assert!(stage["empty_call_us"].as_f64().unwrap() > 0.0);
            assert_eq!(stage["hand_off"], lanes == "spread");
        }
        let at_rate = &report["at_rate"];
        assert_percentiles(&at_rate["latency_us"]);
        // Late frames are not left out: in 200 ms at 500 Hz there are 100, or as many more as were caught up.
        let sent = at_rate["sent"].as_u64().unwrap();
        assert!((80..10_000).contains(&sent), "{at_rate}");
        assert_eq!(
            report["rounds"]["throughput_hz"].as_array().unwrap().len(),
            2
        );
        let machine = &report["machine"];
        assert!(machine["processors"].as_u64().unwrap() > 0);
        assert_eq!(machine["noise"].as_array().unwrap().len(), 3);
        assert!(machine["kernel"].as_str().unwrap().contains('.'));
        let warnings = report["warnings"].as_array().unwrap();
        assert!(
            warnings
                .iter()
                .any(|warning| warning.as_str().unwrap().contains("debug build"))
                == cfg!(debug_assertions)
        );
        assert!(bench.streams().is_empty(), "streams are left");
    }
}

#[test]
fn streams_that_nobody_feeds_are_fed_and_sinks_write_nothing() {
    let bench = Workbench::new("bench-unfed");
    bench.pipeline(&format!(
        "{CHAIN}sinks:\n  - {{name: file, kind: file.npy, stream: z, parameters: {{path: z.npy}}, delivery: every}}\n"
    ));
    let output = bench.run(&[&["bench", "pipeline.yaml"][..], &SHORT].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    for fragment in [
        "'x' has no source",
        "sinks are left out",
        "double",
        "throughput",
        "noise",
    ] {
        assert!(report.contains(fragment), "{fragment} is missing: {report}");
    }
    assert!(!bench.path("z.npy").exists());
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_frame_that_is_lost_does_not_stop_a_bench_and_a_fault_that_ends_the_run_does() {
    let bench = Workbench::new("bench-faults");
    bench.kernel(
        "odd",
        &[(
            "compute",
            "(if (i64.eqz (i64.and (local.get $frame_id) (i64.const 1))) (then (unreachable)))",
        )],
    );
    let pipeline = |action: &str| {
        bench.pipeline(&format!(
            "
shared_memory:
  - {{name: x, shape: [16], dtype: uint32}}
  - {{name: y, shape: [16], dtype: uint32}}
kernels:
  - {{name: odd, module: odd.wat, input: x, output: y, on_fault: {action}}}
"
        ))
    };
    pipeline("hold");
    let report = report(&bench, &[]);
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("stages faulted"), "{warnings}");
    pipeline("stop");
    let output = bench.run(&[&["bench", "pipeline.yaml"][..], &SHORT].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("'odd' failed at frame 2"),
        "{}",
        text(&output.stderr)
    );
    assert!(bench.streams().is_empty(), "streams are left");
}

#[test]
fn the_page_is_well_formed_draws_everything_and_needs_nothing_else() {
    let bench = Workbench::new("bench-page");
    // Names are text, whatever is in them.
    bench.pipeline(&CHAIN.replace("name: double", "name: \"<b>&'double\""));
    let arguments = [
        "--source",
        "x:ramp",
        "--rate",
        "500",
        "--html",
        "report.html",
    ];
    let report = report(&bench, &arguments);
    let page = std::fs::read_to_string(bench.path("report.html")).unwrap();
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let page = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let has = |tag: &str| {
        page.descendants()
            .filter(|node| node.has_tag_name(tag))
            .count()
    };
    assert_eq!(
        (
            has("script"),
            has("link"),
            has("img"),
            has("iframe"),
            has("b")
        ),
        (0, 0, 0, 0, 0)
    );
    for node in page.descendants() {
        for attribute in node.attributes() {
            assert!(
                !["src", "href", "action"].contains(&attribute.name()),
                "{node:?}"
            );
            let inside = attribute.value().replace("url(#", "");
            assert!(!inside.contains("url("), "{node:?}");
        }
        if node.has_tag_name("style") {
            assert!(
                !node.text().unwrap().contains("url(") && !node.text().unwrap().contains("@import")
            );
        }
    }
    let texts: Vec<&str> = page.descendants().filter_map(|node| node.text()).collect();
    for expected in [
        "<b>&'double",
        "shift",
        "x",
        "y",
        "z",
        "90 %",
        "kernel",
        "hand-off from another lane",
    ] {
        assert!(texts.contains(&expected), "{expected} is missing");
    }
    let svg = |tag: &str, class: &str| {
        let nodes = page
            .descendants()
            .filter(|node| node.tag_name().name() == tag);
        nodes
            .filter(|node| node.attribute("class") == Some(class))
            .count()
    };
    assert_eq!(
        (
            svg("rect", "stream"),
            svg("rect", "node"),
            svg("rect", "source")
        ),
        (3, 2, 1)
    );
    assert_eq!(
        svg("path", "edge"),
        report["graph"]["edges"].as_array().unwrap().len()
    );
    // Each line once in the legend, once in the plot; each part of a stage in the bars, and in the legend.
    assert_eq!((svg("path", "one"), svg("path", "rate")), (2, 2));
    assert_eq!(
        (
            svg("rect", "kernel"),
            svg("rect", "overhead"),
            svg("rect", "wait")
        ),
        (3, 3, 3)
    );
}

#[test]
fn a_report_is_better_than_one_of_a_much_slower_pipeline() {
    let bench = Workbench::new("bench-compare");
    bench.pipeline(CHAIN);
    let mut before = report(&bench, &["--source", "x:ramp"]);
    // As if it had been measured on a machine that is much slower, in rounds that agree.
    before["throughput_hz"] = 0.001.into();
    for part in ["kernel_us", "overhead_us", "wait_us"] {
        before["stages"]["double"][part]["p50"] = 1e9.into();
    }
    bench.file("before.json", before.to_string());
    let arguments = [
        "--source",
        "x:ramp",
        "--compare",
        "before.json",
        "--html",
        "page.html",
    ];
    let now = report(&bench, &arguments);
    let comparison = &now["comparisons"][0];
    assert_eq!(comparison["with"], "pipeline.yaml");
    let figures = comparison["figures"].as_array().unwrap();
    let figure = |name: &str| {
        let found = figures
            .iter()
            .find(|figure| figure["name"].as_str() == Some(name));
        found.unwrap_or_else(|| panic!("no figure {name}: {comparison}"))
    };
    for name in [
        "throughput, Hz",
        "double: kernel p50, µs",
        "double: wait p50, µs",
    ] {
        assert_eq!(figure(name)["verdict"], "better", "{comparison}");
    }
    assert_eq!(figure("throughput, Hz")["now"], now["throughput_hz"]);
    for name in [
        "latency p50, µs",
        "latency p99, µs",
        "first frame, ms",
        "memory, MiB",
    ] {
        assert!(figure(name)["spread"].as_f64().unwrap() >= 0.03);
    }
    let page = std::fs::read_to_string(bench.path("page.html")).unwrap();
    assert!(page.contains("compared with pipeline.yaml"));
}

#[test]
fn native_builds_run_on_the_frames_of_the_pipeline_and_give_the_same() {
    let bench = Workbench::new("bench-native");
    bench.kernel("own", &[]);
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [16], dtype: uint32}
  - {name: y, shape: [16], dtype: uint32}
  - {name: z, shape: [16], dtype: float64}
  - {name: v, shape: [16], dtype: float64}
  - {name: low, shape: [1], dtype: float64, initial: {pattern: constant, value: 3}}
  - {name: w, shape: [16], dtype: float64}
kernels:
  - {name: own, module: own.wat, input: x, output: y}
  - {name: widen, kind: cpu.convert, input: y, output: z, parameters: {gain: 0.5}}
  - {name: half, kind: cpu.scale, input: z, output: v, parameters: {factor: 0.5}, instances: 2}
  - {name: limit, kind: cpu.custom_operation, operation: 'clip(input, floor, 10)', input: z, auxiliary: {floor: low}, output: w}
",
    );
    let report = report(&bench, &["--source", "x:ramp", "--compare", "native"]);
    let native = report["native"].as_object().unwrap();
    // The user's own module has no native build.
    assert_eq!(
        native.keys().collect::<Vec<_>>(),
        ["widen", "half", "limit"]
    );
    for kernel in native.values() {
        assert_eq!(kernel["same_output"], true, "{report}");
        for figure in ["sandboxed_us", "native_us", "ratio"] {
            assert!(kernel[figure].as_f64().unwrap() > 0.0);
        }
    }
}

#[test]
fn that_kernels_had_to_be_compiled_is_said_once() {
    let mut bench = Workbench::new("bench-compiled");
    bench.cache = bench.path("cache");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [64], dtype: float32}
  - {name: y, shape: [64], dtype: float32}
kernels:
  - {name: copy, kind: cpu.copy, input: x, output: y}
",
    );
    let compiled = || {
        let report = report(&bench, &["--source", "x:ramp"]);
        let notes = report["notes"].as_array().unwrap().clone();
        let about = |note: &Value| note.as_str().unwrap().contains("had to be compiled");
        notes.iter().any(about)
    };
    assert!(compiled());
    assert!(!compiled());
}

#[test]
fn one_kernel_is_measured_on_files() {
    let bench = Workbench::new("bench-kernel");
    let array = |dtype, shape: &[u32]| sandpipe::array::ArrayType {
        dtype,
        shape: shape.to_vec(),
    };
    let (f32s, u32s) = (sandpipe::array::Dtype::F32, sandpipe::array::Dtype::U32);
    let write = |name: &str, array, bytes| {
        sandpipe::endpoint::npy::write(&bench.path(name), &array, &vec![0; bytes]).unwrap();
    };
    write("in.npy", array(f32s, &[4, 4]), 64);
    write("low.npy", array(f32s, &[1]), 4);
    write("words.npy", array(u32s, &[16]), 64);
    bench.kernel("own", &[]);
    let kernel = |arguments: &[&str]| {
        let all = [&["bench", "--format", "json"], &SHORT[..], arguments].concat();
        bench.run(&all)
    };
    for (arguments, name) in [
        (
            &[
                "--kernel",
                "cpu.custom_operation",
                "--input",
                "in.npy",
                "--auxiliary",
                "low=low.npy",
                "--operation",
                "input - low",
            ][..],
            "cpu.custom_operation",
        ),
        (&["--kernel", "own.wat", "--input", "words.npy"], "own.wat"),
        (
            &[
                "--kernel",
                "cpu.spot_centroid",
                "--input",
                "in.npy",
                "--shape",
                "2",
            ],
            "cpu.spot_centroid",
        ),
    ] {
        let output = kernel(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["pipeline"], name);
        assert_percentiles(&report["stages"]["kernel"]["kernel_us"]);
    }
    for (arguments, message) in [
        (
            &["--kernel", "cpu.scale", "--input", "in.npy"][..],
            "factor",
        ),
        (
            &["--kernel", "cpu.scal", "--input", "in.npy"],
            "did you mean 'cpu.scale'",
        ),
        (
            &["--kernel", "cpu.copy", "--input", "missing.npy"],
            "missing.npy",
        ),
        (
            &["--kernel", "cpu.copy", "--input", "in.npy", "--shape", "3"],
            "shape",
        ),
        (&["--kernel", "cpu.copy"], "--input"),
        (
            &["--kernel", "cpu.copy", "--input", "in.npy", "pipeline.yaml"],
            "--kernel",
        ),
        (&["pipeline.yaml", "--shape", "3"], "belong to --kernel"),
        (&[], "FILE"),
    ] {
        let output = kernel(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn wrong_arguments_are_refused_before_anything_runs() {
    let bench = Workbench::new("bench-wrong");
    bench.pipeline(CHAIN);
    for (arguments, message) in [
        (&["pipeline.yaml", "--rate", "0"][..], "the rate must be"),
        (&["pipeline.yaml", "--rate", "fast"], "the rate must be"),
        (&["pipeline.yaml", "--rounds", "0"], "--rounds"),
        (&["pipeline.yaml", "--duration", "soon"], "--duration"),
        (
            &["pipeline.yaml", "--source", "w:ramp"],
            "which is not defined",
        ),
        (&["nowhere.yaml"], "nowhere.yaml"),
        (
            &["pipeline.yaml", "--compare", "missing.json"],
            "missing.json",
        ),
        (
            &["pipeline.yaml", "--compare", "pipeline.yaml"],
            "is no report of",
        ),
        (&["pipeline.yaml", "--html", "."], "it is a directory"),
        (
            &["pipeline.yaml", "--html", "no/where.html"],
            "no/where.html",
        ),
    ] {
        let output = bench.run(&[&["bench"], arguments].concat());
        let message_is = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message_is}");
        assert!(message_is.contains(message), "{message_is}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_pipeline_without_an_end_is_refused() {
    let bench = Workbench::new("bench-endless");
    bench.pipeline(
        "
shared_memory:
  - {name: x, shape: [5], dtype: float32}
sources:
  - {name: ramp, kind: synthetic.array, stream: x, parameters: {pattern: ramp}}
",
    );
    let output = bench.run(&["bench", "pipeline.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("there is nothing to measure"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn ctrl_c_ends_a_bench_and_removes_its_streams() {
    let bench = Workbench::new("bench-signal");
    bench.pipeline(CHAIN);
    let mut running = bench.start(&["bench", "pipeline.yaml", "--duration", "600s"]);
    running.wait_for("z", 100);
    running.signal(rustix::process::Signal::INT);
    let start = std::time::Instant::now();
    let output = running.output();
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stdout), "");
    assert!(bench.streams().is_empty(), "streams are left");
}
