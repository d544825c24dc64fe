//! The walk over the syntax tree of a raw select. Every field of every node is named, so a field or a node that the parser
//! gains does not compile or is refused until someone has looked at it.

use sqlparser::ast::{
    Cte, Distinct, Fetch, GroupByExpr, GroupByWithModifier, Ident, Join, JoinConstraint, JoinOperator, LimitClause,
    NamedWindowDefinition, NamedWindowExpr, ObjectName, ObjectNamePart, Offset, OrderBy, OrderByExpr, OrderByKind,
    Query, Select, SelectFlavor, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetQuantifier, TableAlias,
    TableFactor, TableFunctionArgs, TableSampleKind, TableWithJoins, WildcardAdditionalOptions, With,
};

use super::{functions, not_a_select, refuse, types};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, show_name};

/// How deep queries and joins may nest in each other. The parser and the tokens bound this too.
const MAX_DEPTH: usize = 64;

/// Unquoted, these are never names of tables, so the parser has misread something.
const NEVER_TABLES: &[&str] =
    &["only", "lateral", "rows", "row", "table", "values", "select", "with", "unnest", "json_table", "xmltable"];

/// Tables that are really functions, or that show raw pages.
const REFUSED_TABLES: &[&str] =
    &["dbstat", "sqlite_dbpage", "sqlite_stmt", "bytecode", "tables_used", "fsdir", "csv", "zipfile"];

pub(super) struct Walk {
    pub(super) dialect: Dialect,
    pub(super) tables: Vec<(Option<String>, String)>,
    /// Names of relations that were given columns: `t(a, b)`.
    pub(super) aliases: Vec<String>,
    /// Names of common table expressions in sight, innermost last.
    scope: Vec<String>,
}

impl Walk {
    pub(super) fn new(dialect: Dialect) -> Self {
        Walk { dialect, tables: Vec::new(), aliases: Vec::new(), scope: Vec::new() }
    }

