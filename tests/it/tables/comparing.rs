//! Whole schemas read back, and compared with their definitions.

use chrono::NaiveDate;
use portcullis::{
    CreateIndex, CreateTable, Database, Dialect, Difference, NotCompared, OutcomeKind, ReadWrite, ReferentialAction,
    SqlType, StatementKind, TableDiff, col, column, current_timestamp, foreign_key, table,
};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::support;
use crate::support::Recorder;

table! {
    makers { id: i64, name: String, country: Option<String> }
    notes { id: i64, body: Option<String>, written: chrono::NaiveDateTime }
}

fn makers_of(db: &Database<ReadWrite>) -> CreateTable {
    db.create_table(makers::table).primary_key("id").column(column("name", SqlType::Text).max_length(40).not_null())
}

fn items(db: &Database<ReadWrite>) -> CreateTable {
    db.create_table("items")
        .column(column("id", SqlType::Int64).identity())
        .column(column("name", SqlType::Text).max_length(40).not_null().default("it's nameless"))
        .column(column("code", SqlType::Text).max_length(10).unique())
        .column(column("amount", SqlType::Int32).default(-7).check(col("amount").lt(100)))
        .column(column("maker", SqlType::Int64))
        .column(column("data", SqlType::Json))
        .unique(["name", "maker"])
        .foreign_key(foreign_key("maker").references("makers", "id").on_delete(ReferentialAction::Cascade))
}

fn by_amount(db: &Database<ReadWrite>) -> CreateIndex {
    db.create_index("items", "by_amount").keys((col("amount").desc(), "id"))
}

async fn made(db: &Database<ReadWrite>) {
    makers_of(db).execute().await.unwrap();
    items(db).execute().await.unwrap();
    by_amount(db).execute().await.unwrap();
}

#[tokio::test]
async fn all_tables_are_read_in_full_by_as_few_statements_as_one() {
    support::each(async |test| {
        let db = test.read_write().await;
        made(&db).await;
        for number in 0..6 {
            let name = format!("more{number}");
            let create = db.create_table(name.as_str()).column(column("id", SqlType::Int64).primary_key());
            create.column(column("n", SqlType::Int64).default(number)).execute().await.unwrap();
        }
        test.execute_setup(&["CREATE VIEW some_items AS SELECT id, name FROM items"]).await;
        let recorder = Recorder::default();
        let watched = Database::builder(test.dsn_rw().parse().unwrap()).hook(recorder.clone());
        let watched = watched.open_read_write().await.unwrap();
        let all = watched.all_table_details().await.unwrap();
        let read = (StatementKind::Catalog, OutcomeKind::Completed);
        assert_eq!(recorder.ended(), [read, read], "{}", test.dialect);
        let names: Vec<&str> = all.iter().map(|table| table.name.as_str()).collect();
        assert_eq!(names, ["items", "makers", "more0", "more1", "more2", "more3", "more4", "more5", "some_items"]);
        for details in &all {
            assert_eq!(*details, db.table_details(details.name.as_str()).await.unwrap());
            assert_eq!(details.is_view, details.name == "some_items");
        }
        let items = &all[0];
        assert_eq!(items.columns[1].max_length, Some(40));
        assert!(items.columns[1].default.is_some() && items.columns[2].default.is_none());
        assert_eq!(items.columns[5].sql_type, Some(SqlType::Json));
        assert_eq!(items.primary_key, ["id"]);
        assert_eq!(items.foreign_keys[0].table, "makers");
        assert_eq!(items.foreign_keys[0].schema, None);
        assert_eq!(items.checks.len(), 1);
        assert!(items.checks[0].condition.contains("amount"));
        let index = items.indexes.iter().find(|index| index.name == "by_amount").unwrap();
        assert_eq!(
            (&*index.columns, &*index.descending),
            (&["amount".into(), "id".into()][..], &["amount".into()][..])
        );
        assert!(!index.unique && !index.partial && !index.has_expressions);
        for number in 0..6 {
            let details = &all[2 + number];
            assert!(details.columns[1].default.as_ref().unwrap().contains(&number.to_string()));
        }
        if test.dialect == Dialect::Postgres {
            let of_public: Vec<String> =
                db.all_table_details_in("public").await.unwrap().into_iter().map(|table| table.name).collect();
            assert_eq!(of_public, names);
        }
        if test.dialect != Dialect::Sqlite {
            assert_eq!(db.all_table_details_in("there_is_none").await.unwrap(), []);
        } else {
            assert_eq!(db.all_table_details_in("main").await.unwrap_err().code(), "schema.none");
        }
    })
    .await;
}

