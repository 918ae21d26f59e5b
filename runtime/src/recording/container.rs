//! Writes an MCAP file (<https://mcap.dev/spec>): chunks without compression, their indexes, and a summary.
//!
//! The records are those of the crate `mcap`. Its writer is not used: it takes a message as a slice, puts it into the file by a copy, and
//! sums it up twice. Here a message is filled in where it will lie.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::mem;

use binrw::BinWrite;
use crc32fast::Hasher;
use mcap::MAGIC;
use mcap::records::{
    AttachmentHeader, AttachmentIndex, Channel, ChunkHeader, ChunkIndex, DataEnd, Footer, Header,
    MessageHeader, MessageIndex, MessageIndexEntry, Metadata, MetadataIndex, Statistics,
    SummaryOffset, op,
};

use super::disk::Disk;
use super::format::LIBRARY;
use super::records::RECORD_HEAD;

/// Pairs of strings.
pub(super) type Map = BTreeMap<String, String>;

/// A file that is being written.
pub(super) struct Container {
    disk: Disk,
    /// Of all before the open chunk.
    sum: Hasher,
    chunk: Option<OpenChunk>,
    /// The messages of the open chunk, by channel.
    entries: Vec<Vec<MessageIndexEntry>>,
    channels: Vec<Channel>,
    /// The first and the last time of a message.
    times: Option<(u64, u64)>,
    statistics: Statistics,
    chunks: Vec<ChunkIndex>,
    attachments: Vec<AttachmentIndex>,
    metadata: Vec<MetadataIndex>,
    /// What a record holds, on its way.
    body: Vec<u8>,
}

struct OpenChunk {
    /// Where it begins, and where what it holds does.
    at: u64,
    content: u64,
    /// Of what it holds.
    sum: Hasher,
    /// The first and the last time of its messages.
    times: Option<(u64, u64)>,
}

/// Where a message will lie, piece by piece.
pub(super) type Pieces<'a> = dyn Iterator<Item = &'a mut [u8]> + 'a;

impl Container {
    /// Begins a file.
    ///
    /// # Errors
    /// The disk is full, as with all that writes.
    pub fn new(disk: Disk) -> io::Result<Container> {
        let mut container = Container {
            disk,
            sum: Hasher::new(),
            chunk: None,
            entries: Vec::new(),
            channels: Vec::new(),
            times: None,
            statistics: Statistics::default(),
            chunks: Vec::new(),
            attachments: Vec::new(),
            metadata: Vec::new(),
            body: Vec::new(),
        };
        container.append(MAGIC)?;
        let header = Header {
            profile: String::new(),
            library: LIBRARY.to_owned(),
        };
        container.record(op::HEADER, &header)?;
        Ok(container)
    }

    /// Adds pairs of strings.
    pub fn add_metadata(&mut self, name: &str, metadata: Map) -> io::Result<()> {
        self.close_chunk()?;
        let name = name.to_owned();
        let offset = self.disk.end();
        let metadata = Metadata { name, metadata };
        let length = self.record(op::METADATA, &metadata)?;
        self.metadata.push(MetadataIndex {
            offset,
            length,
            name: metadata.name,
        });
        self.statistics.metadata_count += 1;
        Ok(())
    }

    /// Adds a text.
    pub fn attach(&mut self, header: AttachmentHeader, text: &[u8]) -> io::Result<()> {
        self.close_chunk()?;
        let offset = self.disk.end();
        serialise(&mut self.body, &header)?;
        self.body.extend((text.len() as u64).to_le_bytes());
        self.body.extend(text);
        let sum = crc32fast::hash(&self.body);
        self.body.extend(sum.to_le_bytes());
        let length = self.append_body(op::ATTACHMENT)?;
        self.attachments.push(AttachmentIndex {
            offset,
            length,
            log_time: header.log_time,
            create_time: header.create_time,
            data_size: text.len() as u64,
            name: header.name,
            media_type: header.media_type,
        });
        self.statistics.attachment_count += 1;
        Ok(())
    }

    /// Adds a channel, whose messages say by themselves what they are. Channels are numbered from 0.
    pub fn add_channel(&mut self, topic: String, encoding: &str, metadata: Map) -> io::Result<()> {
        let Ok(id) = u16::try_from(self.channels.len()) else {
            return Err(io::Error::other("an MCAP file has 65536 channels at most"));
        };
        let channel = Channel {
            id,
            schema_id: 0,
            topic,
            message_encoding: encoding.to_owned(),
            metadata,
        };
        if self.chunk.is_none() {
            self.chunk = Some(OpenChunk::begin(&mut self.disk)?);
        }
        self.record(op::CHANNEL, &channel)?;
        self.channels.push(channel);
        self.entries.push(Vec::new());
        self.statistics.channel_count += 1;
        Ok(())
    }

