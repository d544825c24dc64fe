//! Elements of arrays as rows.

use portcullis::{Dialect, ErrorKind, Frame, SqlType, all, col, count, elements, on, table, using};

use crate::support::{self, check};

portcullis::table! {
    people { id: i64, tags: serde_json::Value, name: String }
}

/// JSON as each database keeps it: of its own type on PostgreSQL and, where a test asks for it, in text.
async fn people(db: &support::TestDatabase, json: &str) {
    let create = format!("CREATE TABLE people (id bigint NOT NULL, tags {json}, name varchar(10))");
    db.execute_setup(&[
        &create,
        "INSERT INTO people VALUES (1, '[\"python\", \"sql\"]', 'Ann'), (2, '[\"java\"]', 'Bob'), (3, '[]', 'Cid'), (4, NULL, 'Dan'), \
         (5, '\"one\"', 'Eve'), (6, '{\"a\": [1]}', 'Fay'), (7, 'null', 'Gus')",
        "CREATE TABLE kinds (id bigint NOT NULL, v text)",
        "INSERT INTO kinds VALUES (1, '[\"a\\u00e9\\ud83d\\ude00\", \"\", \"1\", 1, -2, 1.5, 1.0, true, false, null, {\"k\": [1]}, [2], 9223372036854775807, 9223372036854775808, 12345678901234567890123, \"null\", \"true\", 1e2]')",
    ])
    .await;
}

#[tokio::test]
async fn each_element_is_a_row_and_an_array_without_any_has_none() {
    support::each(async |db| {
        // SQL: MariaDB's JSON is text to its catalogue too. MySQL and MariaDB take a backslash in a literal for their own.
        people(
            db,
            if db.dialect == Dialect::Sqlite { "json" } else { "jsonb" }
                .replace('b', if support::mysql_family(db.dialect) { "" } else { "b" })
                .as_str(),
        )
        .await;
        let db = db.read_only().await;
        let tags = || db.table("people").explode(elements("tags").as_type(SqlType::Text).position("place"));
        check(&db, tags().order_by(["id", "place"]), &["1|python|Ann|1", "1|sql|Ann|2", "2|java|Bob|1"]).await;
        check(&db, tags().agg(count(all())), &["3"]).await;
        // As JSON.
        check(
            &db,
            db.table("people")
                .explode(elements("tags").position("place"))
                .order_by(["id", "place"])
                .select(["id", "tags"]),
            &["1|\"python\"", "1|\"sql\"", "2|\"java\""],
        )
        .await;
        // Rows without elements stay with `outer`.
        check(
            &db,
            db.table("people")
                .explode(elements("tags").as_type(SqlType::Text).position("n").outer())
                .order_by(["id", "n"])
                .drop("name"),
            &[
                "1|python|1",
                "1|sql|2",
                "2|java|1",
                "3|null|null",
                "4|null|null",
                "5|null|null",
                "6|null|null",
                "7|null|null",
            ],
        )
        .await;
        // What follows sees the elements: filters, groups, joins, order, limits.
        check(&db, tags().where_(col("tags").ge("p")).order_by("tags").select("tags"), &["python", "sql"]).await;
        check(
            &db,
            db.table("people")
                .explode(elements("tags").as_type(SqlType::Text))
                .group_by("id")
                .agg(count(col("tags")).as_("n"))
                .order_by("id"),
            &["1|2", "2|1"],
        )
        .await;
        check(
            &db,
            tags().group_by("tags").agg(count(all()).as_("n")).order_by(col("tags").desc()).limit(2),
            &["sql|1", "python|1"],
        )
        .await;
        check(
            &db,
            tags()
                .join(db.table("people").select(["id", "name"]).rename("name", "who"), using("id"))
                .order_by("tags")
                .select(["tags", "who"]),
            &["java|Bob", "python|Ann", "sql|Ann"],
        )
        .await;
        check(
            &db,
            db.table("people")
                .select(["id", "name"])
                .left_join(tags().select(["id", "tags"]), using("id"))
                .where_(col("id").lt(4))
                .order_by(("id", "tags")),
            &["1|Ann|python", "1|Ann|sql", "2|Bob|java", "3|Cid|null"],
        )
        .await;
        check(
            &db,
            db.table("people")
                .semi_join(tags().as_("t"), on(col("id").of("people").eq(col("id").of("t"))))
                .select("id")
                .order_by("id"),
            &["1", "2"],
        )
        .await;
        // Below it anything may stand.
        check(
            &db,
            db.table("people")
                .order_by("id")
                .limit(1)
                .explode(elements("tags").as_type(SqlType::Text))
                .order_by("tags")
                .select("tags"),
            &["python", "sql"],
        )
        .await;
        check(
            &db,
            db.table("people").where_(col("id").gt(1)).explode(elements("tags").as_type(SqlType::Text)).select("tags"),
            &["java"],
        )
        .await;
        check(&db, tags().select("tags").distinct().order_by("tags").limit(1), &["java"]).await;
    })
    .await;
}

