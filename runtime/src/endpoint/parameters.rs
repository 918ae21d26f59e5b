//! Reading the `parameters` of a source or a sink.

use serde_json::Value;

use crate::config::{Diagnostic, Diagnostics, Located, Parameters, RATES, Span, suggestion};

/// The parameters of one source or sink. What is wrong is reported, and then counts as not given, so that reading
/// goes on and finds the rest. An empty value (`key:`) counts as not given as well.
pub(super) struct Reader<'a> {
    /// Whose parameters these are, as messages name it: "source 'camera'".
    what: String,
    parameters: &'a Parameters,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Reader<'a> {
    /// Reports every parameter that is not `known`.
    pub(super) fn new(
        what: String,
        parameters: &'a Parameters,
        known: &[&str],
        diagnostics: &'a mut Diagnostics,
    ) -> Reader<'a> {
        for (key, _) in &parameters.entries {
            if !known.contains(&key.as_str()) && !diagnostics.is_full() {
                diagnostics.push(
                    Diagnostic::at(
                        key.span,
                        format!("{what} has the unknown parameter '{}'", key.value),
                    )
                    .help(suggestion(
                        key,
                        known.iter().copied(),
                        "the known parameters",
                    )),
                );
            }
        }
        Reader {
            what,
            parameters,
            diagnostics,
        }
    }

    /// Reports what is wrong with the whole source or sink: it `is_what`.
    pub(super) fn refuse(&mut self, span: Span, is_what: &str) {
        let message = format!("{} {is_what}", self.what);
        self.diagnostics.push(Diagnostic::at(span, message));
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str) -> Option<f64> {
        self.read(key, "a number", Value::as_f64)
    }

    /// A number for which `holds`, which is what `expected` says.
    pub(super) fn number_that(
        &mut self,
        key: &str,
        expected: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Option<f64> {
        self.read(key, expected, |value| {
            value.as_f64().filter(|&number| holds(number))
        })
    }

    /// An integer of at least `least`.
    pub(super) fn integer(&mut self, key: &str, least: u64) -> Option<u64> {
        let expected = format!("an integer of at least {least}");
        self.read(key, &expected, |value| {
            value.as_u64().filter(|&number| number >= least)
        })
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// `rate_hz`.
    pub(super) fn rate(&mut self) -> Option<f64> {
        let expected = "a number of frames per second from 1e-6 to 1e9";
        self.number_that("rate_hz", expected, |rate| RATES.contains(&rate))
    }

    /// One of the names of `choices`, in any case; another is reported with the nearest, and `listed_as` is what they are.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
        listed_as: &str,
    ) -> Option<T> {
        let text = self.read(key, "a name", |value| value.as_str().map(str::to_owned))?;
        let word = text.trim().to_lowercase();
        let found = choices.iter().find(|(name, _)| *name == word);
        if found.is_none() {
            let span = self
                .parameters
                .get(key)
                .map_or(self.parameters.span, |value| value.span);
            let names = choices.iter().map(|(name, _)| *name);
            self.diagnostics.push(
                Diagnostic::at(span, format!("'{key}' of {} cannot be '{text}'", self.what))
                    .help(suggestion(&text, names, listed_as)),
            );
        }
        found.map(|(_, choice)| *choice)
    }

    /// The path of a file whose name ends so; it must be given.
    pub(super) fn path(&mut self, ending: &str) -> Option<&'a Located<Value>> {
        match self.parameters.get("path") {
            Some(located) if located.value.as_str().is_some_and(|path| !path.is_empty()) => {
                Some(located)
            }
            Some(located) if !located.value.is_null() => {
                self.wrong("path", located, &format!("the path of a .{ending} file"));
                None
            }
            _ => {
                self.diagnostics.push(
                    Diagnostic::at(
                        self.parameters.span,
                        format!("{} lacks the parameter 'path'", self.what),
                    )
                    .help(format!("add 'path: FILE.{ending}' under 'parameters'")),
                );
                None
            }
        }
    }

    /// A text that must be given, `expected` to be this.
    pub(super) fn text(&mut self, key: &str, expected: &str) -> Option<Located<String>> {
        let Some(located) = self
            .parameters
            .get(key)
            .filter(|located| !located.value.is_null())
        else {
            let message = format!("{} lacks the parameter '{key}'", self.what);
            self.diagnostics.push(
                Diagnostic::at(self.parameters.span, message)
                    .help(format!("add '{key}: …' under 'parameters': {expected}")),
            );
            return None;
        };
        let text = located.value.as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong(key, located, expected);
        }
        text.map(|text| Located::new(text.to_owned(), located.span))
    }

    fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let located = self
            .parameters
            .get(key)
            .filter(|located| !located.value.is_null())?;
        let found = read(&located.value);
        if found.is_none() {
            self.wrong(key, located, expected);
        }
        found
    }

    fn wrong(&mut self, key: &str, located: &Located<Value>, expected: &str) {
        self.diagnostics.push(Diagnostic::at(
            located.span,
            format!(
                "'{key}' of {} must be {expected}, but it is {}",
                self.what, located.value
            ),
        ));
    }
}
