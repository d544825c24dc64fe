//! What went wrong while connecting, in our own words.
//!
//! A server's message is never passed on, neither in the text nor as a source: before its certificate is verified it can be
//! anything, and afterwards it may quote data.

use std::io;

use rustls::{CertificateError, Error as TlsError};
use sqlx::error::DatabaseError;

use super::dsn::{Address, Host};
use super::tls::TlsPolicy;
use crate::error::{Error, ErrorKind, Result, show_name};

/// An error while opening the connection and logging in.
pub(super) fn connecting(error: sqlx::Error, address: &Address) -> Error {
    match error {
        sqlx::Error::Io(cause) => io(cause, address),
        sqlx::Error::Tls(cause) => match cause.downcast_ref::<TlsError>() {
            Some(cause) => tls(cause, address),
            // The driver has no type for this case; the others with a text come from certificates we have checked.
            None if cause.to_string().contains("does not support TLS") => Error::new(
                ErrorKind::Tls,
                "connect.no_tls",
                format!(
                    "the server at {} offers no TLS, so no password was sent; TLS is required but for loopback hosts and Unix sockets",
                    place(address)
                ),
            ),
            None => handshake(address),
        },
        sqlx::Error::Database(cause) => refused(&*cause, address),
        // Without TLS the driver can't do the full exchange of `caching_sha2_password`.
        sqlx::Error::Configuration(_) if address.tls == TlsPolicy::Plaintext => Error::new(
            ErrorKind::Auth,
            "connect.auth_needs_tls",
            format!("the server at {} asks for a way of logging in that needs TLS", place(address)),
        ),
        sqlx::Error::Configuration(_) => handshake(address),
        _ => Error::new(
            ErrorKind::Connect,
            "connect.protocol",
            format!("the server at {} doesn't answer in the protocol of this DSN's scheme", place(address)),
        ),
    }
}

/// An error while the new session is being set up.
pub(super) fn setting_up(error: sqlx::Error) -> Error {
    let refused = Error::new(ErrorKind::Connect, "connect.session", "the server refused a setting of the new session");
    match error {
        sqlx::Error::Database(cause) => with_state(refused, &*cause),
        _ => Error::new(ErrorKind::Connect, "connect.closed", "the connection broke while its session was set up"),
    }
}

/// The DSN is for another driver. The caller picks the driver by the DSN, so this doesn't happen.
pub(super) fn address(dsn: &super::Dsn, family: super::Family) -> Result<&Address> {
    dsn.address().filter(|_| dsn.family() == family).ok_or_else(|| {
        Error::new(ErrorKind::Internal, "connect.family", "a DSN was handed to the driver of another database")
    })
}

fn io(cause: io::Error, address: &Address) -> Error {
    if let Some(cause) = cause.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        return tls(cause, address);
    }
    let at = place(address);
    let (kind, code, message) = match cause.kind() {
        io::ErrorKind::InvalidData => return handshake(address),
        io::ErrorKind::TimedOut => {
            (ErrorKind::Timeout, "connect.timeout", format!("the server at {at} did not answer in time"))
        }
        io::ErrorKind::ConnectionRefused => {
            (ErrorKind::Connect, "connect.refused", format!("no server listens at {at}"))
        }
        io::ErrorKind::NotFound => (ErrorKind::Connect, "connect.socket", format!("there is no Unix socket at {at}")),
        io::ErrorKind::PermissionDenied => {
            (ErrorKind::Connect, "connect.socket", format!("this process may not open {at}"))
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            (ErrorKind::Connect, "connect.closed", format!("the server at {at} closed the connection"))
        }
        _ => (ErrorKind::Connect, "connect.unreachable", format!("the server at {at} can't be reached")),
    };
    // What the operating system says of an address or a name holds nothing of the server's.
    Error::new(kind, code, message).with_source(cause)
}

fn tls(cause: &TlsError, address: &Address) -> Error {
    let at = place(address);
    let (code, message) = match cause {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "connect.tls_issuer",
            format!(
                "the certificate of the server at {at} is not signed by a trusted authority; name the file of its root certificate with `sslrootcert`"
            ),
        ),
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => ("connect.tls_name", format!("the certificate of the server at {at} is for another host name")),
        TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("connect.tls_expired", format!("the certificate of the server at {at} has expired"))
        }
        TlsError::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            ("connect.tls_not_yet", format!("the certificate of the server at {at} is not valid yet"))
        }
        TlsError::InvalidCertificate(_) => {
            ("connect.tls_certificate", format!("the certificate of the server at {at} can't be verified"))
        }
        TlsError::AlertReceived(_) => {
            ("connect.tls_alert", format!("the server at {at} refused this client's TLS or certificate"))
        }
        _ => return handshake(address),
    };
    Error::new(ErrorKind::Tls, code, message)
}

fn handshake(address: &Address) -> Error {
    Error::new(ErrorKind::Tls, "connect.tls", format!("the TLS handshake with the server at {} failed", place(address)))
}

fn refused(cause: &dyn DatabaseError, address: &Address) -> Error {
    let state = cause.code().unwrap_or_default();
    let number = mysql_number(cause);
    let error = if number == Some(3159) {
        Error::new(ErrorKind::Tls, "connect.tls_only", format!("the server at {} takes TLS only", place(address)))
    } else if state.starts_with("28") || matches!(number, Some(1044 | 1045 | 1698 | 1820 | 1862 | 3118 | 4151)) {
        Error::new(
            ErrorKind::Auth,
            "connect.auth",
            format!("the server at {} refused the login of {}", place(address), show_name(&address.user)),
        )
    } else if state == "3D000" || number == Some(1049) {
        let name = address.database.as_deref().unwrap_or(&address.user);
        Error::new(ErrorKind::Connect, "connect.database", format!("the server has no database {}", show_name(name)))
    } else if state == "53300" || matches!(number, Some(1040 | 1203)) {
        Error::new(
            ErrorKind::Connect,
            "connect.full",
            format!("the server at {} has no connection left", place(address)),
        )
    } else {
        Error::new(
            ErrorKind::Connect,
            "connect.session",
            format!("the server at {} refused the session", place(address)),
        )
    };
    with_state(error, cause)
}

fn with_state(error: Error, cause: &dyn DatabaseError) -> Error {
    match cause.code() {
        // A state is five letters and digits; anything else a server sends there is not one.
        Some(state) if state.len() == 5 && state.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            error.with_sqlstate(state)
        }
        _ => error,
    }
}

#[cfg(feature = "mysql")]
fn mysql_number(cause: &dyn DatabaseError) -> Option<u16> {
    cause.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
}

#[cfg(not(feature = "mysql"))]
fn mysql_number(_: &dyn DatabaseError) -> Option<u16> {
    None
}

fn place(address: &Address) -> String {
    match &address.host {
        Host::Socket(path) => show_name(path),
        Host::Name(host) => show_name(&format!("{host}:{}", address.port)),
        Host::Ip(ip, _) => show_name(&std::net::SocketAddr::new(*ip, address.port).to_string()),
    }
}
