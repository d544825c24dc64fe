//! ALTER TABLE and indexes.

use super::Lowering;
use super::ddl::{Piece, Text, constraint};
use super::literal::is_plain;
use super::sql_type::{Wanted, name_of};
use crate::compile::fold::Block;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::{ColumnChange, Generation, KeptColumn, KeptDefault, TableName};
use crate::schema::{ResolvedAlteration, ResolvedIndex, RxKind, schema_needed};
use crate::types::SqlType;
use crate::value::Value;

impl Lowering<'_> {
    pub(super) fn alter_table(
        &mut self,
        table: &TableName,
        alteration: &ResolvedAlteration,
        block: &Block,
        text: &mut Text,
    ) -> Result<()> {
        let dialect = self.target.dialect;
        self.check_alteration(alteration)?;
        text.words("ALTER TABLE ");
        text.table(table);
        match alteration {
            ResolvedAlteration::AddColumn { column, checks } => {
                text.words(" ADD COLUMN ");
                self.column(column, block, text)?;
                for (name, check) in checks {
                    // SQL: SQLite takes a check with the column only, the others a named one beside it only.
                    text.words(if dialect == Dialect::Sqlite { " " } else { ", ADD " });
                    constraint(name.as_ref(), text);
                    text.words("CHECK (");
                    let check = self.kept(block, check)?;
                    text.0.push(check);
                    text.words(")");
                }
            }
            ResolvedAlteration::DropColumn(name) => {
                text.words(" DROP COLUMN ");
                text.name(name);
            }
            ResolvedAlteration::RenameColumn(from, to) => {
                text.words(" RENAME COLUMN ");
                text.name(from);
                text.words(" TO ");
                text.name(to);
            }
            ResolvedAlteration::RenameTable(to) => {
                text.words(" RENAME TO ");
                match &table.schema {
                    Some(schema) if dialect.is_mysql_family() => {
                        text.name(schema);
                        text.words(".");
                        text.name(to);
                    }
                    _ => text.name(to),
                }
            }
            ResolvedAlteration::Redefine { name, from, change, kept } => {
                self.redefine(table, (name, *from), *change, kept.as_deref(), text)?
            }
            ResolvedAlteration::SetDefault(name, value) => {
                text.words(" ALTER COLUMN ");
                text.name(name);
                text.words(" SET DEFAULT (");
                let value = self.kept(block, value)?;
                text.0.push(value);
                text.words(")");
            }
            ResolvedAlteration::DropDefault(name) => {
                text.words(" ALTER COLUMN ");
                text.name(name);
                text.words(" DROP DEFAULT");
            }
            ResolvedAlteration::AddUnique(name, columns) => {
                text.words(" ADD ");
                constraint(name.as_ref(), text);
                text.words("UNIQUE ");
                text.names(columns);
            }
            ResolvedAlteration::AddForeignKey(key, name) => {
                text.words(" ADD ");
                self.foreign_key(key, name.as_ref(), text)?;
            }
            ResolvedAlteration::AddCheck(name, check) => {
                text.words(" ADD ");
                constraint(name.as_ref(), text);
                text.words("CHECK (");
                let check = self.kept(block, check)?;
                text.0.push(check);
                text.words(")");
            }
            ResolvedAlteration::DropConstraint(name) => {
                text.words(" DROP CONSTRAINT ");
                text.name(name);
            }
        }
        Ok(())
    }

    /// SQL: SQLite, "ALTER TABLE": it adds, drops and renames columns, sets and drops NOT NULL, and renames tables.
    fn check_alteration(&self, alteration: &ResolvedAlteration) -> Result<()> {
        let dialect = self.target.dialect;
        if dialect != Dialect::Sqlite {
            return Ok(());
        }
        let message = match alteration {
            ResolvedAlteration::AddColumn { column, .. }
                if matches!(column.generated, Some((_, Generation::Stored))) =>
            {
                "SQLite adds no generated column that is kept; write `.generated_virtual(..)`, or make the table anew"
            }
            ResolvedAlteration::AddUnique(..) => {
                "SQLite adds no unique key to a table; write `db.create_index(..).unique()`, which keeps the same rows out"
            }
            ResolvedAlteration::Redefine { change: ColumnChange::Type(_), .. }
            | ResolvedAlteration::SetDefault(..)
            | ResolvedAlteration::DropDefault(_)
            | ResolvedAlteration::AddForeignKey(..)
            | ResolvedAlteration::AddCheck(..)
            | ResolvedAlteration::DropConstraint(_) => {
                "SQLite adds, drops and renames columns, sets and drops NOT NULL, and changes nothing else of a table; make the table anew, insert its rows from the old one in the same transaction, drop that, and rename"
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::Unsupported, "table.alter", message))
    }

    fn redefine(
        &self,
        table: &TableName,
        (name, from): (&Ident, Option<SqlType>),
        change: ColumnChange,
        kept: Option<&KeptColumn>,
        text: &mut Text,
    ) -> Result<()> {
        let dialect = self.target.dialect;
        let new_type = match change {
            ColumnChange::Type(to) => Some(self.wider_type(table, (name, from), to)?),
            ColumnChange::NotNull | ColumnChange::Nullable => None,
        };
        if dialect.is_mysql_family() {
            return self.define_again(name, change, new_type, kept, text);
        }
        text.words(" ALTER COLUMN ");
        text.name(name);
        match (change, new_type) {
            (_, Some(new_type)) => {
                text.words(" TYPE ");
                text.0.push(Piece::Type(new_type));
            }
            (ColumnChange::Nullable, _) => text.words(" DROP NOT NULL"),
            _ => text.words(" SET NOT NULL"),
        }
        Ok(())
    }

    fn wider_type(&self, table: &TableName, (name, from): (&Ident, Option<SqlType>), to: SqlType) -> Result<String> {
        let dialect = self.target.dialect;
        match from {
            None if self.target.live => return Err(schema_needed(vec![table.clone()], "a change of a type")),
            // What a text's column says beside its type stays only where it is not said again.
            Some(from) if !is_wider(from, to) || (dialect.is_mysql_family() && !is_number(from)) => {
                let message = format!(
                    "{name:?} is {from}, and {to} may not hold all its values as they are; add a column, fill it with an update, drop this one, and rename"
                );
                return Err(Error::new(ErrorKind::Plan, "table.type_change", message).with_column(name.as_str()));
            }
            _ => {}
        }
        let wanted = Wanted { name, sql_type: to, max_length: None, keyed: false };
        name_of(wanted, dialect, self.caps.binary_collation)
    }

    /// SQL: MySQL manual, 15.1.9: MODIFY takes a column's whole definition, and forgets what it is not told again.
    fn define_again(
        &self,
        name: &Ident,
        change: ColumnChange,
        new_type: Option<String>,
        kept: Option<&KeptColumn>,
        text: &mut Text,
    ) -> Result<()> {
        let Some(kept) = kept else {
            let message = format!(
                "{} wants to be told all of the definition of {name:?} again, which is read when the statement is run; run it in place of asking for its text",
                self.target.dialect
            );
            return Err(Error::new(ErrorKind::Unsupported, "table.alter", message).with_column(name.as_str()));
        };
        text.words(" MODIFY COLUMN ");
        text.name(name);
        text.words(" ");
        text.0.push(Piece::Type(new_type.unwrap_or_else(|| kept.type_name.clone())));
        let nullable = match change {
            ColumnChange::Type(_) => kept.nullable,
            ColumnChange::NotNull => false,
            ColumnChange::Nullable => true,
        };
        text.words(if nullable { " NULL" } else { " NOT NULL" });
        if kept.counts {
            text.words(" AUTO_INCREMENT");
        }
        match &kept.default {
            None => {}
            // It says nothing, and a column without NULL has none.
            Some(KeptDefault::Value { value: Value::Null, .. }) => {}
            Some(KeptDefault::Value { value, bracketed }) => {
                let (words, value) = match unsigned(value).filter(|_| !*bracketed) {
                    Some((sign, value)) => (if sign { [" DEFAULT -", ""] } else { [" DEFAULT ", ""] }, value),
                    None => ([" DEFAULT (", ")"], value.clone()),
                };
                text.words(words[0]);
                text.0.push(Piece::Value(value));
                text.words(words[1]);
            }
            Some(KeptDefault::Now(digits)) => {
                text.words(" DEFAULT CURRENT_TIMESTAMP(");
                text.0.push(Piece::Value(Value::Int(i64::from(*digits))));
                text.words(")");
            }
        }
        if let Some(comment) = &kept.comment {
            text.words(" COMMENT ");
            text.0.push(Piece::Value(Value::Text(comment.clone())));
        }
        Ok(())
    }

    pub(super) fn create_index(
        &mut self,
        table: &TableName,
        index: &ResolvedIndex,
        block: &Block,
        text: &mut Text,
    ) -> Result<()> {
        let dialect = self.target.dialect;
        if index.if_not_exists && dialect == Dialect::MySql {
            return Err(no_word(dialect));
        }
        if let (Some(_), true) = (&index.condition, dialect.is_mysql_family()) {
            let message = format!(
                "{dialect} has no index of some rows only; leave out `.where_(..)`, or index a generated column that is NULL for the others"
            );
            return Err(Error::new(ErrorKind::Unsupported, "index.partial", message));
        }
        text.words(if index.unique { "CREATE UNIQUE INDEX " } else { "CREATE INDEX " });
        if index.if_not_exists {
            text.words("IF NOT EXISTS ");
        }
        // SQL: SQLite names the schema with the index, the others with the table.
        let on = if dialect == Dialect::Sqlite {
            text.table(&TableName { name: index.name.clone(), ..table.clone() });
            TableName { schema: None, ..table.clone() }
        } else {
            text.name(&index.name);
            table.clone()
        };
        text.words(" ON ");
        text.table(&on);
        text.words(" (");
        for (place, (key, descending)) in index.keys.iter().enumerate() {
            if place > 0 {
                text.words(", ");
            }
            let plain = matches!(key.kind(), RxKind::Column(_));
            if !plain && dialect == Dialect::MariaDb {
                let message = "MariaDB has no index by an expression; index a generated column";
                return Err(Error::new(ErrorKind::Unsupported, "index.expression", message));
            }
            let key = self.kept(block, key)?;
            text.words(if plain { "" } else { "(" });
            text.0.push(key);
            text.words(if plain { "" } else { ")" });
            text.words(if *descending { " DESC" } else { "" });
        }
        text.words(")");
        if let Some(condition) = &index.condition {
            text.words(" WHERE ");
            let condition = self.kept(block, condition)?;
            text.0.push(condition);
        }
        Ok(())
    }

    pub(super) fn drop_index(&self, table: &TableName, name: &Ident, if_exists: bool, text: &mut Text) -> Result<()> {
        let dialect = self.target.dialect;
        if if_exists && dialect == Dialect::MySql {
            return Err(no_word(dialect));
        }
        text.words("DROP INDEX ");
        text.words(if if_exists { "IF EXISTS " } else { "" });
        if dialect.is_mysql_family() {
            text.name(name);
            text.words(" ON ");
            text.table(table);
        } else {
            text.table(&TableName { name: name.clone(), ..table.clone() });
        }
        Ok(())
    }
}

