//! The files of a stream in `/dev/shm`: found, checked, made, removed.
//!
//! ```text
//! ps_<h>_meta   0: pyshmem's header (512 bytes)     4096: our control block
//! ps_<h>        0: pyshmem's frame, whole pages     then: the ring's slots
//! ```
//!
//! A run holds a lock on the metadata file of each stream that it made, for as long as it lives; the kernel lets go of it
//! however the run ends. So a stream whose lock is free was left behind, whatever its process id means by now.
//!
//! Files that exist are never followed blindly: they are opened without following links, must be regular and our own, and
//! their header is read (not mapped) and checked before anything is believed.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FlockOperation, MemfdFlags, Mode, OFlags, SealFlags, flock, fstat, lstat,
};
use rustix::io::Errno;

use super::control::{self, Control, Geometry, MOST_READERS, MOST_SLOTS};
use super::error::StreamError;
use super::header::{self, Gpu, Header};
use super::lock::StreamLock;
use super::mapping::{Mapping, whole_pages};
use super::name::{DIRECTORY, StreamFiles};
use super::owner::Owner;
use super::place;
use super::space;
use super::user;

/// The memory of a stream: where pyshmem's part and where our part lie. In a stream of ours that is two files, in one that
/// pyshmem made three, since its files are not ours to enlarge.
#[derive(Debug)]
pub(super) struct Segment {
    /// What pyshmem's header says.
    pub header: Header,
    /// Begins with pyshmem's header.
    pub header_map: Arc<Mapping>,
    /// Begins with pyshmem's frame.
    pub payload_map: Arc<Mapping>,
    /// The metadata file, open for as long as the stream is: in a stream made here, its lock says that this run is alive.
    lease: File,
    /// Bytes of it that are used.
    lease_bytes: u64,
    /// Our control block.
    pub control: Control,
    /// Where the slots lie in `ring` and `ring_map`.
    pub geometry: Geometry,
    /// The file with the slots.
    pub ring: File,
    /// The slots.
    pub ring_map: Arc<Mapping>,
}

/// What the name stands for now.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// Files that were never completed.
    Remains,
    /// A stream of pyshmem's.
    Pyshmem(Existing),
    /// A stream of a run of sandpipe.
    Ours(Existing, Run),
    /// Something that is not to be touched; says why.
    Unusable(StreamError),
}

/// The run that made a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Whether it holds the lock on the metadata file.
    pub alive: bool,
    /// Its process id, as the control block says.
    pub process: u32,
}

/// A stream's files, opened and checked.
#[derive(Debug)]
pub(super) struct Existing {
    pub header: Header,
    pub meta: File,
    pub data: File,
}

/// Looks what the stream's files hold.
///
/// # Errors
/// Only what the system refuses; what the files are is in the answer.
pub(super) fn find(files: &StreamFiles) -> Result<Found, StreamError> {
    let data = match open_own(files, &files.data)? {
        Opened::File(file) => Some(file),
        Opened::Missing => None,
        Opened::Unusable(error) => return Ok(Found::Unusable(error)),
    };
    let meta = match open_own(files, &files.meta)? {
        Opened::File(file) => file,
        Opened::Missing if data.is_none() => return Ok(Found::Nothing),
        // pyshmem makes the data first, under the lock that the caller holds.
        Opened::Missing => return Ok(Found::Remains),
        Opened::Unusable(error) => return Ok(Found::Unusable(error)),
    };
    let unusable = |path: &Path, reason: String| Ok(Found::Unusable(foreign(files, path, reason)));
    let mut bytes = [0; header::LENGTH];
    if meta.read_exact_at(&mut bytes, 0).is_err() {
        return Ok(Found::Remains);
    }
    let header = match Header::decode(&bytes) {
        Ok(header) => header,
        Err(_) if header::is_unfinished(&bytes) => return Ok(Found::Remains),
        Err(error) => return unusable(&files.meta, error.0),
    };
    if header.name != files.name {
        return unusable(
            &files.meta,
            format!("belongs to a stream named {:?}", header.name),
        );
    }
    if let Some(gpu) = header.gpu {
        return unusable(&files.meta, on_gpu(gpu));
    }
    let Some(data) = data else {
        return Ok(Found::Remains);
    };
    let length = length_of(files, &data)?;
    if header
        .array
        .bytes()
        .is_none_or(|bytes| length < bytes as u64)
    {
        return unusable(
            &files.data,
            format!("has {length} bytes, too few for {}", header.array),
        );
    }
    let existing = Existing { header, meta, data };
    match run_of(&existing.meta) {
        Some(run) => Ok(Found::Ours(existing, run)),
        None => Ok(Found::Pyshmem(existing)),
    }
}

