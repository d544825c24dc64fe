//! The driver reads `PG*` variables; this crate takes none of them up.
//!
//! A process's environment can't be changed safely while its threads run, so the client is this test binary started again.

use std::process::Command;

use portcullis::{Database, Dsn, ReadOnly};

use super::authority::Authority;
use super::{PASSWORD, USER, fake};

/// Set for the child only: without it the child's part of the test has nothing to do.
const CHILD_DSN: &str = "PORTCULLIS_TEST_CHILD_DSN";

#[tokio::test]
async fn child_opens_one_session() {
    if std::env::var_os(CHILD_DSN).is_none() {
        return;
    }
    let error = Database::<ReadOnly>::open(Dsn::from_env(CHILD_DSN).unwrap()).await.unwrap_err();
    println!("code={} message={error}", error.code());
}

/// The child's output, and what the server heard of it.
fn run(variables: &[(&str, &str)]) -> (String, fake::Heard) {
    let ours = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    std::fs::write(&root, ours.pem()).unwrap();
    let server = fake::postgres_with_tls(&ours.server("localhost"), None);
    let dsn = format!(
        "postgres://{USER}:{PASSWORD}@localhost:{}/sales?connect_timeout=5&sslrootcert={}",
        server.port,
        root.display()
    );
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::environment::child_opens_one_session", "--nocapture"]);
    let output = child.env(CHILD_DSN, dsn).envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if said.contains("connect.environment") {
        // Nobody came: the server waits for a connection, so give it one that leaves at once.
        drop(std::net::TcpStream::connect(("127.0.0.1", server.port)).unwrap());
    }
    (said, server.heard())
}

#[test]
fn no_variable_of_postgres_changes_where_or_how_a_dsn_connects() {
    let passfile = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(passfile.path(), "*:*:*:*:evil_passfile\n").unwrap();
    let (said, heard) = run(&[
        ("PGHOST", "evil.invalid"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "evil_user"),
        ("PGPASSWORD", "evil_password"),
        ("PGPASSFILE", passfile.path().to_str().unwrap()),
        ("PGDATABASE", "evil_database"),
        ("PGAPPNAME", "evil_application"),
        ("PGSSLMODE", "disable"),
        ("PGSSLROOTCERT", "/nonexistent"),
        ("PGOPTIONS", ""),
    ]);
    assert!(said.contains("code=connect.auth "), "{said}");
    assert!(heard.holds(USER) && heard.holds(PASSWORD) && heard.holds("sales") && heard.holds("portcullis"));
    assert!(!heard.holds("evil"));
}

#[test]
fn variables_that_the_driver_can_not_forget_are_refused_by_name() {
    for name in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"] {
        let (said, heard) = run(&[(name, "-c search_path=evil")]);
        assert!(said.contains("code=connect.environment") && said.contains(&format!("`{name}`")), "{said}");
        assert!(heard.plain.is_empty());
    }
}
