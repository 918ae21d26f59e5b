//! A machine that does not offer all of the confinement.

use std::env::consts::ARCH;

use sandpipe::sandbox::{Cause, Confinement, Engine, EngineOptions};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};

use crate::harness::{Stage, context, in_a_process_of_its_own, kernel, options};

/// Set in the process that is made such a machine.
const POOR: &str = "SANDPIPE_TEST_POOR";

/// From here on the kernel seems not to know landlock, to this process and those that it starts.
fn forget_landlock() {
    let filter = SeccompFilter::new(
        [(libc::SYS_landlock_create_ruleset, vec![])].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    apply_filter_all_threads(&program).unwrap();
}

#[test]
fn poor_machine() {
    if std::env::var_os(POOR).is_none() {
        return;
    }
    forget_landlock();
    let stage = Stage::new(&kernel(&[]));
    for fault in [
        stage.open().err().unwrap(),
        stage
            .program
            .validate_config(&context(), &stage.limits)
            .unwrap_err(),
    ] {
        assert_eq!(fault.cause, Cause::Host);
        assert!(fault.message.contains("missing: landlock."), "{fault}");
        assert!(fault.message.contains("--confinement available"), "{fault}");
    }
    let engine = Engine::new(EngineOptions {
        confinement: Confinement::Available,
        ..options()
    });
    let stage = Stage::on(&engine.unwrap(), &kernel(&[]));
    stage.open().unwrap().compute_into(0, &[0, 0]).unwrap();
}

#[test]
fn what_is_missing_is_named_and_refused_unless_allowed() {
    in_a_process_of_its_own("machine::poor_machine", POOR);
}
