//! What else is said of a column that is changed, on MySQL and MariaDB, which forget what they are not told again.

use std::sync::Arc;

use super::handle::Runner;
use super::prepare::Plan;
use super::written;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::ident::Ident;
use crate::query::{Alteration, ColumnChange, Ddl, DdlKind, KeptColumn, KeptDefault, RawSource, RawSql, TableName};
use crate::row::{SerdeSink, take_back};
use crate::types::SqlType;
use crate::value::Value;

/// A row of the queries.
#[derive(Debug, Clone, serde::Deserialize)]
struct Found {
    type_name: String,
    character_set: Option<String>,
    collation: Option<String>,
    nullable: i64,
    default_text: Option<String>,
    extra: String,
    comment: String,
    computed: Option<String>,
    /// Checks with the column's name, of which MariaDB keeps some with the column.
    checks: i64,
    /// The check that makes JSON of a text on MariaDB.
    json: i64,
    /// A TIMESTAMP of which no default is said has none.
    explicit: i64,
}

macro_rules! column_query {
    ($default:literal, $checks:literal, $json:literal, $explicit:literal) => {
        concat!(
            "SELECT c.COLUMN_TYPE AS type_name, c.CHARACTER_SET_NAME AS character_set, c.COLLATION_NAME AS collation, \
             CASE c.IS_NULLABLE WHEN 'NO' THEN 0 ELSE 1 END AS nullable, ",
            $default,
            " AS default_text, c.EXTRA AS extra, c.COLUMN_COMMENT AS comment, c.GENERATION_EXPRESSION AS computed, ",
            $checks,
            " AS checks, ",
            $json,
            " AS json, COALESCE(",
            $explicit,
            ", 1) AS explicit \
             FROM information_schema.COLUMNS c \
             WHERE c.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND c.TABLE_NAME = :name AND c.COLUMN_NAME = :column"
        )
    };
}

// SQL: MySQL manual, 28.3.8 (INFORMATION_SCHEMA COLUMNS). A default that is no expression is told without quotes. Its checks are the table's.
const MYSQL: &str = column_query!(
    "CASE WHEN c.EXTRA LIKE '%DEFAULT_GENERATED%' THEN c.COLUMN_DEFAULT ELSE QUOTE(c.COLUMN_DEFAULT) END",
    "0",
    "0",
    "(SELECT CASE v.VARIABLE_VALUE WHEN 'OFF' THEN 0 ELSE 1 END FROM performance_schema.session_variables v \
     WHERE v.VARIABLE_NAME = 'explicit_defaults_for_timestamp')"
);

// SQL: MariaDB manual, "CONSTRAINT": a check that is written with a column has the column's name, and goes where that is defined again.
const MARIADB: &str = column_query!(
    "c.COLUMN_DEFAULT",
    "(SELECT COUNT(*) FROM information_schema.CHECK_CONSTRAINTS h WHERE h.CONSTRAINT_SCHEMA = c.TABLE_SCHEMA \
     AND h.TABLE_NAME = c.TABLE_NAME AND h.CONSTRAINT_NAME = c.COLUMN_NAME \
     AND h.CHECK_CLAUSE <> CONCAT('json_valid(`', REPLACE(c.COLUMN_NAME, '`', '``'), '`)'))",
    "(SELECT COUNT(*) FROM information_schema.CHECK_CONSTRAINTS h WHERE h.CONSTRAINT_SCHEMA = c.TABLE_SCHEMA \
     AND h.TABLE_NAME = c.TABLE_NAME AND h.CONSTRAINT_NAME = c.COLUMN_NAME \
     AND h.CHECK_CLAUSE = CONCAT('json_valid(`', REPLACE(c.COLUMN_NAME, '`', '``'), '`)'))",
    "(SELECT CASE v.SESSION_VALUE WHEN 'OFF' THEN 0 ELSE 1 END FROM information_schema.SYSTEM_VARIABLES v \
     WHERE v.VARIABLE_NAME = 'EXPLICIT_DEFAULTS_FOR_TIMESTAMP')"
);

