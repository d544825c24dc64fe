//! The password goes in and does not come out: not by a field, a method, printing, or a comparison.

use portcullis::{Dsn, SecretString};

fn read(dsn: Dsn, secret: SecretString) {
    let _ = dsn.password; //~ no field `password`
    let _ = dsn.password(); //~ no method named `password`
    println!("{secret}"); //~ doesn't implement
    let _ = dsn == dsn; //~ binary operation `==` cannot be applied
    let _ = dsn.expose_secret(); //~ no method named `expose_secret`
    let _: String = dsn.into(); //~ is not satisfied
}

fn main() {}