#[tokio::test]
async fn a_schema_is_as_its_definitions_make_it() {
    support::each(async |test| {
        let db = test.read_write().await;
        made(&db).await;
        db.create_table(notes::table).primary_key("id").execute().await.unwrap();
        let tables = [makers_of(&db), items(&db), db.create_table(notes::table).primary_key("id")];
        let found = db.diff_tables(tables, [by_amount(&db)]).await.unwrap();
        assert_eq!(found.iter().map(|diff| diff.table.as_str()).collect::<Vec<_>>(), ["makers", "items", "notes"]);
        for diff in &found {
            assert_eq!(diff.differences, [], "{}", test.dialect);
        }
        // PostgreSQL tells the check in words of its own, so that it is named.
        let unsure: Vec<NotCompared> = found.into_iter().flat_map(|diff| diff.not_compared).collect();
        match test.dialect {
            Dialect::Sqlite | Dialect::MariaDb => assert_eq!(unsure, []),
            _ => assert!(unsure.is_empty() || unsure == [NotCompared::Check("items_amount_check".to_owned())]),
        }
        // A table and an index that are not defined, and a definition of a table that is not there.
        let missing = db.create_table("missing").column(column("id", SqlType::Int64).primary_key());
        let found = db.diff_tables([missing, items(&db), makers_of(&db)], []).await.unwrap();
        let only = |table: &str| {
            let of: Vec<&TableDiff> = found.iter().filter(|diff| diff.table == table).collect();
            assert_eq!(of.len(), 1);
            of[0].differences.clone()
        };
        assert_eq!(only("missing"), [Difference::MissingTable]);
        assert_eq!(only("items"), [Difference::ExtraIndex("by_amount".to_owned())]);
        assert_eq!(only("notes"), [Difference::ExtraTable]);
        assert_eq!(found.len(), 4);
    })
    .await;
}

/// A table with every kind of default.
fn defaults(db: &Database<ReadWrite>, dialect: Dialect, other: bool) -> CreateTable {
    let pick = |one: i64, two: i64| if other { two } else { one };
    let day = NaiveDate::from_ymd_opt(2024, 2, if other { 28 } else { 29 }).unwrap();
    let moment = day.and_hms_micro_opt(23, 59, 59, 500).unwrap();
    let decimal = Decimal::new(pick(-150, -151), 2);
    let text = |text: &str| format!("{text}{}", if other { "!" } else { "" });
    let create = db
        .create_table("defaults")
        .column(column("id", SqlType::Int64).primary_key())
        .column(column("yes", SqlType::Bool).default(!other))
        .column(column("least", SqlType::Int64).default(pick(i64::MIN, i64::MAX)))
        .column(column("small", SqlType::Int16).default(pick(-7, 7)))
        .column(column("double", SqlType::Float64).default(if other { 1.5 } else { -2.5e10 }))
        .column(column("number", SqlType::decimal(12, 4)).default(decimal))
        .column(column("bytes", SqlType::Bytes).default(vec![0_u8, 39, 92, u8::from(other)]))
        .column(column("day", SqlType::Date).default(day))
        .column(column("time", SqlType::Time).default(moment.time() + chrono::Duration::hours(pick(0, 1))))
        .column(column("at", SqlType::Timestamp).default(moment))
        .column(column("moment", SqlType::TimestampTz).default(moment.and_utc()))
        .column(column("plain", SqlType::Text).default(text("plain")))
        .column(column("quote", SqlType::Text).max_length(30).default(text("it's \\ \"é\" 😀\n%_;--")));
    if dialect == Dialect::MySql {
        return create;
    }
    create.column(column("uuid", SqlType::Uuid).default(Uuid::from_u128(if other { 7 } else { 0x1234_4ef0_9234_5678 })))
}

