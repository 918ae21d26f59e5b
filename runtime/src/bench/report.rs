//! The report, as `bench --format json` prints it.

use serde::{Deserialize, Serialize};

use super::compare::{Comparison, Other, compare};
use super::machine::Machine;
use super::measure::Measured;
use super::native::NativeComparison;
use super::prepare::Prepared;
use super::snapshot::StageCounts;
use super::{Options, Results, warnings};
use crate::report::graph::Description;
use crate::report::summary::as_map;
use crate::report::{Counts, Distribution};

/// Everything that was measured. Times are in the units that the names end in.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The pipeline's file, or the kernel.
    pub pipeline: String,
    /// Where it was measured.
    pub machine: Machine,
    /// Frames a second with sources flat out: the median of the rounds, at the end of the graph where fewest arrive.
    pub throughput_hz: f64,
    /// From the publish at the source to the publish at the end, with one frame in flight.
    pub latency_us: Percentiles,
    /// Quantiles of the same with their latencies, ever closer together towards 1.
    pub latency_curve: Vec<(f64, f64)>,
    /// The same at a given rate.
    pub at_rate: Option<AtRate>,
    /// By name, in the order of the configuration; with one frame in flight.
    #[serde(serialize_with = "as_map")]
    pub stages: Vec<(String, Stage)>,
    /// By name: the stages whose kernel is built in, sandboxed and native on the same frames. Empty unless asked for.
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    pub native: Vec<(String, NativeComparison)>,
    /// Beside other reports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    /// From the start of the command to the first frame at the end of the graph, compilation included.
    pub first_frame_ms: f64,
    /// Memory when it came through, streams not counted.
    pub rss_bytes: u64,
    /// The single rounds, so that others can see the spread.
    pub rounds: Rounds,
    /// Streams, nodes and lanes.
    pub graph: Description,
    /// How the pipeline was made ready.
    pub notes: Vec<String>,
    /// Why the figures should not be trusted.
    pub warnings: Vec<String>,
}

/// A distribution in microseconds; `null` where nothing was measured.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// So many were measured.
    #[serde(default)]
    pub count: u64,
    /// Half were faster.
    pub p50: Option<f64>,
    /// Nine in ten were faster.
    pub p90: Option<f64>,
    /// All but one in a hundred were faster.
    pub p99: Option<f64>,
    /// All but one in a thousand were faster.
    pub p999: Option<f64>,
    /// The slowest.
    pub max: Option<f64>,
}

impl Percentiles {
    /// Read off counts, and moved by `by` microseconds, but not below 0.
    fn moved(counts: &Counts, by: f64) -> Self {
        let distribution = counts.distribution();
        let moved = |us: Option<f64>| us.map(|us| ((us + by).max(0.0) * 1000.0).round() / 1000.0);
        let at = |quantile| moved(distribution.microseconds(quantile));
        Self {
            count: counts.total(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: moved(distribution.max_microseconds()),
        }
    }

    fn of(counts: &Counts) -> Self {
        Self::moved(counts, 0.0)
    }
}

/// What happened at a given rate. Latency counts from when a frame was due.
#[derive(Clone, Debug, Serialize)]
pub struct AtRate {
    /// The rate that was wanted.
    pub rate_hz: f64,
    /// Frames that were sent.
    pub sent: u64,
    /// Frames that arrived; others were overtaken, or are still on their way.
    pub arrived: u64,
    /// From when a frame was due at the source to its publish at the end.
    pub latency_us: Percentiles,
    /// Quantiles with their latencies.
    pub latency_curve: Vec<(f64, f64)>,
}

/// Where the time of a frame goes in one stage.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Its kind.
    pub kind: String,
    /// The kernel: its call without what an empty call costs.
    pub kernel_us: Percentiles,
    /// The sandbox around it: the rest of the turn, and an empty call.
    pub overhead_us: Percentiles,
    /// From the publish of the trigger to the start of the turn.
    pub wait_us: Percentiles,
    /// Whether that publish is in another lane, so that the wait is a hand-off between threads.
    pub hand_off: bool,
    /// What a call of a kernel costs that does nothing; the median.
    pub empty_call_us: f64,
}

/// The figures of the single rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rounds {
    /// Frames a second.
    pub throughput_hz: Vec<f64>,
    /// The median latency with one frame in flight.
    pub latency_p50_us: Vec<f64>,
    /// What all but one frame in a hundred took at most.
    pub latency_p99_us: Vec<f64>,
}

