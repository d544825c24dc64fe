//! Writing 100,000 rows of six columns into an empty table, and changing 10,000 of them by their keys: one call, one transaction, through the full
//! guard.

use std::time::Instant;

use portcullis::{AuditLayer, Database, RateLimit, RateLimitLayer, RateScope, ReadWrite, Subject, TraceLayer};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, QueryBuilder};
use tokio::runtime::Handle;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use crate::measure::{Contender, print_throughput, rounds};
use crate::support::{READ_WRITE_ROLE, Tls, mariadb_with, postgres_with};

const ROWS: i64 = 100_000;
/// How many of them are changed by their keys.
const CHANGED: i64 = 10_000;
const COLUMNS: [&str; 6] = ["id", "name", "count", "price", "open", "day"];

/// The date is a number of days, which every contender sends as an integer.
type Item = (i64, String, i64, f64, bool, i64);

fn items() -> Vec<Item> {
    (0..ROWS)
        .map(|id| (id, format!("item number {id}"), id * 7, id as f64 / 8.0, id % 3 == 0, 15_000 + id % 400))
        .collect()
}

/// Nanoseconds a row of `work`, which writes all of them.
fn turn(empty: impl Future<Output = ()>, work: impl Future<Output = u64>) -> f64 {
    tokio::task::block_in_place(|| {
        Handle::current().block_on(async {
            empty.await;
            let started = Instant::now();
            assert_eq!(work.await, ROWS as u64);
            started.elapsed().as_nanos() as f64 / ROWS as f64
        })
    })
}

async fn guarded(dsn: &str, folder: &std::path::Path) -> Database<ReadWrite> {
    let limits = RateLimitLayer::new([
        RateLimit::named("each").scope(RateScope::Subject).limit(1_000_000, std::time::Duration::from_secs(1)),
        RateLimit::named("all").limit(1_000_000, std::time::Duration::from_secs(1)),
    ]);
    let builder = Database::builder(dsn.parse().expect("a DSN"))
        .hook(AuditLayer::to_file(folder.join("bulk.jsonl")).expect("a file"))
        .hook(limits.expect("limits"))
        .hook(TraceLayer::new());
    let db = builder.open_read_write().await.expect("a handle");
    db.acting_as(Subject::new("loader"))
}

fn ours<'a>(name: &str, db: &'a Database<ReadWrite>, items: &'a [Item]) -> Contender<'a> {
    Contender::new(name, move || {
        let empty = async {
            db.delete("items").all_rows().execute().await.expect("an empty table");
        };
        let rows =
            items.iter().map(|(id, name, count, price, open, day)| (*id, name.as_str(), *count, *price, *open, *day));
        let work = async { db.insert("items").columns(COLUMNS).rows(rows).execute().await.expect("rows") };
        turn(empty, work)
    })
}

const POSTGRES: &str = "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL, count bigint NOT NULL, \
    price double precision NOT NULL, open boolean NOT NULL, day bigint NOT NULL)";
const SQLITE: &str = "CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL, count bigint NOT NULL, \
    price double NOT NULL, open boolean NOT NULL, day bigint NOT NULL)";
const MARIADB: &str = "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL, count bigint NOT NULL, \
    price double NOT NULL, open boolean NOT NULL, day bigint NOT NULL)";
const BEST: &str = "sqlx, binary COPY";
const BEST_ON_MARIADB: &str = "sqlx, VALUES of 1,000";
const ONE_BY_ONE: &str = "one by one, prepared";
const BEST_ON_SQLITE: &str = "rusqlite, prepared";

/// Nanoseconds a row of `work`, which changes some.
fn change(work: impl Future<Output = u64>) -> f64 {
    tokio::task::block_in_place(|| {
        Handle::current().block_on(async {
            let started = Instant::now();
            assert_eq!(work.await, CHANGED as u64);
            started.elapsed().as_nanos() as f64 / CHANGED as f64
        })
    })
}

/// Where the turns of the others begin: a database may save itself a change to what a row holds already.
const OTHERS: i64 = 1_000_000;

/// Every tenth row, with another count in each turn.
fn changes(turn: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..CHANGED).map(move |place| (place * 10, place + turn))
}

