//! What each database can do and how it spells what it does: one row a dialect.

use crate::dialect::Dialect;

/// Facts that decide between a feature, its emulation and a refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capabilities {
    /// FULL OUTER JOIN.
    pub(crate) full_join: bool,
    /// FULL OUTER JOIN, but only with an equality between the two sides among the conditions.
    pub(crate) full_join_needs_equality: bool,
    /// Arrays as bind values: a list is `= ANY($1)`.
    pub(crate) arrays: bool,
    /// NULLS FIRST and NULLS LAST; otherwise `x IS NULL` is a sort key of its own.
    pub(crate) nulls_order: bool,
    /// NULL sorts as larger than any value when nothing is said.
    pub(crate) nulls_largest: bool,
    /// OFFSET stands only after a LIMIT.
    pub(crate) offset_needs_limit: bool,
    /// Division by zero is an error rather than NULL.
    pub(crate) zero_divisor_fails: bool,
    /// `=` and grouping of text follow a collation that may take different texts for equal.
    pub(crate) loose_text: bool,
    /// The collation that compares by code point and pads nothing.
    pub(crate) binary_collation: Option<&'static str>,
    /// LIKE has no escape character unless told.
    pub(crate) like_needs_escape: bool,
    /// A computed key of GROUP BY is recognised where it stands again, also with COLLATE and binds in it.
    pub(crate) sees_repeated_keys: bool,
    /// A member of a set operation may stand in parentheses, with an order and a limit of its own.
    pub(crate) parenthesized_members: bool,
    /// A subselect in the FROM of a subquery sees the columns around that subquery.
    pub(crate) nested_correlation: bool,
    /// LATERAL.
    pub(crate) lateral: bool,
    /// NOT EXISTS is planned as a join; otherwise it is asked for each row.
    pub(crate) joins_what_is_not: bool,
    /// A subquery of an update or a delete may read the table that is written.
    pub(crate) reads_target: bool,
    /// GROUP BY GROUPING SETS.
    pub(crate) grouping_sets: bool,
    /// A subquery may stand beside the aggregates and windows of a block, and be asked about their results.
    pub(crate) subqueries_see_results: bool,
    /// Windows may look at rows of a derived table or a view that a subquery of the same block chooses, and an aggregate of them may stand in one
    /// expression with a key.
    pub(crate) results_over_asked_rows: bool,
    /// A window whose sort keys are all constants must not look so: the other windows of the block would lose their own order.
    pub(crate) loses_constant_orders: bool,
    /// A window whose keys are the first ones of two others must not look so: one of those would be computed in the order of the other.
    pub(crate) mixes_orders_that_begin_alike: bool,
    /// A block with a window must name its columns with their tables: a column of a derived table or a view would be refused as ambiguous
    /// (error 1052) where a window looks at it and a key of ORDER BY or GROUP BY does too.
    pub(crate) confuses_names_of_windows: bool,
    /// A derived table's or a view's column that is computed so that NULL gives something else (a literal, COALESCE, a subquery) has that value for
    /// MIN, MAX and windows also where an outer join filled it with NULL, unless it is part of an expression; and for a subquery.
    pub(crate) forgets_absent_rows: bool,
    /// What a derived table computes from constants alone counts in conditions also where an outer join filled it with NULL; for a subquery, a
    /// constant and another subquery do.
    pub(crate) computes_filled_constants: bool,
    /// An integer of a derived table is looked up by a computed double as if that were rounded: `id = 0.5 + 0.25` finds 1.
    pub(crate) rounds_looked_up_doubles: bool,
    /// What is computed of groups must be columns of a derived table before it is made distinct or windows look at it: different rows are taken for
    /// one where an average stands beside what is computed of another aggregate, groups of joined rows with a COUNT(DISTINCT) and a HAVING are
    /// lost, and rows are sorted by something else.
    pub(crate) confuses_results_of_groups: bool,
    /// An element of a list that a subquery chooses comes once for each row of the subquery, where it is joined too.
    pub(crate) repeats_asked_elements: bool,
    /// COUNT(DISTINCT …) counts the NULL of a scalar subquery that sees no row of the block, also where a view's column is that.
    pub(crate) counts_null_of_subqueries: bool,
    /// Where one row is looked up by its key, IS NULL is true of a window, and what reads its operand twice (LEAST, GREATEST) sums it twice.
    pub(crate) repeats_windows_of_one_row: bool,
    /// An aggregate of a lone placeholder takes it for NULL where rows of a join are grouped with a DISTINCT aggregate beside it.
    pub(crate) loses_aggregated_values: bool,
    /// The type that a double is cast to.
    pub(crate) double: &'static str,
}

/// What text of the program, and text that a database makes itself, is compared by on MySQL and MariaDB.
pub(crate) const SESSION_COLLATION: &str = "utf8mb4_bin";

