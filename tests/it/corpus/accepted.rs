//! Odd names that are taken work on a real database, as tables and as columns, and mean nothing but themselves.

use portcullis::{Database, Dialect, Ident, ReadWrite, all, col, count, in_schema, on, sum, using};

use super::decode::quoted;
use super::list::{identifiers, payloads};
use crate::support::{self, TestDatabase};

/// How many names get a table of their own on each database.
const SAMPLE: usize = 60;

/// Names that are taken, oddest first.
fn taken(dialect: Dialect) -> Vec<String> {
    let own = identifiers().into_iter().filter(|(_, class)| class == "quotable").map(|(name, _)| name);
    let mut names: Vec<String> =
        payloads().iter().filter(|name| Ident::new(name).is_ok() && name.len() < 56).cloned().collect();
    names.sort_by_key(|name| name.chars().all(|character| character.is_ascii_alphanumeric()));
    names.truncate(SAMPLE);
    names.extend(own.step_by(3).filter(|name| name.len() < 56));
    names.extend(["true", "False", "null", "select", "rowid", "oid", "_rowid_"].map(str::to_owned));
    names.retain(|name| {
        let system = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"].contains(&name.as_str());
        // SQL: MySQL and MariaDB, names: no characters beyond U+FFFF.
        let beyond =
            dialect.name() != "sqlite" && dialect != Dialect::Postgres && name.chars().any(|it| it > '\u{ffff}');
        let reserved = dialect == Dialect::Sqlite && name.to_ascii_lowercase().starts_with("sqlite_");
        !system && !beyond && !reserved && !["id", "v"].contains(&name.to_lowercase().as_str())
    });
    names.sort_by_key(|name| name.to_lowercase());
    // Only PostgreSQL tells tables apart by their capitals.
    names.dedup_by_key(|name| name.to_lowercase());
    names
}

async fn try_name(db: &TestDatabase, handle: &Database<ReadWrite>, name: &str) {
    let dialect = db.dialect;
    let sum_of = |frame: portcullis::Frame| async move { frame.collect_as::<(Option<i64>,)>().await.unwrap()[0].0 };

    let rows = [(1, 10, 100), (2, 20, 200), (3, 30, 300)];
    let inserted = handle.insert(name).columns(["id", name, "v"]).rows(rows).execute().await;
    assert_eq!(inserted.unwrap_or_else(|error| panic!("{name:?} on {dialect}: {error:?}")), 3);
    assert_eq!(handle.update(name).set(name, col(name) + 1).where_(col(name).eq(20)).execute().await.unwrap(), 1);
    assert_eq!(handle.delete(name).where_(col(name).gt(25)).execute().await.unwrap(), 1);

    let rows = handle.table(name).select([name]).order_by(col(name).desc()).collect().await.unwrap();
    assert_eq!(rows.columns(), [name]);
    assert_eq!(rows.deserialize::<(i64,)>().unwrap(), [(21,), (10,)]);
    let grouped = handle.table(name).group_by(name).agg((count(all()).as_("n"), sum(col("v")).as_("s"))).order_by(name);
    assert_eq!(grouped.collect_as::<(i64, i64, i64)>().await.unwrap(), [(10, 1, 100), (21, 1, 200)]);
    let renamed = handle.table(name).drop([name]).rename("v", name).where_(col(name).eq(200)).select([name]);
    assert_eq!(renamed.collect_as::<(i64,)>().await.unwrap(), [(200,)]);
    let twice = handle.table(name).as_("other");
    let joined = handle.table(name).join(twice, on(col(name).of(name).eq(col(name).of("other")))).agg(sum(col("v")));
    assert_eq!(sum_of(joined).await, Some(300));
    let joined = handle.table(name).as_(name).semi_join(handle.table(name), using(name)).agg(sum(col(name)));
    assert_eq!(sum_of(joined).await, Some(31));
    let alias = handle.table(name).select([(col("id") * 2).as_(name)]).order_by(name).limit(1).where_(col(name).eq(2));
    assert_eq!(alias.collect_as::<(i64,)>().await.unwrap(), [(2,)]);
    let schema = match dialect {
        Dialect::Sqlite => "main".to_owned(),
        Dialect::Postgres => "public".to_owned(),
        _ => db.name(),
    };
    let whole = handle.table(in_schema(&schema, name).unwrap()).agg(sum(col(name)).as_("s"));
    assert_eq!(sum_of(whole).await, Some(31));
}

#[tokio::test]
async fn a_taken_name_is_a_table_and_a_column_on_every_database() {
    support::each(async |db| {
        let handle = db.read_write().await;
        db.execute_setup(&["CREATE TABLE bystander (id integer)", "INSERT INTO bystander VALUES (7)"]).await;
        let names = taken(db.dialect);
        assert!(names.len() > 60, "{}", names.len());
        let table = |name: &String| {
            let own = quoted(name, db.dialect);
            format!("CREATE TABLE {own} (id integer NOT NULL, {own} integer, v integer)")
        };
        let tables: Vec<String> = names.iter().map(table).collect();
        db.execute_setup(&tables.iter().map(String::as_str).collect::<Vec<_>>()).await;
        handle.schema().await.unwrap();
        // Each name has texts of its own, and on MariaDB a prepared text that makes room for another costs some 40 ms.
        let together = if db.dialect == Dialect::Sqlite { 1 } else { 10 };
        for chunk in names.chunks(together) {
            futures_util::future::join_all(chunk.iter().map(|name| try_name(db, &handle, name))).await;
        }
        assert_eq!(handle.table("bystander").collect_as::<i64>().await.unwrap(), [7]);
        support::say(&format!("names on {}: {} odd ones made, written and read", db.dialect, names.len()));
    })
    .await;
}
