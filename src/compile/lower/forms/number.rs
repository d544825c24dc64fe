//! Functions of numbers.

use sea_query::Expr;

use super::super::expr::{cast_to, place_of};
use super::Lowering;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::expr::NumberFunction;
use crate::schema::{Rx, RxKind};
use crate::types::{Family, SqlType};
use crate::value::Value;

impl Lowering<'_> {
    pub(super) fn number_form(&mut self, function: &NumberFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        use NumberFunction as F;
        match function {
            F::Abs | F::Sign | F::Ceil | F::Floor | F::Round(_) | F::Trunc(_) => {
                self.kept_form(function, operands, args)
            }
            F::BitAnd | F::BitOr | F::BitXor | F::BitNot | F::ShiftLeft(_) | F::ShiftRight(_) => {
                self.bit_form(function, operands, args)
            }
            F::Random => self.template(
                match self.target.dialect {
                    Dialect::Postgres => "RANDOM()",
                    Dialect::MySql | Dialect::MariaDb => "RAND()",
                    Dialect::Sqlite => "(RANDOM() & 9007199254740991) / 9007199254740992.0",
                },
                args,
            ),
            _ => self.double_form(function, operands, args),
        }
    }

    /// Functions whose result is of the operand's kind.
    fn kept_form(&mut self, function: &NumberFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        use Dialect::{MariaDb, MySql, Postgres, Sqlite};
        use NumberFunction as F;
        let number = operands.first().and_then(Rx::sql_type);
        let mut args = self.widened(operands, args);
        let whole = number.is_some_and(SqlType::is_integer);
        let float = number.is_some_and(SqlType::is_float);
        if let F::Round(digits @ ..0) | F::Trunc(digits @ ..0) = function
            && self.target.dialect.is_mysql_family()
            && whole
        {
            return self.whole_tens(matches!(function, F::Round(_)), digits.unsigned_abs(), args);
        }
        let template = match (function, self.target.dialect) {
            (F::Round(..0), Postgres) if number == Some(SqlType::UInt64) => "ROUND(CAST({0} AS numeric), {1})",
            (F::Trunc(..0), Postgres) if number == Some(SqlType::UInt64) => "TRUNC(CAST({0} AS numeric), {1})",
            (F::Round(..0), Postgres) if whole => "CAST(ROUND(CAST({0} AS numeric), {1}) AS bigint)",
            (F::Trunc(..0), Postgres) if whole => "CAST(TRUNC(CAST({0} AS numeric), {1}) AS bigint)",
            (F::Ceil | F::Floor | F::Round(0..) | F::Trunc(0..), _) if whole => {
                args.truncate(1);
                "{0}"
            }
            (F::Abs, _) => "ABS({0})",
            (F::Sign, Postgres) => "CAST(SIGN({0}) AS bigint)",
            (F::Sign, MySql | MariaDb) => "SIGN({0})",
            (F::Sign, Sqlite) => "portcullis_sign({0})",
            (F::Ceil, Sqlite) => "portcullis_ceil({0})",
            (F::Floor, Sqlite) => "portcullis_floor({0})",
            (F::Ceil, Postgres) => "CEIL({0})",
            (F::Floor, Postgres) => "FLOOR({0})",
            // SQL: MySQL gives a bigint for a decimal that is short enough.
            (F::Ceil, _) if float => "CEILING({0})",
            (F::Floor, _) if float => "FLOOR({0})",
            (F::Ceil, _) => "CAST(CEILING({0}) AS DECIMAL(65, 0))",
            (F::Floor, _) => "CAST(FLOOR({0}) AS DECIMAL(65, 0))",
            (F::Round(_), Sqlite) => "portcullis_round({0}, {1})",
            (F::Trunc(_), Sqlite) => "portcullis_trunc({0}, {1})",
            // SQL: PostgreSQL rounds a double half to even, and to whole numbers only. As text it has the digits that stand for it; a cast
            // would keep 15 of them.
            (F::Round(_), Postgres) if float => {
                "CAST(ROUND(CAST(CAST({0} AS text) AS numeric), {1}) AS double precision)"
            }
            (F::Trunc(_), Postgres) if float => {
                "CAST(TRUNC(CAST(CAST({0} AS text) AS numeric), {1}) AS double precision)"
            }
            (F::Round(_), Postgres) => "ROUND({0}, {1})",
            (F::Trunc(_), Postgres) => "TRUNC({0}, {1})",
            // SQL: no double beyond 36 digits has one that counts among the last 18, as the shortest decimal is written.
            (F::Round(..0), MySql | MariaDb) if float => {
                "CASE WHEN ABS({0}) < 1e35 THEN CAST(ROUND(CAST({0} AS DECIMAL(65, 30)), {1}) AS DOUBLE) ELSE {0} END"
            }
            (F::Trunc(..0), MySql | MariaDb) if float => {
                "CASE WHEN ABS({0}) < 1e35 THEN CAST(TRUNCATE(CAST({0} AS DECIMAL(65, 30)), {1}) AS DOUBLE) ELSE {0} END"
            }
            // SQL: from 2 to the power of 53 on every double is whole, and many are beyond a decimal.
            (F::Round(_), _) if float => {
                "CASE WHEN ABS({0}) < 9007199254740992 THEN CAST(ROUND(CAST({0} AS DECIMAL(65, 30)), {1}) AS DOUBLE) ELSE {0} END"
            }
            (F::Trunc(_), _) if float => {
                "CASE WHEN ABS({0}) < 9007199254740992 THEN CAST(TRUNCATE(CAST({0} AS DECIMAL(65, 30)), {1}) AS DOUBLE) ELSE {0} END"
            }
            (F::Round(_), _) => "ROUND({0}, {1})",
            (_, _) => "TRUNCATE({0}, {1})",
        };
        if template == "{0}" {
            return args.pop().ok_or_else(|| Error::internal("form.operands"));
        }
        self.template(template, args)
    }

    /// An integer rounded or cut to tens, hundreds and so on.
    ///
    /// SQL: MySQL's ROUND wraps around at the ends of a bigint, where `+` is an error.
    fn whole_tens(&mut self, rounds: bool, zeros: u8, mut args: Vec<Expr>) -> Result<Expr> {
        let unit = 10_i64.checked_pow(zeros.into()).ok_or_else(|| Error::internal("form.digits"))?;
        args.truncate(1);
        for number in [unit, unit / 2] {
            let bind = self.constant(Value::Int(number), SqlType::Int64);
            args.push(place_of(bind));
        }
        if !rounds {
            args.truncate(2);
            return self.template("{0} - {0} % {1}", args);
        }
        let template = "{0} - {0} % {1} + CASE WHEN ABS({0} % {1}) < {2} THEN 0 WHEN {0} < 0 THEN 0 - {1} ELSE {1} END";
        self.template(template, args)
    }

    /// Functions of doubles.
    fn double_form(&mut self, function: &NumberFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        use Dialect::{MariaDb, MySql, Postgres, Sqlite};
        use NumberFunction as F;
        let dialect = self.target.dialect;
        // What SQLite is handed, its functions of ours read as a double.
        let args = if dialect == Sqlite { args } else { self.doubles(function, operands, args) };
        // SQL: outside of what a function is defined for PostgreSQL raises an error, MySQL mostly gives NULL.
        let template = match (function, dialect) {
            (F::Power, Postgres | MySql | MariaDb) => {
                "CASE WHEN ({0} <> 0 OR {1} >= 0) AND ({0} >= 0 OR {1} = FLOOR({1})) THEN POWER({0}, {1}) END"
            }
            (F::Sqrt, Postgres) => "CASE WHEN {0} >= 0 THEN SQRT({0}) END",
            (F::Cbrt, Postgres) => "CBRT({0})",
            (F::Cbrt, MySql | MariaDb) => "SIGN({0}) * POWER(ABS({0}), 1e0 / 3)",
            // SQL: where the result is too small for a double PostgreSQL raises an error.
            (F::Exp, Postgres | MySql | MariaDb) => "CASE WHEN {0} < -708 THEN 0e0 ELSE EXP({0}) END",
            (F::Ln, Postgres) => "CASE WHEN {0} > 0 THEN LN({0}) END",
            (F::Log10, Postgres) => "CASE WHEN {0} > 0 THEN LOG10({0}) END",
            (F::Log2, Postgres) => "CASE WHEN {0} > 0 THEN LN({0}) / LN(CAST(2 AS double precision)) END",
            (F::Log, Postgres | MySql | MariaDb) => {
                "CASE WHEN {0} > 0 AND {1} > 0 AND {1} <> 1 THEN LN({0}) / LN({1}) END"
            }
            (F::Asin, Postgres) => "CASE WHEN {0} BETWEEN -1 AND 1 THEN ASIN({0}) END",
            (F::Acos, Postgres) => "CASE WHEN {0} BETWEEN -1 AND 1 THEN ACOS({0}) END",
            (F::Hypot, Postgres | MySql | MariaDb) => "SQRT({0} * {0} + {1} * {1})",
            (F::WidthBucket, Postgres) => {
                "CASE WHEN {0} < {1} THEN 0 WHEN {0} >= {2} THEN {3} + 1 WHEN {0} >= {1} THEN LEAST(CAST(FLOOR(({0} - {1}) / ({2} - {1}) * {3}) AS \
                 bigint) + 1, {3}) END"
            }
            (F::WidthBucket, MySql | MariaDb) => {
                "CASE WHEN {0} < {1} THEN 0 WHEN {0} >= {2} THEN {3} + 1 WHEN {0} >= {1} THEN LEAST(CAST(FLOOR(({0} - {1}) / ({2} - {1}) * {3}) AS \
                 SIGNED) + 1, {3}) END"
            }
            (F::WidthBucket, Sqlite) => "portcullis_width_bucket({0}, {1}, {2}, {3})",
            (F::Power, Sqlite) => "portcullis_power({0}, {1})",
            (F::Log, Sqlite) => "portcullis_log({0}, {1})",
            (F::Hypot, Sqlite) => "portcullis_hypot({0}, {1})",
            (F::Atan2, Sqlite) => "portcullis_atan2({0}, {1})",
            (F::Atan2, _) => "ATAN2({0}, {1})",
            (F::Sqrt, Sqlite) => "portcullis_sqrt({0})",
            (F::Cbrt, Sqlite) => "portcullis_cbrt({0})",
            (F::Exp, Sqlite) => "portcullis_exp({0})",
            (F::Ln, Sqlite) => "portcullis_ln({0})",
            (F::Log10, Sqlite) => "portcullis_log10({0})",
            (F::Log2, Sqlite) => "portcullis_log2({0})",
            (F::Sin, Sqlite) => "portcullis_sin({0})",
            (F::Cos, Sqlite) => "portcullis_cos({0})",
            (F::Tan, Sqlite) => "portcullis_tan({0})",
            (F::Asin, Sqlite) => "portcullis_asin({0})",
            (F::Acos, Sqlite) => "portcullis_acos({0})",
            (F::Atan, Sqlite) => "portcullis_atan({0})",
            (F::Degrees, Sqlite) => "portcullis_degrees({0})",
            (F::Radians, Sqlite) => "portcullis_radians({0})",
            (F::Sqrt, _) => "SQRT({0})",
            (F::Ln, _) => "LN({0})",
            (F::Log10, _) => "LOG10({0})",
            (F::Log2, _) => "LOG2({0})",
            (F::Sin, _) => "SIN({0})",
            (F::Cos, _) => "COS({0})",
            (F::Tan, _) => "TAN({0})",
            (F::Asin, _) => "ASIN({0})",
            (F::Acos, _) => "ACOS({0})",
            (F::Atan, _) => "ATAN({0})",
            (F::Degrees, _) => "DEGREES({0})",
            (F::Radians, _) => "RADIANS({0})",
            _ => return Err(Error::internal("form.number")),
        };
        self.template(template, args)
    }

    /// Functions of the bits of signed integers.
    fn bit_form(&mut self, function: &NumberFunction, operands: &[Rx], args: Vec<Expr>) -> Result<Expr> {
        use Dialect::{MariaDb, MySql, Postgres, Sqlite};
        use NumberFunction as F;
        let args = match function {
            F::ShiftLeft(_) | F::ShiftRight(_) => {
                let mut args = args.into_iter();
                let (Some(number), Some(bits)) = (args.next(), args.next()) else {
                    return Err(Error::internal("form.operands"));
                };
                self.widened(operands, vec![number]).into_iter().chain([bits]).collect()
            }
            _ => self.widened(operands, args),
        };
        // SQL: MySQL computes with unsigned integers, so that what moves down is no sign.
        let template = match (function, self.target.dialect) {
            (F::BitAnd, MySql | MariaDb) => "CAST({0} & {1} AS SIGNED)",
            (F::BitOr, MySql | MariaDb) => "CAST({0} | {1} AS SIGNED)",
            (F::BitXor, MySql | MariaDb) => "CAST({0} ^ {1} AS SIGNED)",
            (F::BitNot, MySql | MariaDb) => "CAST(~{0} AS SIGNED)",
            (F::ShiftLeft(_), MySql | MariaDb) => "CAST({0} << {1} AS SIGNED)",
            (F::ShiftRight(_), MySql | MariaDb) => {
                "CAST(CASE WHEN {0} < 0 THEN ~(~{0} >> {1}) ELSE {0} >> {1} END AS SIGNED)"
            }
            (F::BitAnd, _) => "{0} & {1}",
            (F::BitOr, _) => "{0} | {1}",
            (F::BitXor, Postgres) => "{0} # {1}",
            (F::BitXor, Sqlite) => "({0} | {1}) - ({0} & {1})",
            (F::BitNot, _) => "~{0}",
            (F::ShiftLeft(_), _) => "{0} << {1}",
            _ => "{0} >> {1}",
        };
        self.template(template, args)
    }

    /// Integers in 64 bits, where PostgreSQL has them in fewer or as a numeric, and single floats as doubles.
    fn widened(&mut self, operands: &[Rx], args: Vec<Expr>) -> Vec<Expr> {
        if self.target.dialect != Dialect::Postgres {
            return args;
        }
        let one = |(position, arg): (usize, Expr)| match operands.get(position) {
            // The number of digits, which PostgreSQL takes in 32 bits.
            Some(rx)
                if position > 0 && matches!(rx.kind(), RxKind::Bind(_)) && rx.sql_type() == Some(SqlType::Int32) =>
            {
                arg
            }
            Some(rx) => match rx.sql_type() {
                Some(SqlType::Int16 | SqlType::Int32) => cast_to(arg, "bigint"),
                Some(SqlType::Int64) if self.may_be_numeric(rx) => cast_to(arg, "bigint"),
                Some(SqlType::Float32) => cast_to(arg, self.caps.double),
                _ => arg,
            },
            None => arg,
        };
        args.into_iter().enumerate().map(one).collect()
    }

    /// Numbers as doubles.
    fn doubles(&mut self, function: &NumberFunction, operands: &[Rx], args: Vec<Expr>) -> Vec<Expr> {
        let buckets = *function == NumberFunction::WidthBucket;
        let one = |(position, arg): (usize, Expr)| match operands.get(position).and_then(Rx::sql_type) {
            Some(SqlType::Float64) => arg,
            Some(found) if found.family() == Family::Number && !(buckets && position == 3) => {
                cast_to(arg, self.caps.double)
            }
            _ => arg,
        };
        args.into_iter().enumerate().map(one).collect()
    }
}
