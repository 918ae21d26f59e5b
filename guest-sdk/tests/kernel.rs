//! A kernel with everything that a simple one lacks: several triggers and outputs, and state.

use sandpipe_kernel::{
    Bool, Code, Context, Dtype, Element, Failure, Frame, Inputs, Kernel, Number, Role, View,
    ViewMut,
    elementwise::map,
    match_real,
    testing::{Builder, Stage},
};

/// Counts frames in its state, and refuses the frames whose first element is negative, after it has written all of
/// its next state and outputs.
struct Counter;

impl Kernel for Counter {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "example.counter",
        "input_arity": 2,
        "output_arity": 2,
        "auxiliary_arity": null,
        "state": [{ "alias": "count", "like": "output:1" }]
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        for output in &context.outputs {
            output.require_dtype_of(context.trigger_input()?)?;
        }
        Ok(())
    }

    fn new(_: &Context) -> Result<Self, Failure> {
        Ok(Counter)
    }

    fn compute_frame(&mut self, mut frame: Frame) -> Result<(), Failure> {
        let [a, b] = [frame.trigger_inputs.get(0)?, frame.trigger_inputs.get(1)?];
        let first = a.slice::<i32>()?[0];
        let previous = frame.state.previous(0)?.slice::<i32>()?;
        let next = frame.state.next(0)?.slice::<i32>()?;
        next[0] = previous[0] + 1;
        next[1] = frame.id as i32;
        for (input, output) in [a, b].into_iter().zip(frame.outputs.iter_mut()) {
            output.bytes().copy_from_slice(input.bytes());
        }
        frame.outputs.get(1)?.slice::<i32>()?[0] += next[0];
        if first < 0 {
            return Err(Failure::failed("negative"));
        }
        Ok(())
    }
}

fn stage() -> Result<Stage<Counter>, Failure> {
    Stage::<Counter>::new()
        .trigger_input("a", &[2], &[1, 2])
        .trigger_input("b", &[1, 2], &[30, 40])
        .output::<i32>("x", &[2])
        .output::<i32>("y", &[2])
        .build()
}

#[test]
fn every_input_and_output_has_its_place() -> Result<(), Failure> {
    let mut stage = stage()?;
    stage.compute()?;
    assert_eq!(stage.output::<i32>(0), [1, 2]);
    assert_eq!(stage.output::<i32>(1), [31, 40]);
    Ok(())
}

#[test]
fn a_failed_frame_leaves_the_state_as_it_was() -> Result<(), Failure> {
    let mut stage = stage()?;
    stage.compute()?;
    stage.set_trigger_input(0, &[-1, 2]);
    for _ in 0..3 {
        let failure = stage
            .compute()
            .err()
            .map(|failure| (failure.code, failure.message));
        assert_eq!(failure, Some((Code::Failed, "negative".into())));
    }
    stage.set_trigger_input(0, &[7, 2]);
    stage.compute()?;
    assert_eq!(stage.output::<i32>(1), [32, 40]);
    Ok(())
}

#[test]
fn a_view_of_another_dtype_or_place_is_a_failure() -> Result<(), Failure> {
    /// Reads its input as what it is not, or an auxiliary stream that it does not have.
    struct Wrong;

    impl Kernel for Wrong {
        const MANIFEST: &'static str = r#"{ "abi": "0.1", "kind": "example.wrong" }"#;

        fn validate_config(_: &Context) -> Result<(), Failure> {
            Ok(())
        }

        fn new(_: &Context) -> Result<Self, Failure> {
            Ok(Wrong)
        }

        fn compute_into(&mut self, x: View, _: ViewMut, auxiliary: Inputs) -> Result<(), Failure> {
            if x.dtype() == Dtype::U8 {
                auxiliary.get(0)?;
            }
            x.slice::<f32>().map(drop)
        }
    }

    let run = |dtype: Dtype| {
        let mut stage = Stage::<Wrong>::new()
            .bytes(
                Role::TriggerInput,
                "x",
                dtype,
                &[2],
                &vec![0; 2 * dtype.size()],
            )
            .output::<f32>("y", &[2])
            .build()?;
        stage.compute()
    };
    assert_eq!(run(Dtype::F32), Ok(()));
    let message = run(Dtype::S16).err().map(|failure| failure.message);
    let expected = "input 'x' has dtype int16, the kernel reads it as float32";
    assert_eq!(message.as_deref(), Some(expected));
    assert_eq!(
        run(Dtype::U8).err().map(|failure| failure.code),
        Some(Code::Arity)
    );
    Ok(())
}

