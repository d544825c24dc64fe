//! Slow statements: what is reported, what is kept, and the plan that is made later.

use std::time::Duration;

use portcullis::{
    Database, DatabaseBuilder, Dialect, ErrorKind, OutcomeKind, SlowQueryLayer, StatementKind, Subject, col,
};

use crate::support::{self, Recorder, TestDatabase};

const NEVER: Duration = Duration::from_secs(3600);

fn builder(test: &TestDatabase, slow: &SlowQueryLayer) -> DatabaseBuilder {
    Database::builder(test.dsn_rw().parse().unwrap()).pool_size(2).hook(slow.clone())
}

async fn a_thousand_rows(test: &TestDatabase) {
    let numbers = match test.dialect {
        Dialect::Postgres => "INSERT INTO t SELECT i, 'note ' || i FROM generate_series(1, 1000) AS i",
        Dialect::Sqlite => {
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i, 'note ' || i FROM n"
        }
        _ => {
            "INSERT INTO t WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < 1000) \
             SELECT seq, concat('note ', seq) FROM n"
        }
    };
    test.execute_setup(&[
        "CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100))",
        "CREATE TABLE u (id integer NOT NULL PRIMARY KEY)",
        numbers,
        if support::mysql_family(test.dialect) { "ANALYZE TABLE t" } else { "ANALYZE t" },
    ])
    .await;
}

