//! The integration tests: one binary, a module per behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can not go on should stop with a panic"
)]

mod acceptance;
mod advisories;
mod audit;
mod chains;
mod compile_fail;
mod conformance;
mod corpus;
mod dsn;
mod examples;
mod public_types;
mod faults;
mod functions;
mod hook_check;
mod hooks;
mod properties;
mod rates;
mod read_only;
mod errors;
mod limits;
#[cfg(feature = "metrics")]
mod metrics;
mod servers;
mod shapes;
mod slow;
mod source_rules;
mod spans;
#[cfg(feature = "redis")]
mod shared_limits;
mod support;
mod tls;
mod transactions;
mod tables;
mod tpch;
mod types;
mod write_text;
mod writes;
