//! How reports look.

use super::refused;

#[test]
fn how_a_report_looks() {
    let report = refused(
        "shared_memory:\n  - name: kamera\n    shape: [4.9, 3]\nkernels: []\nsinks:\n  - {name: s, kind: null.sink, stream: camera}\n",
    );
    assert_eq!(
        report.plain(),
        "error: an extent in 'shape' of stream 'kamera' must be an integer of at least 1, but it is the number 4.9
 --> pipeline.yaml:3:13
  |
3 |     shape: [4.9, 3]
  |             ^^^

error: sink 's' names the stream 'camera', which is not defined
 --> pipeline.yaml:6:40
  |
6 |   - {name: s, kind: null.sink, stream: camera}
  |                                        ^^^^^^
  |
  = help: did you mean 'kamera'?"
    );
    assert_eq!(
        report.json()[1].to_string(),
        r#"{"file":"pipeline.yaml","line":6,"column":40,"message":"sink 's' names the stream 'camera', which is not defined","help":"did you mean 'kamera'?"}"#
    );
    assert!(report.coloured().contains("\u{1b}["));
}

/// What a file writes reaches the terminal only as visible characters.
#[test]
fn control_characters_are_escaped() {
    let report = refused("\"\\e[31mred\\u202e\": 1\n");
    assert!(
        report.diagnostics()[0]
            .message
            .contains("\\u{1b}[31mred\\u{202e}"),
        "{report}"
    );
    assert!(!report.plain().contains('\u{1b}'));
}
