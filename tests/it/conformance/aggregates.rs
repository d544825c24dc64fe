//! Aggregates, over all rows, over groups, and over none.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::{
    Expr, Value, all, array_agg, avg, bool_and, bool_or, col, corr, count, count_distinct, covar_pop, covar_samp,
    first, json_array_agg, json_object_agg, last, max, median, min, mode, percentile_cont, percentile_disc, stddev_pop,
    stddev_samp, string_agg, sum, var_pop, var_samp,
};
use rust_decimal::Decimal;

use super::inputs::Input;
use super::{Entry, function};

fn of<T>(rows: &[&Input], get: impl Fn(&Input) -> Option<T>) -> Vec<T> {
    rows.iter().filter_map(|row| get(row)).collect()
}

/// Summed in an order of its own and in two passes, so that it shares no rounding with what it checks.
fn mean(list: &[f64]) -> f64 {
    let mut list = list.to_vec();
    list.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    list.iter().sum::<f64>() / list.len() as f64
}

/// The sum of products of what differs from the means, and the count.
fn spread(pairs: &[(f64, f64)]) -> (f64, f64) {
    let xs: Vec<f64> = pairs.iter().map(|pair| pair.0).collect();
    let ys: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let (mean_x, mean_y) = (mean(&xs), mean(&ys));
    let mut products: Vec<f64> = pairs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).collect();
    products.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    (products.iter().sum(), pairs.len() as f64)
}

fn variance(list: &[f64], less: f64) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = list.iter().map(|x| (*x, *x)).collect();
    let (sum, count) = spread(&pairs);
    (count > less).then(|| sum / (count - less))
}

fn pairs(rows: &[&Input]) -> Vec<(f64, f64)> {
    of(rows, |row| Some((row.m? as f64, row.y?)))
}

fn interpolated(list: &[f64], fraction: f64) -> Option<f64> {
    let mut list = list.to_vec();
    list.sort_by(f64::total_cmp);
    let place = fraction * (list.len() as f64 - 1.0);
    let low = *list.get(place.floor().max(0.0) as usize)?;
    let high = *list.get(place.ceil().max(0.0) as usize)?;
    Some(low + (place - place.floor()) * (high - low))
}

fn reached<T: Ord + Clone>(list: &[T], fraction: f64) -> Option<T> {
    let mut list = list.to_vec();
    list.sort();
    let needed = (fraction * list.len() as f64).ceil() as usize;
    list.get(needed.max(1) - 1).cloned()
}

fn most_frequent<T: Ord + Clone>(list: &[T]) -> Option<T> {
    let mut counts: BTreeMap<&T, usize> = BTreeMap::new();
    for value in list {
        *counts.entry(value).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value.clone())
}

fn text(decimal: Decimal) -> f64 {
    decimal.to_string().parse().unwrap()
}

fn list<V>(values: Vec<V>, value: impl Fn(V) -> Value) -> Value {
    if values.is_empty() { Value::Null } else { Value::Array(values.into_iter().map(value).collect()) }
}

pub fn entries() -> Vec<Entry> {
    let mut entries = basic();
    entries.extend(spreads());
    entries.extend(places());
    entries.extend(collected());

    entries
}

