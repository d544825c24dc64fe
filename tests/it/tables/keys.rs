//! Keys and checks hold on every database.

use portcullis::{Database, ErrorKind, ReadWrite, ReferentialAction, SqlType, col, column, foreign_key};

use crate::support;

/// What an insert into `items` of this row fails with, if it does.
async fn put(db: &Database<ReadWrite>, table: &str, id: i64, other: Option<i64>) -> Option<ErrorKind> {
    let insert = db.insert(table).columns(["id", "other"]).row((id, other)).execute().await;
    insert.err().map(|error| error.kind())
}

#[tokio::test]
async fn unique_keys_and_checks_are_kept_by_every_database() {
    support::each(async |test| {
        let db = test.read_write().await;
        let create = db
            .create_table("items")
            .column(column("id", SqlType::Int64).primary_key())
            .column(column("code", SqlType::Text).max_length(20).unique())
            .column(column("a", SqlType::Int32))
            .column(column("price", SqlType::decimal(10, 2)).check(col("price").ge(0)))
            .column(column("state", SqlType::Text).one_of(["new", "it's sold"]))
            .unique_named("a_and_code", ["a", "code"])
            .check_named("cheap_or_new", col("price").lt(100) | col("state").eq("new"));
        create.execute().await.unwrap();
        let put = async |id: i64, code: Option<&str>, price: &str, state: &str| {
            let price: rust_decimal::Decimal = price.parse().unwrap();
            let insert = db.insert("items").columns(["id", "code", "price", "state"]).row((id, code, price, state));
            insert.execute().await.map_err(|error| (error.kind(), error.constraint().map(str::to_owned)))
        };
        put(1, Some("x"), "1.50", "new").await.unwrap();
        put(2, Some("X"), "1.50", "it's sold").await.unwrap();
        put(3, Some("x "), "0", "new").await.unwrap();
        put(4, None, "0", "new").await.unwrap();
        put(5, None, "100", "new").await.unwrap();
        assert_eq!(put(6, Some("x"), "1", "new").await.unwrap_err().0, ErrorKind::Constraint);
        assert_eq!(put(1, Some("y"), "1", "new").await.unwrap_err().0, ErrorKind::Constraint);
        for (price, state, name) in [
            ("-0.01", "new", "items_price_check"),
            ("1", "neww", "items_state_check"),
            ("1", "NEW", "items_state_check"),
            ("100", "it's sold", "cheap_or_new"),
        ] {
            let (kind, constraint) = put(7, None, price, state).await.unwrap_err();
            assert_eq!(kind, ErrorKind::Constraint, "{price} {state}");
            assert_eq!(constraint.as_deref(), Some(name));
        }
        let changed = db.update("items").set("price", -1).where_(col("id").eq(1)).execute().await;
        assert_eq!(changed.unwrap_err().kind(), ErrorKind::Constraint);
        assert_eq!(db.table("items").count().await.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn foreign_keys_refuse_cascade_and_set_null_on_delete_and_update() {
    support::each(async |test| {
        let db = test.read_write().await;
        let parent = db.create_table("parents").column(column("id", SqlType::Int64).primary_key());
        parent.execute().await.unwrap();
        use ReferentialAction::{Cascade, NoAction, Restrict, SetNull};
        for (table, delete, update) in [
            ("plain", NoAction, NoAction),
            ("strict", Restrict, Restrict),
            ("follows", Cascade, Cascade),
            ("forgets", SetNull, SetNull),
        ] {
            let key = foreign_key("other").references("parents", "id").on_delete(delete).on_update(update);
            let create = db.create_table(table).column(column("id", SqlType::Int64).primary_key());
            create.column(column("other", SqlType::Int64)).foreign_key(key).execute().await.unwrap();
            db.insert("parents").columns(["id"]).rows([[1], [2]]).execute().await.unwrap();
            assert_eq!(put(&db, table, 1, Some(1)).await, None);
            assert_eq!(put(&db, table, 2, Some(2)).await, None);
            assert_eq!(put(&db, table, 3, None).await, None);
            assert_eq!(put(&db, table, 4, Some(9)).await, Some(ErrorKind::Constraint));
            let deleted = db.delete("parents").where_(col("id").eq(1)).execute().await;
            let moved = db.update("parents").set("id", 20).where_(col("id").eq(2)).execute().await;
            let left: Vec<(i64, Option<i64>)> = db.table(table).order_by("id").collect_as().await.unwrap();
            let expected = match delete {
                Cascade => vec![(2, Some(20)), (3, None)],
                SetNull => vec![(1, None), (2, None), (3, None)],
                _ => vec![(1, Some(1)), (2, Some(2)), (3, None)],
            };
            assert_eq!(left, expected, "{table}");
            assert_eq!(deleted.is_ok(), matches!(delete, Cascade | SetNull), "{table}");
            assert_eq!(moved.is_ok(), matches!(update, Cascade | SetNull), "{table}");
            if let Err(error) = deleted {
                assert_eq!(error.kind(), ErrorKind::Constraint);
            }
            db.delete(table).all_rows().execute().await.unwrap();
            db.delete("parents").all_rows().execute().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn keys_of_several_columns_and_of_the_table_itself_hold() {
    support::each(async |test| {
        let db = test.read_write().await;
        let pairs = db
            .create_table("pairs")
            .column(column("a", SqlType::Int64))
            .column(column("b", SqlType::Text).max_length(9));
        pairs.primary_key(["a", "b"]).execute().await.unwrap();
        let uses = db
            .create_table("uses")
            .column(column("id", SqlType::Int64).identity())
            .column(column("a", SqlType::Int64))
            .column(column("b", SqlType::Text).max_length(9))
            .column(column("before", SqlType::Int64))
            .foreign_key(foreign_key(["a", "b"]).references("pairs", ["a", "b"]).on_update(ReferentialAction::Cascade))
            .foreign_key(foreign_key("before").references("uses", "id").named("its_own"));
        uses.execute().await.unwrap();
        db.insert("pairs").columns(["a", "b"]).rows([(1, "x"), (1, "y")]).execute().await.unwrap();
        let twice = db.insert("pairs").columns(["a", "b"]).row((1, "x")).execute().await;
        assert_eq!(twice.unwrap_err().kind(), ErrorKind::Constraint);
        let null = db.insert("pairs").columns(["a", "b"]).row((1, None::<&str>)).execute().await;
        assert_eq!(null.unwrap_err().kind(), ErrorKind::Constraint);
        let put = async |a: i64, b: &str, before: Option<i64>| {
            db.insert("uses")
                .columns(["a", "b", "before"])
                .row((a, b, before))
                .execute()
                .await
                .map_err(|error| error.kind())
        };
        put(1, "x", None).await.unwrap();
        assert_eq!(put(1, "z", None).await, Err(ErrorKind::Constraint));
        assert_eq!(put(1, "x", Some(77)).await, Err(ErrorKind::Constraint));
        let first: i64 = db.table("uses").select("id").one_as().await.unwrap();
        put(1, "y", Some(first)).await.unwrap();
        db.update("pairs").set("b", "q").where_(col("b").eq("x")).execute().await.unwrap();
        assert_eq!(db.table("uses").where_(col("b").eq("q")).count().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_foreign_key_to_nothing_is_refused_on_every_database() {
    support::each(async |test| {
        let db = test.read_write().await;
        let create = || db.create_table("t").column(column("id", SqlType::Int64).primary_key());
        let error = create().foreign_key(foreign_key("id").references("nothing", "id")).execute().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Schema | ErrorKind::Database), "{error:?}");
        assert!(db.table("t").count().await.is_err());
        db.create_table("there").column(column("id", SqlType::Int64).primary_key()).execute().await.unwrap();
        let key = foreign_key("id").references("there", "id").on_delete(ReferentialAction::SetDefault);
        let create = create().foreign_key(key).execute().await;
        if support::mysql_family(test.dialect) {
            assert_eq!(create.unwrap_err().code(), "table.set_default");
        } else {
            create.unwrap();
        }
    })
    .await;
}
