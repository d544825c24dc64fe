//! Reading tables' columns from the database's catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::handle::{Core, Database, Mode, Runner};
use super::prepare::Plan;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, show_name};
use crate::ident::Ident;
use crate::query::{RawSource, RawSql};
use crate::row::{SerdeSink, take_back};
use crate::schema::{ColumnSchema, KeySchema, Schema, TableSchema, suggest};
use crate::types::SqlType;

impl<M: Mode> Database<M> {
    /// Reads the catalogue: the tables and views of the session's own schema, with their columns. From then on an unknown
    /// column or a clash of types on this handle is found before anything is sent.
    ///
    /// It is not needed for a chain to run: what a statement depends on is read when it is first run.
    ///
    /// # Errors
    ///
    /// What running a statement gives.
    pub async fn schema(&self) -> Result<Schema> {
        let found = self.runner.read(None, None).await?;
        self.runner.core.set_schema(|known| known.with(&found));
        Ok(self.runner.core.schema())
    }
}

/// One column as the catalogue queries return it.
#[derive(serde::Deserialize)]
struct CatalogColumn {
    #[serde(rename = "table")]
    table: String,
    /// `None` for the part of a key that is an expression.
    #[serde(rename = "column")]
    column: Option<String>,
    /// `None` where the row is about a key.
    type_name: Option<String>,
    /// PostgreSQL's type modifier; the numeric precision elsewhere.
    detail: Option<i64>,
    scale: Option<i64>,
    nullable: i64,
    collation: Option<String>,
    /// The name of the key that the column is a part of.
    key_name: Option<String>,
    /// The key's kind: 2 for a primary key, 1 for another over whole columns and all rows, 0 for what else is unique. -1 for no key, but
    /// the row that says that the table is a view.
    key_kind: Option<i64>,
}

/// The kind of key in a row that says that its table is a view.
const IS_VIEW: i64 = -1;

// SQL: PostgreSQL manual, 53.7 (pg_attribute), 53.11 (pg_class), 53.26 (pg_index), 53.64 (pg_type). A domain counts as its base type. A
// key that is checked at the commit only can be no target of an upsert.
const POSTGRES: &str = "\
SELECT c.relname::text AS \"table\", a.attname::text AS \"column\", \
coalesce(base.typname, t.typname)::text AS type_name, \
(CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END)::bigint AS detail, NULL::bigint AS scale, \
(CASE WHEN a.attnotnull OR t.typnotnull THEN 0 ELSE 1 END)::bigint AS nullable, co.collname::text AS collation, \
NULL::text AS key_name, NULL::bigint AS key_kind, a.attnum::bigint AS place \
FROM pg_catalog.pg_attribute a \
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
LEFT JOIN pg_catalog.pg_type base ON base.oid = t.typbasetype AND t.typtype = 'd' \
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation \
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND a.attnum > 0 AND NOT a.attisdropped \
AND (:name IS NULL OR c.relname = :name) \
AND (CASE WHEN :schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) \
AND n.nspname NOT IN ('pg_catalog', 'information_schema') ELSE n.nspname = :schema END) \
UNION ALL SELECT c.relname::text, a.attname::text, NULL::text, NULL::bigint, NULL::bigint, 0::bigint, NULL::text, \
i.relname::text, (CASE WHEN x.indpred IS NOT NULL OR x.indexprs IS NOT NULL OR NOT x.indimmediate OR NOT x.indisvalid THEN 0 \
WHEN x.indisprimary THEN 2 ELSE 1 END)::bigint, 10000 + k.place \
FROM pg_catalog.pg_index x \
JOIN pg_catalog.pg_class c ON c.oid = x.indrelid \
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum AND k.attnum > 0 \
WHERE x.indisunique AND k.place <= x.indnkeyatts AND (:name IS NULL OR c.relname = :name) \
AND (CASE WHEN :schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) \
AND n.nspname NOT IN ('pg_catalog', 'information_schema') ELSE n.nspname = :schema END) \
ORDER BY 1, place";

