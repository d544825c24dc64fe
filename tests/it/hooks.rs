//! Hooks around every statement, through the public API.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use portcullis::OutcomeKind::{self, Cancelled, Completed, Denied, Failed, Throttled};
use portcullis::StatementKind::{
    self, Begin, Catalog, Commit, Delete, Explain, Insert, Raw, RawSelect, Rollback, Select, Update,
};
use portcullis::{
    AuditLayer, Database, DatabaseBuilder, Dialect, Error, ErrorKind, Hook, Outcome, QueryContext, RateContext,
    RateLimit, RateLimitLayer, RateScope, ReadWrite, Result, Subject, TraceLayer, col,
};

use crate::support::{self, Recorder, Seen, TestDatabase};

/// A builder for a read-write handle of few sessions: one that is lost shows at once.
fn builder(db: &TestDatabase) -> DatabaseBuilder {
    Database::builder(db.dsn_rw().parse().unwrap()).pool_size(2).acquire_timeout(Duration::from_secs(3))
}

async fn table_of_two(db: &TestDatabase) {
    db.execute_setup(&[
        "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100))",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    ])
    .await;
}

/// What stands in the table, seen without the crate.
async fn ids(db: &TestDatabase) -> String {
    let sql = match db.dialect {
        Dialect::Postgres => "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM t",
        Dialect::Sqlite => "SELECT coalesce(group_concat(id, ','), '') FROM (SELECT id FROM t ORDER BY id)",
        _ => "SELECT cast(coalesce(group_concat(id ORDER BY id SEPARATOR ','), '') AS char) FROM t",
    };
    db.scalar(sql).await.unwrap()
}

#[tokio::test]
async fn hooks_see_every_kind_of_statement_once_before_and_once_after() {
    support::each(async |test| {
        table_of_two(test).await;
        let recorder = Recorder::default();
        let limit = RateLimit::named("few")
            .scope(RateScope::Subject)
            .context(RateContext::Read)
            .limit(1, Duration::from_secs(3600));
        let limits = RateLimitLayer::new([limit]).unwrap();
        let db = builder(test).hook(recorder.clone()).open_read_write().await.unwrap();
        let limited = builder(test).hook(recorder.clone()).hook(limits).open_read_write().await.unwrap();
        let limited = limited.acting_as(Subject::new("ada"));
        let reader = db.to_read_only().await.unwrap();
        for schema in [db.schema().await, limited.schema().await, reader.schema().await] {
            schema.unwrap();
        }
        recorder.take();
        let seen = |name: &str, expected: &[(StatementKind, OutcomeKind)]| {
            assert_eq!(recorder.ended(), expected, "{name}");
        };

        seen("opening asks nothing of the hooks", &[]);
        db.table("t").collect().await.unwrap();
        seen("collect", &[(Select, Completed)]);
        let mut rows = db.table("t").stream().await.unwrap();
        while let Some(row) = rows.next().await {
            row.unwrap();
        }
        assert_eq!(recorder.settled().await, [(Select, Completed)]);
        drop(db.table("t").stream().await.unwrap());
        let ended = recorder.settled().await;
        assert!(matches!(ended[..], [(Select, Cancelled | Completed)]), "{ended:?}");
        db.insert("t").columns(["id"]).row([3]).execute().await.unwrap();
        seen("insert", &[(Insert, Completed)]);
        db.update("t").set("note", "x").where_(col("id").eq(3)).execute().await.unwrap();
        seen("update", &[(Update, Completed)]);
        db.delete("t").where_(col("id").eq(3)).execute().await.unwrap();
        seen("delete", &[(Delete, Completed)]);
        db.sql("DELETE FROM t WHERE id = :id").bind("id", 3).execute().await.unwrap();
        seen("raw", &[(Raw, Completed)]);
        db.sql("SELECT id FROM t").collect().await.unwrap();
        seen("raw select on a read-write handle", &[(Raw, Completed)]);
        reader.sql("SELECT id FROM t").collect().await.unwrap();
        seen("raw select on a read-only handle", &[(RawSelect, Completed)]);
        let tx = db.begin().await.unwrap();
        tx.insert("t").columns(["id"]).row([4]).execute().await.unwrap();
        tx.commit().await.unwrap();
        seen("commit", &[(Begin, Completed), (Insert, Completed), (Commit, Completed)]);
        db.begin().await.unwrap().rollback().await.unwrap();
        seen("rollback", &[(Begin, Completed), (Rollback, Completed)]);
        drop(db.begin().await.unwrap());
        while recorder.len() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        seen("dropped transaction", &[(Begin, Completed), (Rollback, Completed)]);
        db.schema().await.unwrap();
        seen("catalogue", &[(Catalog, Completed)]);
        db.table("t").explain().await.unwrap();
        seen("explain", &[(Explain, Completed)]);
        db.table("t").where_(col("nowhere").eq(1)).collect().await.unwrap_err();
        seen("a column that is not there, looked up once more", &[(Catalog, Completed), (Select, Denied)]);
        db.table("t").limit(1).where_(col("note").eq(1)).collect().await.unwrap_err();
        seen("refused by the compiler", &[(Select, Denied)]);
        db.delete("t").execute().await.unwrap_err();
        seen("refused by the guard", &[(Delete, Denied)]);
        reader.sql("DELETE FROM t").execute().await.unwrap_err();
        seen("raw write on a read-only handle", &[(Raw, Denied)]);
        let taken = db.insert("t").columns(["id"]).row([1]).execute().await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Constraint, "{taken:?}");
        seen("refused by the database", &[(Insert, Failed)]);
        limited.table("t").select("id").collect().await.unwrap();
        seen("within the limit", &[(Select, Completed)]);
        let error = limited.table("t").select("id").collect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.retry_after().is_some());
        seen("refused by the limit", &[(Select, Throttled)]);
        assert_eq!(ids(test).await, "1,2,4");
    })
    .await;
}

