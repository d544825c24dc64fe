//! Opens a MySQL or MariaDB session.

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{ConnectOptions, Executor, Row};

use super::dsn::{Address, Dsn, Family, Host};
use super::tls::{Material, TlsPolicy};
use super::{error, limit, settings};
use crate::db::driver::Session;
use crate::error::Result;

/// One statement, so that no session has half of it.
///
/// SQL: the whole of `sql_mode`, because the modes that change where a string or a name ends (NO_BACKSLASH_ESCAPES, ANSI_QUOTES), what
/// `||` means (PIPES_AS_CONCAT) or how precedence works (HIGH_NOT_PRECEDENCE) must be off whatever the server's default is.
/// MariaDB's cache of subquery results takes the results of 'a' for those of 'A' in a column that compares them as equal, also
/// where the subquery compares exactly; MySQL has no such cache, and reads the `/*M!` part as a comment.
/// GROUP_CONCAT cuts off what is longer than its limit, so the limit is what no packet holds.
/// A division by zero is NULL in writes as it is in selects, and a difference with an unsigned side may be negative.
/// MariaDB ends a recursion after a thousand steps without an error, MySQL with one; how far one goes is the statement's to say.
/// GROUP_CONCAT, of which arrays are put together, cuts what is longer without an error.
/// MySQL hands a condition down into a derived table with its placeholders as whole numbers where one stands beside a column of such,
/// so that `1.25 - b` is computed as `1 - b`, or refuses it.
/// `utf8mb4_bin` exists on both servers and compares by code point; a column's own collation still wins over it.
const FIXED: &str = "SET SESSION sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
    NO_ENGINE_SUBSTITUTION,NO_UNSIGNED_SUBTRACTION', SESSION time_zone = '+00:00', SESSION sql_auto_is_null = 0, \
    SESSION autocommit = 1, SESSION group_concat_max_len = 1073741824, \
    /*M! SESSION optimizer_switch = 'subquery_cache=off', SESSION max_recursive_iterations = 4294967295, */ \
    /*!80003 SESSION cte_max_recursion_depth = 4294967295, */ \
    /*!80022 SESSION optimizer_switch = 'derived_condition_pushdown=off', */ NAMES utf8mb4 COLLATE utf8mb4_bin";

/// How many texts a session keeps prepared; then it forgets them all at once.
///
/// To close a statement asks for no answer. What is sent after it waits until the server has acknowledged it, which a server that
/// has nothing to say does after 40 ms (RFC 896 and RFC 1122, 4.2.3.2; sqlx does not set TCP_NODELAY). So none is closed by itself, and
/// sqlx is told to keep a few more than these.
pub(crate) const KEPT_TEXTS: usize = 100;

/// The texts of this module that stay prepared besides: those of settings, and a deadline.
const OWN_TEXTS: usize = settings::MYSQL.len() + 1;

/// Opens a session, proves the server, logs in and sets the session up, all within the connect timeout.
pub(crate) async fn connect(dsn: &Dsn, session: &Session) -> Result<MySqlConnection> {
    let address = error::address(dsn, Family::MySql)?;
    settings::check(Family::MySql, &session.settings)?;
    limit::within(address.connect_limit(session.connect_timeout), async {
        let options = options(address).await?;
        let mut connection = options.connect().await.map_err(|cause| error::connecting(cause, address))?;
        set_up(&mut connection, session).await?;
        Ok(connection)
    })
    .await
}

/// Tells the session what it was asked to be. It can be called again to bring those settings back; it doesn't touch others.
pub(crate) async fn set_up(connection: &mut MySqlConnection, session: &Session) -> Result<()> {
    connection.execute(FIXED).await.map_err(error::setting_up)?;
    // A read-write handle leaves the server's default alone: an administrator may have made it read-only.
    if session.read_only {
        connection.execute("SET SESSION TRANSACTION READ ONLY").await.map_err(error::setting_up)?;
    }
    if let Some(timeout) = session.statement_timeout {
        let found = (&mut *connection).fetch_one("SELECT VERSION()").await.map_err(error::setting_up)?;
        let version: String = found.try_get(0).map_err(error::setting_up)?;
        set_deadline(connection, Some(timeout), version.contains("MariaDB")).await.map_err(error::setting_up)?;
    }
    for (name, value) in &session.settings {
        let Some((_, statement)) = settings::MYSQL.iter().find(|(known, _)| known == name) else { continue };
        let query = sqlx::query(*statement).bind(settings::number(name, value)?);
        query.execute(&mut *connection).await.map_err(error::setting_up)?;
    }
    Ok(())
}

/// MariaDB ends any statement, MySQL only a SELECT. Zero means no deadline on either.
pub(crate) async fn set_deadline(
    connection: &mut MySqlConnection,
    timeout: Option<Duration>,
    is_mariadb: bool,
) -> Result<(), sqlx::Error> {
    let query = if is_mariadb {
        let seconds = timeout.map_or(0.0, |timeout| timeout.as_secs_f64().clamp(0.001, 31_536_000.0));
        sqlx::query("SET SESSION max_statement_time = ?").bind(seconds)
    } else {
        let milliseconds = timeout.map_or(0, |timeout| timeout.as_millis().clamp(1, u32::MAX.into()) as u64);
        sqlx::query("SET SESSION max_execution_time = ?").bind(milliseconds)
    };
    query.execute(connection).await.map(drop)
}

async fn options(address: &Address) -> Result<MySqlConnectOptions> {
    let ssl_mode = match address.tls {
        TlsPolicy::Verify => MySqlSslMode::VerifyIdentity,
        TlsPolicy::AnyHostName => MySqlSslMode::VerifyCa,
        TlsPolicy::AnyCertificate => MySqlSslMode::Required,
        TlsPolicy::Plaintext => MySqlSslMode::Disabled,
    };
    // The driver's own set-up statement is switched off: it pastes text and adds to the server's `sql_mode`.
    let mut options = MySqlConnectOptions::new()
        .port(address.port)
        .username(&address.user)
        .ssl_mode(ssl_mode)
        .statement_cache_capacity(KEPT_TEXTS + OWN_TEXTS)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .enable_cleartext_plugin(false)
        .disable_statement_logging();
    options = match &address.host {
        Host::Socket(path) => options.socket(path).host("localhost"),
        host => options.host(host.as_str()),
    };
    if let Some(database) = &address.database {
        options = options.database(database);
    }
    let password = address.password.ask().await?;
    // An empty password is none: the driver would send the scramble of an empty text.
    if let Some(password) = password.filter(|password| !password.expose_secret().is_empty()) {
        options = options.password(password.expose_secret());
    }
    if address.tls != TlsPolicy::Plaintext {
        let material = Material::load(address.root.as_ref(), address.client.as_ref()).await?;
        if !material.root.is_empty() {
            options = options.ssl_ca_from_pem(material.root);
        }
        if let Some((certificate, key)) = material.client {
            options =
                options.ssl_client_cert_from_pem(certificate).ssl_client_key_from_pem(key.expose_secret().as_bytes());
        }
    }
    Ok(options)
}
