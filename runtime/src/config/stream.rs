//! `shared_memory:`, the streams of a pipeline.

use std::path::Path;

use crate::array::{ArrayType, Dtype};

use super::diagnostic::{Diagnostic, suggestion};
use super::fields::Fields;
use super::initial::{self, Initial};
use super::located::{Located, Span};
use super::yaml::{Node, Value};

/// A pyshmem header has 256 bytes for the name, one of which stays free for its end.
const NAME_LIMIT: usize = 255;

/// Dimensions that a frame may have.
const RANK_LIMIT: usize = 32;

/// Bounds of `slots`: two readers' worth at least, and no more than is ever of use.
const SLOTS: (u32, u32) = (3, 4096);

pub(super) const KEYS: [&str; 11] = [
    "name",
    "shape",
    "dtype",
    "storage",
    "gpu_device",
    "cpu_mirror",
    "notify",
    "mode",
    "initial",
    "slots",
    "mirror",
];

/// An index into [`Config::streams`](super::Config::streams).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamIndex(pub usize);

/// Where the memory of a stream lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In the host's memory: the only one that kernels of this version can use.
    Cpu,
    /// On a GPU; understood so that it can be refused with the reason.
    Gpu,
}

impl Storage {
    /// As it is written: `cpu`.
    pub fn name(self) -> &'static str {
        match self {
            Storage::Cpu => "cpu",
            Storage::Gpu => "gpu",
        }
    }
}

/// What to do when a stream of this name exists already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Use it if dtype and shape are the same, else replace it.
    #[default]
    CreateOrAttach,
    /// Fail.
    Create,
    /// Use it; fail where there is none or where it differs.
    Attach,
    /// Replace it.
    Replace,
}

/// One entry of `shared_memory:`.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfig {
    /// The name in the pipeline, without the namespace.
    pub name: Located<String>,
    /// Dtype and shape of a frame; its size in bytes fits in a `usize`.
    pub array: ArrayType,
    /// Where the shape stands.
    pub shape_span: Span,
    /// Where the dtype stands; of the entry, where it is left to its default, `float64`.
    pub dtype_span: Span,
    /// Where its memory lies.
    pub storage: Located<Storage>,
    /// The GPU, for a stream on one.
    pub gpu_device: Option<Located<String>>,
    /// Whether a stream on a GPU has a copy in the host's memory.
    pub cpu_mirror: Option<Located<bool>>,
    /// Whether publishing wakes readers of other processes; by default, if somebody here reads the stream.
    pub notify: Option<bool>,
    /// What to do when it exists already.
    pub mode: Mode,
    /// What is published before the first frame.
    pub initial: Option<Located<Initial>>,
    /// Slots of the ring; by default as many as its readers need.
    pub slots: Option<Located<u32>>,
    /// Whether frames are copied to where pyshmem readers look; by default, at the edge of the graph.
    pub mirror: Option<bool>,
}

/// Reads one entry. `namespace` is put before the name in the system, paths are relative to `directory`.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    namespace: Option<&str>,
    directory: &Path,
) -> Option<StreamConfig> {
    let name = fields.required_text("name");
    if let Some(name) = &name {
        check_length(fields, name, namespace);
    }
    let shape = fields.require("shape").and_then(|node| shape(fields, node));
    let dtype = dtype(fields);
    let storage = match fields.get("storage") {
        None => Some(Located::new(Storage::Cpu, fields.span)),
        Some(_) => fields.choice("storage", &[("cpu", Storage::Cpu), ("gpu", Storage::Gpu)]),
    };
    let gpu_device = fields.optional_text("gpu_device");
    let cpu_mirror = fields.boolean("cpu_mirror");
    if let Some(storage) = storage {
        check_device(fields, storage, gpu_device.as_ref());
    }
    let notify = fields.boolean("notify");
    let mode = fields.choice(
        "mode",
        &[
            ("create_or_attach", Mode::CreateOrAttach),
            ("create", Mode::Create),
            ("attach", Mode::Attach),
            ("replace", Mode::Replace),
        ],
    );
    let slots = fields.small_integer("slots", SLOTS.0, SLOTS.1);
    let mirror = fields.boolean("mirror");
    let (dtype, shape) = (dtype?, shape?);
    let array = ArrayType {
        dtype: dtype.value,
        shape: shape.value,
    };
    if array
        .bytes()
        .is_none_or(|bytes| isize::try_from(bytes).is_err())
    {
        fields.diagnostics.push(Diagnostic::at(
            shape.span,
            format!(
                "a frame of {}, {array}, has more bytes than can be counted",
                fields.what
            ),
        ));
        return None;
    }
    let initial = initial::read(fields, &array, directory);
    Some(StreamConfig {
        name: name?,
        array,
        shape_span: shape.span,
        dtype_span: dtype.span,
        storage: storage?,
        gpu_device,
        cpu_mirror,
        notify: notify.map(|notify| notify.value),
        mode: mode.map_or(Mode::default(), |mode| mode.value),
        initial,
        slots,
        mirror: mirror.map(|mirror| mirror.value),
    })
}

