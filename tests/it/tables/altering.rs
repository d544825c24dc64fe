//! ALTER TABLE and indexes.

use portcullis::{Database, Dialect, ErrorKind, ReadWrite, Result, SqlType, col, column, foreign_key, lit};
use rust_decimal::Decimal;

use crate::support;

async fn with_items(db: &Database<ReadWrite>) {
    let create = db.create_table("items").column(column("id", SqlType::Int64).primary_key());
    let create = create.column(column("name", SqlType::Text).max_length(20)).column(column("price", SqlType::Int32));
    create.execute().await.unwrap();
    db.insert("items").columns(["id", "name", "price"]).rows([(1, "lamp", 5), (2, "desk", 7)]).execute().await.unwrap();
}

#[tokio::test]
async fn columns_are_added_renamed_and_dropped_and_rows_stay() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_items(&db).await;
        // The table is known, and statements about it are prepared, before it changes.
        assert_eq!(db.table("items").order_by("id").collect().await.unwrap().len(), 2);
        let state = column("state", SqlType::Text).one_of(["new", "it's old"]).not_null().default("it's old");
        db.alter_table("items").add_column(state).execute().await.unwrap();
        db.alter_table("items")
            .add_column(column("much", SqlType::Int64).check(col("much").lt(100)))
            .execute()
            .await
            .unwrap();
        let states: Vec<String> = db.table("items").order_by("id").select("state").collect_as().await.unwrap();
        assert_eq!(states, ["it's old", "it's old"]);
        let wrong = db.update("items").set("state", "other").where_(col("id").eq(1)).execute().await;
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Constraint);
        let wrong = db.update("items").set("much", 100).where_(col("id").eq(1)).execute().await;
        assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Constraint);
        db.update("items").set("much", 99).where_(col("id").eq(1)).execute().await.unwrap();
        db.alter_table("items").rename_column("name", "title").execute().await.unwrap();
        let titles: Vec<String> = db.table("items").order_by("id").select("title").collect_as().await.unwrap();
        assert_eq!(titles, ["lamp", "desk"]);
        db.table("items").select("name").collect().await.unwrap_err();
        db.alter_table("items").drop_column("price").execute().await.unwrap();
        let row = db.table("items").where_(col("id").eq(1)).one().await.unwrap();
        assert!(row.get("price").is_none() && row.try_get::<i64>("much").unwrap() == 99);
        db.alter_table("items").rename_to("things").execute().await.unwrap();
        assert_eq!(db.table("things").where_(col("title").eq("desk")).count().await.unwrap(), 1);
        db.table("items").count().await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn keys_and_checks_are_added_and_dropped_where_the_database_can() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_items(&db).await;
        let makers = db.create_table("makers").column(column("id", SqlType::Int64).primary_key());
        makers.execute().await.unwrap();
        db.insert("makers").columns(["id"]).rows([[1], [2]]).execute().await.unwrap();
        let results = [
            db.alter_table("items").add_unique("names", ["name"]).execute().await,
            db.alter_table("items").add_check("cheap", col("price").lt(100) & col("name").ne("it's")).execute().await,
            db.alter_table("items").add_foreign_key(foreign_key("id").references("makers", "id")).execute().await,
            db.alter_table("items").set_default("name", "it's nameless").execute().await,
        ];
        if test.dialect == Dialect::Sqlite {
            for result in results {
                let error = result.unwrap_err();
                assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "table.alter"));
            }
            db.create_index("items", "names").keys("name").unique().execute().await.unwrap();
        } else {
            results.into_iter().for_each(|result| result.unwrap());
        }
        let put = async |id: i64, name: &str, price: i32| {
            let insert = db.insert("items").columns(["id", "name", "price"]).row((id, name, price)).execute().await;
            insert.map_err(|error| error.kind())
        };
        assert_eq!(put(3, "lamp", 1).await, Err(ErrorKind::Constraint));
        if test.dialect == Dialect::Sqlite {
            return;
        }
        assert_eq!(put(1, "new", 100).await, Err(ErrorKind::Constraint));
        assert_eq!(put(3, "new", 1).await, Err(ErrorKind::Constraint));
        db.insert("makers").columns(["id"]).row([3]).execute().await.unwrap();
        db.insert("items").columns(["id"]).row([3]).execute().await.unwrap();
        assert_eq!(db.table("items").where_(col("name").eq("it's nameless")).count().await.unwrap(), 1);
        for name in ["names", "cheap", "items_id_fkey"] {
            db.alter_table("items").drop_constraint(name).execute().await.unwrap();
        }
        db.alter_table("items").drop_default("name").execute().await.unwrap();
        assert_eq!(put(9, "lamp", 1000).await, Ok(1));
    })
    .await;
}