#[tokio::test]
async fn literal_defaults_are_compared_by_their_values() {
    support::each(async |test| {
        let db = test.read_write().await;
        defaults(&db, test.dialect, false).execute().await.unwrap();
        let same = defaults(&db, test.dialect, false).diff().await.unwrap();
        assert!(same.is_same(), "{}: {same:?}", test.dialect);
        let other = defaults(&db, test.dialect, true).diff().await.unwrap();
        let columns = db.table_details("defaults").await.unwrap().columns;
        let expected: Vec<&str> = columns.iter().skip(1).map(|column| column.name.as_str()).collect();
        let found: Vec<&str> = other
            .differences
            .iter()
            .map(|difference| match difference {
                Difference::DefaultValue { column, found } if !found.is_empty() => column.as_str(),
                different => panic!("{different:?}"),
            })
            .collect();
        assert_eq!(found, expected, "{}", test.dialect);
        assert_eq!(other.not_compared, []);
    })
    .await;
}

#[tokio::test]
async fn each_kind_of_difference_is_told() {
    support::each(async |test| {
        let db = test.read_write().await;
        makers_of(&db).execute().await.unwrap();
        let base = || {
            db.create_table("t")
                .column(column("id", SqlType::Int64).primary_key())
                .column(column("name", SqlType::Text).max_length(20))
                .column(column("amount", SqlType::Int64).default(1))
                .column(column("maker", SqlType::Int64))
        };
        base().execute().await.unwrap();
        let text = |text: &str| text.to_owned();
        let is = async |create: CreateTable, expected: &[Difference]| {
            let found = create.diff().await.unwrap();
            assert_eq!((&*found.differences, &*found.not_compared), (expected, &[][..]), "{}", test.dialect);
            assert!(found.differences.iter().all(|difference| !difference.to_string().is_empty()));
            assert_eq!(found.is_same(), expected.is_empty());
        };
        is(base(), &[]).await;
        let longer = column("name", SqlType::Text).max_length(30);
        let length = Difference::Length { column: text("name"), expected: Some(30), found: Some(20) };
        is(base().column(longer), &[length]).await;
        let length = Difference::Length { column: text("name"), expected: None, found: Some(20) };
        is(base().column(column("name", SqlType::Text)), &[length]).await;
        let typed = Difference::Type { column: text("maker"), expected: SqlType::Text, found: Some(SqlType::Int64) };
        is(base().column(column("maker", SqlType::Text)), &[typed]).await;
        let nullable = Difference::Nullable { column: text("maker"), found: true };
        is(base().column(column("maker", SqlType::Int64).not_null()), &[nullable]).await;
        let none = Difference::Default { column: text("maker"), found: false };
        is(base().column(column("maker", SqlType::Int64).default(7)), &[none]).await;
        let one = Difference::Default { column: text("amount"), found: true };
        is(base().column(column("amount", SqlType::Int64)), &[one]).await;
        let key = Difference::ExtraUnique(vec![text("name")]);
        db.create_index("t", "one_name").keys("name").unique().execute().await.unwrap();
        is(base(), &[key]).await;
        is(base().unique("name"), &[]).await;
        let unique = db.create_index("t", "one_name").keys("name").unique();
        let found = db.diff_tables([base(), makers_of(&db)], [unique]).await.unwrap();
        assert!(found.iter().all(TableDiff::is_same), "{found:?}");
        let unique = db.create_index("t", "one_amount").keys("amount").unique();
        let found = db.diff_tables([base().unique("name"), makers_of(&db)], [unique]).await.unwrap();
        assert_eq!(found[0].differences, [Difference::MissingIndex(text("one_amount"))]);
        let references = foreign_key("maker").references("makers", "id");
        let missing = Difference::MissingForeignKey(vec![text("maker")]);
        is(base().unique("name").foreign_key(references), &[missing]).await;
        let missing = Difference::MissingCheck(text("dear"));
        is(base().unique("name").check_named("dear", col("amount").gt(0)), &[missing]).await;
        let keyed = base().unique("name").column(column("id", SqlType::Int64)).primary_key(["id", "amount"]);
        let found = keyed.diff().await.unwrap().differences;
        assert!(found.contains(&Difference::PrimaryKey { found: vec![text("id")] }), "{found:?}");
        let counts = base().unique("name").column(column("id", SqlType::Int64).identity());
        is(counts, &[Difference::Identity { column: text("id"), found: false }]).await;
        let computed = column("maker", SqlType::Int64).generated(col("amount") * 2);
        is(base().unique("name").column(computed), &[Difference::Generated { column: text("maker"), found: false }])
            .await;
        // The index by another order, and the same.
        db.create_index("t", "by_both").keys(("amount", "maker")).execute().await.unwrap();
        for (index, same) in [
            (db.create_index("t", "by_both").keys(("amount", "maker")), true),
            (db.create_index("t", "by_both").keys(("maker", "amount")), false),
            (db.create_index("t", "by_both").keys((col("amount").desc(), "maker")), false),
            (db.create_index("t", "by_both").keys(("amount", "maker")).unique(), false),
        ] {
            let found = db.diff_tables([base().unique("name"), makers_of(&db)], [index]).await.unwrap();
            let expected = if same { vec![] } else { vec![Difference::Index(text("by_both"))] };
            assert_eq!(found[0].differences, expected, "{}", test.dialect);
        }
    })
    .await;
}

