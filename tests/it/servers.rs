//! The test servers themselves: what the other tests take for granted is shown here, through sqlx and not this crate.

use std::time::Duration;

use portcullis::Dialect;

use crate::support::{
    self, CERTIFICATE_ROLE, Fault, Proxy, READ_ONLY_ROLE, READ_WRITE_ROLE, Server, Tls, mariadb, mariadb_with,
    postgres, postgres_with,
};

fn servers() -> Vec<&'static Server> {
    [postgres(), mariadb()].into_iter().flatten().collect()
}

fn one(dialect: Dialect) -> &'static str {
    if support::mysql_family(dialect) { "SELECT cast(1 AS char)" } else { "SELECT cast(1 AS text)" }
}

#[tokio::test]
async fn verified_tls_is_taken_and_plaintext_refused() {
    for server in servers() {
        let database = server.create_database().await;
        for role in [READ_WRITE_ROLE, READ_ONLY_ROLE, CERTIFICATE_ROLE] {
            let mut session = server.session(server.port, role, &database, true).await.expect("verified TLS");
            assert_eq!(session.scalar(one(server.dialect)).await.unwrap().as_deref(), Some("1"));
            session.close().await;
            assert!(server.session(server.port, role, &database, false).await.is_err(), "plaintext");
        }
    }
}

#[tokio::test]
async fn a_server_that_can_not_be_verified_is_refused() {
    for tls in [Tls::WrongHost, Tls::Expired] {
        for server in [postgres_with(tls), mariadb_with(tls)].into_iter().flatten() {
            let Err(error) = server.session(server.port, READ_ONLY_ROLE, "postgres", true).await else {
                panic!("{tls:?} was taken on {}", server.dialect)
            };
            let reason = if tls == Tls::Expired { "xpired" } else { "NotValidForName" };
            assert!(error.to_string().contains(reason) || format!("{error:?}").contains(reason), "{error:?}");
        }
    }
    for server in [postgres_with(Tls::Off), mariadb_with(Tls::Off)].into_iter().flatten() {
        let database = server.create_database().await;
        assert!(server.session(server.port, READ_ONLY_ROLE, &database, true).await.is_err());
        server.session(server.port, READ_ONLY_ROLE, &database, false).await.expect("plaintext").close().await;
    }
}

#[tokio::test]
async fn roles_have_their_rights_and_no_more() {
    support::on(&support::SERVERS, async |db| {
        db.execute_setup(&["CREATE TABLE t (n bigint)", "INSERT INTO t VALUES (7)"]).await;
        let (server, name) = (db.server().unwrap(), db.name());
        let mut writer = server.session(server.port, READ_WRITE_ROLE, &name, true).await.unwrap();
        writer.run("INSERT INTO t VALUES (8)").await.expect("app_rw writes");
        writer.run("CREATE TABLE mine (n bigint)").await.expect("app_rw makes tables");
        writer.close().await;

        let mut reader = server.session(server.port, READ_ONLY_ROLE, &name, true).await.unwrap();
        for table in ["t", "mine"] {
            reader.run(&format!("SELECT n FROM {table}")).await.expect("app_ro reads");
            for write in [&*format!("INSERT INTO {table} VALUES (9)"), &format!("DROP TABLE {table}")] {
                assert!(reader.run(write).await.is_err(), "app_ro must not: {write}");
            }
        }
        assert!(reader.run("CREATE TABLE another (n bigint)").await.is_err());
        reader.close().await;
        let count = if support::mysql_family(db.dialect) { "char" } else { "text" };
        let count = db.scalar(&format!("SELECT cast(count(*) AS {count}) FROM t")).await;
        assert_eq!(count.as_deref(), Some("2"));
    })
    .await;
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    support::each(async |first| {
        let second = support::TestDatabase::fresh(first.dialect).await.unwrap();
        for db in [first, &second] {
            db.execute_setup(&["CREATE TABLE t (n integer)", "INSERT INTO t VALUES (1)"]).await;
        }
        assert_ne!(first.name(), second.name());
    })
    .await;
}

#[tokio::test]
async fn the_proxy_passes_holds_back_cuts_and_breaks() {
    for server in servers() {
        let database = server.create_database().await;
        let proxy = Proxy::start(server.port).await;
        let short = Duration::from_millis(300);
        let sql = one(server.dialect);

        // The certificate is for the host, not the port, so verified TLS passes through.
        let mut session = server.session(proxy.port, READ_ONLY_ROLE, &database, true).await.unwrap();
        assert!(session.scalar(sql).await.is_ok());

        proxy.set(Fault::Delay(Duration::from_millis(50)));
        let start = std::time::Instant::now();
        assert!(session.scalar(sql).await.is_ok());
        assert!(start.elapsed() >= Duration::from_millis(100), "once to the server and once back");

        proxy.set(Fault::Blackhole);
        assert!(tokio::time::timeout(short, session.scalar(sql)).await.is_err(), "no answer from a blackhole");
        let connecting = server.session(proxy.port, READ_ONLY_ROLE, &database, true);
        assert!(tokio::time::timeout(short, connecting).await.is_err(), "no new session through a blackhole");

        for fault in [Fault::Reset, Fault::Close, Fault::Cut(10)] {
            proxy.set(Fault::None);
            let mut session = server.session(proxy.port, READ_ONLY_ROLE, &database, true).await.unwrap();
            assert!(session.scalar(sql).await.is_ok());
            proxy.set(fault);
            let answer = tokio::time::timeout(Duration::from_secs(5), session.scalar(sql)).await;
            assert!(answer.expect("an answer in time").is_err(), "{fault:?}");
        }
    }
}
