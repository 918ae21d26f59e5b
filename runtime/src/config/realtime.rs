//! `realtime:`, what lanes ask of the system.

use super::fields::Fields;
use super::located::{Located, Span};
use super::yaml::Value;

/// Processors are numbered below this (`CPU_SETSIZE`).
const PROCESSORS: i128 = 1024;
/// The watchdog needs one more than the lanes, and 99 is the most that there is.
const HIGHEST: u32 = 98;

/// What lanes ask of the system. Without `realtime:`, only a processor each.
#[derive(Clone, Debug, PartialEq)]
pub struct Realtime {
    /// Where it stands.
    pub span: Span,
    /// The priority of lanes under `SCHED_FIFO`; `None`: they are ordinary threads.
    pub priority: Option<Located<u32>>,
    /// Whether all memory is kept from being paged out.
    pub lock_memory: Option<Located<bool>>,
    /// Whether processors are kept from sleeping between frames.
    pub awake: Option<Located<bool>>,
    /// On which processors lanes run.
    pub pin: Pin,
}

/// On which processors lanes run.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Pin {
    /// Each on one of those that the process may use, in turn.
    #[default]
    Available,
    /// Wherever the system puts them.
    Free,
    /// Each on one of these, in turn.
    Listed(Vec<Located<usize>>),
}

/// The key `realtime` of the pipeline.
pub(super) fn read(top: &mut Fields<'_, '_>) -> Option<Realtime> {
    let node = top.get("realtime")?;
    let known = ["priority", "lock_memory", "awake", "pin"];
    let mut fields = Fields::of(node, "'realtime'", &known, top.diagnostics)?;
    Some(Realtime {
        span: node.span,
        priority: fields.small_integer("priority", 1, HIGHEST),
        lock_memory: fields.boolean("lock_memory"),
        awake: fields.boolean("awake"),
        pin: pin(&mut fields),
    })
}

fn pin(fields: &mut Fields<'_, '_>) -> Pin {
    let expected = "true, false, or a list of processors' numbers";
    let Some(node) = fields.get("pin") else {
        return Pin::default();
    };
    let Value::List(items) = &node.value else {
        return match fields.get("pin").map(|node| &node.value) {
            Some(Value::Bool(true)) => Pin::Available,
            Some(Value::Bool(false)) => Pin::Free,
            _ => {
                fields.wrong("pin", node, expected);
                Pin::default()
            }
        };
    };
    if items.is_empty() {
        fields.wrong("pin", node, expected);
    }
    let mut processors = Vec::with_capacity(items.len());
    for item in items {
        match item.value {
            Value::Integer(number) if (0..PROCESSORS).contains(&number) => {
                processors.push(Located::new(number as usize, item.span));
            }
            _ => fields.wrong("pin", item, "a list of processors' numbers"),
        }
    }
    Pin::Listed(processors)
}