#[tokio::test]
async fn expressions_are_the_same_or_another_or_named_as_not_compared() {
    support::each(async |test| {
        let db = test.read_write().await;
        let base = |factor: i64, most: i64| {
            db.create_table("t")
                .column(column("id", SqlType::Int64).primary_key())
                .column(column("amount", SqlType::Int64))
                .column(column("many", SqlType::Int64).generated(col("amount") * factor))
                .column(column("at", SqlType::TimestampTz).default(current_timestamp()))
                .check_named("few", col("amount").lt(most) & col("id").ge(0))
        };
        base(2, 10).execute().await.unwrap();
        let names = |diff: &TableDiff| diff.not_compared.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let same = base(2, 10).diff().await.unwrap();
        assert_eq!(same.differences, [], "{}", test.dialect);
        let other = base(3, 11).diff().await.unwrap();
        match test.dialect {
            Dialect::Sqlite => {
                assert!(same.is_same());
                let [Difference::GeneratedValue { column, .. }, Difference::Check { name, found }] =
                    &*other.differences
                else {
                    panic!("{other:?}")
                };
                assert_eq!((column.as_str(), name.as_str()), ("many", "few"));
                assert!(found.contains("10"), "{found}");
            }
            // What is not surely the same is named, and so is what is another.
            _ => {
                assert_eq!(other.differences, []);
                assert!(names(&other).contains("the check `few`"), "{other:?}");
                assert!(names(&other).contains("what the column `many` is computed as"), "{other:?}");
            }
        }
        // A check under no name, which only SQLite keeps so, is told by its condition.
        if test.dialect == Dialect::Sqlite {
            test.execute_setup(&["CREATE TABLE bare (id INTEGER NOT NULL PRIMARY KEY, n INTEGER CHECK (n > 0))"]).await;
            let bare = || {
                let n = column("n", SqlType::Int64);
                db.create_table("bare").column(column("id", SqlType::Int64).primary_key()).column(n)
            };
            assert_eq!(bare().diff().await.unwrap().differences, [Difference::ExtraCheck("n > 0".to_owned())]);
        }
        if !support::mysql_family(test.dialect) {
            let partial = |most: i64| db.create_index("t", "some").keys("amount").where_(col("amount").lt(most));
            partial(5).execute().await.unwrap();
            for (most, same) in [(5, true), (6, false)] {
                let found = &db.diff_tables([base(2, 10)], [partial(most)]).await.unwrap()[0];
                if test.dialect == Dialect::Sqlite {
                    assert_eq!(found.is_same(), same, "{found:?}");
                } else {
                    assert!(found.not_compared.contains(&NotCompared::Index("some".to_owned())), "{found:?}");
                }
            }
        }
    })
    .await;
}
