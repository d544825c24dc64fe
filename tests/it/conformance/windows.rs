//! Functions over windows: the reference looks for each row at the rows of its partition, in order, and walks its frame.

use portcullis::{
    Dialect, Expr, Value, Window, all, array_agg, avg, bool_or, coalesce, col, corr, count, cume_dist, current_row,
    dense_rank, first_value, following, lag, last_value, lead, lit, max, min, nth_value, ntile, percent_rank,
    preceding, rank, row_number, stddev_samp, string_agg, sum, unbounded_following, unbounded_preceding, var_pop,
    window,
};
use rust_decimal::Decimal;

use super::inputs::{self, Input};
use super::{Entry, function};

const MYSQL: &[Dialect] = &[Dialect::MariaDb, Dialect::MySql];

/// The partition that `row` is in, in the order of `key`, and the row's place in it.
fn partition<K: Ord>(
    row: &Input,
    by: impl Fn(&Input) -> Option<bool>,
    key: impl Fn(&Input) -> K,
) -> (Vec<Input>, usize) {
    let mut rows: Vec<Input> = inputs::rows().into_iter().filter(|other| by(other) == by(row)).collect();
    rows.sort_by_key(|row| key(row));
    let place = rows.iter().position(|other| other.id == row.id).unwrap();
    (rows, place)
}

/// By `f`, in the order of `m`, NULL last, and then of `id`.
fn ordered(row: &Input) -> (Vec<Input>, usize) {
    partition(row, |row| row.f, |row| (row.m.is_none(), row.m, row.id))
}

fn by_m() -> Window {
    window().partition_by("f").order_by(("m", "id"))
}

/// In the order of `m % 3`, in which rows are equal, and in descending order, so that NULL comes first.
fn tied() -> Window {
    window().order_by((col("m") % 3).desc())
}

fn tie(row: &Input) -> (bool, std::cmp::Reverse<Option<i64>>) {
    (row.m.is_some(), std::cmp::Reverse(row.m.map(|m| m % 3)))
}

/// The rows before `row` in the order of ties, those equal to it, and all.
fn counts(row: &Input) -> (i64, i64, i64) {
    let rows = inputs::rows();
    let before = rows.iter().filter(|other| tie(other) < tie(row)).count() as i64;
    let equal = rows.iter().filter(|other| tie(other) == tie(row)).count() as i64;
    (before, equal, rows.len() as i64)
}

/// The frame of rows from `before` rows before to `after` rows after.
fn frame(row: &Input, before: i64, after: i64) -> Vec<Input> {
    let (rows, place) = ordered(row);
    let last = rows.len() as i64 - 1;
    let (start, end) = ((place as i64 - before).max(0), (place as i64 + after).min(last));
    (start..=end).map(|place| rows[place as usize].clone()).collect()
}

fn total(rows: &[Input]) -> Option<i64> {
    let list: Vec<i64> = rows.iter().filter_map(|row| row.m).collect();
    (!list.is_empty()).then(|| list.iter().sum())
}

pub fn entries() -> Vec<Entry> {
    let mut entries = places();
    entries.extend(values());
    entries.extend(aggregates());
    entries.extend(frames());
    entries
}