#[tokio::test]
async fn what_takes_longer_than_its_threshold_is_reported_without_a_value() {
    support::each(async |test| {
        a_thousand_rows(test).await;
        let slow = SlowQueryLayer::new(NEVER).for_table("t", Duration::ZERO).for_handle("jobs", Duration::ZERO);
        let db = builder(test, &slow).name("shop").open_read_write().await.unwrap();
        let db = db.acting_as(Subject::new("ada").reason("hunter2MARKER"));
        db.schema().await.unwrap();
        assert!(slow.take().is_empty());

        db.table("u").collect().await.unwrap();
        assert!(slow.take().is_empty(), "within the layer's threshold");
        db.table("t").where_(col("note").eq("hunter2MARKER")).collect().await.unwrap();
        db.delete("t").execute().await.unwrap_err();
        db.insert("t").columns(["id", "note"]).row((1, "hunter2MARKER")).execute().await.unwrap_err();
        db.table("t").where_(col("id").le(7)).collect().await.unwrap();
        let reports = slow.take();
        let told: Vec<_> = reports.iter().map(|it| (it.kind(), it.outcome(), it.rows())).collect();
        assert_eq!(
            told,
            [
                (StatementKind::Select, OutcomeKind::Completed, 0),
                (StatementKind::Insert, OutcomeKind::Failed, 0),
                (StatementKind::Select, OutcomeKind::Completed, 7),
            ],
            "what was refused is not reported"
        );
        let text = db.table("t").where_(col("id").le(7)).to_sql().unwrap();
        let last = reports.last().unwrap();
        assert_eq!((last.sql(), last.bind_types()), (text.sql(), text.bind_types()));
        assert_eq!(
            (last.subject_id(), last.handle_name(), last.threshold()),
            (Some("ada"), Some("shop"), Duration::ZERO)
        );
        assert_eq!((last.summary(), last.tables().len()), ("SELECT t", 1));
        assert!(last.elapsed() > Duration::ZERO && last.fingerprint() != reports[0].fingerprint());
        assert!(!format!("{reports:?} {:?}", reports[0].tables()).contains("MARKER"));

        // A threshold by handle, for statements without a table of their own threshold.
        let jobs = builder(test, &slow).name("jobs").open_read_write().await.unwrap();
        slow.take();
        jobs.table("u").limit(1).collect().await.unwrap();
        let told: Vec<_> = slow.take().iter().map(|it| it.kind()).collect();
        assert!(told.contains(&StatementKind::Select), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn the_oldest_report_gives_way_and_is_counted() {
    support::on(&[Dialect::Sqlite], async |test| {
        a_thousand_rows(test).await;
        let slow = SlowQueryLayer::new(NEVER).for_table("t", Duration::ZERO).keep(3);
        let db = builder(test, &slow).open_read_write().await.unwrap();
        for most in 1..=8 {
            db.table("t").limit(most).collect().await.unwrap();
        }
        assert_eq!(slow.dropped(), 5);
        assert_eq!(slow.take().iter().map(|it| it.rows()).collect::<Vec<_>>(), [6, 7, 8]);

        // A task of the operator's waits for the next one.
        let waiting = tokio::spawn({
            let slow = slow.clone();
            async move { (slow.next().await.rows(), slow.next().await.rows()) }
        });
        tokio::task::yield_now().await;
        for most in [2, 4] {
            db.table("t").limit(most).collect().await.unwrap();
        }
        let told = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
        assert_eq!((told, slow.dropped()), ((2, 4), 5));
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_made_later_on_another_handle_without_values_and_without_running_anything() {
    support::each(async |test| {
        a_thousand_rows(test).await;
        let slow = SlowQueryLayer::new(NEVER).for_table("t", Duration::ZERO);
        let requests = Recorder::default();
        let db = builder(test, &slow).hook(requests.clone()).open_read_write().await.unwrap();
        db.schema().await.unwrap();
        requests.take();
        db.table("t").where_(col("id").eq(4711)).limit(3).collect().await.unwrap();
        db.delete("t").where_(col("id").eq(4711)).execute().await.unwrap();
        db.table("t").collect().await.unwrap();
        let ended = requests.ended();
        let path: Vec<_> = ended.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(path, [StatementKind::Select, StatementKind::Delete, StatementKind::Select], "nothing else in the request's path");

        let operators = Recorder::default();
        let operator = Database::builder(test.dsn_rw().parse().unwrap()).pool_size(1).hook(operators.clone());
        let operator = operator.open_read_write().await.unwrap();
        let reports = slow.take();
        let [by_id, delete, whole] = &reports[..] else { panic!("{reports:?}") };
        let plan = whole.explain(&operator).await.unwrap();
        assert!(plan.contains(if test.dialect == Dialect::MariaDb { "ALL" } else { "t" }), "{plan}");
        match test.dialect {
            Dialect::Postgres => {
                // Twice, so that the session is seen to be as it was.
                for _ in 0..2 {
                    let plan = by_id.explain(&operator).await.unwrap();
                    assert!(plan.contains("Index Scan using t_pkey") && plan.contains("$1"), "{plan}");
                    assert!(!plan.contains("One-Time Filter") && !plan.contains("4711") && !plan.contains("actual"), "{plan}");
                }
                let plan = delete.explain(&operator).await.unwrap();
                assert!(plan.contains("Delete on t"), "{plan}");
                let row = operator.sql("SELECT current_setting('plan_cache_mode') AS mode, (SELECT count(*) FROM pg_prepared_statements WHERE name = 'portcullis_plan') AS left_over");
                let row = row.one().await.unwrap();
                assert_eq!(row.try_get::<String>("mode").unwrap(), "auto");
                assert_eq!(row.try_get::<i64>("left_over").unwrap(), 0);
            }
            Dialect::Sqlite => {
                for report in [by_id, delete] {
                    let plan = report.explain(&operator).await.unwrap();
                    assert!(plan.contains("SEARCH t USING INTEGER PRIMARY KEY"), "{plan}");
                }
            }
            _ => {
                for report in [by_id, delete] {
                    let error = report.explain(&operator).await.unwrap_err();
                    assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "explain.values"));
                }
            }
        }
        let seen = operators.take();
        assert!(!format!("{seen:?}").contains("4711"));
        assert!(seen.iter().any(|it| format!("{it:?}").contains("Explain")), "the operator's hooks see it");
        // Nothing was deleted, and a read-only handle plans reads only.
        assert_eq!(db.table("t").count().await.unwrap(), 1000);
        let reader = test.read_only().await;
        assert_eq!(delete.explain(&reader).await.unwrap_err().code(), "explain.write");
        whole.explain(&reader).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_has_no_plan_or_might_do_something_is_not_explained() {
    support::each(async |test| {
        a_thousand_rows(test).await;
        let slow = SlowQueryLayer::new(Duration::ZERO);
        let db = builder(test, &slow).open_read_write().await.unwrap();
        let operator = test.read_write().await;
        let only = async |code: Option<&str>| {
            let report = slow.take().pop().unwrap();
            let result = report.explain(&operator).await;
            assert_eq!(result.as_ref().err().map(portcullis::Error::code), code, "{report:?} {result:?}");
        };
        db.sql("SELECT id FROM t").collect().await.unwrap();
        only(None).await;
        db.sql("DELETE FROM t WHERE id = 1").execute().await.unwrap();
        only(Some("raw.not_a_select")).await;
        db.schema().await.unwrap();
        only(Some("explain.no_plan")).await;
        db.begin().await.unwrap().commit().await.unwrap();
        only(Some("explain.no_plan")).await;
        let many = (0..9000).map(|id| [id]);
        db.insert("u").columns(["id"]).rows(many).execute().await.unwrap();
        let report = slow.take().into_iter().find(|it| it.kind() == StatementKind::Insert).unwrap();
        if test.dialect == Dialect::Postgres {
            assert!(report.sql().starts_with("COPY "));
            assert_eq!(report.explain(&operator).await.unwrap_err().code(), "explain.no_plan");
        }

        let elsewhere = Database::builder("sqlite::memory:".parse().unwrap()).open_read_write().await.unwrap();
        db.table("t").collect().await.unwrap();
        let report = slow.take().pop().unwrap();
        let result = report.explain(&elsewhere).await.unwrap_err();
        let code = if test.dialect == Dialect::Sqlite { "db.unknown_table" } else { "explain.dialect" };
        assert_eq!(result.code(), code);
    })
    .await;
}

#[tokio::test]
async fn a_plan_that_can_not_be_made_leaves_no_broken_session_behind() {
    support::on(&[Dialect::Postgres], async |test| {
        a_thousand_rows(test).await;
        let slow = SlowQueryLayer::new(NEVER).for_table("t", Duration::ZERO);
        let db = builder(test, &slow).open_read_write().await.unwrap();
        db.table("t").where_(col("id").eq(1)).collect().await.unwrap();
        let report = slow.take().pop().unwrap();
        let operator = Database::builder(test.dsn_rw().parse().unwrap()).pool_size(1).open_read_write().await.unwrap();
        test.execute_setup(&["ALTER TABLE t RENAME TO gone"]).await;
        for _ in 0..2 {
            assert_eq!(report.explain(&operator).await.unwrap_err().code(), "db.unknown_table");
        }
        test.execute_setup(&["ALTER TABLE gone RENAME TO t"]).await;
        assert!(report.explain(&operator).await.unwrap().contains("Index"));
    })
    .await;
}

#[tokio::test]
async fn a_plan_for_typical_values_is_made_where_none_can_be_made_without() {
    support::each(async |test| {
        a_thousand_rows(test).await;
        let slow = SlowQueryLayer::new(NEVER).for_table("t", Duration::ZERO);
        let db = builder(test, &slow).open_read_write().await.unwrap();
        let found = db.table("t").where_(col("id").le(900)).where_(col("note").ne("hunter2MARKER"));
        found.collect().await.unwrap();
        db.delete("t").where_(col("id").eq(4711)).execute().await.unwrap();
        let reports = slow.take();
        let [select, delete] = &reports[..] else { panic!("{reports:?}") };
        let operator = test.read_write().await;

        // One row is found by the key, and nearly all are not: the values decide.
        let few = select.explain_with(&operator, (3, "other")).await.unwrap();
        let many = select.explain_with(&operator, (990, "other")).await.unwrap();
        assert!(!format!("{few}{many}").contains("MARKER"));
        match test.dialect {
            Dialect::Postgres => {
                assert!(few.contains("Index") && few.contains("t_pkey"), "{few}");
                assert!(many.contains("Seq Scan"), "{many}");
            }
            Dialect::Sqlite => assert!(few.contains("SEARCH t USING INTEGER PRIMARY KEY") && few == many, "{few}"),
            _ => assert!(few.contains("PRIMARY") && few.contains("range") && few != many, "{few}\n{many}"),
        }
        // The same plan as the frame's own with these values.
        let same = operator.table("t").where_(col("id").le(3)).where_(col("note").ne("other"));
        assert_eq!(same.explain().await.unwrap(), few);

        // A write is planned and not done.
        let plan = delete.explain_with(&operator, [7]).await.unwrap();
        assert!(plan.contains('t'), "{plan}");
        assert_eq!(operator.table("t").count().await.unwrap(), 1000);
        delete.explain_with(&operator, [None::<i64>]).await.unwrap();

        let refused = [
            (select.explain_with(&operator, [3]).await, "explain.value_count"),
            (select.explain_with(&operator, ("other", 3)).await, "explain.value_type"),
            (delete.explain_with(&test.read_only().await, [7]).await, "explain.write"),
        ];
        for (result, code) in refused {
            let error = result.unwrap_err();
            assert_eq!(error.code(), code);
            assert!(!error.to_string().contains("other"), "{error}");
        }
        slow.take();
        db.table("t").collect().await.unwrap();
        let whole = slow.take().pop().unwrap();
        whole.explain_with(&operator, Vec::<i64>::new()).await.unwrap();
    })
    .await;
}
