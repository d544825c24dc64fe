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
/// A column whose name is a word of Rust is written `r#type`. A wrong literal, or a sum of text, is an error of the Rust compiler:
///
/// ```compile_fail
/// portcullis::table! { orders { id: i64, note: Option<String> } }
/// let wrong = orders::id.eq("seven");
/// ```
#[macro_export]
macro_rules! table {
    ($($(#[$attribute:meta])* $table:ident { $($column:ident : $rust:ty),+ $(,)? })+) => {$(
        #[doc = concat!("The columns of the table `", stringify!($table), "`.")]
        $(#[$attribute])*
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy)]
        pub enum $table {}

        #[allow(non_upper_case_globals, dead_code, missing_docs)]
        impl $table {
            pub const table: $crate::DeclaredTable = $crate::DeclaredTable::new(
                stringify!($table),
                &[$($crate::DeclaredColumn::new(
                    stringify!($column),
                    <$rust as $crate::ColumnType>::SQL_TYPE,
                    <$rust as $crate::ColumnType>::NULLABLE,
                )),+],
            );
            $(pub const $column: $crate::Column<$rust> = $crate::Column::new(stringify!($table), stringify!($column));)+
        }
    )+};
}
