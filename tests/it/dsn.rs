//! A DSN by its public face: what is refused, what is shown, and that a password is never among it.

use std::error::Error as _;

use portcullis::{Dsn, Error, ErrorKind};
use proptest::prelude::*;

const MARKER: &str = "hunter2MARKER";

/// Everything that an error shows.
fn shown(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{:?}", error.code());
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("\n{cause}\n{cause:?}"));
        source = cause.source();
    }
    text
}

fn refused(text: &str) -> Error {
    match Dsn::parse(text) {
        Ok(dsn) => panic!("{text} was taken as {dsn}"),
        Err(error) => error,
    }
}

#[test]
fn a_dsn_shows_where_it_leads_and_not_the_password() {
    let dsn =
        Dsn::parse(&format!("postgres://rep%40rter:{MARKER}@db.example/sa%20les?application_name={MARKER}")).unwrap();
    assert_eq!(dsn.to_string(), "postgres://rep%40rter@db.example:5432/sa%20les");
    assert_eq!(
        format!("{dsn:?}"),
        r#"Dsn { scheme: "postgres", user: "rep@rter", password: [redacted], host: "db.example", port: 5432, database: Some("sa les"), tls: Verify, .. }"#
    );
    let provided = dsn.with_password_provider(|| async { Ok(MARKER.into()) });
    assert!(format!("{provided:?}").contains("password: [from a provider]"));
    let given = Dsn::parse("mysql://u@h").unwrap().with_password(MARKER);
    assert!(!format!("{given:?} {given:#?} {given}").contains(MARKER));
}

#[test]
fn what_is_shown_parses_again() {
    for text in [
        "postgres://u@h:1/d%2Fe",
        "mysql://u@%2Frun%2Fm.sock:3306",
        "mariadb://u@[::1]:3306/d",
        "sqlite:a%20b",
        "sqlite:///a",
    ] {
        let dsn: Dsn = text.parse().unwrap();
        assert_eq!(dsn.to_string(), text);
        assert_eq!(dsn.to_string().parse::<Dsn>().unwrap().to_string(), text);
    }
}

