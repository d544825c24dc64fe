//! The three locks of a read-only handle: the guard, the session, the role.

use std::net::SocketAddr;

use portcullis::{AuditLayer, Database, Dialect, Dsn, ErrorKind, ReadOnly, ReadWrite, col, danger};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    self, READ_ONLY_ROLE, READ_WRITE_ROLE, Server, TestDatabase, Tls, certificates, mariadb_with, postgres_with,
};

/// A read-only handle of a role that may write: the guard and the session are all that stands in the way.
async fn reader_that_may_write(db: &TestDatabase) -> Database<ReadOnly> {
    Database::<ReadOnly>::open(db.dsn_rw().parse().unwrap()).await.unwrap()
}

async fn count(db: &TestDatabase) -> String {
    let cast = if support::mysql_family(db.dialect) { "char" } else { "text" };
    db.scalar(&format!("SELECT cast(count(*) AS {cast}) FROM t")).await.unwrap()
}

/// Raw SQL that writes, locks, or changes the session or the file, by whatever way.
fn refused_by_the_guard(dialect: Dialect) -> Vec<&'static str> {
    let mut all = vec![
        "INSERT INTO t VALUES (9)",
        "UPDATE t SET n = 9",
        "DELETE FROM t",
        "DROP TABLE t",
        "CREATE TABLE u (n integer)",
        "ALTER TABLE t ADD COLUMN m integer",
        "BEGIN",
        "COMMIT",
        "SELECT n FROM t; DELETE FROM t",
        "EXPLAIN ANALYZE DELETE FROM t",
    ];
    all.extend_from_slice(match dialect {
        Dialect::Postgres => &[
            "SELECT n INTO u FROM t",
            "SELECT n FROM t FOR UPDATE",
            "SELECT n FROM t FOR SHARE",
            "WITH gone AS (DELETE FROM t RETURNING n) SELECT n FROM gone",
            "SELECT set_config('transaction_read_only', 'off', false)",
            "SELECT nextval('s')",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_terminate_backend(1)",
            "SELECT lo_create(0)",
            "SELECT pg_read_file('/etc/passwd')",
            "SELECT query_to_xml('DELETE FROM t', true, true, '')",
            "SET TRANSACTION READ WRITE",
            "SET default_transaction_read_only = off",
            "COPY t TO PROGRAM 'true'",
            "DO $$ BEGIN DELETE FROM t; END $$",
            "CALL p()",
            "VACUUM t",
            "SELECT write_one()",
        ],
        Dialect::Sqlite => &[
            "ATTACH DATABASE 'other.db' AS other",
            "VACUUM INTO 'copy.db'",
            "PRAGMA query_only = OFF",
            "PRAGMA writable_schema = ON",
            "PRAGMA journal_mode = DELETE",
            "SELECT load_extension('x')",
            "REPLACE INTO t VALUES (1)",
            "CREATE TEMPORARY TABLE u AS SELECT 1",
        ],
        _ => &[
            "SELECT n INTO OUTFILE '/tmp/x' FROM t",
            "SELECT n FROM t FOR UPDATE",
            "SELECT n FROM t LOCK IN SHARE MODE",
            "SELECT n INTO @x FROM t",
            "SELECT GET_LOCK('x', 0)",
            "SELECT LOAD_FILE('/etc/passwd')",
            "SELECT write_one()",
            "SET SESSION TRANSACTION READ WRITE",
            "START TRANSACTION READ WRITE",
            "HANDLER t OPEN",
            "LOAD DATA INFILE 'x' INTO TABLE t",
            "REPLACE INTO t VALUES (1)",
            "SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */",
        ],
    });
    all
}

