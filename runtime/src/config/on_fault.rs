//! `on_fault:`, what is done when a stage faults.

use std::time::Duration;

use super::StageConfig;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::Fields;
use super::located::{Located, Span};
use super::stream::StreamConfig;
use super::yaml::Value;

/// What is done about a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultAction {
    /// The pipeline ends.
    #[default]
    Stop,
    /// The stage starts anew; the frame is lost.
    Restart,
    /// The frame is left out.
    Skip,
    /// The last output is published again.
    Hold,
    /// The input is published as the output.
    Bypass,
}

/// `on_fault:` of a stage, with the defaults where nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnFault {
    /// What is done.
    pub action: FaultAction,
    /// How many fresh instances there may be `within` a time; `None`: any number. `restart` allows 5 unless told
    /// otherwise, since a stage that does nothing but start is better stopped; the others any number.
    pub max_restarts: Option<u32>,
    /// The time in which restarts are counted: 10 s.
    pub within: Duration,
    /// The wait before the second restart in a row: 1 ms. The first comes at once; from the second on the wait doubles.
    pub backoff: Duration,
    /// What is done from then on when `max_restarts` is exceeded: `stop`.
    pub then: Located<FaultAction>,
}

impl OnFault {
    /// The defaults of an action.
    pub fn of(action: FaultAction, span: Span) -> OnFault {
        OnFault {
            action,
            max_restarts: (action == FaultAction::Restart).then_some(MAX_RESTARTS),
            within: WITHIN,
            backoff: BACKOFF,
            then: Located::new(FaultAction::Stop, span),
        }
    }
}

const MAX_RESTARTS: u32 = 5;
const WITHIN: Duration = Duration::from_secs(10);
const BACKOFF: Duration = Duration::from_millis(1);

/// So many restarts have to be remembered.
const MOST_RESTARTS: u32 = 1_000_000;

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

/// The key `on_fault`: an action, or a mapping with one.
pub(super) fn read(stage: &mut Fields<'_, '_>) -> Option<Located<OnFault>> {
    let node = stage.get("on_fault")?;
    if !matches!(node.value, Value::Mapping(_)) {
        let action = stage.choice_of("on_fault", node, &ACTIONS)?;
        return Some(action.map(|word| OnFault::of(word, action.span)));
    }
    let what = format!("'on_fault' of {}", stage.what);
    let known = ["action", "max_restarts", "within", "backoff", "then"];
    let mut fields = Fields::of(node, what, &known, stage.diagnostics)?;
    fields.require("action");
    let action = fields.choice("action", &ACTIONS);
    let max_restarts = fields.small_integer("max_restarts", 0, MOST_RESTARTS);
    let within = fields.duration("within");
    let backoff = fields.duration("backoff");
    let then = fields.choice("then", &ACTIONS);
    let action = action?;
    let defaults = OnFault::of(action.value, action.span);
    let rule = OnFault {
        action: action.value,
        max_restarts: max_restarts
            .map(|count| count.value)
            .or(defaults.max_restarts),
        within: within.map_or(defaults.within, |time| time.value),
        backoff: backoff.map_or(defaults.backoff, |time| time.value),
        then: then.unwrap_or(defaults.then),
    };
    let counted = [
        ("within", within.map(|time| time.span)),
        ("then", then.map(|then| then.span)),
    ];
    if rule.action == FaultAction::Stop {
        let restarts = [
            ("max_restarts", max_restarts.map(|count| count.span)),
            ("backoff", backoff.map(|time| time.span)),
        ];
        let useless = counted.into_iter().chain(restarts);
        refuse_each(&mut fields, useless, "with 'action: stop'", "remove it");
    } else if rule.max_restarts.is_none() {
        let help = "add 'max_restarts: …', or remove it";
        refuse_each(&mut fields, counted, "without 'max_restarts'", help);
    }
    if let Some(count) = max_restarts.filter(|count| count.value == 0)
        && rule.action == FaultAction::Restart
    {
        let message = format!("{} restarts, but 'max_restarts' is 0", fields.what);
        fields.diagnostics.push(
            Diagnostic::at(count.span, message)
                .help("allow at least one, or use another action: skip, hold, bypass or stop"),
        );
    }
    if let Some(then) = then {
        check_then(&mut fields, rule.action, then);
    }
    Some(Located::new(rule, action.span))
}

/// Reports each of the given keys as one that does nothing.
fn refuse_each(
    fields: &mut Fields<'_, '_>,
    keys: impl IntoIterator<Item = (&'static str, Option<Span>)>,
    circumstance: &str,
    help: &str,
) {
    for (key, span) in keys {
        if let Some(span) = span {
            let message = format!("'{key}' of {} means nothing {circumstance}", fields.what);
            fields
                .diagnostics
                .push(Diagnostic::at(span, message).help(help));
        }
    }
}

fn check_then(fields: &mut Fields<'_, '_>, action: FaultAction, then: Located<FaultAction>) {
    let problem = match (action, then.value) {
        (_, FaultAction::Restart) => {
            "cannot be restart: it is what is done when restarts are used up"
        }
        (FaultAction::Bypass, FaultAction::Hold) => {
            "cannot be hold after bypass: there is no good output to hold once inputs were published in its place"
        }
        _ => return,
    };
    let message = format!("'then' of {} {problem}", fields.what);
    fields.diagnostics.push(
        Diagnostic::at(then.span, message).help("use stop, skip or another action that fits"),
    );
}

/// A stage that bypasses has one output, which its first trigger's frames fit into.
pub(super) fn check_bypass(
    stages: &[StageConfig],
    streams: &[StreamConfig],
    diagnostics: &mut Diagnostics,
) {
    for stage in stages {
        let rule = &stage.on_fault;
        let span = match FaultAction::Bypass {
            bypass if rule.action == bypass => rule.span,
            bypass if rule.then.value == bypass => rule.then.span,
            _ => continue,
        };
        let called = stage.called();
        let Some(trigger) = stage.trigger.first() else {
            let message = format!("{called} cannot bypass: it has no input");
            diagnostics.push(Diagnostic::at(span, message).help("use 'hold' or 'skip'"));
            continue;
        };
        let [output] = &stage.outputs[..] else {
            let message = format!(
                "{called} cannot bypass: it has {} outputs, and a frame can take the place of one",
                stage.outputs.len()
            );
            diagnostics.push(Diagnostic::at(span, message).help("use 'hold' or 'skip'"));
            continue;
        };
        let (from, to) = (&streams[trigger.value.0], &streams[output.value.0]);
        if from.array != to.array {
            let message = format!(
                "{called} cannot bypass: its trigger '{}' is {}, but its output '{}' is {}",
                from.name.value, from.array, to.name.value, to.array
            );
            diagnostics.push(Diagnostic::at(span, message).help("use 'hold' or 'skip'"));
        }
    }
}
