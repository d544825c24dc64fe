//! The metrics hook, beside a recorder of the tests that counts the same statements.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use portcullis::{
    Database, Dialect, ErrorKind, MetricsLayer, OutcomeKind, RateContext, RateLimit, RateLimitLayer, RateScope,
    Subject, col,
};

use crate::support::{self, Recorder, TestDatabase};

type Labels = BTreeMap<String, String>;

/// What a recorder holds, and then holds no more.
struct Taken(Vec<(String, Labels, Option<metrics::Unit>, DebugValue)>);

impl Taken {
    fn from(snapshotter: &Snapshotter) -> Taken {
        let metrics = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, _, value)| {
            let (name, labels) = key.key().clone().into_parts();
            let labels = labels.into_iter().map(|it| (it.key().to_owned(), it.value().to_owned())).collect();
            (name.as_str().to_owned(), labels, unit, value)
        });
        Taken(metrics.collect())
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Labels, &'a DebugValue)> {
        self.0.iter().filter(move |it| it.0 == name).map(|it| (&it.1, &it.3))
    }

    /// How many statements are counted under `name`, by operation and `outcome`.
    fn counted(&self, name: &str, by: &str) -> BTreeMap<(String, String), u64> {
        let mut counts = BTreeMap::new();
        for (labels, value) in self.of(name) {
            let count = match value {
                DebugValue::Counter(count) => *count,
                DebugValue::Histogram(values) => values.len() as u64,
                DebugValue::Gauge(_) => panic!("{name} is a gauge"),
            };
            if count > 0 {
                let part = labels.get(by).cloned().unwrap_or_default();
                *counts.entry((labels["db.operation.name"].clone(), part)).or_default() += count;
            }
        }
        counts
    }

    /// What the histogram `name` of the pool `shop` was given, and its labels.
    fn seconds(&self, name: &str) -> Vec<f64> {
        let mut all = Vec::new();
        for (labels, value) in self.of(name) {
            let expected = [("db.client.connection.pool.name", "shop"), ("portcullis.handle", "read-write")];
            assert_eq!(*labels, expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
            let DebugValue::Histogram(values) = value else { panic!("{name} is no histogram") };
            all.extend(values.iter().map(|value| value.into_inner()));
        }
        all
    }

    fn gauge(&self, name: &str, state: Option<&str>) -> Option<f64> {
        let mut found =
            self.of(name).filter(|(labels, _)| labels.get("db.client.connection.state").map(String::as_str) == state);
        match (found.next(), found.next()) {
            (Some((_, DebugValue::Gauge(value))), None) => Some(value.into_inner()),
            _ => None,
        }
    }
}

async fn two_rows(test: &TestDatabase) {
    test.execute_setup(&[
        "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100))",
        "CREATE TABLE u (id integer NOT NULL PRIMARY KEY)",
        "INSERT INTO t VALUES (1, 'one'), (2, 'hunter2MARKER')",
    ])
    .await;
}

const SLOW: &[(Dialect, &str)] = &[
    (Dialect::Postgres, "SELECT pg_sleep(20)"),
    (Dialect::MariaDb, "SELECT SLEEP(20)"),
    (Dialect::MySql, "SELECT SLEEP(20)"),
    (
        Dialect::Sqlite,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 2000000000) SELECT max(i) FROM n",
    ),
];

