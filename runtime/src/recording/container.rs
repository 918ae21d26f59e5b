//! Writes an MCAP file: chunks of messages, with indexes for those who read it.

use std::io::{self, Write};
use std::mem;

use super::mcap::{CHUNK_HEAD, Channel, MAGIC, MESSAGE_HEAD, Map, Put, RECORD_HEAD, op};

/// A file that is being written. Chunks are put together in memory, so that each comes into the file whole.
pub(super) struct Container<W> {
    file: W,
    /// Bytes in the file.
    at: u64,
    /// Of those bytes.
    sum: crc32fast::Hasher,
    channels: Vec<Channel>,
    chunk: Vec<u8>,
    /// When a chunk is written.
    most: usize,
    /// For each channel the time and the place of its messages in the chunk.
    indexes: Vec<Vec<(u64, u64)>>,
    /// For each channel, how many messages it has.
    counts: Vec<u64>,
    /// The records about chunks, attachments and metadata that stand at the end, and how many chunks there are.
    summary: Vec<u8>,
    chunks: u32,
    attachments: u32,
    metadata: u32,
    /// Of all messages: the first and the last.
    times: Option<(u64, u64)>,
    /// Of those in the chunk.
    chunk_times: Option<(u64, u64)>,
}

/// What is known about a message beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageAbout {
    /// The place of its channel among those of the file.
    pub channel: usize,
    pub sequence: u32,
    /// In nanoseconds since 1970.
    pub time_ns: u64,
}

impl<W: Write> Container<W> {
    /// Begins a file whose chunks have about `most` bytes.
    ///
    /// # Errors
    /// The disk is full.
    pub fn new(file: W, most: usize, library: &str) -> io::Result<Container<W>> {
        let mut container = Container {
            file,
            at: 0,
            sum: crc32fast::Hasher::new(),
            channels: Vec::new(),
            chunk: Vec::new(),
            most,
            indexes: Vec::new(),
            counts: Vec::new(),
            summary: Vec::new(),
            chunks: 0,
            attachments: 0,
            metadata: 0,
            times: None,
            chunk_times: None,
        };
        let mut head = MAGIC.to_vec();
        head.record(op::HEADER, |to| {
            to.string("");
            to.string(library);
        });
        container.put(&head)?;
        Ok(container)
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        self.at
    }

    /// Adds a channel, whose number is the place of the channel among all.
    pub fn channel(&mut self, topic: String, encoding: &str, metadata: Map) {
        let channel = Channel {
            id: self.channels.len() as u16,
            topic,
            encoding: encoding.to_owned(),
            metadata,
        };
        channel.write(&mut self.chunk);
        self.channels.push(channel);
        self.indexes.push(Vec::new());
        self.counts.push(0);
    }

    /// Adds pairs of strings under a name.
    ///
    /// # Errors
    /// The disk is full.
    pub fn metadata(&mut self, name: &str, metadata: &Map) -> io::Result<()> {
        self.flush()?;
        let mut record = Vec::new();
        record.record(op::METADATA, |to| {
            to.string(name);
            to.map(metadata);
        });
        let at = self.at;
        self.put(&record)?;
        self.metadata += 1;
        self.summary.record(op::METADATA_INDEX, |to| {
            to.u64(at);
            to.u64(record.len() as u64);
            to.string(name);
        });
        Ok(())
    }

    /// Adds a file of another kind.
    ///
    /// # Errors
    /// The disk is full.
    pub fn attach(&mut self, name: &str, media: &str, data: &[u8], now: u64) -> io::Result<()> {
        self.flush()?;
        let mut record = Vec::new();
        record.record(op::ATTACHMENT, |to| {
            to.u64(now);
            to.u64(now);
            to.string(name);
            to.string(media);
            to.u64(data.len() as u64);
            to.extend(data);
            let sum = crc32fast::hash(to.get(RECORD_HEAD..).unwrap_or_default());
            to.u32(sum);
        });
        let at = self.at;
        self.put(&record)?;
        self.attachments += 1;
        self.summary.record(op::ATTACHMENT_INDEX, |to| {
            to.u64(at);
            to.u64(record.len() as u64);
            to.u64(now);
            to.u64(now);
            to.u64(data.len() as u64);
            to.string(name);
            to.string(media);
        });
        Ok(())
    }

