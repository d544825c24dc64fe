//! How many rows a plan can give at most, as far as it says itself.

use super::{Relation, Source, Verb, Write, WriteKind};

impl Relation {
    /// `None` where nothing in the chain says so.
    pub(crate) fn most_rows(&self) -> Option<u64> {
        let mut bound: Option<u64> = None;
        let mut next = Some(self);
        // From the last verb inwards: a limit bounds what is made of it as long as no verb adds rows.
        while let Some(relation) = next {
            let here = match &relation.verb {
                Verb::Limit(_, rows) => Some(*rows),
                Verb::Values(values) => u64::try_from(values.rows.len()).ok(),
                Verb::Aggregate { keys, .. } if keys.is_empty() => Some(1),
                _ => None,
            };
            bound = match (bound, here) {
                (Some(outer), Some(inner)) => Some(outer.min(inner)),
                (known, other) => known.or(other),
            };
            next = match &relation.verb {
                Verb::Select(input, _)
                | Verb::Where(input, _)
                | Verb::WithColumn(input, ..)
                | Verb::Rename(input, _)
                | Verb::Drop(input, _)
                | Verb::Aggregate { input, .. }
                | Verb::OrderBy(input, _)
                | Verb::Limit(input, _)
                | Verb::Offset(input, _)
                | Verb::Distinct(input)
                | Verb::As(input, _)
                | Verb::Cte(input, _)
                | Verb::Lock(input, _) => Some(input),
                _ => None,
            };
        }
        bound
    }
}

impl Write {
    /// The rows of an insert; for another write what `max_affected` allows.
    pub(crate) fn most_rows(&self) -> Option<u64> {
        match &self.kind {
            WriteKind::Insert { source: Source::Rows { rows, .. }, .. } => u64::try_from(rows.len()).ok(),
            WriteKind::Insert { source: Source::Frame { frame, .. }, .. } => frame.most_rows(),
            _ => self.max_affected,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{col, count, on, table, values};

    #[test]
    fn a_limit_bounds_what_is_made_of_it_until_rows_are_added() {
        let bounds = [
            (table("t"), None),
            (table("t").limit(5), Some(5)),
            (table("t").limit(5).limit(9), Some(5)),
            (table("t").limit(5).where_(col("a").gt(1)).order_by("a").select(["a"]).offset(2), Some(5)),
            (table("t").where_(col("a").gt(1)), None),
            (table("t").limit(5).join(table("u"), on(col("a").eq(1))), None),
            (table("t").join(table("u"), on(col("a").eq(1))).limit(7), Some(7)),
            (table("t").limit(5).union_all(table("u").limit(5)), None),
            (table("t").limit(5).group_by("a").agg([count(col("b"))]), Some(5)),
            (table("t").agg([count(col("b"))]), Some(1)),
            (values(["a"], [(1,), (2,), (3,)]), Some(3)),
            (values(["a"], [(1,), (2,), (3,)]).limit(2), Some(2)),
        ];
        for (position, (frame, bound)) in bounds.into_iter().enumerate() {
            assert_eq!(frame.most_rows(), bound, "{position}: {frame:?}");
        }
    }
}
