//! The catalogue queries behind `table_details`. Rows about one key follow each other, in the key's order.

// SQL: PostgreSQL manual, 53.7 (pg_attribute), 53.13 (pg_constraint), 53.26 (pg_index).
pub(super) const POSTGRES: &str = "\
WITH t AS (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
WHERE c.relname = :name AND c.relkind IN ('r', 'p', 'f', 'v', 'm') \
AND (CASE WHEN :schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = :schema END)) \
SELECT (CASE WHEN a.attidentity <> '' THEN 'identity' WHEN a.attgenerated <> '' THEN 'generated' ELSE 'default' END)::text AS kind, \
NULL::text AS name, a.attname::text AS \"column\", a.attnum::bigint AS place, NULL::text AS other_table, NULL::text AS other_column, \
NULL::text AS on_delete, NULL::text AS on_update \
FROM pg_catalog.pg_attribute a JOIN t ON a.attrelid = t.oid \
WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.atthasdef OR a.attidentity <> '') \
UNION ALL SELECT (CASE x.contype WHEN 'p' THEN 'primary' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign' ELSE 'check' END)::text, \
x.conname::text, a.attname::text, coalesce(k.place, 0)::bigint, r.relname::text, b.attname::text, x.confdeltype::text, x.confupdtype::text \
FROM pg_catalog.pg_constraint x JOIN t ON x.conrelid = t.oid \
LEFT JOIN LATERAL unnest(x.conkey) WITH ORDINALITY AS k(attnum, place) ON x.contype <> 'c' \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.conrelid AND a.attnum = k.attnum \
LEFT JOIN pg_catalog.pg_class r ON r.oid = x.confrelid \
LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = x.confrelid AND b.attnum = x.confkey[k.place] \
WHERE x.contype IN ('p', 'u', 'f', 'c') \
UNION ALL SELECT (CASE WHEN i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL THEN 'unique' ELSE 'index' END)::text, \
c.relname::text, a.attname::text, k.place::bigint, NULL::text, NULL::text, NULL::text, NULL::text \
FROM pg_catalog.pg_index i JOIN t ON i.indrelid = t.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0 \
WHERE k.place <= i.indnkeyatts AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint x \
WHERE x.conindid = i.indexrelid AND x.contype IN ('p', 'u', 'x')) \
ORDER BY 1, 2, 4";

// SQL: MySQL manual, 28.3 (INFORMATION_SCHEMA). MariaDB shows a default of NULL as the word. An index that a foreign key made for itself
// has its name.
pub(super) const MYSQL: &str = "\
SELECT CASE WHEN c.EXTRA LIKE '%auto_increment%' THEN 'identity' WHEN c.GENERATION_EXPRESSION <> '' THEN 'generated' \
WHEN c.COLUMN_DEFAULT IS NOT NULL AND c.COLUMN_DEFAULT <> 'NULL' THEN 'default' ELSE 'none' END AS kind, \
NULL AS name, c.COLUMN_NAME AS `column`, CAST(c.ORDINAL_POSITION AS SIGNED) AS place, NULL AS other_table, NULL AS other_column, \
NULL AS on_delete, NULL AS on_update \
FROM information_schema.COLUMNS c WHERE c.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND c.TABLE_NAME = :name \
UNION ALL SELECT CASE x.CONSTRAINT_TYPE WHEN 'PRIMARY KEY' THEN 'primary' WHEN 'UNIQUE' THEN 'unique' WHEN 'FOREIGN KEY' THEN 'foreign' \
ELSE 'check' END, x.CONSTRAINT_NAME, k.COLUMN_NAME, CAST(COALESCE(k.ORDINAL_POSITION, 0) AS SIGNED), k.REFERENCED_TABLE_NAME, \
k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE \
FROM information_schema.TABLE_CONSTRAINTS x \
LEFT JOIN information_schema.KEY_COLUMN_USAGE k ON k.TABLE_SCHEMA = x.TABLE_SCHEMA AND k.TABLE_NAME = x.TABLE_NAME \
AND k.CONSTRAINT_NAME = x.CONSTRAINT_NAME AND x.CONSTRAINT_TYPE <> 'CHECK' \
AND (k.REFERENCED_TABLE_NAME IS NOT NULL) = (x.CONSTRAINT_TYPE = 'FOREIGN KEY') \
LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = x.TABLE_SCHEMA AND r.TABLE_NAME = x.TABLE_NAME \
AND r.CONSTRAINT_NAME = x.CONSTRAINT_NAME AND x.CONSTRAINT_TYPE = 'FOREIGN KEY' \
WHERE x.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND x.TABLE_NAME = :name \
UNION ALL SELECT 'index', s.INDEX_NAME, s.COLUMN_NAME, CAST(s.SEQ_IN_INDEX AS SIGNED), NULL, NULL, NULL, NULL \
FROM information_schema.STATISTICS s \
WHERE s.NON_UNIQUE = 1 AND s.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND s.TABLE_NAME = :name \
AND NOT EXISTS (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS x WHERE x.TABLE_SCHEMA = s.TABLE_SCHEMA \
AND x.TABLE_NAME = s.TABLE_NAME AND x.CONSTRAINT_NAME = s.INDEX_NAME AND x.CONSTRAINT_TYPE = 'FOREIGN KEY') \
ORDER BY 1, 2, 4";

// SQL: SQLite, "PRAGMA table_xinfo", "index_list", "index_info", "foreign_key_list". The text comes last.
pub(super) const SQLITE: &str = "\
SELECT CASE WHEN p.hidden IN (2, 3) THEN 'generated' WHEN p.dflt_value IS NOT NULL THEN 'default' ELSE 'none' END AS kind, \
NULL AS name, p.name AS \"column\", p.cid AS place, NULL AS other_table, NULL AS other_column, NULL AS on_delete, NULL AS on_update \
FROM pragma_table_xinfo(:name) p WHERE p.hidden <> 1 \
UNION ALL SELECT 'primary', 'primary', p.name, p.pk, NULL, NULL, NULL, NULL FROM pragma_table_xinfo(:name) p WHERE p.pk > 0 \
UNION ALL SELECT 'foreign', 'key ' || f.id, f.\"from\", f.seq, f.\"table\", f.\"to\", f.on_delete, f.on_update \
FROM pragma_foreign_key_list(:name) f \
UNION ALL SELECT CASE WHEN l.\"unique\" = 1 AND l.partial = 0 \
AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) e WHERE e.name IS NULL) THEN 'unique' ELSE 'index' END, \
l.name, i.name, i.seqno, NULL, NULL, NULL, NULL \
FROM pragma_index_list(:name) l JOIN pragma_index_info(l.name) i WHERE l.origin <> 'pk' \
UNION ALL SELECT 'text', m.sql, NULL, 0, NULL, NULL, NULL, NULL FROM sqlite_master m WHERE m.type = 'table' AND m.name = :name \
ORDER BY 1, 2, 4";
