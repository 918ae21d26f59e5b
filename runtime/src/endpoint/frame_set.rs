//! The source `synthetic.frame_set`: several cameras with one trigger. They differ in the seed of their pattern, their frames arrive one
//! after the other with jitter, some are lost, and those of one generation have the same number.

use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::array::ArrayType;

use super::pace::{Pace, Tick};
use super::parameters::Reader;
use super::pattern::{Generator, Pattern};
use super::{EndpointError, PlannedSource, Produced, Source, synthetic};

/// Those of `synthetic.array`, and its own.
pub(super) const PARAMETERS: [&str; 11] = [
    "pattern",
    "seed",
    "amplitude",
    "offset",
    "period",
    "constant",
    "impulse_interval",
    "rate_hz",
    "jitter_us",
    "drop_probability",
    "assign_frame_id",
];

/// A day: what is longer is a mistake.
const LONGEST_JITTER_US: f64 = 86_400e6;

/// What `synthetic.frame_set` was asked for.
#[derive(Clone)]
pub(super) struct Plan {
    pattern: Pattern,
    arrays: Vec<ArrayType>,
    rate: Option<f64>,
    jitter: Duration,
    drop_probability: f64,
    assign_frame_id: bool,
}

pub(super) fn plan(parameters: &mut Reader<'_>, arrays: Vec<ArrayType>) -> Plan {
    let pattern = synthetic::pattern(parameters);
    let expected = "a number of microseconds from 0 to 86400000000";
    let jitter = parameters.number_that("jitter_us", expected, |jitter| {
        (0.0..=LONGEST_JITTER_US).contains(&jitter)
    });
    let drop_probability =
        parameters.number_that("drop_probability", "a number from 0 to 1", |probability| {
            (0.0..=1.0).contains(&probability)
        });
    Plan {
        pattern,
        arrays,
        rate: parameters.rate(),
        jitter: Duration::from_secs_f64(jitter.unwrap_or(0.0) * 1e-6),
        drop_probability: drop_probability.unwrap_or(0.0),
        assign_frame_id: parameters.boolean("assign_frame_id").unwrap_or(true),
    }
}

impl PlannedSource for Plan {
    fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
        let camera = |(index, array): (u64, &ArrayType)| Camera {
            generator: Generator::new(
                Pattern {
                    // So that no two of them give the same frames.
                    seed: self.pattern.seed.wrapping_add(index),
                    ..self.pattern.clone()
                },
                array.clone(),
            ),
            missed: 0,
        };
        Ok(Box::new(FrameSet {
            cameras: (0..).zip(&self.arrays).map(camera).collect(),
            pace: Pace::new(self.rate),
            random: Xoshiro256PlusPlus::seed_from_u64(self.pattern.seed),
            generation: 0,
            next: 0,
            due: None,
            plan: self.clone(),
        }))
    }
}

struct Camera {
    generator: Generator,
    /// Generations that went by unused since its last frame.
    missed: u64,
}

struct FrameSet {
    plan: Plan,
    cameras: Vec<Camera>,
    pace: Pace,
    random: Xoshiro256PlusPlus,
    /// From 1.
    generation: u64,
    /// The camera whose frame comes next; the first: of the next generation.
    next: usize,
    /// When that frame arrives, once that was drawn.
    due: Option<Instant>,
}

impl FrameSet {
    /// Begins the next generation, if it is time.
    fn begin(&mut self) -> Tick {
        let tick = self.pace.tick(Instant::now);
        if let Tick::Now { missed } = tick {
            self.generation += 1;
            self.cameras
                .iter_mut()
                .for_each(|camera| camera.missed += missed);
        }
        tick
    }

    /// Draws by how much the next frame is late.
    fn jitter(&mut self) -> Duration {
        match self.plan.jitter.is_zero() {
            true => Duration::ZERO,
            false => self.plan.jitter.mul_f64(self.random.random()),
        }
    }
}

