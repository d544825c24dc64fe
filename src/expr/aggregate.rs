//! Aggregates: a function, its operands, and what restricts or orders the rows that it sees.

/// An aggregate of rows. `E` is the expression before or after its names are bound.
#[derive(Debug, Clone)]
pub(crate) struct AggregateCall<E> {
    pub(crate) function: Aggregate,
    /// None for `count(all())`.
    pub(crate) operands: Vec<E>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<E>,
    /// The order in which the rows come in, where the function looks at it.
    pub(crate) order: Vec<OrderKey<E>>,
}

/// A sort key inside an aggregate or a window.
#[derive(Debug, Clone)]
pub(crate) struct OrderKey<E> {
    pub(crate) expr: E,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Aggregate {
    /// Without an operand it counts rows.
    Count,
    /// Of several operands it counts the different combinations without NULL.
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
    StddevSamp,
    StddevPop,
    VarSamp,
    VarPop,
    CovarSamp,
    CovarPop,
    Corr,
    BoolAnd,
    BoolOr,
    Median,
    /// The second operand is the fraction.
    PercentileCont,
    PercentileDisc,
    Mode,
    First,
    Last,
    /// The second operand is the separator.
    StringAgg,
    ArrayAgg,
    JsonArrayAgg,
    /// The operands are the key and the value.
    JsonObjectAgg,
}

impl Aggregate {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Aggregate::Count => "count",
            Aggregate::CountDistinct => "count_distinct",
            Aggregate::Sum => "sum",
            Aggregate::Avg => "avg",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::StddevSamp => "stddev_samp",
            Aggregate::StddevPop => "stddev_pop",
            Aggregate::VarSamp => "var_samp",
            Aggregate::VarPop => "var_pop",
            Aggregate::CovarSamp => "covar_samp",
            Aggregate::CovarPop => "covar_pop",
            Aggregate::Corr => "corr",
            Aggregate::BoolAnd => "bool_and",
            Aggregate::BoolOr => "bool_or",
            Aggregate::Median => "median",
            Aggregate::PercentileCont => "percentile_cont",
            Aggregate::PercentileDisc => "percentile_disc",
            Aggregate::Mode => "mode",
            Aggregate::First => "first",
            Aggregate::Last => "last",
            Aggregate::StringAgg => "string_agg",
            Aggregate::ArrayAgg => "array_agg",
            Aggregate::JsonArrayAgg => "json_array_agg",
            Aggregate::JsonObjectAgg => "json_object_agg",
        }
    }

    /// The result depends on the order in which the rows come in.
    pub(crate) fn takes_order(self) -> bool {
        matches!(
            self,
            Aggregate::First | Aggregate::Last | Aggregate::StringAgg | Aggregate::ArrayAgg | Aggregate::JsonArrayAgg
        )
    }
}

impl<E> AggregateCall<E> {
    pub(crate) fn new(function: Aggregate, operands: Vec<E>) -> AggregateCall<E> {
        AggregateCall { function, operands, distinct: false, filter: None, order: Vec::new() }
    }

    pub(crate) fn each<'e>(&'e self, visit: &mut dyn FnMut(&'e E)) {
        self.operands.iter().for_each(&mut *visit);
        self.filter.iter().for_each(&mut *visit);
        self.order.iter().for_each(|key| visit(&key.expr));
    }

    /// The same over changed expressions.
    pub(crate) fn map<F>(&self, change: &mut dyn FnMut(&E) -> F) -> AggregateCall<F> {
        AggregateCall {
            function: self.function,
            operands: self.operands.iter().map(&mut *change).collect(),
            distinct: self.distinct,
            filter: self.filter.as_ref().map(&mut *change),
            order: OrderKey::map_all(&self.order, change),
        }
    }
}

impl<E> OrderKey<E> {
    pub(crate) fn map_all<F>(keys: &[OrderKey<E>], change: &mut dyn FnMut(&E) -> F) -> Vec<OrderKey<F>> {
        keys.iter()
            .map(|key| OrderKey { expr: change(&key.expr), descending: key.descending, nulls_first: key.nulls_first })
            .collect()
    }

    pub(crate) fn try_map_all<F, X>(
        keys: &[OrderKey<E>],
        change: &mut dyn FnMut(&E) -> Result<F, X>,
    ) -> Result<Vec<OrderKey<F>>, X> {
        keys.iter()
            .map(|key| {
                let expr = change(&key.expr)?;
                Ok(OrderKey { expr, descending: key.descending, nulls_first: key.nulls_first })
            })
            .collect()
    }
}
