//! Compiled shapes on real databases: what is kept, what it gives, and when it no longer serves.

use portcullis::{Database, ErrorKind, ReadOnly, ReadWrite, Value, all, avg, col, count, on};

use crate::support;

const TABLES: [&str; 4] = [
    "CREATE TABLE stock (id bigint NOT NULL PRIMARY KEY, name varchar(40), price decimal(10, 2), count integer)",
    "INSERT INTO stock VALUES (1, 'nut', 0.10, 3), (2, 'bolt', 0.30, NULL), (3, '50%_nut', 2.50, 7), (4, NULL, 10.00, 2)",
    "CREATE TABLE moves (stock_id bigint, change_by integer)",
    "INSERT INTO moves VALUES (1, 5), (1, -2), (3, 1), (4, 9)",
];

#[tokio::test]
async fn a_kept_shape_gives_each_statement_its_own_rows() {
    support::each(async |db| {
        db.execute_setup(&TABLES).await;
        let handle = db.read_only().await;
        handle.schema().await.unwrap();
        let ids = async |frame: portcullis::Frame| frame.order_by("id").select("id").collect_as::<i64>().await.unwrap();
        let stock = || handle.table("stock");

        assert_eq!(ids(stock().where_(col("id").gt(1))).await, [2, 3, 4]);
        assert_eq!(ids(stock().where_(col("id").gt(3))).await, [4]);
        // A float beside a decimal is that decimal, each time.
        assert_eq!(ids(stock().where_(col("price").eq(0.1))).await, [1]);
        assert_eq!(ids(stock().where_(col("price").eq(0.3))).await, [2]);
        // Patterns are escaped anew.
        assert_eq!(ids(stock().where_(col("name").contains("nut"))).await, [1, 3]);
        assert_eq!(ids(stock().where_(col("name").contains("%_"))).await, [3]);
        // Lists: short, empty, with NULL, and longer than what is written out.
        assert_eq!(ids(stock().where_(col("id").in_([1, 2]))).await, [1, 2]);
        assert_eq!(ids(stock().where_(col("id").in_([3, 4]))).await, [3, 4]);
        assert_eq!(ids(stock().where_(col("id").in_(Vec::<i64>::new()))).await, [0; 0]);
        assert_eq!(ids(stock().where_(col("count").not_in([Some(3), None]))).await, [0; 0]);
        assert_eq!(ids(stock().where_(col("count").not_in([Some(3), Some(2)]))).await, [3]);
        assert_eq!(ids(stock().where_(col("id").in_(3..300))).await, [3, 4]);
        assert_eq!(ids(stock().where_(col("id").in_(4..500))).await, [4]);
        // A constant zero is refused, whatever was kept.
        let divided = |by: i64| stock().order_by("id").select([(col("count") % by).as_("rest")]);
        assert_eq!(divided(2).collect_as::<Option<i64>>().await.unwrap(), [Some(1), None, Some(1), Some(0)]);
        assert_eq!(divided(0).collect().await.unwrap_err().code(), "expr.zero");
        assert_eq!(divided(4).collect_as::<Option<i64>>().await.unwrap(), [Some(3), None, Some(3), Some(2)]);
        // Numbers of rows.
        assert_eq!(ids(stock().order_by("id").offset(1).limit(2)).await, [2, 3]);
        assert_eq!(ids(stock().order_by("id").offset(2).limit(9)).await, [3, 4]);
        for wanted in [2, 4] {
            let row = stock().where_(col("id").eq(wanted)).limit(1).one().await.unwrap();
            assert_eq!(row.try_get::<i64>("id").unwrap(), wanted);
        }

        let counts = handle.shapes();
        assert!(counts.hits >= 8 && counts.kept > 0, "{counts:?}");
    })
    .await;
}

#[tokio::test]
async fn writes_keep_their_shapes_too() {
    support::each(async |db| {
        db.execute_setup(&TABLES).await;
        let handle = db.read_write().await;
        for (id, name) in [(5, Some("washer")), (6, None), (7, Some("rivet"))] {
            handle.insert("stock").columns(["id", "name", "price"]).row((id, name, 1.25)).execute().await.unwrap();
        }
        for (id, by) in [(1, 10), (3, 20)] {
            let update = handle.update("stock").set("count", col("count") + by).where_(col("id").eq(id));
            assert_eq!(update.max_affected(1).execute().await.unwrap(), 1);
        }
        for id in [2, 4] {
            assert_eq!(handle.delete("stock").where_(col("id").eq(id)).execute().await.unwrap(), 1);
        }
        let rows: Vec<(i64, Option<String>, Option<i64>)> =
            handle.table("stock").order_by("id").select(["id", "name", "count"]).collect_as().await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let expected = [
            (1, text("nut"), Some(13)),
            (3, text("50%_nut"), Some(27)),
            (5, text("washer"), None),
            (6, None, None),
            (7, text("rivet"), None),
        ];
        assert_eq!(rows, expected);
        assert!(handle.shapes().hits >= 3, "{:?}", handle.shapes());
    })
    .await;
}