#[tokio::test]
async fn a_type_becomes_a_wider_one_or_is_refused() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_items(&db).await;
        let change = |to| db.alter_table("items").change_type("price", to).execute();
        if test.dialect == Dialect::Sqlite {
            assert_eq!(change(SqlType::Int64).await.unwrap_err().code(), "table.alter");
            return;
        }
        db.alter_table("items").set_default("price", -7).execute().await.unwrap();
        change(SqlType::Int64).await.unwrap();
        db.update("items").set("price", i64::MAX).where_(col("id").eq(1)).execute().await.unwrap();
        let price = async |id: i64| {
            db.table("items").where_(col("id").eq(id)).select("price").one_as::<Decimal>().await.unwrap()
        };
        let price_of_one = db.table("items").where_(col("id").eq(1)).select("price").one_as::<i64>().await.unwrap();
        assert_eq!(price_of_one, i64::MAX);
        for narrower in [SqlType::Int16, SqlType::Int32, SqlType::decimal(20, 2), SqlType::Float64, SqlType::Text] {
            assert_eq!(change(narrower).await.unwrap_err().code(), "table.type_change", "{narrower}");
        }
        change(SqlType::decimal(21, 2)).await.unwrap();
        assert_eq!(price(1).await, Decimal::from(i64::MAX), "on {}", test.dialect);
        db.insert("items").columns("id").row([9]).execute().await.unwrap();
        assert_eq!(price(9).await, Decimal::from(-7), "on {}", test.dialect);
        let unknown = db.alter_table("items").change_type("prise", SqlType::Int64).execute().await.unwrap_err();
        assert_eq!(unknown.code(), "schema.unknown_column", "{unknown}");
        let shown = db.alter_table("items").change_type("price", SqlType::Int64).to_sql_for(test.dialect);
        assert_eq!(shown.is_ok(), test.dialect == Dialect::Postgres);
    })
    .await;
}

#[tokio::test]
async fn a_column_holds_no_null_or_may_again() {
    support::each(async |test| {
        let db = test.read_write().await;
        let create = db.create_table("items").column(column("id", SqlType::Int64).primary_key());
        let create = create.column(column("name", SqlType::Text).max_length(20).default("it's new").unique());
        create.column(column("price", SqlType::Int32).not_null().check(col("price").gt(0))).execute().await.unwrap();
        let put = async |id: i64, name: Option<&str>, price: Option<i32>| {
            let insert = db.insert("items").columns(["id", "name", "price"]).row((id, name, price)).execute().await;
            insert.map_err(|error| error.kind())
        };
        assert_eq!(put(1, None, Some(5)).await, Ok(1));
        assert_eq!(put(2, Some("desk"), None).await, Err(ErrorKind::Constraint));
        let set = db.alter_table("items").set_not_null("name").execute().await;
        // A row holds one, and the column stays as it was.
        let refused = set.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Constraint, "on {}: {refused:?}", test.dialect);
        assert_eq!(put(3, None, Some(5)).await, Ok(1));
        db.delete("items").where_(col("id").eq(3)).execute().await.unwrap();
        db.update("items").set("name", "lamp").where_(col("id").eq(1)).execute().await.unwrap();
        db.alter_table("items").set_not_null("name").execute().await.unwrap();
        assert_eq!(put(3, None, Some(5)).await, Err(ErrorKind::Constraint), "on {}", test.dialect);
        db.alter_table("items").drop_not_null("price").execute().await.unwrap();
        assert_eq!(put(3, Some("chair"), None).await, Ok(1), "on {}", test.dialect);
        // The default, the key and the check are what they were.
        db.insert("items").columns(["id", "price"]).row((4, 6)).execute().await.unwrap();
        assert_eq!(db.table("items").where_(col("name").eq("it's new")).count().await.unwrap(), 1);
        assert_eq!(put(5, Some("lamp"), Some(1)).await, Err(ErrorKind::Constraint));
        assert_eq!(put(5, Some("shelf"), Some(0)).await, Err(ErrorKind::Constraint));
        let details = db.table_details("items").await.unwrap();
        let nullable = |name: &str| details.columns.iter().find(|it| it.name == name).map(|it| it.nullable);
        assert_eq!((nullable("name"), nullable("price")), (Some(false), Some(true)), "on {}", test.dialect);
        db.alter_table("items").set_not_null("nothing").execute().await.unwrap_err();
    })
    .await;
}

