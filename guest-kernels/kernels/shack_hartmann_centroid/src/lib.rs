//! `cpu.shack_hartmann_centroid`: the centre of mass of every tile of an image.

use std::num::NonZeroU32;

use sandpipe_kernel::{
    Context, Failure, Inputs, Kernel, Number, View, ViewMut, export, match_number,
};
use sandpipe_kernel_common::centroid::ColumnSums;
use serde::Deserialize;

/// The kernel.
#[derive(Debug)]
pub struct ShackHartmannCentroid {
    tile: usize,
    width: usize,
    sums: ColumnSums,
}

#[derive(Deserialize)]
struct Parameters {
    tile_size: NonZeroU32,
}

impl Kernel for ShackHartmannCentroid {
    const MANIFEST: &'static str = r#"{
        "abi": "0.1",
        "kind": "cpu.shack_hartmann_centroid",
        "aliases": ["cpu.centroid"],
        "version": "0.1.0",
        "summary": "Finds the centre of mass of every square tile of an image, relative to the tile's middle, in pixels: out[i, j] = [row, column] for the tile in row i and column j. Computed in double precision. A tile whose sum is not positive gives 0, 0; one with a NaN gives NaN.",
        "dtypes": ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64", "f32", "f64"],
        "parameters": {
            "type": "object",
            "properties": {
                "tile_size": { "type": "integer", "minimum": 1, "description": "Rows and columns of a tile, in pixels; divides both extents of the image." }
            },
            "required": ["tile_size"],
            "additionalProperties": false
        }
    }"#;

    fn validate_config(context: &Context) -> Result<(), Failure> {
        let tile = context.parameters::<Parameters>()?.tile_size.get();
        let (input, output) = (context.trigger_input()?, context.output()?);
        input.require_rank(2)?;
        if input.shape().iter().any(|extent| extent % tile != 0) {
            return Err(Failure::shape(format!(
                "{input} must have extents divisible by the parameter tile_size = {tile}, got shape {:?}",
                input.shape()
            )));
        }
        let mut expected: Vec<u32> = input.shape().iter().map(|extent| extent / tile).collect();
        expected.push(2);
        output.require_shape(&expected, &format!("for the tiles of {input}"))?;
        output.require_dtype_of(input)
    }

    fn new(context: &Context) -> Result<Self, Failure> {
        let Parameters { tile_size } = context.parameters()?;
        let width = context
            .trigger_input()?
            .shape()
            .last()
            .copied()
            .unwrap_or(1) as usize;
        Ok(ShackHartmannCentroid {
            tile: tile_size.get() as usize,
            width,
            sums: ColumnSums::new(width),
        })
    }

    fn compute_into(&mut self, input: View, output: ViewMut, _: Inputs) -> Result<(), Failure> {
        let tile = self.tile;
        match_number!(input.dtype(), T => {
            let mut tiles = output.slice::<T>()?.as_chunks_mut::<2>().0.iter_mut();
            for band in input.slice::<T>()?.chunks_exact(self.width * tile) {
                for (centroid, tile_output) in self.sums.tiles(band, tile).zip(&mut tiles) {
                    *tile_output = centroid.map(T::from_f64);
                }
            }
            Ok(())
        })
    }
}

export!(ShackHartmannCentroid);

#[cfg(test)]
mod tests {
    use sandpipe_kernel::testing::Stage;

    use super::*;

    #[test]
    fn every_tile_has_its_own_centre() -> Result<(), Failure> {
        let image = [
            0.0,
            1.0,
            0.0,
            0.0, //
            0.0,
            0.0,
            0.0,
            0.0, //
            -1.0,
            0.0,
            1.0,
            f32::NAN, //
            0.0,
            0.0,
            0.0,
            0.0,
        ];
        let mut stage = Stage::<ShackHartmannCentroid>::new()
            .parameter("tile_size", 2)
            .trigger_input("image", &[4, 4], &image)
            .output::<f32>("centroids", &[2, 2, 2])
            .build()?;
        stage.compute()?;
        let centroids = stage.output::<f32>(0);
        assert_eq!(centroids[..6], [-0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
        assert!(centroids[6..].iter().all(|x| x.is_nan()));
        Ok(())
    }

    #[test]
    fn tiles_must_fit() {
        let refuse = |tile: i32, output: &[u32]| {
            Stage::<ShackHartmannCentroid>::new()
                .parameter("tile_size", tile)
                .trigger_input("image", &[4, 6], &[0u16; 24])
                .output::<u16>("y", output)
                .validate()
                .is_err()
        };
        assert!(!refuse(2, &[2, 3, 2]));
        assert!(refuse(2, &[3, 2, 2]));
        assert!(refuse(3, &[1, 2, 2]));
        assert!(refuse(0, &[1, 1, 2]));
        assert!(refuse(-1, &[1, 1, 2]));
    }
}
