//! Expected diagnostics, written into the text that they are about.
//!
//! `⟦` and `⟧` enclose what must be marked; several marks are several diagnostics, in order.

use sandpipe::config::Report;

/// A place: offset and length in bytes, line, column in characters.
pub type Place = (usize, usize, u32, u32);

/// A text without its marks, and where they were.
pub fn unmark(marked: &str) -> (String, Vec<Place>) {
    let mut text = String::new();
    let mut places: Vec<Place> = Vec::new();
    let mut open = Vec::new();
    for character in marked.chars() {
        match character {
            '⟦' => {
                let line = 1 + text.matches('\n').count() as u32;
                let column = 1 + text.chars().rev().take_while(|&c| c != '\n').count() as u32;
                open.push(places.len());
                places.push((text.len(), 0, line, column));
            }
            '⟧' => {
                let place = &mut places[open.pop().unwrap()];
                place.1 = text.len() - place.0;
            }
            other => text.push(other),
        }
    }
    (text, places)
}

/// Checks that `report` holds exactly the given messages, each `message` or `message | help`, at `places`.
#[track_caller]
pub fn check(report: &Report, places: Vec<Place>, expected: &[&str]) {
    let found = report.diagnostics();
    assert_eq!(found.len(), expected.len(), "\n{report}");
    let mut places = places.into_iter();
    for (diagnostic, expected) in found.iter().zip(expected) {
        let (message, help) = expected.split_once(" | ").unwrap_or((expected, ""));
        assert!(
            diagnostic.message.contains(message),
            "{message:?} is not in\n{report}"
        );
        let shown = diagnostic.help.clone().unwrap_or_default();
        assert!(shown.contains(help), "{help:?} is not in\n{report}");
        let place = diagnostic
            .span
            .map(|span| (span.offset, span.length, span.line, span.column));
        assert_eq!(place, places.next(), "\n{report}");
    }
    assert!(!report.plain().is_empty() && !report.coloured().is_empty());
}
