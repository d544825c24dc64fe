//! What a row becomes whose key is there already.

use portcullis::{Database, Dialect, ErrorKind, ReadWrite, col, if_, incoming, lit, unique_key, values};

use crate::support::{self, TestDatabase, check};

async fn users(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&[
        "CREATE TABLE users (email varchar(40) PRIMARY KEY, name varchar(40), seen integer DEFAULT 1)",
        "INSERT INTO users VALUES ('a@x', 'Alice', 5)",
    ])
    .await;
    db.read_write().await
}

#[tokio::test]
async fn an_upsert_inserts_what_is_new_and_changes_what_is_there() {
    support::each(async |db| {
        let db = users(db).await;
        let rows = || db.insert("users").columns(["email", "name"]).rows([("a@x", "Ann"), ("b@x", "Bob")]);
        let upsert = rows().on_conflict("email").do_update(|row| row.set_incoming("name").set("seen", col("seen") + 1));
        // Inserted and changed rows count one each.
        assert_eq!(upsert.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("users").order_by("email"), &["a@x|Ann|6", "b@x|Bob|1"]).await;
        // Rows that are as they were are counted too.
        let same = || rows().on_conflict("email").do_update(|row| row.set_incoming("name"));
        assert_eq!(same().execute().await.expect("two rows"), 2, "on {}", db.dialect());
        let one = || db.insert("users").columns(["email", "name"]).row(("a@x", "Eve"));
        assert_eq!(one().on_conflict("email").do_nothing().execute().await.expect("no row"), 0, "on {}", db.dialect());
        let set = one().on_conflict("email").do_update(|row| row.set("name", "fixed").set_null("seen"));
        assert_eq!(set.execute().await.expect("a row"), 1, "on {}", db.dialect());
        check(&db, db.table("users").order_by("email"), &["a@x|fixed|null", "b@x|Bob|1"]).await;
        assert_eq!(one().execute().await.expect_err("no upsert").kind(), ErrorKind::Constraint);
    })
    .await;
}

#[tokio::test]
async fn an_expression_sees_the_row_that_is_there_and_the_incoming_one() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE stock (sku varchar(9) PRIMARY KEY, qty integer, low integer, note varchar(40))",
            "INSERT INTO stock VALUES ('nut', 5, 3, 'old')",
        ])
        .await;
        let db = db.read_write().await;
        let arrived = || db.insert("stock").columns(["sku", "qty", "low"]).row(("nut", 7, 9));
        let added = arrived().on_conflict("sku").do_update(|row| {
            row.set("qty", col("qty") + incoming("qty"))
                .set("low", if_(incoming("low").lt(col("low")), incoming("low"), col("low")))
                .set("note", portcullis::concat([col("note"), lit("+")]))
        });
        assert_eq!(added.execute().await.expect("a row"), 1);
        check(&db, db.table("stock"), &["nut|12|3|old+"]).await;
        // Each value is computed from the row as it was, whatever is set before it.
        let moved = arrived().on_conflict("sku").do_update(|row| row.set("qty", col("low")).set("low", col("low") + 1));
        assert_eq!(moved.execute().await.expect("a row"), 1);
        check(&db, db.table("stock").select(["qty", "low"]), &["3|4"]).await;
        let moved = arrived().on_conflict("sku").do_update(|row| row.set("low", col("low") + 1).set("qty", col("low")));
        assert_eq!(moved.execute().await.expect("a row"), 1);
        check(&db, db.table("stock").select(["qty", "low"]), &["4|5"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_condition_leaves_a_row_alone_and_uncounted() {
    support::each(async |db| {
        let db = users(db).await;
        let newer = |seen: i64| {
            let row = db.insert("users").columns(["email", "name", "seen"]).row(("a@x", "Ann", seen));
            row.on_conflict("email")
                .do_update(|row| row.set_incoming(["name", "seen"]).where_(incoming("seen").gt(col("seen"))))
                .execute()
        };
        if support::mysql_family(db.dialect()) {
            let error = newer(9).await.expect_err("a condition");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "upsert.condition"));
            check(&db, db.table("users"), &["a@x|Alice|5"]).await;
            return;
        }
        assert_eq!(newer(5).await.expect("no row"), 0);
        check(&db, db.table("users"), &["a@x|Alice|5"]).await;
        assert_eq!(newer(6).await.expect("a row"), 1);
        check(&db, db.table("users"), &["a@x|Ann|6"]).await;
    })
    .await;
}

