//! What handing a frame on costs, without what computing it costs.
//!
//! `cargo bench -p sandpipe-benches --bench stream`

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench may panic; criterion's macro makes undocumented functions"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use sandpipe::array::{ArrayType, Dtype};
use sandpipe::stream::{Delivery, Mirror, Mode, PrivateRing, Stamp, Stream, StreamSpec, Writer};

fn stream(name: &str, length: u32, every: bool, mirror: Mirror) -> Arc<Stream> {
    let spec = StreamSpec {
        name: format!("sandpipe-bench.{}.{name}", std::process::id()),
        array: ArrayType {
            dtype: Dtype::F32,
            shape: vec![length],
        },
        readers: 1,
        every,
        slots: None,
        notify: true,
        mirror,
        mode: Mode::default(),
    };
    Stream::create(&spec).unwrap()
}

fn publish(writer: &mut Writer) {
    let slot = writer.begin().unwrap();
    black_box(writer.publish(slot, Stamp::source(1)));
}

/// Publishing and taking in one thread: what a fused lane pays per stream and frame.
fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one thread");
    let latest = stream("latest", 64, false, Mirror::Never);
    let (mut writer, mut reader) = (
        latest.writer().unwrap(),
        latest.reader(Delivery::Latest).unwrap(),
    );
    group.bench_function("publish", |bencher| bencher.iter(|| publish(&mut writer)));
    group.bench_function("publish, take the newest", |bencher| {
        bencher.iter(|| {
            publish(&mut writer);
            black_box(reader.next())
        });
    });
    group.bench_function("take the newest again", |bencher| {
        bencher.iter(|| black_box(reader.newest()))
    });
    let every = stream("every", 64, true, Mirror::Never);
    let (mut writer, mut reader) = (
        every.writer().unwrap(),
        every.reader(Delivery::Every).unwrap(),
    );
    group.bench_function("publish, take every one", |bencher| {
        bencher.iter(|| {
            publish(&mut writer);
            black_box(reader.next())
        });
    });
    group.finish();
}

/// Publishing on a stream that Python can view.
fn mirrored(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mirror");
    for (size, length) in [("256 B", 64), ("1 MiB", 1 << 18)] {
        for (how, mirror) in [
            ("never", Mirror::Never),
            ("auto", Mirror::Auto),
            ("every", Mirror::Every),
        ] {
            let stream = stream("mirror", length, false, mirror);
            let mut writer = stream.writer().unwrap();
            group.bench_function(format!("{size}, {how}"), |bencher| {
                bencher.iter(|| publish(&mut writer))
            });
        }
    }
    group.finish();
}

/// What `publish: sealed` costs: a copy of each frame out of private memory.
fn sealed(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sealed");
    for (size, length) in [
        ("256 B", 64),
        ("4 KiB", 1 << 10),
        ("256 KiB", 1 << 16),
        ("1 MiB", 1 << 18),
    ] {
        let stream = stream("sealed", length, false, Mirror::Never);
        let mut writer = stream.writer().unwrap();
        let private = PrivateRing::new("bench", 1, Some(stream.bytes())).unwrap();
        private.write(0, &vec![1; stream.bytes()]).unwrap();
        group.bench_function(format!("{size}, in place"), |bencher| {
            bencher.iter(|| publish(&mut writer))
        });
        group.bench_function(format!("{size}, sealed"), |bencher| {
            bencher.iter(|| {
                let slot = writer.begin().unwrap();
                writer.write_private(slot, &private).unwrap();
                black_box(writer.publish(slot, Stamp::source(1)))
            })
        });
    }
    group.finish();
}

criterion_group!(benches, one_thread, mirrored, sealed);
criterion_main!(benches);
