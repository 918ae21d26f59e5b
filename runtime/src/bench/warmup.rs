//! Whether a run has become steady: the last windows agree.

use serde::Serialize;

/// So many windows in a row have to agree.
const WINDOWS: usize = 4;
/// They agree when the largest is at most so many times the least.
const AGREE: f64 = 1.1;

/// The windows of a run that warms up.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WarmUp {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Whether the run became steady in that time.
    pub reached: bool,
    /// The figure of each window: the rate, or the median latency.
    #[serde(skip)]
    values: Vec<f64>,
}

impl WarmUp {
    /// Takes the figure of the next window, `seconds` after the start. Whether the last ones agree.
    pub fn push(&mut self, value: f64, seconds: f64) -> bool {
        self.values.push(value);
        self.seconds = seconds;
        self.reached = self.values.last_chunk::<WINDOWS>().is_some_and(agree);
        self.reached
    }
}

fn agree(values: &[f64; WINDOWS]) -> bool {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(0.0, f64::max);
    least > 0.0 && largest <= AGREE * least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_warm_when_four_windows_in_a_row_agree() {
        let mut warm_up = WarmUp::default();
        let values = [90.0, 50.0, 30.0, 21.0, 20.0, 20.5];
        assert!(values.iter().all(|value| !warm_up.push(*value, 0.1)));
        assert!(warm_up.push(21.9, 0.2));
        assert!(warm_up.reached && warm_up.seconds == 0.2);
        assert!(!warm_up.push(30.0, 0.3));
        let mut still = WarmUp::default();
        assert!((0..9).all(|_| !still.push(0.0, 0.1)), "nothing moves");
    }
}
