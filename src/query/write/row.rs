//! Rows of the program: tuples, arrays and vectors.

use crate::types::SqlType;
use crate::value::packed::{PackedRows, pack};
use crate::value::{Bind, ToValue};

/// Values of one row, by position: a tuple, an array or a vector. The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no row of values",
    note = "write (1, \"Ada\", None::<i32>), an array, or a vector of values of one type"
)]
pub trait IntoRow: sealed::Sealed {
    #[doc(hidden)]
    fn into_row(self) -> Row;

    /// The same as [`types`](IntoRow::types), at no cost.
    #[doc(hidden)]
    const TYPES: Option<&'static [SqlType]> = None;

    /// Adds the row to others of its types; only where `TYPES` tells them.
    #[doc(hidden)]
    fn pack(self, rows: &mut PackedRows)
    where
        Self: Sized,
    {
        let _ = rows;
    }

    /// The types of its values, where the type of the row tells.
    #[doc(hidden)]
    fn types() -> Option<Vec<SqlType>>
    where
        Self: Sized,
    {
        None
    }
}

/// A row on its way into a statement.
#[doc(hidden)]
pub struct Row(pub(crate) Vec<Bind>);

mod sealed {
    pub trait Sealed {}
}

fn bind<T: ToValue>(value: T) -> Bind {
    Bind { value: value.to_value(), sql_type: T::SQL_TYPE }
}

impl<T: ToValue, const N: usize> sealed::Sealed for [T; N] {}
impl<T: ToValue, const N: usize> IntoRow for [T; N] {
    fn into_row(self) -> Row {
        Row(self.into_iter().map(bind).collect())
    }

    const TYPES: Option<&'static [SqlType]> = Some(&[T::SQL_TYPE; N]);

    #[inline]
    fn pack(self, rows: &mut PackedRows) {
        let mut columns = rows.columns.iter_mut();
        self.into_iter().for_each(|value| pack(value, &mut columns));
        rows.end_row();
    }

    fn types() -> Option<Vec<SqlType>> {
        Some(vec![T::SQL_TYPE; N])
    }
}

impl<T: ToValue> sealed::Sealed for Vec<T> {}
impl<T: ToValue> IntoRow for Vec<T> {
    fn into_row(self) -> Row {
        Row(self.into_iter().map(bind).collect())
    }
}

macro_rules! rows {
    ($($name:ident)+) => {
        impl<$($name: ToValue),+> sealed::Sealed for ($($name,)+) {}
        #[expect(non_snake_case, reason = "the macro names each variable after its type")]
        impl<$($name: ToValue),+> IntoRow for ($($name,)+) {
            fn into_row(self) -> Row {
                let ($($name,)+) = self;
                Row(vec![$(bind($name)),+])
            }

            const TYPES: Option<&'static [SqlType]> = Some(&[$($name::SQL_TYPE),+]);

            #[inline]
            fn pack(self, rows: &mut PackedRows) {
                let ($($name,)+) = self;
                let mut columns = rows.columns.iter_mut();
                $(pack($name, &mut columns);)+
                rows.end_row();
            }

            fn types() -> Option<Vec<SqlType>> {
                Some(vec![$($name::SQL_TYPE),+])
            }
        }
    };
}

rows!(A);
rows!(A B);
rows!(A B C);
rows!(A B C D);
rows!(A B C D E);
rows!(A B C D E F);
rows!(A B C D E F G);
rows!(A B C D E F G H);
rows!(A B C D E F G H I);
rows!(A B C D E F G H I J);
rows!(A B C D E F G H I J K);
rows!(A B C D E F G H I J K L);
rows!(A B C D E F G H I J K L M);
rows!(A B C D E F G H I J K L M N);
rows!(A B C D E F G H I J K L M N O);
rows!(A B C D E F G H I J K L M N O P);
