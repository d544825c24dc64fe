//! From the first verb to text and binds: ours through the whole pipeline, sea-query by itself, and a string pushed by hand.

#[path = "diesel.rs"]
mod diesel;

use std::fmt::Write;

use portcullis::{
    Database, Dialect, Frame, Mode, ReadOnly, ReadWrite, Schema, all_of, avg, col, count, on, sum, table,
};
use sea_query::{Asterisk, Expr, ExprTrait, Func, Order, PostgresQueryBuilder, Query, Value, Values};
use tokio::runtime::Handle;

use crate::measure::{Contender, print_times, rounds};
use crate::support::{READ_ONLY_ROLE, Tls, postgres_with};

const SEA: &str = "sea-query, build + render";
const DIESEL: &str = "diesel, build + to_sql";

/// A shape that was compiled before: the chain is built anew each time, with values of its own.
pub fn shapes(runtime: &Handle) {
    let Some([cached, uncached]) = runtime.block_on(handles()) else {
        return println!("\nno PostgreSQL on this machine");
    };
    println!("portcullis: {}", predicate_on(&cached));
    println!("diesel:     {}", diesel::predicate(42));
    println!("sqlx:       {}", sqlx_predicate(42).0);
    println!("portcullis: {}", analytics_on(&cached));
    println!("diesel:     {}", diesel::analytics(100));

    let mut contenders = vec![
        Contender::repeating("portcullis, shape kept", || predicate_on(&cached)),
        Contender::repeating("portcullis, compiled anew", || predicate_on(&uncached)),
        Contender::repeating("portcullis, the chain alone", || predicate_frame(&cached)),
        Contender::repeating(SEA, sea_predicate),
        Contender::repeating(DIESEL, || diesel::predicate(std::hint::black_box(42))),
        Contender::repeating("sqlx QueryBuilder", || sqlx_predicate(std::hint::black_box(42))),
        Contender::repeating("string by hand", hand_predicate),
    ];
    rounds(&mut contenders);
    print_times("Repeated shape, one predicate: 3 columns, 1 bind", &contenders, &[DIESEL, SEA]);

    let mut contenders = vec![
        Contender::repeating("portcullis, shape kept", || analytics_on(&cached)),
        Contender::repeating("portcullis, compiled anew", || analytics_on(&uncached)),
        Contender::repeating("portcullis, the chain alone", || analytics_frame(&cached)),
        Contender::repeating(SEA, sea_analytics),
        Contender::repeating(DIESEL, || diesel::analytics(std::hint::black_box(100))),
        Contender::repeating("string by hand", hand_analytics),
    ];
    rounds(&mut contenders);
    print_times(
        "Repeated shape, analytics: 4 tables, 8 predicates, 3 aggregates, HAVING, ORDER BY, LIMIT",
        &contenders,
        &[DIESEL, SEA],
    );
    println!("\n{:?}", cached.shapes());
}

/// Two handles on one PostgreSQL: one keeps shapes, one does not.
async fn handles() -> Option<[Database<ReadOnly>; 2]> {
    let server = postgres_with(Tls::Off)?;
    let name = server.create_database().await;
    server.execute(&name, &TABLES).await;
    let open = async |most: usize| {
        let builder = Database::<ReadOnly>::builder(server.dsn(READ_ONLY_ROLE, &name).parse().expect("a DSN"));
        let db = builder.compiled_shapes(most).open_read_only().await.expect("a handle");
        db.schema().await.expect("the catalogue");
        db
    };
    Some([open(1024).await, open(0).await])
}

const TABLES: [&str; 5] = [
    "CREATE TABLE orders (id bigint NOT NULL, customer_id bigint NOT NULL, store_id bigint NOT NULL, status text NOT NULL, total bigint NOT NULL, placed bigint NOT NULL, note text)",
    "CREATE TABLE customers (customer_id bigint NOT NULL, name text NOT NULL, country text NOT NULL, segment text, active boolean NOT NULL)",
    "CREATE TABLE stores (store_id bigint NOT NULL, region_id bigint NOT NULL, city text NOT NULL, opened bigint NOT NULL)",
    "CREATE TABLE regions (region_id bigint NOT NULL, name text NOT NULL, zone bigint NOT NULL)",
    "CREATE TABLE readings (a bigint, b bigint, c bigint, d bigint, e bigint, f double precision, g double precision, h double precision, i bigint, j bigint)",
];

