//! Parameters that are wrong.

use super::*;

#[test]
fn bad_parameters_are_all_named_with_their_place() {
    let directory = TempDir::new().unwrap();
    let array = "shape: [4], dtype: float32";
    for (kind, parameters, message, help) in [
        (
            "synthetic.array",
            "patern: sine",
            "source 'camera' has the unknown parameter 'patern'",
            "did you mean 'pattern'?",
        ),
        (
            "synthetic.array",
            "pattern: sinus",
            "'pattern' of source 'camera' cannot be 'sinus'",
            "did you mean 'sine'?",
        ),
        (
            "synthetic.array",
            "pattern: 3",
            "'pattern' of source 'camera' must be a name, but it is 3",
            "",
        ),
        (
            "synthetic.array",
            "rate_hz: 0",
            "'rate_hz' of source 'camera' must be a number of frames per second from 1e-6 to 1e9, but it is 0",
            "",
        ),
        (
            "synthetic.array",
            "rate_hz: fast",
            "must be a number of frames per second",
            "",
        ),
        (
            "synthetic.array",
            "period: -1",
            "'period' of source 'camera' must be a number above 0, but it is -1",
            "",
        ),
        (
            "synthetic.array",
            "impulse_interval: 0",
            "must be an integer of at least 1, but it is 0",
            "",
        ),
        (
            "synthetic.array",
            "impulse_interval: 2.5",
            "must be an integer of at least 1, but it is 2.5",
            "",
        ),
        (
            "synthetic.array",
            "seed: -1",
            "must be an integer of at least 0, but it is -1",
            "",
        ),
        (
            "synthetic.array",
            "amplitude: [1]",
            "must be a number, but it is [1]",
            "",
        ),
        (
            "file.npy",
            "",
            "source 'camera' lacks the parameter 'path'",
            "add 'path: FILE.npy'",
        ),
        (
            "file.npy",
            "path: 3",
            "'path' of source 'camera' must be the path of a .npy file, but it is 3",
            "",
        ),
        (
            "file.npy",
            "path: f.npy, loop: 7",
            "must be true or false, but it is 7",
            "",
        ),
        (
            "file.npy",
            "path: f.npy, lopp: true",
            "has the unknown parameter 'lopp'",
            "did you mean 'loop'?",
        ),
    ] {
        let report = source_of(directory.path(), array, kind, parameters).unwrap_err();
        let found = report
            .diagnostics()
            .iter()
            .find(|found| found.message.contains(message));
        let found = found.unwrap_or_else(|| panic!("{parameters}: {report}"));
        assert_eq!(found.span.unwrap().line, 5, "{parameters}");
        assert!(
            found.help.as_deref().unwrap_or_default().contains(help),
            "{parameters}: {report}"
        );
    }
    let report = plan_sinks(&sink_config(
        directory.path(),
        "null.sink",
        "device_delay: 1",
    ))
    .err()
    .unwrap();
    assert!(
        report.plain().contains("did you mean 'device_delay_s'?"),
        "{report}"
    );
    let report = plan_sinks(&sink_config(
        directory.path(),
        "null.sink",
        "device_delay_s: -1",
    ))
    .err()
    .unwrap();
    assert!(
        report.plain().contains("from 0 to 86400, but it is -1"),
        "{report}"
    );
}
