//! The socket between a parent and its child: whole messages as JSON, and file descriptors from the parent to the child.
//!
//! The parent believes nothing that comes back: messages have a largest size, are parsed into closed types, and descriptors
//! that a child sends are dropped by the kernel, because the parent offers no place for them.

#![allow(unsafe_code, reason = "takes the inherited descriptor")]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message. The longest text in one is a fault's: 1,000 characters, each of which JSON may spell with twelve
/// bytes.
const MESSAGE_BYTES: usize = 32 << 10;
/// How many descriptors go with one message; the kernel's bound is 253.
pub(super) const FILES: usize = 64;

/// Why nothing was received.
#[derive(Debug, thiserror::Error)]
pub(in crate::sandbox) enum ReceiveError {
    /// The other side is gone.
    #[error("it ended")]
    Ended,
    /// The time is up.
    #[error("it did not answer in time")]
    Late,
    /// What came is no message.
    #[error("it sent what is no message ({0})")]
    Garbage(String),
}

/// One end of the socket.
#[derive(Debug)]
pub(in crate::sandbox) struct Channel(OwnedFd);

impl Channel {
    /// Both ends; neither is inherited by programs that are started.
    pub fn pair() -> io::Result<(Channel, OwnedFd)> {
        let (parent, child) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Channel(parent), child))
    }

    /// The child's end: standard input. To be called once.
    pub(super) fn inherited() -> Channel {
        // SAFETY: the parent has put the socket there, and nothing in a child uses standard input.
        Channel(unsafe { OwnedFd::from_raw_fd(0) })
    }

    /// Sends a message, and with it at most [`FILES`] descriptors.
    pub fn send(&self, message: &impl Serialize, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.send_with(message, files, SendFlags::NOSIGNAL)
    }

    /// Sends a message if there is room for it now.
    pub fn try_send(&self, message: &impl Serialize) -> io::Result<()> {
        self.send_with(message, &[], SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
    }

    fn send_with(
        &self,
        message: &impl Serialize,
        files: &[BorrowedFd<'_>],
        flags: SendFlags,
    ) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() > MESSAGE_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        loop {
            match sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, flags) {
                Err(Errno::INTR) => {}
                sent => return Ok(sent.map(drop)?),
            }
        }
    }

    /// Receives a message, of a child: without descriptors. Waits until `until` at most.
    pub fn receive<T: DeserializeOwned>(&self, until: Instant) -> Result<T, ReceiveError> {
        let mut bytes = vec![0; MESSAGE_BYTES];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if !self.readable(left)? {
                return Err(ReceiveError::Late);
            }
            match recv(
                &self.0,
                &mut bytes[..],
                RecvFlags::DONTWAIT | RecvFlags::TRUNC,
            ) {
                Ok((_, 0)) => return Err(ReceiveError::Ended),
                Ok((_, length)) => return parse(bytes.get(..length)),
                // The last is told once, before what the other side had sent, when it ended without reading all of ours.
                Err(Errno::INTR | Errno::AGAIN | Errno::CONNRESET) => {}
                Err(_) => return Err(ReceiveError::Ended),
            }
        }
    }

    /// Receives a message of the parent, and the descriptors that come with it.
    pub(super) fn receive_with_files<T: DeserializeOwned>(
        &self,
    ) -> Result<(T, Vec<OwnedFd>), ReceiveError> {
        let mut bytes = vec![0; MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let length = loop {
            let parts = &mut [IoSliceMut::new(&mut bytes)];
            match recvmsg(&self.0, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Err(Errno::INTR) => {}
                Ok(received) if received.bytes != 0 => break received.bytes,
                _ => return Err(ReceiveError::Ended),
            }
        };
        let mut files = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                files.extend(received);
            }
        }
        Ok((parse(bytes.get(..length))?, files))
    }

    /// Waits until there is something to receive, or until the other side has gone.
    fn readable(&self, limit: Duration) -> Result<bool, ReceiveError> {
        let limit = Timespec::try_from(limit).ok();
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], limit.as_ref()) {
            Ok(ready) => Ok(ready != 0),
            // The caller looks at the clock again.
            Err(Errno::INTR) => Ok(true),
            Err(_) => Err(ReceiveError::Ended),
        }
    }

    /// Waits until the other side has gone.
    pub(super) fn wait_for_the_end(&self) {
        loop {
            // No event is asked for: the end of the other side is reported all the same.
            match poll(&mut [PollFd::new(&self.0, PollFlags::empty())], None) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `None`: it was longer than the buffer.
fn parse<T: DeserializeOwned>(bytes: Option<&[u8]>) -> Result<T, ReceiveError> {
    let bytes = bytes.ok_or_else(|| ReceiveError::Garbage("too long".to_owned()))?;
    serde_json::from_slice(bytes).map_err(|error| ReceiveError::Garbage(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;
    use std::io::{Read, Write};

    const SOON: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(20);

    fn pair() -> (Channel, Channel) {
        let (parent, child) = Channel::pair().unwrap();
        (parent, Channel(child))
    }

    #[test]
    fn messages_keep_their_bounds_and_descriptors_arrive() {
        let (parent, child) = pair();
        let (mut reader, writer) = io::pipe().unwrap();
        parent.send(&"first", &[writer.as_fd()]).unwrap();
        parent.send(&(1u64 << 63), &[]).unwrap();
        drop(writer);
        let (first, mut files) = child.receive_with_files::<String>().unwrap();
        assert_eq!(first, "first");
        let mut received = std::fs::File::from(files.pop().unwrap());
        received.write_all(b"through").unwrap();
        drop(received);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        let (second, files) = child.receive_with_files::<u64>().unwrap();
        assert_eq!((second, files.len()), (1 << 63, 0));
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        let (parent, child) = pair();
        let hostile: [&[u8]; 4] = [
            b"{",
            &[0xff; 10],
            &vec![b'['; MESSAGE_BYTES],
            &[b'1'; MESSAGE_BYTES + 1],
        ];
        for bytes in hostile {
            rustix::net::send(&child.0, bytes, SendFlags::NOSIGNAL).unwrap();
            let received = parent.receive::<Vec<u64>>(Instant::now() + LONG);
            assert!(
                matches!(received, Err(ReceiveError::Garbage(_))),
                "{received:?}"
            );
        }
    }

    #[test]
    fn descriptors_of_a_child_are_not_taken() {
        let (parent, child) = pair();
        let (mut reader, writer) = io::pipe().unwrap();
        child.send(&1, &[writer.as_fd()]).unwrap();
        drop(writer);
        assert_eq!(parent.receive::<u8>(Instant::now() + LONG).unwrap(), 1);
        // Nobody has the pipe's other end any more.
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_was_said_before_the_end_is_heard() {
        let (parent, child) = pair();
        parent.send(&"never read", &[]).unwrap();
        child.send(&7, &[]).unwrap();
        drop(child);
        assert_eq!(parent.receive::<u8>(Instant::now() + LONG).unwrap(), 7);
        let received = parent.receive::<u8>(Instant::now() + LONG);
        assert!(matches!(received, Err(ReceiveError::Ended)));
    }

    #[test]
    fn silence_and_the_end_are_told_apart() {
        let (parent, child) = pair();
        let received = parent.receive::<u8>(Instant::now() + SOON);
        assert!(matches!(received, Err(ReceiveError::Late)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| parent.wait_for_the_end());
            drop(child);
            waiting.join().unwrap();
        });
        let received = parent.receive::<u8>(Instant::now() + LONG);
        assert!(matches!(received, Err(ReceiveError::Ended)));
    }
}
