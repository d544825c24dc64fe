//! Everything that weakens a default, under its own name, so that a reviewer can search for `danger`.
//!
//! Each says what it gives up. None is needed in ordinary use.

use crate::conn::Dsn;
use crate::db::{Database, Mode};
use crate::hook::{RateLimit, WhenLost};
use crate::query::RawSql;

/// Encrypts, but with whoever answers: the server's certificate is not verified.
///
/// Gives up the proof that the other end is the server. Whoever can stand between can read and change everything, and
/// PostgreSQL's protocol lets that one ask for the password in clear text. A trusted root (`sslrootcert`,
/// [`Dsn::root_certificate_pem`]) is then not looked at. A server that offers no TLS is still refused.
///
/// ```
/// use portcullis::{Dsn, danger};
///
/// let dsn = danger::accept_unverified_certificate(Dsn::parse("postgres://app@db.example/sales")?);
/// # Ok::<(), portcullis::Error>(())
/// ```
#[must_use]
pub fn accept_unverified_certificate(dsn: Dsn) -> Dsn {
    dsn.accept_any_certificate()
}

/// Verifies that a trusted authority signed the server's certificate, but not for which host.
///
/// Gives up the proof that it is this server: anyone with a certificate of any trusted authority, for any name, can stand in
/// for it. The public web authorities are trusted too, so in practice that is anyone with a domain. A server that
/// offers no TLS, or a certificate of an unknown authority, is still refused.
///
/// ```
/// use portcullis::{Dsn, danger};
///
/// let dsn = danger::skip_host_name_check(Dsn::parse("mysql://app@10.0.0.7/sales")?);
/// # Ok::<(), portcullis::Error>(())
/// ```
#[must_use]
pub fn skip_host_name_check(dsn: Dsn) -> Dsn {
    dsn.accept_any_host_name()
}

/// Sends everything in plaintext, to any host.
///
/// Gives up all secrecy and all proof: whoever sees or stands in the network path reads and changes every statement and row, and
/// can have the password. For a loopback host or a Unix socket write `sslmode=disable` in the DSN instead.
///
/// ```
/// use portcullis::{Dsn, danger};
///
/// let dsn = danger::plaintext_to_remote_host(Dsn::parse("postgres://app@db.internal/sales")?);
/// # Ok::<(), portcullis::Error>(())
/// ```
#[must_use]
pub fn plaintext_to_remote_host(dsn: Dsn) -> Dsn {
    dsn.without_encryption()
}

/// Allows every statement that `rule` counts while the store of shared limits can't be reached.
///
/// Gives up the limit for as long as an attacker or an accident keeps the store away: whoever can overload the store is then not limited at all. In
/// a file of rules it is `when_lost = "danger_allow"`.
///
/// ```
/// use std::time::Duration;
/// use portcullis::{RateLimit, danger};
///
/// let rule = danger::allow_while_lost(RateLimit::named("reads").limit(100, Duration::from_secs(1)));
/// # let _ = rule;
/// ```
pub fn allow_while_lost(rule: RateLimit) -> RateLimit {
    rule.shared(WhenLost::DangerAllow)
}

/// A raw statement whose text was made at run time.
///
/// Gives up the promise that no value is part of SQL text: whoever influences `sql` decides what the database does. The other
/// checks stay: one statement, named parameters, and on a read-only handle a single harmless SELECT.
///
/// ```
/// use portcullis::{Database, ReadWrite, danger};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> portcullis::Result<()> {
/// let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
/// let report = String::from("SELECT 1 AS one"); // from a file that only operators can change
/// assert_eq!(danger::unchecked_sql(&db, &report).collect().await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn unchecked_sql<M: Mode>(db: &Database<M>, sql: &str) -> RawSql {
    db.unchecked_sql(sql)
}
