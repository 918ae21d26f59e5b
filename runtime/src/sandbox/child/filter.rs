//! Which system calls a child may make: all others end it.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

/// What a child is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Compile: memory, the result's file, messages to the parent, and making memory executable, which the compiler ends
    /// with.
    Compile,
    /// Run a kernel: memory, and messages to the parent.
    Run,
}

/// What any child may do: sleep and wake, ask for the time, end, and talk to its parent. No descriptor can be opened, so
/// all that calls with one can reach is the socket.
const ALWAYS: &[c_long] = &[
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sendmsg,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
];

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// The filter as the kernel takes it.
pub(super) fn program(filter: Filter) -> Result<BpfProgram, BackendError> {
    let mut rules: Rules = ALWAYS.iter().map(|call| (*call, Vec::new())).collect();
    let not_executable = masked(2, libc::PROT_EXEC, 0)?;
    let anonymous = masked(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?;
    // What `abort` does; and its last words go to standard error, which is /dev/null.
    let itself = equal(0, u64::from(std::process::id()))?;
    rules.insert(libc::SYS_tgkill, all_of(vec![itself])?);
    rules.insert(
        libc::SYS_write,
        all_of(vec![equal(0, libc::STDERR_FILENO as u64)?])?,
    );
    match filter {
        Filter::Compile => {
            rules.insert(libc::SYS_mprotect, Vec::new());
            rules.insert(libc::SYS_pwrite64, Vec::new());
        }
        Filter::Run => {
            rules.insert(libc::SYS_mprotect, all_of(vec![not_executable.clone()])?);
        }
    }
    rules.insert(libc::SYS_mmap, all_of(vec![not_executable, anonymous])?);
    SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        ARCH.try_into()?,
    )?
    .try_into()
}

/// One rule, of conditions that must all be met.
fn all_of(conditions: Vec<SeccompCondition>) -> Result<Vec<SeccompRule>, BackendError> {
    Ok(vec![SeccompRule::new(conditions)?])
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn masked(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(mask as u64),
        value as u64,
    )
}