#[tokio::test]
async fn elements_of_json_are_taken_as_what_they_are_or_as_null() {
    support::each(async |db| {
        people(db, "text").await;
        let db = db.read_only().await;
        let as_type = |sql_type| {
            db.table("kinds")
                .explode(elements("v").as_type(sql_type).position("n"))
                .drop_nulls("v")
                .order_by("n")
                .select(["n", "v"])
        };
        if support::mysql_family(db.dialect()) {
            // The literal of the set-up loses its backslashes there.
            check(&db, as_type(SqlType::Text).where_(col("n").gt(1)), &["2|", "3|1", "16|null", "17|true"]).await;
        } else {
            check(&db, as_type(SqlType::Text), &["1|aé😀", "2|", "3|1", "16|null", "17|true"]).await;
        }
        check(&db, as_type(SqlType::Int64).where_(col("n").lt(18)), &["4|1", "5|-2", "7|1", "13|9223372036854775807"])
            .await;
        check(
            &db,
            as_type(SqlType::Float64),
            &[
                "4|1.0",
                "5|-2.0",
                "6|1.5",
                "7|1.0",
                "13|9.223372036854776e18",
                "14|9.223372036854776e18",
                "15|1.2345678901234568e22",
                "18|100.0",
            ],
        )
        .await;
        check(&db, as_type(SqlType::Bool), &["8|true", "9|false"]).await;
        check(
            &db,
            as_type(SqlType::Json).where_(col("n").between(2, 13)),
            &[
                "2|\"\"",
                "3|\"1\"",
                "4|1",
                "5|-2",
                "6|1.5",
                "7|1.0",
                "8|true",
                "9|false",
                "10|null",
                "11|{\"k\":[1]}",
                "12|[2]",
                "13|9223372036854775807",
            ],
        )
        .await;
        let sum = portcullis::sum(col("v")).as_("v");
        check(&db, as_type(SqlType::Float64).where_(col("n").lt(8)).agg(sum), &["1.5"]).await;
        // Text that is no JSON is the database's error, never an empty array.
        let broken = db.table("people").explode("name").collect().await.expect_err("no JSON");
        assert_eq!(broken.kind(), ErrorKind::Database, "{broken:?}");
    })
    .await;
}

#[tokio::test]
async fn an_array_of_postgresql_gives_its_elements() {
    support::on(&[Dialect::Postgres], async |db| {
        db.execute_setup(&[
            "CREATE TABLE lists (id bigint NOT NULL, words text[], numbers integer[])",
            "INSERT INTO lists VALUES (1, '{b,a,NULL}', '{3,4}'), (2, '{}', '[5:6]={7,8}'), (3, NULL, NULL)",
        ])
        .await;
        let db = db.read_only().await;
        let lists = || db.table("lists");
        check(&db, lists().explode("words").drop("numbers").order_by(["id", "words"]), &["1|a", "1|b", "1|null"]).await;
        check(
            &db,
            lists().explode(elements("numbers").position("n").as_type(SqlType::Int32)).drop("words").order_by(["id", "n"]),
            &["1|3|1", "1|4|2", "2|7|1", "2|8|2"],
        )
        .await;
        check(
            &db,
            lists().explode(elements("words").position("n").outer()).drop("numbers").order_by(["id", "n"]),
            &["1|b|1", "1|a|2", "1|null|3", "2|null|null", "3|null|null"],
        )
        .await;
        check(&db, lists().explode("numbers").agg(portcullis::sum(col("numbers"))), &["22"]).await;
        let error = lists().explode(elements("words").as_type(SqlType::Int64)).collect().await.expect_err("text");
        assert_eq!(error.to_string(), "the elements of `words` are text, not bigint; leave out `as_type` and convert them with `.cast(..)` afterwards");
    })
    .await;
}

