//! Errors that teach: what each mistake is told, by what code, and at which line.

use portcullis::{
    Database, Dialect, Error, Frame, ReadWrite, SqlType, all, all_of, avg, case, coalesce, col, count, lit, max, on,
    sum, using,
};
use rust_decimal::Decimal;

use crate::support::{self, TestDatabase};

portcullis::table! {
    orders { id: String, total: Decimal }
}

async fn shop(db: &TestDatabase) -> Database<ReadWrite> {
    db.execute_setup(&[
        "CREATE TABLE orders (id bigint NOT NULL, customer_id bigint, total decimal(10, 2), note varchar(20), day date)",
        "CREATE TABLE customers (id bigint NOT NULL, name varchar(20), country varchar(2))",
    ])
    .await;
    db.read_write().await
}

struct Mistake {
    line: u32,
    run: Run,
    code: &'static str,
    message: &'static str,
}

type Run = std::pin::Pin<Box<dyn Future<Output = portcullis::Result<u64>>>>;

fn run_frame(frame: Frame) -> Run {
    Box::pin(async move { frame.collect().await.map(|rows| rows.len() as u64) })
}

macro_rules! refused {
    ($list:ident, $frame:expr, $code:literal, $message:literal) => {
        $list.push(Mistake { line: line!(), run: run_frame($frame), code: $code, message: $message })
    };
}

macro_rules! refused_write {
    ($list:ident, $write:expr, $code:literal, $message:literal) => {
        $list.push(Mistake { line: line!(), run: Box::pin($write.execute()), code: $code, message: $message })
    };
}