fn basic() -> Vec<Entry> {
    let positive = || col("m").gt(2);
    let is_positive = |row: &Input| row.m.is_some_and(|m| m > 2);
    vec![
        function("count", "count(col(\"t\"))", "a bigint", "Values that are not NULL; `count(all())` counts rows. 0 over no rows.")
            .aggregating(count(col("t")), |rows| of(rows, |row| row.t).len() as i64)
            .aggregating(count(all()), |rows| rows.len() as i64)
            .aggregating(count(all()).filter(positive()), move |rows| rows.iter().filter(|row| is_positive(row)).count() as i64)
            .aggregating(count(col("u")).filter(positive()), move |rows| {
                rows.iter().filter(|row| is_positive(row) && row.u.is_some()).count() as i64
            }),
        function(
            "count_distinct",
            "count_distinct(col(\"u\"))",
            "a bigint",
            "Different values that are not NULL, text by code point; of several operands, combinations without NULL. 0 over no rows.",
        )
        .aggregating(count_distinct(col("u")), |rows| of(rows, |row| row.u).iter().collect::<BTreeSet<_>>().len() as i64)
        .aggregating(count(col("f")).distinct(), |rows| of(rows, |row| row.f).iter().collect::<BTreeSet<_>>().len() as i64)
        .aggregating(count_distinct((col("f"), col("m").gt(2))), |rows| {
            of(rows, |row| Some((row.f?, row.m? > 2))).iter().collect::<BTreeSet<_>>().len() as i64
        })
        .aggregating(count_distinct([col("t"), col("u")]).filter(positive()), move |rows| {
            of(rows, |row| is_positive(row).then_some((row.t?, row.u?))).iter().collect::<BTreeSet<_>>().len() as i64
        })
        .aggregating(count_distinct((col("d"), col("day"), col("x"))), |rows| {
            of(rows, |row| Some((row.d?, row.day?, row.x?.to_bits()))).iter().collect::<BTreeSet<_>>().len() as i64
        }),
        function(
            "sum",
            "sum(col(\"m\"))",
            "a bigint of integers, a decimal of decimals, a double of floats",
            "NULL doesn't count; NULL over no rows; beyond a bigint an error.",
        )
        .aggregating(sum(col("m")), |rows| {
            let list = of(rows, |row| row.m);
            (!list.is_empty()).then(|| list.iter().sum::<i64>())
        })
        .aggregating(sum(col("d")), |rows| {
            let list = of(rows, |row| row.d);
            (!list.is_empty()).then(|| list.iter().sum::<Decimal>())
        })
        .aggregating(sum(col("y")), |rows| {
            let list = of(rows, |row| row.y);
            (!list.is_empty()).then(|| list.iter().sum::<f64>())
        })
        .aggregating(sum(col("m") % 3).distinct(), |rows| {
            let list: BTreeSet<i64> = of(rows, |row| row.m.map(|m| m % 3)).into_iter().collect();
            (!list.is_empty()).then(|| list.iter().sum::<i64>())
        })
        .aggregating(sum(col("d")).filter(positive()).as_("named"), move |rows| {
            let list = of(rows, |row| row.d.filter(|_| is_positive(row)));
            (!list.is_empty()).then(|| list.iter().sum::<Decimal>())
        })
        .aggregating(sum(col("m")).as_("named").filter(col("f").eq(true)).filter(positive()), move |rows| {
            let list = of(rows, |row| row.m.filter(|_| is_positive(row) && row.f == Some(true)));
            (!list.is_empty()).then(|| list.iter().sum::<i64>())
        })
        .within(1e-12),
        function("avg", "avg(col(\"m\"))", "a double", "NULL doesn't count; NULL over no rows.")
            .aggregating(avg(col("m")), |rows| {
                let list = of(rows, |row| row.m);
                (!list.is_empty()).then(|| list.iter().sum::<i64>() as f64 / list.len() as f64)
            })
            .aggregating(avg(col("d")), |rows| {
                let list = of(rows, |row| row.d);
                (!list.is_empty()).then(|| text(list.iter().sum::<Decimal>()) / list.len() as f64)
            })
            .aggregating(avg(col("y")).filter(positive()), move |rows| {
                let list = of(rows, |row| row.y.filter(|_| is_positive(row)));
                (!list.is_empty()).then(|| mean(&list))
            })
            .aggregating(avg(col("m") % 3).distinct(), |rows| {
                let list: BTreeSet<i64> = of(rows, |row| row.m.map(|m| m % 3)).into_iter().collect();
                (!list.is_empty()).then(|| list.iter().sum::<i64>() as f64 / list.len() as f64)
            })
            .within(1e-12),
        function("min", "min(col(\"t\"))", "the operand's type", "NULL doesn't count; NULL over no rows. Text by code point.")
            .aggregating(min(col("t")), |rows| of(rows, |row| row.t).into_iter().min())
            .aggregating(min(col("n")), |rows| of(rows, |row| row.n).into_iter().min())
            .aggregating(min(col("day")), |rows| of(rows, |row| row.day).into_iter().min())
            .aggregating(min(col("d")).distinct().filter(positive()), move |rows| {
                of(rows, |row| row.d.filter(|_| is_positive(row))).into_iter().min()
            }),
        function("max", "max(col(\"t\"))", "the operand's type", "As `min`.")
            .aggregating(max(col("t")), |rows| of(rows, |row| row.t).into_iter().max())
            .aggregating(max(col("at")), |rows| of(rows, |row| row.at).into_iter().max())
            .aggregating(max(col("u")).filter(positive()), move |rows| {
                of(rows, |row| row.u.filter(|_| is_positive(row))).into_iter().max()
            }),
        function(
            "bool_and",
            "bool_and(col(\"f\"))",
            "a boolean",
            "True where no value is false; NULL doesn't count, and NULL over no value.",
        )
        .aggregating(bool_and(col("f")), |rows| {
            let list = of(rows, |row| row.f);
            (!list.is_empty()).then(|| list.iter().all(|f| *f))
        })
        .aggregating(bool_and(col("m").gt(-3)).filter(col("id").le(6)), |rows| {
            let list = of(rows, |row| row.m.filter(|_| row.id <= 6).map(|m| m > -3));
            (!list.is_empty()).then(|| list.iter().all(|f| *f))
        }),
        function("bool_or", "bool_or(col(\"f\"))", "a boolean", "True where a value is true; else as `bool_and`.")
            .aggregating(bool_or(col("f")), |rows| {
                let list = of(rows, |row| row.f);
                (!list.is_empty()).then(|| list.iter().any(|f| *f))
            })
            .aggregating(bool_or(col("m").gt(5)), |rows| {
                let list = of(rows, |row| row.m.map(|m| m > 5));
                (!list.is_empty()).then(|| list.iter().any(|f| *f))
            }),
    ]
}

