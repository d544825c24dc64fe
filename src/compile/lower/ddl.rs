//! Statements about tables. sea-query writes the expressions in them; the rest is words of our own and quoted names.

use sea_query::Expr;

use super::sql_type::{Wanted, name_of};
use super::{Lowering, Rendered, writer};
use crate::compile::fold::Block;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{Function, TimeFunction};
use crate::ident::Ident;
use crate::query::{Generation, Reference, ReferentialAction, TableName};
use crate::schema::{DdlVerb, ResolvedColumn, ResolvedDdl, ResolvedTable, Rx, RxKind, schema_needed};
use crate::token::{Kind, Tokens};
use crate::types::SqlType;
use crate::value::Value;

/// A part of a statement.
pub(super) enum Piece {
    Words(&'static str),
    /// A type of our own tables, with its digits.
    Type(String),
    Name(Ident),
    Expr(Expr),
    Value(Value),
}

/// The statement in parts.
#[derive(Default)]
pub(super) struct Text(pub(super) Vec<Piece>);

impl Text {
    pub(super) fn words(&mut self, words: &'static str) {
        self.0.push(Piece::Words(words));
    }

    pub(super) fn name(&mut self, name: &Ident) {
        self.0.push(Piece::Name(name.clone()));
    }

    pub(super) fn table(&mut self, table: &TableName) {
        if let Some(schema) = &table.schema {
            self.name(schema);
            self.words(".");
        }
        self.name(&table.name);
    }

    /// `("a", "b")`
    pub(super) fn names(&mut self, names: &[Ident]) {
        self.words("(");
        for (place, name) in names.iter().enumerate() {
            if place > 0 {
                self.words(", ");
            }
            self.name(name);
        }
        self.words(")");
    }

    fn integer(&mut self, number: i64) {
        self.0.push(Piece::Value(Value::Int(number)));
    }
}

impl Lowering<'_> {
    pub(in crate::compile) fn ddl(mut self, ddl: &ResolvedDdl) -> Result<Rendered> {
        let block = self.folder.target(ddl.scan)?;
        let mut text = Text::default();
        match &ddl.verb {
            DdlVerb::Create(table) => self.create_table(&ddl.table, table, &block, &mut text)?,
            DdlVerb::Drop { if_exists, temporary } => self.drop_table(&ddl.table, *if_exists, *temporary, &mut text),
            DdlVerb::Alter(alteration) => self.alter_table(&ddl.table, alteration, &block, &mut text)?,
            DdlVerb::CreateIndex(index) => self.create_index(&ddl.table, index, &block, &mut text)?,
            DdlVerb::DropIndex { name, if_exists } => self.drop_index(&ddl.table, name, *if_exists, &mut text)?,
            DdlVerb::Truncate => {
                text.words(if self.target.dialect == Dialect::Sqlite { "DELETE FROM " } else { "TRUNCATE TABLE " });
                text.table(&ddl.table);
                if self.target.dialect == Dialect::Postgres {
                    text.words(" RESTART IDENTITY");
                }
            }
        }
        self.write(&text)
    }

    pub(super) fn write(self, text: &Text) -> Result<Rendered> {
        let dialect = self.target.dialect;
        let mut writer = writer::Writer::new(dialect, &self.binds, &self.fragments);
        writer.literals = Some(Vec::new());
        for piece in &text.0 {
            match piece {
                Piece::Words(words) => writer.push(words),
                Piece::Type(name) => writer.push(name),
                Piece::Name(name) => writer.push_name(name.as_str()),
                Piece::Expr(expr) => writer.push_written(expr),
                Piece::Value(value) => writer.push_literal(value),
            }
        }
        let (sql, order, skip, literals) = writer.finish_written()?;
        if !order.is_empty() {
            return Err(Error::internal("ddl.binds"));
        }
        // SQL: SQLite, "The sqlite3_create_function() family": SQLITE_DIRECTONLY.
        if dialect == Dialect::Sqlite
            && Tokens::new(&sql, dialect).any(|it| it.kind == Kind::Word && it.text.starts_with("portcullis_"))
        {
            let message = "SQLite keeps in a table no function that it lacks itself, which one of the expressions needs; compute the value in the program";
            return Err(Error::new(ErrorKind::Unsupported, "table.function", message));
        }
        Ok(Rendered { sql, binds: Vec::new(), origins: None, skip, once: true, literals, beside: None })
    }

    /// An expression that the database keeps.
    pub(super) fn kept(&mut self, block: &Block, rx: &Rx) -> Result<Piece> {
        let rx = self.folder.rewrite(block, rx)?;
        Ok(Piece::Expr(self.expr(&rx, false)?))
    }

