//! Handles: read-only and read-write databases, transactions, and what runs a statement on them.

mod builder;
mod catalog;
pub(crate) mod driver;
mod execute;
mod handle;
mod pool;
mod prepare;
mod privileges;
mod raw;
mod stream;
mod terminals;
mod transaction;
mod writes;

pub use builder::DatabaseBuilder;
pub use handle::{Database, Mode, ReadOnly, ReadWrite};
pub use privileges::ReadOnlyReport;
pub use stream::RowStream;
pub use terminals::QueryText;
pub use transaction::Transaction;
