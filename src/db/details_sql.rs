//! The catalogue queries behind `table_details` and `all_table_details`: of one table, or of all. Rows about one key follow each other,
//! in the key's order.

// SQL: PostgreSQL manual, 53.7 (pg_attribute), 53.13 (pg_constraint), 53.26 (pg_index).
pub(super) const POSTGRES: &str = "\
WITH t AS (SELECT c.oid, c.relname, n.nspname, c.relkind FROM pg_catalog.pg_class c \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
WHERE (:name IS NULL OR c.relname = :name) AND c.relkind IN ('r', 'p', 'f', 'v', 'm') \
AND (CASE WHEN :schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) \
AND n.nspname NOT IN ('pg_catalog', 'information_schema') ELSE n.nspname = :schema END)) \
SELECT t.relname::text AS \"table\", (CASE WHEN t.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END)::text AS kind, \
NULL::text AS name, NULL::text AS \"column\", 0::bigint AS place, NULL::text AS other_table, NULL::text AS other_column, \
NULL::text AS on_delete, NULL::text AS on_update, NULL::text AS \"text\" FROM t \
UNION ALL SELECT t.relname::text, \
(CASE WHEN a.attidentity <> '' THEN 'identity' WHEN a.attgenerated <> '' THEN 'generated' ELSE 'default' END)::text, \
NULL::text, a.attname::text, a.attnum::bigint, NULL::text, NULL::text, NULL::text, NULL::text, \
pg_catalog.pg_get_expr(d.adbin, d.adrelid)::text \
FROM pg_catalog.pg_attribute a JOIN t ON a.attrelid = t.oid \
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.atthasdef OR a.attidentity <> '') \
UNION ALL SELECT t.relname::text, 'length'::text, NULL::text, a.attname::text, a.attnum::bigint, NULL::text, NULL::text, NULL::text, \
NULL::text, (a.atttypmod - 4)::text \
FROM pg_catalog.pg_attribute a JOIN t ON a.attrelid = t.oid JOIN pg_catalog.pg_type y ON y.oid = a.atttypid \
WHERE a.attnum > 0 AND NOT a.attisdropped AND y.typname IN ('varchar', 'bpchar') AND a.atttypmod >= 4 \
UNION ALL SELECT t.relname::text, \
(CASE x.contype WHEN 'p' THEN 'primary' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign' ELSE 'check' END)::text, \
x.conname::text, a.attname::text, coalesce(k.place, 0)::bigint, r.relname::text, b.attname::text, x.confdeltype::text, x.confupdtype::text, \
(CASE WHEN x.contype = 'c' THEN pg_catalog.pg_get_expr(x.conbin, x.conrelid) WHEN m.nspname <> t.nspname THEN m.nspname END)::text \
FROM pg_catalog.pg_constraint x JOIN t ON x.conrelid = t.oid \
LEFT JOIN LATERAL unnest(x.conkey) WITH ORDINALITY AS k(attnum, place) ON x.contype <> 'c' \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.conrelid AND a.attnum = k.attnum \
LEFT JOIN pg_catalog.pg_class r ON r.oid = x.confrelid \
LEFT JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace \
LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = x.confrelid AND b.attnum = x.confkey[k.place] \
WHERE x.contype IN ('p', 'u', 'f', 'c') \
UNION ALL SELECT t.relname::text, \
(CASE WHEN i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL THEN 'unique' ELSE 'index' END)::text, \
c.relname::text, a.attname::text, k.place::bigint, (CASE WHEN i.indisunique THEN 'unique' END)::text, \
(CASE WHEN i.indpred IS NOT NULL THEN 'partial' END)::text, (CASE WHEN i.indoption[k.place - 1] & 1 = 1 THEN 'descending' END)::text, \
NULL::text, pg_catalog.pg_get_indexdef(i.indexrelid)::text \
FROM pg_catalog.pg_index i JOIN t ON i.indrelid = t.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0 \
WHERE k.place <= i.indnkeyatts AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint x \
WHERE x.conindid = i.indexrelid AND x.contype IN ('p', 'u', 'x')) \
ORDER BY 1, 2, 3, 5";