// SQL: MySQL manual, 28.3.8 (INFORMATION_SCHEMA COLUMNS), 28.3.34 (STATISTICS), 28.3.38 (TABLES).
const MYSQL: &str = "\
SELECT c.TABLE_NAME AS `table`, c.COLUMN_NAME AS `column`, c.COLUMN_TYPE AS type_name, \
CAST(c.NUMERIC_PRECISION AS SIGNED) AS detail, CAST(c.NUMERIC_SCALE AS SIGNED) AS scale, \
CASE c.IS_NULLABLE WHEN 'NO' THEN 0 ELSE 1 END AS nullable, c.COLLATION_NAME AS collation, \
NULL AS key_name, NULL AS key_kind, CAST(c.ORDINAL_POSITION AS SIGNED) AS place \
FROM information_schema.COLUMNS c \
WHERE c.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR c.TABLE_NAME = :name) \
UNION ALL SELECT s.TABLE_NAME, s.COLUMN_NAME, NULL, NULL, NULL, 0, NULL, s.INDEX_NAME, \
CASE WHEN s.SUB_PART IS NOT NULL OR s.COLUMN_NAME IS NULL THEN 0 WHEN s.INDEX_NAME = 'PRIMARY' THEN 2 ELSE 1 END, \
10000 + CAST(s.SEQ_IN_INDEX AS SIGNED) \
FROM information_schema.STATISTICS s \
WHERE s.NON_UNIQUE = 0 AND s.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR s.TABLE_NAME = :name) \
UNION ALL SELECT t.TABLE_NAME, NULL, NULL, NULL, NULL, 0, NULL, '', -1, 20000 \
FROM information_schema.TABLES t \
WHERE t.TABLE_TYPE LIKE '%VIEW' AND t.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR t.TABLE_NAME = :name) \
ORDER BY 1, place";

// SQL: SQLite, "PRAGMA table_xinfo" and "pragma functions". An INTEGER PRIMARY KEY is the row's id, which is never NULL and has no index.
const SQLITE: &str = "\
SELECT m.name AS \"table\", p.name AS \"column\", p.type AS type_name, NULL AS detail, NULL AS scale, \
CASE WHEN p.\"notnull\" = 1 OR (p.pk = 1 AND upper(p.type) = 'INTEGER') THEN 0 ELSE 1 END AS nullable, \
:schema AS collation, \
NULL AS key_name, NULL AS key_kind, p.cid AS place \
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p \
WHERE m.type IN ('table', 'view') AND p.hidden <> 1 AND (:name IS NULL OR m.name = :name) \
UNION ALL SELECT m.name, i.name, NULL, NULL, NULL, 0, NULL, l.name, \
CASE WHEN l.partial = 1 OR i.name IS NULL THEN 0 WHEN l.origin = 'pk' THEN 2 ELSE 1 END, 10000 + i.seqno \
FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_info(l.name) i \
WHERE m.type = 'table' AND l.\"unique\" = 1 AND (:name IS NULL OR m.name = :name) \
UNION ALL SELECT m.name, p.name, NULL, NULL, NULL, 0, NULL, 'PRIMARY', 2, 10000 \
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p \
WHERE m.type = 'table' AND p.pk = 1 AND (:name IS NULL OR m.name = :name) \
AND NOT EXISTS (SELECT 1 FROM pragma_index_list(m.name) l WHERE l.origin = 'pk') \
ORDER BY 1, place";

impl Core {
    /// Forgets what was read from the catalogue, because a statement may have changed it. What the builder was given stays.
    pub(super) fn forget_read_tables(&self) {
        self.set_schema(|_| self.builder.known_schema());
        self.recent.forget();
    }

    /// A statement may have changed tables: what was read of them, compiled for them and prepared for them serves no longer.
    pub(super) fn tables_changed(&self) {
        self.forget_read_tables();
        self.shapes.tables_changed();
        self.pool.manager().generation.fetch_add(1, Ordering::SeqCst);
    }
}

/// How long the catalogue's last word stands: a caller who asks for names that do not exist, as one who sorts by whatever a
/// user typed does, costs the database one reading in this time and not one a statement.
const STANDS: Duration = Duration::from_secs(1);

/// What was asked of the catalogue in vain a moment ago.
#[derive(Default)]
pub(super) struct RecentReads(Mutex<Recent>);

#[derive(Default)]
struct Recent {
    refreshed: Option<Instant>,
    missing: Vec<((Option<String>, String), Instant)>,
}

impl RecentReads {
    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        *self.lock() = Recent::default();
    }

    /// Whether known tables may be read again because of a column that none of them has; the time of asking counts.
    pub(super) fn may_refresh(&self) -> bool {
        let mut recent = self.lock();
        let due = recent.refreshed.is_none_or(|last| last.elapsed() > STANDS);
        if due {
            recent.refreshed = Some(Instant::now());
        }
        due
    }

    fn is_missing(&self, schema: Option<&str>, name: &str) -> bool {
        let mut recent = self.lock();
        recent.missing.retain(|(_, asked)| asked.elapsed() <= STANDS);
        recent.missing.iter().any(|((known_schema, known), _)| known_schema.as_deref() == schema && known == name)
    }

    fn note_missing(&self, schema: Option<&str>, name: &str) {
        let mut recent = self.lock();
        if recent.missing.len() < 256 {
            recent.missing.push(((schema.map(str::to_owned), name.to_owned()), Instant::now()));
        }
    }
}

