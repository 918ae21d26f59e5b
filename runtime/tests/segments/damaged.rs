//! Files that others have written over or cut off.

use super::*;

#[test]
fn scribbled_fields_of_pyshmem_are_survived() {
    let mut spec = spec(&stream_name("fields"), 512);
    spec.mirror = Mirror::Every;
    let written = Stream::create(&spec).unwrap();
    let mut writer = written.writer().unwrap();
    spec.name = stream_name("fields");
    let fed = Stream::create(&spec).unwrap();
    let ingest = fed.ingest().unwrap();
    let mut reader = fed.reader(Delivery::Latest).unwrap();
    let metas = [written.name(), fed.name()].map(|name| {
        let file = OpenOptions::new().write(true).open(files(name).0);
        file.unwrap()
    });
    let extremes = [
        0,
        1,
        2,
        -1,
        -2,
        i64::MAX,
        i64::MAX - 1,
        i64::MIN,
        i64::MIN + 1,
    ];
    for seed in 0..300u64 {
        for meta in &metas {
            // Count, sequence, time, holder and depth; frame id.
            let mut fields = noise(seed, 36);
            let extreme = extremes[seed as usize % extremes.len()];
            fields[8..16].copy_from_slice(&extreme.to_le_bytes());
            if seed % 2 == 0 {
                fields[24..32].fill(0);
            }
            meta.write_all_at(&fields, 40).unwrap();
            meta.write_all_at(&noise(seed, 8), 96).unwrap();
        }
        let slot = writer.begin().unwrap();
        writer.write(slot, &frame(seed, 512)).unwrap();
        writer.publish(slot, Stamp::source(seed)).unwrap();
        ingest.poll();
        // Now and then long enough to be taken for a write that was left unfinished.
        std::thread::sleep(Duration::from_millis(if seed % 7 == 0 { 15 } else { 0 }));
        ingest.poll();
        reader.next();
    }
    // What is written properly comes through again.
    stream::write_frame(written.name(), &frame(7, 512), None).unwrap_err();
    drop(writer);
    for name in [written.name(), fed.name()] {
        stream::write_frame(name, &frame(7, 512), Some(7)).unwrap();
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while reader.newest().is_none_or(|newest| newest.frame_id != 7) {
        assert!(Instant::now() < deadline);
        ingest.poll();
    }
    let info = stream::info(written.name()).unwrap();
    assert_eq!((info.frame_id, info.write_sequence % 2), (7, 0));
}

#[test]
fn a_scribbled_control_block_is_refused_or_survived() {
    let spec = spec(&stream_name("scribbled"), 512);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let (meta, _) = files(&spec.name);
    let file = OpenOptions::new().write(true).open(&meta).unwrap();
    let length = file.metadata().unwrap().len();
    let mut bytes = vec![0; 4096];
    for seed in 1..=200u64 {
        // Everything behind the header.
        file.write_all_at(&noise(seed, length as usize - 4096), 4096)
            .unwrap();
        for _ in 0..3 {
            if let Some(slot) = writer.begin() {
                writer.write(slot, &frame(seed, 512)).unwrap();
                writer.publish(slot, Stamp::source(seed));
            }
            if let Some(taken) = reader.next() {
                let _ = reader.read(&taken, &mut bytes);
            }
            let _ = reader.newest();
        }
        let _ = stream
            .reader(Delivery::Every)
            .map(|mut reader| reader.next());
        // Who comes new sees that it is no control block: the magic number is gone.
        assert!(stream::info(&spec.name).unwrap().ring.is_none());
    }
    assert!(stream.check().is_ok());
}

#[test]
fn a_frame_that_its_slot_denies_is_an_error_and_not_a_wait_for_ever() {
    let spec = spec(&stream_name("denied"), 512);
    let stream = Stream::create(&spec).unwrap();
    let mut writer = stream.writer().unwrap();
    let slot = writer.begin().unwrap();
    writer.publish(slot, Stamp::source(1));
    assert_eq!(stream::read_frame(&spec.name).unwrap().sequence, 1);
    let (meta, _) = files(&spec.name);
    let meta = OpenOptions::new().read(true).write(true).open(meta);
    let meta = meta.unwrap();
    // The slots' records are where the sequence 1 stands before the frame's number and two equal times.
    let mut bytes = vec![0; meta.metadata().unwrap().len() as usize];
    meta.read_exact_at(&mut bytes, 0).unwrap();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut places = (4096..bytes.len() - 32).step_by(64);
    let record = places.find(|&at| (word(at), word(at + 8)) == (1, 1) && word(at + 16) > 1);
    meta.write_all_at(&[9], record.unwrap() as u64).unwrap();
    assert!(matches!(
        stream::read_frame(&spec.name),
        Err(StreamError::Overwritten { .. })
    ));
}

/// Of who holds pyshmem's lock and how often.
const AT_HOLDER: u64 = 64;
const AT_DEPTH: u64 = 72;
/// Where the ring's head lies in the metadata file, and the flag that says whether somebody sleeps on it.
const AT_HEAD: u64 = 4096 + 128;
const AT_PARKED: u64 = AT_HEAD + 8;

/// The stream with its metadata file, a writer and a function that publishes.
fn with_metadata(what: &str) -> (std::sync::Arc<Stream>, File) {
    let stream = Stream::create(&spec(&stream_name(what), 512)).unwrap();
    let meta = OpenOptions::new()
        .read(true)
        .write(true)
        .open(files(stream.name()).0);
    (stream, meta.unwrap())
}

fn publish(writer: &mut stream::Writer, number: u64) {
    let slot = writer.begin().unwrap();
    writer.write(slot, &frame(number, 512)).unwrap();
    writer.publish(slot, Stamp::source(number)).unwrap();
}

#[test]
fn a_reader_goes_on_after_somebody_feigned_frames_that_are_far_ahead() {
    for delivery in [Delivery::Latest, Delivery::Every] {
        let (stream, meta) = with_metadata("ahead");
        let mut writer = stream.writer().unwrap();
        let mut reader = stream.reader(delivery).unwrap();
        publish(&mut writer, 1);
        assert_eq!(reader.next().unwrap().frame_id, 1);
        let mut head = [0; 8];
        meta.read_exact_at(&mut head, AT_HEAD).unwrap();
        assert_eq!(
            u64::from_le_bytes(head) << 8 >> 9,
            1,
            "the head is elsewhere"
        );
        meta.write_all_at(&(1u64 << 41).to_le_bytes(), AT_HEAD)
            .unwrap();
        assert_eq!(reader.next().unwrap().sequence, 1 << 40);
        assert!(!reader.ready() && reader.next().is_none());
        for number in 2..10 {
            publish(&mut writer, number);
            assert!(reader.ready() && !reader.closed());
            assert_eq!(reader.next().unwrap().frame_id, number, "{delivery:?}");
        }
        writer.close();
        assert!(reader.next().is_none() && reader.closed());
    }
}

#[test]
fn a_sleeper_whose_flag_was_wiped_out_wakes_all_the_same() {
    let (stream, meta) = with_metadata("asleep");
    let mut writer = stream.writer().unwrap();
    let mut reader = stream.reader(Delivery::Latest).unwrap();
    let (woken, wakes) = std::sync::mpsc::channel();
    let sleeper = std::thread::spawn(move || {
        while reader.next().is_none() {
            stream::wait(&[reader.word()], Duration::ZERO, None);
        }
        woken.send(()).unwrap();
    });
    let mut parked = [0; 4];
    let start = Instant::now();
    while parked == [0; 4] {
        meta.read_exact_at(&mut parked, AT_PARKED).unwrap();
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the flag is elsewhere"
        );
    }
    // It sleeps by now, or is about to look at the word once more, which has not changed.
    std::thread::sleep(Duration::from_millis(50));
    meta.write_all_at(&[0; 4], AT_PARKED).unwrap();
    publish(&mut writer, 1);
    wakes.recv_timeout(Duration::from_secs(30)).unwrap();
    // It holds the stream.
    sleeper.join().unwrap();
}

