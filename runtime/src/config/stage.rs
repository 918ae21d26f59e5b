//! The stages of a pipeline: `kernels:`, and `sources:` and `sinks:` whose kernels are guests'.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::located::{Located, Span};
use super::on_fault::{self, FaultAction, OnFault};
use super::parameters::{self, Parameters};
use super::reference::{self, Auxiliary, StreamNames};
use super::role::{self, Role};
use super::stream::StreamIndex;
use super::supervision::{self, Isolation, Limits, Publish};

pub(super) const KEYS: [&str; 24] = [
    "name",
    "kind",
    "module",
    "input",
    "inputs",
    "output",
    "outputs",
    "auxiliary",
    "operation",
    "parameters",
    "read_timeout",
    "pause_sleep",
    "poll_interval",
    "trigger_policy",
    "synchronization",
    "propagate_frame_id",
    "limits",
    "on_fault",
    "isolation",
    "lane",
    "delivery",
    "publish",
    "instances",
    "sha256",
];

/// When a stage with several trigger inputs runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerPolicy {
    /// When any of them has a new frame: the default of one input.
    AnyNew,
    /// When all of them have one: the default of several.
    AllNew,
}

/// Which frames a reader gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// The newest one; what it skips is counted.
    #[default]
    Latest,
    /// All of them; the producer waits.
    Every,
}

/// How frames of several trigger inputs are matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SynchronizationMode {
    /// By how many came.
    #[default]
    Count,
    /// By their `frame_id`.
    MatchingFrameId,
}

/// `synchronization:` of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Synchronization {
    /// How frames are matched.
    pub mode: SynchronizationMode,
    /// Generations that the inputs may be apart before they are given up.
    pub max_skew_generations: u32,
    /// How long to wait for the inputs that lag.
    pub max_wait: Option<Duration>,
}

/// One entry of `kernels:`.
#[derive(Clone, Debug, PartialEq)]
pub struct StageConfig {
    /// Where the entry stands.
    pub span: Span,
    /// The section that it stands in.
    pub role: Role,
    /// The name of the stage.
    pub name: Located<String>,
    /// The kind of its kernel; given unless `module` is.
    pub kind: Option<Located<String>>,
    /// The file of its kernel, absolute; instead of a kind that is found.
    pub module: Option<Located<PathBuf>>,
    /// SHA-256 that the module's file must have.
    pub sha256: Option<Located<[u8; 32]>>,
    /// The streams whose frames make it run: at least one, but none for a source.
    pub trigger: Vec<Located<StreamIndex>>,
    /// The streams that it reads as they are.
    pub auxiliary: Vec<Auxiliary>,
    /// The streams that it publishes on: at least one, but a sink needs none.
    pub outputs: Vec<Located<StreamIndex>>,
    /// The expression of `cpu.custom_operation`.
    pub operation: Option<Located<String>>,
    /// What the kernel is told.
    pub parameters: Parameters,
    /// How long it waits for a frame before it looks whether it is to stop; 1 s.
    pub read_timeout: Duration,
    /// How often it looks whether a pause is over; 10 ms.
    pub pause_sleep: Duration,
    /// How often it looks for a frame where it cannot be woken; 10 µs.
    pub poll_interval: Duration,
    /// Frames a second of a source; `None`: as fast as they are taken.
    pub rate: Option<Located<f64>>,
    /// When it runs.
    pub trigger_policy: TriggerPolicy,
    /// How frames of several inputs are matched.
    pub synchronization: Option<Synchronization>,
    /// Whether outputs carry the largest `frame_id` of the trigger inputs; else that of the first one that is new.
    pub propagate_frame_id: bool,
    /// Bounds of its kernel.
    pub limits: Limits,
    /// What happens after a fault.
    pub on_fault: Located<OnFault>,
    /// Where it runs.
    pub isolation: Located<Isolation>,
    /// The lane it asks for.
    pub lane: Option<Located<String>>,
    /// Which frames it gets.
    pub delivery: Delivery,
    /// How its outputs become visible.
    pub publish: Located<Publish>,
    /// Instances among which a frame is split.
    pub instances: Located<u32>,
}

impl StageConfig {
    /// What messages call it: `kernel 'a'`.
    pub fn called(&self) -> String {
        format!("{} '{}'", self.role.name(), self.name.value)
    }
}