/// The statement with what it has to say again, where the database wants that.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] where that can't be said exactly.
pub(super) async fn with_kept(runner: &Arc<Runner>, ddl: &Ddl) -> Result<Option<Ddl>> {
    let dialect = runner.core.server.dialect;
    let (true, Ok(table), DdlKind::Alter(Alteration::Redefine { name, change, kept: None })) =
        (dialect.is_mysql_family() && ddl.mistakes.is_empty(), &ddl.table, &ddl.kind)
    else {
        return Ok(None);
    };
    let Some(found) = read(runner, table, name).await? else {
        // So that the resolver says what there is.
        let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
        runner.read_tables(&[(schema, table.name.as_str().to_owned())]).await?;
        return Ok(None);
    };
    let known = runner.known_table(table).await?;
    let sql_type = known.column(name.as_str()).and_then(|column| column.sql_type);
    let kept = kept(&found, sql_type, dialect).map_err(|what| {
        let message = format!(
            "{dialect} wants to be told all of the definition of {name:?} again, and {what} can't be said again exactly; add a column, fill it with an update, drop this one, and rename"
        );
        Error::new(ErrorKind::Unsupported, "table.alter", message).with_column(name.as_str())
    })?;
    let kind = DdlKind::Alter(Alteration::Redefine { name: name.clone(), change: *change, kept: Some(Box::new(kept)) });
    Ok(Some(Ddl { kind, ..ddl.clone() }))
}

/// MariaDB says of a NULL that a column may no longer hold that it was cut (1265).
pub(super) fn holds_null(ddl: &Ddl, error: Error) -> Error {
    match (&ddl.kind, &ddl.table) {
        (DdlKind::Alter(Alteration::Redefine { name, change: ColumnChange::NotNull, .. }), Ok(table))
            if error.code() == "db.invalid_value" && error.sqlstate() == Some("01000") =>
        {
            let message = format!("rows of {:?} hold NULL in {name:?}; give them a value first", table.name);
            let found = Error::new(ErrorKind::Constraint, "constraint.not_null", message).with_sqlstate("01000");
            found.with_table(table.name.as_str()).with_column(name.as_str()).at(ddl.location)
        }
        _ => error,
    }
}

async fn read(runner: &Arc<Runner>, table: &TableName, column: &Ident) -> Result<Option<Found>> {
    let sql = if runner.core.server.dialect == Dialect::MariaDb { MARIADB } else { MYSQL };
    let schema = table.schema.as_ref().map(|schema| schema.as_str());
    let query = RawSql::new(RawSource::Fixed(sql), None).bind("schema", schema);
    let query = query.bind("name", table.name.as_str()).bind("column", column.as_str());
    let (sink, _) = runner.run(Plan::Catalog(&query.text), Box::new(SerdeSink::<Found>::new())).await?;
    Ok(take_back::<SerdeSink<Found>>(sink)?.into_items().into_iter().next())
}

/// All that is said of the column, or what of it can't be said again.
fn kept(found: &Found, sql_type: Option<SqlType>, dialect: Dialect) -> std::result::Result<KeptColumn, &'static str> {
    let extra = found.extra.to_ascii_lowercase();
    let mut counts = false;
    for word in extra.split_whitespace() {
        match word {
            "auto_increment" => counts = true,
            "default_generated" => {}
            "virtual" | "stored" | "generated" | "persistent" => return Err("what it is computed as"),
            "on" => return Err("what it becomes when its row is updated"),
            _ => return Err("what stands beside its type"),
        }
    }
    if found.computed.as_ref().is_some_and(|text| !text.is_empty()) {
        return Err("what it is computed as");
    }
    if found.checks > 0 {
        return Err("its check");
    }
    let type_name = type_name(found).ok_or("its type")?;
    let default = match &found.default_text {
        None => None,
        Some(text) => {
            let bracketed = dialect == Dialect::MySql && extra.contains("default_generated");
            let known = match now(text) {
                Some(digits) => Some(KeptDefault::Now(digits)),
                None => sql_type
                    .and_then(|sql_type| written::value(text, dialect, sql_type))
                    .map(|value| KeptDefault::Value { value, bracketed }),
            };
            Some(known.ok_or("its default")?)
        }
    };
    let says_nothing =
        matches!(default, None | Some(KeptDefault::Value { value: Value::Null, .. })) && found.explicit == 0;
    if says_nothing && type_name.starts_with("timestamp") {
        return Err("that it has no default, for which the server would make one,");
    }
    // A comment is a text in quotes and no expression.
    let plain = |character: char| matches!(character, ' '..='~') && !matches!(character, '\'' | '\\');
    if !found.comment.chars().all(plain) {
        return Err("its comment");
    }
    let comment = Some(found.comment.clone()).filter(|comment| !comment.is_empty());
    Ok(KeptColumn { type_name, nullable: found.nullable != 0, counts, default, comment })
}

