//! Whoever could make a guarded plan or compiled text by hand could leave the guard out.

use portcullis::compile::CompiledQuery; //~ private
use portcullis::policy::GuardedPlan; //~ private
use portcullis::query::Verb; //~ private
use portcullis::schema::ResolvedPlan; //~ private
use portcullis::db::driver::Statement; //~ private

fn main() {}
