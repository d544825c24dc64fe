//! What a plain string means where a table, a column or a sort key is named, and what may stand there instead.

use super::list::List;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{All, Column, ColumnType, Expr, Kind, SortKey, col};
use crate::ident::{Ident, rust_name};
use crate::query::{DeclaredColumn, DeclaredRules, Validator};

/// A table by its checked name, with its schema when one was given and its columns when `table!` declared them.
#[derive(Debug, Clone, PartialEq)]
pub struct TableName {
    pub(crate) schema: Option<Ident>,
    pub(crate) name: Ident,
    pub(crate) declared: Option<&'static [DeclaredColumn]>,
    /// What `table!` declared of what may be written.
    pub(crate) rules: Option<DeclaredRules>,
}

impl TableName {
    /// A table of the session's own schema.
    pub(crate) fn plain(name: Result<Ident>) -> Result<TableName> {
        Ok(TableName { schema: None, name: name?, declared: None, rules: None })
    }

    /// The name for reports: with its schema in front, if it has one.
    pub(crate) fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.as_str().to_owned(),
        }
    }
}

/// A table of a schema other than the session's own; SQL text: `"schema"."name"` (on MySQL the schema is a database, on
/// SQLite it is `main` or `temp`).
///
/// # Errors
///
/// [`ErrorKind::Name`] if a name can't be an identifier.
pub fn in_schema(schema: &str, name: &str) -> Result<TableName> {
    Ok(TableName { schema: Some(Ident::new(schema)?), name: Ident::new(name)?, declared: None, rules: None })
}

/// A table as `table!` declares it; `db.table(orders::table)` starts a frame whose columns are known.
#[derive(Debug, Clone, Copy)]
pub struct DeclaredTable {
    name: &'static str,
    columns: &'static [DeclaredColumn],
    rules: Option<DeclaredRules>,
}

impl DeclaredTable {
    /// Used by `table!`.
    #[doc(hidden)]
    pub const fn new(name: &'static str, columns: &'static [DeclaredColumn]) -> DeclaredTable {
        DeclaredTable { name: rust_name(name), columns, rules: None }
    }

    /// Used by `table!`.
    #[doc(hidden)]
    pub const fn with_rules(self, rules: fn() -> &'static Validator) -> DeclaredTable {
        DeclaredTable { rules: Some(DeclaredRules(rules)), ..self }
    }

    pub(crate) fn has_no_rules(&self) -> bool {
        self.rules.is_none()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// What names a table: its name as a string, [`in_schema`], or a table declared by `table!`. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a table",
    note = "write \"orders\", in_schema(\"sales\", \"orders\"), or orders::table"
)]
pub trait IntoTable: sealed::Sealed {
    #[doc(hidden)]
    fn into_table(self) -> Result<TableName>;
}

macro_rules! table_from_text {
    ($($text:ty),*) => {$(
        impl sealed::Sealed for $text {}
        impl IntoTable for $text {
            fn into_table(self) -> Result<TableName> {
                Ok(TableName { schema: None, name: Ident::new(self)?, declared: None, rules: None })
            }
        }
    )*};
}

table_from_text!(&str, &String, String);

impl sealed::Sealed for Ident {}
impl IntoTable for Ident {
    fn into_table(self) -> Result<TableName> {
        Ok(TableName { schema: None, name: self, declared: None, rules: None })
    }
}

/// [`in_schema`] as it stands: a name that is none is the mistake of the chain, as it is for a string.
impl sealed::Sealed for Result<TableName> {}
impl IntoTable for Result<TableName> {
    fn into_table(self) -> Result<TableName> {
        self
    }
}

impl sealed::Sealed for TableName {}
impl IntoTable for TableName {
    fn into_table(self) -> Result<TableName> {
        Ok(self)
    }
}

