//! Handles.
pub(crate) mod driver;