    fn drop_table(&self, table: &TableName, if_exists: bool, temporary: bool, text: &mut Text) {
        let mysql = self.target.dialect.is_mysql_family();
        text.words(if temporary && mysql { "DROP TEMPORARY TABLE " } else { "DROP TABLE " });
        if if_exists {
            text.words("IF EXISTS ");
        }
        if temporary && !mysql {
            text.words(if self.target.dialect == Dialect::Postgres { "pg_temp." } else { "temp." });
        }
        text.table(table);
    }

    fn create_table(&mut self, name: &TableName, table: &ResolvedTable, block: &Block, text: &mut Text) -> Result<()> {
        let dialect = self.target.dialect;
        text.words(if table.temporary { "CREATE TEMPORARY TABLE " } else { "CREATE TABLE " });
        if table.if_not_exists {
            text.words("IF NOT EXISTS ");
        }
        text.table(name);
        text.words(" (");
        let identity = table.columns.iter().any(|column| column.identity);
        for (place, column) in table.columns.iter().enumerate() {
            if place > 0 {
                text.words(", ");
            }
            self.column(column, block, text)?;
        }
        // SQL: SQLite counts only in a column that is the key by its own words.
        if !(table.primary_key.is_empty() || (identity && dialect == Dialect::Sqlite)) {
            text.words(", PRIMARY KEY ");
            text.names(&table.primary_key);
        }
        for (name, columns) in &table.unique {
            text.words(", ");
            constraint(name.as_ref(), text);
            text.words("UNIQUE ");
            text.names(columns);
        }
        for (key, called, scan) in &table.foreign_keys {
            let unknown = scan.and_then(|scan| self.folder.facts().scans.get(scan)).is_some_and(|scan| scan.open);
            // SQL: SQLite would take a table that is not there.
            if dialect == Dialect::Sqlite && self.target.live && unknown {
                return Err(schema_needed(vec![key.table.clone()], "a foreign key"));
            }
            text.words(", ");
            self.foreign_key(key, called.as_ref(), text)?;
        }
        for (called, check) in &table.checks {
            text.words(", ");
            constraint(called.as_ref(), text);
            text.words("CHECK (");
            let check = self.kept(block, check)?;
            text.0.push(check);
            text.words(")");
        }
        text.words(")");
        if table.temporary && dialect == Dialect::Postgres {
            text.words(" ON COMMIT DROP");
        }
        if dialect.is_mysql_family() {
            text.words(" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE ");
            text.words(self.caps.binary_collation.unwrap_or("utf8mb4_bin"));
        }
        Ok(())
    }

    pub(super) fn column(&mut self, column: &ResolvedColumn, block: &Block, text: &mut Text) -> Result<()> {
        let dialect = self.target.dialect;
        text.name(&column.name);
        text.words(" ");
        if column.identity && dialect == Dialect::Sqlite {
            text.words("INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT");
            return Ok(());
        }
        let wanted = Wanted {
            name: &column.name,
            sql_type: column.sql_type,
            max_length: column.max_length,
            keyed: column.keyed,
        };
        text.0.push(Piece::Type(name_of(wanted, dialect, self.caps.binary_collation)?));
        if let Some((value, kind)) = &column.generated {
            if *kind == Generation::Virtual && dialect == Dialect::Postgres {
                let message = format!(
                    "PostgreSQL computes the column {:?} when it is written only; write `.generated(..)` in place of `.generated_virtual(..)`",
                    column.name
                );
                return Err(Error::new(ErrorKind::Unsupported, "table.generated", message));
            }
            text.words(" GENERATED ALWAYS AS (");
            let value = self.kept(block, value)?;
            text.0.push(value);
            text.words(if *kind == Generation::Stored { ") STORED" } else { ") VIRTUAL" });
            if dialect == Dialect::Sqlite {
                range_check(column, text);
            }
            return Ok(());
        }
        if column.identity && dialect == Dialect::Postgres {
            text.words(" GENERATED BY DEFAULT AS IDENTITY");
        }
        // SQL: MariaDB gives a TIMESTAMP of which nothing is said a default of its own.
        text.words(if column.not_null { " NOT NULL" } else { " NULL" });
        if column.identity && dialect.is_mysql_family() {
            text.words(" AUTO_INCREMENT");
        }
        if let Some(default) = &column.default {
            text.words(" DEFAULT (");
            match sqlite_clock(default).filter(|_| dialect == Dialect::Sqlite) {
                Some(template) => {
                    let clock = self.template(template, Vec::new())?;
                    text.0.push(Piece::Expr(clock));
                }
                None => {
                    let default = self.kept(block, default)?;
                    text.0.push(default);
                }
            }
            text.words(")");
        }
        if dialect == Dialect::Sqlite {
            range_check(column, text);
        }
        Ok(())
    }