/// What MySQL and MariaDB say alike, around their lists of checks.
macro_rules! mysql_family {
    ($default:literal, $checks:literal) => {
        concat!(
            "SELECT t.TABLE_NAME AS `table`, CASE WHEN t.TABLE_TYPE LIKE '%VIEW%' THEN 'view' ELSE 'table' END AS kind, NULL AS name, \
             NULL AS `column`, 0 AS place, NULL AS other_table, NULL AS other_column, NULL AS on_delete, NULL AS on_update, NULL AS `text` \
             FROM information_schema.TABLES t \
             WHERE t.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR t.TABLE_NAME = :name) \
             UNION ALL SELECT c.TABLE_NAME, CASE WHEN c.EXTRA LIKE '%auto_increment%' THEN 'identity' \
             WHEN c.GENERATION_EXPRESSION <> '' THEN 'generated' \
             WHEN c.COLUMN_DEFAULT IS NOT NULL AND c.COLUMN_DEFAULT <> 'NULL' THEN 'default' ELSE 'none' END, \
             NULL, c.COLUMN_NAME, CAST(c.ORDINAL_POSITION AS SIGNED), NULL, NULL, NULL, NULL, \
             CASE WHEN c.GENERATION_EXPRESSION <> '' THEN c.GENERATION_EXPRESSION ELSE ", $default, " END \
             FROM information_schema.COLUMNS c \
             WHERE c.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR c.TABLE_NAME = :name) \
             UNION ALL SELECT c.TABLE_NAME, 'length', NULL, c.COLUMN_NAME, CAST(c.ORDINAL_POSITION AS SIGNED), NULL, NULL, NULL, NULL, \
             CAST(c.CHARACTER_MAXIMUM_LENGTH AS CHAR) \
             FROM information_schema.COLUMNS c WHERE c.DATA_TYPE IN ('char', 'varchar', 'binary', 'varbinary') \
             AND c.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR c.TABLE_NAME = :name) \
             UNION ALL SELECT x.TABLE_NAME, CASE x.CONSTRAINT_TYPE WHEN 'PRIMARY KEY' THEN 'primary' WHEN 'UNIQUE' THEN 'unique' \
             ELSE 'foreign' END, x.CONSTRAINT_NAME, k.COLUMN_NAME, CAST(k.ORDINAL_POSITION AS SIGNED), k.REFERENCED_TABLE_NAME, \
             k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE, \
             CASE WHEN k.REFERENCED_TABLE_SCHEMA <> k.TABLE_SCHEMA THEN k.REFERENCED_TABLE_SCHEMA END \
             FROM information_schema.TABLE_CONSTRAINTS x \
             LEFT JOIN information_schema.KEY_COLUMN_USAGE k ON k.TABLE_SCHEMA = x.TABLE_SCHEMA AND k.TABLE_NAME = x.TABLE_NAME \
             AND k.CONSTRAINT_NAME = x.CONSTRAINT_NAME \
             AND (k.REFERENCED_TABLE_NAME IS NOT NULL) = (x.CONSTRAINT_TYPE = 'FOREIGN KEY') \
             LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = x.TABLE_SCHEMA \
             AND r.TABLE_NAME = x.TABLE_NAME AND r.CONSTRAINT_NAME = x.CONSTRAINT_NAME AND x.CONSTRAINT_TYPE = 'FOREIGN KEY' \
             WHERE x.CONSTRAINT_TYPE IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY') \
             AND x.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR x.TABLE_NAME = :name) ",
            $checks,
            "UNION ALL SELECT s.TABLE_NAME, 'index', s.INDEX_NAME, s.COLUMN_NAME, CAST(s.SEQ_IN_INDEX AS SIGNED), NULL, NULL, \
             CASE WHEN s.COLLATION = 'D' THEN 'descending' END, NULL, NULL \
             FROM information_schema.STATISTICS s \
             WHERE s.NON_UNIQUE = 1 AND s.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR s.TABLE_NAME = :name) \
             AND NOT EXISTS (SELECT 1 FROM information_schema.TABLE_CONSTRAINTS x WHERE x.TABLE_SCHEMA = s.TABLE_SCHEMA \
             AND x.TABLE_NAME = s.TABLE_NAME AND x.CONSTRAINT_NAME = s.INDEX_NAME AND x.CONSTRAINT_TYPE = 'FOREIGN KEY') \
             ORDER BY 1, 2, 3, 5"
        )
    };
}

