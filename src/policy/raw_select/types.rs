//! The types that raw SQL on a read-only handle may cast to: a cast to a type of the user's own runs the user's code.

use sqlparser::ast::{ArrayElemTypeDef, DataType, ObjectName, ObjectNamePart};

/// Types that the parser has no node for.
#[rustfmt::skip]
const NAMED: &[&str] = &[
    "bpchar", "box", "cidr", "circle", "citext", "daterange", "hstore", "inet", "int4range", "int8range", "line", "lseg", "ltree",
    "macaddr", "macaddr8", "money", "name", "numrange", "oid", "path", "point", "polygon", "timetz", "timestamptz", "tsrange",
    "tstzrange", "xid", "year",
];

/// Names of types that take a size in parentheses.
#[rustfmt::skip]
const SIZED: &[&str] = &[
    "binary", "bit", "blob", "bpchar", "char", "character", "datetime", "dec", "decimal", "double", "float", "int", "integer",
    "nchar", "nvarchar", "numeric", "real", "text", "time", "timestamp", "timestamptz", "timetz", "varbinary", "varbit", "varchar",
    "varying",
];

/// True for a type name that a parenthesis may follow.
pub(super) fn is_sized(name: &str) -> bool {
    SIZED.contains(&name)
}

/// True for a type of the database itself.
pub(super) fn is_allowed(mut data_type: &DataType) -> bool {
    loop {
        return match data_type {
            DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _) | ArrayElemTypeDef::Qualified(inner, _)) => {
                data_type = inner;
                continue;
            }
            DataType::Custom(name, modifiers) => modifiers.is_empty() && is_named(name),
            DataType::Character(_)
            | DataType::Char(_)
            | DataType::CharacterVarying(_)
            | DataType::CharVarying(_)
            | DataType::Varchar(_)
            | DataType::Nvarchar(_)
            | DataType::Uuid
            | DataType::CharacterLargeObject(_)
            | DataType::CharLargeObject(_)
            | DataType::Clob(_)
            | DataType::Binary(_)
            | DataType::Varbinary(_)
            | DataType::Blob(_)
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::Dec(_)
            | DataType::Float(_)
            | DataType::TinyInt(_)
            | DataType::Int2(_)
            | DataType::SmallInt(_)
            | DataType::MediumInt(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Int8(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::Signed
            | DataType::SignedInteger
            | DataType::Unsigned
            | DataType::UnsignedInteger
            | DataType::Float4
            | DataType::Real
            | DataType::Float8
            | DataType::Double(_)
            | DataType::DoublePrecision
            | DataType::Bool
            | DataType::Boolean
            | DataType::Date
            | DataType::Time(_, _)
            | DataType::Datetime(_)
            | DataType::Timestamp(_, _)
            | DataType::Interval { .. }
            | DataType::JSON
            | DataType::JSONB
            | DataType::Text
            | DataType::Bytea
            | DataType::Bit(_)
            | DataType::BitVarying(_)
            | DataType::VarBit(_)
            | DataType::GeometricType(_)
            | DataType::TsVector
            | DataType::TsQuery => true,
            _ => false,
        };
    }
}

fn is_named(name: &ObjectName) -> bool {
    let part = match name.0.as_slice() {
        [ObjectNamePart::Identifier(only)] => only,
        [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(last)]
            if schema.value.eq_ignore_ascii_case("pg_catalog") =>
        {
            last
        }
        _ => return false,
    };
    part.quote_style.is_none() && NAMED.contains(&part.value.to_ascii_lowercase().as_str())
}
