//! The same table on real servers, where a session really opens.

use std::time::Duration;

use portcullis::{Database, DatabaseBuilder, Dialect, Dsn, Error, ErrorKind, Mode, ReadOnly, SecretString, col};

use super::Demand::{self, AcceptUnverified, Default, Plaintext, SkipHostName};
use crate::support::{
    CERTIFICATE_ROLE, Pair, READ_ONLY_ROLE, Server, Tls, certificates, mariadb, mariadb_with, postgres, postgres_with,
};

const ALL: [Demand; 4] = [Default, SkipHostName, AcceptUnverified, Plaintext];

fn with(tls: Tls) -> impl Iterator<Item = &'static Server> {
    [postgres_with(tls), mariadb_with(tls)].into_iter().flatten()
}

fn running() -> impl Iterator<Item = &'static Server> {
    [postgres(), mariadb()].into_iter().flatten()
}

fn dsn(server: &Server, role: &str, database: &str, root: &str, demand: Demand) -> Dsn {
    let text = server.dsn_at("localhost", server.port, role, database, "connect_timeout=20");
    demand.on(Dsn::parse(&text).unwrap().root_certificate_pem(root).unwrap())
}

async fn open(dsn: &Dsn) -> Result<(), Error> {
    Database::<ReadOnly>::open(dsn.clone()).await.map(drop)
}

