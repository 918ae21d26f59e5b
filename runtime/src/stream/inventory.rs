//! What streams there are on this machine, and single frames into and out of them: for tools.

#![allow(unsafe_code, reason = "copies a frame into shared memory")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::Errno;

use super::Stream;
use super::control::Feed;
use super::error::StreamError;
use super::header::{self, Header};
use super::lock::{OtherLock, StreamLock, other_lock};
use super::mapping::Mapping;
use super::name::{self, StreamFiles};
use super::owner::{Owner, process_is_alive};
use super::place::Place;
use super::ring::{Delivery, Frame, Mark};
use super::segment::{self, Existing, Found, Run};
use super::spec::Mirror;
use crate::array::{ArrayType, zeros};

/// How long to wait for a whole frame, or for the lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a frame is copied that is overwritten meanwhile. That happens where the run cannot see this process (it is in
/// another container) and so does not heed its pin; and for ever where somebody has scribbled in the control block.
const COPIES: u32 = 100;

/// What is known about a stream.
#[derive(Clone, Debug)]
pub struct Info {
    /// The name, with the namespace.
    pub name: String,
    /// Dtype and shape of its frames.
    pub array: ArrayType,
    /// Whether pyshmem's readers are woken.
    pub notify: bool,
    /// The process that made it.
    pub creator: i64,
    /// Whether that process is alive.
    pub creator_alive: bool,
    /// Frames published in pyshmem's place.
    pub count: u64,
    /// pyshmem's sequence: even, whole; odd, being written; negative, given up.
    pub write_sequence: i64,
    /// The frame's number there.
    pub frame_id: u64,
    /// When it was written, in seconds of UNIX time; `None`: never.
    pub written: Option<f64>,
    /// The file whose lock this process takes before it writes, as every process with the same environment does.
    pub lock: PathBuf,
    /// A process that made the stream or writes it and locks another file.
    pub other_lock: Option<OtherLock>,
    /// The ring, if a run of sandpipe made the stream.
    pub ring: Option<RingInfo>,
}

/// What is known about a stream's ring.
#[derive(Clone, Debug)]
pub struct RingInfo {
    /// Whether the run that made the stream is alive. If not, the next run of the same name replaces it.
    pub run_alive: bool,
    /// Slots.
    pub slots: u32,
    /// Bytes from one slot to the next.
    pub stride: u32,
    /// Places for readers.
    pub readers: u32,
    /// How many of them are taken.
    pub readers_attached: u32,
    /// Publications so far.
    pub published: u64,
    /// Whether the newest frame stands for one that could not be computed; `None`: there is no frame.
    pub mark: Option<Mark>,
    /// Whether the writer has said that no more will come.
    pub closed: bool,
    /// The process that writes the ring.
    pub writer: Option<u32>,
}

/// A frame, copied out of a stream.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Dtype and shape.
    pub array: ArrayType,
    /// The frame: C order, little-endian.
    pub bytes: Vec<u8>,
    /// The number that its producer gave it.
    pub frame_id: u64,
    /// Which publication it is, from 1: of the ring for a stream of sandpipe's, of pyshmem's place for others.
    pub sequence: u64,
}

/// All streams of this user, by name. What cannot be read as a stream is left out.
///
/// # Errors
/// `/dev/shm` cannot be listed.
pub fn list() -> Result<Vec<Info>, StreamError> {
    let refuse = |error| StreamError::system("*", format!("list {}", name::DIRECTORY), error);
    let mut streams = Vec::new();
    for entry in fs::read_dir(name::DIRECTORY).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        // The header says the name, and the name which files are its.
        let name = segment::name_in(&path);
        let named = name.filter(|name| StreamFiles::of(name).is_ok_and(|files| files.meta == path));
        streams.extend(named.and_then(|name| info(&name).ok()));
    }
    streams.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(streams)
}

/// What is known about one stream.
///
/// # Errors
/// There is none of this name, or it is not a stream that this version understands.
pub fn info(name: &str) -> Result<Info, StreamError> {
    let Opened {
        header,
        place,
        ring,
    } = Opened::new(name)?;
    let look = place.look();
    let files = StreamFiles::of(name)?;
    let mut processes = [header.creator, look.holder].into_iter();
    Ok(Info {
        other_lock: processes.find_map(|process| other_lock(&files, process)),
        lock: files.lock,
        name: header.name,
        array: header.array,
        notify: header.notify,
        creator: header.creator,
        creator_alive: process_is_alive(header.creator),
        count: look.count,
        write_sequence: look.sequence,
        frame_id: look.frame_id,
        written: (look.written > 0.0).then_some(look.written),
        ring: ring.map(|(stream, run)| RingInfo::new(&stream, run)),
    })
}

/// Copies the newest frame of any stream: out of the ring where there is one with a frame in it, else out of pyshmem's place.
///
/// # Errors
/// There is no such stream, or no whole frame in it.
pub fn read_frame(name: &str) -> Result<Snapshot, StreamError> {
    let Opened {
        header,
        place,
        ring,
    } = Opened::new(name)?;
    let wanted = header.array.bytes().unwrap_or(usize::MAX);
    let mut bytes = zeros(wanted).map_err(|_| {
        StreamError::system(
            name,
            format!("get {wanted} bytes for its frame"),
            Errno::NOMEM,
        )
    })?;
    if let Some((stream, _)) = ring
        && stream.records().head().sequence() > 0
    {
        let frame = read_ring(&stream, &mut bytes)?;
        return Ok(Snapshot {
            array: header.array,
            bytes,
            frame_id: frame.frame_id,
            sequence: frame.sequence,
        });
    }
    let look = place.read(name, &mut bytes, PATIENCE)?;
    Ok(Snapshot {
        array: header.array,
        bytes,
        frame_id: look.frame_id,
        sequence: look.count,
    })
}

