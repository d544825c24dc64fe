//! The functions that raw SQL on a read-only handle may call: documented, without effect on the server, without access to
//! files, settings or other sessions. What is not listed is refused.

use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, show_name};

/// Keywords that a parenthesis may follow without a call.
#[rustfmt::skip]
pub(super) const PAREN_KEYWORDS: &[&str] = &[
    "all", "and", "any", "array", "as", "between", "by", "case", "cast", "columns", "cross", "cube", "distinct", "else", "end",
    "escape", "except", "exists", "extract", "fetch", "filter", "first", "from", "group", "having", "ilike", "in", "inner",
    "intersect", "interval", "is", "join", "lateral", "left", "like", "limit", "materialized", "next", "not", "nested", "offset",
    "on", "or", "over", "overlay", "partition", "position", "preceding", "regexp", "right", "rlike", "rollup", "row", "select",
    "sets", "similar", "some", "substring", "then", "to", "trim", "union", "using", "values", "when", "where", "with", "within",
    "xor", "convert", "div", "mod", "binary", "glob", "force", "use", "ignore", "index", "key", "match",
    "against", "of", "separator", "recursive", "groups", "range", "bernoulli", "system",
];

#[rustfmt::skip]
const EVERYWHERE: &[&str] = &[
    "abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "ceiling", "char_length", "coalesce", "concat", "concat_ws", "cos",
    "count", "cume_dist", "current_date", "current_time", "current_timestamp", "degrees", "dense_rank", "exp", "first_value",
    "floor", "lag", "last_value", "lead", "length", "ln", "log", "log10", "lower", "ltrim", "max", "min", "mod", "nth_value",
    "ntile", "nullif", "octet_length", "percent_rank", "pi", "pow", "power", "radians", "rank", "replace", "round", "row_number",
    "rtrim", "sign", "sin", "sqrt", "substr", "substring", "sum", "tan", "trim", "upper",
];

#[rustfmt::skip]
const POSTGRES: &[&str] = &[
    // Text.
    "ascii", "bit_length", "btrim", "character_length", "chr", "decode", "encode", "format", "initcap", "left", "lpad", "md5",
    "normalize", "overlay", "parse_ident", "position", "quote_ident", "quote_literal", "quote_nullable", "regexp_count",
    "regexp_instr", "regexp_like", "regexp_match", "regexp_replace", "regexp_split_to_array", "regexp_substr", "repeat", "reverse",
    "right", "rpad", "sha224", "sha256", "sha384", "sha512", "split_part", "starts_with", "string_to_array", "strpos", "to_ascii",
    "to_hex", "translate", "unistr", "get_byte", "get_bit",
    // Numbers.
    "acosd", "asind", "atand", "atan2d", "cbrt", "cosd", "cosh", "cot", "cotd", "div", "factorial", "gcd", "lcm", "min_scale",
    "random", "scale", "sind", "sinh", "tand", "tanh", "trim_scale", "trunc", "width_bucket", "greatest", "least", "num_nonnulls",
    "num_nulls", "asinh", "acosh", "atanh",
    // Dates.
    "age", "clock_timestamp", "date_bin", "date_part", "date_trunc", "extract", "isfinite", "justify_days", "justify_hours",
    "justify_interval", "localtime", "localtimestamp", "make_date", "make_interval", "make_time", "make_timestamp",
    "make_timestamptz", "now", "statement_timestamp", "timeofday", "timezone", "to_char", "to_date", "to_number", "to_timestamp",
    "transaction_timestamp", "overlaps",
    // Aggregates and windows.
    "any_value", "array_agg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "covar_pop", "covar_samp", "every",
    "grouping", "json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg", "mode", "percentile_cont", "percentile_disc",
    "range_agg", "range_intersect_agg", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope",
    "regr_sxx", "regr_sxy", "regr_syy", "stddev", "stddev_pop", "stddev_samp", "string_agg", "var_pop", "var_samp", "variance",
    // JSON.
    "array_to_json", "json_array_length", "json_build_array", "json_build_object", "json_extract_path", "json_extract_path_text",
    "json_object", "json_strip_nulls", "json_typeof", "jsonb_array_length", "jsonb_build_array", "jsonb_build_object",
    "jsonb_exists", "jsonb_exists_all", "jsonb_exists_any", "jsonb_extract_path", "jsonb_extract_path_text", "jsonb_insert",
    "jsonb_object", "jsonb_path_exists", "jsonb_path_match", "jsonb_path_query_array", "jsonb_path_query_first", "jsonb_pretty",
    "jsonb_set", "jsonb_strip_nulls", "jsonb_typeof", "row_to_json", "to_json", "to_jsonb",
    // Arrays, ranges, text search, network addresses, identifiers.
    "array_append", "array_cat", "array_dims", "array_fill", "array_length", "array_lower", "array_ndims", "array_position",
    "array_positions", "array_prepend", "array_remove", "array_replace", "array_to_string", "array_upper", "cardinality",
    "trim_array", "daterange", "int4range", "int8range", "isempty", "lower_inc", "lower_inf", "numrange", "range_merge", "tsrange",
    "tstzrange", "upper_inc", "upper_inf", "numnode", "phraseto_tsquery", "plainto_tsquery", "querytree", "setweight",
    "strip", "to_tsquery", "to_tsvector", "ts_headline", "ts_rank", "ts_rank_cd", "tsvector_to_array", "websearch_to_tsquery",
    "broadcast", "family", "host", "hostmask", "masklen", "netmask", "network", "gen_random_uuid",
];