fn spreads() -> Vec<Entry> {
    let moments = |name: &'static str, call: &'static str, make: fn(Expr) -> Expr, less: f64, root: bool| {
        let finish = move |list: Vec<f64>| variance(&list, less).map(|it| if root { it.sqrt() } else { it });
        let note = if less == 0.0 {
            "Of the whole population: divided by n. NULL doesn't count; NULL over no value, 0 of one."
        } else {
            "Of a sample: divided by n - 1. NULL doesn't count; NULL of fewer than two values."
        };
        function(name, call, "a double", note)
            .aggregating(make(col("x")), move |rows| finish(of(rows, |row| row.x)))
            .aggregating(make(col("m")), move |rows| finish(of(rows, |row| row.m.map(|m| m as f64))))
            .aggregating(make(col("d")).filter(col("id").gt(3)), move |rows| {
                finish(of(rows, |row| row.d.filter(|_| row.id > 3).map(text)))
            })
            .aggregating(make(col("y")).filter(col("id").eq(4)), move |rows| {
                finish(of(rows, |row| row.y.filter(|_| row.id == 4)))
            })
            .within(1e-12)
    };
    let joint = |name: &'static str,
                 call: &'static str,
                 make: fn(Expr, Expr) -> Expr,
                 finish: fn(&[(f64, f64)]) -> Option<f64>| {
        function(
            name,
            call,
            "a double",
            "Over the rows where neither operand is NULL; NULL where there are too few of them.",
        )
        .aggregating(make(col("m"), col("y")), move |rows| finish(&pairs(rows)))
        .aggregating(make(col("y"), col("m")).filter(col("id").lt(10)), move |rows| {
            let kept: Vec<&Input> = rows.iter().copied().filter(|row| row.id < 10).collect();
            finish(&pairs(&kept))
        })
        .aggregating(make(col("d"), col("x")), move |rows| finish(&of(rows, |row| Some((text(row.d?), row.x?)))))
        .within(1e-12)
    };
    vec![
        moments("var_samp", "var_samp(col(\"x\"))", var_samp, 1.0, false),
        moments("var_pop", "var_pop(col(\"x\"))", var_pop, 0.0, false),
        moments("stddev_samp", "stddev_samp(col(\"x\"))", stddev_samp, 1.0, true),
        moments("stddev_pop", "stddev_pop(col(\"x\"))", stddev_pop, 0.0, true),
        joint("covar_samp", "covar_samp(col(\"m\"), col(\"y\"))", covar_samp, |list| {
            let (sum, count) = spread(list);
            (count > 1.0).then(|| sum / (count - 1.0))
        }),
        joint("covar_pop", "covar_pop(col(\"m\"), col(\"y\"))", covar_pop, |list| {
            let (sum, count) = spread(list);
            (count > 0.0).then(|| sum / count)
        }),
        joint("corr", "corr(col(\"m\"), col(\"y\"))", corr, |list| {
            let xs: Vec<f64> = list.iter().map(|pair| pair.0).collect();
            let ys: Vec<f64> = list.iter().map(|pair| pair.1).collect();
            let (sum, count) = spread(list);
            let (x, y) = (variance(&xs, 0.0)?, variance(&ys, 0.0)?);
            (x > 0.0 && y > 0.0).then(|| sum / count / (x.sqrt() * y.sqrt()))
        }),
    ]
}

