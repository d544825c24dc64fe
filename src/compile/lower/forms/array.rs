//! Functions of arrays.

use sea_query::Expr;

use super::Lowering;
use super::json::{same_json, same_number};
use crate::compile::lower::expr::cast_to;
use crate::compile::lower::template::Piece;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::ArrayFunction;
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};

/// The elements of a jsonb array with their places. SQL: names that no column has, since the operand's columns are seen beside them.
macro_rules! jsonb_elements {
    () => {
        "FROM jsonb_array_elements({0}) WITH ORDINALITY AS portcullis_t(portcullis_e, portcullis_o)"
    };
}

macro_rules! elements {
    () => {
        "FROM unnest({0}) WITH ORDINALITY AS portcullis_t(portcullis_e, portcullis_o)"
    };
}

macro_rules! table_elements {
    () => {
        "FROM JSON_TABLE({0}, '$[*]' COLUMNS (portcullis_o FOR ORDINALITY, portcullis_e JSON PATH '$')) AS portcullis_t"
    };
}

/// NULL for what is no JSON array.
macro_rules! of_jsonb {
    ($($part:expr),*) => {
        concat!("CASE WHEN jsonb_typeof({0}) = 'array' THEN ", $($part),*, " END")
    };
}

macro_rules! of_json {
    ($($part:expr),*) => {
        concat!("CASE WHEN JSON_TYPE({0}) = 'ARRAY' THEN ", $($part),*, " END")
    };
}

macro_rules! jsonb_order {
    ($direction:literal) => {
        concat!(
            "CASE jsonb_typeof(portcullis_e) WHEN 'number' THEN 1 WHEN 'string' THEN 2 WHEN 'boolean' THEN 3 WHEN 'null' THEN 5 ELSE 4 END",
            $direction,
            ", CASE jsonb_typeof(portcullis_e) WHEN 'number' THEN CAST(portcullis_e AS numeric) END",
            $direction,
            ", CASE jsonb_typeof(portcullis_e) WHEN 'string' THEN portcullis_e #>> '{}' END COLLATE \"C\"",
            $direction,
            ", CASE jsonb_typeof(portcullis_e) WHEN 'boolean' THEN CAST(portcullis_e AS boolean) END, portcullis_o"
        )
    };
}

/// SQL: a double tells numbers of any size apart roughly, a decimal those close to each other.
macro_rules! table_order {
    ($direction:literal) => {
        concat!(
            "CASE JSON_TYPE(portcullis_e) WHEN 'INTEGER' THEN 1 WHEN 'DOUBLE' THEN 1 WHEN 'STRING' THEN 2 WHEN 'BOOLEAN' THEN 3 \
             WHEN 'NULL' THEN 5 ELSE 4 END",
            $direction,
            ", CASE WHEN JSON_TYPE(portcullis_e) IN ('INTEGER', 'DOUBLE') THEN CAST(portcullis_e AS DOUBLE) END",
            $direction,
            ", CASE WHEN JSON_TYPE(portcullis_e) IN ('INTEGER', 'DOUBLE') THEN CAST(portcullis_e AS DECIMAL(65, 30)) END",
            $direction,
            ", CASE WHEN JSON_TYPE(portcullis_e) = 'STRING' THEN JSON_UNQUOTE(portcullis_e) END COLLATE utf8mb4_nopad_bin",
            $direction,
            ", portcullis_e = 'true', portcullis_o"
        )
    };
}

macro_rules! joined {
    ($order:expr, $rest:expr) => {
        of_json!(
            "CONCAT('[', IFNULL((SELECT GROUP_CONCAT(portcullis_e ORDER BY ",
            $order,
            " SEPARATOR ',') ",
            table_elements!(),
            $rest,
            "), ''), ']')"
        )
    };
}

