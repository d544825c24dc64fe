//! What the catalogue says of a table, and how it differs from a definition.

use portcullis::{
    CreateTable, Database, Dialect, Difference, ErrorKind, ReadWrite, ReferentialAction, SqlType, col, column,
    foreign_key, table,
};

use crate::support;

table! {
    notes { id: i64, body: Option<String> }
}

fn items(db: &Database<ReadWrite>) -> CreateTable {
    db.create_table("items")
        .column(column("id", SqlType::Int64).identity())
        .column(column("name", SqlType::Text).max_length(40).not_null().default("it's nameless"))
        .column(column("code", SqlType::Text).max_length(10).unique())
        .column(column("price", SqlType::decimal(10, 2)).check(col("price").ge(0)))
        .column(column("maker", SqlType::Int64))
        .column(column("twice", SqlType::decimal(12, 2)).generated(col("price") * 2))
        .unique(["name", "maker"])
        .foreign_key(foreign_key("maker").references("makers", "id").on_delete(ReferentialAction::Cascade))
        .check_named("cheap", col("price").lt(100))
}

#[tokio::test]
async fn a_table_is_read_back_as_it_was_defined() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("makers").column(column("id", SqlType::Int64).primary_key()).execute().await.unwrap();
        assert_eq!(items(&db).diff().await.unwrap().differences, [Difference::MissingTable]);
        items(&db).execute().await.unwrap();
        db.create_index("items", "by_price").keys(["price", "id"]).execute().await.unwrap();
        assert_eq!(items(&db).diff().await.unwrap().differences, []);
        let found = db.table_details("items").await.unwrap();
        let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "name", "code", "price", "maker", "twice"]);
        assert_eq!(found.columns[3].sql_type, Some(SqlType::decimal(10, 2)));
        assert!(found.columns[0].identity && !found.columns[0].nullable);
        assert!(found.columns[1].default.is_some() && !found.columns[1].nullable && found.columns[2].default.is_none());
        assert!(found.columns[5].generated.is_some());
        assert_eq!(found.primary_key, ["id"]);
        let mut unique = found.unique_keys.clone();
        unique.sort();
        assert_eq!(unique, [vec!["code".to_owned()], vec!["name".to_owned(), "maker".to_owned()]]);
        assert_eq!(found.foreign_keys.len(), 1);
        assert_eq!(found.foreign_keys[0].references, ["id"]);
        assert_eq!(found.foreign_keys[0].on_delete, ReferentialAction::Cascade);
        let index = found.indexes.iter().find(|index| index.name == "by_price").unwrap();
        assert_eq!(index.columns, ["price", "id"]);
        let mut checks: Vec<&str> = found.checks.iter().filter_map(|check| check.name.as_deref()).collect();
        checks.sort();
        assert_eq!(checks, ["cheap", "items_price_check"]);
        let error = db.table_details("nothing").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Schema, "schema.unknown_table"));
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_told_as_data() {
    support::each(async |test| {
        let db = test.read_write().await;
        db.create_table("makers").column(column("id", SqlType::Int64).primary_key()).execute().await.unwrap();
        let create = db
            .create_table("items")
            .column(column("id", SqlType::Int64).primary_key())
            .column(column("name", SqlType::Int64).unique())
            .column(column("code", SqlType::Text).max_length(10).default("x"))
            .column(column("price", SqlType::decimal(10, 2)).not_null())
            .column(column("more", SqlType::Bool))
            .column(column("maker", SqlType::Int64))
            .check_named("odd", col("price").lt(100));
        create.execute().await.unwrap();
        let found = items(&db).diff().await.unwrap().differences;
        let text = |text: &str| text.to_owned();
        let mut expected = vec![
            Difference::Identity { column: text("id"), found: false },
            Difference::Type { column: text("name"), expected: SqlType::Text, found: Some(SqlType::Int64) },
            Difference::Nullable { column: text("name"), found: true },
            Difference::Default { column: text("name"), found: false },
            Difference::Default { column: text("code"), found: true },
            Difference::Nullable { column: text("price"), found: false },
            Difference::MissingColumn(text("twice")),
            Difference::ExtraColumn(text("more")),
            Difference::MissingUnique(vec![text("code")]),
            Difference::MissingUnique(vec![text("name"), text("maker")]),
            Difference::ExtraUnique(vec![text("name")]),
            Difference::MissingForeignKey(vec![text("maker")]),
            Difference::MissingCheck(text("items_price_check")),
            Difference::MissingCheck(text("cheap")),
            Difference::ExtraCheck(text("odd")),
        ];
        for difference in &found {
            let place = expected.iter().position(|known| known == difference);
            let place = place.unwrap_or_else(|| panic!("{difference:?} is not expected on {}", test.dialect));
            expected.remove(place);
            assert!(!difference.to_string().is_empty());
        }
        assert!(expected.is_empty(), "{expected:?} on {}", test.dialect);
        // Changes that bring the two together.
        db.create_table(notes::table).primary_key("id").execute().await.unwrap();
        assert_eq!(db.create_table(notes::table).primary_key("id").diff().await.unwrap().differences, []);
        db.alter_table("notes").add_column(column("extra", SqlType::Int64)).execute().await.unwrap();
        let extra = db.create_table(notes::table).primary_key("id");
        assert_eq!(extra.diff().await.unwrap().differences, [Difference::ExtraColumn(text("extra"))]);
        assert_eq!(extra.column(column("extra", SqlType::Int64)).diff().await.unwrap().differences, []);
        if test.dialect == Dialect::Postgres {
            assert_eq!(db.table_details(portcullis::in_schema("public", "notes")).await.unwrap().columns.len(), 3);
        }
    })
    .await;
}
