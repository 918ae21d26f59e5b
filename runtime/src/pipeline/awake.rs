//! Keeps processors from sleeping while nothing is to be done, so that they begin at once when something is.
//!
//! A processor that waits for the next frame sleeps, the deeper the longer, and takes from microseconds to hundreds of them to wake; one that is
//! lent to a virtual machine is taken away meanwhile, and has to be given back. The kernel lets a process bound that time for as long as it
//! keeps a file open ("PM Quality Of Service Interface" of the kernel's documentation, `power/pm_qos_interface`).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

const DEVICE: &str = "/dev/cpu_dma_latency";
/// What puts processors to sleep: `none` where nothing does that could be told not to.
const DRIVER: &str = "/sys/devices/system/cpu/cpuidle/current_driver";
/// How long a processor may take to wake, in microseconds.
const LATENCY_US: i32 = 0;

/// While it lives, no processor of the machine sleeps.
#[derive(Debug)]
pub struct Awake {
    _request: File,
}

impl Awake {
    /// Asks the system for it.
    ///
    /// # Errors
    /// It does not let this user, or has no way.
    pub fn ask() -> io::Result<Awake> {
        let mut request = OpenOptions::new().write(true).open(DEVICE)?;
        heeded(Path::new(DRIVER))?;
        request.write_all(&LATENCY_US.to_ne_bytes())?;
        Ok(Awake { _request: request })
    }
}

/// Whether what puts processors to sleep asks for the bound. Where the system does not tell, it is believed to.
fn heeded(driver: &Path) -> io::Result<()> {
    match fs::read_to_string(driver) {
        Ok(name) if name.trim() == "none" => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "this system has no cpuidle driver",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_system_that_would_not_heed_it_is_told_by_its_driver() {
        let folder = tempfile::tempdir().unwrap();
        let driver = folder.path().join("current_driver");
        assert!(heeded(&driver).is_ok(), "it does not tell");
        fs::write(&driver, "intel_idle\n").unwrap();
        assert!(heeded(&driver).is_ok());
        fs::write(&driver, "none\n").unwrap();
        let error = heeded(&driver).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