impl Source for FrameSet {
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
        let due = match self.due {
            Some(due) => due,
            None => {
                if self.next == 0
                    && let Tick::Later(due) = self.begin()
                {
                    return Ok(Produced::NotBefore(due));
                }
                Instant::now() + self.jitter()
            }
        };
        if Instant::now() < due {
            self.due = Some(due);
            return Ok(Produced::NotBefore(due));
        }
        self.due = None;
        let output = self.next;
        self.next = (output + 1) % self.cameras.len();
        let probability = self.plan.drop_probability;
        if probability > 0.0 && self.random.random::<f64>() < probability {
            return Ok(Produced::Lost { output });
        }
        let camera = &mut self.cameras[output];
        camera.generator.next(&mut frames[output]);
        Ok(Produced::Frame {
            output,
            frame_id: self.plan.assign_frame_id.then_some(self.generation),
            missed: std::mem::take(&mut camera.missed),
        })
    }

    fn delay(&mut self, by: Duration) {
        self.pace.delay(by);
        self.due = self.due.map(|due| due + by);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

    use super::*;
    use crate::array::Dtype;
    use crate::endpoint::pattern::Formula;

    fn plan(jitter: Duration, drop_probability: f64) -> Plan {
        let array = |extent| ArrayType {
            dtype: Dtype::F64,
            shape: vec![extent],
        };
        Plan {
            pattern: Pattern {
                formula: Formula::Random,
                seed: 7,
                amplitude: 1.0,
                offset: 0.0,
                period: 64.0,
                constant: 0.0,
                impulse_interval: 64,
            },
            arrays: vec![array(2), array(2), array(3)],
            rate: None,
            jitter,
            drop_probability,
            assign_frame_id: true,
        }
    }

    fn frames() -> Vec<Vec<u8>> {
        vec![vec![0; 16], vec![0; 16], vec![0; 24]]
    }

    /// What the source gives, without the waits.
    fn give(source: &mut dyn Source, frames: &mut [Vec<u8>]) -> Produced {
        loop {
            match source.next(frames).unwrap() {
                Produced::NotBefore(due) => {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                produced => return produced,
            }
        }
    }

    #[test]
    fn each_generation_has_a_frame_of_each_camera_in_order_with_one_number() {
        let mut source = plan(Duration::ZERO, 0.0).open().unwrap();
        let mut given = frames();
        for generation in 1..4 {
            for output in 0..3 {
                let expected = Produced::Frame {
                    output,
                    frame_id: Some(generation),
                    missed: 0,
                };
                assert_eq!(give(&mut *source, &mut given), expected);
            }
            // Their seeds differ.
            assert_ne!(given[0], given[1]);
            assert_ne!(given[1], given[2][..16]);
        }
    }

    #[test]
    fn the_second_camera_has_the_seed_after_that_of_the_first() {
        let mut source = plan(Duration::ZERO, 0.0).open().unwrap();
        let mut next = Plan {
            pattern: Pattern {
                seed: 8,
                ..plan(Duration::ZERO, 0.0).pattern
            },
            ..plan(Duration::ZERO, 0.0)
        }
        .open()
        .unwrap();
        let (mut given, mut other) = (frames(), frames());
        give(&mut *source, &mut given);
        give(&mut *source, &mut given);
        give(&mut *next, &mut other);
        assert_eq!(given[1], other[0]);
    }

    #[test]
    fn some_frames_are_lost_and_the_generations_go_on() {
        let mut source = plan(Duration::ZERO, 0.25).open().unwrap();
        let (mut given, mut lost) = (frames(), 0);
        for generation in 1..=1000 {
            for camera in 0..3 {
                match give(&mut *source, &mut given) {
                    Produced::Lost { output } => {
                        assert_eq!(output, camera);
                        lost += 1;
                    }
                    produced => {
                        let expected = Produced::Frame {
                            output: camera,
                            frame_id: Some(generation),
                            missed: 0,
                        };
                        assert_eq!(produced, expected);
                    }
                }
            }
        }
        // 750 are expected, with a standard deviation of 24.
        assert!((630..870).contains(&lost), "{lost}");
    }

    #[test]
    fn jitter_lies_between_nothing_and_what_was_asked_for() {
        let jitter = Duration::from_secs(50);
        let mut source = plan(jitter, 0.0).open().unwrap();
        let mut given = frames();
        let before = Instant::now();
        let Produced::NotBefore(due) = source.next(&mut given).unwrap() else {
            panic!("the first frame comes at once");
        };
        assert!(due > before && due <= Instant::now() + jitter);
        // It is drawn once.
        assert_eq!(source.next(&mut given).unwrap(), Produced::NotBefore(due));
        source.delay(jitter);
        let later = Produced::NotBefore(due + jitter);
        assert_eq!(source.next(&mut given).unwrap(), later);
    }
}
