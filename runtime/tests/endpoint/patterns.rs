//! Patterns and devices that are computed, and their rates.

use super::*;

#[test]
fn a_rate_spaces_the_frames() {
    let directory = TempDir::new().unwrap();
    let open = |rate: &str| {
        let parameters = format!("pattern: constant, rate_hz: {rate}");
        let array = "shape: [2], dtype: uint8";
        open_source(directory.path(), array, "synthetic.array", &parameters)
    };
    let mut frame = [vec![0; 2]];
    let mut source = open("0.01");
    assert_eq!(
        source.next(&mut frame).unwrap(),
        Produced::Frame {
            output: 0,
            frame_id: None,
            missed: 0
        }
    );
    let Produced::NotBefore(due) = source.next(&mut frame).unwrap() else {
        panic!("the second frame is due at once");
    };
    assert!(due <= Instant::now() + Duration::from_secs(100));

    let mut source = open("1000");
    source.next(&mut frame).unwrap();
    std::thread::sleep(Duration::from_millis(5));
    let Produced::Frame { missed, .. } = source.next(&mut frame).unwrap() else {
        panic!("a frame is overdue");
    };
    assert!(missed >= 2, "{missed}");
}

#[test]
fn a_pattern_reaches_every_dtype() {
    let directory = TempDir::new().unwrap();
    let mut source = open_source(
        directory.path(),
        "shape: [4], dtype: uint8",
        "synthetic.array",
        "pattern: ramp, period: 3, amplitude: 1000, offset: -1.5",
    );
    // -1.5, 498.5, 998.5, …: below 0 and above 255.
    assert_eq!(
        play(&mut *source, 4, 2),
        [[0, 255, 255, 0], [255, 255, 0, 255]]
    );
}

#[test]
fn a_slow_device_says_until_when_it_is_busy() {
    let directory = TempDir::new().unwrap();
    assert_eq!(
        open_sink(directory.path(), "null.sink", "")
            .consume(&[1, 2], 1)
            .unwrap(),
        Consumed::Ready
    );
    let before = Instant::now();
    let consumed = open_sink(directory.path(), "null.sink", "device_delay_s: 0.5")
        .consume(&[1, 2], 1)
        .unwrap();
    let Consumed::BusyUntil(until) = consumed else {
        panic!("a device with a delay is ready at once");
    };
    assert!(until >= before + Duration::from_millis(500));
}

#[test]
fn a_source_of_the_command_line() {
    let directory = TempDir::new().unwrap();
    let more = "sources: [{name: old, kind: file.npy, stream: s, parameters: {path: none.npy}}]\n\
        kernels: [{name: k, kind: cpu.copy, input: s, output: t}]\n";
    let mut config = pipeline(directory.path(), "shape: [2], dtype: uint8", more);
    let spec: SourceSpec = "s:constant:0.01".parse().unwrap();
    spec.add_to(&mut config).unwrap();
    assert_eq!(
        config.sources.len(),
        1,
        "it takes the place of the one in the file"
    );
    let mut source = plan_sources(&config).unwrap()[0].open().unwrap();
    assert_eq!(
        source.next(&mut [vec![1, 1]]).unwrap(),
        Produced::Frame {
            output: 0,
            frame_id: None,
            missed: 0
        }
    );
    assert!(matches!(
        source.next(&mut [vec![1, 1]]).unwrap(),
        Produced::NotBefore(_)
    ));

    let refused = |text: &str, message: &str| {
        let mut config = config.clone();
        let error = match text.parse::<SourceSpec>() {
            Err(error) => error,
            Ok(spec) => spec.add_to(&mut config).unwrap_err().plain(),
        };
        assert!(error.contains(message), "{text}: {error}");
    };
    refused("s", "must be STREAM:PATTERN");
    refused("s:sine:1:2", "must be STREAM:PATTERN");
    refused("s:sinus", "did you mean 'sine'?");
    for rate in ["0", "-1", "nan", "inf", "fast", ""] {
        refused(&format!("s:sine:{rate}"), "the rate must be a number");
    }
    refused("u:sine", "names the stream 'u', which is not defined");
    refused("t:sine", "but so does kernel 'k'");
}
