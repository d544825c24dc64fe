//! Recursions over graphs with rings: `cycle` ends each path where it would come back to where it was.

use portcullis::{
    Database, Dialect, ErrorKind, Frame, ReadOnly, SqlType, all, coalesce, col, column, concat, count, if_, lit, min,
    on, recursive, sum, table,
};

use super::snapshot::t;
use crate::support::{self, TestDatabase, check, lines};

/// Texts that would be taken for the signs between keys, or for another key, where a path was written carelessly.
const NAMES: [&str; 14] = ["a", "A", "a]", "[a", "a]|[a", "61", "[61]", "n", "", " ", "a ", "é", "][", "a,b"];

/// A way from one place to another, with a tag that may be missing.
type Way = (usize, usize, Option<i64>);

/// The ways on which no (place, tag) stands twice, as SQL's rows: the last place, its tag, the number of ways, and the sum of tags.
fn paths(ways: &[Way], start: usize, most: usize) -> Vec<(usize, Option<i64>, i64, i64)> {
    fn go(
        ways: &[Way],
        path: &mut Vec<(usize, Option<i64>)>,
        total: i64,
        most: usize,
        rows: &mut Vec<(usize, Option<i64>, i64, i64)>,
    ) {
        let (here, tag) = path[path.len() - 1];
        rows.push((here, tag, path.len() as i64, total));
        if path.len() > most {
            return;
        }
        for (from, to, tag) in ways {
            if *from == here && !path.contains(&(*to, *tag)) {
                path.push((*to, *tag));
                go(ways, path, total + tag.unwrap_or(100), most, rows);
                path.pop();
            }
        }
    }
    let mut rows = Vec::new();
    for (from, to, tag) in ways {
        if *from == start {
            go(ways, &mut vec![(*to, *tag)], tag.unwrap_or(100), most, &mut rows);
        }
    }
    rows
}

/// Ways between places whose names are texts, and whose numbers are integers.
async fn world(db: &TestDatabase, ways: &[Way]) -> Database<ReadOnly> {
    let write = db.read_write().await;
    write
        .create_table("ways")
        .column(column("start", SqlType::Int32).not_null())
        .column(column("end", SqlType::Int32).not_null())
        .column(column("tag", SqlType::Int64))
        .column(column("start_name", SqlType::Text).max_length(20).not_null())
        .column(column("end_name", SqlType::Text).max_length(20).not_null())
        .execute()
        .await
        .unwrap();
    let insert = write.insert("ways").columns(["start", "end", "tag", "start_name", "end_name"]);
    let rows = ways.iter().map(|(from, to, tag)| (*from as i64, *to as i64, *tag, NAMES[*from], NAMES[*to]));
    insert.rows(rows).execute().await.unwrap();
    db.read_only().await
}

/// The places that are reached from `start`, by numbers or by names, with how many ways that took and what their tags make together.
fn reached(db: &Database<ReadOnly>, by: &str, start: usize, keys: &[&str]) -> Frame {
    let ways = || db.table("ways");
    let (from, to) = if by == "number" { ("start", "end") } else { ("start_name", "end_name") };
    let first = if by == "number" { col(from).eq(start as i64) } else { col(from).eq(NAMES[start]) };
    let tag = || coalesce([col("tag").of("ways"), lit(100)]);
    let anchor = ways().where_(first).select((col(to).as_("place"), "tag", lit(1).as_("n"), tag().as_("total")));
    recursive("paths", anchor).cycle(keys).max_depth(6).step(|paths| {
        ways().join(paths, on(col(from).of("ways").eq(col("place")))).select((
            col(to).of("ways").as_("place"),
            col("tag").of("ways"),
            (col("n") + 1).as_("n"),
            (col("total") + tag()).as_("total"),
        ))
    })
}

/// Compares with what a walk in memory finds.
async fn compare(db: &Database<ReadOnly>, ways: &[Way], start: usize) {
    let shown = |tag: Option<i64>| tag.map_or("null".to_owned(), |tag| tag.to_string());
    for by in ["number", "name"] {
        let place = |place: usize| if by == "number" { place.to_string() } else { NAMES[place].to_owned() };
        let mut expected: Vec<String> = paths(ways, start, 6)
            .into_iter()
            .map(|(end, tag, n, total)| format!("{}|{}|{n}|{total}", place(end), shown(tag)))
            .collect();
        let mut found = lines(&reached(db, by, start, &["place", "tag"]).collect().await.unwrap());
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "by {by} from {start} over {ways:?} on {}", db.dialect());
    }
}