#[tokio::test]
async fn doing_nothing_keeps_the_first_of_two_and_counts_what_was_inserted() {
    support::each(async |db| {
        let db = users(db).await;
        let rows = [("a@x", "Ann"), ("b@x", "Bob"), ("b@x", "Ben"), ("c@x", "Cid")];
        let insert = db.insert("users").columns(["email", "name"]).rows(rows).on_conflict("email").do_nothing();
        assert_eq!(insert.execute().await.expect("two rows"), 2, "on {}", db.dialect());
        check(&db, db.table("users").order_by("email"), &["a@x|Alice|5", "b@x|Bob|1", "c@x|Cid|1"]).await;
        // Other errors are errors.
        let null =
            db.insert("users").columns(["email", "name"]).row((None::<&str>, "x")).on_conflict("email").do_nothing();
        if db.dialect() == Dialect::Sqlite {
            // SQLite lets a primary key be NULL that is no integer.
            assert_eq!(null.execute().await.expect("a row"), 1);
        } else {
            assert_eq!(
                null.execute().await.expect_err("not null").kind(),
                ErrorKind::Constraint,
                "on {}",
                db.dialect()
            );
        }
        let frame = values(["email", "name"], [("c@x", "x"), ("d@x", "Dan")]);
        let insert = db.insert("users").select(frame.by_name()).on_conflict("email").do_nothing();
        assert_eq!(insert.execute().await.expect("a row"), 1, "on {}", db.dialect());
        let many = (0..3_000).map(|n| (format!("{}@y", n / 2), "many"));
        let insert = db.insert("users").columns(["email", "name"]).rows(many).on_conflict("email").do_nothing();
        assert_eq!(insert.execute().await.expect("half of the rows"), 1_500, "on {}", db.dialect());
    })
    .await;
}

#[tokio::test]
async fn two_rows_with_one_key_are_refused_where_one_would_change_the_other() {
    support::each(async |db| {
        let db = users(db).await;
        let rows = [("b@x", "Bob"), ("c@x", "Cid"), ("b@x", "Ben")];
        let insert = || db.insert("users").columns(["email", "name"]).rows(rows);
        let error = insert().on_conflict("email").do_update(|row| row.set_incoming("name")).execute().await;
        let error = error.expect_err("one key twice");
        assert_eq!(error.code(), "upsert.repeated_key");
        assert!(error.to_string().contains("rows 1 and 3"), "{error}");
        check(&db, db.table("users"), &["a@x|Alice|5"]).await;
    })
    .await;
}

#[tokio::test]
async fn two_records_have_one_key_if_they_are_one_value_of_its_column() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE days (day date PRIMARY KEY, seen integer)"]).await;
        let db = db.read_write().await;
        // chrono reads both as one date.
        let records =
            [serde_json::json!({"day": "1999-01-01", "seen": 1}), serde_json::json!({"day": "1999-1-1", "seen": 2})];
        let insert = || db.insert("days").records(&records).on_conflict("day");
        let error = insert().do_update(|row| row.set_incoming("seen")).execute().await.expect_err("one key twice");
        assert_eq!(error.code(), "upsert.repeated_key", "on {}", db.dialect());
        assert!(error.to_string().contains("rows 1 and 2"), "{error}");
        assert_eq!(db.table("days").count().await.expect("a count"), 0);
        assert_eq!(insert().do_nothing().execute().await.expect("a row"), 1, "on {}", db.dialect());
        check(&db, db.table("days").select("seen"), &["1"]).await;
    })
    .await;
}