#[tokio::test]
async fn the_guard_refuses_what_is_not_a_single_harmless_select() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)"]).await;
        let (audit, log) = AuditLayer::to_memory();
        let builder = Database::builder(test.dsn_rw().parse().unwrap()).hook(audit);
        let db = builder.open_read_only().await.unwrap();
        for sql in refused_by_the_guard(test.dialect) {
            for refused in [
                danger::unchecked_sql(&db, sql).collect().await.map(drop),
                danger::unchecked_sql(&db, sql).execute().await.map(drop),
                danger::unchecked_sql(&db, sql).stream().await.map(drop),
                danger::unchecked_sql(&db, sql).into_frame().collect().await.map(drop),
            ] {
                let error = refused.expect_err(sql);
                assert!(matches!(error.kind(), ErrorKind::Policy | ErrorKind::RawSql), "{sql}: {error:?}");
                assert!(!error.code().starts_with("db."), "{sql}: the database had to refuse it: {error:?}");
            }
        }
        let records = log.lines();
        let refused = records.iter().filter(|line| line.contains(r#""outcome":"denied""#)).count();
        assert_eq!(refused * 2, records.len(), "each refusal is on record, and nothing was sent");
        // The twins: what only looks like it.
        let found = db.sql("SELECT n AS deleted, 'DELETE FROM t' AS note FROM t WHERE n = :n").bind("n", 1);
        assert_eq!(found.collect().await.unwrap().len(), 1);
        let frame = db.sql("SELECT n FROM t").into_frame().where_(col("n").gt(0));
        assert_eq!(frame.count().await.unwrap(), 1);
        assert_eq!(count(test).await, "1");
    })
    .await;
}

/// A view that calls a function which writes is a plain select to every parser: only the database can refuse it.
#[tokio::test]
async fn a_select_that_writes_behind_a_view_is_refused_by_the_database() {
    support::on(&support::SERVERS, async |test| {
        let (function, view) = match test.dialect {
            Dialect::Postgres => (
                "CREATE FUNCTION write_one() RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER \
                 AS 'INSERT INTO t VALUES (9) RETURNING n'",
                "CREATE VIEW harmless AS SELECT write_one() AS n",
            ),
            _ => (
                "CREATE FUNCTION write_one() RETURNS integer MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (9); RETURN 9; END",
                "CREATE VIEW harmless AS SELECT write_one() AS n",
            ),
        };
        test.execute_setup(&["CREATE TABLE t (n integer)", function, view]).await;
        for dsn in [test.dsn_rw(), test.dsn_ro()] {
            let db = Database::<ReadOnly>::open(dsn.parse().unwrap()).await.unwrap();
            let tx = db.begin().await.unwrap();
            for refused in [
                db.table("harmless").select("n").collect().await,
                db.sql("SELECT n FROM harmless").collect().await,
                tx.table("harmless").select("n").collect().await,
            ] {
                let error = refused.unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Policy, "db.read_only"), "{error:?}");
            }
            drop(tx);
        }
        assert_eq!(count(test).await, "0");
        // The twin: on a read-write handle the same select does write.
        let db = test.read_write().await;
        assert_eq!(db.table("harmless").select("n").one_as::<i64>().await.unwrap(), 9);
        assert_eq!(count(test).await, "1");
    })
    .await;
}

/// Passes bytes on to a server, and puts `new` in the place of `old` in what the client says: the same session runs another
/// statement than the one that our checks let pass.
async fn smuggler(upstream: u16, old: Vec<u8>, new: Vec<u8>) -> u16 {
    assert_eq!(old.len(), new.len());
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (old, new) = (old.clone(), new.clone());
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", upstream)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
                    let said = &mut buffer[..length];
                    if let Some(at) = said.windows(old.len()).position(|part| part == old) {
                        said[at..at + new.len()].copy_from_slice(&new);
                    }
                    to_server.write_all(said).await.unwrap();
                }
                back.abort();
            });
        }
    });
    port
}

async fn smuggled<M: portcullis::Mode>(
    server: &Server,
    database: &str,
    open: impl AsyncFn(Dsn) -> Database<M>,
    write: &str,
) -> portcullis::Error {
    // Long enough for every statement below, in each form that the handle sends.
    let table = "m".repeat(50);
    let plain = Dsn::parse(&server.dsn(READ_WRITE_ROLE, database)).unwrap();
    let text = open(plain).await.table(table.as_str()).select("n").to_sql().unwrap();
    let padded = format!("{write:<width$}", width = text.sql().len());
    let port = smuggler(server.port, text.sql().into(), padded.into_bytes()).await;
    let dsn = server.dsn_at("localhost", port, READ_WRITE_ROLE, database, "sslmode=disable");
    let db = open(dsn.parse().unwrap()).await;
    match db.table(table.as_str()).select("n").collect().await {
        Ok(_) => panic!("no error from {write}"),
        Err(error) => error,
    }
}