#[tokio::test]
async fn a_path_ends_where_it_would_come_back_to_where_it_was() {
    // A ring of three, a way to itself, a way out of it, and two ways between the same places.
    let ways = [(0, 1, None), (1, 2, None), (2, 0, None), (1, 1, None), (2, 3, None), (2, 3, Some(7)), (9, 0, None)];
    support::each(async |db| {
        let db = world(db, &ways).await;
        let from = |start| reached(&db, "number", start, &["place"]).select(("place", "n")).order_by(["place", "n"]);
        check(&db, from(0), &["0|3", "1|1", "2|2", "3|3", "3|3"]).await;
        check(&db, from(9), &["0|1", "1|2", "2|3", "3|4", "3|4"]).await;
        check(&db, from(3), &[]).await;
        for start in [0, 1, 2, 9] {
            compare(&db, &ways, start).await;
        }
        // The frame is a relation like any other: the shortest way to each place, and a use in two places.
        let paths = reached(&db, "name", 9, &["place"]);
        let shortest = paths.clone().group_by("place").agg(min(col("n")).as_("n")).order_by("n");
        check(&db, shortest, &["a|1", "A|2", "a]|3", "[a|4"]).await;
        let both = paths.clone().union_all(paths).agg((count(all()).as_("rows"), sum(col("n")).as_("steps")));
        check(&db, both, &["10|28"]).await;
        // Without it the ring is gone round until the depth ends it.
        let anchor = || db.table("ways").where_(col("start").eq(0)).select((col("end").as_("place"), lit(1).as_("n")));
        let step = |paths: Frame| {
            let ways = db.table("ways").where_(col("end").lt(3));
            ways.join(paths, on(col("start").eq(col("place"))))
                .select((col("end").as_("place"), (col("n") + 1).as_("n")))
        };
        let rows = async |frame: Frame| frame.count().await.unwrap();
        assert!(rows(recursive("paths", anchor()).max_depth(9).step(step)).await > 10);
        assert_eq!(rows(recursive("paths", anchor()).max_depth(9).cycle("place").step(step)).await, 3);
        assert_eq!(rows(recursive("paths", anchor()).max_depth(1).cycle("place").step(step)).await, 2);
    })
    .await;
}