#[test]
fn a_damaged_geometry_is_refused() {
    let spec = spec(&stream_name("geometry"), 512);
    let stream = Stream::create(&spec).unwrap();
    let (meta, data) = files(&spec.name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&meta)
        .unwrap();
    // Version, length, bytes, stride, slots, readers, offset.
    for (at, size) in [
        (16, 4),
        (20, 4),
        (24, 4),
        (28, 4),
        (32, 4),
        (36, 4),
        (40, 8),
    ] {
        let mut good = vec![0; size];
        file.read_exact_at(&mut good, 4096 + at).unwrap();
        for byte in 0..size {
            let mut bad = good.clone();
            bad[byte] ^= 0x85;
            file.write_all_at(&bad, 4096 + at).unwrap();
            let error = Stream::join(&spec.name).unwrap_err();
            assert!(
                matches!(error, StreamError::Foreign { .. }),
                "{at} {byte}: {error}"
            );
        }
        file.write_all_at(&good, 4096 + at).unwrap();
    }
    assert!(Stream::join(&spec.name).is_ok());
    File::options()
        .write(true)
        .open(&data)
        .unwrap()
        .set_len(8192)
        .unwrap();
    assert!(matches!(
        Stream::join(&spec.name),
        Err(StreamError::Foreign { .. })
    ));
    drop(stream);
}

