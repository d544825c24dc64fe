//! A DataFrame-style query builder whose every statement is guarded.

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
