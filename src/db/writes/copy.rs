//! Plain inserts of many rows: by COPY in its binary format on PostgreSQL, as rows beside the text elsewhere.

use std::sync::Arc;

use super::super::handle::Runner;
use super::super::prepare::Plan;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::query::{CopyType, MANY, RawSource, RawSql, Source, Way, Write, WriteKind};
use crate::row::{SerdeSink, take_back};

/// How many values one COPY holds.
const VALUES: usize = 120_000;

/// How many rows of so many columns one COPY holds, a statement that binds arrays, or one that runs for each of its rows.
pub(super) fn rows_at_once(width: usize) -> usize {
    (VALUES / width.max(1)).max(MANY)
}

/// A column that COPY may fill.
#[derive(serde::Deserialize)]
struct Copyable {
    name: String,
    type_name: String,
}

// SQL: PostgreSQL manual, COPY: it knows no rules and no row security, writes to no view, and takes values for identity columns that an
// INSERT refuses. Those tables and columns are left to INSERT.
const COPYABLE: &str = "\
SELECT a.attname::text AS name, t.typname::text AS type_name \
FROM pg_catalog.pg_attribute a \
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity AND NOT c.relhasrules \
AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity <> 'a' AND a.attgenerated = '' AND t.typtype = 'b' \
AND c.relname = :name \
AND (CASE WHEN :schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = :schema END)";

impl Runner {
    /// The exact types of the insert's columns, or `None` where COPY would not do what the insert says.
    pub(super) async fn copy_types(self: &Arc<Self>, write: &Write) -> Result<Option<Arc<[CopyType]>>> {
        let WriteKind::Insert { columns, .. } = &write.kind else { return Ok(None) };
        let (Ok(table), Dialect::Postgres) = (&write.table, self.core.server.dialect) else { return Ok(None) };
        if !matches!(write.kind, WriteKind::Insert { source: Source::Rows { loose: false, .. }, .. }) {
            return Ok(None);
        }
        let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned());
        let query = RawSql::new(RawSource::Fixed(COPYABLE), None).bind("schema", schema);
        let query = query.bind("name", table.name.as_str().to_owned());
        let (sink, _) = self.run(Plan::Catalog(&query.text), Box::new(SerdeSink::<Copyable>::new())).await?;
        let known = take_back::<SerdeSink<Copyable>>(sink)?.into_items();
        let type_of = |column: &crate::ident::Ident| {
            known.iter().find(|known| known.name == column.as_str()).and_then(|known| CopyType::named(&known.type_name))
        };
        Ok(columns.iter().map(type_of).collect::<Option<Arc<[CopyType]>>>().filter(|types| !types.is_empty()))
    }
}

/// Whether the insert says no more than its rows.
fn is_plain(write: &Write) -> bool {
    let plain = write.returning.is_none() && write.max_affected.is_none();
    plain && matches!(write.kind, WriteKind::Insert { source: Source::Rows { loose: false, .. }, upsert: None, .. })
}

/// Lets many plain rows go beside the text: by COPY where every value is one of its column's type as it is, or as they are packed.
pub(super) fn choose_way(write: &mut Write, types: Option<&Arc<[CopyType]>>, dialect: Dialect) {
    let plain = is_plain(write);
    let WriteKind::Insert { source: Source::Rows { rows, way, loose: false }, .. } = &mut write.kind else { return };
    if !plain && types.is_none() {
        return;
    }
    if rows.len() < MANY {
        return;
    }
    rows.pack();
    let Some(packed) = rows.packed() else { return };
    match (types, dialect) {
        (Some(types), Dialect::Postgres) if plain && CopyType::take(types, packed) => {
            *way = Way::Copy(Arc::clone(types));
        }
        (Some(_), Dialect::Postgres) if packed.types().iter().all(|it| it.array().is_some()) => *way = Way::Arrays,
        (_, Dialect::Postgres) => {}
        (_, Dialect::MySql | Dialect::MariaDb) if plain => *way = Way::Packed,
        (_, Dialect::Sqlite) if plain => *way = Way::Each,
        _ => {}
    }
}