#[rustfmt::skip]
fn mistakes(db: &Database<ReadWrite>, other: &Database<ReadWrite>) -> Vec<Mistake> {
    let mut list = Vec::new();
    let orders = || db.table("orders");
    let customers = || db.table("customers");
    let both = || orders().join(customers(), on(col("customer_id").eq(col("id").of("customers"))));
    refused!(list, orders().select(["id", "totl"]).where_(col("note").is_null()).order_by("day").distinct(), "schema.unknown_column", "there is no column `totl` here; did you mean `total`, `note`?");
    refused!(list, orders().where_(col("costumer_id").eq(1)).distinct(), "schema.unknown_column", "there is no column `costumer_id` here; did you mean `customer_id`?");
    refused!(list, orders().order_by("weather").distinct(), "schema.unknown_column", "there is no column `weather` here; there are `id`, `customer_id`, `total`, `note`, `day`");
    refused!(list, both().select("id").where_(col("nmae").of("customers").eq("x")), "schema.unknown_column", "`customers` has no column `nmae`; did you mean `name`?");
    refused!(list, both().where_(col("id").of("customer").eq(1)), "schema.unknown_relation", "there is no relation `customer` here; did you mean `customers`?");
    refused!(list, orders().as_("a").join(orders().as_("b"), on(col("id").eq(1))), "schema.ambiguous", r#"the column `id` is in `a` and in `b`; write `col(..).of("a")` or `.of("b")`"#);
    refused!(list, orders().where_(sum(col("total")).gt(1)), "agg.misplaced", "`sum` is an aggregate and can't stand in `where_`; write it in `.agg(..)`, and filter by its name after it");
    refused!(list, orders().select([count(all())]), "agg.misplaced", "`count` is an aggregate and can't stand in `select`; write it in `.agg(..)`, or over a window, as in `.over(window())`");
    refused!(list, orders().order_by(max(col("id"))), "agg.misplaced", "`max` is an aggregate and can't stand in `order_by`; write it in `.agg(..)`, and sort by its name after it");
    refused!(list, orders().group_by("customer_id").agg((col("note"), sum(col("total")))), "agg.not_a_key", "the column `note` is neither a key of `group_by` nor inside an aggregate; add it to `group_by`, or write `min(..)` of it");
    refused!(list, orders().group_by("customer_id").agg(sum(col("total"))).where_(col("note").eq("x")), "schema.unknown_column", "there is no column `note` here; there are `customer_id`, `sum_total`");
    refused!(list, orders().agg(sum(sum(col("total"))).as_("s")), "agg.nested", "`sum` stands inside another aggregate; aggregate twice, with two `agg`");
    refused!(list, orders().agg(sum(col("total") * col("costumer_id"))), "schema.unknown_column", "there is no column `costumer_id` here; did you mean `customer_id`?");
    refused!(list, orders().distinct().where_(col("total").eq("many")), "type.clash", "a comparison has `total` (decimal(10, 2)) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().distinct().where_(col("note").gt(5)), "type.clash", "a comparison has `note` (text) on one side and a value (bigint) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().distinct().where_(col("id").in_(["1", "2"])), "type.clash", "`in_` has `id` (bigint) on one side and a list of text on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().distinct().where_(col("note").between(1, 2)), "type.clash", "`between` has `note` (text) on one side and a value (bigint) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().distinct().where_(col("id").contains("1")), "type.wrong", "a pattern takes text, not `id` (bigint); convert it with `.cast(..)`");
    refused!(list, orders().distinct().where_(col("id")), "type.condition", "a condition is boolean, and not `id` (bigint); compare it, as in `.eq(..)` or `.is_not_null()`");
    refused!(list, orders().distinct().where_(!col("id")), "type.condition", "a condition is boolean, and not `id` (bigint); compare it, as in `.eq(..)` or `.is_not_null()`");
    refused!(list, orders().select([(col("note") + 1).as_("x")]).distinct(), "type.wrong", "`+` takes numbers, not `note` (text); convert it with `.cast(..)`");
    refused!(list, orders().select([(col("total") % 2).as_("x")]).distinct(), "type.wrong", "`%` takes integers, not `total` (decimal(10, 2)); convert it with `.cast(..)`");
    refused!(list, orders().select([(-col("note")).as_("x")]).distinct(), "type.wrong", "`-` takes a number, not `note` (text); convert it with `.cast(..)`");
    refused!(list, orders().agg(avg(col("note"))), "type.wrong", "`avg` takes a number, not `note` (text); convert it with `.cast(..)`");
    refused!(list, orders().select([coalesce([col("note"), lit(0)]).as_("x")]), "type.clash", "`coalesce` has `note` (text) on one side and a value (bigint) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().select([case().when(col("id").eq(1), 1).otherwise("none").as_("x")]), "type.clash", "`case` has a value (bigint) on one side and a value (text) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().select([case().end().as_("x")]), "expr.case", "a case has no `when`; write `case().when(condition, result).otherwise(result)`");
    refused!(list, orders().select([col("id") + 1]), "expr.name", r#"an expression needs a name here; write `.as_("name")` after it"#);
    refused!(list, orders().select([(col("id") % 0).as_("x")]), "expr.zero", "`%` divides by the constant zero; divide by a column, or leave it out");
    refused!(list, orders().group_by([col("id") + 1]).agg(count(all())), "expr.name", r#"an expression needs a name here; write `.as_("name")` after it"#);
    refused!(list, orders().select(("id", col("total").as_("id"))), "plan.repeated_column", r#"two columns of the result are called `id`; rename one with `.as_("..")`"#);
    refused!(list, orders().agg((sum(col("total")), sum(col("total")))), "plan.repeated_column", r#"two columns of the result are called `sum_total`; rename one with `.as_("..")`"#);
    refused!(list, orders().select(Vec::<&str>::new()), "plan.no_columns", "`select` names no column; write at least one");
    refused!(list, orders().drop(["id", "customer_id", "total", "note", "day"]), "drop.all", "every column is dropped; leave at least one");
    refused!(list, orders().drop("totals"), "schema.unknown_column", "there is no column `totals` here; did you mean `total`?");
    refused!(list, orders().rename("note", "total"), "rename.taken", "there is a column `total` already; drop it first, or choose another name");
    refused!(list, orders().rename("notes", "n"), "schema.unknown_column", "there is no column `notes` here; did you mean `note`?");
    refused!(list, orders().join(customers(), all_of([])), "join.no_condition", "the join has no condition; write one, or `cross_join` for every pair of rows");
    refused!(list, orders().join(customers(), using("customer_id")), "schema.unknown_column", "there is no column `customer_id` here; there are `id`, `name`, `country`");
    refused!(list, orders().join(customers(), using(Vec::<String>::new())), "plan.no_columns", "`using` names no column; write at least one");
    refused!(list, orders().join(customers(), on(col("note").eq(col("id").of("customers")))), "type.clash", "a comparison has `note` (text) on one side and `id` (bigint) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().join(other.table("customers"), using("id")), "join.two_databases", "the joined frames belong to two handles; read one side first and join what it gave");
    refused!(list, portcullis::table("orders").select("id"), "plan.no_database", "the frame has no database; start it with `db.table(..)`, or turn it into text with `to_sql_for`");
    refused!(list, db.table("order").select("id"), "db.unknown_table", "the database has no table `order`");
    refused!(list, db.table("order").distinct(), "schema.unknown_table", "there is no table `order`, or the role may not see it; did you mean `orders`?");
    refused!(list, db.table("").select("id"), "ident.empty", "a name is empty; write the name of a table or column");
    refused!(list, orders().select(["id", "a\0b"]), "ident.character", r#"the name `a\u{0}b` holds U+0000; use letters, digits and `_`"#);
    refused!(list, orders().select([(col("id") + 1).of("orders").as_("x")]), "expr.of", "only a column belongs to a relation; write `.of(..)` directly after `col(..)`");
    refused!(list, orders().where_(col("note").like("50\\")), "like.escape", r#"the pattern ends with a lone `\`; write `\\` for a backslash, or use `contains`"#);
    refused!(list, orders().select([col("total").cast(SqlType::Decimal(None)).as_("x")]), "cast.decimal", "a cast to decimal needs its digits; write `cast(SqlType::decimal(10, 2))`");
    refused!(list, orders().select([lit(1).and(col("id").eq(1)).as_("x")]), "type.condition", "a condition is boolean, and not a value (bigint); compare it, as in `.eq(..)` or `.is_not_null()`");
    refused!(list, orders().where_(Vec::from([col("id").eq(1)]).into_iter().fold(col("id").eq(0), |a, b| !(a & b)).eq(1)), "type.clash", "a comparison has an expression (boolean) on one side and a value (bigint) on the other; write a value of the other's type, or convert one with `.cast(..)`");
    refused!(list, orders().limit(u64::MAX), "limit.rows", "a limit or offset is at most 9223372036854775807");
    refused!(list, db.sql("SELECT id FROM orders").into_frame().with_column("x", lit(1)), "raw.columns", "`with_column` needs the columns of the raw SQL; name them with `.select([..])` before it");
    refused!(list, db.sql("SELECT id FROM orders WHERE id = :id").into_frame(), "raw_sql.not_bound", r#"`:id` has no value; write `.bind("id", ..)`"#);
    refused!(list, db.table(orders::table).distinct().where_(orders::id.eq("x")), "type.declared", "the column `id` is declared as text and is bigint in the database; correct `table!`");
    refused_write!(list, db.update("orders").set("note", "x"), "write.no_condition", "the update of `orders` has no condition; write `.where_(..)`, or `.all_rows()` for every row");
    refused_write!(list, db.delete("orders"), "write.no_condition", "the delete of `orders` has no condition; write `.where_(..)`, or `.all_rows()` for every row");
    refused_write!(list, db.delete("orders").where_(col("id").eq(1)).all_rows(), "write.all_rows", "the delete of `orders` has a condition and `all_rows`; leave one out");
    refused_write!(list, db.insert("orders").columns(["id", "note"]).row((1, "x")).row((2,)), "insert.ragged", "row 2 for `orders` has 1 values for 2 columns; give one value for each column");
    refused_write!(list, db.insert("orders").columns(["id", "id"]).row((1, 2)), "write.repeated_column", "the column `id` of `orders` is given twice; leave one out");
    refused_write!(list, db.insert("orders").row((1, 2)), "plan.no_columns", "`insert` names no column; write at least one");
    refused_write!(list, db.update("orders").all_rows(), "update.nothing", r#"the update of `orders` sets nothing; write `.set("column", value)`"#);
    refused_write!(list, db.update("orders").set("note", 5).all_rows(), "type.value", "the column `note` of `orders` is text and the value is bigint");
    refused_write!(list, db.update("orders").set("id", sum(col("id"))).all_rows(), "agg.misplaced", "`sum` is an aggregate and can't stand in `set`; read it first, and use the value");
    list
}

/// The same words on every database, and the place of the verb that is to be mended.
#[tokio::test]
async fn every_mistake_is_told_what_to_write_instead_and_where() {
    support::each(async |db| {
        let (db, other) = (shop(db).await, db.read_write().await);
        db.schema().await.expect("the tables");
        let mistakes = mistakes(&db, &other);
        assert!(mistakes.len() >= 60, "{} mistakes", mistakes.len());
        for Mistake { line, run, code, message } in mistakes {
            let error = run.await.expect_err(message);
            let place = error.location().map(|place| (place.file(), place.line()));
            let found = (error.code(), error.to_string(), place);
            assert_eq!(found, (code, message.to_owned(), Some((file!(), line))), "on {}", db.dialect());
        }
    })
    .await;
}

/// A chain that is right but for one word of each mistake runs.
#[tokio::test]
async fn the_mended_chains_run() {
    support::each(async |db| {
        let db = shop(db).await;
        let orders = || db.table("orders");
        let both = || orders().join(db.table("customers"), on(col("customer_id").eq(col("id").of("customers"))));
        for frame in [
            orders().select(["id", "total"]).where_(col("note").is_null()).order_by("day").distinct(),
            both().where_(col("name").of("customers").eq("x")).where_(col("id").of("orders").eq(1)),
            orders().as_("a").join(orders().as_("b"), on(col("id").of("a").eq(col("id").of("b")))),
            orders()
                .group_by("customer_id")
                .agg(sum(col("total")))
                .where_(col("sum_total").gt(1))
                .order_by("sum_total"),
            orders().group_by(["customer_id", "note"]).agg(sum(col("total"))),
            orders().group_by("note").agg(sum(col("total")).as_("s")).agg(sum(col("s"))),
            orders().distinct().where_(col("note").gt("5") & col("total").eq(5) & col("id").in_([1, 2])),
            orders().select([(col("id") + 1).as_("x"), (col("id") % 2).as_("y"), (-col("id")).as_("z")]),
            orders().select([coalesce([col("note"), lit("none")]).as_("x")]),
            orders().select((all(), col("total").as_("again"))),
            orders().drop(["id", "customer_id", "total", "note"]),
            orders().rename("note", "remark"),
            orders().join(db.table("customers"), using("id")),
            orders().where_(col("note").like("50\\\\")),
            orders().select([col("total").cast(SqlType::decimal(12, 1)).as_("x")]),
            orders().limit(i64::MAX as u64).offset(1),
            db.sql("SELECT id FROM orders WHERE id = :id")
                .bind("id", 1)
                .into_frame()
                .select(["id"])
                .with_column("x", lit(1)),
        ] {
            frame.collect().await.unwrap_or_else(|error| panic!("{error:?} on {}", db.dialect()));
        }
    })
    .await;
}

#[tokio::test]
async fn all_mistakes_of_a_chain_are_told_at_once() {
    support::on(&[Dialect::Sqlite], async |db| {
        let db = shop(db).await;
        db.schema().await.expect("the tables");
        let frame = db.table("orders").where_(col("totl").gt(1)).order_by("dya").where_(col("note").eq(1));
        let error = frame.collect().await.expect_err("three mistakes");
        let codes: Vec<&str> = std::iter::once(&error).chain(error.others()).map(Error::code).collect();
        assert_eq!(codes, ["schema.unknown_column", "schema.unknown_column", "type.clash"]);
    })
    .await;
}
