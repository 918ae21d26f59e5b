//! How a kernel says no.

use std::fmt;

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The number of streams.
    Arity,
    /// The type of the elements of a stream.
    Dtype,
    /// The shape of a stream.
    Shape,
    /// A parameter or the `operation`.
    Parameter,
    /// Anything else, while computing.
    Failed,
}

/// A kernel's refusal of its configuration, or of a frame.
///
/// The message is for people: what is wrong, where, and what would be right. Failures of
/// `validate_config` and `new` are reported with the stage's name and kind in front of the message,
/// so the message need not repeat them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of thing is wrong.
    pub code: Code,
    /// What is wrong, in words.
    pub message: String,
}

impl Failure {
    /// The stage has too many or too few streams.
    pub fn arity(message: impl Into<String>) -> Self {
        Failure::new(Code::Arity, message)
    }

    /// A stream has a dtype that does not fit.
    pub fn dtype(message: impl Into<String>) -> Self {
        Failure::new(Code::Dtype, message)
    }

    /// A stream has a shape that does not fit.
    pub fn shape(message: impl Into<String>) -> Self {
        Failure::new(Code::Shape, message)
    }

    /// A parameter, or the operation, is missing or wrong.
    pub fn parameter(message: impl Into<String>) -> Self {
        Failure::new(Code::Parameter, message)
    }

    /// The frame cannot be computed.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure::new(Code::Failed, message)
    }

    fn new(code: Code, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