/// Refuses while it is switched on.
#[derive(Clone, Default)]
struct Gate(Arc<AtomicBool>);

impl Hook for Gate {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        match self.0.load(Ordering::SeqCst) && !matches!(cx.kind(), Catalog) {
            true => Err(Error::refused("closed for the night")),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_hook_that_refuses_stops_the_statement_before_it_is_sent() {
    support::each(async |test| {
        table_of_two(test).await;
        let (recorder, gate) = (Recorder::default(), Gate::default());
        let db = builder(test).hook(recorder.clone()).hook(gate.clone()).open_read_write().await.unwrap();
        db.schema().await.unwrap();
        // An open transaction holds one of the two sessions; the refusals below must not use up the other.
        let tx = db.begin().await.unwrap();
        // SQLite has one writer at a time.
        let other = if test.dialect == Dialect::Sqlite { None } else { Some(db.begin().await.unwrap()) };
        tx.insert("t").columns(["id"]).row([3]).execute().await.unwrap();
        gate.0.store(true, Ordering::SeqCst);
        recorder.take();
        for _ in 0..10 {
            let errors = vec![
                db.table("t").collect().await.unwrap_err(),
                db.table("t").stream().await.unwrap_err(),
                db.table("t").explain().await.unwrap_err(),
                db.insert("t").columns(["id"]).row([9]).execute().await.unwrap_err(),
                db.update("t").set("id", 9).where_(col("id").eq(1)).execute().await.unwrap_err(),
                db.delete("t").where_(col("id").eq(1)).execute().await.unwrap_err(),
                db.sql("DELETE FROM t WHERE id = 1").execute().await.unwrap_err(),
                db.begin().await.unwrap_err(),
                tx.insert("t").columns(["id"]).row([9]).execute().await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!((error.kind(), error.code()), (ErrorKind::Hook, "hook.refused"), "{error:?}");
            }
        }
        let ended = recorder.ended();
        assert_eq!(ended.len(), 90);
        assert!(ended.iter().all(|(_, outcome)| *outcome == Denied), "{ended:?}");
        // A commit that is refused rolls back; a rollback that is refused is done all the same.
        assert_eq!(tx.commit().await.unwrap_err().code(), "hook.refused");
        if let Some(other) = other {
            assert_eq!(other.rollback().await.unwrap_err().code(), "hook.refused");
        }
        let in_parts = db.insert("t").columns(["id"]).rows((100..20_000).map(|id| [id]));
        recorder.take();
        assert_eq!(in_parts.execute().await.unwrap_err().code(), "hook.refused");
        // PostgreSQL's catalogue, which this hook lets pass, is asked whether the rows can go by COPY, and all go in one; on SQLite one
        // statement runs for each.
        let refused: Vec<_> = recorder.ended().into_iter().filter(|(kind, _)| *kind != Catalog).collect();
        let one = matches!(test.dialect, Dialect::Postgres | Dialect::Sqlite);
        assert_eq!(refused, [(if one { Insert } else { Begin }, Denied)]);
        gate.0.store(false, Ordering::SeqCst);
        assert_eq!(ids(test).await, "1,2");
        let (first, second) = (db.begin().await.unwrap(), db.table("t").count().await.unwrap());
        assert_eq!(second, 2);
        first.commit().await.unwrap();
    })
    .await;
}

enum Mischief {
    PanicBefore,
    PanicAfter,
    SlowBefore,
    SlowAfter,
    BlockBefore,
    UseOwnHandle,
}

struct Mischievous {
    what: Mischief,
    on: Arc<AtomicBool>,
    own: Arc<OnceLock<Database<ReadWrite>>>,
    found: Arc<Mutex<Option<Error>>>,
}

impl Hook for Mischievous {
    async fn before(&self, _: &QueryContext) -> Result<()> {
        if !self.on.load(Ordering::SeqCst) {
            return Ok(());
        }
        match self.what {
            Mischief::PanicBefore => panic!("hunter2MARKER"),
            Mischief::SlowBefore => tokio::time::sleep(Duration::from_secs(60)).await,
            Mischief::BlockBefore => std::thread::sleep(Duration::from_millis(60)),
            Mischief::UseOwnHandle => {
                let own = self.own.get().unwrap();
                let error = own.insert("t").columns(["id"]).row([7]).execute().await.unwrap_err();
                *self.found.lock().unwrap() = Some(error.clone());
                return Err(error);
            }
            Mischief::PanicAfter | Mischief::SlowAfter => {}
        }
        Ok(())
    }

