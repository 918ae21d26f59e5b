//! What bounds a stage, and what happens when it faults.

use std::time::Duration;

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::located::Located;
use super::units::{self, Rate};
use super::yaml::{Node, Value};

/// `limits:` of a stage; where nothing is given, the sandbox has defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Bytes of linear memory that the guest may have, windows not counted.
    pub memory: Option<Located<u64>>,
    /// How long one call may take.
    pub deadline: Option<Located<Duration>>,
    /// How long each step before the first frame may take.
    pub startup: Option<Located<Duration>>,
    /// How many messages it may log.
    pub log_rate: Option<Located<Rate>>,
}

/// What is done about a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultAction {
    /// The pipeline ends.
    #[default]
    Stop,
    /// The stage starts anew.
    Restart,
    /// The frame is left out.
    Skip,
    /// The last output is published again.
    Hold,
    /// The input is published as the output.
    Bypass,
}

/// `on_fault:` of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OnFault {
    /// What is done.
    pub action: FaultAction,
    /// How often, `within` a time.
    pub max_restarts: Option<u32>,
    /// The time in which restarts are counted.
    pub within: Option<Duration>,
    /// The wait before a restart.
    pub backoff: Option<Duration>,
    /// What is done when `max_restarts` is exceeded.
    pub then: Option<FaultAction>,
}

/// Where a stage runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// On a thread of this process.
    #[default]
    Thread,
    /// In a process of its own.
    Process,
}

/// How an output becomes visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// The slot that the kernel wrote.
    #[default]
    InPlace,
    /// After the kernel can no longer write it.
    Sealed,
}

const ACTIONS: [(&str, FaultAction); 5] = [
    ("stop", FaultAction::Stop),
    ("restart", FaultAction::Restart),
    ("skip", FaultAction::Skip),
    ("hold", FaultAction::Hold),
    ("bypass", FaultAction::Bypass),
];

impl FaultAction {
    /// As it is written: `stop`.
    pub fn name(self) -> &'static str {
        ACTIONS[self as usize].0
    }
}

/// A guest cannot address more.
const MEMORY_LIMIT: u64 = 4 << 30;

/// The key `limits`.
pub(super) fn limits(stage: &mut Fields<'_, '_>) -> Limits {
    let Some(node) = stage.get("limits") else {
        return Limits::default();
    };
    let what = format!("'limits' of {}", stage.what);
    let known = ["memory", "deadline", "startup", "log_rate"];
    let Some(mut fields) = Fields::of(node, what, &known, stage.diagnostics) else {
        return Limits::default();
    };
    let memory = fields.parsed("memory", "a size in bytes", units::size);
    if let Some(memory) = memory.filter(|memory| memory.value > MEMORY_LIMIT) {
        fields.diagnostics.push(Diagnostic::at(
            memory.span,
            format!(
                "'memory' of {} must be at most 4GiB, all that a guest can address",
                fields.what
            ),
        ));
    }
    Limits {
        memory,
        deadline: fields.duration("deadline"),
        startup: fields.duration("startup"),
        log_rate: fields.parsed("log_rate", "a rate", units::rate),
    }
}

/// The key `on_fault`: an action, or a mapping with one.
pub(super) fn on_fault(stage: &mut Fields<'_, '_>) -> Option<Located<OnFault>> {
    let node: &Node = stage.get("on_fault")?;
    if !matches!(node.value, Value::Mapping(_)) {
        let action = stage.choice_of("on_fault", node, &ACTIONS)?;
        return Some(action.map(|action| OnFault {
            action,
            ..OnFault::default()
        }));
    }
    let what = format!("'on_fault' of {}", stage.what);
    let known = ["action", "max_restarts", "within", "backoff", "then"];
    let mut fields = Fields::of(node, what, &known, stage.diagnostics)?;
    fields.require("action");
    let action = fields.choice("action", &ACTIONS);
    let max_restarts = fields.small_integer("max_restarts", 0, u32::MAX);
    let within = fields.duration("within");
    let backoff = fields.duration("backoff");
    let then = fields.choice("then", &ACTIONS);
    action.map(|action| {
        action.map(|action| OnFault {
            action,
            max_restarts: max_restarts.map(|count| count.value),
            within: within.map(|time| time.value),
            backoff: backoff.map(|time| time.value),
            then: then.map(|then| then.value),
        })
    })
}
