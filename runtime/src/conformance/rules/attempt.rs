//! What the rules have in common: tries that end in words.

use crate::conformance::Verdict;
use crate::conformance::place::Place;
use crate::conformance::suite::{Refusal, Suite};
use crate::conformance::trial::Trial;

/// Broken where the inner result says so.
pub(super) fn verdict(outcome: Result<String, String>) -> Verdict {
    match outcome {
        Ok(said) => Verdict::Kept(said),
        Err(what) => Verdict::Broken(what),
    }
}

/// Computes a frame in a place; `Ok(false)` where the kernel refuses it in words.
pub(super) fn works(suite: &Suite<'_>, place: &Place, extreme: bool) -> Result<bool, String> {
    let mut trial = match suite.open(place) {
        Ok(trial) => trial,
        Err(Refusal::Said(_) | Refusal::Host(_)) => return Ok(false),
        Err(Refusal::Fault(message)) => return Err(message),
    };
    if extreme {
        trial.fill_extreme()?;
    } else {
        trial.fill(1)?;
    }
    trial.step()?;
    Ok(true)
}

/// What every rule after the first needs: a place where the kernel works.
pub(super) fn base(suite: &Suite<'_>) -> Result<Trial, Verdict> {
    suite.open(suite.place).map_err(|_| {
        Verdict::Skipped("the kernel does not run in its place; see accepts".to_owned())
    })
}

/// As [`works`], and looks at what is written.
pub(super) fn works_well(suite: &Suite<'_>, place: &Place) -> Result<bool, String> {
    let works = works(suite, place, false)?;
    if works {
        tidy(suite, place)?;
    }
    Ok(works)
}

/// Nothing is written outside, and everything inside.
fn tidy(suite: &Suite<'_>, place: &Place) -> Result<(), String> {
    stays_inside(suite, place)?;
    writes_all(suite, place)
}

pub(super) fn stays_inside(suite: &Suite<'_>, place: &Place) -> Result<(), String> {
    for paint in [0x00, 0xa5] {
        let mut trial = suite.open(place).map_err(Refusal::into_message)?;
        trial.fill(1)?;
        trial.paint(paint);
        trial.step()?;
        if let Some(index) = trial.smeared(paint) {
            return Err(format!(
                "bytes before or behind output {index} have changed"
            ));
        }
    }
    Ok(())
}

pub(super) fn writes_all(suite: &Suite<'_>, place: &Place) -> Result<(), String> {
    let painted = |paint: u8| -> Result<Vec<Vec<u8>>, String> {
        let mut trial = suite.open(place).map_err(Refusal::into_message)?;
        trial.fill(1)?;
        trial.paint(paint);
        trial.step()?;
        trial.results()
    };
    for (index, (one, other)) in painted(0x00)?.iter().zip(&painted(0xa5)?).enumerate() {
        let differ = one
            .iter()
            .zip(other)
            .filter(|(one, other)| one != other)
            .count();
        if let Some(first) = one.iter().zip(other).position(|(one, other)| one != other) {
            return Err(format!(
                "{differ} of the {} bytes of output {index} were not written, the first of them byte {first}",
                one.len()
            ));
        }
    }
    Ok(())
}