/// Why frames on a GPU are left alone.
fn on_gpu(gpu: Gpu) -> String {
    let device = gpu.device;
    if gpu.copied {
        format!(
            "holds copies of frames that are on GPU {device}, which would not learn of a frame that is written here: make it a stream with storage cpu"
        )
    } else {
        format!(
            "belongs to a stream whose frames are on GPU {device} and nowhere else: make it a stream with storage cpu"
        )
    }
}

/// The run that made the stream, if its metadata file has a control block.
fn run_of(meta: &File) -> Option<Run> {
    let process = control::run_in(meta)?.process();
    let alive = is_leased(meta);
    Some(Run { alive, process })
}

/// Whether a run that is alive has made this metadata file. Nobody else locks it.
fn is_leased(meta: &File) -> bool {
    // A shared lock, so that two who look do not take each other for the run.
    match flock(meta, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = flock(meta, FlockOperation::Unlock);
            false
        }
        Err(_) => true,
    }
}

/// The process id of the run that has made what the stream's metadata file is now, if that run is alive; 0 where somebody has
/// scribbled over the id. Unlike [`find`] it asks for the lock alone: whatever others have written into a stream or removed
/// of it, it stays the run's.
pub(super) fn living_run(files: &StreamFiles) -> Result<Option<u32>, StreamError> {
    let Opened::File(meta) = open_own(files, &files.meta)? else {
        return Ok(None);
    };
    let process = || control::run_in(&meta).map_or(0, Owner::process);
    Ok(is_leased(&meta).then(process))
}

enum Opened {
    File(File),
    Missing,
    Unusable(StreamError),
}

/// Opens a file that must be regular and this user's own.
fn open_own(files: &StreamFiles, path: &Path) -> Result<Opened, StreamError> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let unusable = |reason: &str| Ok(Opened::Unusable(foreign(files, path, reason.into())));
    let file: File = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => file.into(),
        Err(Errno::NOENT) => return Ok(Opened::Missing),
        Err(Errno::LOOP) => return unusable("is a symbolic link"),
        Err(Errno::ISDIR | Errno::NXIO | Errno::NODEV) => return unusable("is not a regular file"),
        Err(Errno::ACCESS | Errno::PERM) => {
            let owner = lstat(path).map(|status| status.st_uid);
            let refusal = |owner| unusable(&not_ours(owner));
            return owner.map_or_else(|_| unusable("may not be opened by this user"), refusal);
        }
        Err(error) => {
            return Err(StreamError::system(
                &files.name,
                format!("open {}", path.display()),
                error,
            ));
        }
    };
    let status = file.metadata().map_err(|error| {
        StreamError::system(&files.name, format!("examine {}", path.display()), error)
    })?;
    if !status.is_file() {
        return unusable("is not a regular file");
    }
    if status.uid() != rustix::process::geteuid().as_raw() {
        return unusable(&not_ours(status.uid()));
    }
    Ok(Opened::File(file))
}

/// Why a file of another user is left alone: streams have no users but their owner's.
fn not_ours(owner: u32) -> String {
    let this = rustix::process::geteuid().as_raw();
    if owner == this {
        return "may not be opened, although this user owns it".to_owned();
    }
    format!(
        "belongs to user {}, and this process runs as user {}: run both as the same user, or give this pipeline another `namespace`",
        user::describe(owner),
        user::describe(this)
    )
}

/// Opens the lock of a stream before its files are looked at. Where that is refused because all of it is another user's, that is said.
pub(super) fn open_lock(files: &StreamFiles) -> Result<StreamLock, StreamError> {
    StreamLock::open(files).map_err(|error| match find(files) {
        Ok(Found::Unusable(reason)) => reason,
        _ => error,
    })
}