fn read_ring(stream: &Arc<Stream>, bytes: &mut [u8]) -> Result<Frame, StreamError> {
    let mut reader = stream.reader(Delivery::Latest)?;
    let mut outcome = Err(StreamError::Overwritten {
        name: stream.name().to_owned(),
    });
    for _ in 0..COPIES {
        let frame = reader.newest().ok_or_else(|| StreamError::Empty {
            name: stream.name().to_owned(),
        })?;
        outcome = reader.read(&frame, bytes).map(|()| frame);
        if !matches!(outcome, Err(StreamError::Overwritten { .. })) {
            break;
        }
    }
    outcome
}

/// Writes one frame into a stream as a Python program would: through pyshmem's place.
///
/// # Errors
/// There is no such stream; the frame is not as long as its frames; it is written by a run of sandpipe; it stays locked.
pub fn write_frame(name: &str, frame: &[u8], frame_id: Option<u64>) -> Result<(), StreamError> {
    let files = StreamFiles::of(name)?;
    let Opened {
        header,
        place,
        ring,
    } = Opened::new(name)?;
    let wanted = header.array.bytes().unwrap_or(0);
    let name = name.to_owned();
    if frame.len() != wanted {
        let given = frame.len();
        return Err(StreamError::FrameSize {
            name,
            wanted,
            given,
        });
    }
    if let Some((stream, _)) = ring
        && let Some(Feed::Producer) = stream.control().feed()
        && let Some(process) = writer_of(&stream)
    {
        return Err(StreamError::Written { name, process });
    }
    let mut lock = StreamLock::open(&files)?;
    let Some(held) = lock.hold_within(PATIENCE)? else {
        let holder = place.holder();
        return Err(StreamError::Locked { name, holder });
    };
    if let Some(holder) = place.stranger(&held) {
        return Err(StreamError::Locked { name, holder });
    }
    // SAFETY: `frame` is one frame long and private.
    unsafe { place.publish(&held, frame.as_ptr(), frame_id, 1) };
    Ok(())
}

/// Removes a stream by name. `force`: even that of a run that is alive, and files that are not those of a stream.
///
/// # Errors
/// There is none; a run that is alive has made it; its files are not those of a stream; the system refuses.
pub fn remove(name: &str, force: bool) -> Result<(), StreamError> {
    let files = StreamFiles::of(name)?;
    let mut lock = segment::open_lock(&files)?;
    let held = lock.hold_within(PATIENCE)?;
    let name = name.to_owned();
    if held.is_none() && !force {
        let holder = segment::lock_holder(&files);
        return Err(StreamError::Locked { name, holder });
    }
    if !force && let Some(process) = segment::living_run(&files)? {
        return Err(StreamError::Running { name, process });
    }
    match segment::find(&files)? {
        Found::Nothing => Err(StreamError::Missing { name }),
        Found::Unusable(error) if !force => Err(error),
        _ => segment::remove(&files),
    }
}

/// An existing stream of either kind.
struct Opened {
    header: Header,
    place: Place,
    ring: Option<(Arc<Stream>, Run)>,
}

impl Opened {
    fn new(name: &str) -> Result<Opened, StreamError> {
        let files = StreamFiles::of(name)?;
        let name = || files.name.clone();
        match segment::find(&files)? {
            Found::Nothing | Found::Remains => Err(StreamError::Missing { name: name() }),
            Found::Unusable(error) => Err(error),
            Found::Ours(existing, run) => {
                let segment = segment::join(&files, existing)?;
                let stream = Arc::new(Stream::new(files, segment, Mirror::Never, false)?);
                Ok(Opened {
                    header: stream.segment.header.clone(),
                    place: stream.place.clone(),
                    ring: Some((stream, run)),
                })
            }
            Found::Pyshmem(Existing { header, meta, data }) => {
                let bytes = header.array.bytes().unwrap_or(usize::MAX);
                let header_map = Arc::new(Mapping::new(&files.name, &meta, header::LENGTH)?);
                let payload_map = Arc::new(Mapping::new(&files.name, &data, bytes)?);
                let place = Place::new(header_map, payload_map, bytes, header.notify);
                let place = place.ok_or_else(|| StreamError::Damaged { name: name() })?;
                let ring = None;
                Ok(Opened {
                    header,
                    place,
                    ring,
                })
            }
        }
    }
}

impl RingInfo {
    fn new(stream: &Stream, run: Run) -> RingInfo {
        let geometry = &stream.segment.geometry;
        let ring = stream.records();
        let attached = ring.readers.iter().filter(|reader| {
            let owner = Owner(reader.owner.load(Ordering::Relaxed));
            owner.is_alive()
        });
        let head = ring.head();
        let newest = (head.sequence() > 0).then(|| &ring.slots[head.slot() as usize]);
        RingInfo {
            run_alive: run.alive,
            slots: geometry.slots,
            stride: geometry.stride,
            readers: geometry.readers,
            readers_attached: attached.count() as u32,
            published: head.sequence(),
            mark: newest.map(|record| Mark::from_word(record.mark.load(Ordering::Relaxed))),
            closed: head.is_closed(),
            writer: writer_of(stream),
        }
    }
}

/// The process that writes the stream's ring, if it is alive.
pub(super) fn writer_of(stream: &Stream) -> Option<u32> {
    let writer = Owner(stream.control().fixed().writer.load(Ordering::Acquire));
    writer.is_alive().then(|| writer.process())
}
