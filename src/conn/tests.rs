//! What the parser makes of a DSN, in the fields that are not public.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::dsn::{Dsn, Family, Host, SqliteLocation};
use super::secret::Password;
use super::tls::TlsPolicy;
use crate::danger;

fn password(dsn: &Dsn) -> Option<String> {
    match &dsn.address().unwrap().password {
        Password::Fixed(secret) => Some(secret.expose_secret().to_owned()),
        _ => None,
    }
}

fn tls(dsn: &Dsn) -> TlsPolicy {
    dsn.address().unwrap().tls
}

#[test]
fn every_part_is_percent_decoded_once() {
    let dsn = Dsn::parse("postgres://us%40er:p%2F%40%3A%25%2541+%20%C3%A9@db.example:6000/sa%2Fles").unwrap();
    assert_eq!(dsn.user(), Some("us@er"));
    assert_eq!(password(&dsn).as_deref(), Some("p/@:%%41+ é"));
    assert_eq!((dsn.host(), dsn.port(), dsn.database_name()), (Some("db.example"), Some(6000), Some("sa/les")));
    assert_eq!(dsn.family(), Family::Postgres);
}

#[test]
fn a_password_may_be_missing_empty_or_hold_a_colon() {
    assert_eq!(password(&Dsn::parse("mysql://u@h").unwrap()), None);
    assert_eq!(password(&Dsn::parse("mysql://u:a:b@h").unwrap()).as_deref(), Some("a:b"));
    // `url` doesn't tell an empty password from none, and to a server they are the same.
    assert_eq!(password(&Dsn::parse("mysql://u:@h").unwrap()), None);
}

#[test]
fn with_password_replaces_the_one_in_the_text() {
    let dsn = Dsn::parse("postgres://u:old@h/d").unwrap().with_password("new");
    assert_eq!(password(&dsn).as_deref(), Some("new"));
}

#[test]
fn ports_default_by_scheme() {
    for (text, port) in
        [("postgresql://u@h", 5432), ("mysql://u@h", 3306), ("mariadb://u@h", 3306), ("mysql://u@h:1", 1)]
    {
        assert_eq!(Dsn::parse(text).unwrap().port(), Some(port), "{text}");
    }
}

#[test]
fn addresses_and_sockets_are_hosts() {
    let v6 = Dsn::parse("postgres://u@[::1]:5433/d?sslmode=disable").unwrap();
    assert_eq!((v6.host(), v6.port()), (Some("::1"), Some(5433)));
    assert_eq!(v6.to_string(), "postgres://u@[::1]:5433/d");
    let socket = Dsn::parse("postgres://u@%2Frun%2Fpostgresql/d?sslmode=disable").unwrap();
    assert!(matches!(&socket.address().unwrap().host, Host::Socket(path) if path == "/run/postgresql"));
    let socket = Dsn::parse("mysql://u@%2Frun%2Fmysqld.sock/d").unwrap();
    assert_eq!((socket.host(), tls(&socket)), (Some("/run/mysqld.sock"), TlsPolicy::Verify));
}

#[test]
fn tls_is_verified_unless_a_loopback_dsn_or_danger_says_otherwise() {
    for text in
        ["postgres://u@h/d", "mysql://u@h/d", "postgres://u@localhost/d", "mysql://u@127.0.0.1/d?sslmode=verify-full"]
    {
        assert_eq!(tls(&Dsn::parse(text).unwrap()), TlsPolicy::Verify, "{text}");
    }
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]", "%2Frun%2Fpg"] {
        let dsn = Dsn::parse(&format!("postgres://u@{host}/d?sslmode=disable")).unwrap();
        assert_eq!(tls(&dsn), TlsPolicy::Plaintext, "{host}");
    }
    let remote = || Dsn::parse("postgres://u@db.example/d").unwrap();
    assert_eq!(tls(&danger::accept_unverified_certificate(remote())), TlsPolicy::AnyCertificate);
    assert_eq!(tls(&danger::skip_host_name_check(remote())), TlsPolicy::AnyHostName);
    assert_eq!(tls(&danger::plaintext_to_remote_host(remote())), TlsPolicy::Plaintext);
}

#[test]
fn options_are_kept_in_their_fields() {
    let dsn = Dsn::parse(
        "postgres://u@h/d?sslmode=verify-full&sslrootcert=%2Fca.pem&sslcert=c.pem&sslkey=k.pem&connect_timeout=7&application_name=a+b%20c",
    )
    .unwrap();
    let address = dsn.address().unwrap();
    assert!(address.root.is_some() && address.client.is_some());
    assert_eq!(address.connect_limit(Duration::from_secs(9)), Duration::from_secs(7));
    assert_eq!(address.connect_limit(Duration::from_secs(2)), Duration::from_secs(2));
    assert_eq!(address.application_name.as_deref(), Some("a+b c"));
}

#[test]
fn sqlite_paths_are_relative_absolute_or_memory() {
    let file = |path: &str, create| Some(SqliteLocation::File { path: PathBuf::from(path), create });
    for (text, expected) in [
        ("sqlite::memory:", Some(SqliteLocation::Memory)),
        ("sqlite:data/a.db", file("data/a.db", false)),
        ("sqlite:///var/a.db", file("/var/a.db", false)),
        ("sqlite:/var/a.db?mode=rwc", file("/var/a.db", true)),
        ("sqlite:a%20b%3Fc%23.db?mode=rw", file("a b?c#.db", false)),
        ("sqlite:./file:a", file("./file:a", false)),
        ("sqlite:a@b.db", file("a@b.db", false)),
    ] {
        assert_eq!(Dsn::parse(text).unwrap().sqlite_path(), expected.as_ref(), "{text}");
    }
    let shown = Dsn::parse("sqlite:///var/a%20b.db").unwrap();
    assert_eq!((shown.to_string().as_str(), shown.host(), shown.user()), ("sqlite:///var/a%20b.db", None, None));
}

#[tokio::test]
async fn a_provider_is_asked_each_time_and_its_error_is_wrapped() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    let asked = Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let dsn = Dsn::parse("postgres://u:old@h/d").unwrap().with_password_provider(move || {
        let turn = counter.fetch_add(1, Ordering::Relaxed);
        async move {
            match turn {
                2 => Err(crate::Error::refused("the vault is sealed")),
                turn => Ok(crate::SecretString::from(format!("turn {turn}"))),
            }
        }
    });
    let password = &dsn.address().unwrap().password;
    for turn in 0..2 {
        assert_eq!(password.ask().await.unwrap().unwrap().expose_secret(), format!("turn {turn}"));
    }
    let error = password.ask().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (crate::ErrorKind::Auth, "connect.secret"));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the vault is sealed");
}
