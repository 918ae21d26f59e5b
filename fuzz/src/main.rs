//! Runs targets for as long as one likes: `sandpipe-fuzz TARGET SECONDS [SEED]`, or `sandpipe-fuzz TARGET FILE` for one input.

use std::process::ExitCode;
use std::time::Duration;

use sandpipe_fuzz::TARGETS;
use sandpipe_fuzz::driver::{Until, drive};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let target = arguments
        .first()
        .and_then(|name| TARGETS.iter().find(|target| target.name == name));
    let (Some(target), Some(what)) = (target, arguments.get(1)) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        let names = names.join("|");
        eprintln!("usage: sandpipe-fuzz {names} SECONDS [SEED]\n       sandpipe-fuzz {names} FILE");
        return ExitCode::from(2);
    };
    match what.parse() {
        Ok(seconds) => {
            let seed = arguments.get(2).and_then(|seed| seed.parse().ok());
            let seed = seed.unwrap_or_else(rand::random);
            let count = drive(target, seed, Until::Time(Duration::from_secs(seconds)));
            eprintln!("{}: {count} inputs from seed {seed}", target.name);
        }
        Err(_) => match std::fs::read(what) {
            Ok(input) => (target.run)(&input),
            Err(error) => {
                eprintln!("{what}: {error}");
                return ExitCode::from(2);
            }
        },
    }
    ExitCode::SUCCESS
}