#[tokio::test]
async fn a_session_opens_on_a_real_server_only_where_its_certificate_meets_the_demand() {
    let (ca, other) = (certificates().ca.as_str(), certificates().other_ca.as_str());
    for (name, tls, root, code, passes) in [
        ("right", Tls::Verified, ca, "connect.auth", &[Default, SkipHostName, AcceptUnverified][..]),
        ("plaintext server", Tls::Off, ca, "connect.no_tls", &[Plaintext]),
        ("unknown authority", Tls::Verified, other, "connect.tls_issuer", &[AcceptUnverified]),
        ("wrong host", Tls::WrongHost, ca, "connect.tls_name", &[SkipHostName, AcceptUnverified]),
        ("expired", Tls::Expired, ca, "connect.tls_expired", &[AcceptUnverified]),
    ] {
        for server in with(tls) {
            // The administrator can't reach every one of these servers to make a database.
            let database = if server.dialect == Dialect::Postgres { "postgres" } else { "" };
            for demand in ALL {
                let at = format!("{}, {name}, {demand:?}", server.dialect);
                let opened = open(&dsn(server, READ_ONLY_ROLE, database, root, demand)).await;
                match opened {
                    Ok(()) => assert!(passes.contains(&demand), "{at}: a session opened"),
                    Err(error) => {
                        assert!(!passes.contains(&demand), "{at}: {error:?}");
                        // A server that takes TLS only answers plaintext as it does a wrong password.
                        let expected = if demand == Plaintext { "connect.auth" } else { code };
                        assert_eq!(error.code(), expected, "{at}: {error:?}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_certificate_opens_a_session_that_demands_one() {
    let made = certificates();
    for server in running() {
        let database = server.create_database().await;
        for demand in [Default, SkipHostName, AcceptUnverified] {
            let open_with = async |pair: Option<&Pair>| {
                let dsn = dsn(server, CERTIFICATE_ROLE, &database, &made.ca, demand);
                let dsn = match pair {
                    None => dsn,
                    Some(pair) => dsn.client_certificate_pem(&pair.certificate, pair.key.as_str()).unwrap(),
                };
                open(&dsn).await
            };
            let at = format!("{}, {demand:?}", server.dialect);
            open_with(Some(&made.client)).await.unwrap_or_else(|error| panic!("{at}: {error:?}"));
            assert_eq!(open_with(None).await.unwrap_err().kind(), ErrorKind::Auth, "{at}");
            let other = open_with(Some(&made.other_client)).await.unwrap_err();
            assert_eq!(other.kind(), ErrorKind::Tls, "{at}: {other:?}");
        }
    }
}

#[tokio::test]
async fn loopback_by_address_is_verified_against_the_address() {
    for server in running() {
        let database = server.create_database().await;
        let text = server.dsn_at("127.0.0.1", server.port, READ_ONLY_ROLE, &database, "");
        open(&Dsn::parse(&text).unwrap().root_certificate_pem(&certificates().ca).unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_unix_socket_opens_where_the_dsn_says_so() {
    for server in running() {
        let database = server.create_database().await;
        let socket = match server.dialect {
            Dialect::Postgres => server.folder.clone(),
            _ => server.folder.join("mariadb.sock"),
        };
        let host = socket.display().to_string().replace('/', "%2F");
        let text = server.dsn_at(&host, server.port, READ_ONLY_ROLE, &database, "sslmode=disable");
        open(&Dsn::parse(&text).unwrap()).await.unwrap_or_else(|error| panic!("{}: {error:?}", server.dialect));
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_database_are_told_apart() {
    for server in running() {
        let right = |database| dsn(server, READ_ONLY_ROLE, database, &certificates().ca, Default);
        let database = server.create_database().await;
        let wrong = open(&right(&database).with_password("hunter2MARKER")).await.unwrap_err();
        let state = if server.dialect == Dialect::Postgres { "28P01" } else { "28000" };
        assert_eq!((wrong.kind(), wrong.sqlstate()), (ErrorKind::Auth, Some(state)));
        assert!(!format!("{wrong:?}").contains("MARKER"));
        let missing = open(&right("t_nowhere")).await.unwrap_err();
        assert_eq!((missing.kind(), missing.code()), (ErrorKind::Connect, "connect.database"), "{missing:?}");
    }
}

/// The password of a role changes; what a provider gives is taken up by the next connection, without a new DSN.
#[tokio::test]
async fn a_rotated_password_is_asked_for_again() {
    use std::sync::{Arc, Mutex};
    for server in running() {
        let database = server.create_database().await;
        let role = format!("rotating_{database}");
        let is_postgres = server.dialect == Dialect::Postgres;
        let (create, alter) = if is_postgres {
            (format!("CREATE ROLE {role} LOGIN PASSWORD 'one'"), format!("ALTER ROLE {role} PASSWORD 'two'"))
        } else {
            (
                format!("CREATE USER '{role}'@'%' IDENTIFIED BY 'one'"),
                format!("ALTER USER '{role}'@'%' IDENTIFIED BY 'two'"),
            )
        };
        server.execute(&database, &[&create]).await;
        if !is_postgres {
            server.execute(&database, &[&format!("GRANT SELECT ON `{database}`.* TO '{role}'@'%'")]).await;
        }
        let vault = Arc::new(Mutex::new("one"));
        let behind = vault.clone();
        let text =
            format!("{}://{role}@localhost:{}/{database}", if is_postgres { "postgres" } else { "mysql" }, server.port);
        let dsn = Dsn::parse(&text).unwrap().root_certificate_pem(&certificates().ca).unwrap().with_password_provider(
            move || {
                let now = SecretString::from(*behind.lock().unwrap());
                async move { Ok(now) }
            },
        );
        open(&dsn).await.unwrap();
        server.execute(&database, &[&alter]).await;
        assert_eq!(open(&dsn).await.unwrap_err().kind(), ErrorKind::Auth);
        *vault.lock().unwrap() = "two";
        open(&dsn).await.unwrap();
    }
}

fn with_settings(builder: DatabaseBuilder, settings: &[(&str, &str)]) -> DatabaseBuilder {
    settings.iter().fold(builder, |builder, (name, value)| builder.setting(name, value))
}

/// A setting as the handle's own session sees it, through a view over the server's settings.
async fn setting<M: Mode>(db: &Database<M>, name: &str) -> Option<String> {
    let row = db.table("settings").where_(col("name").eq(name)).select("value").optional().await.unwrap();
    row.map(|row| row.try_get("value").unwrap())
}

#[tokio::test]
async fn a_session_is_set_as_the_handle_asks() {
    for server in running() {
        let database = server.create_database().await;
        let view = match server.dialect {
            Dialect::Postgres => "CREATE VIEW settings AS SELECT name, setting AS value FROM pg_settings",
            _ => {
                "CREATE SQL SECURITY INVOKER VIEW settings AS SELECT LOWER(VARIABLE_NAME) AS name, \
                 CAST(VARIABLE_VALUE AS CHAR) AS value FROM information_schema.SESSION_VARIABLES"
            }
        };
        server.execute(&database, &[view]).await;
        let dsn = dsn(server, READ_ONLY_ROLE, &database, &certificates().ca, Default);
        let expected: &[(&str, &str)] = match server.dialect {
            Dialect::Postgres => &[
                ("default_transaction_read_only", "on"),
                ("transaction_read_only", "on"),
                ("statement_timeout", "2500"),
                ("client_connection_check_interval", "500"),
                ("TimeZone", "UTC"),
                ("DateStyle", "ISO, MDY"),
                ("IntervalStyle", "postgres"),
                ("standard_conforming_strings", "on"),
                ("bytea_output", "hex"),
                ("client_min_messages", "error"),
                ("application_name", "reports; it's"),
                ("lock_timeout", "3000"),
            ],
            _ => &[
                ("tx_read_only", "ON"),
                ("max_statement_time", "2.500000"),
                ("time_zone", "+00:00"),
                ("character_set_client", "utf8mb4"),
                ("collation_connection", "utf8mb4_bin"),
                ("lock_wait_timeout", "3"),
                (
                    "sql_mode",
                    "ONLY_FULL_GROUP_BY,NO_UNSIGNED_SUBTRACTION,STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION",
                ),
            ],
        };
        let settings: &[(&str, &str)] = match server.dialect {
            Dialect::Postgres => &[("application_name", "reports; it's"), ("lock_timeout", "3s"), ("app.tenant", "x")],
            _ => &[("lock_wait_timeout", "3")],
        };
        let builder = Database::builder(dsn.clone()).statement_timeout(Duration::from_millis(2500));
        let db = with_settings(builder, settings).open_read_only().await.unwrap();
        for (name, value) in expected {
            assert_eq!(setting(&db, name).await.as_deref(), Some(*value), "{}: {name}", server.dialect);
        }

        // The twin: a read-write session isn't read-only.
        let db = Database::builder(dsn.clone()).no_statement_timeout().open_read_write().await.unwrap();
        let switch = if server.dialect == Dialect::Postgres { "transaction_read_only" } else { "tx_read_only" };
        let found = setting(&db, switch).await.map(|value| value.to_lowercase());
        assert_eq!(found.as_deref(), Some("off"), "{}", server.dialect);

        let builder = Database::builder(dsn).setting("sql_mode", "ANSI_QUOTES");
        let refused = builder.open_read_only().await.unwrap_err();
        assert_eq!(refused.code(), "connect.setting");
    }
}

#[tokio::test]
async fn a_setting_that_the_server_refuses_is_an_error_with_its_sqlstate() {
    let Some(server) = postgres() else { return };
    let database = server.create_database().await;
    let dsn = dsn(server, READ_ONLY_ROLE, &database, &certificates().ca, Default);
    let error = Database::builder(dsn).setting("work_mem", "hunter2MARKER").open_read_only().await.unwrap_err();
    assert_eq!((error.code(), error.sqlstate()), ("connect.session", Some("22023")));
    assert!(!format!("{error:?} {:?}", std::error::Error::source(&error)).contains("MARKER"));
}

/// Everything that is logged at any level while a session opens, by this crate, the driver or the TLS library.
#[tokio::test]
async fn nothing_secret_is_logged_while_a_session_opens() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);
    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let buffer = Buffer(Arc::default());
    let writer = buffer.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    crate::support::listen_always();
    let _guard = tracing::subscriber::set_default(subscriber);
    for server in running() {
        let database = server.create_database().await;
        buffer.0.lock().unwrap().clear();
        tracing::trace!("the recorder hears");
        let dsn = dsn(server, READ_ONLY_ROLE, &database, &certificates().ca, Default);
        open(&dsn).await.unwrap();
        open(&dsn.with_password("hunter2MARKER")).await.unwrap_err();
        let logged = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("the recorder hears"));
        for secret in [server.password(READ_ONLY_ROLE), "hunter2MARKER", "SELECT", "SET SESSION"] {
            assert!(!logged.contains(secret), "{}: `{secret}` was logged", server.dialect);
        }
    }
}