#[rustfmt::skip]
const POSTGRES_RELATIONS: &[&str] = &[
    "generate_series", "generate_subscripts", "json_array_elements", "json_array_elements_text", "json_each", "json_each_text",
    "json_object_keys", "json_to_record", "json_to_recordset", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_each",
    "jsonb_each_text", "jsonb_object_keys", "jsonb_path_query", "jsonb_to_record", "jsonb_to_recordset", "regexp_matches",
    "regexp_split_to_table", "string_to_table", "unnest",
];

#[rustfmt::skip]
const MYSQL: &[&str] = &[
    // Text.
    "ascii", "bin", "bit_length", "char", "character_length", "elt", "field", "find_in_set", "format", "from_base64", "hex",
    "instr", "lcase", "left", "locate", "lpad", "make_set", "md5", "mid", "oct", "ord", "position", "quote",
    "regexp_instr", "regexp_like", "regexp_replace", "regexp_substr", "repeat", "reverse", "right", "rpad", "sha1", "sha2",
    "soundex", "space", "strcmp", "substring_index", "to_base64", "ucase", "unhex", "crc32",
    // Numbers and conditions.
    "conv", "cot", "div", "greatest", "if", "ifnull", "interval", "isnull", "least", "log2", "rand", "truncate", "bit_count",
    // Dates.
    "adddate", "addtime", "convert_tz", "curdate", "curtime", "date", "date_add", "date_format", "date_sub", "datediff", "day",
    "dayname", "dayofmonth", "dayofweek", "dayofyear", "extract", "from_days", "from_unixtime", "hour", "last_day", "localtime",
    "localtimestamp", "makedate", "maketime", "microsecond", "minute", "month", "monthname", "now", "period_add", "period_diff",
    "quarter", "sec_to_time", "second", "str_to_date", "subdate", "subtime", "time", "time_format", "time_to_sec", "timediff",
    "timestamp", "timestampadd", "timestampdiff", "to_days", "to_seconds", "unix_timestamp", "utc_date", "utc_time",
    "utc_timestamp", "week", "weekday", "weekofyear", "year", "yearweek",
    // Aggregates and JSON.
    "any_value", "bit_and", "bit_or", "bit_xor", "group_concat", "grouping", "json_array", "json_array_append", "json_array_insert",
    "json_arrayagg", "json_contains", "json_contains_path", "json_depth", "json_exists", "json_extract", "json_insert", "json_keys",
    "json_length", "json_merge_patch", "json_merge_preserve", "json_object", "json_objectagg", "json_overlaps", "json_pretty",
    "json_query", "json_quote", "json_remove", "json_replace", "json_search", "json_set", "json_type", "json_unquote", "json_valid",
    "json_value", "median", "percentile_cont", "percentile_disc", "std", "stddev", "stddev_pop", "stddev_samp", "var_pop",
    "var_samp", "variance", "bin_to_uuid", "uuid_to_bin", "is_uuid", "inet_aton", "inet_ntoa", "inet6_aton", "inet6_ntoa",
];

const MYSQL_RELATIONS: &[&str] = &["json_table"];

#[rustfmt::skip]
const SQLITE: &[&str] = &[
    "char", "format", "glob", "hex", "if", "ifnull", "iif", "instr", "like", "nullif", "printf", "quote", "random", "soundex",
    "typeof", "unhex", "unicode", "unistr", "date", "datetime", "julianday", "strftime", "time", "timediff", "unixepoch",
    "acosh", "asinh", "atanh", "cosh", "log2", "sinh", "tanh", "trunc", "group_concat", "string_agg", "total", "json", "json_array",
    "json_array_length", "json_extract", "json_group_array", "json_group_object", "json_insert", "json_object", "json_patch",
    "json_pretty", "json_quote", "json_remove", "json_replace", "json_set", "json_type", "json_valid", "jsonb", "jsonb_array",
    "jsonb_extract", "jsonb_group_array", "jsonb_group_object", "jsonb_object", "likelihood", "likely", "unlikely", "bm25",
    "highlight", "snippet", "median", "percentile", "percentile_cont", "percentile_disc", "json_error_position",
];

const SQLITE_RELATIONS: &[&str] = &["generate_series", "json_each", "json_tree", "jsonb_each", "jsonb_tree"];

/// True for a function that may be called in an expression; `name` is in lower case.
pub(super) fn is_allowed(name: &str, dialect: Dialect) -> bool {
    let own = match dialect {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql | Dialect::MariaDb => MYSQL,
        Dialect::Sqlite => SQLITE,
    };
    // SQL: PostgreSQL, a function that returns rows may also stand in the select list.
    EVERYWHERE.contains(&name)
        || own.contains(&name)
        || (dialect == Dialect::Postgres && POSTGRES_RELATIONS.contains(&name))
}

/// True for a function that may stand where a table may; `name` is in lower case.
pub(super) fn is_allowed_relation(name: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => POSTGRES_RELATIONS,
        Dialect::MySql | Dialect::MariaDb => MYSQL_RELATIONS,
        Dialect::Sqlite => SQLITE_RELATIONS,
    }
    .contains(&name)
}

pub(super) fn refuse_function(name: &str) -> Error {
    let message = format!(
        "raw sql on a read-only handle calls {}, which is not on the list of functions known to be harmless; use the builder, or a \
         read-write handle",
        show_name(name)
    );
    Error::new(ErrorKind::Policy, "raw.function", message)
}
