//! Small programs through the public API, and the rows they must give on every database.

mod edits;
mod filters;
mod grouping;
mod hooks;
mod joins;
mod order;
mod reshaping;
mod sets;
mod values;
mod windows;
mod writes;