fn by_keys<'a>(name: &str, db: &'a Database<ReadWrite>) -> Contender<'a> {
    let mut turn = 0;
    Contender::new(name, move || {
        turn += 1;
        let update = db.update("items").by_keys("id").columns(["id", "count"]).rows(changes(turn));
        change(async { update.execute().await.expect("rows") })
    })
}

pub async fn on_mariadb() {
    let Some(server) = mariadb_with(Tls::Off) else { return println!("\nno MariaDB on this machine") };
    let name = server.create_database().await;
    server.execute(&name, &[MARIADB]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let db = guarded(&server.dsn(READ_WRITE_ROLE, &name), folder.path()).await;
    let options = MySqlConnectOptions::new()
        .host("localhost")
        .port(server.port)
        .username(READ_WRITE_ROLE)
        .password(server.password(READ_WRITE_ROLE))
        .database(&name)
        .ssl_mode(sqlx::mysql::MySqlSslMode::Disabled)
        .disable_statement_logging();
    let connection = || async { tokio::sync::Mutex::new(options.connect().await.expect("a connection")) };
    let (values, rows) = (connection().await, connection().await);
    let items = items();
    let mut contenders = vec![
        ours("portcullis, full guard", &db, &items),
        Contender::new(BEST_ON_MARIADB, || {
            let empty = async { drop(values.lock().await.execute("DELETE FROM items").await.expect("an empty table")) };
            turn(empty, async { mariadb_values(&mut *values.lock().await, &items).await })
        }),
        Contender::new(ONE_BY_ONE, || {
            let empty = async { drop(rows.lock().await.execute("DELETE FROM items").await.expect("an empty table")) };
            turn(empty, async { mariadb_rows(&mut *rows.lock().await, &items).await })
        }),
    ];
    rounds(&mut contenders);
    print_throughput("100,000 rows into MariaDB, rows a second", &contenders, &[BEST_ON_MARIADB]);
    let mut turn = OTHERS;
    let mut contenders = vec![
        by_keys("portcullis, full guard", &db),
        Contender::new(ONE_BY_ONE, || {
            turn += 1;
            change(async {
                let connection = &mut *rows.lock().await;
                let mut transaction = connection.begin().await.expect("a transaction");
                let mut total = 0;
                for (id, count) in changes(turn) {
                    let update = sqlx::query("UPDATE items SET count = ? WHERE id = ?").bind(count).bind(id);
                    total += update.execute(&mut *transaction).await.expect("a row").rows_affected();
                }
                transaction.commit().await.expect("a commit");
                total
            })
        }),
    ];
    rounds(&mut contenders);
    print_throughput("10,000 rows of MariaDB by their keys, rows a second", &contenders, &[ONE_BY_ONE]);
}

async fn mariadb_values(connection: &mut MySqlConnection, items: &[Item]) -> u64 {
    let mut transaction = connection.begin().await.expect("a transaction");
    let mut total = 0;
    for part in items.chunks(1_000) {
        let mut query = QueryBuilder::new("INSERT INTO items (id, name, count, price, open, day) ");
        query.push_values(part, |mut row, (id, name, count, price, open, day)| {
            row.push_bind(id).push_bind(name.as_str()).push_bind(count).push_bind(price).push_bind(open).push_bind(day);
        });
        total += query.build().execute(&mut *transaction).await.expect("rows").rows_affected();
    }
    transaction.commit().await.expect("a commit");
    total
}

async fn mariadb_rows(connection: &mut MySqlConnection, items: &[Item]) -> u64 {
    let mut transaction = connection.begin().await.expect("a transaction");
    let mut total = 0;
    for (id, name, count, price, open, day) in items {
        let insert = sqlx::query("INSERT INTO items (id, name, count, price, open, day) VALUES (?, ?, ?, ?, ?, ?)");
        let insert = insert.bind(id).bind(name.as_str()).bind(count).bind(price).bind(open).bind(day);
        total += insert.execute(&mut *transaction).await.expect("a row").rows_affected();
    }
    transaction.commit().await.expect("a commit");
    total
}

pub async fn on_postgres() {
    let Some(server) = postgres_with(Tls::Off) else { return println!("\nno PostgreSQL on this machine") };
    let name = server.create_database().await;
    server.execute(&name, &[POSTGRES]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let db = guarded(&server.dsn(READ_WRITE_ROLE, &name), folder.path()).await;
    let password = server.password(READ_WRITE_ROLE);
    let options = PgConnectOptions::new_without_pgpass()
        .host("localhost")
        .port(server.port)
        .username(READ_WRITE_ROLE)
        .password(password)
        .database(&name)
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
        .disable_statement_logging();
    let connection = || async { tokio::sync::Mutex::new(options.connect().await.expect("a connection")) };
    let (copies, unnests, values) = (connection().await, connection().await, connection().await);
    let config =
        format!("host=localhost port={} user={READ_WRITE_ROLE} password={password} dbname={name}", server.port);
    let (client, driving) = tokio_postgres::connect(&config, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(driving);
    let items = items();
    let mut contenders = vec![
        ours("portcullis, full guard", &db, &items),
        Contender::new(BEST, || {
            let empty = async { drop(copies.lock().await.execute("DELETE FROM items").await.expect("an empty table")) };
            turn(empty, async { sqlx_copy(&mut *copies.lock().await, &items).await })
        }),
        Contender::new("tokio-postgres, binary COPY", || {
            let empty = async {
                client.execute("DELETE FROM items", &[]).await.expect("an empty table");
            };
            turn(empty, postgres_copy(&client, &items))
        }),
        Contender::new("sqlx, UNNEST of 10,000", || {
            let empty =
                async { drop(unnests.lock().await.execute("DELETE FROM items").await.expect("an empty table")) };
            turn(empty, async { sqlx_unnest(&mut *unnests.lock().await, &items).await })
        }),
        Contender::new("sqlx, VALUES of 1,000", || {
            let empty = async { drop(values.lock().await.execute("DELETE FROM items").await.expect("an empty table")) };
            turn(empty, async { sqlx_values(&mut *values.lock().await, &items).await })
        }),
    ];
    rounds(&mut contenders);
    print_throughput("100,000 rows into PostgreSQL, rows a second", &contenders, &[BEST]);
    let mut turn = OTHERS;
    let mut contenders = vec![
        by_keys("portcullis, full guard", &db),
        Contender::new(ONE_BY_ONE, || {
            turn += 1;
            change(async {
                let connection = &mut *values.lock().await;
                let mut transaction = connection.begin().await.expect("a transaction");
                let mut total = 0;
                for (id, count) in changes(turn) {
                    let update = sqlx::query("UPDATE items SET count = $1 WHERE id = $2").bind(count).bind(id);
                    total += update.execute(&mut *transaction).await.expect("a row").rows_affected();
                }
                transaction.commit().await.expect("a commit");
                total
            })
        }),
    ];
    rounds(&mut contenders);
    print_throughput("10,000 rows of PostgreSQL by their keys, rows a second", &contenders, &[ONE_BY_ONE]);
}

async fn sqlx_copy(connection: &mut PgConnection, items: &[Item]) -> u64 {
    let mut data = Vec::with_capacity(items.len() * 80);
    data.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
    let eight = |data: &mut Vec<u8>, bytes: [u8; 8]| {
        data.extend_from_slice(&8_i32.to_be_bytes());
        data.extend_from_slice(&bytes);
    };
    for (id, name, count, price, open, day) in items {
        data.extend_from_slice(&6_i16.to_be_bytes());
        eight(&mut data, id.to_be_bytes());
        data.extend_from_slice(&(name.len() as i32).to_be_bytes());
        data.extend_from_slice(name.as_bytes());
        eight(&mut data, count.to_be_bytes());
        eight(&mut data, price.to_be_bytes());
        data.extend_from_slice(&1_i32.to_be_bytes());
        data.push(u8::from(*open));
        eight(&mut data, day.to_be_bytes());
    }
    data.extend_from_slice(&(-1_i16).to_be_bytes());
    let copying = connection.copy_in_raw("COPY items (id, name, count, price, open, day) FROM STDIN (FORMAT binary)");
    let mut copying = copying.await.expect("a COPY");
    copying.send(data).await.expect("rows");
    copying.finish().await.expect("rows")
}

async fn postgres_copy(client: &tokio_postgres::Client, items: &[Item]) -> u64 {
    let text = "COPY items (id, name, count, price, open, day) FROM STDIN (FORMAT binary)";
    let sink = client.copy_in(text).await.expect("a COPY");
    let types = [Type::INT8, Type::TEXT, Type::INT8, Type::FLOAT8, Type::BOOL, Type::INT8];
    let writer = BinaryCopyInWriter::new(sink, &types);
    let mut writer = std::pin::pin!(writer);
    for (id, name, count, price, open, day) in items {
        writer.as_mut().write(&[id, name, count, price, open, day]).await.expect("a row");
    }
    writer.finish().await.expect("rows")
}

async fn sqlx_unnest(connection: &mut PgConnection, items: &[Item]) -> u64 {
    let mut transaction = connection.begin().await.expect("a transaction");
    let mut total = 0;
    for part in items.chunks(10_000) {
        let query = sqlx::query(
            "INSERT INTO items SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::double precision[], $5::boolean[], $6::bigint[])",
        )
        .bind(part.iter().map(|it| it.0).collect::<Vec<_>>())
        .bind(part.iter().map(|it| it.1.as_str()).collect::<Vec<_>>())
        .bind(part.iter().map(|it| it.2).collect::<Vec<_>>())
        .bind(part.iter().map(|it| it.3).collect::<Vec<_>>())
        .bind(part.iter().map(|it| it.4).collect::<Vec<_>>())
        .bind(part.iter().map(|it| it.5).collect::<Vec<_>>());
        total += query.execute(&mut *transaction).await.expect("rows").rows_affected();
    }
    transaction.commit().await.expect("a commit");
    total
}

async fn sqlx_values(connection: &mut PgConnection, items: &[Item]) -> u64 {
    let mut transaction = connection.begin().await.expect("a transaction");
    let mut total = 0;
    for part in items.chunks(1_000) {
        let mut query = QueryBuilder::new("INSERT INTO items (id, name, count, price, open, day) ");
        query.push_values(part, |mut row, (id, name, count, price, open, day)| {
            row.push_bind(id).push_bind(name.as_str()).push_bind(count).push_bind(price).push_bind(open).push_bind(day);
        });
        total += query.build().execute(&mut *transaction).await.expect("rows").rows_affected();
    }
    transaction.commit().await.expect("a commit");
    total
}

pub async fn on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bulk.db");
    let connection = rusqlite::Connection::open(&file).expect("the file");
    connection.execute_batch(&format!("PRAGMA journal_mode = WAL; {SQLITE}")).expect("set-up");
    let db = guarded(&format!("sqlite://{}", file.display()), folder.path()).await;
    let items = items();
    let prepared = std::cell::RefCell::new(connection);
    let mut contenders = vec![
        ours("portcullis, full guard", &db, &items),
        Contender::new(BEST_ON_SQLITE, || {
            let mut connection = prepared.borrow_mut();
            connection.execute("DELETE FROM items", []).expect("an empty table");
            let started = Instant::now();
            let transaction = connection.transaction().expect("a transaction");
            {
                let mut insert = transaction
                    .prepare_cached(
                        "INSERT INTO items (id, name, count, price, open, day) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )
                    .expect("a statement");
                for (id, name, count, price, open, day) in &items {
                    insert.execute(rusqlite::params![id, name, count, price, open, day]).expect("a row");
                }
            }
            transaction.commit().expect("a commit");
            started.elapsed().as_nanos() as f64 / ROWS as f64
        }),
    ];
    rounds(&mut contenders);
    print_throughput("100,000 rows into SQLite, rows a second", &contenders, &[BEST_ON_SQLITE]);
    let mut turn = OTHERS;
    let mut contenders = vec![
        by_keys("portcullis, full guard", &db),
        Contender::new(BEST_ON_SQLITE, || {
            turn += 1;
            let mut connection = prepared.borrow_mut();
            let started = Instant::now();
            let transaction = connection.transaction().expect("a transaction");
            {
                let text = "UPDATE items SET count = ?1 WHERE id = ?2";
                let mut update = transaction.prepare_cached(text).expect("a statement");
                for (id, count) in changes(turn) {
                    assert_eq!(update.execute(rusqlite::params![count, id]).expect("a row"), 1);
                }
            }
            transaction.commit().expect("a commit");
            started.elapsed().as_nanos() as f64 / CHANGED as f64
        }),
    ];
    rounds(&mut contenders);
    print_throughput("10,000 rows of SQLite by their keys, rows a second", &contenders, &[BEST_ON_SQLITE]);
}