    pub(super) fn foreign_key(&self, key: &Reference, called: Option<&Ident>, text: &mut Text) -> Result<()> {
        constraint(called, text);
        text.words("FOREIGN KEY ");
        text.names(&key.columns);
        text.words(" REFERENCES ");
        // SQL: SQLite, "Foreign Key Support": the table is one of the same schema, and none can be named.
        match self.target.dialect {
            Dialect::Sqlite => text.name(&key.table.name),
            _ => text.table(&key.table),
        }
        text.words(" ");
        text.names(&key.references);
        for (action, words) in [(key.on_delete, ON_DELETE), (key.on_update, ON_UPDATE)] {
            if action == ReferentialAction::SetDefault && self.target.dialect.is_mysql_family() {
                let message = format!(
                    "{} can't set a foreign key to its default; use `SetNull`, or set it in the program",
                    self.target.dialect
                );
                return Err(Error::new(ErrorKind::Unsupported, "table.set_default", message));
            }
            text.words(match action {
                ReferentialAction::NoAction => words[0],
                ReferentialAction::Restrict => words[1],
                ReferentialAction::Cascade => words[2],
                ReferentialAction::SetNull => words[3],
                ReferentialAction::SetDefault => words[4],
            });
        }
        Ok(())
    }
}

const ON_DELETE: [&str; 5] =
    ["", " ON DELETE RESTRICT", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE SET DEFAULT"];
const ON_UPDATE: [&str; 5] =
    ["", " ON UPDATE RESTRICT", " ON UPDATE CASCADE", " ON UPDATE SET NULL", " ON UPDATE SET DEFAULT"];

pub(super) fn constraint(name: Option<&Ident>, text: &mut Text) {
    if let Some(name) = name {
        text.words("CONSTRAINT ");
        text.name(name);
        text.words(" ");
    }
}

/// The clock of SQLite itself, in milliseconds, for a default: the form that this crate writes moments in.
fn sqlite_clock(default: &Rx) -> Option<&'static str> {
    match default.kind() {
        RxKind::Call(Function::Time(function), _) => match function {
            TimeFunction::CurrentDate => Some("date('now')"),
            TimeFunction::CurrentTime => Some("replace(strftime('%H:%M:%f', 'now') || '000', '.000000', '')"),
            TimeFunction::CurrentTimestamp => {
                Some("replace(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000', '.000000', '')")
            }
            _ => None,
        },
        _ => None,
    }
}

/// What the servers' types refuse by themselves and SQLite's don't: numbers beyond the type, digits that a decimal has not, texts that
/// are too long. They stand with the column, and so go with it.
fn range_check(column: &ResolvedColumn, text: &mut Text) {
    let name = &column.name;
    let begin = |text: &mut Text| {
        text.words(" CONSTRAINT \"portcullis_type\" CHECK (");
    };
    let between = |text: &mut Text, low: i64, high: i64| {
        begin(text);
        text.name(name);
        text.words(" BETWEEN ");
        text.integer(low);
        text.words(" AND ");
        text.integer(high);
        text.words(")");
    };
    match column.sql_type {
        SqlType::Bool => between(text, 0, 1),
        SqlType::Int16 => between(text, i16::MIN.into(), i16::MAX.into()),
        SqlType::Int32 => between(text, i32::MIN.into(), i32::MAX.into()),
        SqlType::Decimal(Some((precision, scale))) => {
            begin(text);
            text.words("(typeof(");
            text.name(name);
            text.words(") = ");
            text.0.push(Piece::Value(Value::Text("integer".to_owned())));
            text.words(" OR ");
            text.name(name);
            text.words(" = round(");
            text.name(name);
            text.words(", ");
            text.integer(scale.into());
            text.words("))");
            if let Some(beyond) = 10_i64.checked_pow(u32::from(precision - scale.min(precision))) {
                text.words(" AND ");
                text.name(name);
                text.words(" > ");
                text.integer(-beyond);
                text.words(" AND ");
                text.name(name);
                text.words(" < ");
                text.integer(beyond);
            }
            text.words(")");
        }
        SqlType::Text | SqlType::Bytes => {
            let Some(length) = column.max_length else { return };
            begin(text);
            text.words("length(");
            text.name(name);
            text.words(") <= ");
            text.integer(length.into());
            text.words(")");
        }
        _ => {}
    }
}
