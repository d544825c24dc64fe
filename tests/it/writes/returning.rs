//! What writes give back.

use portcullis::{Database, Dialect, ErrorKind, ReadWrite, all, col};
use rust_decimal::Decimal;

use crate::support::{self, TestDatabase};

fn sorted(rows: &portcullis::Rows) -> Vec<String> {
    let mut lines = support::lines(rows);
    lines.sort();
    lines
}

async fn orders(db: &TestDatabase) -> Database<ReadWrite> {
    let key = match db.dialect {
        Dialect::Postgres => "serial PRIMARY KEY",
        Dialect::Sqlite => "integer PRIMARY KEY",
        _ => "integer PRIMARY KEY AUTO_INCREMENT",
    };
    db.execute_setup(&[&format!(
        "CREATE TABLE orders (id {key}, name varchar(20), total numeric(10, 2), paid boolean DEFAULT false)"
    )])
    .await;
    db.read_write().await
}

#[tokio::test]
async fn an_insert_gives_back_keys_defaults_and_what_is_computed() {
    support::on(&support::GIVES_BACK, async |db| {
        let db = orders(db).await;
        let insert = || db.insert("orders").columns(["name", "total"]);
        let id: i64 = insert().row(("Ada", Decimal::new(1050, 2))).returning("id").one_as().await.expect("a key");
        assert_eq!(id, 1);
        let rows = [("Bob", Decimal::new(200, 2)), ("Cid", Decimal::new(300, 2))];
        let found =
            insert().rows(rows).returning((col("id"), col("paid"), (col("total") * 2).as_("twice"))).collect().await;
        assert_eq!(sorted(&found.expect("rows")), ["2|false|4.00d", "3|false|6.00d"], "on {}", db.dialect());
        let everything = insert().row(("Eve", Decimal::new(1, 0))).returning(all()).collect().await.expect("a row");
        assert_eq!(sorted(&everything), ["4|Eve|1.00d|false"]);
        assert_eq!(everything.columns(), ["id", "name", "total", "paid"]);
        // Nothing is sent for no rows.
        let none = insert().rows(Vec::<(&str, Decimal)>::new()).returning("id").collect_as::<i64>().await;
        assert_eq!(none.expect("no rows"), Vec::<i64>::new());
        assert!(insert().rows(Vec::<(&str, Decimal)>::new()).returning("id").optional().await.expect("none").is_none());
    })
    .await;
}

#[tokio::test]
async fn an_insert_in_parts_gives_back_every_row() {
    support::on(&support::GIVES_BACK, async |db| {
        let db = orders(db).await;
        let rows = (1..=11_000).map(|id: i64| (id, "x"));
        let ids = db.insert("orders").columns(["id", "name"]).rows(rows).returning("id").collect_as::<i64>().await;
        let mut ids = ids.expect("keys");
        ids.sort_unstable();
        assert_eq!(ids, (1..=11_000).collect::<Vec<i64>>());
        let rows = (1..=11_000).map(|id: i64| (id + 11_000, "x"));
        let rows =
            db.insert("orders").columns(["id", "name"]).rows(rows).returning("id").collect().await.expect("rows");
        assert_eq!(rows.len(), 11_000);
    })
    .await;
}

#[tokio::test]
async fn an_update_gives_back_rows_as_they_are_now_and_a_delete_as_they_were() {
    support::on(&support::GIVES_BACK, async |db| {
        let db = orders(db).await;
        let rows = [(1, "Ada", 10), (2, "Bob", 20), (3, "Cid", 30)];
        db.insert("orders").columns(["id", "name", "total"]).rows(rows).execute().await.expect("rows");
        // The condition holds before the update and not after it.
        let cheap = db.update("orders").set("total", col("total") + 100).where_(col("total").lt(25));
        let found = cheap.returning(("id", "total")).collect().await.expect("rows");
        assert_eq!(sorted(&found), ["1|110.00d", "2|120.00d"], "on {}", db.dialect());
        let none =
            db.update("orders").set("name", "x").where_(col("id").eq(99)).returning(("id", "name")).collect().await;
        let none = none.expect("no rows");
        assert_eq!((none.len(), none.columns()), (0, ["id".to_owned(), "name".to_owned()].as_slice()));
        let all_of_them = db.update("orders").set("paid", true).all_rows().returning("paid").collect_as::<bool>().await;
        assert_eq!(all_of_them.expect("rows"), [true, true, true]);
        let gone =
            db.delete("orders").where_(col("id").ne(3)).returning(("id", col("name").upper().as_("n"))).collect().await;
        assert_eq!(sorted(&gone.expect("rows")), ["1|ADA", "2|BOB"]);
        assert_eq!(db.table("orders").select("id").collect_as::<i64>().await.expect("a row"), [3]);
    })
    .await;
}

