//! No string changes a statement: not as a value, not as a name, and not in what people read of it afterwards.
//!
//! The strings are the payloads of `tests/data`, a larger list beside the checkout where there is one, and generated ones.
//! What is checked is a property of each, never a list of bad words.

mod accepted;
mod decode;
pub mod list;
mod names;
mod readers;
mod round_trip;
mod values;
mod writes;
