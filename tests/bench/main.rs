//! Benchmarks: `cargo bench --manifest-path tests/bench/Cargo.toml -- compile` (or `point`); see README.md beside this file.

mod compile;
mod measure;
mod point;
#[path = "../it/support/mod.rs"]
mod support;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let all = wanted.is_empty();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if all || wanted.iter().any(|name| name == "compile") {
        compile::run(runtime.handle());
    }
    if all || wanted.iter().any(|name| name == "point") {
        runtime.block_on(point::run());
    }
}