impl Runner {
    /// Reads the tables called for, and keeps them for later statements.
    pub(super) async fn read_tables(&self, tables: &[(Option<String>, String)]) -> Result<()> {
        for (schema, name) in tables {
            let missing = self.core.recent.is_missing(schema.as_deref(), name);
            let found = if missing { Schema::default() } else { self.read(schema.as_deref(), Some(name)).await? };
            if found.is_empty() {
                // From the reading on, not from the last question: who asks again and again would never see it made.
                if !missing {
                    self.core.recent.note_missing(schema.as_deref(), name);
                }
                let known = self.core.schema();
                let names: Vec<&str> =
                    known.tables().filter(|it| it.schema() == schema.as_deref()).map(TableSchema::name).collect();
                let near = suggest(name, &names);
                let message = format!("there is no table {}, or the role may not see it{near}", show_name(name));
                return Err(Error::new(ErrorKind::Schema, "schema.unknown_table", message).with_table(name.clone()));
            }
            self.core.set_schema(|known| known.with(&found));
        }
        Ok(())
    }

    pub(super) async fn read(&self, schema: Option<&str>, name: Option<&str>) -> Result<Schema> {
        let dialect = self.core.server.dialect;
        let sql = match dialect {
            Dialect::Postgres => POSTGRES,
            Dialect::MySql | Dialect::MariaDb => MYSQL,
            Dialect::Sqlite => SQLITE,
        };
        let query = RawSql::new(RawSource::Fixed(sql), None).bind("schema", schema).bind("name", name);
        // Within a transaction the catalogue is read on its session, so that tables made in it are seen.
        let runner = Arc::new(Runner {
            core: Arc::clone(&self.core),
            subject: self.subject.clone(),
            transaction: self.transaction.clone(),
            validators: self.validators.clone(),
        });
        let sink = Box::new(SerdeSink::<CatalogColumn>::new());
        let (sink, _) = runner.run(Plan::Catalog(&query.text), sink).await?;
        let columns = take_back::<SerdeSink<CatalogColumn>>(sink)?.into_items();
        let mut tables: BTreeMap<String, Result<Vec<ColumnSchema>>> = BTreeMap::new();
        let mut keys: BTreeMap<String, Vec<KeySchema>> = BTreeMap::new();
        let mut views = BTreeSet::new();
        for column in columns {
            if column.key_kind == Some(IS_VIEW) {
                views.insert(column.table);
                continue;
            }
            if let Some(name) = column.key_name {
                add_part(
                    keys.entry(column.table).or_default(),
                    name,
                    column.column,
                    column.key_kind.unwrap_or_default(),
                );
                continue;
            }
            let described = describe(&column, dialect, self.core.server.binary_text);
            let table = tables.entry(column.table).or_insert_with(|| Ok(Vec::new()));
            match (&mut *table, described) {
                (Ok(known), Ok(described)) => known.push(described),
                (_, Err(error)) => *table = Err(error),
                (Err(_), _) => {}
            }
        }
        // A table with a name that can't be written stays unknown: one such table must not hide the others.
        if name.is_some()
            && let Some(error) = tables.values().find_map(|columns| columns.as_ref().err())
        {
            return Err(error.clone());
        }
        let own = schema.map(str::to_owned);
        Ok(Schema::from_tables(tables.into_iter().filter_map(|(name, columns)| {
            Some({
                let keys = Some(keys.remove(&name).unwrap_or_default());
                // Views matter where a server has to be helped with them.
                let view = dialect.is_mysql_family().then(|| views.contains(&name));
                TableSchema { schema: own.clone(), name, columns: columns.ok()?, keys, view }
            })
        })))
    }
}

/// Adds a column to the key called `name`.
fn add_part(keys: &mut Vec<KeySchema>, name: String, column: Option<String>, kind: i64) {
    let place = keys.iter().position(|key| key.name == name).unwrap_or_else(|| {
        keys.push(KeySchema { name, columns: Vec::new(), primary: kind == 2, plain: kind > 0 });
        keys.len() - 1
    });
    if let Some(key) = keys.get_mut(place) {
        key.plain = key.plain && kind > 0;
        key.columns.extend(column);
    }
}

