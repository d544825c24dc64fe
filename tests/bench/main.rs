//! Benchmarks: `cargo bench --manifest-path tests/bench/Cargo.toml -- compile` (or `point`: `postgres` and `sqlite`); see README.md beside this file.
//!
//! `profile WHAT TIMES` does one thing that many times, for a profiler that counts instructions.

mod audit;
mod bulk;
mod compile;
mod limits;
mod measure;
mod point;
#[path = "../it/support/mod.rs"]
mod support;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("profile") {
        return compile::profile(&std::env::args().skip(2).collect::<Vec<_>>());
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let asked = |names: &[&str]| wanted.is_empty() || wanted.iter().any(|name| names.contains(&name.as_str()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if asked(&["compile"]) {
        compile::run(runtime.handle());
    }
    if asked(&["audit"]) {
        audit::append(runtime.handle());
        audit::verify(runtime.handle());
    }
    if asked(&["limits"]) {
        limits::local(runtime.handle());
        limits::shared(runtime.handle());
    }
    if asked(&["compile", "shapes"]) {
        compile::shapes(runtime.handle());
    }
    if asked(&["point", "postgres"]) {
        runtime.block_on(point::on_postgres());
    }
    if asked(&["point", "sqlite"]) {
        runtime.block_on(point::on_sqlite());
    }
    if asked(&["bulk"]) {
        runtime.block_on(bulk::on_postgres());
        runtime.block_on(bulk::on_sqlite());
        runtime.block_on(bulk::on_mariadb());
    }
}
