//! Parameters: from a JSON object to the author's struct, with errors that name the parameter.

use std::{borrow::Cow, cell::RefCell, fmt, rc::Rc};

use hifijson::{
    SliceLexer,
    num::Parts,
    token::Lex,
    value::{Value, parse_bounded},
};
use serde::{
    de::{
        self, DeserializeOwned, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use crate::Failure;

/// Arrays and objects inside one another.
const DEPTH: usize = 128;

/// A value whose numbers are still text. serde_json reads numbers as exactly, with three times the code, all of which would be
/// compiled with every kernel.
type Json<'a> = Value<&'a str, Cow<'a, str>>;

/// Reads a JSON object into a struct. A key that the struct does not know is an error, whether or not the
/// struct itself denies unknown fields.
pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T, Failure> {
    let Some(parameters) = object(json) else {
        return Err(Failure::parameter("the parameters are no JSON object"));
    };
    // serde's errors do not say which field they are about; this remembers the one being read.
    let current = Rc::new(RefCell::new(Cow::Borrowed("")));
    let fields = parameters.into_iter().map(|(name, value)| {
        current.replace(name.clone());
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

/// Names and values. Not part of [`read`], so that a module has it once.
fn object(json: &str) -> Option<Vec<(Cow<'_, str>, Json<'_>)>> {
    let mut lexer = SliceLexer::new(json.as_bytes());
    let value = lexer.exactly_one(Lex::ws_peek, |next, lexer| {
        parse_bounded(DEPTH, next, lexer)
    });
    match value {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
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
struct Field<'a>(Json<'a>);

impl<'de> IntoDeserializer<'de, Error> for Field<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Field<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number((text, parts)) => number(text, &parts, visitor),
            Value::String(value) => visitor.visit_str(&value),
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

/// An integer if it is written as one and 64 bits hold it, else the nearest double.
fn number<'de, V: Visitor<'de>>(text: &str, parts: &Parts, visitor: V) -> Result<V::Value, Error> {
    // Only a double has a zero with a sign.
    if parts.is_int() && text != "-0" {
        if let Ok(value) = text.parse() {
            return visitor.visit_u64(value);
        }
        if let Ok(value) = text.parse() {
            return visitor.visit_i64(value);
        }
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => visitor.visit_f64(value),
        _ => Err(Error::Invalid(format!("no double is as large as {text}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::BTreeMap;

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

    fn read_json(value: serde_json::Value) -> Result<Parameters, String> {
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
    fn numbers_are_those_that_are_written() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Numbers {
            shortest: f64,
            halfway: f64,
            least: f64,
            zero: f64,
            unsigned: u64,
            signed: i64,
        }
        let json = r#" { "shortest": 0.1, "halfway": 9007199254740993.0, "least": 5e-324, "zero": -0,
            "unsigned": 18446744073709551615, "signed": -9223372036854775808 } "#;
        let numbers: Numbers = read(json).unwrap();
        assert!(numbers.zero.is_sign_negative());
        let expected = Numbers {
            shortest: 0.1,
            halfway: 9007199254740992.0,
            least: f64::from_bits(1),
            zero: 0.0,
            unsigned: u64::MAX,
            signed: i64::MIN,
        };
        assert_eq!(numbers, expected);
        for wrong in ["18446744073709551616", "1.0"] {
            let failure = read::<BTreeMap<String, u64>>(&format!(r#"{{"count": {wrong}}}"#));
            assert_eq!(
                failure.unwrap_err().message,
                "parameter 'count': expected u64"
            );
        }
        let failure = read::<BTreeMap<String, f64>>(r#"{"gain": 1e999}"#).unwrap_err();
        assert_eq!(
            failure.message,
            "parameter 'gain': no double is as large as 1e999"
        );
    }

    #[test]
    fn words_and_lists_are_those_that_are_written() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Words {
            words: Vec<String>,
            pair: (bool, Option<u8>),
        }
        let json = r#"{"words": ["", "a\"b\u00e9\ud83d\ude00\n", "ü"], "pair": [true, null]}"#;
        let expected = Words {
            words: vec![String::new(), "a\"bé😀\n".into(), "ü".into()],
            pair: (true, None),
        };
        assert_eq!(read(json), Ok(expected));
        let deep = format!(r#"{{"words": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        for no_object in ["", "[]", "{} {}", r#"{"words"}"#, r#"{"words": [}"#, &deep] {
            let failure = read::<Words>(no_object).unwrap_err();
            assert_eq!(failure.message, "the parameters are no JSON object");
        }
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
