//! The lane of one more part of a stage.

use std::sync::Arc;

use super::desk::{CLOSED, Desk, FAULTED, GONE};
use super::no_instance;
use crate::sandbox::{Fault, Instance};
use crate::stream::Spin;

/// Computes its part of every frame that the stage's lane asks for, until that lane is done with the stage. It stands at no gate and
/// hears no bell: what it computes, the stage's lane waits for, and that lane stands at the gate and hears the bell.
pub struct Helper {
    desk: Arc<Desk>,
    instance: Option<Instance>,
    slots: Box<[u32]>,
}

impl Helper {
    pub(super) fn new(desk: Arc<Desk>, windows: usize) -> Helper {
        Helper {
            desk,
            instance: None,
            slots: vec![0; windows].into(),
        }
    }

    /// Runs until the stage is dropped.
    pub fn run(mut self) {
        let mut spin = Spin::default();
        let mut turn = 0;
        loop {
            let asked = self.desk.asked.0.load();
            if asked & CLOSED != 0 {
                return;
            }
            if asked == turn {
                spin.wait(&[self.desk.asked.0.word(asked)], None);
                continue;
            }
            turn = asked;
            let answer = match self.compute() {
                Ok(_) => turn,
                Err(fault) => {
                    let mut tray = self.desk.tray();
                    tray.instance = self.instance.take();
                    tray.fault = Some(fault);
                    turn | FAULTED
                }
            };
            self.desk.answered.0.store(answer);
        }
    }

    #[inline]
    fn compute(&mut self) -> Result<u64, Fault> {
        let frame_id = self.desk.read(&mut self.slots);
        if self.instance.is_none() {
            self.instance = self.desk.tray().instance.take();
        }
        match &mut self.instance {
            Some(instance) => instance.compute_into(frame_id, &self.slots),
            None => Err(no_instance()),
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // However it ends, nobody waits for it in vain.
        self.desk.answered.0.store(GONE);
    }
}
