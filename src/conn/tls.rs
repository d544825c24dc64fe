//! What is proved about the server before anything secret is sent, and with which certificates.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, ErrorKind, Result};

/// How much is demanded of the server. Everything but the first is set by `danger`, or by `sslmode=disable` on a loopback
/// host or a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsPolicy {
    /// A chain to a trusted root and a certificate for this host name.
    Verify,
    /// A chain to a trusted root; any host name.
    AnyHostName,
    /// Encryption with whoever answers.
    AnyCertificate,
    /// No encryption.
    Plaintext,
}

/// Certificates in PEM, given in memory or as a file that is read for each new connection, so that one can be renewed in
/// place.
#[derive(Clone)]
pub(super) enum Certificates {
    Memory(Arc<[u8]>),
    File(PathBuf),
}

/// What proves this client to the server.
#[derive(Clone)]
pub(super) struct ClientIdentity {
    pub(super) certificate: Certificates,
    pub(super) key: Key,
}

/// A private key in PEM. It has no `Debug` on purpose.
#[derive(Clone)]
pub(super) enum Key {
    Memory(SecretString),
    File(PathBuf),
}

/// What a driver is given, read and checked.
pub(super) struct Material {
    /// Empty when there is no root of the caller's.
    pub(super) root: Vec<u8>,
    pub(super) client: Option<(Vec<u8>, SecretString)>,
}

impl Material {
    pub(super) async fn load(root: Option<&Certificates>, client: Option<&ClientIdentity>) -> Result<Material> {
        let root = match root {
            None => Vec::new(),
            Some(root) => {
                let pem = root.load("root certificate").await?;
                check_roots(&pem)?;
                pem
            }
        };
        let client = match client {
            None => None,
            Some(ClientIdentity { certificate, key }) => {
                let certificate = certificate.load("client certificate").await?;
                let key = match key {
                    Key::Memory(key) => key.clone(),
                    Key::File(path) => {
                        let bytes = read(path.clone(), "client key").await?;
                        SecretString::from(String::from_utf8(bytes).map_err(|_| no_key())?)
                    }
                };
                check_client(&certificate, &key)?;
                Some((certificate, key))
            }
        };
        Ok(Material { root, client })
    }
}

impl Certificates {
    async fn load(&self, what: &'static str) -> Result<Vec<u8>> {
        match self {
            Certificates::Memory(pem) => Ok(pem.to_vec()),
            Certificates::File(path) => read(path.clone(), what).await,
        }
    }
}

async fn read(path: PathBuf, what: &'static str) -> Result<Vec<u8>> {
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(cause)) => {
            Err(Error::new(ErrorKind::Io, "tls.file", format!("the {what} file can't be read")).with_source(cause))
        }
        Err(_) => Err(Error::new(ErrorKind::Io, "tls.file", format!("the {what} file can't be read"))),
    }
}

/// At least one certificate, all of them fit to be a trusted root. The driver would take none at all in silence.
pub(super) fn check_roots(pem: &[u8]) -> Result<()> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "root certificate")? {
        roots.add(certificate).map_err(|_| {
            Error::new(ErrorKind::Tls, "tls.root_certificate", "a root certificate can't be used as a trusted root")
        })?;
    }
    Ok(())
}

/// At least one certificate, and one private key.
pub(super) fn check_client(certificate: &[u8], key: &SecretString) -> Result<()> {
    certificates(certificate, "client certificate")?;
    PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map(drop).map_err(|_| no_key())
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    let all: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err(Error::new(
            ErrorKind::Tls,
            "tls.pem",
            format!("the {what} holds no PEM block `-----BEGIN CERTIFICATE-----`"),
        )),
        Err(_) => Err(Error::new(ErrorKind::Tls, "tls.pem", format!("the {what} is not well-formed PEM"))),
    }
}

fn no_key() -> Error {
    Error::new(ErrorKind::Tls, "tls.pem", "the client key holds no PEM block with a private key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_garbled_root_is_refused_and_a_real_one_taken() {
        let root = rcgen::generate_simple_self_signed(vec!["db.example".into()]).unwrap();
        check_roots(root.cert.pem().as_bytes()).unwrap();
        for bad in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n", &root.signing_key.serialize_pem()] {
            assert_eq!(check_roots(bad.as_bytes()).unwrap_err().kind(), ErrorKind::Tls, "{bad}");
        }
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(check_roots(hollow.as_bytes()).unwrap_err().code(), "tls.root_certificate");
    }

    #[test]
    fn a_client_certificate_needs_its_private_key() {
        let client = rcgen::generate_simple_self_signed(vec!["reporter".into()]).unwrap();
        let (certificate, key) = (client.cert.pem(), client.signing_key.serialize_pem());
        check_client(certificate.as_bytes(), &key.clone().into()).unwrap();
        assert_eq!(check_client(certificate.as_bytes(), &certificate.clone().into()).unwrap_err().code(), "tls.pem");
        assert_eq!(check_client(key.as_bytes(), &key.clone().into()).unwrap_err().code(), "tls.pem");
    }
}
