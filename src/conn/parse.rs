//! From text to [`Dsn`].
//!
//! `url` splits the text; the parts are copied into our own fields and both the text and the `Url` (which prints passwords) are dropped.
//! What is doubtful is refused rather than guessed, because a guess can put a piece of a password where it is shown: a raw
//! `/` in a password would make the rest of it the name of a database.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use url::{ParseError, Url};

use super::dsn::{Address, Dsn, Host, Scheme, SqliteLocation, Target};
use super::options::{self, Options};
use super::secret::Password;
use crate::error::{Error, ErrorKind, Result};

const MAX_LENGTH: usize = 4096;

pub(super) fn parse(text: &str) -> Result<Dsn> {
    if text.is_empty() {
        return Err(refuse("dsn.empty", "the DSN is empty"));
    }
    if text.len() > MAX_LENGTH {
        return Err(refuse("dsn.too_long", "the DSN is longer than 4096 bytes"));
    }
    if text.chars().any(|character| character.is_control() || character.is_whitespace()) {
        return Err(refuse(
            "dsn.character",
            "the DSN holds a space, a line break or a control character: percent-encode it (a space is `%20`)",
        ));
    }
    check_percent_encoding(text)?;
    let (scheme, rest) = split_scheme(text)?;
    if rest.contains('#') {
        return Err(encode_specials());
    }
    match scheme {
        Scheme::Sqlite => sqlite(rest),
        _ => server(scheme, text, rest),
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str)> {
    let unknown = || {
        refuse(
            "dsn.scheme",
            "the DSN must start with `postgres://`, `postgresql://`, `mysql://`, `mariadb://` or `sqlite:`",
        )
    };
    let (scheme, rest) = text.split_once(':').ok_or_else(unknown)?;
    match scheme.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" => Ok((Scheme::Postgres, rest)),
        "mysql" => Ok((Scheme::MySql, rest)),
        "mariadb" => Ok((Scheme::MariaDb, rest)),
        "sqlite" => Ok((Scheme::Sqlite, rest)),
        _ => Err(unknown()),
    }
}

fn server(scheme: Scheme, text: &str, rest: &str) -> Result<Dsn> {
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(refuse("dsn.malformed", format!("`{}:` must be followed by `//` and a host", scheme.name())));
    };
    let (before_query, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let (authority, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    // `url` would take the last `@` for the end of the password and leave the rest in plain sight.
    if authority.matches('@').count() > 1 || path.contains(['@', '/']) || query.is_some_and(|query| query.contains('@'))
    {
        return Err(encode_specials());
    }
    let host_and_port = authority.split_once('@').map_or(authority, |(_, host)| host);
    if host_and_port.contains(',') {
        return Err(refuse("dsn.hosts", "a DSN names one host: make a handle for each server"));
    }

    let url = Url::parse(text).map_err(malformed)?;
    let user = decode(url.username())?;
    if user.is_empty() {
        return Err(refuse("dsn.user", "the DSN names no user: write `user@` before the host"));
    }
    check_shown(&user)?;
    let password = match url.password() {
        Some(password) => Password::Fixed(SecretString::from(without_nul(decode(password)?)?)),
        None => Password::None,
    };
    let host = host(&url)?;
    let port = match url.port() {
        Some(0) => return Err(malformed(ParseError::InvalidPort)),
        Some(port) => port,
        None => scheme.default_port(),
    };
    let database = match path {
        "" => None,
        path => {
            let database = decode(path)?;
            check_shown(&database)?;
            Some(database)
        }
    };
    let Options { tls, root, client, connect_timeout, application_name } = options::server(scheme, &host, query)?;
    let address =
        Address { host, port, user, password, database, tls, root, client, connect_timeout, application_name };
    Ok(Dsn { scheme, target: Target::Server(Arc::new(address)) })
}

pub(super) fn host(url: &Url) -> Result<Host> {
    let missing = || refuse("dsn.host", "the DSN names no host");
    let text = match url.host().ok_or_else(missing)? {
        // A scheme that `url` doesn't know keeps its host as it was written.
        url::Host::Domain(text) => decode(text)?,
        url::Host::Ipv4(address) => return Ok(Host::Ip(IpAddr::V4(address), address.to_string())),
        url::Host::Ipv6(address) => return Ok(Host::Ip(IpAddr::V6(address), address.to_string())),
    };
    if text.is_empty() {
        return Err(missing());
    }
    if text.starts_with('/') {
        check_shown(&text)?;
        return Ok(Host::Socket(text));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(IpAddr::V4(address), text));
    }
    if !text.chars().all(|character| character.is_ascii_alphanumeric() || "-._".contains(character)) {
        return Err(refuse(
            "dsn.host",
            "the host must be a DNS name in ASCII, an IPv4 address, an IPv6 address in brackets or the percent-encoded path of a Unix socket",
        ));
    }
    Ok(Host::Name(text))
}

