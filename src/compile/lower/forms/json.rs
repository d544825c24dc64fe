//! Functions of JSON.
//!
//! A path is one bound text in the language that MySQL, SQLite and jsonpath share, `$."name"[0]`, and on PostgreSQL a chain of `->` where that is
//! exact. The names in it are written as JSON writes strings, which all of them read so.

use sea_query::Expr;

use super::Lowering;
use crate::compile::lower::expr::{cast_to, place_of};
use crate::compile::lower::template::Piece;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::{JsonFunction, JsonPath, JsonStep};
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};
use crate::value::Value;

/// Whether two JSON numbers are the same. SQL: JSON_EQUALS reads a lone number beyond its end in MariaDB 10.11 (`1e0` after `-0.5` as 1e05); a double
/// tells numbers of any size apart roughly, a decimal those close to each other.
macro_rules! same_number {
    ($one:literal, $other:literal) => {
        concat!(
            "JSON_TYPE(",
            $one,
            ") IN ('INTEGER', 'DOUBLE') AND CAST(",
            $one,
            " AS DOUBLE) = CAST(",
            $other,
            " AS DOUBLE) AND CAST(",
            $one,
            " AS DECIMAL(65, 30)) = CAST(",
            $other,
            " AS DECIMAL(65, 30))"
        )
    };
}

/// Whether two JSON values are the same, on MariaDB.
macro_rules! same_json {
    ($one:literal, $other:literal) => {
        concat!(
            "CASE WHEN JSON_TYPE(",
            $one,
            ") IN ('INTEGER', 'DOUBLE') THEN JSON_TYPE(",
            $other,
            ") IN ('INTEGER', 'DOUBLE') AND ",
            same_number!($one, $other),
            " WHEN JSON_TYPE(",
            $one,
            ") <> JSON_TYPE(",
            $other,
            ") THEN FALSE WHEN JSON_TYPE(",
            $one,
            ") = 'STRING' THEN JSON_UNQUOTE(",
            $one,
            ") = JSON_UNQUOTE(",
            $other,
            ") COLLATE utf8mb4_nopad_bin WHEN JSON_TYPE(",
            $one,
            ") IN ('OBJECT', 'ARRAY') THEN JSON_EQUALS(",
            $one,
            ", ",
            $other,
            ") ELSE ",
            $one,
            " = ",
            $other,
            " END"
        )
    };
}

pub(super) use {same_json, same_number};

