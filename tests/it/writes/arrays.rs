//! Inserts of many rows with a conflict clause or `returning` on PostgreSQL: an array for each column, and the same as VALUES.

use portcullis::{Dialect, ErrorKind, col, incoming};

use super::bulk::{COLUMNS, POSTGRES, Row, every_type, with_recorder};
use crate::support::{self, Recorder, Seen};

/// How many inserts were sent since the last look, and how many of them take arrays apart.
fn inserts(recorder: &Recorder) -> (usize, usize) {
    let texts: Vec<bool> = recorder
        .take()
        .iter()
        .filter_map(|seen| match seen {
            Seen::Before { kind: portcullis::StatementKind::Insert, shown, .. } => Some(shown.contains("unnest")),
            _ => None,
        })
        .collect();
    (texts.len(), texts.iter().filter(|arrays| **arrays).count())
}

#[tokio::test]
async fn rows_that_go_as_arrays_are_what_values_write() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[&format!("CREATE TABLE one {POSTGRES}"), &format!("CREATE TABLE other {POSTGRES}")]).await;
        let (handle, recorder) = with_recorder(db).await;
        let rows: Vec<Row> = (0..1_300).map(every_type).collect();
        // The other half is there already when the second round comes.
        for (from, to) in [(0, 700), (0, 1_300)] {
            let insert = |table: &str, rows: &[Row]| {
                handle.insert(table).columns(COLUMNS).rows(rows.to_vec()).on_conflict("id").do_nothing()
            };
            inserts(&recorder);
            let whole = insert("one", &rows[from..to]).execute().await.unwrap();
            assert_eq!(inserts(&recorder), (1, 1));
            let mut few = 0;
            for part in rows[from..to].chunks(100) {
                few += insert("other", part).execute().await.unwrap();
            }
            assert_eq!((whole, inserts(&recorder).1), (few, 0));
        }
        let changed: Vec<Row> = (0..1_300)
            .map(|id| {
                let mut row = every_type(id + 5);
                row.0 = id;
                row
            })
            .collect();
        let upsert = |table: &str, rows: &[Row]| {
            handle
                .insert(table)
                .columns(COLUMNS)
                .rows(rows.to_vec())
                .on_conflict("id")
                .do_update(|row| {
                    row.set("d", incoming("d") + col("d"))
                        .set("t", incoming("t"))
                        .set("ts", incoming("ts"))
                        .set("j", incoming("j"))
                })
                .returning(["id", "b", "d", "t", "x", "ts", "tz", "u", "j"])
        };
        let lines = |rows: &portcullis::Rows| {
            let mut lines = support::lines(rows);
            lines.sort();
            lines
        };
        let whole = lines(&upsert("one", &changed).collect().await.unwrap());
        let mut few = Vec::new();
        for part in changed.chunks(100) {
            few.extend(lines(&upsert("other", part).collect().await.unwrap()));
        }
        few.sort();
        assert_eq!((whole.len(), &whole), (1_300, &few));
        let text = |table: &'static str| async move {
            db.scalar(&format!("SELECT md5(string_agg(t::text, E'\\n' ORDER BY id)) FROM {table} t")).await
        };
        let one = text("one").await;
        assert!(one.is_some() && one == text("other").await);
    })
    .await;
}

#[tokio::test]
async fn what_arrays_can_not_carry_goes_as_values_and_errors_are_the_same() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE small (n smallint PRIMARY KEY, t varchar(5))",
            "CREATE TABLE tagged (n integer PRIMARY KEY, tags text[])",
            "CREATE TYPE mood AS ENUM ('good', 'bad')",
            "CREATE TABLE moods (n integer PRIMARY KEY, t json)",
        ])
        .await;
        let (handle, recorder) = with_recorder(db).await;
        let tags = (0..600).map(|n: i64| (n, vec!["a".to_owned(), n.to_string()]));
        let insert = handle.insert("tagged").columns(["n", "tags"]).rows(tags).on_conflict("n").do_nothing();
        assert_eq!((insert.execute().await.unwrap(), inserts(&recorder)), (600, (1, 0)));
        let documents = (0..600).map(|n: i64| (n, serde_json::json!({"b": n, "a": 1})));
        let insert = handle.insert("moods").columns(["n", "t"]).rows(documents).on_conflict("n").do_nothing();
        assert_eq!((insert.execute().await.unwrap(), inserts(&recorder)), (600, (1, 0)));
        // A fraction for an integer is rounded by both.
        let halves = |from: i64, to: i64| (from..to).map(|n| (n as f64 + 0.25, None::<&str>));
        let insert = |rows| handle.insert("small").columns(["n", "t"]).rows(rows);
        assert_eq!((insert(halves(0, 600)).execute().await.unwrap(), inserts(&recorder)), (600, (1, 1)));
        assert_eq!((insert(halves(600, 700)).execute().await.unwrap(), inserts(&recorder)), (100, (1, 0)));
        assert_eq!(handle.table("small").count().await.unwrap(), 700);
        for (last, text, kind) in [
            (40_000, "x", ErrorKind::Database),
            (-1, "longer than five", ErrorKind::Database),
            (-1, "a\0b", ErrorKind::Encode),
        ] {
            let rows = |count: i64| (1..=count).map(move |n| if n == count { (last, text) } else { (1_000 + n, "x") });
            let run = async |count| {
                let insert = handle.insert("small").columns(["n", "t"]).rows(rows(count)).on_conflict("n").do_nothing();
                insert.execute().await.unwrap_err()
            };
            let (many, few) = (run(600).await, run(100).await);
            assert_eq!((many.kind(), many.code()), (few.kind(), few.code()), "{many:?}");
            assert_eq!(many.kind(), kind, "{many:?}");
            assert_eq!(handle.table("small").count().await.unwrap(), 700);
        }
        inserts(&recorder);
        let twice = (0..600).map(|n: i64| (n, "x")).chain([(5, "y")]);
        let upsert = handle.insert("small").columns(["n", "t"]).rows(twice).on_conflict("n");
        let error = upsert.do_update(|row| row.set("t", incoming("t"))).execute().await.unwrap_err();
        assert_eq!((error.code(), inserts(&recorder).0), ("upsert.repeated_key", 0));
    })
    .await;
}
