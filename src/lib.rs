//! A DataFrame-style query builder whose every statement is guarded.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test that can not go on should stop with a panic"
    )
)]

mod conn;
pub mod danger;
mod dialect;
mod error;
mod hook;
mod ident;
mod row;
mod types;
mod value;
mod db {
    pub(crate) mod driver;
}

pub use crate::conn::{Dsn, SecretProvider};
pub use crate::dialect::Dialect;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::hook::*;
pub use crate::ident::Ident;
pub use crate::types::SqlType;
pub use crate::value::{Interval, ToValue, Value};
pub use secrecy::SecretString;