fn places() -> Vec<Entry> {
    let note = "NULL doesn't count; NULL over no value.";
    vec![
        function("median", "median(col(\"x\"))", "a double", note)
            .aggregating(median(col("x")), |rows| interpolated(&of(rows, |row| row.x), 0.5))
            .aggregating(median(col("m")), |rows| interpolated(&of(rows, |row| row.m.map(|m| m as f64)), 0.5))
            .aggregating(median(col("d")).filter(col("id").ne(9)), |rows| {
                interpolated(&of(rows, |row| row.d.filter(|_| row.id != 9).map(text)), 0.5)
            })
            .within(1e-12),
        function("percentile_cont", "percentile_cont(0.9, col(\"x\"))", "a double", note)
            .aggregating(percentile_cont(0.9, col("x")), |rows| interpolated(&of(rows, |row| row.x), 0.9))
            .aggregating(percentile_cont(0.0, col("y")), |rows| interpolated(&of(rows, |row| row.y), 0.0))
            .aggregating(percentile_cont(1.0, col("m")), |rows| {
                interpolated(&of(rows, |row| row.m.map(|m| m as f64)), 1.0)
            })
            .aggregating(percentile_cont(0.25, col("m")).filter(col("f").is_not_null()), |rows| {
                interpolated(&of(rows, |row| row.m.filter(|_| row.f.is_some()).map(|m| m as f64)), 0.25)
            })
            .within(1e-12),
        function("percentile_disc", "percentile_disc(0.5, col(\"t\"))", "the operand's type", note)
            .aggregating(percentile_disc(0.5, col("t")), |rows| reached(&of(rows, |row| row.t), 0.5))
            .aggregating(percentile_disc(0.0, col("d")), |rows| reached(&of(rows, |row| row.d), 0.0))
            .aggregating(percentile_disc(1.0, col("n")), |rows| reached(&of(rows, |row| row.n), 1.0))
            .aggregating(percentile_disc(0.3, col("day")).filter(col("id").gt(2)), |rows| {
                reached(&of(rows, |row| row.day.filter(|_| row.id > 2)), 0.3)
            })
            .aggregating(percentile_disc(0.6, col("f")), |rows| reached(&of(rows, |row| row.f), 0.6)),
        function(
            "mode",
            "mode(col(\"u\"))",
            "the operand's type",
            "Of several the smallest. NULL doesn't count; NULL over no value.",
        )
        .aggregating(mode(col("u")), |rows| most_frequent(&of(rows, |row| row.u)))
        .aggregating(mode(col("f")), |rows| most_frequent(&of(rows, |row| row.f)))
        .aggregating(mode(col("m") % 4).filter(col("id").ne(4)), |rows| {
            most_frequent(&of(rows, |row| row.m.filter(|_| row.id != 4).map(|m| m % 4)))
        })
        .aggregating(mode(col("d")), |rows| most_frequent(&of(rows, |row| row.d))),
        function(
            "first",
            "first(col(\"t\")).order_by(col(\"m\").desc())",
            "the operand's type",
            "NULL where the first row has NULL, and over no rows; among equal rows the smallest value.",
        )
        .aggregating(first(col("t")).order_by(col("m").desc()), |rows| {
            let mut rows = rows.to_vec();
            // NULL is the largest, so it comes first.
            rows.sort_by_key(|row| (row.m.is_some(), std::cmp::Reverse(row.m), row.t.is_none(), row.t));
            rows.first().and_then(|row| row.t)
        })
        .aggregating(first(col("u")).order_by(("f", col("id"))).filter(col("m").gt(0)), |rows| {
            let mut rows: Vec<_> = rows.iter().filter(|row| row.m.is_some_and(|m| m > 0)).collect();
            rows.sort_by_key(|row| (row.f.is_none(), row.f, row.id));
            rows.first().and_then(|row| row.u)
        })
        .aggregating(first(col("x")).order_by("f"), |rows| {
            let mut rows = rows.to_vec();
            rows.sort_by(|a, b| {
                let key = |row: &Input| (row.f.is_none(), row.f, row.x.is_none());
                key(a).cmp(&key(b)).then_with(|| a.x.partial_cmp(&b.x).unwrap())
            });
            rows.first().and_then(|row| row.x)
        }),
        function("last", "last(col(\"d\")).order_by(\"day\")", "the operand's type", "`first` in the opposite order.")
            .aggregating(last(col("d")).order_by("day"), |rows| {
                let mut rows = rows.to_vec();
                rows.sort_by_key(|row| (row.day.is_none(), row.day, row.d.is_none(), row.d));
                rows.last().and_then(|row| row.d)
            })
            .aggregating(last(col("f")).order_by(col("t")), |rows| {
                let mut rows = rows.to_vec();
                rows.sort_by_key(|row| (row.t.is_none(), row.t));
                rows.last().and_then(|row| row.f)
            }),
    ]
}