// SQL: MySQL manual, 28.3 (INFORMATION_SCHEMA). An index that a foreign key made for itself has its name. A default that is no expression
// is told without quotes; the others with each quote escaped.
pub(super) const MYSQL: &str = mysql_family!(
    "CASE WHEN c.EXTRA LIKE '%DEFAULT_GENERATED%' THEN c.COLUMN_DEFAULT ELSE QUOTE(c.COLUMN_DEFAULT) END",
    "UNION ALL SELECT x.TABLE_NAME, 'check', x.CONSTRAINT_NAME, NULL, 0, NULL, NULL, NULL, NULL, h.CHECK_CLAUSE \
     FROM information_schema.TABLE_CONSTRAINTS x JOIN information_schema.CHECK_CONSTRAINTS h \
     ON h.CONSTRAINT_SCHEMA = x.CONSTRAINT_SCHEMA AND h.CONSTRAINT_NAME = x.CONSTRAINT_NAME \
     WHERE x.CONSTRAINT_TYPE = 'CHECK' AND x.TABLE_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR x.TABLE_NAME = :name) "
);

// SQL: MariaDB manual, "Information Schema CHECK_CONSTRAINTS Table". It shows a default of NULL as the word, and its JSON is text with a
// check of its own.
pub(super) const MARIADB: &str = mysql_family!(
    "c.COLUMN_DEFAULT",
    "UNION ALL SELECT h.TABLE_NAME, CASE WHEN h.CHECK_CLAUSE = CONCAT('json_valid(`', REPLACE(h.CONSTRAINT_NAME, '`', '``'), '`)') \
     THEN 'json' ELSE 'check' END, h.CONSTRAINT_NAME, h.CONSTRAINT_NAME, 0, NULL, NULL, NULL, NULL, h.CHECK_CLAUSE \
     FROM information_schema.CHECK_CONSTRAINTS h \
     WHERE h.CONSTRAINT_SCHEMA = COALESCE(:schema, DATABASE()) AND (:name IS NULL OR h.TABLE_NAME = :name) "
);

// SQL: SQLite, "PRAGMA table_xinfo", "index_list", "index_xinfo", "foreign_key_list". What only the kept text tells is read from that.
pub(super) const SQLITE: &str = "\
SELECT m.name AS \"table\", m.type AS kind, NULL AS name, NULL AS \"column\", 0 AS place, NULL AS other_table, NULL AS other_column, \
NULL AS on_delete, NULL AS on_update, m.sql AS \"text\" \
FROM sqlite_master m WHERE m.type IN ('table', 'view') AND (m.name = :name OR (:name IS NULL AND substr(m.name, 1, 7) <> 'sqlite_')) \
UNION ALL SELECT m.name, CASE WHEN p.hidden IN (2, 3) THEN 'generated' WHEN p.dflt_value IS NOT NULL THEN 'default' ELSE 'none' END, \
NULL, p.name, p.cid, NULL, NULL, NULL, NULL, p.dflt_value \
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p WHERE m.type = 'table' AND p.hidden <> 1 AND (:name IS NULL OR m.name = :name) \
UNION ALL SELECT m.name, 'length', NULL, p.name, p.cid, NULL, NULL, NULL, NULL, substr(p.type, 9, length(p.type) - 9) \
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p \
WHERE m.type = 'table' AND upper(p.type) LIKE 'VARCHAR(%)' AND (:name IS NULL OR m.name = :name) \
UNION ALL SELECT m.name, 'primary', 'primary', p.name, p.pk, NULL, NULL, NULL, NULL, NULL \
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) p WHERE m.type = 'table' AND p.pk > 0 AND (:name IS NULL OR m.name = :name) \
UNION ALL SELECT m.name, 'foreign', 'key ' || f.id, f.\"from\", f.seq, f.\"table\", f.\"to\", f.on_delete, f.on_update, NULL \
FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND (:name IS NULL OR m.name = :name) \
UNION ALL SELECT m.name, CASE WHEN l.\"unique\" = 1 AND l.partial = 0 \
AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) e WHERE e.name IS NULL) THEN 'unique' ELSE 'index' END, \
l.name, i.name, i.seqno, CASE l.\"unique\" WHEN 1 THEN 'unique' END, CASE l.partial WHEN 1 THEN 'partial' END, \
CASE i.\"desc\" WHEN 1 THEN 'descending' END, NULL, x.sql \
FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_xinfo(l.name) i \
LEFT JOIN sqlite_master x ON x.type = 'index' AND x.name = l.name \
WHERE m.type = 'table' AND l.origin <> 'pk' AND i.\"key\" = 1 AND (:name IS NULL OR m.name = :name) \
ORDER BY 1, 2, 3, 5";