fn check_length(fields: &mut Fields<'_, '_>, name: &Located<String>, namespace: Option<&str>) {
    let prefix = namespace.map_or(0, |namespace| namespace.len() + 1);
    if prefix + name.len() > NAME_LIMIT {
        fields.diagnostics.push(Diagnostic::at(
            name.span,
            format!(
                "the name of a stream may have {NAME_LIMIT} bytes with its namespace, but this one has {}",
                prefix + name.len()
            ),
        ));
    }
}

fn shape(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Located<Vec<u32>>> {
    let Value::List(items) = &node.value else {
        fields.wrong("shape", node, "a list of integers");
        return None;
    };
    if items.is_empty() || items.len() > RANK_LIMIT {
        fields.diagnostics.push(
            Diagnostic::at(
                node.span,
                format!(
                    "'shape' of {} must have from 1 to {RANK_LIMIT} dimensions, but it has {}",
                    fields.what,
                    items.len()
                ),
            )
            .help("a single number is a shape of [1]"),
        );
        return None;
    }
    let mut shape = Vec::with_capacity(items.len());
    for item in items {
        let expected = match item.value {
            Value::Integer(extent) if extent >= 1 => match u32::try_from(extent) {
                Ok(extent) => {
                    shape.push(extent);
                    continue;
                }
                Err(_) => format!("of at most {}", u32::MAX),
            },
            _ => "of at least 1".to_owned(),
        };
        fields.diagnostics.push(Diagnostic::at(
            item.span,
            format!(
                "an extent in 'shape' of {} must be an integer {expected}, but it is {}",
                fields.what,
                item.value.described()
            ),
        ));
    }
    (shape.len() == items.len()).then(|| Located::new(shape, node.span))
}

fn dtype(fields: &mut Fields<'_, '_>) -> Option<Located<Dtype>> {
    let Some(node) = fields.get("dtype") else {
        return Some(Located::new(Dtype::F64, fields.span));
    };
    let text = fields.text("dtype", node)?;
    // NumPy's `u8` has 8 bytes, the contract's has 8 bits: too easily meant the other way.
    let ambiguous = text.value == "u8";
    if let (Some(dtype), false) = (numpy_dtype(&text), ambiguous) {
        return Some(text.map(|_| dtype));
    }
    let help = if ambiguous {
        "write uint8 or uint64".to_owned()
    } else if let Some(dtype) = Dtype::from_name(&text) {
        format!("did you mean '{}'?", dtype.numpy_name())
    } else if text.starts_with(['>', '!']) {
        "frames are little endian".to_owned()
    } else {
        suggestion(&text, NUMPY_NAMES, "the dtypes")
    };
    fields.diagnostics.push(
        Diagnostic::at(
            node.span,
            format!(
                "'dtype' of {} must be a dtype of NumPy, but it is '{}'",
                fields.what, text.value
            ),
        )
        .help(help),
    );
    None
}

const NUMPY_NAMES: [&str; 14] = [
    "float32",
    "float64",
    "float16",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "int8",
    "int16",
    "int32",
    "int64",
    "bool",
    "complex64",
    "complex128",
];

/// NumPy's names, type strings and the words that it takes for them.
fn numpy_dtype(text: &str) -> Option<Dtype> {
    Dtype::from_numpy(text).or(match text {
        "half" => Some(Dtype::F16),
        "single" => Some(Dtype::F32),
        "double" | "float" => Some(Dtype::F64),
        "int" => Some(Dtype::S64),
        "uint" => Some(Dtype::U64),
        "complex" => Some(Dtype::C128),
        "?" | "bool_" => Some(Dtype::Bool),
        _ => None,
    })
}

fn check_device(
    fields: &mut Fields<'_, '_>,
    storage: Located<Storage>,
    device: Option<&Located<String>>,
) {
    match (storage.value, device) {
        (Storage::Cpu, Some(device)) => fields.diagnostics.push(
            Diagnostic::at(
                device.span,
                format!(
                    "{} has cpu storage and cannot have a 'gpu_device'",
                    fields.what
                ),
            )
            .help("remove 'gpu_device'"),
        ),
        (Storage::Gpu, None) => fields.diagnostics.push(
            Diagnostic::at(
                storage.span,
                format!("{} has gpu storage and lacks 'gpu_device'", fields.what),
            )
            .help("add 'gpu_device: cuda:0'"),
        ),
        _ => {}
    }
}
