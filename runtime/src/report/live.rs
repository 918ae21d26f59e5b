//! The live table on a terminal.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::monitor::Monitor;
use super::summary::State;
use super::text;

/// A table of stages that is drawn over itself.
pub struct LiveTable {
    bar: ProgressBar,
    drawn: Instant,
    frames: Vec<u64>,
}

impl LiveTable {
    /// An empty table, drawn by `bar`.
    pub fn new(bar: ProgressBar) -> Self {
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self {
            bar,
            drawn: Instant::now(),
            frames: Vec::new(),
        }
    }

    /// Draws the present state; the rates are those since the last drawing.
    pub fn draw(&mut self, monitor: &Monitor, state: State) {
        if self.bar.is_hidden() {
            return;
        }
        let report = monitor.report(state);
        let seconds = self.drawn.elapsed().as_secs_f64().max(1e-9);
        let frames: Vec<u64> = report
            .stages
            .iter()
            .map(|(_, stage)| stage.frames)
            .collect();
        let before = self.frames.iter().copied().chain(std::iter::repeat(0));
        let rates: Vec<f64> = frames
            .iter()
            .zip(before)
            .map(|(now, before)| (now - before.min(*now)) as f64 / seconds)
            .collect();
        self.bar.set_message(format!(
            "{}\n{}   {:.1} s, {}",
            text::stages(&report, &rates),
            text::latency(&report),
            report.elapsed_s,
            match state {
                State::Paused => "paused",
                _ => "Ctrl-C stops",
            }
        ));
        self.drawn = Instant::now();
        self.frames = frames;
    }

    /// Takes the table off the terminal.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
