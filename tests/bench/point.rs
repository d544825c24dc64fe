//! A point query by primary key: one row of three columns, at 1 and at 16 tasks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::{AuditLayer, Database, RateLimit, RateLimitLayer, RateScope, ReadOnly, Subject, TraceLayer, col};
use rusqlite::OptionalExtension;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use tokio::runtime::Handle;
use tracing::instrument::WithSubscriber;

use crate::measure::{Contender, Latencies, TURN, print_latencies, print_throughput, rounds};
use crate::support::{READ_ONLY_ROLE, Tls, postgres_with};

const ROWS: i64 = 10_000;
/// How many tasks ask at once; `PORTCULLIS_BENCH_TASKS` leaves one of the two, for a profiler.
fn tasks() -> Vec<usize> {
    match std::env::var("PORTCULLIS_BENCH_TASKS") {
        Ok(only) => vec![only.parse().expect("a number")],
        Err(_) => vec![1, 16],
    }
}

type Item = (i64, String, i64);

const SET_UP: [&str; 3] = [
    "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL, total bigint NOT NULL)",
    "INSERT INTO items WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 10000) \
     SELECT id, 'item ' || id, id * 7 FROM n",
    "ANALYZE",
];

/// The next id to ask for; scattered, so that no contender meets a row that is warmer than another's.
fn next_id() -> i64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let turn = NEXT.fetch_add(1, Ordering::Relaxed) as i64;
    turn.wrapping_mul(7_919).rem_euclid(ROWS) + 1
}

/// One client of a contender: asks for one row and gives it back.
trait Client: Send + 'static {
    fn ask(&mut self, id: i64) -> impl Future<Output = Item> + Send;
}

