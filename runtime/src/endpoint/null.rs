//! The sink `null.sink`: takes frames and forgets them, as fast as a device of a given speed would.

use std::time::{Duration, Instant};

use super::parameters::Reader;
use super::{Consumed, EndpointError, PlannedSink, Sink};

/// `sample_window` is the parent's: the number of samples its percentiles are made from. Reports here are made from
/// all of them.
pub(super) const PARAMETERS: [&str; 2] = ["device_delay_s", "sample_window"];

/// A day: what is longer is a mistake.
const LONGEST_DELAY: f64 = 86_400.0;

/// What `null.sink` was asked for; running, it is the same.
#[derive(Clone, Copy)]
pub(super) struct Null {
    delay: Duration,
}

pub(super) fn plan(parameters: &mut Reader<'_>) -> Null {
    parameters.integer("sample_window", 1);
    let expected = "a number of seconds from 0 to 86400";
    let delay = parameters.number_that("device_delay_s", expected, |delay| {
        (0.0..=LONGEST_DELAY).contains(&delay)
    });
    Null {
        delay: Duration::from_secs_f64(delay.unwrap_or(0.0)),
    }
}

impl PlannedSink for Null {
    fn open(&self) -> Result<Box<dyn Sink>, EndpointError> {
        Ok(Box::new(*self))
    }

    fn waits(&self) -> bool {
        false
    }
}

impl Sink for Null {
    fn consume(&mut self, _: &[u8], _: u64) -> Result<Consumed, EndpointError> {
        if self.delay.is_zero() {
            return Ok(Consumed::Ready);
        }
        Ok(Consumed::BusyUntil(Instant::now() + self.delay))
    }

    fn finish(&mut self) -> Result<(), EndpointError> {
        Ok(())
    }
}