fn predicate_on<M: Mode>(db: &Database<M>) -> portcullis::QueryText {
    predicate_frame(db).to_sql().expect("text")
}

fn predicate_frame<M: Mode>(db: &Database<M>) -> Frame {
    filtered(db.table("orders"))
}

fn analytics_on<M: Mode>(db: &Database<M>) -> portcullis::QueryText {
    analytics_frame(db).to_sql().expect("text")
}

fn analytics_frame<M: Mode>(db: &Database<M>) -> Frame {
    analysed(|name| db.table(name))
}

fn sqlx_predicate(id: i64) -> (String, sqlx::postgres::PgArguments) {
    let mut builder =
        sqlx::QueryBuilder::<sqlx::Postgres>::new(r#"SELECT "id", "status", "total" FROM "orders" WHERE "id" = "#);
    builder.push_bind(id);
    let mut query = builder.build();
    let arguments = sqlx::Execute::take_arguments(&mut query).expect("arguments").expect("arguments");
    (sqlx::Execute::sql(query).as_str().to_owned(), arguments)
}

pub fn run(runtime: &Handle) {
    let db = runtime.block_on(database());
    let schema = runtime.block_on(db.schema()).expect("the catalogue");
    show(&schema, &db);

    let mut contenders = vec![
        Contender::repeating("portcullis", || predicate(&schema)),
        Contender::repeating(SEA, sea_predicate),
        Contender::repeating("string by hand", hand_predicate),
    ];
    rounds(&mut contenders);
    print_times("One predicate: 3 columns, 1 bind", &contenders, &[SEA]);

    let mut contenders = vec![
        Contender::repeating("portcullis", || analytics(&schema)),
        Contender::repeating(SEA, sea_analytics),
        Contender::repeating("string by hand", hand_analytics),
    ];
    rounds(&mut contenders);
    print_times("Analytics: 4 tables, 8 predicates, 3 aggregates, HAVING, ORDER BY, LIMIT", &contenders, &[SEA]);

    let mut contenders = vec![
        Contender::repeating("portcullis", || insert(&db)),
        Contender::repeating(SEA, sea_insert),
        Contender::repeating("string by hand", hand_insert),
    ];
    rounds(&mut contenders);
    print_times("Insert: 100 rows of 10 columns", &contenders, &[SEA]);
}

/// Does one thing many times: `predicate`, `analytics` or `insert`, or one of the first two with `kept-` (its shape is), `chain-` (the
/// chain alone), `sea-` or `diesel-` in front.
pub fn profile(arguments: &[String]) {
    let [what, times] = arguments else { panic!("write `profile WHAT TIMES`") };
    let times: u32 = times.parse().expect("a number");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let db = runtime.block_on(database());
    let schema = runtime.block_on(db.schema()).expect("the catalogue");
    for _ in 0..times {
        match what.as_str() {
            "predicate" => drop(std::hint::black_box(predicate(&schema))),
            "analytics" => drop(std::hint::black_box(analytics(&schema))),
            "insert" => drop(std::hint::black_box(insert(&db))),
            "kept-predicate" => drop(std::hint::black_box(predicate_on(&db))),
            "kept-analytics" => drop(std::hint::black_box(analytics_on(&db))),
            "chain-predicate" => drop(std::hint::black_box(predicate_frame(&db))),
            "chain-analytics" => drop(std::hint::black_box(analytics_frame(&db))),
            "diesel-predicate" => drop(std::hint::black_box(diesel::predicate(42))),
            "diesel-analytics" => drop(std::hint::black_box(diesel::analytics(100))),
            "sqlx-predicate" => drop(std::hint::black_box(sqlx_predicate(42))),
            "sea-predicate" => drop(std::hint::black_box(sea_predicate())),
            "sea-analytics" => drop(std::hint::black_box(sea_analytics())),
            "sea-insert" => drop(std::hint::black_box(sea_insert())),
            other => panic!("nothing called `{other}`"),
        }
    }
}

/// The tables in a SQLite in memory: where our contender has its schema from.
async fn database() -> Database<ReadWrite> {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse().expect("a DSN")).await.expect("a database");
    for text in TABLES {
        db.sql(text).execute().await.expect("a table");
    }
    db
}

