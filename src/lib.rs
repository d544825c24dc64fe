//! A DataFrame-style query builder whose every statement is guarded.

mod dialect;
mod error;
mod hook;
mod ident;
mod row;
mod token;
mod types;
mod value;
mod compile {
    pub(crate) mod verify;
}
mod db {
    pub(crate) mod driver;
}
mod policy {
    pub(crate) mod raw_select;
}

pub use crate::dialect::Dialect;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::hook::*;
pub use crate::ident::Ident;
pub use crate::row::{ColumnIndex, Row, Rows, Shown};
pub use crate::types::SqlType;
pub use crate::value::{Interval, ToValue, Value};
mod expr;
pub use crate::expr::*;
mod query;
pub use crate::query::*;
mod schema;
pub use crate::schema::{Schema, TableSchema, ColumnSchema};
