//! No password leaves before the server has been proved.
//!
//! The servers here are made by the tests, so that they can break the rules that real ones keep.

mod authority;
mod environment;
mod fake;
mod real;

use std::io::Write;

use portcullis::{Database, Dsn, Error, ErrorKind, ReadOnly, danger};

use self::authority::{Authority, Leaf};
use self::fake::{Fake, Heard};

const PASSWORD: &str = "hunter2MARKER";
const USER: &str = "reporterMARKER";

/// What a DSN demands of the server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Demand {
    Default,
    SkipHostName,
    AcceptUnverified,
    Plaintext,
}

impl Demand {
    fn on(self, dsn: Dsn) -> Dsn {
        match self {
            Default => dsn,
            SkipHostName => danger::skip_host_name_check(dsn),
            AcceptUnverified => danger::accept_unverified_certificate(dsn),
            Plaintext => danger::plaintext_to_remote_host(dsn),
        }
    }
}

use Demand::{AcceptUnverified, Default, Plaintext, SkipHostName};

const WITH_TLS: [Demand; 3] = [Default, SkipHostName, AcceptUnverified];

fn dsn(scheme: &str, host: &str, port: u16, demand: Demand) -> Dsn {
    demand.on(Dsn::parse(&format!("{scheme}://{USER}:{PASSWORD}@{host}:{port}/sales?connect_timeout=5")).unwrap())
}

async fn open(dsn: &Dsn) -> Result<(), Error> {
    Database::<ReadOnly>::open(dsn.clone()).await.map(drop)
}

async fn refused(dsn: &Dsn) -> Error {
    let error = open(dsn).await.expect_err("no session can be opened with a fake server");
    for secret in [PASSWORD, "quoted by the server"] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    error
}

/// After what the protocol says before TLS there is a TLS record or nothing, and neither name nor password in it.
fn nothing_but_tls(heard: &Heard, before: usize, at: &str) {
    assert!(!heard.holds(PASSWORD) && !heard.holds(USER), "{at}");
    let after = heard.plain.get(before..).unwrap_or_default();
    assert!(after.is_empty() || after.starts_with(&[0x16, 0x03]), "{at}: {after:02x?}");
}

#[tokio::test]
async fn a_postgres_server_that_strips_tls_gets_the_ssl_request_and_nothing_else() {
    let mut refuses_and_asks = b"N".to_vec();
    refuses_and_asks.extend(fake::ASK_CLEARTEXT);
    for (name, answer, kind) in [
        ("refuses", b"N".to_vec(), ErrorKind::Tls),
        ("refuses and asks at once", refuses_and_asks, ErrorKind::Tls),
        ("asks without an answer", fake::ASK_CLEARTEXT.to_vec(), ErrorKind::Connect),
        ("an error", fake::postgres_error("quoted by the server"), ErrorKind::Connect),
        ("noise", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), ErrorKind::Connect),
    ] {
        for demand in WITH_TLS {
            let server = Fake::start(fake::after_ssl_request(answer.clone()));
            let error = refused(&dsn("postgres", "127.0.0.1", server.port, demand)).await;
            assert_eq!(error.kind(), kind, "{name} {demand:?}: {error:?}");
            assert_eq!(server.heard().plain, fake::SSL_REQUEST, "{name} {demand:?}");
        }
    }
}

#[tokio::test]
async fn bytes_that_a_postgres_server_sends_before_tls_are_not_taken_for_its_answer() {
    let mut early = b"S".to_vec();
    early.extend(fake::ASK_CLEARTEXT);
    for demand in WITH_TLS {
        let server = Fake::start(fake::after_ssl_request(early.clone()));
        let error = refused(&dsn("postgres", "127.0.0.1", server.port, demand)).await;
        assert_eq!(error.kind(), ErrorKind::Tls, "{demand:?}: {error:?}");
        let heard = server.heard();
        assert!(heard.plain.starts_with(&fake::SSL_REQUEST));
        nothing_but_tls(&heard, 8, &format!("{demand:?}"));
    }
}

