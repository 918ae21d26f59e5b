//! Parameters: from a JSON object to the author's struct, with errors that name the parameter.

use std::{cell::RefCell, fmt, rc::Rc};

use serde::{
    de::{
        self, DeserializeOwned, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::Failure;

/// Reads a JSON object into a struct. A key that the struct does not know is an error, whether or not the
/// struct itself denies unknown fields.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, Failure> {
    let Ok(Value::Object(parameters)) = serde_json::from_str(json) else {
        return Err(Failure::parameter("the parameters are no JSON object"));
    };
    // serde's errors do not say which field they are about; this remembers the one being read.
    let current = Rc::new(RefCell::new(String::new()));
    let fields = parameters.into_iter().map(|(name, value)| {
        name.clone_into(&mut current.borrow_mut());
        (name, Field(value))
    });
    T::deserialize(MapDeserializer::new(fields)).map_err(|error| {
        Failure::parameter(match error {
            Error::Missing(name) => format!("parameter '{name}' is missing"),
            Error::Unknown => format!("unknown parameter '{}'", current.borrow()),
            Error::Invalid(message) => format!("parameter '{}': {message}", current.borrow()),
        })
    })
}

#[derive(Debug)]
enum Error {
    Missing(&'static str),
    Unknown,
    Invalid(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::Invalid(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Error::Missing(field)
    }

    // The default says what was found instead, which links the printing of floats: a third of a small module.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::Invalid(format!("expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Error::Invalid(format!("expected {expected}"))
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Error::Unknown
    }
}

/// The value of one parameter. Reads as the JSON value does, but refuses to be ignored.
struct Field(Value);

impl<'de> IntoDeserializer<'de, Error> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(value) => match (value.as_u64(), value.as_i64(), value.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Value::String(value) => visitor.visit_string(value),
            Value::Array(values) => {
                visitor.visit_seq(SeqDeserializer::new(values.into_iter().map(Field)))
            }
            Value::Object(values) => visitor.visit_map(MapDeserializer::new(
                values.into_iter().map(|(name, value)| (name, Field(value))),
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// Enums without data only: a parameter that is one of several words.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.into_deserializer()),
            _ => Err(Error::Invalid("expected a word".into())),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::Unknown)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Parameters {
        factor: f64,
        #[serde(default)]
        axis: i32,
        mode: Option<Mode>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Fast,
    }

    fn read_json(value: Value) -> Result<Parameters, String> {
        read(&value.to_string()).map_err(|failure| failure.message)
    }

    #[test]
    fn integers_stand_for_floats_and_defaults_may_be_left_out() {
        let expected = Parameters {
            factor: 2.0,
            axis: -1,
            mode: Some(Mode::Fast),
        };
        assert_eq!(
            read_json(json!({"factor": 2, "axis": -1, "mode": "fast"})),
            Ok(expected)
        );
        assert!(read_json(json!({"factor": 2.5})).is_ok());
    }

    #[test]
    fn errors_name_the_parameter() {
        assert_eq!(
            read_json(json!({})),
            Err("parameter 'factor' is missing".into())
        );
        assert_eq!(
            read_json(json!({"factor": 1, "fcator": 2})),
            Err("unknown parameter 'fcator'".into())
        );
        let message = read_json(json!({"axis": "x", "factor": 1})).unwrap_err();
        assert_eq!(message, "parameter 'axis': expected i32");
        let message = read_json(json!({"factor": 1, "mode": "slow"})).unwrap_err();
        assert!(message.starts_with("parameter 'mode': unknown variant `slow`"));
    }
}
