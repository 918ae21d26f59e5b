//! `initial:`, what a stream holds before its first frame.

use std::path::{Path, PathBuf};

use crate::array::{ArrayType, Dtype};

use super::diagnostic::Diagnostic;
use super::fields::Fields;
use super::located::Located;
use super::yaml::{Node, Value};

/// The frame that is published before the pipeline starts. Numbers are checked against the dtype.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// Every element the same.
    Constant(Number),
    /// Normally distributed: `mean + std * N(0, 1)`. Only of floating-point streams.
    Normal {
        /// Seed of the generator.
        seed: u64,
        /// Mean.
        mean: f64,
        /// Standard deviation, at least 0.
        std: f64,
    },
    /// Every element given, in C order; as many as the stream has.
    Values(Vec<Number>),
    /// `scale` where row and column are the same, else 0. Only of streams of two dimensions.
    Identity(Number),
    /// The array in a `.npy` file, which `endpoint` checks; relative paths start at the directory of the
    /// configuration.
    File(Located<PathBuf>),
}

/// A number as the file writes it: integers stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer of 64 bits, signed or unsigned.
    Integer(i128),
    /// A finite number.
    Float(f64),
}

impl Number {
    /// The nearest `f64`.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Integer(value) => value as f64,
            Number::Float(value) => value,
        }
    }
}

#[derive(Clone, Copy)]
enum Pattern {
    Constant,
    Normal,
    Values,
    Identity,
    File,
}

const PATTERNS: [(&str, Pattern); 5] = [
    ("constant", Pattern::Constant),
    ("normal", Pattern::Normal),
    ("values", Pattern::Values),
    ("identity", Pattern::Identity),
    ("file", Pattern::File),
];

/// The keys of all patterns.
const KEYS: [&str; 8] = [
    "pattern", "value", "seed", "mean", "std", "values", "scale", "path",
];

/// The key `initial` of a stream of frames of `array`; `directory` is what paths are relative to.
pub(super) fn read(
    stream: &mut Fields<'_, '_>,
    array: &ArrayType,
    directory: &Path,
) -> Option<Located<Initial>> {
    let node = stream.get("initial")?;
    let what = format!("'initial' of {}", stream.what);
    // Which keys are known depends on the pattern, so it is looked up before the keys are checked.
    let Value::Mapping(entries) = &node.value else {
        stream.wrong("initial", node, "a mapping with a 'pattern'");
        return None;
    };
    let pattern = entries.iter().find(|(key, _)| key.value == "pattern");
    let known: &[&str] = match pattern.map(|(_, node)| &node.value) {
        Some(Value::Text(text)) => match text.trim().to_lowercase().as_str() {
            "constant" => &["pattern", "value"],
            "normal" => &["pattern", "seed", "mean", "std"],
            "values" => &["pattern", "values"],
            "identity" => &["pattern", "scale"],
            "file" => &["pattern", "path"],
            _ => &KEYS,
        },
        _ => &KEYS,
    };
    let mut fields = Fields::of(node, what, known, stream.diagnostics)?;
    fields.require("pattern")?;
    let initial = match fields.choice("pattern", &PATTERNS)?.value {
        Pattern::Constant => {
            let node = fields.require("value")?;
            Initial::Constant(number(&mut fields, "value", node, array.dtype)?)
        }
        Pattern::Normal => normal(&mut fields, array)?,
        Pattern::Values => {
            let node = fields.require("values")?;
            let mut values = Vec::new();
            collect(&mut fields, node, array, 0, &mut values)?;
            Initial::Values(values)
        }
        Pattern::Identity => identity(&mut fields, array)?,
        Pattern::File => {
            let path = fields.required_text("path")?;
            Initial::File(path.map(|path| directory.join(path)))
        }
    };
    Some(Located::new(initial, node.span))
}

fn normal(fields: &mut Fields<'_, '_>, array: &ArrayType) -> Option<Initial> {
    if !matches!(array.dtype, Dtype::F16 | Dtype::F32 | Dtype::F64) {
        fields.diagnostics.push(
            Diagnostic::at(
                fields.span,
                format!(
                    "{} is normally distributed, but the stream holds {}",
                    fields.what, array.dtype
                ),
            )
            .help("give the stream a floating-point dtype, or use another pattern"),
        );
        return None;
    }
    let before = fields.diagnostics.found();
    let seed = fields.integer("seed", 0, u64::MAX);
    let mean = fields.number("mean");
    let std = fields.number("std");
    if let Some(std) = std.filter(|std| std.value < 0.0) {
        fields.diagnostics.push(Diagnostic::at(
            std.span,
            format!(
                "'std' of {} must be at least 0, but it is {}",
                fields.what, std.value
            ),
        ));
    }
    (fields.diagnostics.found() == before).then(|| Initial::Normal {
        seed: seed.map_or(0, |seed| seed.value),
        mean: mean.map_or(0.0, |mean| mean.value),
        std: std.map_or(1.0, |std| std.value),
    })
}

