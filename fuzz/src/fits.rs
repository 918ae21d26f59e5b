use std::fs;

use sandpipe::array::{ArrayType, Dtype};
use sandpipe::endpoint::fits;

use crate::directory;

pub const PIECES: &[&str] = &[
    "SIMPLE  =                    T",
    "BITPIX  =                    8",
    "BITPIX  =                   16",
    "BITPIX  =                  -64",
    "NAXIS   =                    0",
    "NAXIS   =                    2",
    "NAXIS   =                  999",
    "NAXIS1  =                    3",
    "NAXIS2  =                    0",
    "NAXIS1  = 18446744073709551615",
    "NAXIS2  =  9223372036854775807",
    "BSCALE  =                    1",
    "BSCALE  =                  1.5",
    "BZERO   =              3.2768D4",
    "BZERO   =                  inf",
    "GROUPS  =                    T",
    "COMMENT ",
    "END",
    "XTENSION",
    " / ",
    "'",
    "-1",
];

/// A file with these cards and so many bytes of data.
fn file(cards: &[&str], bytes: usize) -> Vec<u8> {
    let mut file: Vec<u8> = cards
        .iter()
        .flat_map(|card| format!("{card:<80}").into_bytes())
        .collect();
    file.resize(file.len().next_multiple_of(2880), b' ');
    file.resize(file.len() + bytes, 1);
    file
}

pub fn seeds() -> Vec<Vec<u8>> {
    let cube = [
        PIECES[0],
        PIECES[2],
        "NAXIS   =                    2",
        PIECES[7],
    ];
    vec![
        file(
            &[&cube[..], &["NAXIS2  =                    2", "END"]].concat(),
            2880,
        ),
        file(
            &[
                &cube[..],
                &[
                    "NAXIS2  =                    2",
                    PIECES[11],
                    "BZERO   =                32768",
                    "END",
                ],
            ]
            .concat(),
            12,
        ),
        file(&[PIECES[0], PIECES[3], PIECES[4], "END"], 0),
    ]
}

/// What is read is as long as it says, and nothing behind it is.
pub fn run(bytes: &[u8]) {
    let path = directory().join("image.fits");
    fs::write(&path, bytes).expect("the file cannot be written");
    let Ok(file) = fits::open(&path) else {
        return;
    };
    for dtype in [Dtype::S16, Dtype::U16, Dtype::U8, Dtype::F64] {
        let array = ArrayType {
            dtype,
            shape: vec![3],
        };
        let _ = file.expect(&array);
        if let Ok(frames) = file.frames(&array) {
            let mut frame = vec![0; 3 * dtype.size()];
            for index in [0, frames - 1] {
                assert!(file.read_frame(index, &mut frame).is_ok());
            }
            assert!(file.read_frame(frames, &mut frame).is_err());
            assert!(file.read_frame(u64::MAX, &mut frame).is_err());
        }
    }
}
