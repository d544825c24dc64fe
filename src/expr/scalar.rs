//! Functions of text and of numbers, and those that choose between values.

use super::regexp::Regexp;

macro_rules! functions {
    ($(#[$meta:meta])* $family:ident; $($(#[$note:meta])* $variant:ident $(($($part:ty),*))? = $name:literal $(: $parts:tt)?,)*) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub(crate) enum $family {
            $($(#[$note])* $variant $(($($part),*))?,)*
        }

        impl $family {
            /// What the caller wrote.
            pub(crate) fn name(&self) -> &'static str {
                match self {
                    $($family::$variant $($parts)? => $name,)*
                }
            }
        }
    };
}

functions! {
    /// Functions of text.
    TextFunction;
    Upper = "upper",
    Lower = "lower",
    Initcap = "initcap",
    Trim = "trim",
    Ltrim = "ltrim",
    Rtrim = "rtrim",
    TrimChars(String) = "trim_chars": (..),
    LtrimChars(String) = "ltrim_chars": (..),
    RtrimChars(String) = "rtrim_chars": (..),
    Length = "length",
    OctetLength = "octet_length",
    /// Of a text and a start, or also a length.
    Substring = "substring",
    Left = "left",
    Right = "right",
    Position = "position",
    Replace = "replace",
    /// Characters, no two the same, and what each becomes: nothing, or another character.
    Translate(Vec<(char, Option<char>)>) = "translate": (..),
    /// The part's number, from 1; the separator is an operand.
    SplitPart(u32) = "split_part": (..),
    Concat = "concat",
    /// The separator is the first operand.
    ConcatWs = "concat_ws",
    Lpad = "lpad",
    Rpad = "rpad",
    Repeat = "repeat",
    Reverse = "reverse",
    Contains = "contains",
    StartsWith = "starts_with",
    EndsWith = "ends_with",
    RegexpMatch(Regexp) = "regexp_match": (..),
    /// With the number of the group that is taken.
    RegexpExtract(Regexp, usize) = "regexp_extract": (..),
    /// With the text that is put in.
    RegexpReplace(Regexp, String) = "regexp_replace": (..),
    Md5 = "md5",
    Sha256 = "sha256",
    Hex = "hex",
    Base64 = "base64",
    FromHex = "from_hex",
    FromBase64 = "from_base64",
}

functions! {
    /// Functions of numbers.
    NumberFunction;
    Abs = "abs",
    Sign = "sign",
    Ceil = "ceil",
    Floor = "floor",
    /// To so many digits after the point; below zero, before it.
    Round(i8) = "round": (..),
    Trunc(i8) = "trunc": (..),
    Power = "power",
    Sqrt = "sqrt",
    Cbrt = "cbrt",
    Exp = "exp",
    Ln = "ln",
    Log10 = "log10",
    Log2 = "log2",
    /// Of a number and a base.
    Log = "log",
    Sin = "sin",
    Cos = "cos",
    Tan = "tan",
    Asin = "asin",
    Acos = "acos",
    Atan = "atan",
    Atan2 = "atan2",
    Degrees = "degrees",
    Radians = "radians",
    Hypot = "hypot",
    Random = "random",
    /// Of a number, the low and the high end, and the number of buckets.
    WidthBucket = "width_bucket",
    BitAnd = "bit_and",
    BitOr = "bit_or",
    BitXor = "bit_xor",
    BitNot = "bit_not",
    ShiftLeft(u8) = "shift_left": (..),
    ShiftRight(u8) = "shift_right": (..),
}

functions! {
    /// Functions that compare or choose between values of any type.
    ChoiceFunction;
    Greatest = "greatest",
    Least = "least",
    IsNan = "is_nan",
    IsDistinctFrom = "is_distinct_from",
    IsNotDistinctFrom = "is_not_distinct_from",
}
