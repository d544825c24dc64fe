//! A string as a name is refused without being repeated raw, or is one quoted name that decodes back to it.

use std::sync::{Arc, Mutex};

use portcullis::{
    Database, DeclaredColumn, DeclaredTable, Dialect, Error, ErrorKind, Frame, Hook, Ident, QueryContext, QueryText,
    ReadWrite, Result, SqlType, all, case, coalesce, col, count, in_schema, lit, max, on, sum, table, using,
};

use super::decode::{DIALECTS, decode};
use super::list::{identifiers, payloads};

table! {
    notes { id: i64, body: String }
    marks { id: i64, body: String, score: i64 }
}

/// What stands for the name in the text that all others are compared with.
const MARKER: &str = "qz";

/// A declared table `base` that has a column called `name`, so that its type is known.
fn base(name: &str) -> Frame {
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let columns = vec![
        DeclaredColumn::new("id", SqlType::Int64, false),
        DeclaredColumn::new("a", SqlType::Int64, false),
        DeclaredColumn::new(name, SqlType::Int64, true),
    ];
    table(DeclaredTable::new("base", Box::leak(columns.into_boxed_slice())))
}

type Position = (&'static str, fn(&str) -> Frame);

/// Every place of a frame where a name stands.
const POSITIONS: &[Position] = &[
    ("table", |name| table(name)),
    ("table, by String", |name| table(name.to_owned()).where_(col("id").gt(1)).select(["id"])),
    ("schema", |name| match in_schema(name, "notes") {
        Ok(both) => table(both).select(["id"]),
        Err(_) => table(name),
    }),
    ("table in a schema", |name| match in_schema("main", name) {
        Ok(both) => table(both).select(["id"]),
        Err(_) => table(name),
    }),
    ("selected column", |name| base(name).select([name])),
    ("column beside a value", |name| base(name).where_(col(name).eq(1)).select(["id"])),
    ("column in expressions", |name| {
        base(name).select((
            (col(name) + 1).as_("a"),
            coalesce([col(name), lit(1)]).as_("b"),
            case().when(col(name).is_null(), col(name)).otherwise(2).as_("c"),
        ))
    }),
    ("alias", |name| base("other").select([(col("a") + 1).as_(name)])),
    ("alias used again", |name| {
        base("other")
            .select([(col("a") + 1).as_(name)])
            .where_(col(name).gt(1))
            .order_by(name)
            .limit(2)
            .where_(col(name).lt(9))
    }),
    ("sort key", |name| base(name).select(["id"]).order_by(name)),
    ("descending sort key", |name| base(name).select(["id"]).order_by(col(name).desc().nulls_last())),
    ("group key", |name| base(name).group_by(name).agg(count(all()).as_("n"))),
    ("aggregated column", |name| {
        base(name).group_by("id").agg((sum(col(name)).as_("s"), max(col(name)).as_("m"))).where_(col("s").gt(1))
    }),
    ("aggregate without a name of its own", |name| base(name).agg(sum(col(name)))),
    ("aggregate's alias", |name| table("base").agg(count(all()).as_(name))),
    ("relation alias", |name| {
        table(notes::table).as_(name).join(table(marks::table), on(col("id").of(name).eq(col("id").of("marks"))))
    }),
    ("alias in a self-join", |name| {
        table(notes::table).as_("l").join(table(notes::table).as_(name), on(notes::id.of("l").eq(notes::id.of(name))))
    }),
    ("rename target", |name| table(notes::table).rename("body", name)),
    ("added column", |name| table(notes::table).with_column(name, col("id") + 1)),
    ("join suffix", |name| table(notes::table).join(table(marks::table), using("id").suffix(name))),
    ("join key", |name| {
        table(notes::table).rename("id", name).semi_join(table(marks::table).rename("id", name), using(name))
    }),
    ("column of a nested block", |name| base(name).order_by("id").limit(3).where_(col(name).gt(1)).select([name])),
];

/// Places where a name must be one that is known, so another can only be refused.
const LOOKUPS: &[Position] = &[
    ("renamed column", |name| table(notes::table).rename(name, "x")),
    ("dropped column", |name| table(notes::table).drop([name])),
    ("column of a declared table", |name| table(notes::table).where_(col(name).eq(1))),
    ("relation of a column", |name| {
        table(notes::table).join(table(marks::table), on(col("id").of(name).eq(col("score"))))
    }),
];

/// What people may be shown of a refusal: one line, nothing that moves the cursor or hides, and no quote of its own that the
/// payload could have closed.
fn check_shown(error: &Error, payload: &str) {
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(shown.chars().all(|character| !hidden(character)), "{payload:?} gives {shown:?}");
        let escaped = payload.len() > 2 && payload.chars().any(|character| hidden(character) || character == '`');
        assert!(!escaped || !shown.contains(payload), "{payload:?} stands raw in {shown:?}");
        assert!(shown.len() < 2_000, "{payload:?} gives {} bytes", shown.len());
    }
}