#[tokio::test]
async fn a_mysql_server_that_strips_tls_hears_nothing() {
    let mut asks_at_once = fake::greeting(false);
    asks_at_once.extend(fake::ask_clear_password(1));
    for (name, answer, kind) in [
        ("no capability", fake::greeting(false), ErrorKind::Tls),
        ("no capability and asks at once", asks_at_once, ErrorKind::Tls),
        ("an error", fake::mysql_error(0, "quoted by the server"), ErrorKind::Auth),
        ("a greeting cut short", vec![1, 0, 0, 0, 10], ErrorKind::Connect),
        ("an empty greeting", vec![0, 0, 0, 0], ErrorKind::Connect),
    ] {
        for demand in WITH_TLS {
            let server = Fake::start(fake::say(answer.clone()));
            let error = refused(&dsn("mysql", "127.0.0.1", server.port, demand)).await;
            assert_eq!(error.kind(), kind, "{name} {demand:?}: {error:?}");
            assert_eq!(server.heard().plain, [0; 0], "{name} {demand:?}");
        }
    }
}

#[tokio::test]
async fn bytes_that_a_mysql_server_sends_before_tls_are_not_taken_for_its_answer() {
    for demand in WITH_TLS {
        let server = Fake::start(|stream, heard| {
            let mut early = fake::greeting(true);
            early.extend(fake::ask_clear_password(2));
            stream.write_all(&early)?;
            fake::listen(stream, heard)?;
            stream.write_all(&fake::ask_clear_password(2))?;
            fake::listen_to_end(stream, heard)
        });
        let error = refused(&dsn("mariadb", "127.0.0.1", server.port, demand)).await;
        assert_eq!(error.kind(), ErrorKind::Tls, "{demand:?}: {error:?}");
        let heard = server.heard();
        // An SSLRequest packet is a header of 4 bytes and a body of 32, with no name in it.
        assert_eq!(heard.plain.get(..4), Some(&[32, 0, 0, 1][..]));
        nothing_but_tls(&heard, 36, &format!("{demand:?}"));
    }
}

/// The twin of the tests above: the recorder does hear a password when plaintext is asked for by name.
#[tokio::test]
async fn plaintext_sends_the_password_only_when_it_is_asked_for_by_name() {
    let server = Fake::start(|stream, heard| {
        fake::listen(stream, heard)?;
        stream.write_all(&fake::ASK_CLEARTEXT)?;
        fake::listen(stream, heard)?;
        stream.write_all(&fake::postgres_error("quoted by the server"))?;
        fake::listen_to_end(stream, heard)
    });
    let error = refused(&dsn("postgres", "127.0.0.1", server.port, Plaintext)).await;
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::Auth, Some("28P01")));
    assert!(server.heard().holds(PASSWORD));

    let server = Fake::start(|stream, heard| {
        stream.write_all(&fake::greeting(false))?;
        fake::listen(stream, heard)?;
        stream.write_all(&fake::mysql_error(2, "quoted by the server"))?;
        fake::listen_to_end(stream, heard)
    });
    let error = refused(&dsn("mysql", "127.0.0.1", server.port, Plaintext)).await;
    assert_eq!((error.kind(), error.sqlstate()), (ErrorKind::Auth, Some("28000")));
    assert!(server.heard().holds(USER));
}

/// Even in plaintext a MySQL server can't ask for the password as it is.
#[tokio::test]
async fn a_mysql_server_cannot_ask_for_the_bare_password() {
    let server = Fake::start(|stream, heard| {
        stream.write_all(&fake::greeting(false))?;
        fake::listen(stream, heard)?;
        stream.write_all(&fake::ask_clear_password(2))?;
        fake::listen_to_end(stream, heard)
    });
    refused(&dsn("mysql", "127.0.0.1", server.port, Plaintext)).await;
    let heard = server.heard();
    assert!(heard.holds(USER) && !heard.holds(PASSWORD));
}

#[tokio::test]
async fn a_server_that_falls_silent_ends_in_a_timeout() {
    let server = Fake::start(|stream, heard| {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(4)))?;
        fake::listen_to_end(stream, heard)
    });
    let text = format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{}/sales?connect_timeout=1", server.port);
    let error = refused(&Dsn::parse(&text).unwrap()).await;
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "connect.timeout"));
    assert_eq!(server.heard().plain, fake::SSL_REQUEST);
}

#[tokio::test]
async fn nobody_listening_is_a_connect_error_that_names_the_place() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let error = refused(&dsn(scheme, "127.0.0.1", port, Default)).await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Connect, "connect.refused"));
        assert!(error.to_string().contains(&format!("`127.0.0.1:{port}`")), "{error}");
    }
}

