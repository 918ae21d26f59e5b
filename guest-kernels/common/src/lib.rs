//! What several built-in kernels share.

pub mod binary;
pub mod centroid;
pub mod constant;
pub mod double;
pub mod matrix;
pub mod spot;
pub mod widen;