/// Control characters, line separators, bidirectional and zero-width marks.
pub fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with `name`, if it is taken, has the same shape as that with the marker, and the name where the marker stands.
fn check_same_shape(found: &QueryText, plain: &QueryText, name: &str, dialect: Dialect) {
    let (shape, names) = decode(found.sql(), dialect);
    let (plain_shape, plain_names) = decode(plain.sql(), dialect);
    assert_eq!(shape, plain_shape, "{name:?} on {dialect}: {}", found.sql());
    let wanted: Vec<String> = plain_names.iter().map(|plain| plain.replace(MARKER, name)).collect();
    assert_eq!(names, wanted, "{name:?} on {dialect}: {}", found.sql());
    assert!(plain_names.iter().any(|plain| plain.contains(MARKER)));
}

/// How many were taken.
fn check_names(names: &[&str], dialect: Dialect) -> usize {
    let plain: Vec<QueryText> = POSITIONS
        .iter()
        .map(|(what, make)| {
            make(MARKER).to_sql_for(dialect).unwrap_or_else(|error| panic!("{what} on {dialect}: {error:?}"))
        })
        .collect();
    let mut taken = 0;
    for name in names {
        for ((what, make), plain) in POSITIONS.iter().zip(&plain) {
            match make(name).to_sql_for(dialect) {
                Ok(found) => {
                    assert!(Ident::new(name).is_ok(), "{what}: {name:?}");
                    check_same_shape(&found, plain, name, dialect);
                    taken += 1;
                }
                Err(error) => {
                    // A suffix makes a longer name, which may be too long though the suffix is not.
                    assert_eq!(error.kind(), ErrorKind::Name, "{what}: {name:?}: {error:?}");
                    assert!(Ident::new(name).is_err() || name.len() > 55, "{what}: {name:?}: {error:?}");
                    check_shown(&error, name);
                }
            }
        }
    }
    taken
}

/// The positions of `POSITIONS` where a second name of the statement may meet the payload; those payloads are other tests'.
fn meets_another(name: &str) -> bool {
    ["id", "body", "score", "a", "b", "c", "n", "s", "m", "l", "x", "t", "base", "notes", "marks", "main"]
        .contains(&name.to_lowercase().as_str())
        // SQLite has no such column of a subquery, so the compiler renames it there: the tests on real databases have them.
        || ["true", "false"].contains(&name.to_lowercase().as_str())
}

#[test]
fn a_payload_as_a_name_is_refused_or_one_quoted_name() {
    let names: Vec<&str> = payloads().iter().map(String::as_str).filter(|name| !meets_another(name)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = DIALECTS.iter().map(|dialect| scope.spawn(|| check_names(&names, *dialect))).collect();
        for thread in threads {
            let taken = thread.join().unwrap();
            assert!(taken > 1_000 && taken < names.len() * POSITIONS.len(), "{taken} taken");
        }
    });
}

#[test]
fn a_payload_as_a_name_that_must_be_known_is_refused_and_not_repeated_raw() {
    for (what, make) in LOOKUPS {
        for name in payloads().iter().filter(|name| !meets_another(name)) {
            let error = make(name).to_sql_for(Dialect::Postgres).expect_err(name);
            assert!(matches!(error.kind(), ErrorKind::Name | ErrorKind::Schema), "{what}: {name:?}: {error:?}");
            assert_eq!(error.kind() == ErrorKind::Schema, Ident::new(name).is_ok(), "{what}: {name:?}: {error:?}");
            check_shown(&error, name);
        }
    }
    for (what, make) in [
        ("renamed", LOOKUPS[0].1("body")),
        ("dropped", LOOKUPS[1].1("body")),
        ("declared", LOOKUPS[2].1("id")),
        ("relation", LOOKUPS[3].1("notes")),
    ] {
        assert!(make.to_sql_for(Dialect::Postgres).is_ok(), "{what}");
    }
}