fn foreign(files: &StreamFiles, path: &Path, reason: String) -> StreamError {
    StreamError::Foreign {
        name: files.name.clone(),
        path: path.display().to_string(),
        reason,
    }
}

fn length_of(files: &StreamFiles, file: &File) -> Result<u64, StreamError> {
    let status = file.metadata();
    status
        .map(|status| status.len())
        .map_err(|error| StreamError::system(&files.name, "examine its memory", error))
}

/// Makes a stream of ours. Its files become visible when they are complete, the data first: that is what pyshmem's
/// `create` excludes others by.
pub(super) fn make(
    files: &StreamFiles,
    header: Header,
    ring: &Geometry,
) -> Result<Segment, StreamError> {
    let name = &files.name;
    let too_large = || StreamError::system(name, "lay out its memory", Errno::OVERFLOW);
    let payload = whole_pages(ring.bytes as usize).ok_or_else(too_large)?;
    let geometry = Geometry {
        offset: payload as u64,
        ..*ring
    };
    let end = geometry.end().ok_or_else(too_large)?;
    let data = unnamed_file(name, end)?;
    let data_map = Arc::new(Mapping::new(name, &data, end)?);

    let length = control::OFFSET + Control::length(geometry.slots, geometry.readers);
    let meta = unnamed_file(name, length)?;
    meta.write_all_at(&header.encode(), 0)
        .map_err(|error| StreamError::system(name, "write its header", error))?;
    flock(&meta, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| StreamError::system(name, "lock its header", error))?;
    let meta_map = Arc::new(Mapping::new(name, &meta, length)?);
    let control = Control::create(meta_map.clone(), control::OFFSET, &geometry, this(name)?);
    let control = control.ok_or_else(too_large)?;

    publish_file(files, &data, &files.data)?;
    publish_file(files, &meta, &files.meta).inspect_err(|_| {
        let _ = fs::remove_file(&files.data);
    })?;
    Ok(Segment {
        header,
        header_map: meta_map,
        payload_map: data_map.clone(),
        lease: meta,
        lease_bytes: length as u64,
        control,
        geometry,
        ring: data,
        ring_map: data_map,
    })
}

/// A file in `/dev/shm` that has no name yet and vanishes if it never gets one.
fn unnamed_file(name: &str, length: usize) -> Result<File, StreamError> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(DIRECTORY, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| StreamError::system(name, format!("make a file in {DIRECTORY}"), error))?;
    let file = File::from(file);
    space::allocate(name, &file, length as u64)?;
    Ok(file)
}

/// Gives an unnamed file its name; fails if the name is taken.
fn publish_file(files: &StreamFiles, file: &File, path: &Path) -> Result<(), StreamError> {
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW).map_err(|error| {
        StreamError::system(&files.name, format!("make {}", path.display()), error)
    })
}

/// Uses a stream that somebody else made: its place as it is, and a ring in memory of our own that nobody can truncate.
pub(super) fn attach(existing: Existing, ring: &Geometry) -> Result<Segment, StreamError> {
    let Existing { header, meta, data } = existing;
    let name = &header.name;
    let too_large = || StreamError::system(name, "lay out its memory", Errno::OVERFLOW);
    let control_length =
        whole_pages(Control::length(ring.slots, ring.readers)).ok_or_else(too_large)?;
    let geometry = Geometry {
        offset: control_length as u64,
        ..*ring
    };
    let end = geometry.end().ok_or_else(too_large)?;
    let file = sealed_file(name, end)?;
    let ring_map = Arc::new(Mapping::new(name, &file, end)?);
    let control = Control::create(ring_map.clone(), 0, &geometry, this(name)?);
    let control = control.ok_or_else(too_large)?;
    let header_map = Arc::new(Mapping::new(name, &meta, header::LENGTH)?);
    let payload_map = Arc::new(Mapping::new(name, &data, ring.bytes as usize)?);
    Ok(Segment {
        header,
        header_map,
        payload_map,
        lease: meta,
        lease_bytes: header::LENGTH as u64,
        control,
        geometry,
        ring: file,
        ring_map,
    })
}

