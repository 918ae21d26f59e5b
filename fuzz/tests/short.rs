//! The short run of every target: the same inputs each time, and then some that nobody has seen.

use std::time::Duration;

use sandpipe_fuzz::Target;
use sandpipe_fuzz::driver::{Until, drive};

/// Enough for every kind of change on every seed; more is for the long run.
fn short(target: &Target, inputs: u64) {
    assert_eq!(drive(target, 0, Until::Inputs(inputs)), inputs);
    let fresh = rand::random();
    eprintln!("{}: fresh inputs from seed {fresh}", target.name);
    drive(target, fresh, Until::Time(Duration::from_secs(1)));
}

#[test]
fn config() {
    short(&sandpipe_fuzz::CONFIG, 2000);
}

#[test]
fn manifest() {
    short(&sandpipe_fuzz::MANIFEST, 2000);
}

#[test]
fn npy() {
    short(&sandpipe_fuzz::NPY, 5000);
}

#[test]
fn fits() {
    short(&sandpipe_fuzz::FITS, 5000);
}

#[test]
fn mcap() {
    short(&sandpipe_fuzz::MCAP, 1000);
}

#[test]
fn segment() {
    short(&sandpipe_fuzz::SEGMENT, 500);
}

#[test]
fn module() {
    short(&sandpipe_fuzz::MODULE, 200);
}

#[test]
fn smith() {
    short(&sandpipe_fuzz::SMITH, 200);
}

#[test]
fn attack() {
    short(&sandpipe_fuzz::ATTACK, 200);
}