#[test]
fn every_line_of_the_identifier_list_has_its_class_in_every_place() {
    let lines = identifiers();
    for dialect in DIALECTS {
        for (name, class) in lines.iter().filter(|(name, _)| !meets_another(name)) {
            for (what, make) in POSITIONS {
                let found = make(name).to_sql_for(dialect);
                if class == "hostile" {
                    let error = found.expect_err(name);
                    assert_eq!(error.kind(), ErrorKind::Name, "{what}: {name:?}: {error:?}");
                    check_shown(&error, name);
                    continue;
                }
                match found {
                    Ok(found) => {
                        check_same_shape(&found, &make(MARKER).to_sql_for(dialect).unwrap(), name, dialect);
                    }
                    Err(error) => {
                        assert!(error.kind() == ErrorKind::Name && name.len() > 55, "{what}: {name:?}: {error:?}");
                    }
                }
            }
        }
    }
}

/// Remembers the last text.
#[derive(Default)]
struct Last(Mutex<Option<String>>);

impl Hook for Last {
    async fn before(&self, cx: &QueryContext) -> Result<()> {
        *self.0.lock().unwrap() = cx.sql().map(str::to_owned);
        Ok(())
    }
}

/// Writes go through a handle, so here each payload is sent; the database then says that it knows no such name.
#[tokio::test]
async fn a_payload_as_a_name_in_a_write_is_refused_or_one_quoted_name() {
    let last = Arc::new(Last::default());
    let dsn = "sqlite::memory:".parse().unwrap();
    let db = Database::builder(dsn).hook(Arc::clone(&last)).open_read_write().await.unwrap();
    db.sql("CREATE TABLE base (id integer, body text)").execute().await.unwrap();
    type Write = fn(&Database<ReadWrite>, &str) -> std::pin::Pin<Box<dyn Future<Output = Result<u64>> + Send>>;
    let writes: [(&str, Write); 7] = [
        ("insert into", |db, name| Box::pin(db.insert(name).columns(["id"]).row([1]).execute())),
        ("inserted column", |db, name| Box::pin(db.insert("base").columns(["id", name]).row([1, 2]).execute())),
        ("update of", |db, name| Box::pin(db.update(name).set("id", 1).all_rows().execute())),
        ("set", |db, name| Box::pin(db.update("base").set(name, 1).where_(col("id").eq(1)).execute())),
        ("set to NULL", |db, name| Box::pin(db.update("base").set_null(name).where_(col(name).eq(1)).execute())),
        ("delete from", |db, name| Box::pin(db.delete(name).where_(col("id").eq(1)).execute())),
        ("delete where", |db, name| Box::pin(db.delete("base").where_(col(name).eq(1)).execute())),
    ];
    for (what, write) in writes {
        let _ = write(&db, MARKER).await;
        let plain = last.0.lock().unwrap().take().unwrap_or_default();
        for name in payloads().iter().filter(|name| !meets_another(name)) {
            let error = write(&db, name).await.expect_err(name);
            let text = last.0.lock().unwrap().take();
            check_shown(&error, name);
            if Ident::new(name).is_err() {
                assert_eq!(error.kind(), ErrorKind::Name, "{what}: {name:?}: {error:?}");
                assert_eq!(text, None, "{what}: {name:?}");
            } else {
                assert!(matches!(error.kind(), ErrorKind::Schema | ErrorKind::Database), "{what}: {name:?}: {error:?}");
                if let Some(text) = text.filter(|_| !plain.is_empty()) {
                    let (shape, names) = decode(&text, Dialect::Sqlite);
                    let (plain_shape, plain_names) = decode(&plain, Dialect::Sqlite);
                    assert_eq!(shape, plain_shape, "{what}: {name:?}");
                    assert!(
                        names.iter().eq(plain_names.iter().map(|it| if it == MARKER { name } else { it })),
                        "{text}"
                    );
                }
            }
        }
    }
    assert_eq!(db.table("base").count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_payload_as_the_name_of_a_parameter_is_refused() {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().unwrap()).await.unwrap();
    for name in payloads() {
        let error = db.sql("SELECT :v AS v").bind("v", 1).bind(name, 2).collect().await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::RawSql, "{name:?}: {error:?}");
        check_shown(&error, name);
    }
    assert_eq!(db.sql("SELECT :v AS v").bind("v", 1).collect().await.unwrap().len(), 1);
}
