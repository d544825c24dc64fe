//! The positive twin of the cases beside it: what is refused there is refused for its own sake.

use portcullis::ToValue;

fn bind(_: impl ToValue) {}

fn main() {
    bind(42_i64);
    bind("text");
    bind(String::from("text"));
    bind(Some(1.5_f64));
    bind(None::<bool>);
}