    pub(super) fn query(&mut self, query: &Query, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return refuse("raw.too_deep", "raw sql nests more than 64 queries; use `with` to name the inner parts");
        }
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if !locks.is_empty() {
            return refuse("raw.lock", "raw sql on a read-only handle locks rows; remove the lock clause");
        }
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty() {
            return unknown("this clause after a select");
        }
        let outer = self.scope.len();
        if let Some(with) = with {
            self.with(with, depth)?;
        }
        self.set(body, depth)?;
        if let Some(order_by) = order_by {
            self.order_by(order_by, depth)?;
        }
        match limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if !limit_by.is_empty() {
                    return unknown("`limit by`");
                }
                self.expressions(limit, depth)?;
                if let Some(Offset { value, rows: _ }) = offset {
                    self.expression(value, depth)?;
                }
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.expression(offset, depth)?;
                self.expression(limit, depth)?;
            }
        }
        if let Some(Fetch { with_ties: _, percent, quantity }) = fetch {
            if *percent {
                return unknown("`fetch percent`");
            }
            self.expressions(quantity, depth)?;
        }
        self.scope.truncate(outer);
        Ok(())
    }

    fn with(&mut self, with: &With, depth: usize) -> Result<()> {
        let With { with_token: _, recursive, cte_tables } = with;
        for cte in cte_tables {
            let Cte { alias, query, from, materialized: _, closing_paren_token: _ } = cte;
            if from.is_some() {
                return unknown("this form of `with`");
            }
            self.alias(Some(alias))?;
            let name = self.fold(&alias.name);
            // Only a recursive expression sees itself; otherwise the same name inside is a table.
            if *recursive {
                self.scope.push(name);
                self.query(query, depth + 1)?;
            } else {
                self.query(query, depth + 1)?;
                self.scope.push(name);
            }
        }
        Ok(())
    }

    /// A chain of set operations leans to the left and may be long, so it is walked in a loop.
    fn set(&mut self, body: &SetExpr, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return refuse("raw.too_deep", "raw sql nests more than 64 queries; use `with` to name the inner parts");
        }
        let mut body = body;
        loop {
            match body {
                SetExpr::Select(select) => return self.select(select, depth),
                SetExpr::Query(query) => return self.query(query, depth + 1),
                SetExpr::Values(values) => {
                    return values.rows.iter().try_for_each(|row| self.expressions(row.iter(), depth));
                }
                SetExpr::SetOperation { left, op: _, set_quantifier, right } => {
                    match set_quantifier {
                        SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => {}
                        SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
                            return unknown("`by name`");
                        }
                    }
                    self.set(right, depth + 1)?;
                    body = left;
                }
                SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                    return not_a_select();
                }
                SetExpr::Table(_) => return refuse("raw.table", "raw sql holds `table t`; write `select * from t`"),
            }
        }
    }

    fn select(&mut self, select: &Select, depth: usize) -> Result<()> {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        if into.is_some() {
            return refuse(
                "raw.into",
                "raw sql on a read-only handle writes with `select into`; use a read-write handle",
            );
        }
        let modified = select_modifiers.as_ref().is_some_and(|modifiers| modifiers.is_any_set());
        if !optimizer_hints.is_empty() || modified {
            return refuse("raw.hint", "raw sql holds an optimizer hint or a select modifier; remove it");
        }
        let foreign = top.is_some()
            || exclude.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || !matches!(flavor, SelectFlavor::Standard);
        if foreign {
            return unknown("a clause of another database");
        }
        match distinct {
            None | Some(Distinct::All | Distinct::Distinct) => {}
            Some(Distinct::On(expressions)) => self.expressions(expressions, depth)?,
        }
        for item in projection {
            match item {
                SelectItem::UnnamedExpr(expr) => self.expression(expr, depth)?,
                SelectItem::ExprWithAlias { expr, alias: _ } => self.expression(expr, depth)?,
                SelectItem::ExprWithAliases { expr: _, aliases: _ } => {
                    return unknown("several aliases of one expression");
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(_), options)
                | SelectItem::Wildcard(options) => plain_wildcard(options)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), options) => {
                    plain_wildcard(options)?;
                    self.expression(expr, depth)?;
                }
            }
        }
        from.iter().try_for_each(|table| self.table_with_joins(table, depth))?;
        self.expressions(selection, depth)?;
        match group_by {
            GroupByExpr::All(_) => return unknown("`group by all`"),
            GroupByExpr::Expressions(expressions, modifiers) => {
                self.expressions(expressions, depth)?;
                for modifier in modifiers {
                    match modifier {
                        GroupByWithModifier::Rollup | GroupByWithModifier::Cube => {}
                        GroupByWithModifier::GroupingSets(expr) => self.expression(expr, depth)?,
                        GroupByWithModifier::Totals => return unknown("`with totals`"),
                    }
                }
            }
        }
        self.expressions(having, depth)?;
        for NamedWindowDefinition(_, window) in named_window {
            match window {
                NamedWindowExpr::NamedWindow(_) => {}
                NamedWindowExpr::WindowSpec(spec) => self.window(spec, depth)?,
            }
        }
        Ok(())
    }

    pub(super) fn order_by(&mut self, order_by: &OrderBy, depth: usize) -> Result<()> {
        let OrderBy { kind, interpolate } = order_by;
        match kind {
            OrderByKind::Expressions(items) if interpolate.is_none() => {
                items.iter().try_for_each(|item| self.order_item(item, depth))
            }
            _ => unknown("this form of `order by`"),
        }
    }

    pub(super) fn order_item(&mut self, item: &OrderByExpr, depth: usize) -> Result<()> {
        let OrderByExpr { expr, options: _, with_fill } = item;
        if with_fill.is_some() {
            return unknown("`with fill`");
        }
        self.expression(expr, depth)
    }

    fn table_with_joins(&mut self, table: &TableWithJoins, depth: usize) -> Result<()> {
        let TableWithJoins { relation, joins } = table;
        self.relation(relation, depth)?;
        for Join { relation, global, join_operator } in joins {
            if *global {
                return unknown("`global join`");
            }
            self.relation(relation, depth)?;
            match join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint)
                | JoinOperator::CrossJoin(constraint)
                | JoinOperator::StraightJoin(constraint) => match constraint {
                    JoinConstraint::On(expr) => self.expression(expr, depth)?,
                    JoinConstraint::Using(_) | JoinConstraint::Natural | JoinConstraint::None => {}
                },
                _ => return unknown("this kind of join"),
            }
        }
        Ok(())
    }

    fn relation(&mut self, relation: &TableFactor, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return refuse("raw.too_deep", "raw sql nests more than 64 queries; use `with` to name the inner parts");
        }
        match relation {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints: _,
            } => {
                self.alias(alias.as_ref())?;
                if !with_hints.is_empty() || version.is_some() || !partitions.is_empty() || json_path.is_some() {
                    return unknown("this form of a table");
                }
                self.sample(sample.as_ref(), depth)?;
                match args {
                    None if *with_ordinality => unknown("`with ordinality` on a table"),
                    None => self.table(name),
                    Some(TableFunctionArgs { args, settings: None }) => {
                        self.table_function(name)?;
                        self.arguments(args, depth)
                    }
                    Some(TableFunctionArgs { args: _, settings: Some(_) }) => unknown("settings of a table function"),
                }
            }
            TableFactor::Derived { lateral: _, subquery, alias, sample } => {
                self.alias(alias.as_ref())?;
                self.sample(sample.as_ref(), depth)?;
                self.query(subquery, depth + 1)
            }
            TableFactor::Function { lateral: _, name, args, with_ordinality: _, alias } => {
                self.alias(alias.as_ref())?;
                self.table_function(name)?;
                self.arguments(args, depth)
            }
            TableFactor::UNNEST { alias, array_exprs, with_offset, with_offset_alias, with_ordinality: _ }
                if self.dialect == Dialect::Postgres && !*with_offset && with_offset_alias.is_none() =>
            {
                self.alias(alias.as_ref())?;
                self.expressions(array_exprs, depth)
            }
            TableFactor::JsonTable { json_expr, json_path: _, columns: _, alias } if self.dialect.is_mysql_family() => {
                self.alias(alias.as_ref())?;
                self.expression(json_expr, depth)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                self.alias(alias.as_ref())?;
                self.table_with_joins(table_with_joins, depth + 1)
            }
            _ => unknown("this kind of relation"),
        }
    }

    // SQL: PostgreSQL, TABLESAMPLE with a number or a parameter; a seed is a literal.
    fn sample(&mut self, sample: Option<&TableSampleKind>, depth: usize) -> Result<()> {
        let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample else {
            return Ok(());
        };
        if self.dialect != Dialect::Postgres || sample.bucket.is_some() || sample.offset.is_some() {
            return unknown("this form of sampling");
        }
        sample.quantity.iter().try_for_each(|quantity| self.expression(&quantity.value, depth))
    }

    fn table(&mut self, name: &ObjectName) -> Result<()> {
        let (schema, table) = match name.0.as_slice() {
            [ObjectNamePart::Identifier(table)] => (None, table),
            [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(table)] => (Some(schema), table),
            _ => return refuse("raw.relation", "raw sql names a table with more than a schema; write `schema.table`"),
        };
        let folded = self.fold(table);
        let lower = folded.to_ascii_lowercase();
        if table.quote_style.is_none() && NEVER_TABLES.contains(&lower.as_str()) {
            return unknown("this form of a table");
        }
        if self.dialect == Dialect::Sqlite && (lower.starts_with("pragma_") || REFUSED_TABLES.contains(&lower.as_str()))
        {
            return Err(refuse_relation(&table.value));
        }
        let hidden = |name: &String| match self.dialect {
            Dialect::Sqlite => name.eq_ignore_ascii_case(&folded),
            _ => *name == folded,
        };
        if schema.is_none() && self.scope.iter().any(hidden) {
            return Ok(());
        }
        let entry = (schema.map(|schema| self.fold(schema)), folded);
        if !self.tables.contains(&entry) {
            self.tables.push(entry);
        }
        Ok(())
    }

    fn table_function(&self, name: &ObjectName) -> Result<()> {
        let last = self.function_name(name)?;
        if functions::is_allowed_relation(&last.value.to_ascii_lowercase(), self.dialect) {
            Ok(())
        } else {
            Err(functions::refuse_function(&last.value))
        }
    }

    /// The unquoted last part of a function's name, which may be qualified with `pg_catalog` only.
    pub(super) fn function_name<'a>(&self, name: &'a ObjectName) -> Result<&'a Ident> {
        match name.0.as_slice() {
            [ObjectNamePart::Identifier(only)] if only.quote_style.is_none() => Ok(only),
            [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(last)]
                if self.dialect == Dialect::Postgres
                    && last.quote_style.is_none()
                    && self.fold(schema) == "pg_catalog" =>
            {
                Ok(last)
            }
            [.., ObjectNamePart::Identifier(last)] => Err(functions::refuse_function(&last.value)),
            _ => unknown("this form of a call"),
        }
    }

    fn alias(&mut self, alias: Option<&TableAlias>) -> Result<()> {
        let Some(TableAlias { explicit: _, name, columns, at }) = alias else { return Ok(()) };
        if at.is_some() {
            return unknown("this form of an alias");
        }
        if !columns.is_empty() {
            self.aliases.push(name.value.clone());
        }
        for column in columns {
            if let Some(data_type) = &column.data_type
                && !types::is_allowed(data_type)
            {
                return refuse_type();
            }
        }
        Ok(())
    }

    /// A name as PostgreSQL folds it when it is not quoted (ASCII only, so that `É` and `é` are two names); as written elsewhere.
    fn fold(&self, name: &Ident) -> String {
        match (self.dialect, name.quote_style) {
            (Dialect::Postgres, None) => name.value.to_ascii_lowercase(),
            _ => name.value.clone(),
        }
    }
}

pub(super) fn plain_wildcard(options: &WildcardAdditionalOptions) -> Result<()> {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    if opt_ilike.is_some()
        || opt_exclude.is_some()
        || opt_except.is_some()
        || opt_replace.is_some()
        || opt_rename.is_some()
        || opt_alias.is_some()
    {
        return unknown("options of `*`");
    }
    Ok(())
}

fn refuse_relation(name: &str) -> Error {
    let message =
        format!("raw sql on a read-only handle reads {}, which is not a table; use the builder", show_name(name));
    Error::new(ErrorKind::Policy, "raw.relation", message)
}

pub(super) fn refuse_type<T>() -> Result<T> {
    refuse(
        "raw.type",
        "raw sql on a read-only handle casts to a type that the database doesn't bring itself; cast to text",
    )
}

/// What the walk doesn't know to be harmless is refused.
pub(super) fn unknown<T>(what: &'static str) -> Result<T> {
    let message = format!(
        "raw sql on a read-only handle holds {what}, which is not on the list; use the builder, or a read-write handle"
    );
    Err(Error::new(ErrorKind::Policy, "raw.unknown", message))
}