#[tokio::test]
async fn one_row_that_turns_out_to_be_two_is_refused_and_nothing_is_kept() {
    support::on(&support::GIVES_BACK, async |db| {
        let db = orders(db).await;
        db.insert("orders").columns(["id", "total"]).rows([(1, 1), (2, 2)]).execute().await.expect("rows");
        let total = |condition: portcullis::Expr| db.update("orders").set("total", 9).where_(condition).returning("id");
        let two = total(col("id").gt(0)).one().await.expect_err("two rows");
        assert_eq!(two.kind(), ErrorKind::TooManyRows, "{two} on {}", db.dialect());
        let many = db.delete("orders").all_rows().returning("id").optional_as::<i64>().await.expect_err("two rows");
        assert_eq!(many.kind(), ErrorKind::TooManyRows, "{many} on {}", db.dialect());
        let limited = db.update("orders").set("total", 9).all_rows().max_affected(1).returning("id").collect().await;
        assert_eq!(limited.expect_err("two rows").kind(), ErrorKind::TooManyRows, "on {}", db.dialect());
        assert_eq!(db.table("orders").where_(col("total").eq(9)).count().await.expect("a count"), 0);
        assert_eq!(total(col("id").eq(99)).one().await.expect_err("no row").kind(), ErrorKind::RowCount);
        assert!(total(col("id").eq(99)).optional().await.expect("no row").is_none());
        assert_eq!(total(col("id").eq(2)).one_as::<i64>().await.expect("a row"), 2);
        assert_eq!(db.table("orders").where_(col("total").eq(9)).count().await.expect("a count"), 1);
    })
    .await;
}

#[tokio::test]
async fn a_version_that_is_gone_is_a_conflict_also_where_rows_are_given_back() {
    support::on(&support::GIVES_BACK, async |db| {
        let db = orders(db).await;
        db.insert("orders").columns(["id", "total"]).row((1, 1)).execute().await.expect("a row");
        let save = |version: i64| {
            let update = db.update("orders").set("name", "x").where_(col("id").eq(1)).expect_version("total", version);
            update.set("total", version + 1).returning("total")
        };
        assert_eq!(save(1).one_as::<Decimal>().await.expect("a row"), Decimal::from(2), "on {}", db.dialect());
        assert_eq!(
            save(1).one_as::<Decimal>().await.expect_err("gone").kind(),
            ErrorKind::Conflict,
            "on {}",
            db.dialect()
        );
        let gone =
            db.delete("orders").where_(col("id").eq(9)).or_conflict("no such order").returning("id").collect().await;
        let gone = gone.expect_err("none");
        assert_eq!(gone.kind(), ErrorKind::Conflict, "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_given_back_is_refused_before_anything_is_sent() {
    support::each(async |db| {
        db.execute_setup(&["CREATE TABLE loose (id integer, name varchar(20))", "INSERT INTO loose VALUES (1, 'a')"])
            .await;
        let db = db.read_write().await;
        let window = portcullis::row_number().over(portcullis::window().order_by("id")).as_("n");
        let other = portcullis::scalar(db.table("loose").agg(portcullis::max(col("id")).as_("most"))).as_("most");
        for (refused, code) in [(window, "window.misplaced"), (other, "returning.expression")] {
            let refused = db.insert("loose").columns(["id"]).row([1]).returning(refused).collect().await;
            assert_eq!(refused.expect_err("not of the row").code(), code);
        }
        let sum = db.delete("loose").all_rows().returning(portcullis::sum(col("id"))).collect().await;
        assert_eq!(sum.expect_err("an aggregate").kind(), ErrorKind::Plan);
        let unknown = db.delete("loose").all_rows().returning("idd").collect().await.expect_err("no such column");
        assert_eq!(unknown.kind(), ErrorKind::Schema);
        let update = db.update("loose").set("name", "b").all_rows().returning("id").collect_as::<i64>().await;
        if support::mysql_family(db.dialect()) {
            // Without a primary key its rows can't be read again.
            let error = update.expect_err("no key");
            assert_eq!((error.kind(), error.code()), (ErrorKind::Unsupported, "returning.unsupported"));
            assert_eq!(db.table("loose").select("name").one_as::<String>().await.expect("a row"), "a");
        } else {
            assert_eq!(update.expect("a row"), [1]);
        }
    })
    .await;
}

#[tokio::test]
async fn the_text_of_a_write_that_gives_back_rows() {
    portcullis::table! { t { id: i64, n: i64 } }
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a handle");
    let insert = db.insert(t::table).columns(["n"]).rows([[1], [2]]).returning((t::id, (col("n") + 1).as_("next")));
    let delete = db.delete(t::table).where_(t::n.gt(1)).returning("id");
    let text = |it: &portcullis::Returning, dialect| it.to_sql_for(dialect).map(|text| text.sql().to_owned());
    assert_eq!(
        text(&insert, Dialect::Postgres).unwrap(),
        r#"INSERT INTO "t" ("n") VALUES ($1::bigint), ($2::bigint) RETURNING "id", "n" + $3::bigint AS "next""#
    );
    assert_eq!(
        text(&insert, Dialect::MariaDb).unwrap(),
        "INSERT INTO `t` (`n`) VALUES (?), (?) RETURNING `id`, `n` + ? AS `next`"
    );
    assert_eq!(text(&insert, Dialect::MySql).unwrap_err().code(), "returning.unsupported");
    assert_eq!(text(&delete, Dialect::Sqlite).unwrap(), r#"DELETE FROM "t" WHERE "n" > ?1 RETURNING "id""#);
    assert_eq!(text(&delete, Dialect::MariaDb).unwrap(), "DELETE FROM `t` WHERE `n` > ? RETURNING `id`");
    assert_eq!(text(&delete, Dialect::MySql).unwrap_err().code(), "returning.unsupported");
}
