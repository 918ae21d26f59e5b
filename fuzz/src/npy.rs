use std::fs;

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::npy;

use crate::directory;

pub const PIECES: &[&str] = &[
    "\u{93}NUMPY",
    "\x01\0",
    "\x02\0",
    "\x03\0",
    "'descr': ",
    "'<f4'",
    "'|b1'",
    "'>f4'",
    "'fortran_order': ",
    "False",
    "True",
    "'shape': ",
    "(2, 3)",
    "(2, 3), ",
    "()",
    "(3,)",
    "(0, 5)",
    "(18446744073709551615,)",
    "(4294967296, 4294967296)",
    "}",
    "{",
    "\n",
    " ",
    "[('a', '<f4')]",
    "\\x41",
    "L",
    "-1",
];

fn file(header: &str, bytes: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    let padded = format!("{header:<117}\n");
    file.extend((padded.len() as u16).to_le_bytes());
    file.extend(padded.bytes());
    file.extend(bytes);
    file
}

pub fn seeds() -> Vec<Vec<u8>> {
    vec![
        file(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
            &[1; 24],
        ),
        file(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }",
            &[1; 7],
        ),
        file(
            "{'descr': '<c16', 'fortran_order': False, 'shape': (1, 1, 2), }",
            &[1; 32],
        ),
    ]
}

/// What is read is as long as it says.
pub fn run(bytes: &[u8]) {
    let path = directory().join("array.npy");
    fs::write(&path, bytes).expect("the file cannot be written");
    if let Ok((array, data)) = npy::read(&path) {
        assert_eq!(array.bytes(), Some(data.len()));
    }
    let array = ArrayType {
        dtype: Dtype::F32,
        shape: vec![3],
    };
    if let Ok(file) = npy::open(&path) {
        let _ = file.expect(&array);
        if let Ok(frames) = file.frames(&array) {
            let mut frame = [0; 12];
            for index in [0, frames - 1] {
                assert!(file.read_frame(index, &mut frame).is_ok());
            }
            assert!(file.read_frame(frames, &mut frame).is_err());
            assert!(file.read_frame(u64::MAX, &mut frame).is_err());
        }
    }
}
