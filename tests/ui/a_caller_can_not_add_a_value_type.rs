//! The trait is sealed: a type of the caller's could otherwise decide what is bound for it.

use portcullis::{SqlType, ToValue, Value};

struct Card;

impl ToValue for Card { //~ sealed
    const SQL_TYPE: SqlType = SqlType::Text;
    fn to_value(self) -> Value {
        Value::Null
    }
}

fn main() {}