#[test]
fn the_text_is_each_databases_own_way() {
    let frame = table(people::table).drop("name").explode("tags");
    let sql = |frame: &Frame, dialect| frame.to_sql_for(dialect).expect("text").sql().to_owned();
    assert_eq!(
        sql(&frame, Dialect::Postgres),
        r#"SELECT "people"."id", "tags"."value" AS "tags" FROM "people" CROSS JOIN jsonb_array_elements(CASE WHEN jsonb_typeof(CAST("people"."tags" AS jsonb)) = 'array' THEN CAST("people"."tags" AS jsonb) END) AS "tags""#
    );
    assert_eq!(
        sql(&frame, Dialect::MariaDb),
        "SELECT `people`.`id`, `tags`.`value` AS `tags` FROM `people` CROSS JOIN JSON_TABLE(CASE WHEN COALESCE(JSON_TYPE(`people`.`tags`), 'ARRAY') = 'ARRAY' THEN `people`.`tags` END, '$[*]' COLUMNS (`position` FOR ORDINALITY, `value` JSON PATH '$')) AS `tags`"
    );
    let placed = table(people::table).drop("name").explode(elements("tags").position("n").outer());
    assert_eq!(
        sql(&placed, Dialect::Postgres),
        r#"SELECT "people"."id", (CAST("people"."tags" AS jsonb) -> ("tags"."tags" - 1)) AS "tags", CAST("tags"."tags" AS bigint) AS "n" FROM "people" LEFT JOIN generate_series((1), jsonb_array_length(CASE WHEN jsonb_typeof(CAST("people"."tags" AS jsonb)) = 'array' THEN CAST("people"."tags" AS jsonb) END)) AS "tags" ON TRUE"#
    );
    let outer = table(people::table).select("id").with_column("tags", col("id")).explode(elements("tags").outer());
    assert_eq!(outer.to_sql_for(Dialect::Sqlite).map(drop).map_err(|error| error.code()), Err("explode.type"));
}

#[test]
fn what_can_not_be_exploded_is_refused() {
    let people = || table(people::table);
    let cases = [
        (
            people().explode("tags").where_(col("id").gt(1)).explode("name"),
            "explode.twice",
            "a chain explodes one column, and this one does already; explode the other in a frame of its own and join it",
        ),
        (
            people().explode("id"),
            "explode.type",
            "`explode` takes a column of arrays or of JSON, not `id` (bigint); write one that holds several values",
        ),
        (
            people().explode(elements("tags").as_type(SqlType::Date)),
            "explode.type",
            "an element of JSON is text, bigint, double, boolean or json, not date; convert it with `.cast(..)` afterwards",
        ),
        (people().explode("tgs"), "schema.unknown_column", "there is no column `tgs` here; did you mean `tags`?"),
        (
            people().explode(elements("tags").position("name")),
            "plan.repeated_column",
            "two columns of the result are called `name`; rename one with `.as_(\"..\")`",
        ),
    ];
    for (frame, code, message) in cases {
        let error = frame.to_sql_for(Dialect::Sqlite).expect_err(message);
        assert_eq!((error.code(), error.to_string().as_str()), (code, message));
    }
    assert_eq!(
        people().explode("tags").to_sql_for(Dialect::Sqlite).map(drop).map_err(|error| error.code()),
        Ok(()),
        "one is well"
    );
}

#[tokio::test]
async fn a_list_of_a_column_of_a_set_asks_the_catalogue_for_its_type() {
    support::each(async |db| {
        db.execute_setup(&[
            "CREATE TABLE listed (k integer, n bigint)",
            "INSERT INTO listed VALUES (1, 20), (1, 10), (2, 5)",
        ])
        .await;
        // A handle that knows nothing of the table yet.
        let handle = db.read_only().await;
        let once = handle.table("listed").select(["k", "n"]).cte("once");
        let both = once.clone().intersect(once).group_by("k").agg(portcullis::array_agg(col("n")).as_("list"));
        let rows = both.explode("list").order_by(["k", "list"]).collect_as::<(i64, i64)>().await.unwrap();
        assert_eq!(rows, [(1, 10), (1, 20), (2, 5)], "on {}", db.dialect);
    })
    .await;
}