/// Prints what each contender makes, so that a reader can see that they do the same work.
fn show(schema: &Schema, db: &Database<ReadWrite>) {
    println!("portcullis: {}", predicate(schema).sql());
    println!("sea-query:  {}", sea_predicate().0);
    println!("portcullis: {}", analytics(schema).sql());
    println!("sea-query:  {}", sea_analytics().0);
    println!("by hand:    {}", hand_analytics().0);
    let (ours, sea) = (insert(db), sea_insert());
    println!(
        "insert: {} binds in {} bytes, {} in {}",
        ours.bind_types().len(),
        ours.sql().len(),
        sea.1.0.len(),
        sea.0.len()
    );
}

fn predicate(schema: &Schema) -> portcullis::QueryText {
    filtered(table("orders")).to_sql_with(Dialect::Postgres, schema).expect("text")
}

fn filtered(orders: Frame) -> Frame {
    orders.where_(col("id").eq(std::hint::black_box(42))).select(["id", "status", "total"])
}

fn sea_predicate() -> (String, Values) {
    Query::select()
        .columns(["id", "status", "total"])
        .from("orders")
        .and_where(Expr::col("id").eq(42i64))
        .build(PostgresQueryBuilder)
}

fn hand_predicate() -> (String, Vec<Value>) {
    let mut binds = Vec::with_capacity(1);
    let mut text = String::from(r#"SELECT "id", "status", "total" FROM "orders" WHERE "id" = "#);
    push(&mut text, &mut binds, 42i64);
    (text, binds)
}

fn analytics(schema: &Schema) -> portcullis::QueryText {
    analysed(|name| table(name)).to_sql_with(Dialect::Postgres, schema).expect("text")
}

fn analysed(table: impl Fn(&'static str) -> Frame) -> Frame {
    table("orders")
        .join(table("customers"), on(col("customer_id").of("orders").eq(col("customer_id").of("customers"))))
        .join(table("stores"), on(col("store_id").of("orders").eq(col("store_id").of("stores"))))
        .join(table("regions"), on(col("region_id").of("stores").eq(col("region_id").of("regions"))))
        .where_(all_of([
            col("status").of("orders").eq("shipped"),
            col("total").of("orders").ge(100),
            col("placed").of("orders").between(20_000, 30_000),
            col("country").of("customers").ne("XX"),
            col("segment").of("customers").is_not_null(),
            col("active").of("customers").eq(true),
            col("city").of("stores").eq("Leeds") | col("opened").of("stores").lt(10_000),
            col("zone").of("regions").gt(3),
        ]))
        .group_by([col("name").of("regions"), col("country").of("customers")])
        .agg((
            count(portcullis::all()).as_("orders"),
            sum(col("total").of("orders")).as_("revenue"),
            avg(col("total").of("orders")).as_("mean"),
        ))
        .where_(col("revenue").gt(1_000))
        .order_by(col("revenue").desc())
        .limit(20)
}

fn sea_analytics() -> (String, Values) {
    let column = |table: &'static str, name: &'static str| Expr::col((table, name));
    Query::select()
        .expr_as(column("regions", "name"), "name")
        .expr_as(column("customers", "country"), "country")
        .expr_as(Func::count(Expr::col(Asterisk)), "orders")
        .expr_as(Func::sum(column("orders", "total")), "revenue")
        .expr_as(Func::avg(column("orders", "total").cast_as("double precision")), "mean")
        .from("orders")
        .inner_join("customers", column("orders", "customer_id").equals(("customers", "customer_id")))
        .inner_join("stores", column("orders", "store_id").equals(("stores", "store_id")))
        .inner_join("regions", column("stores", "region_id").equals(("regions", "region_id")))
        .and_where(column("orders", "status").eq("shipped"))
        .and_where(column("orders", "total").gte(100i64))
        .and_where(column("orders", "placed").between(20_000i64, 30_000i64))
        .and_where(column("customers", "country").ne("XX"))
        .and_where(column("customers", "segment").is_not_null())
        .and_where(column("customers", "active").eq(true))
        .and_where(column("stores", "city").eq("Leeds").or(column("stores", "opened").lt(10_000i64)))
        .and_where(column("regions", "zone").gt(3i64))
        .group_by_columns([("regions", "name"), ("customers", "country")])
        .and_having(Func::sum(column("orders", "total")).gt(1_000i64))
        .order_by_expr(Func::sum(column("orders", "total")).into(), Order::Desc)
        .limit(20)
        .build(PostgresQueryBuilder)
}

fn hand_analytics() -> (String, Vec<Value>) {
    let mut binds = Vec::with_capacity(11);
    let mut text = String::from(
        "SELECT \"regions\".\"name\", \"customers\".\"country\", COUNT(*) AS \"orders\", SUM(\"orders\".\"total\") AS \"revenue\", \
         AVG(CAST(\"orders\".\"total\" AS double precision)) AS \"mean\" FROM \"orders\"",
    );
    text.push_str(r#" INNER JOIN "customers" ON "orders"."customer_id" = "customers"."customer_id""#);
    text.push_str(r#" INNER JOIN "stores" ON "orders"."store_id" = "stores"."store_id""#);
    text.push_str(r#" INNER JOIN "regions" ON "stores"."region_id" = "regions"."region_id""#);
    text.push_str(r#" WHERE "orders"."status" = "#);
    push(&mut text, &mut binds, "shipped");
    text.push_str(r#" AND "orders"."total" >= "#);
    push(&mut text, &mut binds, 100i64);
    text.push_str(r#" AND "orders"."placed" BETWEEN "#);
    push(&mut text, &mut binds, 20_000i64);
    text.push_str(" AND ");
    push(&mut text, &mut binds, 30_000i64);
    text.push_str(r#" AND "customers"."country" <> "#);
    push(&mut text, &mut binds, "XX");
    text.push_str(r#" AND "customers"."segment" IS NOT NULL AND "customers"."active" = "#);
    push(&mut text, &mut binds, true);
    text.push_str(r#" AND ("stores"."city" = "#);
    push(&mut text, &mut binds, "Leeds");
    text.push_str(r#" OR "stores"."opened" < "#);
    push(&mut text, &mut binds, 10_000i64);
    text.push_str(r#") AND "regions"."zone" > "#);
    push(&mut text, &mut binds, 3i64);
    text.push_str(r#" GROUP BY "regions"."name", "customers"."country" HAVING SUM("orders"."total") > "#);
    push(&mut text, &mut binds, 1_000i64);
    text.push_str(r#" ORDER BY SUM("orders"."total") DESC LIMIT "#);
    push(&mut text, &mut binds, 20i64);
    (text, binds)
}

const COLUMNS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

type Reading = (i64, i64, i64, i64, i64, f64, f64, f64, i64, i64);

fn readings() -> impl Iterator<Item = Reading> {
    (0..100i64).map(|n| {
        let real = n as f64;
        (n, n + 1, n + 2, n + 3, n + 4, real, real + 0.5, real + 0.25, n + 5, n + 6)
    })
}

fn insert(db: &Database<ReadWrite>) -> portcullis::QueryText {
    db.insert("readings").columns(COLUMNS).rows(readings()).to_sql_for(Dialect::Postgres).expect("text")
}

fn sea_insert() -> (String, Values) {
    let mut statement = Query::insert();
    statement.into_table("readings").columns(COLUMNS);
    for (a, b, c, d, e, f, g, h, i, j) in readings() {
        let row: [Expr; 10] =
            [a.into(), b.into(), c.into(), d.into(), e.into(), f.into(), g.into(), h.into(), i.into(), j.into()];
        statement.values(row).expect("ten values");
    }
    statement.build(PostgresQueryBuilder)
}

fn hand_insert() -> (String, Vec<Value>) {
    let mut binds = Vec::with_capacity(1_000);
    let mut text = String::from(r#"INSERT INTO "readings" ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j") VALUES "#);
    for (position, (a, b, c, d, e, f, g, h, i, j)) in readings().enumerate() {
        text.push_str(if position == 0 { "(" } else { ", (" });
        let row: [Value; 10] =
            [a.into(), b.into(), c.into(), d.into(), e.into(), f.into(), g.into(), h.into(), i.into(), j.into()];
        for (position, value) in row.into_iter().enumerate() {
            if position > 0 {
                text.push_str(", ");
            }
            push(&mut text, &mut binds, value);
        }
        text.push(')');
    }
    (text, binds)
}

fn push(text: &mut String, binds: &mut Vec<Value>, value: impl Into<Value>) {
    binds.push(value.into());
    write!(text, "${}", binds.len()).expect("text");
}
