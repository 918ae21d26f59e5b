//! Reading the keys of a mapping: which are known, which are missing, and what type each has.

use std::time::Duration;

use super::diagnostic::{Diagnostic, Diagnostics, nearest, suggestion};
use super::located::{Located, Span};
use super::units;
use super::yaml::{Node, Value};

/// The entries of one mapping whose keys were checked. A value that is empty (`key:`) counts as not given.
///
/// The readers report what is wrong and then return `None`, so that reading goes on and finds the rest.
pub(super) struct Fields<'n, 'd> {
    /// What the mapping describes, as messages name it: "kernel 'a'".
    pub(super) what: String,
    /// Where the mapping stands.
    pub(super) span: Span,
    entries: &'n [(Located<String>, Node)],
    /// Where what is wrong goes.
    pub(super) diagnostics: &'d mut Diagnostics,
}

impl<'n, 'd> Fields<'n, 'd> {
    /// The fields of `node`, which describes `what` and may have the keys `known`.
    pub(super) fn of(
        node: &'n Node,
        what: impl Into<String>,
        known: &[&str],
        diagnostics: &'d mut Diagnostics,
    ) -> Option<Fields<'n, 'd>> {
        let what = what.into();
        let Value::Mapping(entries) = &node.value else {
            diagnostics.push(Diagnostic::at(
                node.span,
                format!(
                    "{what} must be a mapping of keys to values, but it is {}",
                    node.value.described()
                ),
            ));
            return None;
        };
        for (key, _) in entries {
            if !known.contains(&key.as_str()) && !diagnostics.is_full() {
                diagnostics.push(
                    Diagnostic::at(
                        key.span,
                        format!("{what} has the unknown key '{}'", key.value),
                    )
                    .help(suggestion(
                        key,
                        known.iter().copied(),
                        "the known keys",
                    )),
                );
            }
        }
        Some(Fields {
            what,
            span: node.span,
            entries,
            diagnostics,
        })
    }