/// Reads one entry of the section of `role`. Paths are relative to `directory`.
pub(super) fn read(
    role: Role,
    fields: &mut Fields<'_, '_>,
    streams: &StreamNames<'_>,
    directory: &Path,
) -> Option<StageConfig> {
    let span = fields.span;
    let name = fields.required_text("name");
    let kind = fields.optional_text("kind");
    let module = fields
        .optional_text("module")
        .map(|path| path.map(|path| directory.join(path)));
    if fields.get("kind").is_none() && fields.get("module").is_none() {
        fields.diagnostics.push(
            Diagnostic::at(span, format!("{} lacks the key 'kind'", fields.what))
                .help("add 'kind: …', or 'module: FILE.wasm'"),
        );
    }
    let sha256 = fields.parsed("sha256", "a SHA-256 digest", digest);
    let (trigger, outputs) = role.ends(fields, streams);
    let auxiliary = reference::auxiliary(fields, streams);
    if let (Some(trigger), Some(auxiliary), Some(outputs)) = (&trigger, &auxiliary, &outputs) {
        reference::check_overlap(fields, streams, trigger, auxiliary, outputs);
    }
    let operation = fields.optional_lines("operation");
    let parameters = parameters::read(fields);
    let read_timeout = role.read_timeout(fields);
    let pause_sleep = fields.seconds("pause_sleep");
    let poll_interval = fields.seconds("poll_interval");
    let trigger_policy = fields.choice(
        "trigger_policy",
        &[
            ("any_new", TriggerPolicy::AnyNew),
            ("all_new", TriggerPolicy::AllNew),
        ],
    );
    let several = trigger.as_ref().is_some_and(|trigger| trigger.len() > 1);
    let policy = match &trigger_policy {
        Some(policy) => policy.value,
        None if several => TriggerPolicy::AllNew,
        None => TriggerPolicy::AnyNew,
    };
    let synchronization = synchronization(fields, policy);
    let propagate_frame_id = fields.boolean("propagate_frame_id");
    let rate = role::rate(fields);
    let mut limits = supervision::limits(fields);
    role.timeout(fields, &mut limits);
    let on_fault = on_fault::read(fields);
    let isolation = fields.choice(
        "isolation",
        &[
            ("thread", Isolation::Thread),
            ("process", Isolation::Process),
        ],
    );
    let lane = fields.optional_text("lane");
    let delivery = delivery(fields);
    let publish = fields.choice(
        "publish",
        &[("in_place", Publish::InPlace), ("sealed", Publish::Sealed)],
    );
    let instances = fields.small_integer("instances", 1, 1024);
    Some(StageConfig {
        span,
        role,
        name: name?,
        kind,
        module,
        sha256,
        trigger: trigger?,
        auxiliary: auxiliary?,
        outputs: outputs?,
        operation,
        parameters,
        read_timeout: read_timeout.map_or(Duration::from_secs(1), |time| time.value),
        pause_sleep: pause_sleep.map_or(Duration::from_millis(10), |time| time.value),
        poll_interval: poll_interval.map_or(Duration::from_micros(10), |time| time.value),
        rate,
        trigger_policy: policy,
        synchronization,
        propagate_frame_id: propagate_frame_id.is_some_and(|propagate| propagate.value),
        limits,
        on_fault: on_fault
            .unwrap_or_else(|| Located::new(OnFault::of(FaultAction::Stop, span), span)),
        isolation: isolation.unwrap_or(Located::new(Isolation::default(), span)),
        lane,
        delivery,
        publish: publish.unwrap_or(Located::new(Publish::default(), span)),
        instances: instances.unwrap_or(Located::new(1, span)),
    })
}

/// The key `delivery`.
pub(super) fn delivery(fields: &mut Fields<'_, '_>) -> Delivery {
    let choice = fields.choice(
        "delivery",
        &[("latest", Delivery::Latest), ("every", Delivery::Every)],
    );
    choice.map_or(Delivery::default(), |delivery| delivery.value)
}

/// 64 hexadecimal digits, with or without `sha256:` before them.
fn digest(text: &str) -> Result<[u8; 32], String> {
    let digits = text.trim();
    let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
    let mut digest = [0; 32];
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Ok(digest)
    } else {
        Err("write its 64 hexadecimal digits, as sha256sum prints them".to_owned())
    }
}

fn synchronization(stage: &mut Fields<'_, '_>, policy: TriggerPolicy) -> Option<Synchronization> {
    let node = stage.get("synchronization")?;
    let what = format!("'synchronization' of {}", stage.what);
    let known = [
        "mode",
        "on_skew",
        "max_skew_generations",
        "max_wait_s",
        "timeout",
    ];
    let mut fields = Fields::of(node, what, &known, stage.diagnostics)?;
    let mode = fields.choice(
        "mode",
        &[
            ("count", SynchronizationMode::Count),
            ("matching_frame_id", SynchronizationMode::MatchingFrameId),
        ],
    );
    fields.choice("on_skew", &[("drop_older", ())]);
    let skew = fields.small_integer("max_skew_generations", 1, u32::MAX);
    let wait = fields.seconds("max_wait_s");
    let timeout = fields.seconds("timeout");
    if let (Some(_), Some(timeout)) = (wait, timeout) {
        fields.diagnostics.push(
            Diagnostic::at(
                timeout.span,
                format!(
                    "{} has both 'max_wait_s' and 'timeout', which mean the same",
                    fields.what
                ),
            )
            .help("keep 'max_wait_s'"),
        );
    }
    if let Some(mode) = &mode
        && mode.value == SynchronizationMode::MatchingFrameId
        && policy != TriggerPolicy::AllNew
    {
        fields.diagnostics.push(
            Diagnostic::at(
                mode.span,
                format!(
                    "{} is by 'matching_frame_id', which needs a new frame of every input",
                    fields.what
                ),
            )
            .help("add 'trigger_policy: all_new'"),
        );
    }
    Some(Synchronization {
        mode: mode.map_or(SynchronizationMode::default(), |mode| mode.value),
        max_skew_generations: skew.map_or(16, |skew| skew.value),
        max_wait: wait.or(timeout).map(|wait| wait.value),
    })
}