/// What the server itself says of a table.
async fn shown(db: &Database<ReadWrite>) -> Vec<String> {
    let rows = db.sql("SHOW CREATE TABLE kinds").collect().await.unwrap();
    let text = rows.first().unwrap().try_get::<String>(1).unwrap();
    text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect()
}

#[tokio::test]
async fn what_else_mysql_and_mariadb_know_of_a_column_stays_when_its_definition_is_said_again() {
    support::each(async |test| {
        if !support::mysql_family(test.dialect) {
            return;
        }
        let maria = test.dialect == Dialect::MariaDb;
        let mut kept = vec![
            ("a", "int DEFAULT NULL"),
            ("b", "int NOT NULL DEFAULT 5 COMMENT 'in cents'"),
            ("c", "bigint unsigned NOT NULL DEFAULT 18446744073709551615"),
            ("d", "decimal(10,2) DEFAULT -1.50"),
            ("e", "double NOT NULL DEFAULT 0.5"),
            ("f", "varchar(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL DEFAULT 'x'"),
            ("g", "text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
            ("h", "date NOT NULL DEFAULT '2024-02-29'"),
            ("i", "datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"),
            ("j", "timestamp(3) NULL DEFAULT NULL"),
            ("k", "time(6) NOT NULL DEFAULT '10:00:00.5'"),
            ("l", "varbinary(9) NOT NULL"),
            ("m", "tinyint(1) NOT NULL DEFAULT 1"),
            ("n", "mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL"),
            ("o", "year NOT NULL DEFAULT 1999"),
            ("p", "json NOT NULL"),
            ("q", "varchar(20) NOT NULL DEFAULT (concat('a', 'b'))"),
        ];
        let refused = [
            ("r", "enum('x','y') NOT NULL"),
            ("s", "int GENERATED ALWAYS AS (`b` + 1) VIRTUAL"),
            ("t", "timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"),
            ("u", "int NOT NULL COMMENT 'it''s'"),
            ("v", "int NOT NULL DEFAULT (5 + 1)"),
            ("w", if maria { "int NOT NULL CHECK (`w` > 0)" } else { "int NOT NULL DEFAULT 1 INVISIBLE" }),
            ("x", if maria { "int NOT NULL DEFAULT 1 INVISIBLE" } else { "geometry NOT NULL" }),
        ];
        let computed = kept.pop().into_iter();
        let columns =
            |list: &[(&str, &str)]| list.iter().map(|(name, rest)| format!("`{name}` {rest}")).collect::<Vec<_>>();
        let mut all = vec!["`id` int NOT NULL AUTO_INCREMENT PRIMARY KEY".to_owned()];
        all.extend(columns(&kept));
        all.extend(columns(&refused));
        all.extend(computed.clone().map(|(name, rest)| format!("`{name}` {rest}")));
        let create = format!("CREATE TABLE kinds ({}, KEY by_b (`b`), UNIQUE KEY by_f (`f`, `b`))", all.join(", "));
        test.execute_setup(&[&create]).await;
        let db = test.read_write().await;
        let before = shown(&db).await;
        for (name, said) in &kept {
            let not_null = said.contains("NOT NULL");
            let once = |not_null: bool| {
                let alter = db.alter_table("kinds");
                if not_null { alter.set_not_null(name) } else { alter.drop_not_null(name) }
            };
            // As it is, then the other way, and back: the server says what it said before.
            once(not_null).execute().await.unwrap_or_else(|error| panic!("{name} on {}: {error}", test.dialect));
            assert_eq!(shown(&db).await, before, "{name} on {}", test.dialect);
            once(!not_null).execute().await.unwrap_or_else(|error| panic!("{name} on {}: {error}", test.dialect));
            let other = shown(&db).await;
            let differ: Vec<_> = before.iter().zip(&other).filter(|(one, other)| one != other).collect();
            assert!(differ.len() == 1 && before.len() == other.len(), "{name} on {}: {differ:?}", test.dialect);
            once(not_null).execute().await.unwrap();
            assert_eq!(shown(&db).await, before, "{name} on {}", test.dialect);
        }
        for (name, _) in refused.into_iter().chain(computed) {
            let error = db.alter_table("kinds").drop_not_null(name).execute().await.expect_err(name);
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Unsupported, "table.alter"),
                "{name} on {}",
                test.dialect
            );
        }
        assert_eq!(shown(&db).await, before);
        // A counting key grows, and counts on.
        db.alter_table("kinds").change_type("id", SqlType::Int64).execute().await.unwrap();
        let after = shown(&db).await;
        let differ: Vec<_> =
            before.iter().zip(&after).filter(|(one, other)| one != other).map(|(_, other)| other).collect();
        assert!(
            matches!(differ[..], [line] if line.contains("bigint") && line.contains("AUTO_INCREMENT")),
            "{differ:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn indexes_are_unique_partial_and_by_expressions_where_the_database_has_them() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_items(&db).await;
        db.create_index("items", "by_price").keys((col("price").desc(), "id")).execute().await.unwrap();
        db.create_index("items", "by_price").keys("id").execute().await.unwrap_err();
        let again = db.create_index("items", "by_price").keys("id").if_not_exists().execute().await;
        if test.dialect == Dialect::MySql {
            assert_eq!(again.unwrap_err().code(), "index.if_exists");
        } else {
            again.unwrap();
        }
        db.create_index("items", "names").keys("name").unique().execute().await.unwrap();
        let put = async |id: i64, name: &str, price: i32| {
            let insert = db.insert("items").columns(["id", "name", "price"]).row((id, name, price)).execute().await;
            insert.map_err(|error| error.kind())
        };
        assert_eq!(put(3, "lamp", 1).await, Err(ErrorKind::Constraint));
        db.drop_index("items", "names").execute().await.unwrap();
        db.drop_index("items", "names").execute().await.unwrap_err();
        let again = db.drop_index("items", "names").if_exists().execute().await;
        if test.dialect == Dialect::MySql {
            assert_eq!(again.unwrap_err().code(), "index.if_exists");
        } else {
            again.unwrap();
        }
        let partial = db.create_index("items", "one_lamp").keys("name").unique();
        let partial = partial.where_(col("price").gt(5) & col("name").ne("it's")).execute().await;
        let computed = db.create_index("items", "twice").keys(col("price") * 2).unique().execute().await;
        if support::mysql_family(test.dialect) {
            assert_eq!(partial.unwrap_err().code(), "index.partial");
            if test.dialect == Dialect::MariaDb {
                assert_eq!(computed.unwrap_err().code(), "index.expression");
            } else {
                computed.unwrap();
            }
        } else {
            partial.unwrap();
            computed.unwrap();
            assert_eq!(put(3, "lamp", 1).await, Ok(1));
            assert_eq!(put(4, "desk", 8).await, Err(ErrorKind::Constraint));
            assert_eq!(put(4, "sofa", 7).await, Err(ErrorKind::Constraint));
        }
        db.schema().await.unwrap();
        let mistakes = [
            (db.create_index("items", "x").execute().await, "index.no_keys"),
            (db.create_index("items", "x").keys("pricee").execute().await, "schema.unknown_column"),
            (db.create_index("items", "x'y").keys("price").execute().await, "ident.character"),
        ];
        for (result, code) in mistakes {
            let error = result.unwrap_err();
            assert!(format!("{error:?}").contains(code), "{code}: {error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn mistakes_of_a_change_are_told_before_it_is_sent() {
    support::each(async |test| {
        let db = test.read_write().await;
        with_items(&db).await;
        db.schema().await.unwrap();
        let alter = || db.alter_table("items");
        for (alter, code) in [
            (alter(), "table.alter_nothing"),
            (alter().drop_column("name").drop_column("price"), "table.alter_twice"),
            (alter().add_column(column("x", SqlType::Int64).not_null()), "table.not_null_default"),
            (alter().add_column(column("x", SqlType::Int64).unique()), "table.alter_key"),
            (alter().add_column(column("name", SqlType::Int64)), "table.repeated_column"),
            (alter().drop_column("nam"), "schema.unknown_column"),
            (alter().rename_column("nam", "b"), "schema.unknown_column"),
            (alter().add_column(column("x", SqlType::Text).default(lit(1))), "type.value"),
        ] {
            let error = alter.execute().await.unwrap_err();
            assert!(format!("{error:?}").contains(code), "{code}: {error:?}");
        }
        let result = db.transaction(async |tx| -> Result<()> {
            tx.alter_table("items").rename_to("things").execute().await?;
            assert_eq!(tx.table("things").count().await?, 2);
            tx.insert("things").columns(["id"]).row([1]).execute().await?;
            Ok(())
        });
        let error = result.await.unwrap_err();
        if support::mysql_family(test.dialect) {
            assert_eq!(error.code(), "ddl.transaction");
        } else {
            assert_eq!(error.kind(), ErrorKind::Constraint);
        }
        assert_eq!(db.table("items").count().await.unwrap(), 2);
    })
    .await;
}