#[tokio::test]
async fn the_key_must_be_one_of_the_table() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE rooms (id integer PRIMARY KEY, house varchar(9) NOT NULL, number integer NOT NULL, guest varchar(9))",
            "CREATE UNIQUE INDEX rooms_place ON rooms (house, number)",
            "CREATE TABLE doors (house varchar(9) NOT NULL, number integer NOT NULL, colour varchar(9), \
             CONSTRAINT doors_place UNIQUE (house, number))",
        ])
        .await;
        let mariadb = support::mysql_family(db.dialect);
        let named = if db.dialect == Dialect::Sqlite { "sqlite_autoindex_doors_1" } else { "doors_place" };
        let db = db.read_write().await;
        let door = |colour: &'static str| db.insert("doors").columns(["house", "number", "colour"]).row(("A", 1, colour));
        // In any order, or by its name.
        let upsert = door("red").on_conflict(["number", "house"]).do_update(|row| row.set_incoming("colour"));
        assert_eq!(upsert.execute().await.expect("a row"), 1);
        let upsert = door("blue").on_conflict(unique_key(named)).do_update(|row| row.set_incoming("colour"));
        assert_eq!(upsert.execute().await.expect("a row"), 1, "on {}", db.dialect());
        check(&db, db.table("doors"), &["A|1|blue"]).await;
        for refused in [
            door("x").on_conflict("house").do_nothing().execute().await,
            door("x").on_conflict(["house", "colour"]).do_update(|row| row.set_incoming("colour")).execute().await,
            door("x").on_conflict(unique_key("doors_palace")).do_nothing().execute().await,
        ] {
            let error = refused.expect_err("no such key");
            assert_eq!((error.kind(), error.code(), error.table()), (ErrorKind::Schema, "upsert.no_key", Some("doors")));
        }
        let unknown = door("x").on_conflict("hose").do_nothing().execute().await.expect_err("no such column");
        assert_eq!((unknown.code(), unknown.column()), ("schema.unknown_column", Some("hose")));

        // Two keys: what conflicts with the other one is an error, and on MariaDB an update is refused.
        let room = |id: i64, number: i64| {
            db.insert("rooms").columns(["id", "house", "number", "guest"]).row((id, "A", number, "Ada"))
        };
        assert_eq!(room(1, 1).execute().await.expect("a row"), 1);
        assert_eq!(room(1, 2).on_conflict("id").do_nothing().execute().await.expect("no row"), 0);
        let other = room(2, 1).on_conflict("id").do_nothing().execute().await.expect_err("the other key");
        assert_eq!(other.kind(), ErrorKind::Constraint, "on {}", db.dialect());
        let update = room(1, 3).on_conflict("id").do_update(|row| row.set("guest", "Bob")).execute().await;
        if mariadb {
            let error = update.expect_err("two keys");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "upsert.other_key"));
            assert!(error.to_string().contains("rooms_place"), "{error}");
            return;
        }
        assert_eq!(update.expect("a row"), 1);
        check(&db, db.table("rooms"), &["1|A|1|Bob"]).await;
        let other = room(2, 1).on_conflict("id").do_update(|row| row.set("guest", "Cid")).execute().await;
        assert_eq!(other.expect_err("the other key").kind(), ErrorKind::Constraint);
    })
    .await;
}

#[tokio::test]
async fn incoming_means_something_in_an_upsert_alone() {
    support::each(async |db| {
        let db = users(db).await;
        for error in [
            db.table("users").where_(incoming("name").eq("x")).collect().await.map(drop),
            db.update("users").set("name", incoming("name")).all_rows().execute().await.map(drop),
            db.insert("users")
                .columns(["email"])
                .row(["z"])
                .returning(incoming("email").as_("e"))
                .collect()
                .await
                .map(drop),
        ] {
            let error = error.expect_err("no upsert");
            assert_eq!((error.code(), error.column().is_some()), ("upsert.incoming", true), "{error}");
        }
        let not_given = db.insert("users").columns(["email"]).row(["a@x"]).on_conflict("email");
        let not_given = not_given.do_update(|row| row.set("name", incoming("name"))).execute().await;
        assert_eq!(not_given.expect_err("no such column comes in").kind(), ErrorKind::Schema);
        let no_key = db.insert("users").columns(["name"]).row(["x"]).on_conflict("email").do_nothing().execute().await;
        let no_key = no_key.expect_err("the rows have no such column");
        assert_eq!((no_key.code(), no_key.column()), ("upsert.no_value", Some("email")));
        let nothing = db.insert("users").columns(["email"]).row(["a@x"]).on_conflict("email").do_update(|row| row);
        assert_eq!(nothing.execute().await.expect_err("nothing is set").code(), "update.nothing");
    })
    .await;
}

