//! Rules about what a kernel writes.

use super::attempt::{base, stays_inside, verdict, works, writes_all};
use crate::conformance::Verdict;
use crate::conformance::suite::{Refusal, Suite};

pub(super) fn values(suite: &Suite<'_>) -> Verdict {
    if let Err(skipped) = base(suite) {
        return skipped;
    }
    verdict(works(suite, suite.place, true).map(|_| String::new()))
}

pub(super) fn inside(suite: &Suite<'_>) -> Verdict {
    match base(suite) {
        Ok(_) => verdict(stays_inside(suite, suite.place).map(|()| String::new())),
        Err(skipped) => skipped,
    }
}

pub(super) fn whole(suite: &Suite<'_>) -> Verdict {
    match base(suite) {
        Ok(_) => verdict(writes_all(suite, suite.place).map(|()| String::new())),
        Err(skipped) => skipped,
    }
}

pub(super) fn repeats(suite: &Suite<'_>) -> Verdict {
    let run = || {
        suite
            .open(suite.place)
            .map_err(Refusal::into_message)
            .and_then(|mut trial| trial.play(1..6))
    };
    if let Err(skipped) = base(suite) {
        return skipped;
    }
    verdict(run().and_then(|first| {
        let second = run()?;
        match first
            .iter()
            .zip(&second)
            .position(|(first, second)| first != second)
        {
            None => Ok(String::new()),
            Some(frame) => Err(format!(
                "a second instance gives something else for frame {}",
                frame + 1
            )),
        }
    }))
}

pub(super) fn restarts(suite: &Suite<'_>) -> Verdict {
    const BEFORE: u64 = 5;
    const AFTER: u64 = 9;
    let mut through = match base(suite) {
        Ok(trial) => trial,
        Err(skipped) => return skipped,
    };
    let mut run = || -> Result<String, String> {
        through.play(1..BEFORE)?;
        let state = through.state()?;
        let expected = through.play(BEFORE..AFTER)?;
        let mut fresh = suite.open(suite.place).map_err(Refusal::into_message)?;
        fresh.resume(&state, BEFORE - 1)?;
        let found = fresh.play(BEFORE..AFTER)?;
        match expected
            .iter()
            .zip(&found)
            .position(|(expected, found)| expected != found)
        {
            None if state.is_empty() => Ok("without state".to_owned()),
            None => Ok(format!("with {} state arrays", state.len())),
            Some(frame) => Err(format!(
                "a fresh instance gives something else for frame {} than one that goes on",
                BEFORE as usize + frame
            )),
        }
    };
    verdict(run())
}