impl Lowering<'_> {
    pub(super) fn json_form(&mut self, function: &JsonFunction, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        self.check_path(function)?;
        if self.target.dialect == Dialect::Postgres {
            args = operands.iter().zip(args).map(|(operand, arg)| self.jsonb(operand, arg)).collect();
        }
        match function {
            JsonFunction::Get(path)
            | JsonFunction::Text(path)
            | JsonFunction::Int(path)
            | JsonFunction::Float(path)
            | JsonFunction::Bool(path) => match self.target.dialect {
                Dialect::Postgres => {
                    let value = self.extracted(args, &path.steps)?;
                    self.template(postgres_read(function), vec![value])
                }
                Dialect::MySql | Dialect::MariaDb => {
                    let value = self.extracted(args, &path.steps)?;
                    self.template(mysql_read(function, self.target.dialect), vec![value])
                }
                Dialect::Sqlite => {
                    args.push(self.path_text(&path.steps));
                    self.template(sqlite_read(function), args)
                }
            },
            JsonFunction::Length => self.template(
                match self.target.dialect {
                    Dialect::Postgres => {
                        "CASE jsonb_typeof({0}) WHEN 'array' THEN CAST(jsonb_array_length({0}) AS bigint) \
                         WHEN 'object' THEN CAST(jsonb_array_length(jsonb_path_query_array({0}, '$.*')) AS bigint) END"
                    }
                    Dialect::MySql | Dialect::MariaDb => {
                        "CASE WHEN JSON_TYPE({0}) IN ('ARRAY', 'OBJECT') THEN JSON_LENGTH({0}) END"
                    }
                    Dialect::Sqlite => "portcullis_json_length({0})",
                },
                args,
            ),
            JsonFunction::Type => self.template(
                match self.target.dialect {
                    Dialect::Postgres => "jsonb_typeof({0})",
                    Dialect::MySql | Dialect::MariaDb => {
                        "CASE JSON_TYPE({0}) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'STRING' THEN 'string' \
                         WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' WHEN 'INTEGER' THEN 'number' WHEN 'DOUBLE' THEN 'number' \
                         WHEN 'UNSIGNED INTEGER' THEN 'number' WHEN 'DECIMAL' THEN 'number' END"
                    }
                    Dialect::Sqlite => {
                        "CASE json_type({0}) WHEN 'object' THEN 'object' WHEN 'array' THEN 'array' WHEN 'text' THEN 'string' \
                         WHEN 'true' THEN 'boolean' WHEN 'false' THEN 'boolean' WHEN 'null' THEN 'null' WHEN 'integer' THEN 'number' \
                         WHEN 'real' THEN 'number' END"
                    }
                },
                args,
            ),
            JsonFunction::Keys => self.template(
                match self.target.dialect {
                    Dialect::Postgres => {
                        "CASE jsonb_typeof({0}) WHEN 'object' THEN coalesce((SELECT jsonb_agg(portcullis_k ORDER BY portcullis_k COLLATE \"C\") \
                         FROM jsonb_object_keys({0}) AS portcullis_t(portcullis_k)), '[]') END"
                    }
                    Dialect::MySql => {
                        "CASE WHEN JSON_TYPE({0}) = 'OBJECT' THEN CONCAT('[', IFNULL((SELECT GROUP_CONCAT(JSON_QUOTE(portcullis_k) \
                         ORDER BY portcullis_k COLLATE utf8mb4_0900_bin SEPARATOR ',') FROM JSON_TABLE(JSON_KEYS({0}), '$[*]' COLUMNS \
                         (portcullis_k LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS portcullis_t), ''), ']') END"
                    }
                    Dialect::MariaDb => {
                        "CASE WHEN JSON_TYPE({0}) = 'OBJECT' THEN CONCAT('[', IFNULL((SELECT GROUP_CONCAT(JSON_QUOTE(portcullis_k) \
                         ORDER BY portcullis_k COLLATE utf8mb4_nopad_bin SEPARATOR ',') FROM JSON_TABLE(JSON_KEYS({0}), '$[*]' COLUMNS \
                         (portcullis_k LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS portcullis_t), ''), ']') END"
                    }
                    Dialect::Sqlite => "portcullis_json_keys({0})",
                },
                args,
            ),
            JsonFunction::Contains => self.json_contains(operands, args),
            JsonFunction::Set(path) => self.json_changed(path, operands, args),
            JsonFunction::Remove(path) => self.json_changed(path, operands, args),
        }
    }

    /// SQL: MariaDB takes a minus at the start of a name for a sign, quoted or not, and gives NULL.
    fn check_path(&self, function: &JsonFunction) -> Result<()> {
        let steps = match function {
            JsonFunction::Get(path)
            | JsonFunction::Text(path)
            | JsonFunction::Int(path)
            | JsonFunction::Float(path)
            | JsonFunction::Bool(path)
            | JsonFunction::Set(path)
            | JsonFunction::Remove(path) => path.steps.as_slice(),
            _ => &[],
        };
        let unreadable = |step: &JsonStep| matches!(step, JsonStep::Key(name) if name.starts_with('-'));
        if self.target.dialect == Dialect::MariaDb && steps.iter().any(unreadable) {
            let message = "MariaDB can't reach a member of JSON whose name starts with `-`; read the object that holds it, and look in the program";
            return Err(Error::new(ErrorKind::Unsupported, "function.unsupported", message));
        }
        Ok(())
    }

    /// A column may be of the type json, which most functions don't take.
    fn jsonb(&self, operand: &Rx, arg: Expr) -> Expr {
        let may_be_json = operand.sql_type() == Some(SqlType::Json) && matches!(operand.kind(), RxKind::Source { .. });
        if may_be_json { cast_to(arg, "jsonb") } else { arg }
    }

    fn path_text(&mut self, steps: &[JsonStep]) -> Expr {
        let text = steps.iter().fold("$".to_owned(), |text, step| match step {
            JsonStep::Key(name) => format!("{text}.{}", serde_json::Value::from(name.as_str())),
            JsonStep::Index(place) => format!("{text}[{place}]"),
        });
        place_of(self.constant(Value::Text(text), SqlType::Text))
    }

    /// The value at a path, as JSON, on PostgreSQL and MySQL; the document is the first of `args`.
    fn extracted(&mut self, mut args: Vec<Expr>, steps: &[JsonStep]) -> Result<Expr> {
        args.truncate(1);
        if self.target.dialect == Dialect::Postgres {
            // SQL: `-> 0` takes a value that is no array for an array of it.
            if steps.contains(&JsonStep::Index(0)) {
                let path = steps.iter().fold("strict $".to_owned(), |text, step| match step {
                    JsonStep::Key(name) => format!("{text}.{}", serde_json::Value::from(name.as_str())),
                    JsonStep::Index(place) => format!("{text}[{place}]"),
                });
                args.push(place_of(self.constant(Value::Text(path), SqlType::Text)));
                return self.template("jsonb_path_query_first({0}, CAST({1} AS jsonpath), '{}', TRUE)", args);
            }
            let mut pieces = vec![Piece::Text("{0}")];
            for step in steps {
                pieces.push(Piece::Text(" -> "));
                match step {
                    JsonStep::Key(name) => {
                        let name = self.constant(Value::Text(name.clone()), SqlType::Text);
                        args.push(place_of(name));
                        pieces.push(Piece::Operand(args.len() - 1));
                    }
                    JsonStep::Index(place) => pieces.push(Piece::Literal((*place).into())),
                }
            }
            return self.pieces(&pieces, args);
        }
        args.push(self.path_text(steps));
        // SQL: `[0]` takes a value that is no array for an array of it.
        let mut arrays = Vec::new();
        for (position, step) in steps.iter().enumerate() {
            if *step == JsonStep::Index(0) {
                args.push(self.path_text(steps.get(..position).unwrap_or_default()));
                let before = if arrays.is_empty() { "CASE WHEN " } else { " AND " };
                arrays.extend([Piece::Text(before), Piece::Text("JSON_TYPE(JSON_EXTRACT({0}, ")]);
                arrays.extend([Piece::Operand(args.len() - 1), Piece::Text(")) = 'ARRAY'")]);
            }
        }
        if arrays.is_empty() {
            return self.template("JSON_EXTRACT({0}, {1})", args);
        }
        arrays.push(Piece::Text(" THEN JSON_EXTRACT({0}, {1}) END"));
        self.pieces(&arrays, args)
    }

    /// A text, number or boolean as JSON; JSON as it is. NULL is NULL, or JSON's null where `null` says so.
    pub(super) fn json_of(&mut self, operand: &Rx, arg: Expr, null: bool) -> Result<Expr> {
        let sql_type = operand.sql_type();
        let family = sql_type.map(SqlType::family);
        let template = match (self.target.dialect, family) {
            (Dialect::Postgres, Some(Family::Json)) if null => "coalesce({0}, 'null')",
            (Dialect::Postgres, Some(Family::Json)) => "{0}",
            (Dialect::Postgres, _) if sql_type == Some(SqlType::Float32) && null => {
                "coalesce(to_jsonb(CAST({0} AS double precision)), 'null')"
            }
            (Dialect::Postgres, _) if sql_type == Some(SqlType::Float32) => "to_jsonb(CAST({0} AS double precision))",
            (Dialect::Postgres, _) if null => "coalesce(to_jsonb({0}), 'null')",
            (Dialect::Postgres, _) => "to_jsonb({0})",
            // SQL: a text is taken for JSON where it comes from one of its functions.
            (Dialect::MySql | Dialect::MariaDb, Some(Family::Json)) if null => "JSON_EXTRACT(IFNULL({0}, 'null'), '$')",
            (Dialect::MySql | Dialect::MariaDb, Some(Family::Json)) => "JSON_EXTRACT({0}, '$')",
            (Dialect::MySql | Dialect::MariaDb, Some(Family::Bool)) if null => {
                "JSON_EXTRACT(CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' ELSE 'null' END, '$')"
            }
            (Dialect::MySql | Dialect::MariaDb, Some(Family::Bool)) => {
                "JSON_EXTRACT(CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END, '$')"
            }
            (Dialect::MySql | Dialect::MariaDb, _) if null => "JSON_EXTRACT(JSON_ARRAY({0}), '$[0]')",
            (Dialect::MySql | Dialect::MariaDb, _) => {
                "CASE WHEN {0} IS NOT NULL THEN JSON_EXTRACT(JSON_ARRAY({0}), '$[0]') END"
            }
            (Dialect::Sqlite, Some(Family::Json)) if null => "json(ifnull({0}, 'null'))",
            (Dialect::Sqlite, Some(Family::Json)) => "json({0})",
            (Dialect::Sqlite, Some(Family::Bool)) if null => {
                "json(CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' ELSE 'null' END)"
            }
            (Dialect::Sqlite, Some(Family::Bool)) => "json(CASE WHEN {0} THEN 'true' WHEN NOT {0} THEN 'false' END)",
            // SQL: json_quote writes seventeen digits, where fifteen are a decimal's own.
            (Dialect::Sqlite, _) if null => "json(ifnull(portcullis_to_json({0}), 'null'))",
            (Dialect::Sqlite, _) => "portcullis_to_json({0})",
        };
        let text = self.target.dialect.is_mysql_family() && family == Some(Family::Text);
        let arg = if text { self.collated(arg) } else { arg };
        self.template(template, vec![arg])
    }

    fn json_contains(&mut self, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        let (Some(value), Some(arg)) = (operands.get(1), args.pop()) else {
            return Err(Error::internal("lower.json_contains"));
        };
        let of_json = value.sql_type() == Some(SqlType::Json);
        match self.target.dialect {
            Dialect::MySql | Dialect::MariaDb if of_json => Err(Error::new(
                ErrorKind::Unsupported,
                "function.unsupported",
                format!(
                    "{} has another rule for JSON in JSON; look for a text, number or boolean, or compare members with `json_text` and the like",
                    self.target.dialect
                ),
            )),
            Dialect::MySql | Dialect::MariaDb => {
                args.push(arg.clone());
                let element = self.probe()?;
                let same = self.is_value(element, value, arg.clone())?;
                let document = args.first().cloned().ok_or_else(|| Error::internal("lower.json_contains"))?;
                let whole = self.is_value(document, value, arg)?;
                args.extend([same, whole]);
                self.template(
                    "CASE WHEN {0} IS NULL OR {1} IS NULL THEN NULL WHEN JSON_TYPE({0}) = 'ARRAY' THEN EXISTS (SELECT 1 FROM \
                     JSON_TABLE({0}, '$[*]' COLUMNS (portcullis_e JSON PATH '$')) AS portcullis_t WHERE {2}) ELSE {3} END",
                    args,
                )
            }
            Dialect::Postgres => {
                args.push(self.json_of(value, arg, false)?);
                self.template("{0} @> {1}", args)
            }
            Dialect::Sqlite => {
                args.push(self.json_of(value, arg, false)?);
                self.template("portcullis_json_contains({0}, {1})", args)
            }
        }
    }

    /// Whether the JSON `element` is the value, on MySQL and MariaDB.
    pub(super) fn is_value(&mut self, element: Expr, value: &Rx, arg: Expr) -> Result<Expr> {
        let family = value.sql_type().map(SqlType::family);
        if family == Some(Family::Text) {
            let exact = self.collated(arg);
            return self.template("JSON_TYPE({0}) = 'STRING' AND JSON_UNQUOTE({0}) = {1}", vec![element, exact]);
        }
        let json = self.json_of(value, arg, false)?;
        let template = match (self.target.dialect, family) {
            (Dialect::MariaDb, Some(Family::Number)) => same_number!("{0}", "{1}"),
            (Dialect::MariaDb, Some(Family::Json)) => same_json!("{0}", "{1}"),
            _ => "{0} = {1}",
        };
        self.template(template, vec![element, json])
    }

    /// The element of a JSON_TABLE; see `array`.
    pub(super) fn probe(&mut self) -> Result<Expr> {
        self.template("portcullis_e", Vec::new())
    }

    /// The document with another value at the path, or with none. What holds the value must be there, and of the right kind.
    fn json_changed(&mut self, path: &JsonPath, operands: &[Rx], mut args: Vec<Expr>) -> Result<Expr> {
        let dialect = self.target.dialect;
        let value = if args.len() > 1 { args.pop() } else { None };
        let sets = value.is_some();
        let (last, parent) = path.steps.split_last().ok_or_else(|| Error::internal("lower.json_path"))?;
        let place = match last {
            JsonStep::Index(place) => Some(*place),
            JsonStep::Key(_) => None,
        };
        let holder = match dialect {
            Dialect::Sqlite => self.path_text(parent),
            _ => self.extracted(args.clone(), parent)?,
        };
        args.push(holder);
        args.push(match dialect {
            Dialect::Postgres => {
                let steps = path.steps.iter().map(|step| match step {
                    JsonStep::Key(name) => Value::Text(name.clone()),
                    JsonStep::Index(place) => Value::Text(place.to_string()),
                });
                place_of(self.constant(Value::Array(steps.collect()), SqlType::Array(&SqlType::Text)))
            }
            _ => self.path_text(&path.steps),
        });
        if let (Some(value), Some(operand)) = (value, operands.get(1)) {
            args.push(self.json_of(operand, value, true)?);
        }
        let [object, array, length] = match dialect {
            Dialect::Postgres => [
                "CASE WHEN jsonb_typeof({1}) = 'object' THEN ",
                "CASE WHEN CASE jsonb_typeof({1}) WHEN 'array' THEN jsonb_array_length({1}) END > ",
                " THEN ",
            ],
            Dialect::MySql | Dialect::MariaDb => [
                "CASE WHEN JSON_TYPE({1}) = 'OBJECT' THEN ",
                "CASE WHEN JSON_TYPE({1}) = 'ARRAY' AND JSON_LENGTH({1}) > ",
                " THEN ",
            ],
            Dialect::Sqlite => [
                "CASE WHEN json_type({0}, {1}) = 'object' THEN ",
                "CASE WHEN json_type({0}, {1}) = 'array' AND json_array_length({0}, {1}) > ",
                " THEN ",
            ],
        };
        let change = match (dialect, sets) {
            (Dialect::Postgres, true) => "jsonb_set({0}, {2}, {3})",
            (Dialect::Postgres, false) => "{0} #- {2}",
            (Dialect::MySql | Dialect::MariaDb, true) => "JSON_SET({0}, {2}, {3})",
            (Dialect::MySql | Dialect::MariaDb, false) => "JSON_REMOVE({0}, {2})",
            (Dialect::Sqlite, true) => "json_set({0}, {2}, {3})",
            (Dialect::Sqlite, false) => "json_remove({0}, {2})",
        };
        let mut pieces = match place {
            Some(place) => vec![Piece::Text(array), Piece::Literal(place.into()), Piece::Text(length)],
            None => vec![Piece::Text(object)],
        };
        pieces.extend([Piece::Text(change), Piece::Text(" ELSE {0} END")]);
        self.pieces(&pieces, args)
    }
}

