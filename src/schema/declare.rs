//! `table!`: tables declared in the program.

/// Declares tables whose columns have types that the compiler checks.
///
/// Each becomes a type that holds `table`, for `db.table(orders::table)`, and a [`Column`](crate::Column) for each column; no value
/// of it exists. Attributes, such as a doc comment, are kept.
///
/// ```
/// use portcullis::{Dialect, table};
/// use rust_decimal::Decimal;
///
/// table! {
///     orders { id: i64, total: Decimal, note: Option<String>, r#type: String }
/// }
///
/// let query = portcullis::table(orders::table)
///     .where_(orders::total.gt(Decimal::ONE_HUNDRED) & orders::r#type.eq("sale"))
///     .select((orders::id, orders::note))
///     .to_sql_for(Dialect::Sqlite)?;
/// assert_eq!(query.sql(), r#"SELECT "id", "note" FROM "orders" WHERE "total" > ?1 AND "type" = ?2"#);
/// # Ok::<(), portcullis::Error>(())
/// ```
///
/// After a column may stand the rules of what is written into it, made by [`rules`](crate::rules), and after the table more of them, as a function
/// of its [`Validator`](crate::Validator). They hold for each write that names the table by its declaration, and for every write of a handle that is opened
/// with [`validator(customers::table)`](crate::DatabaseBuilder::validator):
///
/// ```
/// use portcullis::{rules, table};
///
/// table! {
///     customers {
///         id: i64,
///         name: String => rules().required().length(1..=80),
///         email: Option<String> => rules().pattern(r"[^@\s]+@[^@\s]+"),
///     } => |customers| customers.writable(["name", "email"]);
/// }
/// # let _ = customers::table;
/// ```
///
/// A column whose name is a word of Rust is written `r#type`. A wrong literal, or a sum of text, is an error of the Rust compiler:
///
/// ```compile_fail
/// portcullis::table! { orders { id: i64, note: Option<String> } }
/// let wrong = orders::id.eq("seven");
/// ```
#[macro_export]
macro_rules! table {
    ($($(#[$attribute:meta])* $table:ident { $($column:ident : $rust:ty $(=> $rules:expr)?),+ $(,)? } $(=> $more:expr;)?)+) => {$(
        #[doc = concat!("The columns of the table `", stringify!($table), "`.")]
        $(#[$attribute])*
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy)]
        pub enum $table {}

        #[allow(non_upper_case_globals, dead_code, missing_docs)]
        impl $table {
            pub const table: $crate::DeclaredTable = {
                let table = $crate::DeclaredTable::new(
                    stringify!($table),
                    &[$($crate::DeclaredColumn::new(
                        stringify!($column),
                        <$rust as $crate::ColumnType>::SQL_TYPE,
                        <$rust as $crate::ColumnType>::NULLABLE,
                    )),+],
                );
                $crate::__table_rules!(table, $table { $($column $(=> $rules)?),+ } $(=> $more)?)
            };
            $(pub const $column: $crate::Column<$rust> = $crate::Column::new(stringify!($table), stringify!($column));)+
        }
    )+};
}

/// What `table!` makes of the rules in it.
#[doc(hidden)]
#[macro_export]
macro_rules! __table_rules {
    ($made:ident, $table:ident { $($column:ident),+ }) => { $made };
    ($made:ident, $table:ident { $($column:ident $(=> $rules:expr)?),+ } $(=> $more:expr)?) => {{
        fn made() -> &'static $crate::Validator {
            static RULES: ::std::sync::LazyLock<$crate::Validator> = ::std::sync::LazyLock::new(|| {
                let validator = $crate::Validator::new(stringify!($table).trim_start_matches("r#"));
                $($(let validator = validator.column(stringify!($column).trim_start_matches("r#"), $rules);)?)+
                $(let validator = {
                    fn more(validator: $crate::Validator, more: impl FnOnce($crate::Validator) -> $crate::Validator) -> $crate::Validator {
                        more(validator)
                    }
                    more(validator, $more)
                };)?
                validator
            });
            &RULES
        }
        $made.with_rules(made)
    }};
}