/// Memory that can neither grow nor shrink.
fn sealed_file(name: &str, length: usize) -> Result<File, StreamError> {
    let refuse = |error: Errno| StreamError::system(name, "make memory for its ring", error);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(rustix::fs::memfd_create("sandpipe-ring", flags).map_err(refuse)?);
    space::allocate(name, &file, length as u64)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(refuse)?;
    Ok(file)
}

/// Opens the ring of a stream of ours from another process.
pub(super) fn join(files: &StreamFiles, existing: Existing) -> Result<Segment, StreamError> {
    let Existing { header, meta, data } = existing;
    let name = &files.name;
    let damaged = |path: &Path| foreign(files, path, "has a damaged control block".into());
    let longest = control::OFFSET + Control::length(MOST_SLOTS, MOST_READERS);
    let length = usize::try_from(length_of(files, &meta)?)
        .unwrap_or(usize::MAX)
        .min(longest);
    let meta_map = Arc::new(Mapping::new(name, &meta, length)?);
    let opened = Control::open(meta_map.clone(), control::OFFSET);
    let (control, geometry) = opened.ok_or_else(|| damaged(&files.meta))?;
    let payload = header.array.bytes().unwrap_or(usize::MAX);
    let end = geometry.end().unwrap_or(usize::MAX);
    let apart = geometry.bytes as usize == payload && geometry.offset >= payload as u64;
    if !apart || length_of(files, &data)? < end as u64 {
        return Err(damaged(&files.data));
    }
    let data_map = Arc::new(Mapping::new(name, &data, end)?);
    Ok(Segment {
        header,
        header_map: meta_map,
        payload_map: data_map.clone(),
        lease: meta,
        lease_bytes: length as u64,
        control,
        geometry,
        ring: data,
        ring_map: data_map,
    })
}

/// Removes the stream's files, in pyshmem's order; the lock file stays. What is not there is no error.
pub(super) fn remove(files: &StreamFiles) -> Result<(), StreamError> {
    for path in [&files.data, &files.meta, &files.gpu] {
        match fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(StreamError::system(
                    &files.name,
                    format!("remove {}", path.display()),
                    error,
                ));
            }
        }
    }
    Ok(())
}

impl Segment {
    /// Whether the files are still as long as they were.
    pub fn is_whole(&self) -> bool {
        let holds = |file: &File, bytes: u64| {
            fstat(file)
                .is_ok_and(|status| u64::try_from(status.st_size).is_ok_and(|size| size >= bytes))
        };
        let end = self.geometry.end().unwrap_or(usize::MAX) as u64;
        holds(&self.lease, self.lease_bytes) && holds(&self.ring, end)
    }

    /// Removes the files of a segment that was made here, as far as the names still stand for them, whatever others have
    /// written there meanwhile. Needs no descriptor, since there may be none left.
    pub fn remove_made(&self, files: &StreamFiles) {
        for (path, file) in [(&files.data, &self.ring), (&files.meta, &self.lease)] {
            if stands_for(path, file) {
                // Nothing can be done about a failure here, and the next run of the same name does it.
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Whether `path` is the name of `file`.
fn stands_for(path: &Path, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (lstat(path), fstat(file)) else {
        return false;
    };
    (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)
}

/// This process, as it signs what it holds.
pub(super) fn this(name: &str) -> Result<Owner, StreamError> {
    Owner::this()
        .map_err(|error| StreamError::system(name, "find out when this process began", error))
}

/// The process that holds the stream's lock, as far as pyshmem's header says; 0: not known.
pub(super) fn lock_holder(files: &StreamFiles) -> i64 {
    let Ok(Opened::File(meta)) = open_own(files, &files.meta) else {
        return 0;
    };
    let mut holder = [0; 8];
    match meta.read_exact_at(&mut holder, place::AT_HOLDER as u64) {
        Ok(()) => i64::from_le_bytes(holder),
        Err(_) => 0,
    }
}

/// The name of the stream whose metadata file this is.
pub(super) fn name_in(meta: &Path) -> Option<String> {
    let base = meta.file_name()?.to_str()?;
    if !base.starts_with("ps_") || !base.ends_with("_meta") {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(meta, flags, Mode::empty()).ok()?);
    let mut bytes = [0; header::LENGTH];
    file.read_exact_at(&mut bytes, 0).ok()?;
    Header::decode(&bytes).ok().map(|header| header.name)
}
