//! Copies what the ring's writer publishes to pyshmem's place, without ever making the writer wait.

#![allow(
    unsafe_code,
    reason = "copies a frame between two places of shared memory"
)]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Stream;
use super::error::StreamError;
use super::frame::now_ns;
use super::lock::{StreamLock, other_lock};
use super::spec::Mirror;

/// With [`Mirror::Auto`] the pause after a copy, in durations of that copy: so copies take at most a twentieth
/// of a busy writer's time. An idle one copies at once.
const PAUSE: u64 = 19;

/// When to try again to get a lock that somebody holds.
const LOCK_RETRY: Duration = Duration::from_millis(1);

/// How long to leave the place to a process that has signed but locks elsewhere. One that is at it for longer may not be at it at
/// all: another process may have got the id of one that died.
const STRANGER_PATIENCE: Duration = Duration::from_secs(1);

/// How long the end of a run waits for the lock to copy the last frame.
const PATIENCE: Duration = Duration::from_millis(20);

/// A frame that waits to be copied. It is always the newest one, whose slot nobody overwrites.
#[derive(Clone, Copy, Debug)]
struct Pending {
    slot: u32,
    sequence: u64,
    frame_id: u64,
}

/// The mirror of one writer.
#[derive(Debug)]
pub(super) struct Mirroring {
    every: bool,
    lock: StreamLock,
    pending: Option<Pending>,
    /// The publication that was copied last.
    copied: u64,
    /// Not before this time.
    due_ns: u64,
    /// Since when a process has signed that locks elsewhere.
    stranger: Option<Instant>,
    /// Whether it was told of one.
    warned: bool,
}

impl Mirroring {
    /// `None` if the stream is not to be mirrored. `published`: what the stream's earlier writers have published.
    pub fn new(stream: &Stream, published: u64) -> Result<Option<Mirroring>, StreamError> {
        if stream.mirror == Mirror::Never {
            return Ok(None);
        }
        Ok(Some(Mirroring {
            every: stream.mirror == Mirror::Every,
            lock: StreamLock::open(&stream.files)?,
            pending: None,
            copied: published,
            due_ns: 0,
            stranger: None,
            warned: false,
        }))
    }

    /// Tells of a publication; copies it if that is due and the lock is free.
    #[inline]
    pub fn published(
        &mut self,
        stream: &Stream,
        slot: u32,
        sequence: u64,
        frame_id: u64,
        now_ns: u64,
    ) {
        self.pending = Some(Pending {
            slot,
            sequence,
            frame_id,
        });
        if self.every || now_ns >= self.due_ns {
            self.copy_pending(stream, Duration::ZERO);
        }
    }

    /// Copies what is pending if the lock is free: the writer has nothing else to do. If something is still pending: when
    /// to try again.
    pub fn flush(&mut self, stream: &Stream) -> Option<Duration> {
        self.pending?;
        self.copy_pending(stream, Duration::ZERO);
        self.pending.map(|_| LOCK_RETRY)
    }

    /// Copies what is pending now, waiting a moment for the lock.
    pub fn finish(&mut self, stream: &Stream) {
        self.copy_pending(stream, PATIENCE);
    }

    fn copy_pending(&mut self, stream: &Stream, patience: Duration) {
        let start = now_ns();
        // Where the lock cannot be had at all, the frame stays pending: the pipeline does not depend on its viewers.
        if let Some(pending) = self.pending
            && let Ok(Some(held)) = self.lock.hold_within(patience)
        {
            if let Some(process) = stream.place.stranger(&held) {
                if !self.warned {
                    self.warned = true;
                    if let Some(other) = other_lock(&stream.files, process) {
                        other.warn(&stream.files);
                    }
                }
                if self.stranger.get_or_insert_with(Instant::now).elapsed() < STRANGER_PATIENCE {
                    return;
                }
            }
            self.stranger = None;
            let publications = pending.sequence.saturating_sub(self.copied);
            // SAFETY: our writer published the slot; it is the newest, so that nobody overwrites it; ring and place do not
            // overlap.
            let count = unsafe {
                let from = stream.slot(pending.slot);
                stream
                    .place
                    .publish(&held, from, Some(pending.frame_id), publications)
            };
            stream.mirrored.store(count, Ordering::Relaxed);
            drop(held);
            self.copied = pending.sequence;
            self.pending = None;
            let end = now_ns();
            self.due_ns = end + PAUSE * (end - start);
        }
    }
}
