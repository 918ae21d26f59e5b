//! Whether a new stream is made, or one that exists is used, replaced or refused.

use std::time::Duration;

use super::control::Geometry;
use super::error::StreamError;
use super::header::Header;
use super::lock::other_lock;
use super::name::StreamFiles;
use super::owner::process_is_alive;
use super::segment::{self, Existing, Found, Segment};
use super::spec::{Mode, StreamSpec};

/// How long to wait for somebody who is just writing, making or removing the stream.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to do with what was found.
enum Plan {
    /// Remove what there is and make a stream.
    Make,
    Attach(Existing),
}

/// The segment of the stream, and whether it was made here.
pub(super) fn segment_for(
    files: &StreamFiles,
    spec: &StreamSpec,
    ring: &Geometry,
) -> Result<(Segment, bool), StreamError> {
    let mut lock = segment::open_lock(files)?;
    let Some(_held) = lock.hold_within(PATIENCE)? else {
        return Err(StreamError::Locked {
            name: files.name.clone(),
            holder: segment::lock_holder(files),
        });
    };
    match plan(files, spec, segment::find(files)?)? {
        Plan::Attach(existing) => {
            if let Some(other) = other_lock(files, existing.header.creator) {
                other.warn(files);
            }
            Ok((segment::attach(existing, ring)?, false))
        }
        Plan::Make => {
            // Also where the header or the data of a run that is alive were destroyed, so that it was not known as such.
            if let Some(process) = segment::living_run(files)? {
                let name = files.name.clone();
                return Err(StreamError::InUse { name, process });
            }
            let header = Header {
                name: files.name.clone(),
                array: spec.array.clone(),
                gpu: None,
                notify: spec.notify,
                creator: i64::from(std::process::id()),
                instance: rand::random(),
            };
            segment::remove(files)?;
            Ok((segment::make(files, header, ring)?, true))
        }
    }
}

fn plan(files: &StreamFiles, spec: &StreamSpec, found: Found) -> Result<Plan, StreamError> {
    let name = || files.name.clone();
    match (found, spec.mode) {
        (Found::Nothing | Found::Remains, Mode::Attach) => {
            Err(StreamError::Missing { name: name() })
        }
        (Found::Nothing | Found::Remains, _) => Ok(Plan::Make),
        (Found::Unusable(_), Mode::Replace) => Ok(Plan::Make),
        (Found::Unusable(error), _) => Err(error),
        (Found::Ours(existing, _), Mode::Attach) => attach(spec, existing),
        (Found::Ours(_, run), _) if run.alive => Err(StreamError::InUse {
            name: name(),
            process: run.process,
        }),
        (Found::Ours(..), _) | (Found::Pyshmem(_), Mode::Replace) => Ok(Plan::Make),
        (Found::Pyshmem(existing), Mode::Create) => Err(StreamError::Exists {
            name: name(),
            creator: existing.header.creator,
        }),
        (Found::Pyshmem(existing), Mode::Attach) => attach(spec, existing),
        (Found::Pyshmem(existing), Mode::CreateOrAttach) => {
            let same = existing.header.array == spec.array;
            // A living process would go on with a stream that nobody else sees, without any sign.
            if same || process_is_alive(existing.header.creator) {
                attach(spec, existing)
            } else {
                Ok(Plan::Make)
            }
        }
    }
}

/// Attaches if the stream holds what is asked for.
fn attach(spec: &StreamSpec, existing: Existing) -> Result<Plan, StreamError> {
    if existing.header.array == spec.array {
        return Ok(Plan::Attach(existing));
    }
    let creator = existing.header.creator;
    let alive = process_is_alive(creator);
    Err(StreamError::Differs {
        name: spec.name.clone(),
        found: existing.header.array,
        wanted: spec.array.clone(),
        creator,
        state: if alive {
            "which is alive"
        } else {
            "which has ended"
        },
    })
}