    /// Adds a message of so many bytes, which `fill` fills in. Where that says that it is to be left out after all, it is.
    pub fn add_message(
        &mut self,
        header: &MessageHeader,
        bytes: usize,
        fill: impl FnOnce(&mut Pieces<'_>) -> bool,
    ) -> io::Result<bool> {
        let chunk = match &mut self.chunk {
            Some(chunk) => chunk,
            None => self.chunk.insert(OpenChunk::begin(&mut self.disk)?),
        };
        let Some(entries) = self.entries.get_mut(usize::from(header.channel_id)) else {
            return Err(io::Error::other("there is no such channel"));
        };
        serialise(&mut self.body, header)?;
        let at = self.disk.end();
        let head = record_head(op::MESSAGE, self.body.len() + bytes);
        self.disk.append(&head)?;
        self.disk.append(&self.body)?;
        let begin = self.disk.end();
        self.disk.grow(bytes)?;
        if !fill(&mut self.disk.parts(begin)) {
            self.disk.shrink(at);
            return Ok(false);
        }
        // While it is in the processor's cache.
        self.disk.parts(at).for_each(|part| chunk.sum.update(part));
        entries.push(MessageIndexEntry {
            log_time: header.log_time,
            offset: at - chunk.content,
        });
        for times in [&mut chunk.times, &mut self.times] {
            let (first, last) = times.unwrap_or((header.log_time, header.log_time));
            *times = Some((first.min(header.log_time), last.max(header.log_time)));
        }
        Ok(true)
    }

    /// Completes the chunk: what has been written so far can be read, whatever happens.
    pub fn complete(&mut self) -> io::Result<()> {
        self.close_chunk()?;
        self.disk.settle()
    }

    /// Completes the chunk, and sends all that has been written so far on its way.
    pub fn flush(&mut self) -> io::Result<()> {
        self.close_chunk()?;
        self.disk.flush()
    }

    /// Completes the file, and sends all of it on its way.
    pub fn finish(mut self) -> io::Result<()> {
        self.close_chunk()?;
        let data_section_crc = mem::take(&mut self.sum).finalize();
        self.record(op::DATA_END, &DataEnd { data_section_crc })?;
        self.sum = Hasher::new();
        let summary_start = self.disk.end();
        let mut offsets = Vec::new();
        let channels = mem::take(&mut self.channels);
        let (message_start_time, message_end_time) = self.times.unwrap_or_default();
        let statistics = [Statistics {
            message_start_time,
            message_end_time,
            ..mem::take(&mut self.statistics)
        }];
        let chunks = mem::take(&mut self.chunks);
        let attachments = mem::take(&mut self.attachments);
        let metadata = mem::take(&mut self.metadata);
        self.group(op::CHANNEL, &channels, &mut offsets)?;
        self.group(op::STATISTICS, &statistics, &mut offsets)?;
        self.group(op::CHUNK_INDEX, &chunks, &mut offsets)?;
        self.group(op::ATTACHMENT_INDEX, &attachments, &mut offsets)?;
        self.group(op::METADATA_INDEX, &metadata, &mut offsets)?;
        let summary_offset_start = self.disk.end();
        for offset in &offsets {
            self.record(op::SUMMARY_OFFSET, offset)?;
        }
        let mut footer = Footer {
            summary_start,
            summary_offset_start,
            summary_crc: 0,
        };
        serialise(&mut self.body, &footer)?;
        // The sum is of all up to itself.
        self.sum.update(&record_head(op::FOOTER, self.body.len()));
        self.sum
            .update(&self.body[..self.body.len() - size_of::<u32>()]);
        footer.summary_crc = mem::take(&mut self.sum).finalize();
        self.record(op::FOOTER, &footer)?;
        self.append(MAGIC)?;
        self.disk.finish();
        Ok(())
    }

    /// Records of a kind, in the summary.
    fn group<T>(
        &mut self,
        group_opcode: u8,
        records: &[T],
        offsets: &mut Vec<SummaryOffset>,
    ) -> io::Result<()>
    where
        T: for<'a> BinWrite<Args<'a> = ()>,
    {
        let group_start = self.disk.end();
        for record in records {
            self.record(group_opcode, record)?;
        }
        if !records.is_empty() {
            offsets.push(SummaryOffset {
                group_opcode,
                group_start,
                group_length: self.disk.end() - group_start,
            });
        }
        Ok(())
    }

    fn close_chunk(&mut self) -> io::Result<()> {
        let Some(chunk) = self.chunk.take() else {
            return Ok(());
        };
        let end = self.disk.end();
        let (message_start_time, message_end_time) = chunk.times.unwrap_or_default();
        let header = ChunkHeader {
            message_start_time,
            message_end_time,
            uncompressed_size: end - chunk.content,
            uncompressed_crc: chunk.sum.clone().finalize(),
            compressed_size: end - chunk.content,
            ..no_chunk()
        };
        let head = chunk_head(&header)?;
        self.disk.put(chunk.at, &head);
        self.sum.update(&head);
        self.sum.combine(&chunk.sum);

        let mut message_index_offsets = BTreeMap::new();
        for (channel, entries) in self.entries.iter_mut().enumerate() {
            if entries.is_empty() {
                continue;
            }
            // There are as many as `add_channel` has numbered.
            let channel_id = channel as u16;
            message_index_offsets.insert(channel_id, self.disk.end());
            let mut index = MessageIndex {
                channel_id,
                records: mem::take(entries),
            };
            serialise(&mut self.body, &index)?;
            let head = record_head(op::MESSAGE_INDEX, self.body.len());
            for bytes in [head.as_slice(), &self.body] {
                self.disk.append(bytes)?;
                self.sum.update(bytes);
            }
            let count = index.records.len() as u64;
            self.statistics.message_count += count;
            let counts = &mut self.statistics.channel_message_counts;
            *counts.entry(channel_id).or_default() += count;
            index.records.clear();
            *entries = index.records;
        }
        self.statistics.chunk_count += 1;
        self.chunks.push(ChunkIndex {
            message_start_time,
            message_end_time,
            chunk_start_offset: chunk.at,
            chunk_length: end - chunk.at,
            message_index_offsets,
            message_index_length: self.disk.end() - end,
            compression: header.compression,
            compressed_size: header.compressed_size,
            uncompressed_size: header.uncompressed_size,
        });
        Ok(())
    }

    /// Appends a record, into the open chunk or behind the last. Its length.
    fn record<T>(&mut self, opcode: u8, record: &T) -> io::Result<u64>
    where
        T: for<'a> BinWrite<Args<'a> = ()>,
    {
        serialise(&mut self.body, record)?;
        self.append_body(opcode)
    }

    /// Appends `body` as a record.
    fn append_body(&mut self, opcode: u8) -> io::Result<u64> {
        let body = mem::take(&mut self.body);
        self.append(&record_head(opcode, body.len()))?;
        self.append(&body)?;
        self.body = body;
        Ok((RECORD_HEAD + self.body.len()) as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.chunk {
            Some(chunk) => chunk.sum.update(bytes),
            None => self.sum.update(bytes),
        }
        self.disk.append(bytes)
    }
}

impl OpenChunk {
    /// Leaves room for what is known when it is complete.
    fn begin(disk: &mut Disk) -> io::Result<OpenChunk> {
        let at = disk.end();
        disk.append(&chunk_head(&no_chunk())?)?;
        Ok(OpenChunk {
            at,
            content: disk.end(),
            sum: Hasher::new(),
            times: None,
        })
    }
}

/// An empty chunk, without compression.
fn no_chunk() -> ChunkHeader {
    ChunkHeader {
        message_start_time: 0,
        message_end_time: 0,
        uncompressed_size: 0,
        uncompressed_crc: 0,
        compression: String::new(),
        compressed_size: 0,
    }
}

/// What stands before the records of a chunk.
fn chunk_head(header: &ChunkHeader) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    serialise(&mut body, header)?;
    let length = body.len() + header.compressed_size as usize;
    Ok([record_head(op::CHUNK, length).as_slice(), &body].concat())
}

fn record_head(opcode: u8, length: usize) -> [u8; RECORD_HEAD] {
    let mut head = [opcode; RECORD_HEAD];
    head[1..].copy_from_slice(&(length as u64).to_le_bytes());
    head
}

/// Makes a record's bytes.
fn serialise<T>(into: &mut Vec<u8>, record: &T) -> io::Result<()>
where
    T: for<'a> BinWrite<Args<'a> = ()>,
{
    into.clear();
    record
        .write_le(&mut Cursor::new(into))
        .map_err(io::Error::other)
}