fn identity(fields: &mut Fields<'_, '_>, array: &ArrayType) -> Option<Initial> {
    if array.shape.len() != 2 {
        fields.diagnostics.push(Diagnostic::at(
            fields.span,
            format!(
                "{} is an identity matrix, which needs two dimensions, but the shape is {:?}",
                fields.what, array.shape
            ),
        ));
        return None;
    }
    let scale = match fields.get("scale") {
        None => Number::Integer(1),
        Some(node) => number(fields, "scale", node, array.dtype)?,
    };
    Some(Initial::Identity(scale))
}

/// Appends the numbers of `node`, which holds the axes of `array` from `axis` on. Recursion is bounded by the
/// rank of the shape.
fn collect(
    fields: &mut Fields<'_, '_>,
    node: &Node,
    array: &ArrayType,
    axis: usize,
    values: &mut Vec<Number>,
) -> Option<()> {
    let Some(&extent) = array.shape.get(axis) else {
        values.push(number(fields, "values", node, array.dtype)?);
        return Some(());
    };
    let found = match &node.value {
        Value::List(items) if items.len() == extent as usize => {
            return items
                .iter()
                .try_for_each(|item| collect(fields, item, array, axis + 1, values));
        }
        Value::List(items) => format!("a list of {}", items.len()),
        other => other.described(),
    };
    fields.diagnostics.push(
        Diagnostic::at(
            node.span,
            format!(
                "'values' of {} must be a list of {extent} along axis {axis}, but it is {found}",
                fields.what
            ),
        )
        .help(format!("the shape of the stream is {:?}", array.shape)),
    );
    None
}

/// A number that the dtype can hold.
fn number(fields: &mut Fields<'_, '_>, key: &str, node: &Node, dtype: Dtype) -> Option<Number> {
    let number = match node.value {
        Value::Bool(value) => Number::Integer(value.into()),
        Value::Integer(value) => Number::Integer(value),
        Value::Float(value) if value.is_finite() => Number::Float(value),
        _ => {
            fields.wrong(key, node, "a finite number");
            return None;
        }
    };
    let Some((least, most)) = integer_range(dtype) else {
        let most = largest(dtype);
        if number.as_f64().abs() > most {
            fields.wrong(
                key,
                node,
                &format!("from -{most:e} to {most:e} for {dtype}"),
            );
            return None;
        }
        return Some(number);
    };
    // A whole number may be written `1.0` or `1e3`; below 2^53 nothing is lost.
    let whole = match number {
        Number::Integer(value) => Some(value),
        Number::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i128),
        Number::Float(_) => None,
    };
    match whole.filter(|value| (least..=most).contains(value)) {
        Some(value) => Some(Number::Integer(value)),
        None => {
            fields.wrong(
                key,
                node,
                &format!("an integer from {least} to {most} for {dtype}"),
            );
            None
        }
    }
}

/// What an integer dtype can hold; `None` for the others.
fn integer_range(dtype: Dtype) -> Option<(i128, i128)> {
    Some(match dtype {
        Dtype::Bool => (0, 1),
        Dtype::S8 => (i8::MIN.into(), i8::MAX.into()),
        Dtype::S16 => (i16::MIN.into(), i16::MAX.into()),
        Dtype::S32 => (i32::MIN.into(), i32::MAX.into()),
        Dtype::S64 => (i64::MIN.into(), i64::MAX.into()),
        Dtype::U8 => (0, u8::MAX.into()),
        Dtype::U16 => (0, u16::MAX.into()),
        Dtype::U32 => (0, u32::MAX.into()),
        Dtype::U64 => (0, u64::MAX.into()),
        Dtype::F16 | Dtype::F32 | Dtype::F64 | Dtype::C64 | Dtype::C128 => return None,
    })
}

/// The largest finite number of a dtype that is no integer.
fn largest(dtype: Dtype) -> f64 {
    match dtype {
        Dtype::F16 => half::f16::MAX.to_f64(),
        Dtype::F32 | Dtype::C64 => f32::MAX.into(),
        _ => f64::MAX,
    }
}
