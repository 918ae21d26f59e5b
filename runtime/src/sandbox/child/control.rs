//! The memory by which a parent and the child that runs a kernel ring each other for every frame.
//!
//! ```text
//! page 0: | turn, frame id | answer |     each on a cache line of its own
//! page 1: | slot of each window |
//! ```
//!
//! The parent writes frame id and slots, then counts `turn` up; the child computes, then writes `answer`. Neither calls the
//! kernel unless the other sleeps. The child is not trusted: the parent never reads what it wrote itself, takes only an answer
//! to the very turn it asked for, and looks at nothing else here.

#![allow(unsafe_code, reason = "reaches into shared pages")]

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::sealed;

use crate::sandbox::windows::layout::MAX_WINDOWS;
use crate::stream::{Signal, Spin, WaitWord};

/// The child's answer to one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It computed the frame.
    Done,
    /// It computed the frame, and messages of the kernel lie in the socket.
    DoneWithMessages,
    /// It did not; why follows on the socket.
    Fault,
}

impl Answer {
    const ALL: [Answer; 3] = [Answer::Done, Answer::DoneWithMessages, Answer::Fault];

    fn of_turn(self, turn: u64) -> u64 {
        turn << 2 | self as u64
    }
}

#[repr(C, align(128))]
struct Request {
    turn: Signal,
    frame_id: AtomicU64,
}

#[repr(C, align(128))]
struct Reply {
    answer: Signal,
}

#[repr(C, align(4096))]
struct Words {
    request: Request,
    reply: Reply,
}

#[repr(C)]
struct Pages {
    words: Words,
    slots: [AtomicU32; MAX_WINDOWS],
}

/// The pages, mapped.
pub(super) struct Control(MmapRaw);

impl Control {
    /// New pages of zeros, and the file to give to the child.
    pub fn new() -> io::Result<(Control, OwnedFd)> {
        let file = sealed::fixed("sandpipe-control", size_of::<Pages>() as u64)?;
        Ok((Control::map(&file)?, file))
    }

    /// Maps the pages of `file`.
    pub fn map(file: &OwnedFd) -> io::Result<Control> {
        let file = File::from(file.try_clone()?);
        if file.metadata()?.len() != size_of::<Pages>() as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Control(MmapOptions::new().map_raw(&file)?))
    }

    #[inline]
    fn pages(&self) -> &Pages {
        // SAFETY: the mapping has the size of `Pages` and begins on a page; its file cannot shrink; all fields are atomics, for
        // which every value is valid and which anybody may change; it lives as long as `self`.
        unsafe { &*self.0.as_ptr().cast::<Pages>() }
    }

    /// Asks the child for a frame. `slots` are at most [`MAX_WINDOWS`].
    #[inline]
    pub fn ask(&self, turn: u64, frame_id: u64, slots: &[u32]) {
        let pages = self.pages();
        for (place, slot) in pages.slots.iter().zip(slots) {
            place.store(*slot, Ordering::Relaxed);
        }
        let request = &pages.words.request;
        request.frame_id.store(frame_id, Ordering::Relaxed);
        request.turn.store(turn);
    }

    /// The child's answer to `turn`; `None` when that word is none.
    #[inline]
    pub fn answer(&self, turn: u64) -> Option<Answer> {
        let word = self.pages().words.reply.answer.load();
        Answer::ALL
            .into_iter()
            .find(|answer| answer.of_turn(turn) == word)
    }

    /// To wait for the answer to the turn after which nothing was answered but `last`.
    #[inline]
    pub fn answer_word(&self, last: (u64, Answer)) -> WaitWord<'_> {
        self.pages().words.reply.answer.word(last.1.of_turn(last.0))
    }

    /// The child: waits for a turn other than `last`; copies the slots and returns turn and frame id.
    pub fn next(&self, last: u64, slots: &mut [u32], spin: &mut Spin) -> (u64, u64) {
        let pages = self.pages();
        let request = &pages.words.request;
        let turn = loop {
            let turn = request.turn.load();
            if turn != last {
                break turn;
            }
            spin.wait(&[request.turn.word(last)], None);
        };
        for (slot, place) in slots.iter_mut().zip(&pages.slots) {
            *slot = place.load(Ordering::Relaxed);
        }
        (turn, request.frame_id.load(Ordering::Relaxed))
    }

    /// The child: answers `turn`.
    #[inline]
    pub fn reply(&self, turn: u64, answer: Answer) {
        self.pages().words.reply.answer.store(answer.of_turn(turn));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn frames_go_there_and_answers_come_back() {
        let (parent, file) = Control::new().unwrap();
        let child = Control::map(&file).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut last, mut slots) = (0, [0; 2]);
                let mut spin = Spin::default();
                for _ in 0..3 {
                    let (turn, frame_id) = child.next(last, &mut slots, &mut spin);
                    assert_eq!((frame_id, slots), (turn * 10, [turn as u32, 7]));
                    child.reply(turn, Answer::ALL[turn as usize % 3]);
                    last = turn;
                }
            });
            let (mut last, mut spin) = ((0, Answer::Done), Spin::default());
            for turn in 1..=3 {
                parent.ask(turn, turn * 10, &[turn as u32, 7]);
                while parent.answer(turn).is_none() {
                    spin.wait(&[parent.answer_word(last)], None);
                }
                let answer = Answer::ALL[turn as usize % 3];
                assert_eq!(parent.answer(turn), Some(answer));
                last = (turn, answer);
            }
        });
    }

    #[test]
    fn an_answer_to_another_turn_is_none() {
        let (parent, file) = Control::new().unwrap();
        let child = Control::map(&file).unwrap();
        for word in [0, 1, 5 << 2, (4 << 2) | 3, u64::MAX] {
            child.pages().words.reply.answer.store(word);
            assert_eq!(parent.answer(4), None, "{word:#x}");
        }
        child.reply(4, Answer::Fault);
        assert_eq!(parent.answer(4), Some(Answer::Fault));
    }
}
