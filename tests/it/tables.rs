//! Tables: made, changed, emptied and removed, the same on every database.

mod altering;
mod comparing;
mod creating;
mod defaults;
mod dropping;
mod keys;
mod reading;
mod rights;
mod values;
mod writing;