/// What is read of the JSON value `{0}`. SQL: in strict mode jsonpath doesn't look into arrays by itself.
fn postgres_read(function: &JsonFunction) -> &'static str {
    match function {
        JsonFunction::Text(_) => "jsonb_path_query_first({0}, 'strict $ ? (@.type() == \"string\")') #>> '{}'",
        JsonFunction::Int(_) => {
            "CAST(jsonb_path_query_first({0}, 'strict $ ? (@.type() == \"number\" && @.floor() == @ && @ >= -9223372036854775808 && \
             @ <= 9223372036854775807)') AS bigint)"
        }
        JsonFunction::Float(_) => {
            "CAST(jsonb_path_query_first({0}, 'strict $ ? (@.type() == \"number\" && @ < 1.7976931348623157e308 && \
             @ > -1.7976931348623157e308)') AS double precision)"
        }
        JsonFunction::Bool(_) => "CAST(jsonb_path_query_first({0}, 'strict $ ? (@.type() == \"boolean\")') AS boolean)",
        _ => "{0}",
    }
}

/// SQL: JSON is a type of its own on MySQL, and text on MariaDB. MySQL 9.7 casts a number beyond 63 bits to a decimal as if it had a sign.
fn mysql_read(function: &JsonFunction, dialect: Dialect) -> &'static str {
    match function {
        JsonFunction::Int(_) if dialect == Dialect::MySql => {
            "CASE WHEN JSON_TYPE({0}) IN ('INTEGER', 'DOUBLE', 'UNSIGNED INTEGER', 'DECIMAL') THEN CASE WHEN CAST(JSON_UNQUOTE({0}) AS \
             DECIMAL(65, 30)) = TRUNCATE(CAST(JSON_UNQUOTE({0}) AS DECIMAL(65, 30)), 0) AND CAST(JSON_UNQUOTE({0}) AS DECIMAL(65, 30)) BETWEEN \
             -9223372036854775808 AND 9223372036854775807 THEN CAST(CAST(JSON_UNQUOTE({0}) AS DECIMAL(65, 30)) AS SIGNED) END END"
        }
        JsonFunction::Bool(_) if dialect == Dialect::MySql => {
            "CASE WHEN JSON_TYPE({0}) = 'BOOLEAN' THEN JSON_UNQUOTE({0}) = 'true' END"
        }
        JsonFunction::Text(_) => "CASE WHEN JSON_TYPE({0}) = 'STRING' THEN JSON_UNQUOTE({0}) END",
        JsonFunction::Int(_) => {
            "CASE WHEN JSON_TYPE({0}) IN ('INTEGER', 'DOUBLE', 'UNSIGNED INTEGER', 'DECIMAL') THEN CASE WHEN CAST({0} AS DECIMAL(65, 30)) = \
             TRUNCATE(CAST({0} AS DECIMAL(65, 30)), 0) AND CAST({0} AS DECIMAL(65, 30)) BETWEEN -9223372036854775808 AND 9223372036854775807 \
             THEN CAST(CAST({0} AS DECIMAL(65, 30)) AS SIGNED) END END"
        }
        JsonFunction::Float(_) => {
            "CASE WHEN JSON_TYPE({0}) IN ('INTEGER', 'DOUBLE', 'UNSIGNED INTEGER', 'DECIMAL') AND ABS(CAST({0} AS DOUBLE)) < \
             1.7976931348623157e308 THEN CAST({0} AS DOUBLE) END"
        }
        JsonFunction::Bool(_) => "CASE WHEN JSON_TYPE({0}) = 'BOOLEAN' THEN {0} = 'true' END",
        _ => "{0}",
    }
}

/// `{0}` is the document, `{1}` the path. SQL: SQLite reads numbers with a point, and large ones, as doubles.
fn sqlite_read(function: &JsonFunction) -> &'static str {
    match function {
        JsonFunction::Text(_) => "CASE WHEN json_type({0}, {1}) = 'text' THEN json_extract({0}, {1}) END",
        JsonFunction::Int(_) => "portcullis_json_int({0} -> {1})",
        JsonFunction::Float(_) => {
            "CASE WHEN json_type({0}, {1}) IN ('integer', 'real') AND abs(CAST({0} ->> {1} AS REAL)) < 1.7976931348623157e308 THEN \
             CAST({0} ->> {1} AS REAL) END"
        }
        JsonFunction::Bool(_) => "CASE json_type({0}, {1}) WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END",
        _ => "{0} -> {1}",
    }
}