/// The type in words that are known, with its digits, character set and collation.
fn type_name(found: &Found) -> Option<String> {
    // Those that stand alone, those that digits stand with, and the integers, of which MariaDB tells how wide they are shown.
    const PLAIN: [&str; 16] = [
        "blob",
        "date",
        "double",
        "float",
        "inet4",
        "inet6",
        "json",
        "longblob",
        "longtext",
        "mediumblob",
        "mediumtext",
        "text",
        "tinyblob",
        "tinytext",
        "uuid",
        "real",
    ];
    const SIZED: [&str; 9] =
        ["binary", "bit", "char", "datetime", "decimal", "time", "timestamp", "varbinary", "varchar"];
    const SHOWN: [(&str, &str, &str); 6] = [
        ("tinyint", "4", "3"),
        ("smallint", "6", "5"),
        ("mediumint", "9", "8"),
        ("int", "11", "10"),
        ("bigint", "20", "20"),
        ("year", "4", "4"),
    ];
    let told = found.type_name.to_ascii_lowercase();
    // SQL: MariaDB manual, "JSON Data Type": it is a longtext with a check of its own.
    if found.json > 0 {
        let whole = told == "longtext" && found.collation.as_deref() == Some("utf8mb4_bin");
        return whole.then(|| "json".to_owned());
    }
    let (told, unsigned) = match told.strip_suffix(" unsigned") {
        Some(told) => (told, " unsigned"),
        None => (told.as_str(), ""),
    };
    let (name, digits) = match told.split_once('(') {
        Some((name, rest)) => (name, Some(rest.strip_suffix(')')?)),
        None => (told, None),
    };
    let shown = SHOWN.into_iter().find(|(known, ..)| *known == name);
    let mut text = match (shown, digits) {
        (None, None) => PLAIN.into_iter().chain(SIZED).find(|known| *known == name)?.to_owned(),
        (None, Some(digits)) => {
            let name = SIZED.into_iter().find(|known| *known == name)?;
            let numbers: Vec<u16> = digits.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
            let numbers: Vec<String> = numbers.iter().map(u16::to_string).collect();
            format!("{name}({})", numbers.join(","))
        }
        (Some(("tinyint", ..)), Some("1")) if unsigned.is_empty() => "boolean".to_owned(),
        (Some((name, wide, wide_unsigned)), digits) => {
            let usual = if unsigned.is_empty() { wide } else { wide_unsigned };
            digits.is_none_or(|digits| digits == usual).then(|| name.to_owned())?
        }
    };
    text.push_str(unsigned);
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    match (&found.character_set, &found.collation) {
        (None, None) => {}
        (Some(set), Some(collation)) if is_word(set) && is_word(collation) => {
            text.push_str(&format!(" CHARACTER SET {set} COLLATE {collation}"));
        }
        _ => return None,
    }
    Some(text)
}

