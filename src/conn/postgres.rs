//! Opens a PostgreSQL session.

use std::time::Duration;

use secrecy::ExposeSecret;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::dsn::{Address, Dsn, Family, Host};
use super::tls::{Material, TlsPolicy};
use super::{error, limit, settings};
use crate::db::driver::Session;
use crate::error::{Error, ErrorKind, Result};

/// Opens a session, proves the server, logs in and sets the session up, all within the connect timeout.
pub(crate) async fn connect(dsn: &Dsn, session: &Session) -> Result<PgConnection> {
    let address = error::address(dsn, Family::Postgres)?;
    settings::check(Family::Postgres, &session.settings)?;
    limit::within(address.connect_limit(session.connect_timeout), async {
        let options = options(address, session).await?;
        let mut connection = options.connect().await.map_err(|cause| error::connecting(cause, address))?;
        set_up(&mut connection, session).await?;
        Ok(connection)
    })
    .await
}

/// Tells the session what it was asked to be. To be called again after `RESET ALL`, which brings back the start-up settings
/// only.
///
/// The read-only switch and the deadline are start-up settings too; they are said again because a connection pooler may drop
/// start-up settings without a word.
pub(crate) async fn set_up(connection: &mut PgConnection, session: &Session) -> Result<()> {
    let mut wanted = startup_settings(session);
    // SQL: ends the statement of a client that has gone; from PostgreSQL 14, and an unknown start-up setting is fatal before.
    if connection.server_version_num().is_some_and(|version| version >= 140_000) && cfg!(target_os = "linux") {
        wanted.push(("client_connection_check_interval".to_owned(), "500ms".to_owned()));
    }
    wanted.extend(session.settings.iter().cloned());
    let (names, values): (Vec<String>, Vec<String>) = wanted.into_iter().unzip();
    sqlx::query("SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS wanted(name, value)")
        .bind(names)
        .bind(values)
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(error::setting_up)
}

fn startup_settings(session: &Session) -> Vec<(String, String)> {
    // Text forms that the guard and the decoder count on, whatever the role's or the database's own defaults are; and no
    // notices, because the driver logs them and they may quote data.
    let mut settings = vec![
        ("standard_conforming_strings", "on".to_owned()),
        ("IntervalStyle", "postgres".to_owned()),
        ("bytea_output", "hex".to_owned()),
        ("client_min_messages", "error".to_owned()),
    ];
    if session.read_only {
        settings.push(("default_transaction_read_only", "on".to_owned()));
    }
    if let Some(timeout) = session.statement_timeout {
        settings.push(("statement_timeout", milliseconds(timeout)));
    }
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A time as the server's settings take it. Zero would mean no deadline.
pub(crate) fn milliseconds(timeout: Duration) -> String {
    format!("{}ms", timeout.as_millis().clamp(1, i32::MAX as u128))
}

/// Every field that the driver fills from the environment is overwritten; what it can't forget is refused.
async fn options(address: &Address, session: &Session) -> Result<PgConnectOptions> {
    let mut options = PgConnectOptions::new_without_pgpass();
    if options.get_options().is_some_and(|inherited| !inherited.is_empty()) {
        return Err(environment("PGOPTIONS"));
    }
    let ssl_mode = match address.tls {
        TlsPolicy::Verify => PgSslMode::VerifyFull,
        TlsPolicy::AnyHostName => PgSslMode::VerifyCa,
        TlsPolicy::AnyCertificate => PgSslMode::Require,
        TlsPolicy::Plaintext => PgSslMode::Disable,
    };
    let password = address.password.ask().await?;
    options = options
        .host(address.host.as_str())
        .port(address.port)
        .username(&address.user)
        .password(password.as_ref().map_or("", |password| password.expose_secret()))
        // The server's own default when there is none.
        .database(address.database.as_deref().unwrap_or(&address.user))
        .application_name(address.application_name.as_deref().unwrap_or("portcullis"))
        .ssl_mode(ssl_mode)
        .statement_cache_capacity(100)
        .extra_float_digits(2)
        .options(startup_settings(session))
        .disable_statement_logging();
    if let Host::Socket(directory) = &address.host {
        options = options.socket(directory);
    }
    if address.tls != TlsPolicy::Plaintext {
        let material = Material::load(address.root.as_ref(), address.client.as_ref()).await?;
        // An empty PEM is no root: it takes the place of one from the environment.
        options = options.ssl_root_cert_from_pem(material.root);
        match material.client {
            Some((certificate, key)) => {
                options = options
                    .ssl_client_cert_from_pem(certificate)
                    .ssl_client_key_from_pem(key.expose_secret().as_bytes());
            }
            None => {
                for name in ["PGSSLCERT", "PGSSLKEY"] {
                    if std::env::var_os(name).is_some() {
                        return Err(environment(name));
                    }
                }
            }
        }
    }
    Ok(options)
}

fn environment(name: &'static str) -> Error {
    Error::new(
        ErrorKind::Connect,
        "connect.environment",
        format!("unset the environment variable `{name}`: the driver would take it up and can't be told not to"),
    )
}