    /// Adds a message of a channel that there is.
    ///
    /// # Errors
    /// The disk is full.
    pub fn message(&mut self, about: MessageAbout, data: &[u8]) -> io::Result<()> {
        let MessageAbout {
            channel,
            sequence,
            time_ns,
        } = about;
        let (Some(index), Some(count)) =
            (self.indexes.get_mut(channel), self.counts.get_mut(channel))
        else {
            return Ok(());
        };
        index.push((time_ns, self.chunk.len() as u64));
        *count += 1;
        self.chunk.push(op::MESSAGE);
        self.chunk.u64((MESSAGE_HEAD + data.len()) as u64);
        self.chunk.u16(channel as u16);
        self.chunk.u32(sequence);
        self.chunk.u64(time_ns);
        self.chunk.u64(time_ns);
        self.chunk.extend_from_slice(data);
        for times in [&mut self.times, &mut self.chunk_times] {
            let (first, last) = times.unwrap_or((time_ns, time_ns));
            *times = Some((first.min(time_ns), last.max(time_ns)));
        }
        match self.chunk.len() >= self.most {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Writes the chunk that is being filled.
    ///
    /// # Errors
    /// The disk is full.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = mem::take(&mut self.chunk);
        let bytes = chunk.len() as u64;
        let (first, last) = self.chunk_times.take().unwrap_or_default();
        let mut head = vec![op::CHUNK];
        head.u64(CHUNK_HEAD as u64 + bytes);
        head.u64(first);
        head.u64(last);
        head.u64(bytes);
        head.u32(crc32fast::hash(&chunk));
        head.string("");
        head.u64(bytes);
        let at = self.at;
        self.put(&head)?;
        self.put(&chunk)?;
        let length = self.at - at;
        // The same memory for the next one.
        self.chunk = chunk;
        self.chunk.clear();

        let (indexes_at, mut indexes, mut offsets) = (self.at, Vec::new(), Vec::new());
        for (channel, index) in self.indexes.iter_mut().enumerate() {
            if index.is_empty() {
                continue;
            }
            offsets.u16(channel as u16);
            offsets.u64(indexes_at + indexes.len() as u64);
            indexes.record(op::MESSAGE_INDEX, |to| {
                to.u16(channel as u16);
                to.counted(|to| {
                    for (time, place) in index.drain(..) {
                        to.u64(time);
                        to.u64(place);
                    }
                });
            });
        }
        self.put(&indexes)?;
        self.chunks += 1;
        self.summary.record(op::CHUNK_INDEX, |to| {
            to.u64(first);
            to.u64(last);
            to.u64(at);
            to.u64(length);
            to.u32(offsets.len() as u32);
            to.extend(&offsets);
            to.u64(indexes.len() as u64);
            to.string("");
            to.u64(bytes);
            to.u64(bytes);
        });
        Ok(())
    }

    /// Writes what is left, and the summary.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        let sum = self.sum.clone().finalize();
        let mut end = Vec::new();
        end.record(op::DATA_END, |to| to.u32(sum));
        let begin = end.len();
        self.channels
            .iter()
            .for_each(|channel| channel.write(&mut end));
        let (first, last) = self.times.unwrap_or_default();
        end.record(op::STATISTICS, |to| {
            to.u64(self.counts.iter().sum());
            to.u16(0);
            to.u32(self.channels.len() as u32);
            to.u32(self.attachments);
            to.u32(self.metadata);
            to.u32(self.chunks);
            to.u64(first);
            to.u64(last);
            to.counted(|to| {
                for (channel, count) in self.counts.iter().enumerate() {
                    to.u16(channel as u16);
                    to.u64(*count);
                }
            });
        });
        // By kind, as the indexes have to stand.
        for kind in [op::ATTACHMENT_INDEX, op::METADATA_INDEX, op::CHUNK_INDEX] {
            for record in super::records::in_chunk(&self.summary).flatten() {
                let (at, opcode, body) = record;
                if opcode == kind {
                    end.extend(&self.summary[at..at + RECORD_HEAD + body.len()]);
                }
            }
        }
        end.push(op::FOOTER);
        end.u64(20);
        end.u64(self.at + begin as u64);
        end.u64(0);
        let sum = crc32fast::hash(end.get(begin..).unwrap_or_default());
        end.u32(sum);
        end.extend(MAGIC);
        self.put(&end)?;
        self.file.flush()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.sum.update(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }
}