/// The digits of the present moment's second, if that is what the text says.
fn now(text: &str) -> Option<u8> {
    let text = text.to_ascii_lowercase();
    let rest = text.strip_prefix("current_timestamp").or_else(|| text.strip_prefix("now"))?;
    match rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        Some("") => Some(0),
        Some(digits) => digits.parse().ok().filter(|digits| *digits <= 6),
        None => rest.is_empty().then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_name: &str) -> Found {
        Found {
            type_name: type_name.to_owned(),
            character_set: None,
            collation: None,
            nullable: 1,
            default_text: None,
            extra: String::new(),
            comment: String::new(),
            computed: None,
            checks: 0,
            json: 0,
            explicit: 1,
        }
    }

    fn text(type_name: &str) -> Found {
        let word = |word: &str| Some(word.to_owned());
        Found { character_set: word("utf8mb4"), collation: word("utf8mb4_bin"), ..column(type_name) }
    }

    #[test]
    fn what_is_known_is_said_again_and_nothing_else() {
        use Dialect::{MariaDb, MySql};
        let said = |found: &Found, sql_type, dialect| kept(found, Some(sql_type), dialect);
        for (found, sql_type, name) in [
            (column("bigint(20) unsigned"), SqlType::UInt64, "bigint unsigned"),
            (column("int(11)"), SqlType::Int32, "int"),
            (column("tinyint(1)"), SqlType::Bool, "boolean"),
            (column("tinyint"), SqlType::Int16, "tinyint"),
            (column("decimal(10,2)"), SqlType::decimal(10, 2), "decimal(10,2)"),
            (text("varchar(20)"), SqlType::Text, "varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
            (Found { json: 1, ..text("longtext") }, SqlType::Text, "json"),
        ] {
            assert_eq!(said(&found, sql_type, MariaDb).map(|kept| kept.type_name), Ok(name.to_owned()));
        }
        for type_name in [
            "enum('a','b')",
            "int(10) unsigned zerofill",
            "geometry",
            "varchar(20) /*M!100301 COMPRESSED*/",
            "int(1",
            "int(5)",
            "double(10,2)",
            "int(x)",
            "int) NOT NULL, DROP COLUMN (b",
        ] {
            assert_eq!(said(&column(type_name), SqlType::Int32, MariaDb), Err("its type"), "{type_name}");
        }
        let strange = Found { collation: Some("x COLLATE y".to_owned()), ..text("text") };
        assert_eq!(said(&strange, SqlType::Text, MySql), Err("its type"));
        let extra = |extra: &str| said(&Found { extra: extra.to_owned(), ..column("int") }, SqlType::Int32, MySql);
        assert!(extra("auto_increment").is_ok_and(|kept| kept.counts));
        assert!(extra("DEFAULT_GENERATED").is_ok_and(|kept| !kept.counts));
        for other in [
            "INVISIBLE",
            "DEFAULT_GENERATED on update CURRENT_TIMESTAMP",
            "STORED GENERATED",
            "WITHOUT SYSTEM VERSIONING",
        ] {
            extra(other).expect_err(other);
        }
        let comment =
            |comment: &str| said(&Found { comment: comment.to_owned(), ..column("int") }, SqlType::Int32, MySql);
        assert_eq!(comment("in cents").map(|kept| kept.comment), Ok(Some("in cents".to_owned())));
        for other in ["it's", "\\", "é", "a\nb"] {
            assert_eq!(comment(other), Err("its comment"));
        }
        let checked = Found { checks: 1, ..column("int(11)") };
        assert_eq!(said(&checked, SqlType::Int32, MariaDb), Err("its check"));
        let computed = Found { computed: Some("`a` + 1".to_owned()), ..column("int(11)") };
        assert_eq!(said(&computed, SqlType::Int32, MariaDb), Err("what it is computed as"));
        let moment = Found { explicit: 0, ..column("timestamp(6)") };
        assert!(said(&moment, SqlType::TimestampTz, MariaDb).is_err());
        assert!(
            said(&Found { default_text: Some("now()".to_owned()), ..moment }, SqlType::TimestampTz, MariaDb).is_ok()
        );
    }

    #[test]
    fn a_default_is_a_value_or_the_present_moment() {
        use Dialect::{MariaDb, MySql};
        let default = |text: &str, sql_type, dialect| {
            kept(
                &Found { default_text: Some(text.to_owned()), ..column("x").with_type(sql_type) },
                Some(sql_type),
                dialect,
            )
            .map(|kept| kept.default)
        };
        let value = |value| Ok(Some(KeptDefault::Value { value, bracketed: false }));
        assert_eq!(default("5", SqlType::Int32, MariaDb), value(Value::Int(5)));
        assert_eq!(default("-5", SqlType::Int32, MariaDb), value(Value::Int(-5)));
        assert_eq!(default("'5'", SqlType::Int32, MySql), value(Value::Int(5)));
        assert_eq!(default("NULL", SqlType::Int32, MySql), value(Value::Null));
        assert_eq!(default("'it\\'s'", SqlType::Text, MariaDb), value(Value::Text("it's".to_owned())));
        assert_eq!(default("current_timestamp(6)", SqlType::Timestamp, MariaDb), Ok(Some(KeptDefault::Now(6))));
        assert_eq!(default("CURRENT_TIMESTAMP", SqlType::Timestamp, MySql), Ok(Some(KeptDefault::Now(0))));
        for other in ["uuid()", "5 + 1", "now(7)", "'2020-02-30'", "(5", "1); DROP TABLE t"] {
            assert_eq!(default(other, SqlType::Date, MariaDb), Err("its default"), "{other}");
            assert_eq!(default(other, SqlType::Int32, MariaDb), Err("its default"), "{other}");
        }
    }

    impl Found {
        fn with_type(self, sql_type: SqlType) -> Found {
            match sql_type {
                SqlType::Text => text("varchar(20)"),
                SqlType::Timestamp => column("datetime(6)"),
                SqlType::Date => column("date"),
                _ => column("int"),
            }
        }
    }
}