/// Which demand goes through which certificate: a login that was refused is one that was sent.
#[tokio::test]
async fn the_login_is_sent_only_to_a_server_whose_certificate_meets_the_demand() {
    let ours = Authority::new("ours");
    let other = Authority::new("another");
    struct Case {
        name: &'static str,
        leaf: Leaf,
        host: &'static str,
        code: &'static str,
        passes: &'static [Demand],
    }
    let case = |name, leaf, host, code, passes| Case { name, leaf, host, code, passes };
    let cases = [
        case("right, by name", ours.server("localhost"), "localhost", "", &WITH_TLS[..]),
        case("right, by address", ours.server("127.0.0.1"), "127.0.0.1", "", &WITH_TLS[..]),
        case(
            "another host",
            ours.server("db.example"),
            "localhost",
            "connect.tls_name",
            &[SkipHostName, AcceptUnverified],
        ),
        case("unknown authority", other.server("localhost"), "localhost", "connect.tls_issuer", &[AcceptUnverified]),
        case("expired", ours.expired_server("localhost"), "localhost", "connect.tls_expired", &[AcceptUnverified]),
    ];
    for scheme in ["postgres", "mariadb"] {
        for case in &cases {
            for demand in WITH_TLS {
                let at = format!("{scheme}, {}, {demand:?}", case.name);
                let server = start(scheme, &case.leaf, None);
                let dsn = dsn(scheme, case.host, server.port, demand).root_certificate_pem(ours.pem()).unwrap();
                let error = refused(&dsn).await;
                let heard = server.heard();
                if case.passes.contains(&demand) {
                    assert_eq!(error.kind(), ErrorKind::Auth, "{at}: {error:?}");
                    assert!(heard.holds(USER), "{at}");
                    assert!(scheme != "postgres" || heard.holds(PASSWORD), "{at}");
                } else {
                    assert_eq!((error.kind(), error.code()), (ErrorKind::Tls, case.code), "{at}: {error:?}");
                    assert!(heard.inside.is_empty() && !heard.holds(USER), "{at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn without_a_root_of_its_own_a_private_authority_is_unknown() {
    let ours = Authority::new("ours");
    for scheme in ["postgres", "mariadb"] {
        let server = start(scheme, &ours.server("localhost"), None);
        let error = refused(&dsn(scheme, "localhost", server.port, Default)).await;
        assert_eq!(error.code(), "connect.tls_issuer", "{error:?}");
        assert!(server.heard().inside.is_empty());
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_server_that_asks_for_one() {
    let ours = Authority::new("ours");
    let clients = Authority::new("clients");
    for scheme in ["postgres", "mariadb"] {
        let base = |port| dsn(scheme, "localhost", port, Default).root_certificate_pem(ours.pem()).unwrap();
        for (name, leaf, passes) in [
            ("none", None, false),
            ("right", Some(clients.client("reporter")), true),
            ("of another authority", Some(ours.client("reporter")), false),
        ] {
            let server = start(scheme, &ours.server("localhost"), Some(&clients));
            let dsn = match leaf {
                None => base(server.port),
                Some(leaf) => base(server.port).client_certificate_pem(leaf.certificate, leaf.key).unwrap(),
            };
            let error = refused(&dsn).await;
            assert_eq!(server.heard().handshake_done, passes, "{scheme}, {name}: {error:?}");
            assert_eq!(error.kind() == ErrorKind::Auth, passes, "{scheme}, {name}: {error:?}");
        }
    }
}

/// The same from files, which are read for each connection: a missing or garbled one is an error before anything is sent.
#[tokio::test]
async fn certificate_files_are_read_and_checked_for_each_connection() {
    let ours = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.pem");
    let encoded = path.to_str().unwrap().replace('/', "%2F");
    let with_root = |port| {
        let options = format!("connect_timeout=5&sslrootcert={encoded}");
        Dsn::parse(&format!("postgres://{USER}:{PASSWORD}@localhost:{port}/sales?{options}")).unwrap()
    };
    assert_eq!(refused(&with_root(1)).await.code(), "tls.file");
    std::fs::write(&path, "garbage").unwrap();
    assert_eq!(refused(&with_root(1)).await.code(), "tls.pem");
    std::fs::write(&path, ours.pem()).unwrap();
    let server = start("postgres", &ours.server("localhost"), None);
    assert_eq!(refused(&with_root(server.port)).await.kind(), ErrorKind::Auth);
    assert!(server.heard().holds(PASSWORD));
}

fn start(scheme: &str, leaf: &Leaf, clients: Option<&Authority>) -> Fake {
    if scheme == "postgres" { fake::postgres_with_tls(leaf, clients) } else { fake::mysql_with_tls(leaf, clients) }
}