fn describe(column: &CatalogColumn, dialect: Dialect, binary_by_default: bool) -> Result<ColumnSchema> {
    let type_name = column.type_name.as_deref().unwrap_or_default();
    let sql_type = match dialect {
        Dialect::Postgres => postgres_type(type_name, column.detail),
        Dialect::MySql | Dialect::MariaDb => mysql_type(type_name, column.detail, column.scale),
        Dialect::Sqlite => sqlite_type(type_name),
    };
    let collation = column.collation.as_deref().unwrap_or_default();
    let binary_text = match dialect {
        Dialect::Postgres => {
            matches!(collation, "C" | "POSIX" | "ucs_basic") || (collation == "default" && binary_by_default)
        }
        // SQL: a collation that pads would take 'a' and 'a ' for equal.
        Dialect::MySql | Dialect::MariaDb => collation.ends_with("_nopad_bin") || collation == "utf8mb4_0900_bin",
        Dialect::Sqlite => true,
    };
    let name = Ident::from_catalog(column.column.as_deref().unwrap_or_default())?;
    let named = dialect != Dialect::Sqlite && !matches!(collation, "" | "default");
    Ok(ColumnSchema {
        name,
        sql_type,
        nullable: column.nullable != 0,
        binary_text,
        collation: named.then(|| collation.into()),
    })
}

fn postgres_type(name: &str, modifier: Option<i64>) -> Option<SqlType> {
    Some(match name {
        "bool" => SqlType::Bool,
        "int2" => SqlType::Int16,
        "int4" => SqlType::Int32,
        "int8" => SqlType::Int64,
        "float4" => SqlType::Float32,
        "float8" => SqlType::Float64,
        "numeric" => SqlType::Decimal(modifier.and_then(numeric_digits)),
        "text" | "varchar" | "bpchar" | "name" => SqlType::Text,
        "bytea" => SqlType::Bytes,
        "date" => SqlType::Date,
        "time" => SqlType::Time,
        "timestamp" => SqlType::Timestamp,
        "timestamptz" => SqlType::TimestampTz,
        "interval" => SqlType::Interval,
        "uuid" => SqlType::Uuid,
        "json" | "jsonb" => SqlType::Json,
        "_bool" => SqlType::Array(&SqlType::Bool),
        "_int2" => SqlType::Array(&SqlType::Int16),
        "_int4" => SqlType::Array(&SqlType::Int32),
        "_int8" => SqlType::Array(&SqlType::Int64),
        "_float4" => SqlType::Array(&SqlType::Float32),
        "_float8" => SqlType::Array(&SqlType::Float64),
        "_numeric" => SqlType::Array(&SqlType::Decimal(None)),
        "_text" | "_varchar" => SqlType::Array(&SqlType::Text),
        "_uuid" => SqlType::Array(&SqlType::Uuid),
        "_date" => SqlType::Array(&SqlType::Date),
        "_timestamp" => SqlType::Array(&SqlType::Timestamp),
        "_timestamptz" => SqlType::Array(&SqlType::TimestampTz),
        _ => return None,
    })
}

/// SQL: PostgreSQL packs NUMERIC(p, s) as ((p << 16) | s) + 4; a scale beyond the precision, or below zero, is none of ours.
fn numeric_digits(modifier: i64) -> Option<(u8, u8)> {
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0)?;
    let (precision, scale) = ((packed >> 16) & 0xffff, packed & 0x7ff);
    let (precision, scale) = (u8::try_from(precision).ok()?, u8::try_from(scale).ok()?);
    (precision <= 28 && scale <= precision).then_some((precision, scale))
}

fn mysql_type(column_type: &str, precision: Option<i64>, scale: Option<i64>) -> Option<SqlType> {
    let lower = column_type.to_ascii_lowercase();
    let unsigned = lower.contains("unsigned");
    let name = lower.split(['(', ' ']).next().unwrap_or_default();
    Some(match name {
        "tinyint" if lower.starts_with("tinyint(1)") && !unsigned => SqlType::Bool,
        "tinyint" => SqlType::Int16,
        "smallint" | "year" if !unsigned => SqlType::Int16,
        "smallint" | "mediumint" | "year" => SqlType::Int32,
        "int" | "integer" if !unsigned => SqlType::Int32,
        "int" | "integer" => SqlType::Int64,
        "bigint" if !unsigned => SqlType::Int64,
        "bigint" => SqlType::UInt64,
        "decimal" | "numeric" => {
            let digits = precision.zip(scale).and_then(|(p, s)| Some((u8::try_from(p).ok()?, u8::try_from(s).ok()?)));
            SqlType::Decimal(digits.filter(|(precision, _)| *precision <= 28))
        }
        "float" => SqlType::Float32,
        "double" | "real" => SqlType::Float64,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => SqlType::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => SqlType::Bytes,
        "date" => SqlType::Date,
        "time" => SqlType::Time,
        "datetime" => SqlType::Timestamp,
        "timestamp" => SqlType::TimestampTz,
        "json" => SqlType::Json,
        "uuid" => SqlType::Uuid,
        _ => return None,
    })
}

#[cfg(feature = "sqlite")]
fn sqlite_type(declared: &str) -> Option<SqlType> {
    super::driver::sqlite_declared(declared)
}

#[cfg(not(feature = "sqlite"))]
fn sqlite_type(_: &str) -> Option<SqlType> {
    None
}
