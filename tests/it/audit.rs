//! The audit's promises: what is written, that nothing runs without it, and that nobody changes it unseen.

mod faults;
mod kill;
mod record;
mod sinks;
mod table;
mod tamper;

use portcullis::{AuditKey, AuditVerifier};

const SECRET: &str = "5d1c0e7a9b3f48268c4e1f0a7d2b6395";

fn key() -> AuditKey {
    AuditKey::new("2026", SECRET).unwrap()
}

fn verifier() -> AuditVerifier {
    AuditVerifier::new().key(key())
}
