//! Connections: where the database is, who connects, and what is proved before a password leaves.
//!
//! This is the only module that exposes a secret, and it exposes one to the driver alone, as it connects.

#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql", feature = "sqlite")),
    allow(dead_code, reason = "every DSN parses in every build; what only a missing driver reads is then unread")
)]

mod dotenv;
mod dsn;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod error;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod limit;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
mod options;
mod parse;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "redis")]
mod redis_link;
mod secret;
mod settings;
mod source;
#[cfg(test)]
mod tests;
mod tls;

pub use self::dsn::Dsn;
pub(crate) use self::dsn::{Family, SqliteLocation};
#[cfg(feature = "redis")]
pub use self::redis::RedisLimits;
pub use self::secret::SecretProvider;
pub(crate) use self::settings::check as check_settings;