    async fn after(&self, _: &QueryContext, _: &Outcome) {
        if !self.on.load(Ordering::SeqCst) {
            return;
        }
        match self.what {
            Mischief::PanicAfter => panic!("hunter2MARKER"),
            Mischief::SlowAfter => tokio::time::sleep(Duration::from_secs(60)).await,
            _ => {}
        }
    }
}

#[tokio::test]
async fn hooks_that_panic_block_or_reenter_leave_the_pool_whole() {
    support::each(async |test| {
        table_of_two(test).await;
        for (what, code) in [
            (Mischief::PanicBefore, Some("hook.panicked")),
            (Mischief::PanicAfter, None),
            (Mischief::SlowBefore, Some("hook.deadline")),
            (Mischief::SlowAfter, None),
            (Mischief::BlockBefore, Some("hook.deadline")),
            (Mischief::UseOwnHandle, Some("hook.reentrant")),
        ] {
            let on = Arc::new(AtomicBool::new(true));
            let (own, found) = (Arc::new(OnceLock::new()), Arc::default());
            let hook = Mischievous { what, on: Arc::clone(&on), own: Arc::clone(&own), found: Arc::clone(&found) };
            let recorder = Recorder::default();
            let db = builder(test).hook_deadline(Duration::from_millis(40)).hook(recorder.clone()).hook(hook);
            let db = db.open_read_write().await.unwrap();
            let _ = own.set(db.clone());
            for id in 10..12 {
                let result = db.insert("t").columns(["id"]).row([id]).execute().await;
                match code {
                    None => assert_eq!(result.unwrap(), 1),
                    Some(code) => {
                        let error = result.unwrap_err();
                        assert_eq!((error.kind(), error.code()), (ErrorKind::Hook, code));
                        assert!(!format!("{error:?}{error}").contains("MARKER"));
                    }
                }
            }
            let outcome = if code.is_none() { Completed } else { Denied };
            // The refusal of the inner statement is seen by no hook: that is what stops the recursion.
            let ended = recorder.ended();
            assert!(!ended.is_empty() && ended.iter().all(|it| *it == (Insert, outcome)), "{code:?}: {ended:?}");
            let expected = if code.is_none() { "1,2,10,11" } else { "1,2" };
            assert_eq!(ids(test).await, expected, "{code:?}");
            on.store(false, Ordering::SeqCst);
            // Both sessions are there still.
            let (one, two) = (db.begin().await.unwrap(), db.begin());
            if test.dialect != Dialect::Sqlite {
                two.await.unwrap().rollback().await.unwrap();
            }
            one.rollback().await.unwrap();
            db.delete("t").where_(col("id").ge(10)).execute().await.unwrap();
        }
    })
    .await;
}

const MARKER: &str = "hunter2MARKER";

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that an error shows.
fn shown(error: &Error) -> String {
    use std::error::Error as _;
    let mut text = format!("{error} {error:?} {error:#?} {:?} {:?}", error.constraint(), error.column());
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn no_bound_value_is_in_any_payload() {
    let logged = Buffer::default();
    let writer = logged.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    crate::support::listen_always();
    let _guard = tracing::subscriber::set_default(subscriber);
    support::each(async |test| {
        test.execute_setup(&[
            "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100) UNIQUE, n integer, CHECK (note <> 'hunter2MARKER-checked'))",
        ])
        .await;
        let (audit, log) = AuditLayer::to_memory();
        let recorder = Recorder::default();
        let db = builder(test).hook(audit).hook(TraceLayer::new()).hook(recorder.clone());
        let db = db.open_read_write().await.unwrap();
        db.insert("t").columns(["id", "note"]).row((1, MARKER)).execute().await.unwrap();
        let rows = db.table("t").where_(col("note").eq(MARKER)).collect().await.unwrap();
        let found: String = rows.first().unwrap().try_get("note").unwrap();
        // The twin: the value does travel.
        assert_eq!(found, MARKER);
        db.update("t").set("note", format!("{MARKER}-2")).where_(col("note").eq(MARKER)).execute().await.unwrap();
        db.sql("SELECT id FROM t WHERE note = :note").bind("note", MARKER).collect().await.unwrap();
        let mut rows = db.table("t").where_(col("note").contains(MARKER)).stream().await.unwrap();
        rows.next().await.unwrap().unwrap();
        let mut text = format!("{rows:?}");
        while rows.next().await.is_some() {}
        db.table("t").where_(col("note").eq(MARKER)).explain().await.unwrap();

        let again = format!("{MARKER}-2");
        let mut errors = vec![
            db.insert("t").columns(["id", "note"]).row((2, &again)).execute().await.unwrap_err(),
            db.insert("t").columns(["id", "note"]).row((3, "hunter2MARKER-checked")).execute().await.unwrap_err(),
            db.sql("INSERT INTO t (id, note) VALUES (1, :note)").bind("note", MARKER).execute().await.unwrap_err(),
            db.table("t").select("note").collect_as::<i64>().await.unwrap_err(),
            db.table("t").collect().await.unwrap().first().unwrap().try_get::<i64>("note").unwrap_err(),
            db.table("nowhere").where_(col("note").eq(MARKER)).collect().await.unwrap_err(),
        ];
        // What is known of tables is forgotten with each raw statement.
        db.schema().await.unwrap();
        errors.push(db.table("t").where_(col("n").eq(MARKER)).collect().await.unwrap_err());
        if test.dialect != Dialect::Sqlite {
            errors.push(db.insert("t").columns(["id", "note"]).row((4, MARKER.repeat(20))).execute().await.unwrap_err());
            let cast = if test.dialect == Dialect::Postgres {
                db.sql("SELECT cast(:note AS integer)")
            } else {
                db.sql("INSERT INTO t (id, n) VALUES (5, :note)")
            };
            errors.push(cast.bind("note", MARKER).collect().await.unwrap_err());
        }
        text.extend(errors.iter().map(shown));
        for seen in recorder.take() {
            match seen {
                Seen::Before { shown, .. } | Seen::After { shown, .. } => text.push_str(&shown),
            }
        }
        text.push_str(&log.lines().join("\n"));
        text.push_str(&format!("{db:?} {:?}", db.table("t").where_(col("note").eq(MARKER))));
        assert!(text.contains("note"));
        let at = text.find("MARKER").map(|at| &text[at.saturating_sub(200)..at + 20]);
        assert_eq!(at, None);
        assert!(log.lines().len() > 20);
    })
    .await;
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("db.operation.name"), "the trace was written");
    let at = logged.find("MARKER").map(|at| &logged[at.saturating_sub(200)..at + 20]);
    assert_eq!(at, None);
}

/// Fails while it is switched on.
#[derive(Clone, Default)]
struct Disk {
    full: Arc<AtomicBool>,
    kept: Buffer,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { self.kept.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_statement_whose_audit_record_can_not_be_written_is_not_run() {
    support::each(async |test| {
        table_of_two(test).await;
        let db = builder(test).hook(AuditLayer::to_file("/dev/full").unwrap()).open_read_write().await.unwrap();
        for _ in 0..3 {
            let insert = db.insert("t").columns(["id"]).row([9]).execute().await.unwrap_err();
            let raw = db.sql("DELETE FROM t").execute().await.unwrap_err();
            let begin = db.begin().await.unwrap_err();
            for error in [insert, raw, begin] {
                assert_eq!((error.kind(), error.code()), (ErrorKind::Audit, "audit.disk_full"), "{error:?}");
            }
        }
        assert_eq!(ids(test).await, "1,2");

        // A disk that is full for a while leaves a gap that the record itself tells of.
        let disk = Disk::default();
        let db = builder(test).hook(AuditLayer::to_writer(disk.clone()).unwrap()).open_read_write().await.unwrap();
        let insert = async |id: i64| db.insert("t").columns(["id"]).row([id]).execute().await;
        insert(3).await.unwrap();
        disk.full.store(true, Ordering::SeqCst);
        assert_eq!(insert(4).await.unwrap_err().kind(), ErrorKind::Audit);
        disk.full.store(false, Ordering::SeqCst);
        insert(5).await.unwrap();
        assert_eq!(ids(test).await, "1,2,3,5");
        let record = String::from_utf8(disk.kept.0.lock().unwrap().clone()).unwrap();
        assert!(
            record.lines().any(|line| line.contains(r#""phase":"gap""#) && line.contains(r#""refused_statements":1"#))
        );
        let record = record.lines().filter(|line| line.contains(r#""phase":"completion""#)).count();
        assert_eq!(record, 2, "one completion for each statement that ran");
    })
    .await;
}

/// Takes its time after each statement, and counts.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicUsize>);

impl Hook for Slow {
    async fn after(&self, _: &QueryContext, _: &Outcome) {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn a_caller_who_leaves_while_hooks_are_told_changes_nothing_of_what_they_are_told() {
    support::each(async |test| {
        table_of_two(test).await;
        let (recorder, slow) = (Recorder::default(), Slow::default());
        let db = builder(test).pool_size(1).hook(recorder.clone()).hook(slow.clone()).open_read_write().await.unwrap();
        let insert = tokio::spawn(db.insert("t").columns(["id"]).row([3]).execute());
        while slow.0.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        insert.abort();
        assert!(insert.await.unwrap_err().is_cancelled());
        assert_eq!(recorder.settled().await, [(Insert, Completed)]);
        assert_eq!(slow.0.load(Ordering::SeqCst), 1);
        assert_eq!(ids(test).await, "1,2,3");
        // Begun, and left before the caller had the transaction: it is rolled back.
        let begin = {
            let db = db.clone();
            tokio::spawn(async move { db.begin().await.map(drop) })
        };
        while slow.0.load(Ordering::SeqCst) == 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        begin.abort();
        assert!(begin.await.unwrap_err().is_cancelled());
        db.insert("t").columns(["id"]).row([4]).execute().await.unwrap();
        // The session is free before the hooks are told of the rollback, so the insert may end before that.
        let ended = recorder.settled().await;
        assert_eq!((ended.len(), ended[0]), (3, (Begin, Completed)));
        assert!(ended.contains(&(Rollback, Completed)) && ended.contains(&(Insert, Completed)), "{ended:?}");
        assert_eq!(ids(test).await, "1,2,3,4");
    })
    .await;
}

#[tokio::test]
async fn hooks_and_statements_of_many_tasks_share_one_pool() {
    support::each(async |test| {
        table_of_two(test).await;
        let recorder = Recorder::default();
        let db = builder(test).hook(recorder.clone()).open_read_only().await.unwrap();
        db.schema().await.unwrap();
        recorder.take();
        let right = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..50_i64 {
            let (db, right) = (db.clone(), Arc::clone(&right));
            tasks.spawn(async move {
                let wanted = task % 2 + 1;
                let found: Vec<i64> =
                    db.table("t").where_(col("id").eq(wanted)).select("id").collect_as().await.unwrap();
                assert_eq!(found, [wanted]);
                right.fetch_add(1, Ordering::SeqCst);
            });
        }
        tasks.join_all().await;
        assert_eq!(right.load(Ordering::SeqCst), 50);
        assert_eq!(recorder.ended().len(), 50);
    })
    .await;
}
