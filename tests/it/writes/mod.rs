//! Writes: where rows come from, what comes back, and what a row that is there already becomes.

mod arrays;
mod bulk;
mod joined;
mod keyed;
mod merging;
mod records;
mod reports;
mod returning;
mod selects;
mod streams;
mod upserts;
mod validation;
