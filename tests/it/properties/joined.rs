//! Random updates and deletes that are matched with a frame, and what they do by the book: each row with each.

use portcullis::{Database, Dialect, Expr, Frame, ReadWrite, col, max, on};

use super::data::Dice;

/// `id`, `a`, `s`, `v`.
type Target = (i64, Option<i64>, Option<String>, i64);
/// `k`, `t`, `p`.
type Other = (Option<i64>, Option<String>, i64);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Match {
    Number,
    Text,
    Both,
    Computed,
    Turned,
    Above,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Rows {
    All,
    First(u64),
    Groups,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Take,
    Add,
    TakeTheKey,
    TakeTwo,
    TakeNothing,
    Delete,
}

#[derive(Debug)]
struct Case {
    targets: Vec<Target>,
    others: Vec<Other>,
    by: Match,
    rows: Rows,
    what: What,
    own: Option<i64>,
    theirs: Option<i64>,
    between: bool,
    few: Option<i64>,
}

fn made(number: u64) -> Case {
    let mut dice = Dice::new(number.wrapping_add(7 << 40));
    let texts = ["a", "A", "a ", "é", "", "b"];
    let key = |dice: &mut Dice| (!dice.one_in(5)).then(|| dice.roll(5) as i64);
    let text = |dice: &mut Dice| (!dice.one_in(5)).then(|| (*dice.pick(&texts)).to_owned());
    let (many, more) = (dice.roll(9) as i64, dice.roll(8));
    let targets = (0..many).map(|id| (id, key(&mut dice), text(&mut dice), dice.roll(6) as i64)).collect();
    let others = (0..more).map(|_| (key(&mut dice), text(&mut dice), dice.roll(6) as i64)).collect();
    let limit = |dice: &mut Dice| dice.one_in(3).then(|| dice.roll(5) as i64);
    Case {
        targets,
        others,
        by: *dice.pick(&[
            Match::Number,
            Match::Text,
            Match::Both,
            Match::Both,
            Match::Computed,
            Match::Turned,
            Match::Above,
        ]),
        rows: match dice.roll(4) {
            0 => Rows::First(dice.roll(5) as u64),
            1 => Rows::Groups,
            _ => Rows::All,
        },
        what: *dice.pick(&[What::Take, What::Add, What::TakeTheKey, What::TakeTwo, What::TakeNothing, What::Delete]),
        own: limit(&mut dice),
        theirs: limit(&mut dice),
        between: dice.one_in(4),
        few: dice.one_in(5).then(|| dice.roll(8) as i64),
    }
}

impl Case {
    /// The frame's rows.
    fn relation(&self) -> Vec<Other> {
        let mut rows = self.others.clone();
        match self.rows {
            Rows::All => {}
            Rows::First(count) => {
                rows.sort_by_key(|(k, t, p)| (*p, k.is_none(), *k, t.is_none(), t.clone()));
                rows.truncate(count as usize);
            }
            Rows::Groups => {
                let mut groups: Vec<Other> = Vec::new();
                for (k, t, p) in rows {
                    match groups.iter_mut().find(|group| (&group.0, &group.1) == (&k, &t)) {
                        Some(group) => group.2 = group.2.max(p),
                        None => groups.push((k, t, p)),
                    }
                }
                rows = groups;
            }
        }
        rows
    }

    fn matches(&self, target: &Target, other: &Other) -> bool {
        let (id, a, s, v) = target;
        let (k, t, p) = other;
        let number = a.is_some() && a == k;
        let text = s.is_some() && s == t;
        let by = match self.by {
            Match::Number | Match::Turned => number,
            Match::Text => text,
            Match::Both => number && text,
            Match::Computed => a.is_some() && a.map(|a| a + 1) == *k,
            Match::Above => a.zip(*k).is_some_and(|(a, k)| a > k),
        };
        by && self.own.is_none_or(|most| *v <= most)
            && self.theirs.is_none_or(|least| *p >= least)
            && (!self.between || p > v)
            && self.few.is_none_or(|only| *id == only)
    }

    /// The target afterwards, and how many rows were changed; `None` where a row has several matches.
    fn by_the_book(&self) -> Option<(Vec<Target>, u64)> {
        let relation = self.relation();
        let (mut rows, mut count) = (Vec::new(), 0);
        for target in &self.targets {
            let mut found = relation.iter().filter(|other| self.matches(target, other));
            let Some((_, _, p)) = found.next() else {
                rows.push(target.clone());
                continue;
            };
            count += 1;
            let takes = !matches!(self.what, What::TakeNothing | What::Delete);
            if takes && found.next().is_some() {
                return None;
            }
            let (id, a, s, v) = target.clone();
            match self.what {
                What::Take => rows.push((id, a, s, *p)),
                What::Add => rows.push((id, a, s, v + p)),
                What::TakeTheKey => rows.push((id, Some(*p), s, v)),
                What::TakeTwo => rows.push((id, Some(v), s, *p)),
                What::TakeNothing => rows.push((id, a, s, v + 10)),
                What::Delete => {}
            }
        }
        Some((rows, count))
    }

    fn frame(&self, db: &Database<ReadWrite>) -> Frame {
        let frame = db.table("joined_others");
        match self.rows {
            Rows::All => frame,
            Rows::First(count) => frame.order_by(("p", "k", "t")).limit(count),
            Rows::Groups => frame.group_by(["k", "t"]).agg(max(col("p")).as_("p")),
        }
    }

    fn on(&self) -> Expr {
        let (number, text) = (|| col("a").eq(col("k")), || col("s").eq(col("t")));
        match self.by {
            Match::Number => number(),
            Match::Text => text(),
            Match::Both => number().and(text()),
            Match::Computed => (col("a") + 1).eq(col("k")),
            Match::Turned => col("k").eq(col("a")),
            Match::Above => col("a").gt(col("k")),
        }
    }

    fn conditions(&self) -> Vec<Expr> {
        let own = self.own.map(|most| col("v").le(most));
        let theirs = self.theirs.map(|least| col("p").ge(least));
        let between = self.between.then(|| col("p").gt(col("v")));
        let few = self.few.map(|only| col("id").eq(only));
        [own, theirs, between, few].into_iter().flatten().collect()
    }
}

/// The case of a number; false for one that the database refuses by name.
pub async fn check_case(db: &Database<ReadWrite>, number: u64) -> bool {
    let case = made(number);
    for table in ["joined_targets", "joined_others"] {
        db.delete(table).all_rows().execute().await.expect("an empty table");
    }
    let columns = ["id", "a", "s", "v"];
    db.insert("joined_targets").columns(columns).rows(case.targets.clone()).execute().await.expect("rows");
    db.insert("joined_others").columns(["k", "t", "p"]).rows(case.others.clone()).execute().await.expect("rows");
    let result = if case.what == What::Delete {
        let delete = db.delete("joined_targets").using(case.frame(db), on(case.on()));
        case.conditions().into_iter().fold(delete, |delete, condition| delete.where_(condition)).execute().await
    } else {
        let update = db.update("joined_targets").from(case.frame(db), on(case.on()));
        let update = match case.what {
            What::Take => update.set("v", col("p")),
            What::Add => update.set("v", col("v") + col("p")),
            What::TakeTheKey => update.set("a", col("p")),
            What::TakeTwo => update.set("v", col("p")).set("a", col("v")),
            What::TakeNothing | What::Delete => update.set("v", col("v") + 10),
        };
        case.conditions().into_iter().fold(update, |update, condition| update.where_(condition)).execute().await
    };
    let rows: Vec<Target> =
        db.table("joined_targets").select(columns).order_by("id").collect_as().await.expect("the rows");
    let what = || format!("case {number} on {}: {case:?}", db.dialect());
    match (case.by_the_book(), result) {
        (Some((expected, count)), Ok(changed)) => {
            assert_eq!((rows, changed), (expected, count), "{}", what());
            true
        }
        (None, Err(error)) if error.code() == "update.several_matches" => {
            assert_eq!(rows, case.targets, "{}", what());
            true
        }
        (None, Ok(_)) => panic!("several matches were not seen, {}", what()),
        // Each of the two is read by what looks for the other's match.
        (_, Err(error)) if error.code() == "update.swap" => {
            assert!(
                case.what == What::TakeTwo && !matches!(db.dialect(), Dialect::Postgres | Dialect::Sqlite),
                "{}",
                what()
            );
            assert_eq!(rows, case.targets, "{}", what());
            false
        }
        (_, Err(error)) => panic!("{error:?}, {}", what()),
    }
}

/// The tables of the cases.
pub fn setup(dialect: Dialect) -> [String; 2] {
    let words = if matches!(dialect, Dialect::MySql | Dialect::MariaDb) { " CHARACTER SET utf8mb4" } else { "" };
    [
        format!(
            "CREATE TABLE joined_targets (id integer PRIMARY KEY, a integer, s varchar(9), v integer NOT NULL){words}"
        ),
        format!("CREATE TABLE joined_others (k bigint, t varchar(9), p integer NOT NULL){words}"),
    ]
}