#[test]
fn a_description_that_cannot_be_is_refused() {
    let short = Stage::<Counter>::new().trigger_input("a", &[3], &[1, 2]);
    assert_eq!(
        short.validate().err().map(|failure| failure.code),
        Some(Code::Shape)
    );
    let huge = Stage::<Counter>::new().output::<f64>("x", &[u32::MAX; 3]);
    assert_eq!(
        huge.validate().err().map(|failure| failure.code),
        Some(Code::Shape)
    );
    let empty = Stage::<Counter>::new().output::<f64>("x", &[3, 0]);
    assert_eq!(
        empty.validate().err().map(|failure| failure.code),
        Some(Code::Shape)
    );
    // The state is like the second output, and there is none.
    let lacking = Stage::<Counter>::new()
        .trigger_input("a", &[2], &[1, 2])
        .output::<i32>("x", &[2])
        .build();
    assert!(lacking.is_err());
}

/// Negates, whatever the dtype.
struct Negate;

impl Kernel for Negate {
    const MANIFEST: &'static str = r#"{ "abi": "0.1", "kind": "example.negate" }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        context.output()?.require_like(context.trigger_input()?)
    }

    fn new(_: &Context) -> Result<Self, Failure> {
        Ok(Negate)
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        match_real!(input.dtype().part(), T => {
            map(input.parts::<T>()?, output.parts::<T>()?, |x| Number::from_f64(-x.to_f64()));
            Ok(())
        })
    }
}

#[test]
fn complex_numbers_are_twice_as_many_real_ones() -> Result<(), Failure> {
    fn negated<T: Element>(values: &[T]) -> Result<Vec<T>, Failure> {
        let mut stage = Stage::<Negate>::new()
            .trigger_input("x", &[values.len() as u32], values)
            .output::<T>("y", &[values.len() as u32])
            .build()?;
        stage.compute()?;
        Ok(stage.output::<T>(0).to_vec())
    }
    assert_eq!(negated(&[[1.0f32, -2.0]; 5])?, [[-1.0, 2.0]; 5]);
    assert_eq!(negated(&[[1.0, -2.0]; 5])?, [[-1.0, 2.0]; 5]);
    assert_eq!(negated(&[3i16, -4])?, [-3, 4]);
    assert_eq!(negated(&[Bool::from(true)])?, [Bool::from(true)]);
    Ok(())
}

#[test]
fn parts_are_of_the_dtype_that_the_stream_has() {
    struct Doubles;

    impl Kernel for Doubles {
        const MANIFEST: &'static str = Negate::MANIFEST;

        fn validate_config(_: &Context) -> Result<(), Failure> {
            Ok(())
        }

        fn new(_: &Context) -> Result<Self, Failure> {
            Ok(Doubles)
        }

        fn compute_into(&mut self, input: View, _: ViewMut, _: Inputs) -> Result<(), Failure> {
            input.parts::<f64>().map(drop)
        }
    }

    let compute = |builder: Builder<Doubles>| {
        let stage = builder.output::<f64>("y", &[1]).build();
        stage.and_then(|mut stage| stage.compute()).is_ok()
    };
    let stage = Stage::<Doubles>::new;
    assert!(compute(stage().trigger_input("x", &[1], &[1.0f64])));
    assert!(compute(stage().trigger_input("x", &[1], &[[1.0f64, 2.0]])));
    assert!(!compute(stage().trigger_input("x", &[1], &[[1.0f32, 2.0]])));
    assert!(!compute(stage().trigger_input("x", &[2], &[1.0f32, 2.0])));
}