#[tokio::test]
async fn metrics_count_every_statement_once_whatever_became_of_it() {
    support::each(async |test| {
        two_rows(test).await;
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let limit = RateLimit::named("reads")
            .scope(RateScope::Subject)
            .context(RateContext::Named("limited".to_owned()))
            .limit(1, Duration::from_secs(3600));
        let seen = Recorder::default();
        let db = Database::builder(test.dsn_rw().parse().unwrap())
            .name("shop")
            .pool_size(3)
            .hook(MetricsLayer::new())
            .hook(seen.clone())
            .hook(RateLimitLayer::new([limit]).unwrap())
            .open_read_write()
            .await
            .unwrap()
            .acting_as(Subject::new("hunter2MARKER-ada"));
        db.schema().await.unwrap();

        assert_eq!(db.table("t").collect().await.unwrap().len(), 2);
        db.table("t").where_(col("note").eq("hunter2MARKER")).collect().await.unwrap();
        db.insert("t").columns(["id"]).row([3]).execute().await.unwrap();
        let transaction = db.begin().await.unwrap();
        transaction.update("t").set("note", "hunter2MARKER").where_(col("id").eq(3)).execute().await.unwrap();
        transaction.commit().await.unwrap();
        let failed = db.insert("t").columns(["id"]).row([1]).execute().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Constraint);
        db.delete("t").execute().await.unwrap_err();
        db.table("t").where_(col("nowhere").eq(1)).collect().await.unwrap_err();
        let limited = db.acting_as(Subject::new("hunter2MARKER-bob").in_context("limited"));
        limited.table("t").collect().await.unwrap();
        for _ in 0..3 {
            let error = limited.table("t").collect().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RateLimited);
        }
        let slow = SLOW.iter().find(|(dialect, _)| *dialect == test.dialect).unwrap().1;
        tokio::time::timeout(Duration::from_millis(400), db.sql(slow).collect()).await.unwrap_err();
        let ended = seen.settled().await;
        let mut expected = BTreeMap::new();
        let mut sent: BTreeMap<String, u64> = BTreeMap::new();
        for (kind, outcome) in ended {
            *expected.entry((kind.name().to_owned(), outcome.name().to_owned())).or_default() += 1;
            if !matches!(outcome, OutcomeKind::Denied | OutcomeKind::Throttled) {
                *sent.entry(kind.name().to_owned()).or_default() += 1;
            }
        }
        for outcome in ["completed", "denied", "throttled", "failed", "cancelled"] {
            assert!(expected.keys().any(|(_, it)| it == outcome), "{outcome}: {expected:?}");
        }

        let taken = Taken::from(&snapshotter);
        assert_eq!(taken.counted("portcullis.statements", "portcullis.outcome"), expected);
        let mut durations: BTreeMap<String, u64> = BTreeMap::new();
        for ((operation, _), count) in taken.counted("db.client.operation.duration", "") {
            *durations.entry(operation).or_default() += count;
        }
        assert_eq!(durations, sent);

        // Each failure under its own code, and the database's own state.
        let failures: BTreeMap<_, _> = taken
            .of("portcullis.statements")
            .filter_map(|(labels, _)| {
                let state = labels.get("db.response.status_code").is_some();
                Some((labels.get("error.type")?.as_str(), (labels["portcullis.outcome"].as_str(), state)))
            })
            .collect();
        let codes = [
            ("constraint.unique", ("failed", true)),
            ("rate.limited", ("throttled", false)),
            ("schema.unknown_column", ("denied", false)),
            ("statement.cancelled", ("cancelled", false)),
            ("write.no_condition", ("denied", false)),
        ];
        assert_eq!(failures, codes.into_iter().collect());

        // Rows come as they were read, durations in seconds.
        let rows: Vec<f64> = taken
            .of("db.client.response.returned_rows")
            .filter(|(labels, _)| labels["db.operation.name"] == "SELECT")
            .flat_map(|(labels, value)| {
                assert_eq!(labels["db.collection.name"], "t");
                let DebugValue::Histogram(values) = value else { panic!("{value:?}") };
                values.iter().map(|value| value.into_inner()).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(rows, [2.0, 1.0, 3.0]);
        for (labels, value) in taken.of("db.client.operation.duration") {
            let DebugValue::Histogram(values) = value else { panic!("{value:?}") };
            let waited = labels.get("error.type").is_some_and(|it| it == "statement.cancelled");
            assert!(
                values.iter().all(|it| it.into_inner() < 20.0 && (!waited || it.into_inner() >= 0.1)),
                "{values:?}"
            );
        }

        // The pool: nothing is in use, and each session that was taken was waited for.
        assert_eq!(taken.gauge("db.client.connection.count", Some("used")), Some(0.0));
        assert!(taken.gauge("db.client.connection.count", Some("idle")).is_some());
        assert_eq!(taken.gauge("db.client.connection.max", None), Some(3.0));
        assert_eq!(taken.gauge("db.client.connection.pending_requests", None), Some(0.0));
        let (labels, _) = taken.of("db.client.connection.wait_time").next().unwrap();
        assert_eq!(
            (labels["db.client.connection.pool.name"].as_str(), labels["portcullis.handle"].as_str()),
            ("shop", "read-write")
        );

        for (name, labels, unit, _) in &taken.0 {
            let seconds = name.ends_with("_time") || name == "db.client.operation.duration";
            assert_eq!(*unit, Some(if seconds { metrics::Unit::Seconds } else { metrics::Unit::Count }), "{name}");
            assert!(!format!("{labels:?}").contains("MARKER"), "{labels:?}");
            let known = [
                "db.system.name",
                "db.operation.name",
                "db.collection.name",
                "db.response.status_code",
                "error.type",
                "portcullis.handle",
                "portcullis.outcome",
                "db.client.connection.pool.name",
                "db.client.connection.state",
            ];
            assert!(labels.keys().all(|key| known.contains(&key.as_str())), "{labels:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn label_sets_are_bounded_and_tables_that_somebody_tries_out_take_no_place() {
    support::each(async |test| {
        two_rows(test).await;
        test.execute_setup(&["CREATE TABLE v (id integer NOT NULL PRIMARY KEY)"]).await;
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let db = Database::builder(test.dsn_ro().parse().unwrap()).hook(MetricsLayer::new().most_names(2));
        let db = db.open_read_only().await.unwrap();
        for name in ["nowhere", "secret", "t", "nowhere", "u", "v", "t"] {
            let result = db.table(name).limit(5).collect().await;
            assert_eq!(result.is_ok(), name.len() == 1, "{name}");
        }
        db.table("t").join(db.table("u"), portcullis::using("id")).collect().await.unwrap();
        let taken = Taken::from(&snapshotter);
        let tables = taken.counted("portcullis.statements", "db.collection.name").into_iter();
        let tables = tables.filter(|((operation, _), _)| operation == "SELECT");
        let tables: Vec<_> = tables.map(|((_, table), count)| (table, count)).collect();
        let expected = [("", 1), ("_OTHER", 4), ("t", 2), ("u", 1)];
        assert_eq!(tables, expected.map(|(table, count)| (table.to_owned(), count)));
    })
    .await;
}

#[tokio::test]
async fn those_who_wait_for_a_session_are_seen_and_those_who_get_none_are_counted() {
    support::each(async |test| {
        two_rows(test).await;
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let db = Database::builder(test.dsn_rw().parse().unwrap())
            .pool_size(1)
            .acquire_timeout(Duration::from_millis(80))
            .hook(MetricsLayer::new())
            .open_read_write()
            .await
            .unwrap();
        db.schema().await.unwrap();
        let transaction = db.begin().await.unwrap();
        let frame = db.table("t");
        let (count, error) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                db.connections()
            },
            frame.collect()
        );
        assert_eq!((count.max, count.used, count.idle, count.waiting), (1, 1, 0, 1));
        assert_eq!(error.unwrap_err().code(), "pool.timeout");
        let taken = Taken::from(&snapshotter);
        let timeouts: Vec<_> = taken.of("db.client.connection.timeouts").map(|(_, value)| value).collect();
        assert_eq!(timeouts, [&DebugValue::Counter(1)]);
        assert_eq!(taken.gauge("db.client.connection.count", Some("used")), Some(1.0));
        transaction.rollback().await.unwrap();
        assert_eq!((db.connections().used, db.connections().idle), (0, 1));
        let taken = Taken::from(&snapshotter);
        assert_eq!(taken.gauge("db.client.connection.count", Some("idle")), Some(1.0));
    })
    .await;
}

#[tokio::test]
async fn sessions_are_timed_while_they_open_and_while_they_are_in_use() {
    const OPENED: &str = "db.client.connection.create_time";
    const USED: &str = "db.client.connection.use_time";
    const WAITED: &str = "db.client.connection.wait_time";
    support::each(async |test| {
        two_rows(test).await;
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _guard = metrics::set_default_local_recorder(&recorder);
        let seen = Recorder::default();
        let db = Database::builder(test.dsn_rw().parse().unwrap()).pool_size(2).name("shop");
        let began = std::time::Instant::now();
        let db = db.hook(MetricsLayer::new()).hook(seen.clone()).open_read_write().await.unwrap();
        let longest = began.elapsed().as_secs_f64();
        db.schema().await.unwrap();
        db.table("t").collect().await.unwrap();
        let taken = Taken::from(&snapshotter);
        let opened = taken.seconds(OPENED);
        assert!(opened.len() == 1 && opened[0] > 0.0 && opened[0] <= longest, "{opened:?}");
        let used = taken.seconds(USED);
        assert!(!used.is_empty() && used.len() == taken.seconds(WAITED).len(), "{used:?}");

        // A transaction uses its session from its begin to its end, and its statements none of their own.
        let transaction = db.begin().await.unwrap();
        transaction.table("t").collect().await.unwrap();
        assert!(Taken::from(&snapshotter).seconds(USED).is_empty());
        tokio::time::sleep(Duration::from_millis(150)).await;
        // Meanwhile a second session is opened, for a statement of little time.
        db.table("u").collect().await.unwrap();
        let taken = Taken::from(&snapshotter);
        assert_eq!((taken.seconds(OPENED).len(), taken.seconds(USED).len()), (1, 1));
        assert!(taken.seconds(USED)[0] < 10.0);
        transaction.commit().await.unwrap();
        let used = Taken::from(&snapshotter).seconds(USED);
        assert!(used.len() == 1 && used[0] >= 0.15, "{used:?}");

        // What is closed and not given back was in use too; what was refused and never had a session was not.
        seen.settled().await;
        let slow = SLOW.iter().find(|(dialect, _)| *dialect == test.dialect).unwrap().1;
        tokio::time::timeout(Duration::from_millis(200), db.sql(slow).collect()).await.unwrap_err();
        db.delete("t").execute().await.unwrap_err();
        seen.settled().await;
        drop(db.begin().await.unwrap());
        while seen.len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let taken = Taken::from(&snapshotter);
        let used = taken.seconds(USED);
        assert_eq!((used.len(), taken.seconds(WAITED).len()), (2, 2), "{used:?}");
        assert!(used.iter().any(|time| *time >= 0.1), "{used:?}");
    })
    .await;
}