fn places() -> Vec<Entry> {
    vec![
        function(
            "row_number",
            "row_number().over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "a bigint",
            "Needs an order; rows that are equal in it are numbered by luck.",
        )
        .over(row_number().over(by_m()), |row| ordered(row).1 as i64 + 1)
        .over(row_number().over(window().order_by("id")) * 2 + 1, |row| row.id * 2 + 1)
        .over(row_number().over(window().partition_by("u").order_by(col("id").desc())), |row| {
            inputs::rows().iter().filter(|other| other.u == row.u && other.id >= row.id).count() as i64
        }),
        function(
            "rank",
            "rank().over(window().order_by((col(\"m\") % 3).desc()))",
            "a bigint",
            "Equal rows have one rank, and leave a gap.",
        )
        .over(rank().over(tied()), |row| counts(row).0 + 1)
        .over(rank().over(tied().partition_by("f")), |row| {
            inputs::rows().iter().filter(|other| other.f == row.f && tie(other) < tie(row)).count() as i64 + 1
        }),
        function(
            "dense_rank",
            "dense_rank().over(window().order_by((col(\"m\") % 3).desc()))",
            "a bigint",
            "As `rank`, without gaps.",
        )
        .over(dense_rank().over(tied()), |row| {
            let mut before: Vec<_> = inputs::rows().iter().map(tie).filter(|other| *other < tie(row)).collect();
            before.sort();
            before.dedup();
            before.len() as i64 + 1
        })
        .over(dense_rank().over(window().order_by("t")), |row| {
            let texts = inputs::rows();
            texts.iter().filter(|other| (other.t.is_none(), other.t) < (row.t.is_none(), row.t)).count() as i64 + 1
        }),
        function(
            "percent_rank",
            "percent_rank().over(window().order_by((col(\"m\") % 3).desc()))",
            "a double",
            "`(rank - 1) / (rows - 1)`; 0 in a partition of one row.",
        )
        .over(percent_rank().over(tied()), |row| {
            let (before, _, all) = counts(row);
            before as f64 / (all - 1) as f64
        })
        .over(percent_rank().over(window().partition_by("id").order_by("id")), |_| 0.0),
        function(
            "cume_dist",
            "cume_dist().over(window().order_by((col(\"m\") % 3).desc()))",
            "a double",
            "The part of the rows that come before or are equal.",
        )
        .over(cume_dist().over(tied()), |row| {
            let (before, equal, all) = counts(row);
            (before + equal) as f64 / all as f64
        }),
        function("ntile", "ntile(5).over(window().order_by(\"id\"))", "a bigint", "Larger buckets first.")
            // Twelve rows: 3, 3, 2, 2, 2.
            .over(ntile(5).over(window().order_by("id")), |row| match row.id {
                1..=3 => 1,
                4..=6 => 2,
                id => (id - 7) / 2 + 3,
            })
            .over(ntile(100).over(window().order_by("id")), |row| row.id),
    ]
}

fn values() -> Vec<Entry> {
    let at = |row: &Input, by: i64| {
        let (rows, place) = ordered(row);
        usize::try_from(place as i64 + by).ok().and_then(|place| rows.get(place).cloned())
    };
    vec![
        function(
            "lag",
            "lag(col(\"t\"), 1).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "the operand's type",
            "NULL, or what `default_to` says, where there is no such row.",
        )
        .over(lag(col("t"), 1).over(by_m()), move |row| at(row, -1).and_then(|row| row.t))
        .over(lag(col("n"), 2).default_to(-5).over(by_m()), move |row| at(row, -2).map_or(Some(-5), |row| row.n))
        .over(lag(col("t"), 1).default_to("none").over(by_m().rows(preceding(1), current_row())), move |row| {
            at(row, -1).map_or(Some("none"), |row| row.t)
        }),
        function(
            "lead",
            "lead(col(\"day\"), 1).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "the operand's type",
            "As `lag`.",
        )
        .over(lead(col("day"), 1).over(by_m()), move |row| at(row, 1).and_then(|row| row.day))
        .over(lead(col("x"), 3).default_to(col("y")).over(by_m()), move |row| at(row, 3).map_or(row.y, |row| row.x)),
        function(
            "ignore_nulls",
            "last_value(col(\"u\")).ignore_nulls().over(window().order_by(\"id\"))",
            "as the function",
            "For `lag`, `lead`, `first_value`, `last_value` and `nth_value`: rows where the operand is NULL are not there.",
        )
        .over(last_value(col("u")).ignore_nulls().over(window().order_by("id")), |row| {
            inputs::rows().into_iter().take(row.id as usize).filter_map(|row| row.u).next_back()
        })
        .over(first_value(col("n")).ignore_nulls().over(by_m().rows(preceding(2), following(1))), |row| {
            frame(row, 2, 1).iter().find_map(|row| row.n)
        })
        .over(nth_value(col("f"), 2).ignore_nulls().over(window().order_by("id").rows(preceding(3), current_row())), |row| {
            let rows: Vec<Input> = inputs::rows().into_iter().filter(|other| (row.id - 3..=row.id).contains(&other.id)).collect();
            rows.iter().filter_map(|row| row.f).nth(1)
        })
        .over(lag(col("f"), 2).ignore_nulls().over(window().order_by("id")), |row| {
            let before = inputs::rows().into_iter().take(row.id as usize - 1);
            before.filter_map(|row| row.f).rev().nth(1)
        })
        .over(lead(col("m"), 1).ignore_nulls().default_to(-1).over(by_m()), |row| {
            let (rows, place) = ordered(row);
            Some(rows[place + 1..].iter().find_map(|row| row.m).unwrap_or(-1))
        })
        .refused_on(MYSQL, "window.unsupported"),
        function(
            "first_value",
            "first_value(col(\"t\")).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "the operand's type",
            "Of the frame; NULL in an empty one.",
        )
        .over(first_value(col("t")).over(by_m()), |row| ordered(row).0[0].t)
        .over(first_value(col("id")).over(by_m().rows(preceding(2), following(1))), |row| frame(row, 2, 1)[0].id)
        .over(first_value(col("n")).over(by_m().rows(following(1), following(2))), |row| {
            frame(row, -1, 2).first().and_then(|row| row.n)
        }),
        function(
            "last_value",
            "last_value(col(\"t\")).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "the operand's type",
            "Of the frame, which without one ends at the row at hand.",
        )
        .over(last_value(col("t")).over(by_m()), |row| row.t)
        .over(last_value(col("t")).over(by_m().rows(current_row(), unbounded_following())), |row| {
            ordered(row).0.last().unwrap().t
        }),
        function(
            "nth_value",
            "nth_value(col(\"n\"), 2).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "the operand's type",
            "Of the frame; NULL in a shorter one.",
        )
        .over(nth_value(col("n"), 2).over(by_m()), |row| {
            let (rows, place) = ordered(row);
            (place > 0).then(|| rows[1].n).flatten()
        })
        .over(nth_value(col("t"), 3).over(by_m().rows(preceding(1), following(1))), |row| {
            frame(row, 1, 1).get(2).and_then(|row| row.t)
        }),
    ]
}

