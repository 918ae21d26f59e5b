//! Rules about what a kernel accepts: arrays, dtypes, parameters.

use serde_json::{Map, Value};

use super::attempt::{base, verdict, works, works_well};
use crate::array::{ArrayType, Dtype};
use crate::conformance::Verdict;
use crate::conformance::place::Place;
use crate::conformance::suite::{Refusal, Suite};

/// Arrays that are tried where the manifest allows any number.
const MOST: usize = 3;

pub(super) fn accepts(suite: &Suite<'_>) -> Verdict {
    verdict(
        suite
            .open(suite.place)
            .map_err(Refusal::into_message)
            .and_then(|mut trial| {
                trial.fill(1)?;
                trial.step()?;
                Ok(String::new())
            }),
    )
}

pub(super) fn dtypes(suite: &Suite<'_>) -> Verdict {
    if let Err(skipped) = base(suite) {
        return skipped;
    }
    let of = |arrays: &[ArrayType], dtype: Dtype| -> Vec<ArrayType> {
        let shapes = arrays.iter().map(|array| array.shape.clone());
        shapes.map(|shape| ArrayType { dtype, shape }).collect()
    };
    let listed = suite.manifest.dtypes.clone();
    let tried: Vec<Dtype> = listed.clone().unwrap_or_else(|| Dtype::all().collect());
    let mut used = Vec::new();
    for &dtype in &tried {
        let everywhere = suite.place.with_arrays(|array| ArrayType {
            dtype,
            shape: array.shape.clone(),
        });
        let inputs = Place {
            inputs: of(&suite.place.inputs, dtype),
            ..suite.place.clone()
        };
        let outputs = Place {
            outputs: of(&suite.place.outputs, dtype),
            ..suite.place.clone()
        };
        for place in [everywhere, inputs, outputs] {
            match works_well(suite, &place) {
                Ok(true) => used.push(dtype),
                Ok(false) => continue,
                Err(what) => return Verdict::Broken(format!("{dtype}: {what}")),
            }
            break;
        }
    }
    let names = |dtypes: &[Dtype]| {
        dtypes
            .iter()
            .map(|dtype| dtype.numpy_name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let unused: Vec<Dtype> = tried
        .iter()
        .copied()
        .filter(|dtype| !used.contains(dtype))
        .collect();
    match listed {
        Some(_) if !unused.is_empty() => Verdict::Broken(format!(
            "the manifest lists {}, which the kernel refuses",
            names(&unused)
        )),
        None if used.is_empty() => Verdict::Broken("the kernel refuses every dtype".to_owned()),
        _ => Verdict::Kept(names(&used)),
    }
}

pub(super) fn arity(suite: &Suite<'_>) -> Verdict {
    let manifest = suite.manifest;
    let open = [
        manifest.input_arity,
        manifest.auxiliary_arity,
        manifest.output_arity,
    ]
    .map(|arity| arity.is_none());
    if open == [false; 3] {
        return Verdict::Kept("the host checks it".to_owned());
    }
    let array = match suite.place.inputs.first().or(suite.place.outputs.first()) {
        Some(array) => array.clone(),
        None => return Verdict::Skipped("there is no array".to_owned()),
    };
    for count in 0..=MOST {
        let mut places = Vec::new();
        let arrays = vec![array.clone(); count];
        let place = suite.place;
        if open[0] && count > 0 {
            places.push(Place {
                inputs: arrays.clone(),
                ..place.clone()
            });
        }
        if open[1] {
            let auxiliary = arrays
                .iter()
                .enumerate()
                .map(|(index, array)| (format!("auxiliary{index}"), array.clone()));
            places.push(Place {
                auxiliary: auxiliary.collect(),
                ..place.clone()
            });
        }
        if open[2] && count > 0 {
            places.push(Place {
                outputs: arrays.clone(),
                ..place.clone()
            });
        }
        for place in places {
            if let Err(what) = works(suite, &place, false) {
                let counts = (
                    place.inputs.len(),
                    place.auxiliary.len(),
                    place.outputs.len(),
                );
                return Verdict::Broken(format!(
                    "with {} inputs, {} auxiliary inputs and {} outputs: {what}",
                    counts.0, counts.1, counts.2
                ));
            }
        }
    }
    Verdict::Kept(String::new())
}

pub(super) fn parameters(suite: &Suite<'_>) -> Verdict {
    if let Err(skipped) = base(suite) {
        return skipped;
    }
    let schema = suite.manifest.parameters.source();
    let properties = schema.get("properties").and_then(Value::as_object);
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let with = |parameters: Map<String, Value>| Place {
        parameters,
        ..suite.place.clone()
    };
    let play = |place: &Place| {
        let mut trial = suite.open(place)?;
        trial.play(1..3).map_err(Refusal::Fault)
    };
    let mut least = suite.place.parameters.clone();
    least.retain(|name, _| required.contains(&name.as_str()));
    let without = match play(&with(least.clone())) {
        Ok(outputs) => outputs,
        Err(Refusal::Said(message)) => return Verdict::Kept(message),
        Err(refusal) => {
            let what = refusal.into_message();
            return Verdict::Broken(format!("with required parameters alone: {what}"));
        }
    };
    let mut defaults = 0;
    let optional = properties
        .into_iter()
        .flatten()
        .filter(|(name, _)| !required.contains(&name.as_str()));
    for (name, value) in
        optional.filter_map(|(name, property)| Some((name, property.get("default")?)))
    {
        let mut given = least.clone();
        given.insert(name.clone(), value.clone());
        let at = format!("with '{name}' at its default {value}");
        match play(&with(given)) {
            Ok(outputs) if outputs == without => defaults += 1,
            Ok(_) => {
                return Verdict::Broken(format!(
                    "{at} the kernel computes something else than without it"
                ));
            }
            Err(refusal) => return Verdict::Broken(format!("{at}: {}", refusal.into_message())),
        }
    }
    Verdict::Kept(match defaults {
        0 => String::new(),
        1 => "1 default".to_owned(),
        defaults => format!("{defaults} defaults"),
    })
}

pub(super) fn refusals(suite: &Suite<'_>) -> Verdict {
    if let Err(skipped) = base(suite) {
        return skipped;
    }
    if suite.place.inputs.is_empty() {
        return Verdict::Skipped(
            "a source has no inputs that its outputs could fail to fit".to_owned(),
        );
    }
    let (mut refused, mut tried) = (0, 0);
    for index in 0..suite.place.outputs.len() {
        let right = &suite.place.outputs[index];
        let mut wrong = Vec::new();
        let mut reshaped = |shape: Vec<u32>| {
            wrong.push(ArrayType {
                dtype: right.dtype,
                shape,
            })
        };
        for axis in 0..right.shape.len() {
            let mut shape = right.shape.clone();
            shape[axis] += 1;
            reshaped(shape);
        }
        reshaped([&[2], &right.shape[..]].concat());
        reshaped(vec![1]);
        let other = Dtype::all().find(|&dtype| dtype != right.dtype && suite.manifest.takes(dtype));
        wrong.extend(other.map(|dtype| ArrayType {
            dtype,
            shape: right.shape.clone(),
        }));
        for array in wrong {
            let mut place = suite.place.clone();
            let shown = array.to_string();
            place.outputs[index] = array;
            match works(suite, &place, false) {
                Ok(accepted) => {
                    tried += 1;
                    refused += u32::from(!accepted);
                }
                Err(what) => {
                    return Verdict::Broken(format!(
                        "with an output of {shown} for an input of {}: {what}",
                        suite
                            .place
                            .inputs
                            .first()
                            .map_or_else(String::new, ToString::to_string)
                    ));
                }
            }
        }
    }
    if refused == 0 && tried > 0 {
        return Verdict::Broken(format!(
            "all of {tried} outputs that do not fit the inputs were accepted"
        ));
    }
    Verdict::Kept(format!("{refused} of {tried} refused"))
}

pub(super) fn sizes(suite: &Suite<'_>) -> Verdict {
    if !suite.place.free {
        return Verdict::Skipped("the arrays were given".to_owned());
    }
    let shapes: [&[u32]; 9] = [
        &[1, 1],
        &[1, 7],
        &[7, 1],
        &[2, 2],
        &[3, 5],
        &[17, 31],
        &[33, 129],
        &[5],
        &[3, 4, 5],
    ];
    let mut computed = 0;
    for shape in shapes {
        let place = suite.place.with_shape(shape);
        match works_well(suite, &place) {
            Ok(works) => computed += u32::from(works),
            Err(what) => return Verdict::Broken(format!("{shape:?}: {what}")),
        }
    }
    Verdict::Kept(format!("{computed} of {} computed", shapes.len()))
}