fn no_word(dialect: Dialect) -> Error {
    let message = format!("{dialect} has no IF EXISTS for indexes; leave it out and look at the error");
    Error::new(ErrorKind::Unsupported, "index.if_exists", message)
}

/// Whether every value of `from` is the same one as `to`.
fn is_wider(from: SqlType, to: SqlType) -> bool {
    let before_the_point = |digits: Option<(u8, u8)>, needed: u8| {
        digits.is_none_or(|(precision, scale)| precision.saturating_sub(scale) >= needed)
    };
    match (from, to) {
        _ if from == to => true,
        (SqlType::Int16, SqlType::Int32 | SqlType::Int64) | (SqlType::Int32, SqlType::Int64) => true,
        (SqlType::Float32, SqlType::Float64) => true,
        (SqlType::Int16, SqlType::Decimal(digits)) => before_the_point(digits, 5),
        (SqlType::Int32, SqlType::Decimal(digits)) => before_the_point(digits, 10),
        (SqlType::Int64, SqlType::Decimal(digits)) => before_the_point(digits, 19),
        (SqlType::UInt64, SqlType::Decimal(digits)) => before_the_point(digits, 20),
        (SqlType::Decimal(Some(_)), SqlType::Decimal(None)) => true,
        (SqlType::Decimal(Some((precision, scale))), SqlType::Decimal(Some((more, further)))) => {
            further >= scale && more.saturating_sub(further) >= precision.saturating_sub(scale)
        }
        _ => false,
    }
}

/// Whether a value that is written as one literal has a sign, and the value without it.
///
/// SQL: MySQL manual, 13.6: a default that is no expression is a literal, and one of a moment a text.
fn unsigned(value: &Value) -> Option<(bool, Value)> {
    Some(match value {
        Value::Int(number) => (*number < 0, Value::Int(number.checked_abs()?)),
        Value::Decimal(number) => (number.is_sign_negative(), Value::Decimal(number.abs())),
        Value::Float(number) => (number.is_sign_negative(), Value::Float(number.abs())),
        Value::Text(text) if !text.chars().all(is_plain) => return None,
        Value::Date(day) => (false, Value::Text(day.format("%Y-%m-%d").to_string())),
        Value::Time(time) => (false, Value::Text(time.format("%H:%M:%S%.6f").to_string())),
        Value::Timestamp(moment) => (false, Value::Text(moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string())),
        Value::TimestampTz(moment) => (false, Value::Text(moment.format("%Y-%m-%d %H:%M:%S%.6f").to_string())),
        Value::Json(_) => return None,
        other => (false, other.clone()),
    })
}

fn is_number(sql_type: SqlType) -> bool {
    sql_type.is_integer() || sql_type.is_float() || matches!(sql_type, SqlType::Decimal(_))
}