impl sealed::Sealed for DeclaredTable {}
impl IntoTable for DeclaredTable {
    fn into_table(self) -> Result<TableName> {
        let DeclaredTable { name, columns, rules } = self;
        Ok(TableName { schema: None, name: Ident::fixed(name)?, declared: Some(columns), rules })
    }
}

/// What `select`, `group_by` and `agg` take: one column name, expression, typed column or [`all()`](crate::all), or an array,
/// a vector or a tuple of them. A string here is a column's name. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of columns or expressions",
    note = "write [\"id\", \"total\"], (\"id\", col(\"total\").as_(\"t\")), a vector of expressions, or all()"
)]
pub trait Projections: projections::Sealed {
    #[doc(hidden)]
    fn collect_into(self, list: &mut List<'_, Expr>);
}

mod projections {
    pub trait Sealed {}
}

macro_rules! one_projection {
    ($($rust:ty, |$it:ident| $make:expr;)*) => {$(
        impl projections::Sealed for $rust {}
        impl Projections for $rust {
            fn collect_into(self, list: &mut List<'_, Expr>) {
                let $it = self;
                list.push($make);
            }
        }
    )*};
}

one_projection! {
    Ident, |it| Expr::make(Kind::Column { table: None, name: it, declared: None });
    Expr, |it| it;
    All, |it| it.into();
}

macro_rules! named_projection {
    ($($rust:ty),*) => {$(
        impl projections::Sealed for $rust {}
        impl Projections for $rust {
            #[inline]
            fn collect_into(self, list: &mut List<'_, Expr>) {
                list.name(self.as_ref());
            }
        }
    )*};
}

named_projection!(&str, String, &String);

impl<T: ColumnType> projections::Sealed for Column<T> {}
impl<T: ColumnType> Projections for Column<T> {
    fn collect_into(self, list: &mut List<'_, Expr>) {
        list.push(self.expr());
    }
}

impl<P: Projections, const N: usize> projections::Sealed for [P; N] {}
impl<P: Projections, const N: usize> Projections for [P; N] {
    fn collect_into(self, list: &mut List<'_, Expr>) {
        list.reserve(N);
        self.into_iter().for_each(|one| one.collect_into(list));
    }
}

impl<P: Projections> projections::Sealed for Vec<P> {}
impl<P: Projections> Projections for Vec<P> {
    fn collect_into(self, list: &mut List<'_, Expr>) {
        self.into_iter().for_each(|one| one.collect_into(list));
    }
}

impl<P: Projections + Clone> projections::Sealed for &[P] {}
impl<P: Projections + Clone> Projections for &[P] {
    fn collect_into(self, list: &mut List<'_, Expr>) {
        self.iter().for_each(|one| one.clone().collect_into(list));
    }
}

impl<P: Projections + Clone> projections::Sealed for &Vec<P> {}
impl<P: Projections + Clone> Projections for &Vec<P> {
    fn collect_into(self, list: &mut List<'_, Expr>) {
        self.as_slice().collect_into(list);
    }
}

/// What `drop`, `using` and `columns` take: one name, or an array, a slice or a vector of names. The trait is sealed.
#[diagnostic::on_unimplemented(message = "`{Self}` is no list of names", note = "write \"id\" or [\"id\", \"total\"]")]
pub trait IntoNames: into_names::Sealed {
    #[doc(hidden)]
    fn into_names(self) -> Result<Vec<Ident>>;
}

mod into_names {
    pub trait Sealed {}
}

impl into_names::Sealed for &str {}
impl IntoNames for &str {
    fn into_names(self) -> Result<Vec<Ident>> {
        Ok(vec![Ident::new(self)?])
    }
}

impl<S: AsRef<str>, const N: usize> into_names::Sealed for [S; N] {}
impl<S: AsRef<str>, const N: usize> IntoNames for [S; N] {
    fn into_names(self) -> Result<Vec<Ident>> {
        self.iter().map(Ident::new).collect()
    }
}

impl<S: AsRef<str>> into_names::Sealed for Vec<S> {}
impl<S: AsRef<str>> IntoNames for Vec<S> {
    fn into_names(self) -> Result<Vec<Ident>> {
        self.iter().map(Ident::new).collect()
    }
}

impl<S: AsRef<str>> into_names::Sealed for &Vec<S> {}
impl<S: AsRef<str>> IntoNames for &Vec<S> {
    fn into_names(self) -> Result<Vec<Ident>> {
        self.iter().map(Ident::new).collect()
    }
}

impl<S: AsRef<str>> into_names::Sealed for &[S] {}
impl<S: AsRef<str>> IntoNames for &[S] {
    fn into_names(self) -> Result<Vec<Ident>> {
        self.iter().map(Ident::new).collect()
    }
}

/// What `order_by` takes: a column's name, an expression, a [`SortKey`], or an array, vector or tuple of them. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sort key",
    note = "write \"id\", col(\"id\").desc(), or an array or tuple of these"
)]
pub trait IntoSortKeys: sort_keys::Sealed {
    #[doc(hidden)]
    fn collect_keys(self, list: &mut List<'_, SortKey>);
}

mod sort_keys {
    pub trait Sealed {}
}

macro_rules! one_sort_key {
    ($($rust:ty, |$it:ident| $make:expr;)*) => {$(
        impl sort_keys::Sealed for $rust {}
        impl IntoSortKeys for $rust {
            fn collect_keys(self, list: &mut List<'_, SortKey>) {
                let $it = self;
                list.push($make);
            }
        }
    )*};
}

one_sort_key! {
    &str, |it| col(it).asc();
    String, |it| col(&it).asc();
    &String, |it| col(it).asc();
    Expr, |it| it.asc();
    SortKey, |it| it;
}

impl<T: ColumnType> sort_keys::Sealed for Column<T> {}
impl<T: ColumnType> IntoSortKeys for Column<T> {
    fn collect_keys(self, list: &mut List<'_, SortKey>) {
        list.push(self.asc());
    }
}

impl<K: IntoSortKeys, const N: usize> sort_keys::Sealed for [K; N] {}
impl<K: IntoSortKeys, const N: usize> IntoSortKeys for [K; N] {
    fn collect_keys(self, list: &mut List<'_, SortKey>) {
        self.into_iter().for_each(|one| one.collect_keys(list));
    }
}

impl<K: IntoSortKeys> sort_keys::Sealed for Vec<K> {}
impl<K: IntoSortKeys> IntoSortKeys for Vec<K> {
    fn collect_keys(self, list: &mut List<'_, SortKey>) {
        self.into_iter().for_each(|one| one.collect_keys(list));
    }
}

impl<K: IntoSortKeys + Clone> sort_keys::Sealed for &[K] {}
impl<K: IntoSortKeys + Clone> IntoSortKeys for &[K] {
    fn collect_keys(self, list: &mut List<'_, SortKey>) {
        self.iter().for_each(|one| one.clone().collect_keys(list));
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: Projections),+> projections::Sealed for ($($name,)+) {}
        #[expect(non_snake_case, reason = "the macro names each variable after its type")]
        impl<$($name: Projections),+> Projections for ($($name,)+) {
            fn collect_into(self, list: &mut List<'_, Expr>) {
                let ($($name,)+) = self;
                list.reserve([$(stringify!($name)),+].len());
                $($name.collect_into(list);)+
            }
        }
        impl<$($name: IntoSortKeys),+> sort_keys::Sealed for ($($name,)+) {}
        #[expect(non_snake_case, reason = "the macro names each variable after its type")]
        impl<$($name: IntoSortKeys),+> IntoSortKeys for ($($name,)+) {
            fn collect_keys(self, list: &mut List<'_, SortKey>) {
                let ($($name,)+) = self;
                $($name.collect_keys(list);)+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);

pub(super) fn no_columns(verb: &'static str) -> Error {
    Error::new(ErrorKind::Plan, "plan.no_columns", format!("`{verb}` names no column; write at least one"))
}