#[test]
fn a_malformed_dsn_is_refused_and_shows_no_part_of_the_password() {
    for (template, code) in [
        ("", "dsn.empty"),
        ("P", "dsn.scheme"),
        ("u:P@h/d", "dsn.scheme"),
        ("P:u@h/d", "dsn.scheme"),
        ("//u:P@h/d", "dsn.scheme"),
        ("http://u:P@h/d", "dsn.scheme"),
        ("postgre://u:P@h/d", "dsn.scheme"),
        ("postgres:u:P@h/d", "dsn.malformed"),
        ("postgres:/u:P@h/d", "dsn.malformed"),
        ("mysql:u:P@h", "dsn.malformed"),
        ("postgres://u:P@/d", "dsn.host"),
        ("postgres://u:P@:5432/d", "dsn.host"),
        ("postgres:///d?sslmode=P", "dsn.user"),
        ("postgres://:P@h/d", "dsn.user"),
        ("postgres://h/d?sslmode=P", "dsn.user"),
        ("postgres://u:P@h:port/d", "dsn.port"),
        ("postgres://u:P@h:0/d", "dsn.port"),
        ("postgres://u:P@h:65536/d", "dsn.port"),
        ("postgres://u:P@h1,h2/d", "dsn.hosts"),
        ("postgres://u:P@h1:1,h2:2/d", "dsn.hosts"),
        ("mysql://u:P@h_?x/d", "dsn.option"),
        ("postgres://u:P@h x/d", "dsn.character"),
        ("postgres://u:P@h%20x/d", "dsn.host"),
        ("postgres://u:P@hö/d", "dsn.host"),
        ("postgres://u:P@[::zz]/d", "dsn.host"),
        ("postgres://u:P@[::1/d", "dsn.host"),
        ("postgres://u:P@h/d/e", "dsn.character"),
        ("postgres://u:P@h/%00", "dsn.character"),
        ("postgres://u%0A:P@h/d", "dsn.character"),
        ("postgres://u:P%00@h/d", "dsn.character"),
        ("postgres://u:P%@h/d", "dsn.character"),
        ("postgres://u:P%4@h/d", "dsn.character"),
        ("postgres://u:P%zz@h/d", "dsn.character"),
        ("postgres://u:P%ff@h/d", "dsn.character"),
        ("postgres://u:P\n@h/d", "dsn.character"),
        ("postgres://u:P\0@h/d", "dsn.character"),
        (" postgres://u:P@h/d", "dsn.character"),
        ("postgres://u:P@h/d\n", "dsn.character"),
        // A raw special character in the password, which another parser would cut there.
        ("postgres://u:1/P@h/d", "dsn.character"),
        ("postgres://u:1?P@h/d", "dsn.character"),
        ("postgres://u:1#P@h/d", "dsn.character"),
        ("postgres://u:a@P@h/d", "dsn.character"),
        ("postgres://u:a#P@h/d", "dsn.character"),
        ("mysql://u/P@h", "dsn.character"),
        ("sqlite:P#x", "dsn.character"),
        // Options.
        ("postgres://u:P@h/d?", "dsn.option"),
        ("postgres://u:P@h/d?P", "dsn.option"),
        ("postgres://u:P@h/d?P=1", "dsn.option"),
        ("postgres://u:P@h/d?sslmod=P", "dsn.option"),
        ("postgres://u:P@h/d?sslmode=verify-full&", "dsn.option"),
        ("postgres://u:P@h/d?SSLMODE=verify-full", "dsn.option"),
        ("postgres://u:P@h/d?sslmode=verify-full&sslmode=P", "dsn.option"),
        ("postgres://u:P@h/d?application_name=P&application_name=P", "dsn.option"),
        ("postgres://u@h/d?password=P", "dsn.option"),
        ("postgres://u:P@h/d?host=evil.example", "dsn.option"),
        ("postgres://u:P@h/d?HostAddr=1.2.3.4", "dsn.option"),
        ("postgres://u:P@h/d?user=other", "dsn.option"),
        ("postgres://u:P@h/d?dbname=other", "dsn.option"),
        ("postgres://u:P@h/d?port=1", "dsn.option"),
        ("mysql://u:P@h/d?socket=%2Ftmp%2Fx", "dsn.option"),
        ("postgres://u:P@h/d?options=-c%20x=P", "dsn.option"),
        ("postgres://u:P@h/d?options[x]=P", "dsn.option"),
        ("mysql://u:P@h/d?charset=utf8mb4;P", "dsn.option"),
        ("mysql://u:P@h/d?application_name=P", "dsn.option"),
        ("mysql://u:P@h/d?ssl-mode=P", "dsn.option"),
        ("postgres://u:P@h/d?application_name=P%0A", "dsn.option"),
        ("postgres://u:P@h/d?application_name=Pé", "dsn.option"),
        ("postgres://u:P@h/d?application_name=", "dsn.option"),
        ("postgres://u:P@h/d?connect_timeout=P", "dsn.option"),
        ("postgres://u:P@h/d?connect_timeout=0", "dsn.option"),
        ("postgres://u:P@h/d?connect_timeout=%2B5", "dsn.option"),
        ("postgres://u:P@h/d?connect_timeout=3601", "dsn.option"),
        ("postgres://u:P@h/d?sslcert=P", "dsn.option"),
        ("postgres://u:P@h/d?sslkey=P", "dsn.option"),
        ("postgres://u:P@h/d?sslmode=P", "dsn.sslmode"),
        ("postgres://u:P@localhost/d?sslmode=disable&sslrootcert=P", "dsn.sslmode"),
        ("postgres://u:P@%2Frun%2Fpostgresql/d", "dsn.sslmode"),
        ("postgres://u:P@%2Frun%2Fpostgresql/d?sslmode=verify-full", "dsn.sslmode"),
        // SQLite.
        ("sqlite:", "dsn.sqlite_path"),
        ("sqlite://P", "dsn.sqlite_path"),
        ("sqlite://u:P@h/x.db", "dsn.sqlite_path"),
        ("sqlite:file:P?mode=rwc", "dsn.sqlite_path"),
        ("sqlite:FILE:P", "dsn.sqlite_path"),
        ("sqlite:%66ile:P", "dsn.sqlite_path"),
        ("sqlite::P:", "dsn.sqlite_path"),
        ("sqlite:x%00P", "dsn.character"),
        ("sqlite:x?mode=P", "dsn.option"),
        ("sqlite:x?mode=ro", "dsn.option"),
        ("sqlite:x?vfs=P", "dsn.option"),
        ("sqlite:x?immutable=1", "dsn.option"),
    ] {
        let text = template.replace('P', MARKER);
        let error = refused(&text);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Dsn, code), "{template}: {error}");
        assert!(!shown(&error).contains(MARKER), "{template}: {error}");
    }
    let long = format!("postgres://u:{}{MARKER}@h/d", "x".repeat(5000));
    assert_eq!(refused(&long).code(), "dsn.too_long");
}

