//! A report as text for people, each diagnostic with the line that it marks.

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Snippet};

use super::diagnostic::{Diagnostic, Report, Severity};
use super::located::Span;

/// Diagnostics that are shown; a hostile file could have as many as it has keys.
const SHOWN: usize = 50;

/// A marked line is shown up to this many bytes.
const LINE_LIMIT: usize = 2000;

pub(super) fn plain(report: &Report) -> String {
    with(report, &Renderer::plain())
}

pub(super) fn coloured(report: &Report) -> String {
    with(report, &Renderer::styled())
}

fn with(report: &Report, renderer: &Renderer) -> String {
    let file = report.file().display().to_string();
    let mut shown: Vec<String> = report
        .diagnostics()
        .iter()
        .take(SHOWN)
        .map(|diagnostic| renderer.render(&[group(diagnostic, &file, report)]))
        .collect();
    let rest = report.diagnostics().len().saturating_sub(SHOWN);
    if rest > 0 {
        let what = match report.severity() {
            Severity::Error => "errors",
            Severity::Note => "notes",
        };
        shown.push(format!("and {rest} more {what}"));
    }
    shown.join("\n\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, file: &'a str, report: &'a Report) -> Group<'a> {
    let level = match report.severity() {
        Severity::Error => Level::ERROR,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str());
    let mut group = match diagnostic.span {
        None => title.element(Origin::path(file)),
        Some(span) => match marked(report.source(), span) {
            Some(snippet) => title.element(snippet.path(file)),
            None => title.element(
                Origin::path(file)
                    .line(span.line as usize)
                    .char_column(span.column as usize),
            ),
        },
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The line of `span` with the span marked. `None` where the line is too long to show, or where the span does
/// not lie in `source`.
fn marked(source: &str, span: Span) -> Option<Snippet<'_, annotate_snippets::Annotation<'_>>> {
    let before = source.get(..span.offset)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let end = source[span.offset..]
        .find('\n')
        .map_or(source.len(), |newline| span.offset + newline);
    let line = source[start..end].trim_end_matches('\r');
    if line.len() > LINE_LIMIT {
        return None;
    }
    // A span over several lines is marked on its first one.
    let from = (span.offset - start).min(line.len());
    let mut to = from.saturating_add(span.length.max(1)).min(line.len());
    while !line.is_char_boundary(to) {
        to += 1;
    }
    Some(
        Snippet::source(line)
            .line_start(span.line as usize)
            .annotation(AnnotationKind::Primary.span(from..to)),
    )
}
