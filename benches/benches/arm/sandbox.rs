//! The sandbox, as far as it arms deadlines.

use std::sync::Arc;
use std::time::Duration;

#[path = "../../../runtime/src/sandbox/deadline/mod.rs"]
#[allow(dead_code, unused_imports, reason = "only a part of it is measured")]
mod deadline;

/// In place of what gives the watchdog another priority.
pub mod schedule {
    pub fn schedule(_thread: i32, _priority: u32) -> std::io::Result<()> {
        Ok(())
    }
}

/// Does what a call does about its deadline.
pub fn call() -> std::io::Result<impl FnMut()> {
    struct Nothing;
    impl deadline::Stop for Nothing {
        fn stop(&self) {}
        fn allow(&self) {}
    }
    let watchdog = deadline::Watchdog::start()?;
    let mut watch = watchdog.watch(Duration::from_millis(100), Arc::new(Nothing));
    Ok(move || {
        // It ends with this.
        let _ = &watchdog;
        watch.begin();
        assert!(!watch.end(), "never told to stop");
    })
}