#[test]
fn modes_that_prove_less_are_refused_with_the_name_of_the_way_out() {
    for (host, mode, way_out) in [
        ("db.example", "disable", "danger::plaintext_to_remote_host"),
        ("10.0.0.1", "disable", "danger::plaintext_to_remote_host"),
        ("localhost.example", "disable", "danger::plaintext_to_remote_host"),
        ("localhost", "prefer", "danger::plaintext_to_remote_host"),
        ("localhost", "allow", "danger::plaintext_to_remote_host"),
        ("localhost", "require", "danger::accept_unverified_certificate"),
        ("db.example", "verify-ca", "danger::skip_host_name_check"),
    ] {
        for scheme in ["postgres", "mysql", "mariadb"] {
            let error = refused(&format!("{scheme}://u:{MARKER}@{host}/d?sslmode={mode}"));
            assert_eq!(error.code(), "dsn.sslmode");
            assert!(error.to_string().contains(way_out), "{mode}: {error}");
        }
    }
    for text in [
        "postgres://u@localhost/d?sslmode=disable",
        "mysql://u@127.0.0.1/d?sslmode=disable",
        "mysql://u@h?sslmode=verify-full",
    ] {
        Dsn::parse(text).unwrap();
    }
}

#[test]
fn an_unknown_option_is_answered_with_the_known_ones() {
    assert_eq!(
        refused("postgres://u@h/d?sslmdoe=disable").to_string(),
        "the DSN has an unknown option; known are `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `connect_timeout`, `application_name`"
    );
    assert_eq!(refused("sqlite:x?cache=shared").to_string(), "the DSN has an unknown option; known are `mode`");
}

#[test]
fn certificates_given_in_memory_are_checked_at_once() {
    let own = rcgen::generate_simple_self_signed(vec!["db.example".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let dsn = || Dsn::parse("postgres://u@db.example/d").unwrap();
    dsn().root_certificate_pem(&certificate).unwrap().client_certificate_pem(&certificate, key.as_str()).unwrap();
    assert_eq!(dsn().root_certificate_pem("").unwrap_err().kind(), ErrorKind::Tls);
    assert_eq!(dsn().root_certificate_pem("no certificate").unwrap_err().kind(), ErrorKind::Tls);
    let error = dsn().client_certificate_pem(&certificate, MARKER).unwrap_err();
    assert_eq!(error.to_string(), "the client key holds no PEM block with a private key");
    let shown = dsn().client_certificate_pem(&certificate, key.as_str()).unwrap();
    assert!(!format!("{shown:#?}").contains("PRIVATE KEY"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The marker stands where a password stands, whatever is around it and in whatever way the text is broken.
    #[test]
    fn a_password_is_in_no_error_and_in_nothing_shown(
        scheme in "(postgres|postgresql|mysql|mariadb|[a-z]{0,8})",
        separator in "(://|:/|:|//|)",
        user in "[a-zA-Z0-9%:/?#\\[\\]!$&'()*+,;= -]{0,8}",
        before in "\\PC{0,6}",
        after in "[ -~]{0,6}",
        tail in "\\PC{0,20}",
    ) {
        let text = format!("{scheme}{separator}{user}:{before}{MARKER}{after}@{tail}");
        match Dsn::parse(&text) {
            Err(error) => prop_assert!(!shown(&error).contains(MARKER), "{text}"),
            Ok(dsn) => prop_assert!(!format!("{dsn} {dsn:?} {dsn:#?}").contains(MARKER), "{text}"),
        }
    }

    /// An error shows no part of any text, wherever in it the marker stands.
    #[test]
    fn an_error_shows_nothing_of_the_text(before in "\\PC{0,30}", after in "\\PC{0,30}", scheme in "(postgres://|mysql://|sqlite:|)") {
        let text = format!("{scheme}{before}{MARKER}{after}");
        if let Err(error) = Dsn::parse(&text) {
            prop_assert!(!shown(&error).contains(MARKER), "{text}");
        }
    }

    /// What is percent-encoded comes back exactly, and what is shown parses to the same.
    #[test]
    fn any_user_and_database_round_trip(user in "[^\\p{Cc}]{1,12}", database in "[^\\p{Cc}]{1,12}") {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let dsn = Dsn::parse(&format!("postgres://{}@h/{}", encode(&user), encode(&database))).unwrap();
        prop_assert_eq!(dsn.user(), Some(user.as_str()));
        prop_assert_eq!(dsn.database_name(), Some(database.as_str()));
        let again = Dsn::parse(&dsn.to_string()).unwrap();
        prop_assert_eq!(again.user(), Some(user.as_str()));
    }
}
