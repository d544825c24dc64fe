//! Functions that compare or choose between values of any type.

use portcullis::{case, coalesce, col, greatest, if_, least, lit};

use super::{Entry, function};

pub fn entries() -> Vec<Entry> {
    vec![
        function(
            "case",
            "case().when(col(\"n\").gt(5), \"many\").otherwise(\"few\")",
            "the results' type",
            "NULL without `otherwise`. A NULL condition is not true.",
        )
        .over(case().when(col("n").gt(5), "many").otherwise("few"), |row| {
            if row.n.is_some_and(|n| n > 5) { "many" } else { "few" }
        })
        .over(case().when(col("f"), col("n")).end(), |row| row.n.filter(|_| row.f == Some(true))),
        function("if_", "if_(col(\"f\"), col(\"n\"), 0)", "the results' type", "A NULL condition is not true.")
            .over(if_(col("f"), col("n"), 0), |row| if row.f == Some(true) { row.n } else { Some(0) })
            .over(
                if_(col("t").eq("x"), col("d"), lit(1)),
                |row| {
                    if row.t == Some("x") { row.d } else { Some(1.into()) }
                },
            ),
        function("coalesce", "coalesce([col(\"u\"), col(\"t\")])", "the operands' type", "NULL where all are NULL.")
            .over(coalesce([col("u"), col("t")]), |row| row.u.or(row.t)),
        function(
            "nullif",
            "col(\"n\").nullif(0)",
            "the type of the first",
            "NULL stays NULL; a NULL on the right equals nothing.",
        )
        .over(col("n").nullif(0), |row| row.n.filter(|n| *n != 0))
        .over(col("n").nullif(col("m")), |row| row.n.filter(|_| row.n != row.m))
        .over(col("t").nullif(col("u")), |row| row.t.filter(|_| row.t != row.u))
        .over(col("u").nullif("ABC"), |row| row.u)
        .over(col("u").nullif("o "), |row| row.u),
        function(
            "greatest",
            "greatest([col(\"n\"), col(\"m\")])",
            "the operands' type",
            "NULL where an operand is NULL. Text by code point.",
        )
        .over(greatest([col("n"), col("m")]), |row| Some(row.n?.max(row.m?)))
        .over(greatest([col("t"), col("u")]), |row| Some(row.t?.max(row.u?)))
        .over(greatest([col("x"), col("m")]), |row| Some(row.x?.max(row.m? as f64)))
        .over(greatest([col("d"), lit(2)]), |row| Some(row.d?.max(2.into())))
        .over(greatest([col("day"), lit("2000-01-01".parse::<chrono::NaiveDate>().unwrap())]), |row| {
            Some(row.day?.max("2000-01-01".parse().unwrap()))
        })
        .over(greatest([col("n")]), |row| row.n)
        .gives(greatest(["a", "B", "b "]), "b ")
        .gives(greatest([1, 3, 2]), 3),
        function(
            "least",
            "least([col(\"n\"), col(\"m\")])",
            "the operands' type",
            "NULL where an operand is NULL. Text by code point.",
        )
        .over(least([col("n"), col("m")]), |row| Some(row.n?.min(row.m?)))
        .over(least([col("t"), col("u"), lit("m")]), |row| Some(row.t?.min(row.u?).min("m")))
        .over(least([col("d"), col("n")]), |row| Some(row.d?.min(row.n?.into())))
        .over(least([col("at"), lit("2000-01-01T00:00:00".parse::<chrono::NaiveDateTime>().unwrap())]), |row| {
            Some(row.at?.min("2000-01-01T00:00:00".parse().unwrap()))
        })
        .over(least([col("y"), lit(1.5)]), |row| row.y.map(|y| y.min(1.5))),
        function("is_nan", "col(\"x\").is_nan()", "boolean", "NULL stays NULL. Only PostgreSQL stores such a float.")
            .over(col("x").is_nan(), |row| row.x.map(|_| false))
            .over(col("n").is_nan(), |row| row.n.map(|_| false))
            .over(col("d").is_nan(), |row| row.d.map(|_| false)),
        function(
            "is_distinct_from",
            "col(\"n\").is_distinct_from(col(\"m\"))",
            "boolean, never NULL",
            "NULL is a value like others.",
        )
        .over(col("n").is_distinct_from(col("m")), |row| row.n != row.m)
        .over(col("t").is_distinct_from(col("u")), |row| row.t != row.u)
        .over(col("u").is_distinct_from("ABC"), |_| true)
        .over(col("d").is_distinct_from(2.5), |row| row.d != Some("2.5".parse().unwrap()))
        .gives(lit("a").is_distinct_from("a "), true)
        .gives(lit("a").is_distinct_from(col("t").nullif(col("t"))), true),
        function(
            "is_not_distinct_from",
            "col(\"u\").is_not_distinct_from(\"abc\")",
            "boolean, never NULL",
            "NULL is a value like others.",
        )
        .over(col("u").is_not_distinct_from("abc"), |row| row.u == Some("abc"))
        .over(col("m").is_not_distinct_from(col("u").position("zzz").nullif(0)), |row| row.m.is_none())
        .over(col("f").is_not_distinct_from(true), |row| row.f == Some(true))
        .gives(lit(1).nullif(1).is_not_distinct_from(col("n").nullif(col("n"))), true),
    ]
}
