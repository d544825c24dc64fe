//! Handles: read-only and read-write databases, transactions, and what runs a statement on them.

// The handle, then what a statement passes, then what starts one.
mod handle;
mod audit_table;
mod builder;
pub(crate) mod driver;
mod pool;
mod prepare;
mod many;
mod shapes;
mod execute;
mod catalog;
mod terminals;
mod pivot;
mod kept_plan;
mod counting;
mod describe;
mod raw;
mod validation;
mod writes;
mod ddl;
mod write_modes;
mod details_sql;
mod details;
mod stream;
mod transaction_options;
mod retry;
mod transaction_state;
mod transaction;
mod scoped;
mod locks;
mod privileges;

pub use builder::DatabaseBuilder;
pub use details::{ColumnDetails, Difference, ForeignKeyDetails, IndexDetails, TableDetails};
pub use handle::{Database, Mode, ReadOnly, ReadWrite};
pub use privileges::ReadOnlyReport;
pub use retry::Retry;
pub use shapes::ShapeCounts;
pub use stream::RowStream;
pub use terminals::QueryText;
pub use transaction::Transaction;
pub use transaction_options::TransactionOptions;
pub use write_modes::WriteMode;
pub use writes::StreamRow;
