//! Filters that are known only when the program runs, such as the parameters of a web request.
//!
//! A condition is a value: it is kept in a list, and `all_of` joins the list. What a user types is always bound, never text,
//! and a column that a user names is looked up in a list of the program's own.
//!
//! ```text
//! cargo run --example dynamic_filters
//! ```

use portcullis::{Database, Error, Expr, Frame, ReadWrite, Result, all_of, col};

/// What a user may ask for; each part may be left out.
#[derive(Default)]
struct Search<'a> {
    name_contains: Option<&'a str>,
    at_least: Option<i64>,
    cities: Vec<&'a str>,
    sort_by: Option<&'a str>,
}

const SORTABLE: [&str; 2] = ["name", "total"];

impl Search<'_> {
    fn conditions(&self) -> Vec<Expr> {
        let mut conditions = Vec::new();
        if let Some(text) = self.name_contains {
            conditions.push(col("name").contains(text));
        }
        if let Some(total) = self.at_least {
            conditions.push(col("total").ge(total));
        }
        if !self.cities.is_empty() {
            conditions.push(col("city").in_(self.cities.iter().copied()));
        }
        conditions
    }

    fn apply(&self, frame: Frame) -> Result<Frame> {
        let sort = self.sort_by.unwrap_or("name");
        if !SORTABLE.contains(&sort) {
            return Err(Error::refused(format!("sort by one of {SORTABLE:?}")));
        }
        Ok(frame.where_(all_of(self.conditions())).order_by(sort))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Database::<ReadWrite>::open("sqlite::memory:".parse()?).await?;
    db.sql("CREATE TABLE customers (name text, city text, total integer)").execute().await?;
    let customers = [("Ada", "Bath", 90), ("Bob 100%", "Bath", 20), ("Eve", "Oslo", 70), ("Bo", "Lyon", 10)];
    db.insert("customers").columns(["name", "city", "total"]).rows(customers).execute().await?;

    let searches = [
        Search::default(),
        Search { at_least: Some(50), sort_by: Some("total"), ..Search::default() },
        Search { cities: vec!["Bath", "Lyon"], at_least: Some(15), ..Search::default() },
        // `%` has no special meaning in `contains`, and this quote ends nothing.
        Search { name_contains: Some("0%"), ..Search::default() },
        Search { name_contains: Some("' OR 1=1 --"), ..Search::default() },
    ];
    for search in searches {
        let frame = search.apply(db.table("customers"))?;
        println!("{}\n{}\n", frame.to_sql()?, frame.collect().await?);
    }

    let unknown = Search { sort_by: Some("password"), ..Search::default() };
    if let Err(refusal) = unknown.apply(db.table("customers")) {
        println!("{refusal}");
    }
    Ok(())
}
