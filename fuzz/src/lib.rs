//! What the fuzz targets do with their bytes. Each module is one target: `run` takes whatever libFuzzer
//! came up with and panics where something that must hold does not.

pub mod digest;
pub mod edits;
pub mod engine;
mod feed;
pub mod framer;
pub mod index;
