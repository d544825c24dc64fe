//! Functions of JSON, and the ways into a document.

use crate::error::{Error, ErrorKind, Result};

/// Functions of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum JsonFunction {
    Get(JsonPath),
    Text(JsonPath),
    Int(JsonPath),
    Float(JsonPath),
    Bool(JsonPath),
    Length,
    Type,
    Keys,
    /// A document and a value.
    Contains,
    /// A document and a value.
    Set(JsonPath),
    Remove(JsonPath),
}

impl JsonFunction {
    pub(super) fn name(&self) -> &'static str {
        match self {
            JsonFunction::Get(_) => "json_get",
            JsonFunction::Text(_) => "json_text",
            JsonFunction::Int(_) => "json_int",
            JsonFunction::Float(_) => "json_float",
            JsonFunction::Bool(_) => "json_bool",
            JsonFunction::Length => "json_length",
            JsonFunction::Type => "json_type",
            JsonFunction::Keys => "json_keys",
            JsonFunction::Contains => "json_contains",
            JsonFunction::Set(_) => "json_set",
            JsonFunction::Remove(_) => "json_remove",
        }
    }
}

/// A way into a document, from its root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct JsonPath {
    pub(crate) steps: Vec<JsonStep>,
}

/// One step into a JSON document: a member of an object by its name, or an element of an array by its place.
///
/// ```
/// use portcullis::{JsonStep, col};
/// // `items[0].name` of a document, written out or as a list.
/// let name = col("doc").json_text(("items", 0, "name"));
/// let steps: Vec<JsonStep> = vec!["items".into(), 0_u32.into(), "name".into()];
/// let same = col("doc").json_text(steps);
/// # let _ = (name, same);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonStep {
    /// The member of exactly this name, of an object: dots, quotes and `$` have no special meaning.
    Key(String),
    /// The element at this place, from 0, of an array.
    Index(u32),
}

impl From<&str> for JsonStep {
    fn from(key: &str) -> JsonStep {
        JsonStep::Key(key.to_owned())
    }
}

impl From<String> for JsonStep {
    fn from(key: String) -> JsonStep {
        JsonStep::Key(key)
    }
}

impl From<u32> for JsonStep {
    fn from(index: u32) -> JsonStep {
        JsonStep::Index(index)
    }
}

/// What leads into a JSON document: the name of a member, the place of an element from 0, a tuple or list of these, or `()` for the whole.
/// The trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no way into a JSON document",
    note = "write a member's name `\"a\"`, an element's place `0`, a tuple `(\"a\", 0, \"b\")`, a list of names, or `()` for the whole"
)]
pub trait IntoJsonPath: sealed::Sealed {
    #[doc(hidden)]
    fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()>;
}

mod sealed {
    pub trait Sealed {}
}

/// How many steps a path may have, and how many bytes a name.
const MAX_STEPS: usize = 100;
const MAX_NAME: usize = 1000;

impl JsonPath {
    pub(super) fn new(path: impl IntoJsonPath) -> Result<JsonPath> {
        let mut steps = Vec::new();
        path.add_to(&mut steps)?;
        let is_fit = |step: &JsonStep| match step {
            JsonStep::Key(name) => name.len() <= MAX_NAME && !name.chars().any(char::is_control),
            JsonStep::Index(_) => true,
        };
        if steps.len() > MAX_STEPS || !steps.iter().all(is_fit) {
            let message = format!(
                "a path into JSON has at most {MAX_STEPS} steps, and a name in it {MAX_NAME} bytes without control characters"
            );
            return Err(Error::new(ErrorKind::Plan, "expr.json_path", message));
        }
        Ok(JsonPath { steps })
    }
}

macro_rules! names {
    ($($rust:ty),*) => {$(
        impl sealed::Sealed for $rust {}
        impl IntoJsonPath for $rust {
            fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()> {
                steps.push(JsonStep::Key(self.into()));
                Ok(())
            }
        }
    )*};
}

names!(&str, String);

macro_rules! places {
    ($($rust:ty),*) => {$(
        impl sealed::Sealed for $rust {}
        impl IntoJsonPath for $rust {
            fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()> {
                let place = u32::try_from(self).ok().filter(|place| i32::try_from(*place).is_ok());
                let place = place.ok_or_else(|| {
                    let message = "a place in a JSON array counts from 0 and is no negative number; of the last element read the length first";
                    Error::new(ErrorKind::Plan, "expr.json_path", message)
                })?;
                steps.push(JsonStep::Index(place));
                Ok(())
            }
        }
    )*};
}

places!(i32, i64, u32, u64, usize);

impl sealed::Sealed for JsonStep {}
impl IntoJsonPath for JsonStep {
    fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()> {
        match self {
            JsonStep::Key(name) => name.add_to(steps),
            JsonStep::Index(place) => place.add_to(steps),
        }
    }
}

impl<P: IntoJsonPath> sealed::Sealed for Vec<P> {}
impl<P: IntoJsonPath> IntoJsonPath for Vec<P> {
    fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()> {
        self.into_iter().try_for_each(|step| step.add_to(steps))
    }
}

impl<P: IntoJsonPath, const N: usize> sealed::Sealed for [P; N] {}
impl<P: IntoJsonPath, const N: usize> IntoJsonPath for [P; N] {
    fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()> {
        self.into_iter().try_for_each(|step| step.add_to(steps))
    }
}

macro_rules! tuples {
    ($(($($step:ident),*);)*) => {$(
        impl<$($step: IntoJsonPath),*> sealed::Sealed for ($($step,)*) {}
        impl<$($step: IntoJsonPath),*> IntoJsonPath for ($($step,)*) {
            #[allow(non_snake_case, unused_variables, reason = "the types' names serve for their values; the empty tuple has none")]
            fn add_to(self, steps: &mut Vec<JsonStep>) -> Result<()> {
                let ($($step,)*) = self;
                $($step.add_to(steps)?;)*
                Ok(())
            }
        }
    )*};
}

tuples! {
    ();
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
    (A, B, C, D, E);
    (A, B, C, D, E, F);
}