impl Capabilities {
    pub(crate) const fn of(dialect: Dialect) -> Capabilities {
        match dialect {
            // SQL: PostgreSQL manual, 7.5 (sorting), 8.15 (arrays), 9.24 (ANY), 24.2 (collations).
            Dialect::Postgres => Capabilities {
                full_join: true,
                full_join_needs_equality: true,
                arrays: true,
                nulls_order: true,
                nulls_largest: true,
                offset_needs_limit: false,
                zero_divisor_fails: true,
                loose_text: false,
                binary_collation: Some("\"C\""),
                like_needs_escape: false,
                sees_repeated_keys: true,
                parenthesized_members: true,
                nested_correlation: true,
                lateral: true,
                joins_what_is_not: true,
                reads_target: true,
                grouping_sets: true,
                subqueries_see_results: true,
                results_over_asked_rows: true,
                loses_constant_orders: false,
                mixes_orders_that_begin_alike: false,
                confuses_names_of_windows: false,
                forgets_absent_rows: false,
                confuses_results_of_groups: false,
                computes_filled_constants: false,
                counts_null_of_subqueries: false,
                rounds_looked_up_doubles: false,
                repeats_asked_elements: false,
                repeats_windows_of_one_row: false,
                loses_aggregated_values: false,
                double: "double precision",
            },
            // SQL: MySQL manual, 15.2.13.2 (JOIN), 12.10.1 (Unicode collations; utf8mb4_0900_bin pads nothing).
            Dialect::MySql => Capabilities {
                binary_collation: Some("utf8mb4_0900_bin"),
                // SQL: seen on 9.7.
                counts_null_of_subqueries: true,
                computes_filled_constants: true,
                rounds_looked_up_doubles: true,
                repeats_asked_elements: true,
                repeats_windows_of_one_row: true,
                loses_aggregated_values: true,
                ..MYSQL_FAMILY
            },
            // SQL: MariaDB manual, "Supported Character Sets and Collations" (nopad collations).
            Dialect::MariaDb => Capabilities {
                binary_collation: Some("utf8mb4_nopad_bin"),
                nested_correlation: false,
                lateral: false,
                // SQL: seen on 10.11: no rows, where a column of the derived table decides too and is not selected.
                results_over_asked_rows: false,
                // SQL: seen on 10.11.
                loses_constant_orders: true,
                mixes_orders_that_begin_alike: true,
                confuses_names_of_windows: true,
                forgets_absent_rows: true,
                confuses_results_of_groups: true,
                ..MYSQL_FAMILY
            },
            // SQL: SQLite, "SELECT" (ordering terms), "Datatypes" 7 (collating sequences), "Expressions" 5 (LIKE).
            Dialect::Sqlite => Capabilities {
                full_join: true,
                full_join_needs_equality: false,
                arrays: false,
                nulls_order: true,
                nulls_largest: false,
                offset_needs_limit: true,
                zero_divisor_fails: false,
                loose_text: false,
                binary_collation: None,
                like_needs_escape: true,
                sees_repeated_keys: true,
                parenthesized_members: false,
                nested_correlation: true,
                lateral: false,
                joins_what_is_not: false,
                reads_target: true,
                grouping_sets: false,
                subqueries_see_results: true,
                results_over_asked_rows: true,
                loses_constant_orders: false,
                mixes_orders_that_begin_alike: false,
                confuses_names_of_windows: false,
                forgets_absent_rows: false,
                confuses_results_of_groups: false,
                computes_filled_constants: false,
                counts_null_of_subqueries: false,
                rounds_looked_up_doubles: false,
                repeats_asked_elements: false,
                repeats_windows_of_one_row: false,
                loses_aggregated_values: false,
                double: "REAL",
            },
        }
    }
}

const MYSQL_FAMILY: Capabilities = Capabilities {
    full_join: false,
    full_join_needs_equality: false,
    arrays: false,
    nulls_order: false,
    nulls_largest: false,
    offset_needs_limit: true,
    zero_divisor_fails: false,
    loose_text: true,
    binary_collation: None,
    like_needs_escape: false,
    sees_repeated_keys: false,
    parenthesized_members: true,
    nested_correlation: true,
    lateral: true,
    joins_what_is_not: true,
    reads_target: false,
    grouping_sets: false,
    // SQL: MariaDB 10.11 finds no group for `MAX(..) IN (SELECT ..)` and, run again, no row for a window's, and refuses some
    // subqueries beside a window when they are run again.
    subqueries_see_results: false,
    results_over_asked_rows: true,
    loses_constant_orders: false,
    mixes_orders_that_begin_alike: false,
    confuses_names_of_windows: false,
    forgets_absent_rows: false,
    confuses_results_of_groups: false,
    computes_filled_constants: false,
    counts_null_of_subqueries: false,
    rounds_looked_up_doubles: false,
    repeats_asked_elements: false,
    repeats_windows_of_one_row: false,
    loses_aggregated_values: false,
    double: "DOUBLE",
};