fn aggregates() -> Vec<Entry> {
    let moving = || by_m().rows(preceding(1), following(2));
    let near = |row: &Input| frame(row, 1, 2);
    let spread = |list: Vec<f64>, less: f64| {
        let mean = list.iter().sum::<f64>() / list.len() as f64;
        let sum: f64 = list.iter().map(|x| (x - mean) * (x - mean)).sum();
        (list.len() as f64 > less).then(|| sum / (list.len() as f64 - less))
    };
    vec![
        function(
            "sum over a window",
            "sum(col(\"m\")).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "as `sum`",
            "Without a frame, up to the row at hand; without an order, of the partition.",
        )
        .over(sum(col("m")).over(by_m()), |row| {
            let (rows, place) = ordered(row);
            total(&rows[..=place])
        })
        .over(sum(col("m")).over(window().partition_by("f")), |row| total(&ordered(row).0))
        .over(sum(col("m")).over(window()), |_| total(&inputs::rows()))
        .over(sum(col("m")).over(moving()), move |row| total(&near(row)))
        .over(sum(col("d")).over(moving()), move |row| {
            let list: Vec<Decimal> = near(row).iter().filter_map(|row| row.d).collect();
            (!list.is_empty()).then(|| list.iter().sum::<Decimal>())
        })
        .over(sum(col("y")).over(by_m()), |row| {
            let (rows, place) = ordered(row);
            let list: Vec<f64> = rows[..=place].iter().filter_map(|row| row.y).collect();
            (!list.is_empty()).then(|| list.iter().sum::<f64>())
        })
        .over(sum(col("m")).filter(col("id").gt(4)).over(moving()), move |row| {
            total(&near(row).into_iter().filter(|row| row.id > 4).collect::<Vec<_>>())
        })
        .over(sum(col("m")).over(by_m().rows(following(1), following(2))), |row| total(&frame(row, -1, 2))),
        function(
            "avg over a window",
            "avg(col(\"m\")).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "a double",
            "As `avg`.",
        )
        .over(avg(col("m")).over(moving()), move |row| {
            let list: Vec<i64> = near(row).iter().filter_map(|row| row.m).collect();
            (!list.is_empty()).then(|| list.iter().sum::<i64>() as f64 / list.len() as f64)
        })
        .over(avg(col("d")).over(by_m().rows(following(2), following(3))), |row| {
            let list: Vec<Decimal> = frame(row, -2, 3).iter().filter_map(|row| row.d).collect();
            let sum: f64 = list.iter().sum::<Decimal>().to_string().parse().unwrap();
            (!list.is_empty()).then(|| sum / list.len() as f64)
        })
        .within(1e-12),
        function(
            "count, min and max over a window",
            "max(col(\"t\")).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "as `max`",
            "As they are.",
        )
        .over(max(col("t")).over(moving()), move |row| near(row).iter().filter_map(|row| row.t).max())
        .over(min(col("day")).over(moving()), move |row| near(row).iter().filter_map(|row| row.day).min())
        .over(count(all()).over(by_m().rows(following(1), unbounded_following())), |row| {
            let (rows, place) = ordered(row);
            (rows.len() - place - 1) as i64
        })
        .over(count(all()).filter(col("m").gt(2)).over(moving()), move |row| {
            near(row).iter().filter(|row| row.m.is_some_and(|m| m > 2)).count() as i64
        })
        .over(bool_or(col("m").gt(5)).over(moving()), move |row| {
            let list: Vec<bool> = near(row).iter().filter_map(|row| row.m).map(|m| m > 5).collect();
            (!list.is_empty()).then(|| list.iter().any(|it| *it))
        }),
        function(
            "variance over a window",
            "var_pop(col(\"y\")).over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "a double",
            "As `var_pop` and the others; a moving frame is computed as if it were all.",
        )
        .over(var_pop(col("y")).over(moving()), move |row| {
            spread(near(row).iter().filter_map(|row| row.y).collect(), 0.0)
        })
        .over(stddev_samp(col("x")).over(moving()), move |row| {
            spread(near(row).iter().filter_map(|row| row.x).collect(), 1.0).map(f64::sqrt)
        })
        .over(stddev_samp(col("m")).over(by_m()), move |row| {
            let (rows, place) = ordered(row);
            spread(rows[..=place].iter().filter_map(|row| row.m.map(|m| m as f64)).collect(), 1.0).map(f64::sqrt)
        })
        .within(1e-12),
        function(
            "sum of floats in a moving frame",
            "sum(col(\"x\")).over(window().order_by(\"id\").rows(preceding(1), current_row()))",
            "a double",
            "MariaDB takes what leaves the frame off a running sum, and with it the digits of what stays.",
        )
        .over(sum(col("x")).over(window().order_by("id").rows(preceding(1), current_row())), |row| {
            let before = inputs::rows().into_iter().find(|other| other.id == row.id - 1).and_then(|row| row.x);
            match (before, row.x) {
                (None, None) => None,
                (before, x) => Some(before.unwrap_or(0.0) + x.unwrap_or(0.0)),
            }
        })
        .within(1e-12)
        .refused_on(&[Dialect::MariaDb], "window.unsupported"),
        function(
            "correlation over a window",
            "corr(col(\"m\"), col(\"y\")).over(window())",
            "a double",
            "And covariance.",
        )
        .over(corr(col("m"), col("y")).over(window()), |_| {
            let list: Vec<(f64, f64)> = inputs::rows().iter().filter_map(|row| Some((row.m? as f64, row.y?))).collect();
            let count = list.len() as f64;
            let mean_x = list.iter().map(|pair| pair.0).sum::<f64>() / count;
            let mean_y = list.iter().map(|pair| pair.1).sum::<f64>() / count;
            let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
            for (x, y) in list {
                xx += (x - mean_x) * (x - mean_x);
                yy += (y - mean_y) * (y - mean_y);
                xy += (x - mean_x) * (y - mean_y);
            }
            xy / (xx.sqrt() * yy.sqrt())
        })
        .within(1e-12)
        .refused_on(MYSQL, "window.unsupported"),
        function(
            "string_agg and array_agg over a window",
            "string_agg(col(\"u\"), \"-\").over(window().partition_by(\"f\").order_by((\"m\", \"id\")))",
            "as `string_agg`",
            "In the window's order.",
        )
        .over(string_agg(col("u"), "-").over(by_m()), |row| {
            let (rows, place) = ordered(row);
            let list: Vec<&str> = rows[..=place].iter().filter_map(|row| row.u).collect();
            (!list.is_empty()).then(|| list.join("-"))
        })
        .over(array_agg(col("n")).over(moving()), move |row| {
            Value::Array(near(row).iter().map(|row| row.n.map_or(Value::Null, Value::Int)).collect())
        })
        .refused_on(MYSQL, "window.unsupported"),
    ]
}

