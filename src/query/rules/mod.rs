//! Rules for what is written into a table, before anything is sent: what a [`Validator`] holds. `policy/validation` applies them.

mod column;
mod compare;
mod stripped;
mod validator;

pub(crate) use column::missing as required_column;
pub use column::{Rules, rules};
pub use stripped::Stripped;
pub(crate) use stripped::note as note_stripped;
pub(crate) use validator::{Check, CheckKind, DeclaredRules};
pub use validator::{IntoValidator, RowValues, Validator};
