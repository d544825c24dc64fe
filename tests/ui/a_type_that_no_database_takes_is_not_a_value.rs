//! What can't be bound is refused with a sentence that says what can.

use portcullis::ToValue;

struct Card;

fn bind(_: impl ToValue) {}

fn main() {
    bind(42);
    bind("text");
    bind(Card); //~ `Card` can't be bound as a value
}