/// Lets all clients ask for one turn, each on a task of its own; nanoseconds per query of them together, and what each took.
fn turn<C: Client>(clients: &Arc<Vec<tokio::sync::Mutex<C>>>, latencies: &Latencies) -> f64 {
    let (clients, latencies) = (Arc::clone(clients), Arc::clone(latencies));
    let work = async move {
        let started = Instant::now();
        let tasks: Vec<_> = (0..clients.len())
            .map(|place| {
                let clients = Arc::clone(&clients);
                tokio::spawn(async move {
                    let mut client = clients[place].lock().await;
                    let mut took = Vec::with_capacity(100_000);
                    let mut asked = started.elapsed();
                    while asked < 2 * TURN {
                        let id = next_id();
                        let (found, ..) = client.ask(id).await;
                        assert_eq!(found, id);
                        let answered = started.elapsed();
                        took.push((answered - asked).as_nanos() as u32);
                        asked = answered;
                    }
                    took
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.expect("a task"));
        }
        let each = started.elapsed().as_nanos() as f64 / all.len() as f64;
        latencies.lock().expect("the latencies").extend(all);
        each
    };
    tokio::task::block_in_place(|| Handle::current().block_on(work))
}

fn contender<C: Client>(name: &str, clients: Vec<C>) -> Contender<'static> {
    let clients = Arc::new(clients.into_iter().map(tokio::sync::Mutex::new).collect::<Vec<_>>());
    let latencies = Latencies::default();
    Contender::timing(name, Arc::clone(&latencies), move || turn(&clients, &latencies))
}

struct Guarded {
    db: Database<ReadOnly>,
    /// `None` leaves the process without a subscriber.
    subscriber: Option<tracing::Dispatch>,
}

impl Client for Guarded {
    async fn ask(&mut self, id: i64) -> Item {
        let frame = self.db.table("items").where_(col("id").eq(id)).select(["id", "name", "total"]);
        let rows = match &self.subscriber {
            Some(subscriber) => frame.collect_as::<Item>().with_subscriber(subscriber.clone()).await,
            None => frame.collect_as::<Item>().await,
        };
        rows.expect("rows").pop().expect("a row")
    }
}

struct OwnConnection(PgConnection);

const QUERY: &str = "SELECT id, name, total FROM items WHERE id = $1";

impl Client for OwnConnection {
    async fn ask(&mut self, id: i64) -> Item {
        sqlx::query_as(QUERY).bind(id).fetch_one(&mut self.0).await.expect("a row")
    }
}

struct SqlxPool(PgPool);

impl Client for SqlxPool {
    async fn ask(&mut self, id: i64) -> Item {
        sqlx::query_as(QUERY).bind(id).fetch_one(&self.0).await.expect("a row")
    }
}

struct Prepared(tokio_postgres::Client, tokio_postgres::Statement);

impl Client for Prepared {
    async fn ask(&mut self, id: i64) -> Item {
        let row = self.0.query_one(&self.1, &[&id]).await.expect("a row");
        (row.get(0), row.get(1), row.get(2))
    }
}

struct Blocking(Arc<Mutex<rusqlite::Connection>>);

impl Client for Blocking {
    async fn ask(&mut self, id: i64) -> Item {
        let connection = Arc::clone(&self.0);
        let work = move || {
            let connection = connection.lock().expect("a connection");
            let mut statement = connection.prepare_cached("SELECT id, name, total FROM items WHERE id = ?1")?;
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        };
        tokio::task::spawn_blocking(work).await.expect("a thread").expect("a query").expect("a row")
    }
}

/// Our handles: with the full guard and nobody who takes its spans, with one who does, and without hooks.
async fn guarded(dsn: &str, tasks: usize, folder: &std::path::Path) -> Vec<(&'static str, Guarded)> {
    let builder = || Database::<ReadOnly>::builder(dsn.parse().expect("a DSN")).pool_size(tasks);
    let full = || async {
        let audit = AuditLayer::to_file(folder.join(format!("audit-{tasks}.jsonl"))).expect("a file");
        let second = Duration::from_secs(1);
        let limits = RateLimitLayer::new([
            RateLimit::named("per subject").scope(RateScope::Subject).limit(100_000_000, second),
            RateLimit::named("all").limit(100_000_000, second),
        ]);
        let builder = builder().hook(audit).hook(limits.expect("limits")).hook(TraceLayer::new());
        let db = builder.open_read_only().await.expect("a handle").acting_as(Subject::new("ada").tenant("north"));
        db.schema().await.expect("the catalogue");
        db
    };
    let plain = builder().open_read_only().await.expect("a handle");
    plain.schema().await.expect("the catalogue");
    let registry = tracing::Dispatch::new(tracing_subscriber::registry());
    vec![
        (FULL, Guarded { db: full().await, subscriber: None }),
        ("portcullis, full guard, spans recorded", Guarded { db: full().await, subscriber: Some(registry) }),
        ("portcullis, no hooks", Guarded { db: plain, subscriber: None }),
    ]
}

const FULL: &str = "portcullis, full guard";
const OWN: &str = "sqlx, own connections";
const POOL: &str = "sqlx, default pool";

fn several(guarded: Guarded, tasks: usize) -> Vec<Guarded> {
    let copy = |_| Guarded { db: guarded.db.clone(), subscriber: guarded.subscriber.clone() };
    (0..tasks).map(copy).collect()
}

pub async fn on_postgres() {
    let Some(server) = postgres_with(Tls::Off) else { return println!("\nno PostgreSQL on this machine") };
    let name = server.create_database().await;
    server.execute(&name, &SET_UP).await;
    let folder = tempfile::tempdir().expect("a folder");
    let dsn = server.dsn(READ_ONLY_ROLE, &name);
    let options = PgConnectOptions::new_without_pgpass()
        .host("localhost")
        .port(server.port)
        .username(READ_ONLY_ROLE)
        .password(server.password(READ_ONLY_ROLE))
        .database(&name)
        .ssl_mode(sqlx::postgres::PgSslMode::Disable)
        .disable_statement_logging();
    for tasks in tasks() {
        let mut contenders = Vec::new();
        for (name, client) in guarded(&dsn, tasks, folder.path()).await {
            contenders.push(contender(name, several(client, tasks)));
        }
        let pool =
            PgPoolOptions::new().max_connections(tasks as u32).connect_with(options.clone()).await.expect("a pool");
        contenders.push(contender(POOL, (0..tasks).map(|_| SqlxPool(pool.clone())).collect()));
        let mut own = Vec::new();
        let mut prepared = Vec::new();
        for _ in 0..tasks {
            own.push(OwnConnection(options.connect().await.expect("a connection")));
            let config = format!(
                "host=localhost port={} user={READ_ONLY_ROLE} password={} dbname={name}",
                server.port,
                server.password(READ_ONLY_ROLE)
            );
            let (client, connection) =
                tokio_postgres::connect(&config, tokio_postgres::NoTls).await.expect("a connection");
            tokio::spawn(connection);
            let statement = client.prepare(QUERY).await.expect("a statement");
            prepared.push(Prepared(client, statement));
        }
        contenders.push(contender(OWN, own));
        contenders.push(contender("tokio-postgres, prepared", prepared));
        rounds(&mut contenders);
        print_throughput(&format!("Point query on PostgreSQL, tasks: {tasks}"), &contenders, &[POOL, OWN]);
        print_latencies(&format!("Latency of a point query on PostgreSQL, tasks: {tasks}"), &contenders, &[POOL, OWN]);
    }
}

pub async fn on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("points.db");
    let open = || {
        let connection = rusqlite::Connection::open(&file).expect("the file");
        connection.busy_timeout(Duration::from_secs(5)).expect("a timeout");
        connection
    };
    let connection = open();
    connection.execute_batch("PRAGMA journal_mode = WAL").expect("WAL");
    for statement in SET_UP {
        connection.execute_batch(statement).expect("set-up");
    }
    let dsn = format!("sqlite://{}", file.display());
    for tasks in tasks() {
        let mut contenders = Vec::new();
        for (name, client) in guarded(&dsn, tasks, folder.path()).await {
            contenders.push(contender(name, several(client, tasks)));
        }
        let blocking = (0..tasks).map(|_| Blocking(Arc::new(Mutex::new(open())))).collect();
        contenders.push(contender(BLOCKING, blocking));
        rounds(&mut contenders);
        print_throughput(&format!("Point query on SQLite, tasks: {tasks}"), &contenders, &[BLOCKING]);
        print_latencies(&format!("Latency of a point query on SQLite, tasks: {tasks}"), &contenders, &[BLOCKING]);
    }
}

const BLOCKING: &str = "rusqlite in spawn_blocking";
