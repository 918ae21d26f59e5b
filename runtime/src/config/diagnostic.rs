//! What is wrong, where, and how to mend it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::located::Span;
use super::render;

/// Characters of a message that are kept; what a file wrote could be of any length.
const MESSAGE_LIMIT: usize = 1000;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A full sentence: what is wrong.
    pub message: String,
    /// The text that is wrong, where there is one.
    pub span: Option<Span>,
    /// How to mend it, where that can be said.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a place. Control characters in `message` are escaped and its length is bounded:
    /// it may quote untrusted text.
    pub fn new(message: impl AsRef<str>) -> Diagnostic {
        Diagnostic {
            message: clean(message.as_ref()),
            span: None,
            help: None,
        }
    }

    /// A diagnostic about the text at `span`.
    pub fn at(span: Span, message: impl AsRef<str>) -> Diagnostic {
        Diagnostic {
            span: span.is_known().then_some(span),
            ..Diagnostic::new(message)
        }
    }

    /// Adds how to mend it.
    pub fn help(mut self, help: impl AsRef<str>) -> Diagnostic {
        self.help = Some(clean(help.as_ref()));
        self
    }
}

/// What the diagnostics of a report mean for the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// It cannot be used.
    #[default]
    Error,
    /// It can, and this is good to know.
    Note,
}

/// Everything that one check found in one file, in the order of the file.
#[derive(Clone, Debug)]
pub struct Report {
    severity: Severity,
    file: PathBuf,
    source: Arc<str>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// A report on `file`, whose text is `source` (empty where the file could not be read).
    pub fn new(
        file: impl Into<PathBuf>,
        source: impl Into<Arc<str>>,
        mut diagnostics: Vec<Diagnostic>,
    ) -> Report {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        diagnostics.dedup();
        Report {
            severity: Severity::default(),
            file: file.into(),
            source: source.into(),
            diagnostics,
        }
    }

    /// The same, of another severity.
    pub fn of(self, severity: Severity) -> Report {
        Report { severity, ..self }
    }

    /// What its diagnostics mean for the file.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The file that was checked.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What is wrong with it, in the order of the file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// For people: each diagnostic with the marked line, without colour.
    pub fn plain(&self) -> String {
        render::plain(self)
    }

    /// For people at a terminal: as [`Report::plain`], with colour.
    pub fn coloured(&self) -> String {
        render::coloured(self)
    }

    /// For programs: one object `{file, line, column, message, help}` for each diagnostic; `null` where
    /// something is not known.
    pub fn json(&self) -> Vec<Value> {
        let file = self.file.display().to_string();
        self.diagnostics
            .iter()
            .map(|diagnostic| {
                json!({
                    "file": file,
                    "line": diagnostic.span.map(|span| span.line),
                    "column": diagnostic.span.map(|span| span.column),
                    "message": diagnostic.message,
                    "help": diagnostic.help,
                })
            })
            .collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain())
    }
}

impl std::error::Error for Report {}

/// Collects the diagnostics of one check: the first [`DIAGNOSTICS_LIMIT`] of them, since a hostile file could
/// have as many as it has characters.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    kept: Vec<Diagnostic>,
    found: usize,
}

const DIAGNOSTICS_LIMIT: usize = 200;

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.found += 1;
        if !self.is_full() {
            self.kept.push(diagnostic);
        }
    }

    /// How many were found so far, kept or not.
    pub(crate) fn found(&self) -> usize {
        self.found
    }

    /// Whether further ones are only counted: then nothing more needs to be said about them.
    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= DIAGNOSTICS_LIMIT
    }

    /// What was kept, and `value` if nothing was found.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, Vec<Diagnostic>> {
        if self.kept.is_empty() {
            Ok(value)
        } else {
            Err(self.kept)
        }
    }
}

/// Candidates that are compared with a misspelt word.
const CANDIDATES_LIMIT: usize = 200;

/// The known word nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Distance is quadratic in the length of the words, and no word of ours is long.
    let length = word.chars().count();
    if length > 64 {
        return None;
    }
    known
        .into_iter()
        .take(CANDIDATES_LIMIT)
        .filter(|candidate| candidate.len() <= 128)
        .filter_map(|candidate| {
            let other = candidate.chars().count();
            let allowed = other.max(length).div_ceil(3);
            // No distance is below the difference in length.
            if other.abs_diff(length) > allowed {
                return None;
            }
            let distance = strsim::osa_distance(word, candidate);
            (distance <= allowed).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean 'x'?" where one of `known` is near, else the list of them.
pub(crate) fn suggestion<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    listed_as: &str,
) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean '{near}'?");
    }
    let mut known = known.into_iter();
    let shown: Vec<&str> = known.by_ref().take(40).collect();
    let more = match known.count() {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    format!("{listed_as} are {}{more}", shown.join(", "))
}

/// `text` without control characters and of bounded length.
fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len().min(MESSAGE_LIMIT));
    for (count, character) in text.chars().enumerate() {
        if count == MESSAGE_LIMIT {
            cleaned.push('…');
            break;
        }
        if character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            cleaned.extend(character.escape_debug());
        } else {
            cleaned.push(character);
        }
    }
    cleaned
}