/// The positive control: statements that the guard never saw, on the very session that it opened.
#[tokio::test]
async fn the_session_refuses_writes_that_were_sent_past_our_checks() {
    for server in [postgres_with(Tls::Off), mariadb_with(Tls::Off)].into_iter().flatten() {
        let database = server.create_database().await;
        server.execute(&database, &["CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)"]).await;
        if server.dialect == Dialect::Postgres {
            let grant = format!("GRANT ALL ON t TO {READ_WRITE_ROLE}");
            server.execute(&database, &[&grant, &format!("ALTER TABLE t OWNER TO {READ_WRITE_ROLE}")]).await;
        }
        let read_only = async |dsn| Database::<ReadOnly>::open(dsn).await.unwrap();
        let read_write = async |dsn| Database::<ReadWrite>::open(dsn).await.unwrap();
        let cast = if server.dialect == Dialect::Postgres { "text" } else { "char" };
        let rows = async || server.scalar(&database, &format!("SELECT cast(count(*) AS {cast}) FROM t")).await;
        for write in [
            "INSERT INTO t VALUES (9)",
            "UPDATE t SET n = 9",
            "DELETE FROM t",
            "DROP TABLE t",
            "CREATE TABLE u (n int)",
        ] {
            let error = smuggled(server, &database, read_only, write).await;
            assert_eq!((error.kind(), error.code()), (ErrorKind::Policy, "db.read_only"), "{write}: {error:?}");
            assert_eq!(error.sqlstate(), Some("25006"), "{write}");
        }
        assert_eq!(rows().await.as_deref(), Some("1"));
        // The twin: the same trick on a read-write handle writes. The answer isn't the one asked for, and that is an error.
        let error = smuggled(server, &database, read_write, "INSERT INTO t VALUES (9)").await;
        assert_ne!(error.code(), "db.read_only", "{error:?}");
        assert_eq!(rows().await.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn a_role_that_could_write_is_reported_and_one_that_could_not_is_not() {
    support::on(&support::SERVERS, async |test| {
        test.execute_setup(&["CREATE TABLE t (n integer)"]).await;
        let report = test.read_only().await.verify_read_only().await.unwrap();
        assert!(!report.role_could_write(), "{report:?}");
        assert!(report.findings().is_empty());
        let report = reader_that_may_write(test).await.verify_read_only().await.unwrap();
        assert!(report.role_could_write());
        assert!(report.findings().iter().any(|finding| finding.contains("INSERT")), "{report:?}");

        // A right on a single column is a right to write.
        if test.dialect == Dialect::Postgres {
            for (grant, word) in [
                ("GRANT UPDATE (n) ON t TO app_ro", "UPDATE"),
                ("GRANT USAGE ON SEQUENCE s TO app_ro", "s"),
                ("GRANT INSERT ON t TO public", "INSERT"),
                (
                    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql VOLATILE SECURITY DEFINER AS 'SELECT 1'",
                    "public.f, which has the rights of its owner",
                ),
            ] {
                let test = TestDatabase::fresh(test.dialect).await.unwrap();
                test.execute_setup(&["CREATE TABLE t (n integer)", "CREATE SEQUENCE s", grant]).await;
                let report = test.read_only().await.verify_read_only().await.unwrap();
                assert!(report.findings().iter().any(|finding| finding.contains(word)), "{grant}: {report:?}");
            }
            // What a role can take on with SET ROLE counts, inherited or not.
            let (server, role) = (test.server().unwrap(), format!("member_{}", test.name()));
            let member = format!("CREATE ROLE {role} LOGIN NOINHERIT PASSWORD 'one' IN ROLE {READ_WRITE_ROLE}");
            test.execute_setup(&[&member]).await;
            let dsn = format!("postgres://{role}:one@localhost:{}/{}", server.port, test.name());
            let dsn = Dsn::parse(&dsn).unwrap().root_certificate_pem(&certificates().ca).unwrap();
            let report = Database::<ReadOnly>::open(dsn).await.unwrap().verify_read_only().await.unwrap();
            assert!(report.findings().iter().any(|finding| finding.contains("INSERT")), "{report:?}");
        } else {
            let name = test.name();
            test.execute_setup(&[&format!("GRANT UPDATE (n) ON `{name}`.t TO '{READ_ONLY_ROLE}'@'%'")]).await;
            let report = test.read_only().await.verify_read_only().await.unwrap();
            test.execute_setup(&[&format!("REVOKE UPDATE (n) ON `{name}`.t FROM '{READ_ONLY_ROLE}'@'%'")]).await;
            assert!(report.findings().iter().any(|finding| finding.contains("UPDATE")), "{report:?}");
        }
    })
    .await;
    let sqlite = TestDatabase::fresh(Dialect::Sqlite).await.unwrap();
    let report = sqlite.read_only().await.verify_read_only().await.unwrap();
    assert!(report.role_could_write(), "the file can be written by this process");
}

/// Shown by the server: a view of the transaction's own access mode.
#[tokio::test]
async fn raw_sql_runs_in_a_read_only_transaction_and_so_does_begin() {
    support::on(&[Dialect::Postgres], async |test| {
        test.execute_setup(&[
            "CREATE TABLE t (n integer)",
            // True within a transaction block: a statement by itself begins when it is sent.
            "CREATE VIEW how AS SELECT current_setting('transaction_read_only') AS mode",
        ])
        .await;
        let db = reader_that_may_write(test).await;
        assert_eq!(db.sql("SELECT mode FROM how").one_as::<String>().await.unwrap(), "on");
        let tx = db.begin().await.unwrap();
        assert_eq!(tx.table("how").one_as::<String>().await.unwrap(), "on");
        assert_eq!(tx.sql("SELECT mode FROM how").one_as::<String>().await.unwrap(), "on");
        tx.commit().await.unwrap();
        let writer = test.read_write().await;
        assert_eq!(writer.sql("SELECT mode FROM how").one_as::<String>().await.unwrap(), "off");
        let reader = writer.to_read_only().await.unwrap();
        assert_eq!(reader.sql("SELECT mode FROM how").one_as::<String>().await.unwrap(), "on");
        assert_eq!(writer.sql("SELECT mode FROM how").one_as::<String>().await.unwrap(), "off");
    })
    .await;
}

/// A read-only transaction sees one state of the database from its start.
#[tokio::test]
async fn a_read_only_handle_sees_what_a_read_write_one_wrote() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (n integer)"]).await;
        let writer = test.read_write().await;
        let reader = writer.to_read_only().await.unwrap();
        assert_eq!(reader.table("t").count().await.unwrap(), 0);
        writer.insert("t").columns(["n"]).row([1]).execute().await.unwrap();
        assert_eq!(reader.table("t").count().await.unwrap(), 1);
        let tx = reader.begin().await.unwrap();
        assert_eq!(tx.sql("SELECT n FROM t").one_as::<i64>().await.unwrap(), 1);
        tx.commit().await.unwrap();
        writer.close();
        assert_eq!(reader.table("t").count().await.unwrap(), 1, "the reader has a pool of its own");
    })
    .await;
}

#[tokio::test]
async fn sqlite_opens_read_only_by_flag_and_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    let dsn: Dsn = format!("sqlite://{}", missing.display()).parse().unwrap();
    let error = Database::<ReadOnly>::open(dsn).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    assert!(!missing.exists());
    // A file without write permission opens, and is reported as what it is.
    let test = TestDatabase::fresh(Dialect::Sqlite).await.unwrap();
    test.execute_setup(&["PRAGMA journal_mode = DELETE", "CREATE TABLE t (n integer)"]).await;
    let mut permissions = std::fs::metadata(test.file()).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(test.file(), permissions).unwrap();
    let db = test.read_only().await;
    assert_eq!(db.table("t").count().await.unwrap(), 0);
    assert!(!db.verify_read_only().await.unwrap().role_could_write());
}