impl Report {
    /// Of what was measured.
    pub(super) fn of(prepared: &Prepared, options: &Options, results: &Results) -> Self {
        let latency = Total::of(&results.latency);
        let at_rate = Total::of(&results.at_rate);
        let quantile = |quantile: f64| {
            let runs = results.latency.iter();
            let values = runs.map(|run| run.span.latency.distribution().microseconds(quantile));
            values.flatten().collect()
        };
        let rounds = Rounds {
            throughput_hz: results.throughput.iter().map(rate).collect(),
            latency_p50_us: quantile(0.5),
            latency_p99_us: quantile(0.99),
        };
        let since_start = results.start_up.first_frame.duration_since(options.started);
        let mut report = Self {
            pipeline: prepared.name.clone(),
            machine: machine(results),
            throughput_hz: median(&rounds.throughput_hz),
            latency_us: Percentiles::of(&latency.latency),
            latency_curve: curve(&latency.latency.distribution()),
            at_rate: options.rate_hz.map(|rate_hz| AtRate {
                rate_hz,
                sent: at_rate.sent,
                arrived: at_rate.arrived,
                latency_us: Percentiles::of(&at_rate.latency),
                latency_curve: curve(&at_rate.latency.distribution()),
            }),
            stages: stages(prepared, results, &latency.stages),
            native: results.native.clone(),
            comparisons: Vec::new(),
            first_frame_ms: since_start.as_secs_f64() * 1e3,
            rss_bytes: results.start_up.resident_bytes,
            rounds,
            graph: prepared.plan.describe(),
            notes: prepared.notes.clone(),
            warnings: Vec::new(),
        };
        report.warnings = warnings::of(&report, options, results);
        report
    }

    /// Adds a comparison with another report.
    pub fn compare_with(&mut self, other: &Other) {
        let comparison = compare(self, other);
        self.warnings.extend(comparison.warning.clone());
        self.comparisons.push(comparison);
    }
}

/// Several runs together.
#[derive(Default)]
struct Total {
    latency: Counts,
    stages: Vec<StageCounts>,
    sent: u64,
    arrived: u64,
}

impl Total {
    fn of(runs: &[Measured]) -> Self {
        let mut total = Self::default();
        for run in runs {
            total.latency.add(&run.span.latency);
            total.sent += run.span.sent;
            total.arrived += run.span.arrived;
            total
                .stages
                .resize_with(run.span.stages.len(), StageCounts::default);
            for (stage, more) in total.stages.iter_mut().zip(&run.span.stages) {
                stage.add(more);
            }
        }
        total
    }
}

fn stages(prepared: &Prepared, results: &Results, counts: &[StageCounts]) -> Vec<(String, Stage)> {
    let graph = prepared.plan.describe();
    let planned = prepared.plan.stages.iter().zip(counts);
    let stages = planned.map(|(planned, counts)| {
        let empty_call_us = results.calls.of(planned.program.isolation());
        let name = planned.context.name.clone();
        let stage = Stage {
            kind: planned.context.kind.clone(),
            kernel_us: Percentiles::moved(&counts.call, -empty_call_us),
            overhead_us: Percentiles::moved(&counts.around, empty_call_us),
            wait_us: Percentiles::of(&counts.wait),
            hand_off: is_handed_over(&graph, &name),
            empty_call_us,
        };
        (name, stage)
    });
    stages.collect()
}

/// Whether a producer of the node's triggers is in another lane.
fn is_handed_over(graph: &Description, name: &str) -> bool {
    let lane = |name: &str| {
        let node = graph.nodes.iter().find(|node| node.name == name);
        node.map(|node| node.lane.as_str())
    };
    let triggers = graph.edges.iter();
    let mut triggers = triggers.filter(|edge| edge.to == name && edge.role == "trigger");
    triggers.any(|trigger| {
        let producers = graph.edges.iter();
        let mut producers =
            producers.filter(|edge| edge.to == trigger.from && edge.role == "output");
        producers.any(|producer| lane(&producer.from) != lane(name))
    })
}

fn machine(results: &Results) -> Machine {
    let runs = || {
        let all = results.throughput.iter().chain(&results.latency);
        all.chain(&results.at_rate).map(|run| &run.span)
    };
    let waiting = runs().map(|span| span.kept_waiting_ns as f64 / 1e9 / span.seconds.max(1e-9));
    Machine {
        noise: results.noise.clone(),
        stolen: runs().map(|span| span.stolen).fold(0.0, f64::max),
        kept_waiting: waiting.fold(0.0, f64::max),
        ..Machine::of_now(results.load_before)
    }
}

fn rate(run: &Measured) -> f64 {
    run.span.arrived as f64 / run.span.seconds.max(1e-9)
}

/// The middle one; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// Points without those that say nothing new.
fn curve(distribution: &Distribution) -> Vec<(f64, f64)> {
    let mut curve = distribution.curve();
    curve.dedup_by_key(|(_, value)| *value);
    curve
}
