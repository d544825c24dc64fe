#![doc = include_str!("../README.md")]
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
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql", feature = "sqlite")),
    allow(dead_code, unused_imports, reason = "what only a missing driver uses is unused then")
)]

// Words that all stages share.
mod dialect;
mod error;
mod ident;
mod statement;
mod token;
mod types;
mod value;

// The pipeline, in order: a module imports only what stands above it.
mod expr;
mod query;
mod schema;
mod policy;
mod compile;
mod row;
mod hook;
mod conn;
mod db;

pub mod danger;
#[cfg(feature = "sqlite")]
pub mod testing;

#[cfg(feature = "redis")]
pub use crate::conn::RedisLimits;
pub use crate::conn::{Dsn, SecretProvider};
pub use crate::db::{
    CheckDetails, ColumnDetails, Database, DatabaseBuilder, Difference, ForeignKeyDetails, IndexDetails, Mode,
    NotCompared, QueryText, ReadOnly, ReadOnlyReport, ReadWrite, Retry, RowStream, ShapeCounts, StreamRow,
    TableDetails, TableDiff, Transaction, TransactionOptions, WriteMode,
};
pub use crate::dialect::Dialect;
pub use crate::error::{Error, ErrorKind, Result, Violation, Violations};
pub use crate::expr::{
    All, Bound, Case, Column, ColumnType, CountOperand, DistinctOperands, Expr, FrameOffset, IntoExpr, IntoJsonPath,
    JsonStep, Members, MembersFor, Operand, OperandFor, SortKey, Summable, Unit, Window, WindowFunction, all, all_of,
    any_of, array_agg, avg, bool_and, bool_or, case, coalesce, col, concat, concat_ws, corr, count, count_distinct,
    covar_pop, covar_samp, cume_dist, current_date, current_row, current_time, current_timestamp, days, dense_rank,
    family, first, first_value, following, from_unix, from_unix_micros, greatest, grouping, hours, if_, json_array_agg,
    json_object_agg, lag, last, last_value, lead, least, lit, make_date, max, median, microseconds, min, minutes, mode,
    months, not, nth_value, ntile, outer, percent_rank, percentile_cont, percentile_disc, pi, preceding, random, rank,
    row_number, seconds, stddev_pop, stddev_samp, string_agg, sum, unbounded_following, unbounded_preceding, var_pop,
    var_samp, weeks, window, years,
};
#[cfg(feature = "metrics")]
pub use crate::hook::MetricsLayer;
#[cfg(feature = "webhook")]
pub use crate::hook::Webhook;
pub use crate::hook::{
    AuditAnchor, AuditBreak, AuditBreakKind, AuditBuilder, AuditFanOut, AuditKey, AuditLayer, AuditLine, AuditLog,
    AuditReport, AuditVerifier, Clock, ClockHands, Connections, Durability, Hook, Outcome, OutcomeKind, QueryContext,
    RateContext, RateCost, RateLimit, RateLimitLayer, RateScope, SlowQuery, SlowQueryLayer, Subject, TraceLayer,
};
pub use crate::hook::{RateLimitBuilder, SharedLimits, WhenLost};
pub use crate::ident::Ident;
pub use crate::query::{
    AlterTable, ByName, Changes, ColumnDefinition, ConflictTarget, CreateIndex, CreateTable, CreateTableAs,
    DeclaredColumn, DeclaredTable, Delete, DeleteByKeys, DropIndex, DropTable, Elements, ForeignKey, Frame, GroupKeys,
    GroupedFrame, GroupingSets, Insert, IntoColumns, IntoElements, IntoJoinOn, IntoNames, IntoRow, IntoSortKeys,
    IntoTable, IntoValidator, JoinOn, Merge, OnConflict, PivotedFrame, Projections, RawSql, Recursive,
    ReferentialAction, Returning, RowValues, Rules, SetMember, Stripped, TableName, Truncate, UniqueKey, Update,
    UpdateByKeys, Validator, column, cube, elements, exists, foreign_key, grouping_sets, in_schema, incoming,
    not_exists, on, recursive, rollup, rules, scalar, table, unique_key, using, values,
};
pub use crate::row::{ColumnIndex, Row, Rows, Shown};
pub use crate::schema::{ColumnSchema, KeySchema, Schema, TableSchema};
pub use crate::statement::{HandleKind, Isolation, StatementKind, TableAccess};
pub use crate::types::SqlType;
pub use crate::value::{Interval, ToValue, Value};
pub use secrecy::SecretString;