#[tokio::test]
async fn no_two_keys_of_a_path_are_taken_for_one_another() {
    support::each(async |db| {
        // Every place of a chain, so that each name is held against all that stand before it.
        let chain: Vec<Way> = (1..NAMES.len()).map(|place| (place - 1, place, Some(-1))).collect();
        {
            let db = world(db, &chain).await;
            let paths = reached(&db, "name", 0, &["place"]).agg(count(all()).as_("n"));
            check(&db, paths, &["7"]).await;
            for start in 0..NAMES.len() {
                compare(&db, &chain, start).await;
            }
        }
        // Small graphs of every kind, with keys that are NULL.
        let mut seed = 7_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..8 {
            db.execute_setup(&["DROP TABLE ways"]).await;
            let places: Vec<usize> = (0..4).map(|_| next(NAMES.len() as u64) as usize).collect();
            let ways: Vec<Way> = (0..7)
                .map(|_| {
                    let tag = [None, Some(0), Some(-12), Some(12)][next(4) as usize];
                    (places[next(4) as usize], places[next(4) as usize], tag)
                })
                .collect();
            let db = world(db, &ways).await;
            for place in &places {
                compare(&db, &ways, *place).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn keys_of_a_path_may_be_dates_truths_and_uuids() {
    support::each(async |db| {
        let write = db.read_write().await;
        let days = ["2024-02-29", "1969-12-31", "2024-02-29"].map(|day| day.parse::<chrono::NaiveDate>().unwrap());
        let ids = ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-fffffffffffe"];
        // MySQL has no type for them.
        let as_text = db.dialect == Dialect::MySql;
        let key_type = if as_text { SqlType::Text } else { SqlType::Uuid };
        let ids = [ids[0], ids[1], ids[0]];
        let mut ring =
            write.create_table("ring").column(column("id", SqlType::Int64)).column(column("next", SqlType::Int64));
        for (name, found) in [("day", SqlType::Date), ("flag", SqlType::Bool), ("key", key_type)] {
            ring = ring.column(column(name, found));
        }
        ring.execute().await.unwrap();
        let insert = write.insert("ring").columns(["id", "next", "day", "flag", "key"]);
        let next = |it: usize| (it as i64 + 1) % 3;
        let insert = match as_text {
            true => insert.rows((0..3).map(|it| (it as i64, next(it), days[it], it == 1, ids[it]))),
            false => insert.rows(
                (0..3).map(|it| (it as i64, next(it), days[it], it == 1, ids[it].parse::<uuid::Uuid>().unwrap())),
            ),
        };
        insert.execute().await.unwrap();
        let db = db.read_only().await;
        for keys in [&["day"][..], &["flag"], &["key"], &["flag", "day", "key"], &["id"], &["day", "id"]] {
            let columns = ["id", "next", "day", "flag", "key"];
            let start = db.table("ring").where_(col("id").eq(0)).select(columns);
            let round = recursive("round", start).cycle(keys).step(|round| {
                let ring = db.table("ring").as_("ring");
                ring.join(round, on(col("id").of("ring").eq(col("next").of("round"))))
                    .select(columns.map(|name| col(name).of("ring")))
            });
            let expected: &[&str] = if keys.contains(&"id") { &["0", "1", "2"] } else { &["0", "1"] };
            check(&db, round.select("id").order_by("id"), expected).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_path_is_followed_to_its_end() {
    support::each(async |db| {
        let db = world(db, &[(0, 1, None)]).await;
        let name = concat([lit("a name that is as long as names are, number "), col("n").cast(SqlType::Text)]);
        let one = db.table("ways").select((lit(1).as_("n"), lit("first").as_("name")));
        let grown = recursive("grown", one)
            .cycle(["name", "n"])
            .max_depth(3000)
            .step(|grown| grown.where_(col("n").lt(1500)).select(((col("n") + 1).as_("n"), name.as_("name"))));
        check(&db, grown.agg((count(all()).as_("k"), sum(col("n")).as_("s"))), &["1500|1125750"]).await;
        // Keys of more than two million characters, and a ring at the end of them.
        let long = || concat([lit("x".repeat(20_000)), col("n").cast(SqlType::Text)]);
        let one = db.table("ways").select(lit(1).as_("n")).select(("n", long().as_("name")));
        let ring = recursive("ring", one).cycle("name").step(|ring| {
            let next = ring.select((if_(col("n").eq(60), 40, col("n") + 1).as_("n"), "name"));
            next.select(("n", long().as_("name")))
        });
        check(&db, ring.agg((count(all()).as_("k"), sum(col("n")).as_("s"))), &["60|1830"]).await;
    })
    .await;
}

#[test]
fn a_cycle_that_can_not_be_told_is_refused() {
    let start = || recursive("r", table(t::table).select(["id", "g"]));
    let error = |frame: Frame| frame.to_sql_for(Dialect::Postgres).unwrap_err();
    let twice = error(start().distinct().cycle("id").step(|r| r));
    assert_eq!((twice.code(), twice.kind()), ("recursive.cycle", ErrorKind::Plan));
    assert_eq!(error(start().cycle(Vec::<&str>::new()).step(|r| r)).code(), "plan.no_columns");
    assert_eq!(error(start().cycle("idd").step(|r| r)).code(), "schema.unknown_column");
    assert_eq!(error(start().cycle("id").step(|r| r.select("id"))).code(), "set.width");
    let half = || recursive("r", table(t::table).select(("id", (col("g") / 2).as_("half"))));
    let float = error(half().cycle("half").step(|r| r));
    assert_eq!((float.code(), float.kind(), float.column()), ("recursive.cycle_type", ErrorKind::Type, Some("half")));
    assert_eq!(
        float.to_string(),
        "`cycle` compares whole numbers, text, booleans, dates and UUIDs, not `half` (double); name another column, or convert it with `.cast(..)`"
    );
    assert!(half().cycle("id").step(|r| r).to_sql_for(Dialect::Postgres).is_ok());
    // What the path is called never stands in the way of a column.
    let named = recursive("r", table(t::table).select((col("id").as_("path"), col("g").as_("Depth"))));
    let query = named.cycle("path").step(|r| r).to_sql_for(Dialect::Sqlite).unwrap();
    assert!(query.sql().ends_with(r#"SELECT "path", "Depth" FROM "r" AS "r_2""#), "{}", query.sql());
    assert!(query.sql().contains(r#" AS "path_2""#) && query.sql().contains(r#" AS "depth_2""#), "{}", query.sql());
}