    /// The value of `key`, if one is given.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, node)| node)
            .filter(|node| !matches!(node.value, Value::Null))
    }

    /// The value of `key`; that it is missing is reported.
    pub(super) fn require(&mut self, key: &str) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() {
            let empty = self.entries.iter().find(|(name, _)| name.value == key);
            let span = empty.map_or(self.span, |(name, _)| name.span);
            let message = match empty {
                Some(_) => format!("'{key}' of {} has no value", self.what),
                None => format!("{} lacks the key '{key}'", self.what),
            };
            self.diagnostics
                .push(Diagnostic::at(span, message).help(format!("add '{key}: …'")));
        }
        found
    }

    /// Of two spellings the one that is given; both, or neither, is reported.
    pub(super) fn require_one_of(
        &mut self,
        one: &'static str,
        many: &'static str,
    ) -> Option<(&'static str, &'n Node)> {
        match (self.get(one), self.get(many)) {
            (Some(_), Some(second)) => {
                self.diagnostics.push(
                    Diagnostic::at(
                        second.span,
                        format!(
                            "{} must use either '{one}' or '{many}', not both",
                            self.what
                        ),
                    )
                    .help(format!("list all of them under '{many}'")),
                );
                None
            }
            (Some(node), None) => Some((one, node)),
            (None, Some(node)) => Some((many, node)),
            (None, None) => {
                self.diagnostics.push(
                    Diagnostic::at(self.span, format!("{} lacks the key '{one}'", self.what))
                        .help(format!("add '{one}: …', or '{many}: […]' for several")),
                );
                None
            }
        }
    }

    /// Reports that the value of `key` is not what it must be.
    pub(super) fn wrong(&mut self, key: &str, node: &Node, expected: &str) {
        let diagnostic = self.mismatch(key, node, expected);
        self.diagnostics.push(diagnostic);
    }

    /// As [`Fields::wrong`], with how to mend it.
    fn wrong_with_help(&mut self, key: &str, node: &Node, expected: &str, help: &str) {
        let diagnostic = self.mismatch(key, node, expected).help(help);
        self.diagnostics.push(diagnostic);
    }

    fn mismatch(&self, key: &str, node: &Node, expected: &str) -> Diagnostic {
        Diagnostic::at(
            node.span,
            format!(
                "'{key}' of {} must be {expected}, but it is {}",
                self.what,
                node.value.described()
            ),
        )
    }

    /// A text that is not blank, without the blanks around it.
    pub(super) fn text(&mut self, key: &str, node: &Node) -> Option<Located<String>> {
        self.text_without(key, node, char::is_control)
    }

    /// A text that is not blank and may have several lines, without the blanks around it.
    pub(super) fn optional_lines(&mut self, key: &str) -> Option<Located<String>> {
        let node = self.get(key)?;
        self.text_without(key, node, |c| {
            c.is_control() && !matches!(c, '\n' | '\r' | '\t')
        })
    }

    fn text_without(
        &mut self,
        key: &str,
        node: &Node,
        forbidden: impl Fn(char) -> bool,
    ) -> Option<Located<String>> {
        match &node.value {
            Value::Text(text) if text.trim().is_empty() => {
                self.diagnostics.push(Diagnostic::at(
                    node.span,
                    format!("'{key}' of {} must not be empty", self.what),
                ));
                None
            }
            Value::Text(text) if text.trim().contains(forbidden) => {
                self.diagnostics.push(Diagnostic::at(
                    node.span,
                    format!("'{key}' of {} holds a control character", self.what),
                ));
                None
            }
            Value::Text(text) => Some(Located::new(text.trim().to_owned(), node.span)),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => {
                self.wrong_with_help(key, node, "a text", "put it in quotes to make it a text");
                None
            }
            _ => {
                self.wrong(key, node, "a text");
                None
            }
        }
    }

    /// The text of `key`, if it is given.
    pub(super) fn optional_text(&mut self, key: &str) -> Option<Located<String>> {
        let node = self.get(key)?;
        self.text(key, node)
    }

    /// The text of `key`.
    pub(super) fn required_text(&mut self, key: &str) -> Option<Located<String>> {
        let node = self.require(key)?;
        self.text(key, node)
    }

    /// `true` or `false`; YAML 1.1's `yes`, `no`, `on` and `off` as well.
    pub(super) fn boolean(&mut self, key: &str) -> Option<Located<bool>> {
        let node = self.get(key)?;
        let value = match &node.value {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" => Some(true),
                "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        if value.is_none() {
            self.wrong(key, node, "true or false");
        }
        value.map(|value| Located::new(value, node.span))
    }

    /// A finite number.
    pub(super) fn number(&mut self, key: &str) -> Option<Located<f64>> {
        let node = self.get(key)?;
        let value = match node.value {
            Value::Integer(value) => value as f64,
            Value::Float(value) if value.is_finite() => value,
            _ => {
                self.wrong(key, node, "a finite number");
                return None;
            }
        };
        Some(Located::new(value, node.span))
    }

    /// An integer from `least` to `most`.
    pub(super) fn integer(&mut self, key: &str, least: u64, most: u64) -> Option<Located<u64>> {
        let node = self.get(key)?;
        let value = match node.value {
            Value::Integer(value) => u64::try_from(value).ok(),
            _ => None,
        };
        let value = value.filter(|value| (least..=most).contains(value));
        if value.is_none() {
            let expected = match most {
                u64::MAX => format!("an integer of at least {least}"),
                _ => format!("an integer from {least} to {most}"),
            };
            self.wrong(key, node, &expected);
        }
        value.map(|value| Located::new(value, node.span))
    }

    /// An integer from `least` to `most` that fits in 32 bits.
    pub(super) fn small_integer(
        &mut self,
        key: &str,
        least: u32,
        most: u32,
    ) -> Option<Located<u32>> {
        let value = self.integer(key, least.into(), most.into())?;
        // `most` is a u32, so nothing is lost.
        Some(value.map(|value| value as u32))
    }

    /// One of the words of `choices`, in any case.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<Located<T>> {
        let node = self.get(key)?;
        self.choice_of(key, node, choices)
    }

    /// As [`Fields::choice`], of a node at hand.
    pub(super) fn choice_of<T: Copy>(
        &mut self,
        key: &str,
        node: &Node,
        choices: &[(&str, T)],
    ) -> Option<Located<T>> {
        let words = choices.iter().map(|(word, _)| *word);
        let expected = format!("one of {}", words.clone().collect::<Vec<_>>().join(", "));
        let Value::Text(text) = &node.value else {
            self.wrong(key, node, &expected);
            return None;
        };
        let word = text.trim().to_lowercase();
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word) {
            return Some(Located::new(*value, node.span));
        }
        match nearest(&word, words) {
            Some(near) => {
                let help = format!("did you mean '{near}'?");
                self.wrong_with_help(key, node, &expected, &help);
            }
            None => self.wrong(key, node, &expected),
        }
        None
    }

    /// A text that `parse` understands; `parse` says how to write it otherwise.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Located<T>> {
        let node = self.get(key)?;
        // A number without a unit is a number to YAML; `parse` says that the unit is missing.
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Integer(value) => value.to_string(),
            Value::Float(value) => value.to_string(),
            _ => {
                self.wrong(key, node, expected);
                return None;
            }
        };
        match parse(&text) {
            Ok(value) => Some(Located::new(value, node.span)),
            Err(help) => {
                self.wrong_with_help(key, node, expected, &help);
                None
            }
        }
    }

    /// A duration with its unit: `2ms`.
    pub(super) fn duration(&mut self, key: &str) -> Option<Located<Duration>> {
        self.parsed(key, "a duration", units::duration)
    }

    /// A duration as the parent project writes it, a number of seconds above zero; or one with its unit.
    pub(super) fn seconds(&mut self, key: &str) -> Option<Located<Duration>> {
        let node = self.get(key)?;
        let seconds = match node.value {
            Value::Integer(value) => value as f64,
            Value::Float(value) => value,
            _ => return self.duration(key),
        };
        match units::seconds_to_duration(seconds) {
            Ok(duration) => Some(Located::new(duration, node.span)),
            Err(_) => {
                self.wrong(key, node, "a number of seconds above zero");
                None
            }
        }
    }

    /// The items of a list.
    pub(super) fn list<'m>(&mut self, key: &str, node: &'m Node) -> Option<&'m [Node]> {
        match &node.value {
            Value::List(items) => Some(items),
            _ => {
                self.wrong(key, node, "a list");
                None
            }
        }
    }
}