fn collected() -> Vec<Entry> {
    vec![
        function(
            "string_agg",
            "string_agg(col(\"t\"), \", \").order_by(\"id\")",
            "text",
            "NULL doesn't count; NULL over no text. Without an order, that of the texts by code point.",
        )
        .aggregating(string_agg(col("t"), ", ").order_by("id"), |rows| {
            let list = of(rows, |row| row.t);
            (!list.is_empty()).then(|| list.join(", "))
        })
        .aggregating(string_agg(col("u"), "'?$1"), |rows| {
            let mut list = of(rows, |row| row.u);
            list.sort_unstable();
            (!list.is_empty()).then(|| list.join("'?$1"))
        })
        .aggregating(string_agg(col("u"), "").order_by((col("m").desc(), "id")).filter(col("id").lt(9)), |rows| {
            let mut rows: Vec<_> = rows.iter().filter(|row| row.id < 9).collect();
            rows.sort_by_key(|row| (row.m.is_some(), std::cmp::Reverse(row.m), row.id));
            let list: Vec<&str> = rows.iter().filter_map(|row| row.u).collect();
            (!list.is_empty()).then(|| list.concat())
        })
        .aggregating(string_agg(portcullis::case().when(col("m").gt(2), "big").otherwise("Big"), "/").distinct(), |rows| {
            let list: BTreeSet<&str> =
                rows.iter().map(|row| if row.m.is_some_and(|m| m > 2) { "big" } else { "Big" }).collect();
            (!list.is_empty()).then(|| list.into_iter().collect::<Vec<_>>().join("/"))
        })
        .aggregating(string_agg(col("u"), "; ").distinct().order_by(col("u").desc()), |rows| {
            let list: BTreeSet<&str> = of(rows, |row| row.u).into_iter().collect();
            (!list.is_empty()).then(|| list.into_iter().rev().collect::<Vec<_>>().join("; "))
        }),
        function(
            "array_agg",
            "array_agg(col(\"m\")).order_by(\"id\")",
            "an array of the operand's type",
            "NULL is a member; NULL over no rows. Without an order, that of the values.",
        )
        .aggregating(array_agg(col("m")).order_by("id"), |rows| {
            list(rows.iter().map(|row| row.m).collect(), |m| m.map_or(Value::Null, Value::Int))
        })
        .aggregating(array_agg(col("t")), |rows| {
            let mut texts: Vec<_> = rows.iter().map(|row| row.t).collect();
            texts.sort_by_key(|t| (t.is_none(), *t));
            list(texts, |t| t.map_or(Value::Null, |t| Value::Text(t.to_owned())))
        })
        .aggregating(array_agg(col("d")).filter(col("d").is_not_null()), |rows| {
            let mut decimals = of(rows, |row| row.d);
            decimals.sort();
            list(decimals, Value::Decimal)
        })
        .aggregating(array_agg(col("f")).distinct(), |rows| {
            let flags: BTreeSet<_> = rows.iter().map(|row| (row.f.is_none(), row.f)).collect();
            list(flags.into_iter().collect(), |f| f.1.map_or(Value::Null, Value::Bool))
        })
        .aggregating(array_agg(col("x")).order_by(col("id").desc()), |rows| {
            list(rows.iter().rev().map(|row| row.x).collect(), |x| x.map_or(Value::Null, Value::Float))
        })
        .aggregating(array_agg(col("day")), |rows| {
            let mut days: Vec<_> = rows.iter().map(|row| (row.day.is_none(), row.day)).collect();
            days.sort();
            list(days, |day| day.1.map_or(Value::Null, Value::Date))
        }),
        function(
            "json_array_agg",
            "json_array_agg(col(\"t\")).order_by(\"id\")",
            "json",
            "Of text, integers, booleans or JSON. NULL is `null`; NULL over no rows. Without an order, that of the values.",
        )
        .aggregating(json_array_agg(col("t")).order_by("id"), |rows| {
            (!rows.is_empty()).then(|| serde_json::json!(rows.iter().map(|row| row.t).collect::<Vec<_>>()))
        })
        .aggregating(json_array_agg(col("f")).order_by(col("id").desc()), |rows| {
            (!rows.is_empty()).then(|| serde_json::json!(rows.iter().rev().map(|row| row.f).collect::<Vec<_>>()))
        })
        .aggregating(json_array_agg(col("n")).filter(col("n").is_not_null()), |rows| {
            let mut numbers = of(rows, |row| row.n);
            numbers.sort_unstable();
            (!numbers.is_empty()).then(|| serde_json::json!(numbers))
        }),
        function(
            "json_object_agg",
            "json_object_agg(col(\"u\"), col(\"m\"))",
            "json",
            "Rows whose key is NULL are left out; of a key that occurs twice the largest value is taken; NULL over no key.",
        )
        .aggregating(json_object_agg(col("t"), col("m")), |rows| {
            let pairs: serde_json::Map<String, serde_json::Value> =
                rows.iter().filter_map(|row| Some((row.t?.to_owned(), serde_json::json!(row.m)))).collect();
            (!pairs.is_empty()).then_some(serde_json::Value::Object(pairs))
        })
        .aggregating(json_object_agg(col("u"), col("f")).filter(col("id").gt(4)), |rows| {
            let pairs: serde_json::Map<String, serde_json::Value> = rows
                .iter()
                .filter(|row| row.id > 4)
                .filter_map(|row| Some((row.u?.to_owned(), serde_json::json!(row.f))))
                .collect();
            (!pairs.is_empty()).then_some(serde_json::Value::Object(pairs))
        }),
    ]
}