fn frames() -> Vec<Entry> {
    // Sorted by a number that is never NULL, with gaps and ties: 0, 2, 4, 6, 8, 10 twice each.
    let number = || coalesce([col("id").int_div(2) * 2, lit(0)]);
    let of = |row: &Input| row.id / 2 * 2;
    let ranged = move |row: &Input, low: i64, high: i64| {
        let list: Vec<i64> = inputs::rows()
            .iter()
            .filter(|other| (low..=high).contains(&(of(other) - of(row))))
            .map(|row| row.id)
            .collect();
        (!list.is_empty()).then(|| list.iter().sum::<i64>())
    };
    let by = move || window().order_by(number());
    let sum_over = |window: Window| -> Expr { sum(col("id")).over(window) };
    let others = |keep: fn(&Input, &Input) -> bool| {
        move |row: &Input| {
            let list: Vec<i64> = inputs::rows().iter().filter(|other| keep(other, row)).map(|row| row.id).collect();
            (!list.is_empty()).then(|| list.iter().sum::<i64>())
        }
    };
    vec![
        function("range", "sum(col(\"id\")).over(window().order_by(\"n\").range(preceding(2), current_row()))", "as the function", "Distances of the sort key, bound but on MySQL. Rows whose key is NULL see each other alone.")
            .over(sum_over(by().range(preceding(2), current_row())), move |row| ranged(row, -2, 0))
            .over(sum_over(by().range(preceding(3), following(4))), move |row| ranged(row, -3, 4))
            .over(sum_over(by().range(unbounded_preceding(), following(2))), move |row| ranged(row, -100, 2))
            .over(sum_over(window().order_by(number().desc()).range(preceding(2), following(0))), move |row| ranged(row, 0, 2))
            .over(sum_over(window().order_by("m").range(preceding(1), following(1))), |row| {
                let near = |other: &Input| match (row.m, other.m) {
                    (Some(m), Some(other)) => (other - m).abs() <= 1,
                    (None, None) => true,
                    _ => false,
                };
                inputs::rows().iter().filter(|other| near(other)).map(|row| row.id).sum::<i64>()
            })
            .over(sum_over(window().order_by("y").range(preceding(0.5), following(1.5))), |row| {
                let near = |other: &Input| match (row.y, other.y) {
                    (Some(y), Some(other)) => (y - 0.5..=y + 1.5).contains(&other),
                    (None, None) => true,
                    _ => false,
                };
                inputs::rows().iter().filter(|other| near(other)).map(|row| row.id).sum::<i64>()
            }),
        function("range by decimals", "count(all()).over(window().order_by(\"d\").range(preceding(Decimal::ONE), current_row()))", "as the function", "SQLite computes decimals as doubles, and so can't tell what is at the edge.")
            .over(count(all()).over(window().order_by("d").range(preceding(Decimal::ONE), current_row())), |row| {
                let near = |other: &Input| match (row.d, other.d) {
                    (Some(d), Some(other)) => (d - Decimal::ONE..=d).contains(&other),
                    (None, None) => true,
                    _ => false,
                };
                inputs::rows().iter().filter(|other| near(other)).count() as i64
            })
            .refused_on(&[Dialect::Sqlite], "window.unsupported"),
        function("range by an interval", "count(all()).over(window().order_by(\"day\").range(preceding(span), current_row()))", "as the function", "PostgreSQL alone.")
            .over(
                count(all()).over(window().order_by("day").range(
                    preceding(portcullis::Interval { months: 0, days: 7, microseconds: 0 }),
                    current_row(),
                )),
                |row| {
                    let near = |other: &Input| match (row.day, other.day) {
                        (Some(day), Some(other)) => (0..=7).contains(&(day - other).num_days()),
                        (None, None) => true,
                        _ => false,
                    };
                    inputs::rows().iter().filter(|other| near(other)).count() as i64
                },
            )
            .refused_on(&[Dialect::Sqlite, Dialect::MariaDb, Dialect::MySql], "window.unsupported"),
        function("groups", "sum(col(\"id\")).over(window().order_by(\"n\").groups(preceding(1), current_row()))", "as the function", "Groups of rows that are equal in the order.")
            .over(sum_over(by().groups(preceding(1), current_row())), move |row| ranged(row, -2, 0))
            .over(sum_over(by().groups(following(1), following(2))), move |row| ranged(row, 2, 4))
            .refused_on(MYSQL, "window.unsupported"),
        function("exclude_current_row", "sum(col(\"id\")).over(window().exclude_current_row())", "as the function", "The frame without the row at hand; `exclude_group` and `exclude_ties` leave out those equal to it, with or without itself.")
            .over(sum_over(window().exclude_current_row()), others(|other, row| other.id != row.id))
            .over(sum_over(by().range(unbounded_preceding(), unbounded_following()).exclude_group()), others(|other, row| other.id / 2 != row.id / 2))
            .over(
                sum_over(by().exclude_ties().range(unbounded_preceding(), unbounded_following())),
                others(|other, row| other.id / 2 != row.id / 2 || other.id == row.id),
            )
            .over(sum_over(window().partition_by(lit(1)).exclude_current_row()), others(|other, row| other.id != row.id))
            .refused_on(MYSQL, "window.unsupported"),
    ]
}