#[tokio::test]
async fn a_changed_table_is_read_again_and_its_shapes_with_it() {
    support::each(async |db| {
        let handle = db.read_write().await;
        for text in TABLES {
            handle.sql(text).execute().await.unwrap();
        }
        handle.schema().await.unwrap();
        let all_of = async || handle.table("stock").where_(col("id").eq(1)).collect().await.unwrap();
        assert_eq!(all_of().await.columns().len(), 4);
        assert_eq!(all_of().await.columns().len(), 4);
        let before = handle.shapes();
        assert!(before.hits > 0 && before.kept > 0, "{before:?}");

        handle.sql("ALTER TABLE stock ADD COLUMN note varchar(10)").execute().await.unwrap();
        assert_eq!(handle.shapes().kept, 0);
        handle.schema().await.unwrap();
        assert_eq!(all_of().await.columns().len(), 5);
        assert_eq!(all_of().await.columns().len(), 5);

        // One that the handle's own catalogue did not know of is found when it is asked for.
        db.execute_setup(&["ALTER TABLE stock ADD COLUMN later integer"]).await;
        let later = handle.table("stock").where_(col("later").is_null()).agg(count(all()).as_("n"));
        assert_eq!(later.collect_as::<i64>().await.unwrap(), [4]);
        assert_eq!(all_of().await.columns().len(), 6);
    })
    .await;
}

#[tokio::test]
async fn a_handle_without_shapes_writes_the_same_texts() {
    support::each(async |db| {
        db.execute_setup(&TABLES).await;
        let open = async |most: usize| {
            let builder = Database::<ReadOnly>::builder(db.dsn_ro().parse().unwrap()).compiled_shapes(most);
            let handle = builder.open_read_only().await.unwrap();
            handle.schema().await.unwrap();
            handle
        };
        let (kept, anew) = (open(16).await, open(0).await);
        for value in 1..5 {
            let chain = |handle: &Database<ReadOnly>| {
                let moves = handle.table("moves").where_(col("change_by").gt(value));
                handle
                    .table("stock")
                    .join(moves, on(col("id").eq(col("stock_id"))))
                    .where_(col("price").lt(value as f64 + 0.5).and(col("name").ne(format!("n{value}"))))
                    .group_by("name")
                    .agg(avg(col("count") + value).as_("mean"))
                    .order_by("name")
                    .limit(value as u64 + 1)
            };
            assert_eq!(chain(&kept).to_sql().unwrap(), chain(&anew).to_sql().unwrap());
            let rows = async |handle| {
                let rows = chain(handle).collect().await.unwrap();
                rows.iter().map(|row| row.values().to_vec()).collect::<Vec<Vec<Value>>>()
            };
            assert_eq!(rows(&kept).await, rows(&anew).await);
            assert!(!chain(&kept).explain().await.unwrap().is_empty());
        }
        assert_eq!((kept.shapes().misses, anew.shapes().hits + anew.shapes().misses), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_read_only_handle_shares_no_shape_with_the_one_it_came_from() {
    let writer = Database::<ReadWrite>::open("sqlite::memory:".parse().unwrap()).await.unwrap();
    writer.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
    let reader = writer.to_read_only().await.unwrap();
    for _ in 0..2 {
        writer.table("t").where_(col("id").eq(1)).collect().await.unwrap();
    }
    assert_eq!((writer.shapes().hits, reader.shapes().hits), (1, 0));
    reader.table("t").where_(col("id").eq(1)).collect().await.unwrap();
    assert_eq!((reader.shapes().hits, reader.shapes().misses), (0, 1));
    // A clone, and the same handle on somebody's behalf, are one handle.
    let ada = writer.clone().acting_as(portcullis::Subject::new("ada"));
    ada.table("t").where_(col("id").eq(2)).collect().await.unwrap();
    assert_eq!(writer.shapes().hits, 2);
    // What is unsafe to write is still refused where it was refused.
    let raw = reader.sql("DELETE FROM t").collect().await.unwrap_err();
    assert_eq!(raw.kind(), ErrorKind::Policy);
}
