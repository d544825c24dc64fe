//! Lowering: blocks become sea-query statements, and those become text with placeholders.
//!
//! This folder is the only place that names sea-query; `doors` is the only file that hands it text.

mod alter;
mod collation;
mod ctes;
mod ddl;
mod doors;
mod template;
mod forms;
mod elements;
mod expr;
mod literal;
mod sql_type;
mod aggregate;
mod window;
mod sets;
mod subqueries;
mod values;
mod tail;
mod insert;
mod write;
mod writer;

use sea_query::{
    Alias, Asterisk, ColumnRef, Condition, DynIden, Expr, ExprTrait, Func, IntoTableRef, JoinType, LogicalChainOper,
    MysqlQueryBuilder, NullOrdering, Order, PostgresQueryBuilder, Query, QueryStatementWriter, SelectStatement,
    SqliteQueryBuilder, TableRef,
};

use super::fold::{Block, Folder, Join, Projection, SourceKind, is_constant};
use super::{Capabilities, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::{JoinKind, LockStrength, LockWait, RowLock, TableName};
use crate::schema::{Binds, Provenance, RawSegment, RawStatement, RowCount, Rx, RxKind, SortColumn, schema_needed};
use crate::types::SqlType;
use crate::value::{Bind, Value};

pub(super) use writer::{Rendered, placeholder_type};

/// A piece of text that sea-query has no node for: raw SQL of the caller, or a fixed construct, with binds in it.
pub(super) enum Fragment {
    Text(String),
    Bind(usize),
}

pub(super) struct Lowering<'a> {
    pub(super) target: Target,
    pub(super) caps: Capabilities,
    pub(super) folder: Folder<'a>,
    pub(super) binds: Binds,
    fragments: Vec<Vec<Fragment>>,
    /// Lists that were turned into one bind: the list's first bind, and the new one.
    arrays: Vec<(usize, usize)>,
    /// Lists of texts that were turned into two binds: the list's first bind, and the new ones.
    text_lists: Vec<(usize, [usize; 2])>,
    /// Binds of our own, such as the 0 of a negation.
    constants: Vec<usize>,
    /// The binds of numbers of rows: the first source of the block, whether it is the offset, and the bind.
    row_counts: Vec<(usize, bool, usize)>,
    /// The relations of WITH that what was lowered so far reads.
    read_ctes: Vec<usize>,
    /// How many subqueries are being lowered.
    nested: usize,
    /// The block to be lowered next is that of a subquery: there every column is written with its source.
    asked: bool,
    /// The block to be lowered next names its columns by AS where they are written with their source.
    named: bool,
    /// The source that stands for the row that an upsert was to insert.
    incoming: Option<usize>,
    /// WITH stands in each subquery, because the statement can't begin with it.
    with_inside: bool,
    /// How much text the functions of the expression so far stand for, and the operands of the one that is being written: a
    /// form that writes an operand twice, inside another one, inside another one, would grow beyond any memory.
    weight: usize,
    weights: Vec<usize>,
    /// The text holds a window.
    windows: bool,
    /// The text holds an aggregate.
    aggregates: bool,
    /// The keys of the windows of the block at hand, where the database mixes some up.
    window_keys: Vec<Vec<Rx>>,
    /// What is lowered stands in an aggregate or a window that takes no notice of what an outer join left NULL.
    forgetful: bool,
    /// Sources that are not to be made one with the SELECT around them.
    stored: Vec<usize>,
    /// The text holds a subquery within an expression.
    subqueries: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(target: Target, folder: Folder<'a>, binds: Binds) -> Lowering<'a> {
        let caps = Capabilities::of(target.dialect);
        Lowering {
            target,
            caps,
            folder,
            binds,
            fragments: Vec::new(),
            arrays: Vec::new(),
            text_lists: Vec::new(),
            constants: Vec::new(),
            row_counts: Vec::new(),
            read_ctes: Vec::new(),
            nested: 0,
            asked: false,
            named: false,
            windows: false,
            aggregates: false,
            window_keys: Vec::new(),
            forgetful: false,
            stored: Vec::new(),
            subqueries: false,
            incoming: None,
            with_inside: false,
            weight: 0,
            weights: Vec::new(),
        }
    }

    /// The text of a whole query, and the binds in the order of their placeholders.
    pub(super) fn query(mut self, block: &Block, lock: Option<RowLock>) -> Result<Rendered> {
        if let Projection::Columns(columns) = &block.projection {
            for (_, _, rx) in columns.iter().filter(|(_, _, rx)| !self.folder.is_of_a_table(rx)) {
                self.need_type(rx, "a computed column")?;
            }
        }
        let mut statement = self.select(block)?;
        if let Some(clause) = self.with_clause()? {
            statement.with_cte(clause);
        }
        if let Some(lock) = lock {
            self.folder.check_lock(block)?;
            let words = lock_words(lock, self.target.dialect)?;
            return self.render_then(&statement, |writer| writer.write_words(words));
        }
        self.render(&statement)
    }

    /// Conditions go in by `and_or_where`: what `and_where` takes, sea-query copies once more when it renders.
    fn render<S: QueryStatementWriter>(self, statement: &S) -> Result<Rendered> {
        self.render_then(statement, |_| {})
    }

    /// Renders, and lets `then` go on with the text.
    fn render_then<S: QueryStatementWriter>(
        self,
        statement: &S,
        then: impl FnOnce(&mut writer::Writer<'_>),
    ) -> Result<Rendered> {
        let mut writer = writer::Writer::new(self.target.dialect, &self.binds, &self.fragments);
        match self.target.dialect {
            crate::dialect::Dialect::Postgres => statement.build_collect_into(PostgresQueryBuilder, &mut writer),
            crate::dialect::Dialect::MySql | crate::dialect::Dialect::MariaDb => {
                statement.build_collect_into(MysqlQueryBuilder, &mut writer);
            }
            crate::dialect::Dialect::Sqlite => statement.build_collect_into(SqliteQueryBuilder, &mut writer),
        }
        then(&mut writer);
        let (sql, order, skip) = writer.finish()?;
        let once = self.once();
        let (binds, origins) = self.binds.in_order(&order);
        Ok(Rendered { sql, binds, origins, skip, once, literals: Vec::new(), beside: None })
    }

    /// A bind of our own, which follows from the plan's shape.
    pub(super) fn bind(&mut self, value: Value, sql_type: SqlType) -> usize {
        self.binds.push(Bind { value, sql_type }, Provenance::Own)
    }

    /// Whether the database must prepare the text for each run.
    ///
    /// SQL: MariaDB 10.11, when it runs a prepared statement again that has a subquery beside a window, or one in a view below windows or
    /// aggregates, refuses it or finds other rows.
    fn once(&self) -> bool {
        let sums = self.windows || self.aggregates;
        !self.caps.subqueries_see_results && ((self.windows && self.subqueries) || (sums && self.folder.reads_views()))
    }

    fn fragment(&mut self, fragment: Vec<Fragment>) -> String {
        self.fragments.push(fragment);
        writer::mark(self.fragments.len() - 1)
    }

    fn select(&mut self, block: &Block) -> Result<SelectStatement> {
        if let Some(statement) = self.compound(block)? {
            return Ok(statement);
        }
        self.select_from(block)
    }

    /// The block as a derived table or a relation of WITH, which an outer join may fill with NULL; `stored` where it is not to be made one with
    /// the SELECT around it.
    fn derived(&mut self, block: &Block, filled: bool, stored: bool) -> Result<SelectStatement> {
        let stored = stored
            || (self.caps.forgets_absent_rows && self.folder.asks_about_hidden_nulls(block))
            || (filled && self.caps.computes_filled_constants && self.folder.computes_constants(block));
        let mut statement = self.select(block)?;
        if stored && block.limit.is_none() && block.offset.is_zero() {
            // SQL: a derived table with a LIMIT is not made one with the SELECT around it.
            statement.limit(self.row_count(RowCount::own(i64::MAX as u64))?);
        }
        Ok(statement)
    }

    /// The block as a SELECT with a FROM, also where it does nothing but read a set operation.
    fn select_from(&mut self, block: &Block) -> Result<SelectStatement> {
        if !self.caps.mixes_orders_that_begin_alike {
            return self.select_block(block);
        }
        let around = std::mem::replace(&mut self.window_keys, block.window_keys());
        let statement = self.select_block(block);
        self.window_keys = around;
        statement
    }

    fn select_block(&mut self, block: &Block) -> Result<SelectStatement> {
        let asks = !self.folder.subqueries.is_empty() && block.has_subquery();
        // Below a subquery's own block a name could still mean a column around it, where not all names are known.
        let asked = std::mem::take(&mut self.asked) || (self.nested > 0 && self.folder.sees_around());
        let ambiguous = self.caps.confuses_names_of_windows
            && block.windowed()
            && !block.sources.iter().all(|place| self.folder.is_stored(*place));
        let qualify = asked || block.sources.len() > 1 || asks || ambiguous || self.alias_hides_column(block);
        let mut statement = Query::select();
        let named = std::mem::take(&mut self.named) && qualify;
        self.projection(block, qualify, named, &mut statement)?;
        if asks && (self.caps.forgets_absent_rows || self.caps.computes_filled_constants) {
            let hiding = block.sources.iter().filter(|place| self.folder.hides_nulls(**place));
            self.stored.extend(hiding);
        }
        let mut sources = block.sources.iter();
        if let Some(first) = sources.next() {
            let table = self.source(*first)?;
            statement.from(table);
        }
        for (source, join) in sources.zip(&block.joins) {
            self.join(*source, join, &mut statement)?;
        }
        if !block.filter.is_empty() {
            let condition = self.conjunction(&block.filter, qualify)?;
            statement.and_or_where(LogicalChainOper::And(condition));
        }
        if let Some(keys) = &block.group {
            let keys = keys.iter().map(|key| self.expr(key, qualify)).collect::<Result<Vec<_>>>()?;
            let keys = match &block.sets {
                None => keys,
                Some(sets) => vec![self.grouping_sets(sets, keys)?],
            };
            statement.add_group_by(keys);
        }
        if !block.having.is_empty() {
            let condition = self.conjunction(&block.having, qualify)?;
            statement.and_having(condition);
        }
        for (rx, key) in &block.order {
            self.order(rx, *key, qualify, &mut statement)?;
        }
        self.slice(block, &mut statement)?;
        Ok(statement)
    }

    /// An alias that is also a column's name would be taken for the alias in ORDER BY (and, on some databases, elsewhere).
    fn alias_hides_column(&self, block: &Block) -> bool {
        let Projection::Columns(columns) = &block.projection else { return false };
        columns.iter().any(|(name, _, rx)| !self.is_called(rx, name) && self.folder.has_column(block, name))
    }

    fn is_called(&self, rx: &Rx, name: &Ident) -> bool {
        match rx.kind() {
            RxKind::Source { source, column } => {
                self.folder.column_name(*source, *column).is_ok_and(|own| own == *name)
            }
            _ => false,
        }
    }

    fn projection(&mut self, block: &Block, qualify: bool, named: bool, statement: &mut SelectStatement) -> Result<()> {
        if block.distinct.is_some() {
            statement.distinct();
        }
        match &block.projection {
            Projection::Everything => {
                statement.column(Asterisk);
            }
            // Only the rows count; NULL costs nothing and asks for no privilege on a column.
            Projection::Nothing if !block.hides_its_group() => {
                statement.expr(Expr::Keyword(sea_query::Keyword::Null));
            }
            Projection::Nothing => {}
            Projection::Columns(columns) => {
                for (name, _, rx) in columns {
                    let expr = match block.settled {
                        Some(anchor) => self.settled(rx, anchor, qualify)?,
                        None => self.expr(rx, qualify)?,
                    };
                    if !named && self.is_called(rx, name) && matches!(expr, Expr::Column(_)) {
                        statement.expr(expr);
                    } else {
                        statement.expr_as(expr, iden(name));
                    }
                }
            }
        }
        if let Some(name) = &block.numbered {
            let number = self.row_number(block, qualify)?;
            statement.expr_as(number, iden(name));
        }
        if block.hides_its_group() {
            // Says that this is one row for all rows; nobody reads it.
            statement.expr(Func::count(Expr::col(Asterisk)));
        }
        Ok(())
    }

    fn source(&mut self, place: usize) -> Result<TableRef> {
        let missing = || Error::internal("lower.source");
        let source = self.folder.sources.get_mut(place).ok_or_else(missing)?;
        let (alias, filled, stored) = (source.alias.clone(), source.nullable, self.stored.contains(&place));
        // Taken out while it is lowered, and put back: a column's name is looked up in it afterwards.
        let kind = std::mem::replace(&mut source.kind, SourceKind::Taken);
        let table = self.source_kind(&kind, &alias, filled, stored);
        if let Some(source) = self.folder.sources.get_mut(place) {
            source.kind = kind;
        }
        table
    }

    fn source_kind(&mut self, kind: &SourceKind, alias: &Ident, filled: bool, stored: bool) -> Result<TableRef> {
        Ok(match kind {
            SourceKind::Table(table) => {
                let reference = table_ref(table);
                if *alias == table.name { reference } else { reference.alias(iden(alias)) }
            }
            SourceKind::Raw(statement) => {
                let mark = self.fragment(parenthesized(statement));
                Alias::new(mark).into_table_ref().alias(iden(alias))
            }
            SourceKind::Block(block) => match self.folder.as_table(block)? {
                Some(table) => table_ref(table).alias(iden(alias)),
                None => TableRef::SubQuery(Box::new(self.derived(block, filled, stored)?), iden(alias)),
            },
            SourceKind::Set { arms, operations } => {
                TableRef::SubQuery(Box::new(self.set(arms, operations)?), iden(alias))
            }
            SourceKind::Values(values) => self.values(values, alias)?,
            SourceKind::Cte(cte) => {
                if !self.read_ctes.contains(cte) {
                    self.read_ctes.push(*cte);
                }
                let cte = self.folder.ctes.get(*cte).ok_or_else(|| Error::internal("lower.cte_source"))?;
                let reference = iden(&cte.name).into_table_ref();
                if *alias == cte.name { reference } else { reference.alias(iden(alias)) }
            }
            SourceKind::Elements(elements) => self.elements(elements, alias)?,
            SourceKind::Taken => return Err(Error::internal("lower.taken")),
        })
    }

    fn join(&mut self, source: usize, join: &Join, statement: &mut SelectStatement) -> Result<()> {
        let table = self.source(source)?;
        let kind = match join.kind {
            JoinKind::Inner => JoinType::InnerJoin,
            JoinKind::Left => JoinType::LeftJoin,
            JoinKind::Right => JoinType::RightJoin,
            JoinKind::Full => JoinType::FullOuterJoin,
            JoinKind::Cross => JoinType::CrossJoin,
            JoinKind::Lateral | JoinKind::LeftLateral => return self.lateral(source, join.kind, statement),
            JoinKind::Semi | JoinKind::Anti => return Err(Error::internal("lower.join")),
        };
        let condition =
            if join.on.is_empty() { Condition::all() } else { Condition::all().add(self.conjunction(&join.on, true)?) };
        statement.join(kind, table, condition);
        Ok(())
    }

    fn lateral(&mut self, source: usize, kind: JoinKind, statement: &mut SelectStatement) -> Result<()> {
        let missing = || Error::internal("lower.lateral");
        let taken = self.folder.sources.get_mut(source).ok_or_else(missing)?;
        let alias = taken.alias.clone();
        let block = std::mem::replace(&mut taken.kind, SourceKind::Taken);
        let select = match &block {
            SourceKind::Block(inner) => {
                self.nested += 1;
                self.asked = true;
                let select = self.select(inner);
                self.asked = false;
                self.nested -= 1;
                select
            }
            _ => Err(missing()),
        };
        if let Some(source) = self.folder.sources.get_mut(source) {
            source.kind = block;
        }
        let kind = if kind == JoinKind::LeftLateral { JoinType::LeftJoin } else { JoinType::InnerJoin };
        // sea-query writes an empty condition as TRUE.
        statement.join_lateral(kind, select?, iden(&alias), Condition::all());
        Ok(())
    }

    fn order(&mut self, rx: &Rx, key: SortColumn, qualify: bool, statement: &mut SelectStatement) -> Result<()> {
        // SQL: MariaDB takes a lone placeholder in ORDER BY, and `NOT TRUE`, for a column's position. A constant orders nothing anyway.
        if is_constant(rx) {
            return Ok(());
        }
        let order = if key.descending { Order::Desc } else { Order::Asc };
        let mut expr = self.expr(rx, qualify)?;
        let as_wanted = self.caps.nulls_largest == (key.nulls_first == key.descending);
        let nulls = rx.nullable() && !as_wanted;
        if nulls && !self.caps.nulls_order {
            // SQL: false sorts before true, so `x IS NULL` puts NULL last, and in descending order first.
            let absent = self.expr(rx, qualify)?.is_null();
            statement.order_by_expr(absent, if key.nulls_first { Order::Desc } else { Order::Asc });
        }
        if self.needs_collation(rx, "`order_by`")? {
            expr = self.collated(expr);
        }
        if nulls && self.caps.nulls_order {
            let place = if key.nulls_first { NullOrdering::First } else { NullOrdering::Last };
            statement.order_by_expr_with_nulls(expr, order, place);
        } else {
            statement.order_by_expr(expr, order);
        }
        Ok(())
    }

    /// SQLite says of a column of a table what type it was declared with, of a computed one nothing, and it computes decimals as
    /// doubles: there the types must be known, where there is a database to ask.
    fn need_type(&self, rx: &Rx, what: &str) -> Result<()> {
        if self.target.dialect != crate::dialect::Dialect::Sqlite || !self.target.live {
            return Ok(());
        }
        self.folder.table_of(rx).map_or(Ok(()), |table| Err(schema_needed(vec![table], what)))
    }

    fn slice(&mut self, block: &Block, statement: &mut SelectStatement) -> Result<()> {
        let limit = match block.limit {
            None if !block.offset.is_zero() && self.caps.offset_needs_limit => Some(RowCount::own(i64::MAX as u64)),
            limit => limit,
        };
        if let Some(limit) = limit {
            statement.limit(self.row_count_of(block, false, limit)?);
        }
        if !block.offset.is_zero() {
            statement.offset(self.row_count_of(block, true, block.offset)?);
        }
        Ok(())
    }

    /// A block is lowered twice where the expression that asks it stands twice, and has the same binds then: SQL takes the two for one
    /// expression, as it must in ORDER BY beside DISTINCT.
    fn row_count_of(&mut self, block: &Block, offset: bool, count: RowCount) -> Result<u64> {
        let first = match block.sources.first() {
            Some(first) if !self.folder.subqueries.is_empty() => *first,
            _ => return self.row_count(count),
        };
        if let Some((.., bind)) = self.row_counts.iter().find(|(known, other, _)| *known == first && *other == offset) {
            return Ok(*bind as u64);
        }
        let bind = self.row_count(count)?;
        self.row_counts.push((first, offset, bind as usize));
        Ok(bind)
    }

    /// The bind that holds a number of rows: sea-query is handed the bind's place, not the number.
    fn row_count(&mut self, count: RowCount) -> Result<u64> {
        let rows = i64::try_from(count.rows()).map_err(|_| {
            let message = format!("a limit or offset is at most {}", i64::MAX);
            Error::new(ErrorKind::Limit, "limit.rows", message)
        })?;
        let bind = Bind { value: Value::Int(rows), sql_type: SqlType::Int64 };
        Ok(self.binds.push(bind, count.origin()) as u64)
    }
}

/// SQL: PostgreSQL manual, "The Locking Clause"; MySQL manual, 17.7.2.4; MariaDB manual, "LOCK IN SHARE MODE" and "SKIP LOCKED"
/// (10.6).
fn lock_words(lock: RowLock, dialect: crate::dialect::Dialect) -> Result<&'static [&'static str]> {
    use crate::dialect::Dialect;
    if dialect == Dialect::Sqlite {
        let message =
            "SQLite locks no rows: a transaction that writes holds the whole database; leave the lock out there";
        return Err(Error::new(ErrorKind::Unsupported, "lock.unsupported", message));
    }
    let mariadb = dialect == Dialect::MariaDb;
    Ok(match (lock.strength, lock.wait) {
        (LockStrength::Update, LockWait::Wait) => &["FOR UPDATE"],
        (LockStrength::Update, LockWait::SkipLocked) => &["FOR UPDATE", "SKIP LOCKED"],
        (LockStrength::Update, LockWait::NoWait) => &["FOR UPDATE", "NOWAIT"],
        (LockStrength::Share, LockWait::Wait) if mariadb => &["LOCK IN SHARE MODE"],
        (LockStrength::Share, LockWait::SkipLocked) if mariadb => &["LOCK IN SHARE MODE", "SKIP LOCKED"],
        (LockStrength::Share, LockWait::NoWait) if mariadb => &["LOCK IN SHARE MODE", "NOWAIT"],
        (LockStrength::Share, LockWait::Wait) => &["FOR SHARE"],
        (LockStrength::Share, LockWait::SkipLocked) => &["FOR SHARE", "SKIP LOCKED"],
        (LockStrength::Share, LockWait::NoWait) => &["FOR SHARE", "NOWAIT"],
    })
}

/// Raw text in parentheses. The line break ends a comment that the text may end with.
fn parenthesized(statement: &RawStatement) -> Vec<Fragment> {
    let mut fragments = vec![Fragment::Text("(".to_owned())];
    fragments.extend(raw_fragments(statement));
    fragments.push(Fragment::Text("\n)".to_owned()));
    fragments
}

pub(super) fn raw_fragments(statement: &RawStatement) -> impl Iterator<Item = Fragment> + '_ {
    statement.segments.iter().map(|segment| match segment {
        RawSegment::Text(text) => Fragment::Text(text.clone()),
        RawSegment::Bind(bind) => Fragment::Bind(*bind),
    })
}

/// Raw text by itself.
pub(super) fn raw(target: Target, binds: Binds, statement: &RawStatement) -> Result<Rendered> {
    let fragments = vec![raw_fragments(statement).collect()];
    let mut writer = writer::Writer::new(target.dialect, &binds, &fragments);
    writer.write_fragment(0);
    let (sql, order, skip) = writer.finish()?;
    let (binds, origins) = binds.in_order(&order);
    Ok(Rendered { sql, binds, origins, skip, once: false, literals: Vec::new(), beside: None })
}

/// An owned, and so escaped, identifier.
fn iden(name: &Ident) -> DynIden {
    DynIden::from(name.as_str().to_owned())
}

fn table_ref(table: &TableName) -> TableRef {
    match &table.schema {
        Some(schema) => (iden(schema), iden(&table.name)).into_table_ref(),
        None => iden(&table.name).into_table_ref(),
    }
}

fn column_ref(table: Option<&Ident>, name: &Ident) -> ColumnRef {
    match table {
        Some(table) => (iden(table), iden(name)).into(),
        None => iden(name).into(),
    }
}
