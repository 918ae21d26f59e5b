//! The source and the sink `pyshmem`: frames from any stream outside the pipeline, and into one, under its own name in the system.

use std::time::{Duration, Instant};

use crate::array::ArrayType;
use crate::config::Config;
use crate::stream::{
    self, Delivery, Ingest, Mirror, Mode, Reader, Stamp, Stream, StreamSpec, WaitWord, Writer,
};

use super::parameters::Reader as Parameters;
use super::{Consumed, EndpointError, PlannedSink, PlannedSource, Produced, Sink, Source};

/// How often to look whether the run that writes a stream is still there, while no frames come.
const LOOK: Duration = Duration::from_millis(100);

/// `stream` is the name of the outside stream, as `pyshmem.open` takes it.
pub(super) const PARAMETERS: [&str; 1] = ["stream"];

/// The outside stream that a source or a sink was asked for.
#[derive(Clone)]
pub(super) struct Plan(StreamSpec);

/// `array` is what the stream of the pipeline holds.
pub(super) fn plan(
    parameters: &mut Parameters<'_>,
    array: &ArrayType,
    config: &Config,
) -> Option<Plan> {
    let name = parameters.text("stream", "the name of a stream outside the pipeline")?;
    let spec = StreamSpec {
        name: name.value,
        array: array.clone(),
        readers: 1,
        every: false,
        slots: None,
        notify: true,
        mirror: Mirror::Every,
        mode: Mode::CreateOrAttach,
    };
    let mut own = config.streams.iter().enumerate();
    let own =
        own.any(|(index, _)| config.system_name(crate::config::StreamIndex(index)) == spec.name);
    if own {
        parameters.refuse(
            name.span,
            "names one of the pipeline's own streams: name one from outside",
        );
        return None;
    }
    if let Err(error) = spec.check() {
        parameters.refuse(name.span, &format!("names what can be no stream: {error}"));
        return None;
    }
    Some(Plan(spec))
}

impl PlannedSource for Plan {
    fn open(&self) -> Result<Box<dyn Source>, EndpointError> {
        let spec = &self.0;
        let found = stream::info(&spec.name)?;
        if found.array != spec.array {
            return Err(EndpointError::Differs {
                name: spec.name.clone(),
                found: found.array,
                wanted: spec.array.clone(),
            });
        }
        let is_running = found
            .ring
            .is_some_and(|ring| ring.run_alive && ring.writer.is_some());
        Ok(Box::new(if is_running {
            let stream = Stream::join(&spec.name)?;
            Tap {
                reader: stream.reader(Delivery::Latest)?,
                ingest: None,
                missed: 0,
                next_look: Instant::now(),
            }
        } else {
            let stream = Stream::create(&StreamSpec {
                mode: Mode::Attach,
                ..spec.clone()
            })?;
            // In this order: what lies there already is no new frame.
            let ingest = stream.ingest()?;
            Tap {
                reader: stream.reader(Delivery::Latest)?,
                ingest: Some(ingest),
                missed: 0,
                next_look: Instant::now(),
            }
        }))
    }
}

/// Takes what others write, out of the ring where another run of sandpipe writes it, else from where pyshmem's writers put it.
struct Tap {
    reader: Reader,
    /// Brings in what pyshmem's writers write.
    ingest: Option<Ingest>,
    /// Of the frames that nobody could take, those that were told of.
    missed: u64,
    /// When to look whether its writer is there.
    next_look: Instant,
}

impl Tap {
    /// Frames that nobody could take since the last time.
    fn missed(&mut self) -> u64 {
        let ingest = self.ingest.as_ref().map_or(0, Ingest::missed);
        let all = self.reader.skipped() + ingest;
        all.saturating_sub(std::mem::replace(&mut self.missed, all))
    }

    /// Whether no more frames will come: the other run has ended. pyshmem's writers come and go.
    fn has_ended(&mut self) -> bool {
        if self.ingest.is_some() {
            return false;
        }
        let mut ended = self.reader.closed();
        if !ended && Instant::now() >= self.next_look {
            self.next_look = Instant::now() + LOOK;
            // It may have published a last frame before it went.
            ended = !self.reader.stream().is_written() && !self.reader.ready();
        }
        ended
    }
}

impl Source for Tap {
    fn next(&mut self, frames: &mut [Vec<u8>]) -> Result<Produced, EndpointError> {
        if let Some(ingest) = &self.ingest {
            ingest.poll();
        }
        let Some(frame) = self.reader.next() else {
            return Ok(match self.has_ended() {
                true => Produced::End,
                false => Produced::Nothing,
            });
        };
        match self.reader.read(&frame, &mut frames[0]) {
            Ok(()) => Ok(Produced::Frame {
                output: 0,
                frame_id: Some(frame.frame_id),
                missed: self.missed(),
            }),
            // Its writer took this process for dead, which it is not: a newer frame is there.
            Err(stream::StreamError::Overwritten { .. }) => Ok(Produced::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    fn words<'a>(&'a self, words: &mut Vec<WaitWord<'a>>) {
        words.push(match &self.ingest {
            Some(ingest) => ingest.word(),
            None => self.reader.word(),
        });
    }

    fn delay(&mut self, _: Duration) {}
}

impl PlannedSink for Plan {
    fn open(&self) -> Result<Box<dyn Sink>, EndpointError> {
        let stream = Stream::create(&self.0)?;
        Ok(Box::new(Tee(stream.writer()?)))
    }

    fn waits(&self) -> bool {
        false
    }
}

/// Publishes what it takes.
struct Tee(Writer);

impl Sink for Tee {
    fn consume(&mut self, frame: &[u8], frame_id: u64) -> Result<Consumed, EndpointError> {
        // There is always a slot: no reader of the ring wants every frame.
        if let Some(slot) = self.0.begin() {
            self.0.write(slot, frame)?;
            self.0.publish(slot, Stamp::source(frame_id));
        }
        self.0.stream().check()?;
        Ok(Consumed::Ready)
    }

    fn settle(&mut self) -> Option<Duration> {
        self.0.flush_mirror()
    }

    fn finish(&mut self) -> Result<(), EndpointError> {
        self.0.close();
        Ok(())
    }
}
