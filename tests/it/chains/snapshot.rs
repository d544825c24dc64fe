//! A chain's text and rows, checked together: the text once, in SQLite's words, and for the other dialects where it differs.

use std::panic::Location;

use portcullis::{Database, Dialect, Frame, ReadOnly};

use crate::support::{self, TestDatabase};

portcullis::table! {
    t { id: i64, g: i64, v: i64, w: Option<i64>, name: String }
    u { id: i64, t_id: Option<i64>, x: i64 }
    p { id: i64, u_id: i64, y: i64 }
}

const SETUP: &[&str] = &[
    "CREATE TABLE t (id bigint NOT NULL, g bigint NOT NULL, v bigint NOT NULL, w bigint, name varchar(20) NOT NULL)",
    "INSERT INTO t VALUES (1, 1, 10, 5, 'a'), (2, 1, 20, NULL, 'b'), (3, 2, 30, 7, 'a'), (4, 2, 40, NULL, 'c'), \
     (5, 3, 10, 1, 'b')",
    "CREATE TABLE u (id bigint NOT NULL, t_id bigint, x bigint NOT NULL)",
    "INSERT INTO u VALUES (1, 1, 100), (2, 1, 200), (3, 3, 300), (4, 9, 400), (5, NULL, 500)",
    "CREATE TABLE p (id bigint NOT NULL, u_id bigint NOT NULL, y bigint NOT NULL)",
    "INSERT INTO p VALUES (1, 1, 7), (2, 3, 8), (3, 3, 9)",
];

/// The three tables on each database of this machine.
pub struct Tables {
    databases: Vec<(TestDatabase, Database<ReadOnly>)>,
}

/// Starts the frames of one case: with a database, or for text alone.
#[derive(Clone, Copy)]
pub struct From<'d>(Option<&'d Database<ReadOnly>>);

impl From<'_> {
    fn table(self, table: portcullis::DeclaredTable) -> Frame {
        match self.0 {
            Some(db) => db.table(table),
            None => portcullis::table(table),
        }
    }

    pub fn t(self) -> Frame {
        self.table(t::table)
    }

    pub fn u(self) -> Frame {
        self.table(u::table)
    }

    pub fn p(self) -> Frame {
        self.table(p::table)
    }
}

impl Tables {
    pub async fn new() -> Tables {
        let mut databases = Vec::new();
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb] {
            if let Some(database) = TestDatabase::fresh(dialect).await {
                database.execute_setup(SETUP).await;
                let handle = database.read_only().await;
                databases.push((database, handle));
            }
        }
        Tables { databases }
    }

    /// `make` must give `rows` everywhere. Its text must be `sql[0]` on SQLite; on PostgreSQL and MariaDB the same but for
    /// quotes and placeholders, or what a further line says after the dialect's name and a colon.
    #[track_caller]
    pub fn case<'a>(
        &'a self,
        make: impl Fn(From<'_>) -> Frame + 'a,
        rows: &'a [&'a str],
        sql: &'a [&'a str],
    ) -> impl Future<Output = ()> + 'a {
        let place = Location::caller();
        async move {
            check_text(&make, sql, place);
            for (_, db) in &self.databases {
                run(db, make(From(Some(db))), rows, place).await;
            }
        }
    }
}

fn check_text(make: &impl Fn(From<'_>) -> Frame, sql: &[&str], place: &Location<'_>) {
    let expected = sql.first().copied().unwrap_or_default();
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MariaDb] {
        let text =
            make(From(None)).to_sql_for(dialect).unwrap_or_else(|error| panic!("{place} for {dialect}: {error:?}"));
        let text = normal(text.sql(), dialect);
        let prefix = format!("{dialect}: ");
        let own = sql.iter().skip(1).find_map(|line| line.strip_prefix(prefix.as_str()));
        if std::env::var_os("SHOW_SNAPSHOTS").is_some() {
            println!("SNAPSHOT\t{}\t{}\t{dialect}\t{text}", place.file(), place.line());
            continue;
        }
        assert_eq!(text, own.unwrap_or(expected), "{place} for {dialect}");
    }
    assert!(sql.iter().skip(1).all(|line| line.contains(": ")), "{place}: a line without a dialect");
}

async fn run(db: &Database<ReadOnly>, frame: Frame, rows: &[&str], place: &Location<'_>) {
    let text = frame.to_sql().map(|text| text.sql().to_owned()).unwrap_or_else(|error| format!("{error:?}"));
    let on = format!("{place} on {}:\n{text}", db.dialect());
    let found = frame.collect().await.unwrap_or_else(|error| panic!("{error:?}\n{on}"));
    assert_eq!(support::lines(&found), rows, "{on}");
    let counted = frame.count().await.unwrap_or_else(|error| panic!("count: {error:?}\n{on}"));
    assert_eq!(counted, rows.len() as u64, "`count` gives another number of rows: {on}");
}

/// The text with SQLite's quotes and placeholders.
fn normal(sql: &str, dialect: Dialect) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql;
    let mut number = 0;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match (next, dialect) {
            ('`', Dialect::MariaDb) => text.push('"'),
            ('?', Dialect::MariaDb) => {
                number += 1;
                text.push_str(&format!("?{number}"));
            }
            ('$', Dialect::Postgres) => {
                text.push('?');
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                text.push_str(&rest[..digits]);
                rest = &rest[digits..];
                let types = [
                    "::double precision",
                    "::integer",
                    "::bigint[]",
                    "::text[]",
                    "::bigint",
                    "::text",
                    "::numeric",
                    "::boolean",
                ];
                if let Some(found) = types.iter().find(|name| rest.starts_with(**name)) {
                    rest = &rest[found.len()..];
                }
            }
            _ => text.push(next),
        }
    }
    text
}
