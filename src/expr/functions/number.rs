//! Functions of numbers.

use super::methods;
use crate::expr::{Expr, NumberFunction};

methods! { NumberFamily;
    /// The number without its sign, of its own type; NULL stays NULL.
    ///
    /// SQL text: `ABS("c")`.
    fn abs(number) {
        Expr::call(NumberFunction::Abs, [number])
    }
}