#[tokio::test]
async fn an_upsert_gives_back_the_rows_that_it_wrote() {
    support::on(&support::GIVES_BACK, async |db| {
        let db = users(db).await;
        let rows = || db.insert("users").columns(["email", "name"]).rows([("a@x", "Ann"), ("b@x", "Bob")]);
        let upsert = rows().on_conflict("email").do_update(|row| row.set_incoming("name").set("seen", col("seen") + 1));
        let mut found = support::lines(&upsert.returning(("email", "name", "seen")).collect().await.expect("rows"));
        found.sort();
        assert_eq!(found, ["a@x|Ann|6", "b@x|Bob|1"], "on {}", db.dialect());
        let third = db.insert("users").columns(["email", "name"]).rows([("a@x", "x"), ("c@x", "Cid")]);
        let found = third.on_conflict("email").do_nothing().returning("email").collect_as::<String>().await;
        assert_eq!(found.expect("a row"), ["c@x"], "on {}", db.dialect());
    })
    .await;
}

#[tokio::test]
async fn rows_of_a_frame_are_upserted_where_two_with_one_key_are_seen() {
    support::each(async |db| {
        let db = users(db).await;
        let news = values(["email", "name"], [("a@x", "Ann"), ("b@x", "Bob")]);
        let upsert =
            db.insert("users").select(news.by_name()).on_conflict("email").do_update(|row| row.set_incoming("name"));
        let done = upsert.execute().await;
        if db.dialect() == Dialect::Postgres {
            let twice = values(["email", "name"], [("a@x", "Ann"), ("a@x", "Bob")]);
            let upsert = db.insert("users").select(twice.by_name()).on_conflict("email");
            let twice = upsert.do_update(|row| row.set_incoming("name")).execute().await.expect_err("one key twice");
            assert_eq!(twice.code(), "upsert.repeated_key");
            assert_eq!(done.expect("two rows"), 2);
            check(&db, db.table("users").order_by("email"), &["a@x|Ann|5", "b@x|Bob|1"]).await;
        } else {
            let error = done.expect_err("a frame");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "upsert.frame"));
        }
    })
    .await;
}

#[tokio::test]
async fn the_text_of_an_upsert() {
    portcullis::table! { stock { sku: String, qty: i64 } }
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a handle");
    let row = || db.insert(stock::table).columns(["sku", "qty"]).row(("nut", 5));
    let update = row().on_conflict("sku").do_update(|row| row.set("qty", col("qty") + incoming("qty")));
    let nothing = row().on_conflict("sku").do_nothing();
    for (insert, dialect, expected) in [
        (
            &update,
            Dialect::Postgres,
            r#"INSERT INTO "stock" ("sku", "qty") VALUES ($1::text, $2::bigint) ON CONFLICT ("sku") DO UPDATE SET "qty" = "stock"."qty" + "excluded"."qty""#,
        ),
        (
            &update,
            Dialect::Sqlite,
            r#"INSERT INTO "stock" ("sku", "qty") VALUES (?1, ?2) ON CONFLICT ("sku") DO UPDATE SET "qty" = "stock"."qty" + "excluded"."qty""#,
        ),
        (
            &update,
            Dialect::MariaDb,
            "INSERT INTO `stock` (`sku`, `qty`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `qty` = `stock`.`qty` + VALUES(`qty`)",
        ),
        (
            &nothing,
            Dialect::Postgres,
            r#"INSERT INTO "stock" ("sku", "qty") VALUES ($1::text, $2::bigint) ON CONFLICT ("sku") DO NOTHING"#,
        ),
        (
            &nothing,
            Dialect::MariaDb,
            "INSERT INTO `stock` (`sku`, `qty`) SELECT ?, ? FROM DUAL WHERE NOT EXISTS (SELECT NULL FROM `stock` AS `stock_2` WHERE `stock_2`.`sku` = ?)",
        ),
    ] {
        assert_eq!(insert.to_sql_for(dialect).expect("text").sql(), expected);
    }
}