#[test]
fn truncated_files_are_noticed_and_survived() {
    for (cut_meta, length) in [(true, 0), (true, 600), (false, 0), (false, 5000)] {
        let spec = spec(&stream_name("truncated"), 512);
        let stream = Stream::create(&spec).unwrap();
        let mut writer = stream.writer().unwrap();
        let mut reader = stream.reader(Delivery::Every).unwrap();
        let (meta, data) = files(&spec.name);
        let cut = if cut_meta { &meta } else { &data };
        File::options()
            .write(true)
            .open(cut)
            .unwrap()
            .set_len(length)
            .unwrap();
        let mut bytes = vec![0; 4096];
        for number in 1..=20 {
            if let Some(slot) = writer.begin() {
                let _ = writer.write(slot, &frame(number, 512));
                writer.publish(slot, Stamp::source(number));
            }
            if let Some(taken) = reader.next() {
                let _ = reader.read(&taken, &mut bytes);
            }
        }
        assert!(
            matches!(stream.check(), Err(StreamError::Damaged { .. })),
            "{cut_meta} {length}"
        );
        drop((writer, reader, stream));
        let _ = fs::remove_file(meta);
        let _ = fs::remove_file(data);
    }
}

#[test]
fn a_lock_signed_by_the_dead_is_unsigned_and_one_of_the_living_is_not() {
    let (stream, meta) = with_metadata("signed");
    let ingest = stream.ingest().unwrap();
    let sign = |holder: u32, depth: u32| {
        meta.write_all_at(&u64::from(holder).to_le_bytes(), AT_HOLDER)
            .unwrap();
        meta.write_all_at(&depth.to_le_bytes(), AT_DEPTH).unwrap();
    };
    let signature = || {
        let mut fields = [0; 12];
        meta.read_exact_at(&mut fields, AT_HOLDER).unwrap();
        fields
    };
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let gone = child.id();
    // What is left by a writer that dies as it takes the lock, has it, and lets go of it. pyshmem opens no stream that names
    // one of the two alone.
    for (number, (holder, depth)) in [(0, (gone, 0)), (1, (gone, 1)), (2, (0, 1))] {
        stream::write_frame(stream.name(), &frame(number, 512), Some(number)).unwrap();
        assert!(ingest.poll().is_some());
        sign(holder, depth);
        let deadline = Instant::now() + Duration::from_secs(10);
        while signature() != [0; 12] {
            assert!(Instant::now() < deadline, "signed still");
            assert_eq!(ingest.poll(), None);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    sign(child.id(), 1);
    for _ in 0..50 {
        assert_eq!(ingest.poll(), None);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(signature()[..4], child.id().to_le_bytes());
    child.kill().unwrap();
    child.wait().unwrap();
    // Under its own name this process finds one that had its id before: it holds the lock itself and has not signed.
    sign(std::process::id(), 1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while signature() != [0; 12] {
        assert!(Instant::now() < deadline, "signed still");
        assert_eq!(ingest.poll(), None);
        std::thread::sleep(Duration::from_millis(1));
    }
}