impl Lowering<'_> {
    pub(super) fn array_form(&mut self, function: ArrayFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        match (self.target.dialect, operands.first().and_then(Rx::sql_type)) {
            (Dialect::Postgres, Some(SqlType::Array(element))) => self.array_of(function, *element, args),
            (Dialect::Postgres, _) => self.jsonb_array(function, operands, args),
            (Dialect::MySql | Dialect::MariaDb, _) => self.mysql_array(function, operands, args),
            (Dialect::Sqlite, _) => self.sqlite_array(function, operands, args),
        }
    }

    /// PostgreSQL's own arrays. SQL: most of their functions take NULL for a value to look for.
    fn array_of(&mut self, function: ArrayFunction, element: SqlType, args: Vec<Expr>) -> Result<Expr> {
        let text = element.family() == Family::Text;
        let template = match function {
            ArrayFunction::Length => "CAST(cardinality({0}) AS bigint)",
            ArrayFunction::Contains => {
                "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN array_position({0}, {1}) IS NOT NULL END"
            }
            ArrayFunction::Position => "CASE WHEN {1} IS NOT NULL THEN CAST(array_position({0}, {1}) AS bigint) END",
            ArrayFunction::Append => "CASE WHEN {0} IS NOT NULL THEN array_append({0}, {1}) END",
            ArrayFunction::Prepend => "CASE WHEN {0} IS NOT NULL THEN array_prepend({1}, {0}) END",
            ArrayFunction::Remove => "CASE WHEN {1} IS NOT NULL THEN array_remove({0}, {1}) END",
            ArrayFunction::Distinct => concat!(
                "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT portcullis_e ",
                elements!(),
                " GROUP BY portcullis_e ORDER BY MIN(portcullis_o)) END"
            ),
            ArrayFunction::Sort if text => concat!(
                "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT portcullis_e ",
                elements!(),
                " ORDER BY portcullis_e COLLATE \"C\") END"
            ),
            ArrayFunction::Sort => concat!(
                "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT portcullis_e ",
                elements!(),
                " ORDER BY portcullis_e) END"
            ),
            ArrayFunction::Min if text => concat!("(SELECT MIN(portcullis_e COLLATE \"C\") ", elements!(), ")"),
            ArrayFunction::Max if text => concat!("(SELECT MAX(portcullis_e COLLATE \"C\") ", elements!(), ")"),
            ArrayFunction::Min => concat!("(SELECT MIN(portcullis_e) ", elements!(), ")"),
            ArrayFunction::Max => concat!("(SELECT MAX(portcullis_e) ", elements!(), ")"),
            ArrayFunction::Sum if element.is_integer() => {
                concat!("(SELECT CAST(SUM(portcullis_e) AS bigint) ", elements!(), ")")
            }
            ArrayFunction::Sum if element.is_float() => {
                concat!("(SELECT SUM(CAST(portcullis_e AS double precision)) ", elements!(), ")")
            }
            ArrayFunction::Sum => concat!("(SELECT SUM(portcullis_e) ", elements!(), ")"),
            ArrayFunction::Slice => concat!(
                "CASE WHEN {0} IS NOT NULL THEN ARRAY(SELECT portcullis_e ",
                elements!(),
                " WHERE portcullis_o >= {1} AND portcullis_o < {2} ORDER BY portcullis_o) END"
            ),
        };
        self.template(template, args)
    }

    fn jsonb_array(&mut self, function: ArrayFunction, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        if let (Some(first), Some(RxKind::Source { .. })) = (args.first_mut(), operands.first().map(Rx::kind)) {
            *first = cast_to(first.clone(), "jsonb");
        }
        self.value_as_json(function, operands, &mut args)?;
        let template = match function {
            ArrayFunction::Length => of_jsonb!("CAST(jsonb_array_length({0}) AS bigint)"),
            ArrayFunction::Contains => of_jsonb!(
                "CASE WHEN {1} IS NOT NULL THEN EXISTS (SELECT 1 ",
                jsonb_elements!(),
                " WHERE portcullis_e = {1}) END"
            ),
            ArrayFunction::Position => {
                of_jsonb!("(SELECT MIN(portcullis_o) ", jsonb_elements!(), " WHERE portcullis_e = {1})")
            }
            ArrayFunction::Append => of_jsonb!("{0} || jsonb_build_array({1})"),
            ArrayFunction::Prepend => of_jsonb!("jsonb_build_array({1}) || {0}"),
            ArrayFunction::Remove => of_jsonb!(
                "CASE WHEN {1} IS NOT NULL THEN coalesce((SELECT jsonb_agg(portcullis_e ORDER BY portcullis_o) ",
                jsonb_elements!(),
                " WHERE portcullis_e <> {1}), '[]') END"
            ),
            ArrayFunction::Distinct => of_jsonb!(
                "coalesce((SELECT jsonb_agg(portcullis_e ORDER BY portcullis_o) FROM (SELECT portcullis_e, MIN(portcullis_o) AS portcullis_o ",
                jsonb_elements!(),
                " GROUP BY portcullis_e) AS portcullis_d), '[]')"
            ),
            ArrayFunction::Sort => of_jsonb!(
                "coalesce((SELECT jsonb_agg(portcullis_e ORDER BY ",
                jsonb_order!(""),
                ") ",
                jsonb_elements!(),
                "), '[]')"
            ),
            ArrayFunction::Min => of_jsonb!(
                "(SELECT portcullis_e ",
                jsonb_elements!(),
                " WHERE jsonb_typeof(portcullis_e) IN ('number', 'string') ORDER BY ",
                jsonb_order!(""),
                " LIMIT 1)"
            ),
            ArrayFunction::Max => of_jsonb!(
                "(SELECT portcullis_e ",
                jsonb_elements!(),
                " WHERE jsonb_typeof(portcullis_e) IN ('number', 'string') ORDER BY ",
                jsonb_order!(" DESC"),
                " LIMIT 1)"
            ),
            ArrayFunction::Sum => of_jsonb!(
                "(SELECT SUM(CAST(portcullis_e AS double precision)) ",
                jsonb_elements!(),
                " WHERE jsonb_typeof(portcullis_e) = 'number')"
            ),
            ArrayFunction::Slice => of_jsonb!(
                "coalesce((SELECT jsonb_agg(portcullis_e ORDER BY portcullis_o) ",
                jsonb_elements!(),
                " WHERE portcullis_o >= {1} AND portcullis_o < {2}), '[]')"
            ),
        };
        self.template(template, args)
    }

    fn mysql_array(&mut self, function: ArrayFunction, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        let simple = matches!(function, ArrayFunction::Length | ArrayFunction::Append | ArrayFunction::Prepend);
        if self.target.dialect == Dialect::MySql && !simple {
            let message = format!(
                "MySQL has no exact way for `{}`; read the array, and do it in the program",
                crate::expr::Function::from(function).name()
            );
            return Err(Error::new(ErrorKind::Unsupported, "function.unsupported", message));
        }
        if let (ArrayFunction::Contains | ArrayFunction::Position | ArrayFunction::Remove, [_, value], [_, arg]) =
            (function, operands, args.as_slice())
        {
            let element = self.probe()?;
            let same = self.is_value(element, value, arg.clone())?;
            args.push(same);
        } else {
            self.value_as_json(function, operands, &mut args)?;
        }
        let template = match function {
            ArrayFunction::Length => of_json!("JSON_LENGTH({0})"),
            ArrayFunction::Contains => {
                of_json!("CASE WHEN {1} IS NOT NULL THEN EXISTS (SELECT 1 ", table_elements!(), " WHERE {2}) END")
            }
            ArrayFunction::Position => {
                of_json!(
                    "CASE WHEN {1} IS NOT NULL THEN (SELECT MIN(portcullis_o) ",
                    table_elements!(),
                    " WHERE {2}) END"
                )
            }
            ArrayFunction::Append => of_json!("JSON_ARRAY_APPEND({0}, '$', {1})"),
            ArrayFunction::Prepend => of_json!("JSON_ARRAY_INSERT({0}, '$[0]', {1})"),
            ArrayFunction::Remove => {
                let whole = joined!("portcullis_o", " WHERE NOT {2}");
                return self.pieces(
                    &[Piece::Text("CASE WHEN {1} IS NOT NULL THEN "), Piece::Text(whole), Piece::Text(" END")],
                    args,
                );
            }
            ArrayFunction::Distinct => joined!(
                "portcullis_o",
                concat!(
                    " WHERE NOT EXISTS (SELECT 1 FROM JSON_TABLE({0}, '$[*]' COLUMNS (portcullis_p FOR ORDINALITY, portcullis_f JSON PATH '$')) \
                     AS portcullis_s WHERE portcullis_p < portcullis_o AND ",
                    same_json!("portcullis_f", "portcullis_e"),
                    ")"
                )
            ),
            ArrayFunction::Sort => joined!(table_order!(""), ""),
            ArrayFunction::Min => of_json!(
                "(SELECT portcullis_e ",
                table_elements!(),
                " WHERE JSON_TYPE(portcullis_e) IN ('INTEGER', 'DOUBLE', 'STRING') ORDER BY ",
                table_order!(""),
                " LIMIT 1)"
            ),
            ArrayFunction::Max => of_json!(
                "(SELECT portcullis_e ",
                table_elements!(),
                " WHERE JSON_TYPE(portcullis_e) IN ('INTEGER', 'DOUBLE', 'STRING') ORDER BY ",
                table_order!(" DESC"),
                " LIMIT 1)"
            ),
            ArrayFunction::Sum => of_json!(
                "(SELECT SUM(CAST(portcullis_e AS DOUBLE)) ",
                table_elements!(),
                " WHERE JSON_TYPE(portcullis_e) IN ('INTEGER', 'DOUBLE'))"
            ),
            ArrayFunction::Slice => joined!("portcullis_o", " WHERE portcullis_o >= {1} AND portcullis_o < {2}"),
        };
        self.template(template, args)
    }

    fn sqlite_array(&mut self, function: ArrayFunction, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        self.value_as_json(function, operands, &mut args)?;
        let template = match function {
            ArrayFunction::Length => "CASE json_type({0}) WHEN 'array' THEN json_array_length({0}) END",
            ArrayFunction::Contains => {
                "CASE WHEN json_type({0}) = 'array' AND {1} IS NOT NULL THEN portcullis_array_position({0}, {1}) IS NOT NULL END"
            }
            ArrayFunction::Position => "portcullis_array_position({0}, {1})",
            ArrayFunction::Append => "CASE json_type({0}) WHEN 'array' THEN json_insert({0}, '$[#]', {1}) END",
            ArrayFunction::Prepend => "portcullis_array_prepend({0}, {1})",
            ArrayFunction::Remove => "portcullis_array_remove({0}, {1})",
            ArrayFunction::Distinct => "portcullis_array_distinct({0})",
            ArrayFunction::Sort => "portcullis_array_sort({0})",
            ArrayFunction::Min => "portcullis_array_min({0})",
            ArrayFunction::Max => "portcullis_array_max({0})",
            ArrayFunction::Sum => "portcullis_array_sum({0})",
            ArrayFunction::Slice => "portcullis_array_slice({0}, {1}, {2})",
        };
        self.template(template, args)
    }

    /// The value that is looked for or added, as JSON; one that is added is JSON's null where it is NULL.
    fn value_as_json(&mut self, function: ArrayFunction, operands: &[Rx], args: &mut [Expr]) -> Result<()> {
        let adds = match function {
            ArrayFunction::Append | ArrayFunction::Prepend => true,
            ArrayFunction::Contains | ArrayFunction::Position | ArrayFunction::Remove => false,
            _ => return Ok(()),
        };
        if let ([_, value], [_, arg]) = (operands, args) {
            *arg = self.json_of(value, arg.clone(), adds)?;
        }
        Ok(())
    }
}