fn sqlite(rest: &str) -> Result<Dsn> {
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => {
            return Err(refuse(
                "dsn.sqlite_path",
                "an SQLite DSN has no host: write `sqlite:relative/path.db` or `sqlite:///absolute/path.db`",
            ));
        }
        None => path,
    };
    let path = without_nul(decode(path)?)?;
    let create = options::sqlite(query)?;
    let location = if path == ":memory:" {
        SqliteLocation::Memory
    } else if path.is_empty() {
        return Err(refuse("dsn.sqlite_path", "the DSN names no SQLite file: write a path or `sqlite::memory:`"));
    } else if path.starts_with(':') || path.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:")) {
        // SQLite gives both a meaning of its own: `file:` opens a URI with options that we did not check.
        return Err(refuse(
            "dsn.sqlite_path",
            "the path of an SQLite file can't start with `file:` or `:`: put `./` before it if that is its name",
        ));
    } else {
        SqliteLocation::File { path: PathBuf::from(path), create }
    };
    Ok(Dsn { scheme: Scheme::Sqlite, target: Target::Sqlite(location) })
}

pub(super) fn malformed(cause: ParseError) -> Error {
    match cause {
        ParseError::EmptyHost => refuse("dsn.host", "the DSN names no host"),
        ParseError::InvalidPort => refuse(
            "dsn.port",
            "the port must be a number from 1 to 65535, and a `/`, `?`, `#` or `@` in a user name or password must be percent-encoded",
        ),
        ParseError::InvalidIpv6Address => refuse("dsn.host", "the host is not an IPv6 address"),
        _ => refuse("dsn.malformed", "the DSN is malformed: write `scheme://user:password@host:port/database`"),
    }
}

pub(super) fn encode_specials() -> Error {
    refuse(
        "dsn.character",
        "a `/`, `?`, `#` or `@` inside a part of a DSN must be percent-encoded (`%2F`, `%3F`, `%23`, `%40`)",
    )
}

pub(super) fn check_percent_encoding(text: &str) -> Result<()> {
    for (position, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(position + 1..position + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(refuse("dsn.character", "a `%` that is meant as such must be written `%25` in a DSN"));
        }
    }
    Ok(())
}

/// Percent-decodes; a plus sign stays a plus sign.
pub(super) fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(rest.next()), digit(rest.next()));
        match (high, low) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(refuse("dsn.character", "a `%` that is meant as such must be written `%25` in a DSN")),
        }
    }
    String::from_utf8(bytes).map_err(|_| refuse("dsn.character", "a part of the DSN is not UTF-8 when percent-decoded"))
}

/// A NUL ends a string in the wire protocols and in SQLite.
pub(super) fn without_nul(text: String) -> Result<String> {
    if text.contains('\0') { Err(refuse("dsn.character", "a part of the DSN holds a NUL")) } else { Ok(text) }
}

pub(super) fn check_shown(text: &str) -> Result<()> {
    if text.chars().any(char::is_control) {
        return Err(refuse("dsn.character", "a part of the DSN holds a control character"));
    }
    Ok(())
}

pub(super) fn refuse(code: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Dsn, code, message)
}
