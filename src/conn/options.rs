//! The options that a DSN may carry: a short list for each scheme. Values never appear in a message.

use std::path::PathBuf;
use std::time::Duration;

use super::dsn::{Host, Scheme};
use super::parse::{decode, refuse};
use super::tls::{Certificates, ClientIdentity, Key, TlsPolicy};
use crate::error::{Error, Result};

const POSTGRES: &[&str] = &["sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name"];
const MYSQL: &[&str] = &["sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout"];
const SQLITE: &[&str] = &["mode"];

/// Options that other clients take and that would override the checked part of the DSN.
const OVERRIDES: &[&str] = &["host", "hostaddr", "port", "user", "password", "passfile", "dbname", "service", "socket"];

/// What the options of a server's DSN say.
pub(super) struct Options {
    pub(super) tls: TlsPolicy,
    pub(super) root: Option<Certificates>,
    pub(super) client: Option<ClientIdentity>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) application_name: Option<String>,
}

pub(super) fn server(scheme: Scheme, host: &Host, query: Option<&str>) -> Result<Options> {
    let known = if scheme == Scheme::Postgres { POSTGRES } else { MYSQL };
    let mut options = Given::read(query, known)?;

    let tls = match options.take("sslmode") {
        None => TlsPolicy::Verify,
        Some(mode) => ssl_mode(&mode, host)?,
    };
    if scheme == Scheme::Postgres && matches!(host, Host::Socket(_)) && tls != TlsPolicy::Plaintext {
        return Err(refuse(
            "dsn.sslmode",
            "PostgreSQL has no TLS on a Unix socket: add `sslmode=disable`, which is allowed there",
        ));
    }
    let root = options.take("sslrootcert").map(|path| Certificates::File(PathBuf::from(path)));
    let client = match (options.take("sslcert"), options.take("sslkey")) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(ClientIdentity {
            certificate: Certificates::File(PathBuf::from(certificate)),
            key: Key::File(PathBuf::from(key)),
        }),
        _ => return Err(refuse("dsn.option", "the options `sslcert` and `sslkey` are given together or not at all")),
    };
    if tls == TlsPolicy::Plaintext && (root.is_some() || client.is_some()) {
        return Err(refuse(
            "dsn.sslmode",
            "`sslmode=disable` uses no certificates: leave out `sslrootcert`, `sslcert` and `sslkey`",
        ));
    }
    let connect_timeout = match options.take("connect_timeout") {
        None => None,
        Some(text) => match text.parse::<u16>() {
            Ok(seconds @ 1..=3600) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Duration::from_secs(seconds.into()))
            }
            _ => return Err(refuse("dsn.option", "`connect_timeout` takes whole seconds from 1 to 3600")),
        },
    };
    let application_name = options.take("application_name");
    // PostgreSQL cuts a longer one, and shows `?` for what is not printable ASCII.
    if application_name
        .as_ref()
        .is_some_and(|name| name.len() > 63 || !name.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    {
        return Err(refuse("dsn.option", "`application_name` takes at most 63 printable ASCII characters"));
    }
    Ok(Options { tls, root, client, connect_timeout, application_name })
}

/// Whether the file may be made.
pub(super) fn sqlite(query: Option<&str>) -> Result<bool> {
    match Given::read(query, SQLITE)?.take("mode").as_deref() {
        None | Some("rw") => Ok(false),
        Some("rwc") => Ok(true),
        Some("ro") => Err(refuse("dsn.option", "`mode=ro` is said by the handle: open a read-only one")),
        Some(_) => Err(refuse("dsn.option", "`mode` takes `rw` or `rwc`")),
    }
}

fn ssl_mode(mode: &str, host: &Host) -> Result<TlsPolicy> {
    let message = match mode {
        "verify-full" => return Ok(TlsPolicy::Verify),
        "disable" if host.is_local() => return Ok(TlsPolicy::Plaintext),
        "disable" => {
            "`sslmode=disable` is for loopback hosts and Unix sockets: elsewhere say `danger::plaintext_to_remote_host`"
        }
        "prefer" | "allow" => {
            "this `sslmode` falls back to plaintext: write `verify-full`, or say `danger::plaintext_to_remote_host`"
        }
        "require" => {
            "`sslmode=require` verifies nothing: write `verify-full`, or say `danger::accept_unverified_certificate`"
        }
        "verify-ca" => {
            "`sslmode=verify-ca` takes a certificate of any host: write `verify-full`, or say `danger::skip_host_name_check`"
        }
        _ => "`sslmode` takes `verify-full` or `disable`",
    };
    Err(refuse("dsn.sslmode", message))
}

/// The options as given, each at most once and each known.
struct Given(Vec<(&'static str, String)>);

impl Given {
    fn read(query: Option<&str>, known: &'static [&'static str]) -> Result<Given> {
        let mut given = Given(Vec::new());
        let Some(query) = query else { return Ok(given) };
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').ok_or_else(|| unknown(known))?;
            if let Some(name) = OVERRIDES.iter().find(|name| key.eq_ignore_ascii_case(name)) {
                return Err(refuse(
                    "dsn.option",
                    format!("`{name}` is no option: write `scheme://user:password@host:port/database`"),
                ));
            }
            let name = known.iter().copied().find(|name| *name == key).ok_or_else(|| unknown(known))?;
            if given.0.iter().any(|(earlier, _)| *earlier == name) {
                return Err(refuse("dsn.option", format!("the option `{name}` is given twice")));
            }
            let value = decode(value)?;
            if value.is_empty() || value.chars().any(char::is_control) {
                return Err(refuse("dsn.option", format!("the option `{name}` has no usable value")));
            }
            given.0.push((name, value));
        }
        Ok(given)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let position = self.0.iter().position(|(given, _)| *given == name)?;
        Some(self.0.swap_remove(position).1)
    }
}

/// The unknown name is not shown: it may be the end of a password with a raw `?` in it.
fn unknown(known: &[&str]) -> Error {
    refuse("dsn.option", format!("the DSN has an unknown option; known are `{}`", known.join("`, `")))
}
