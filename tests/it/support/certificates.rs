//! The certificates of one test run, made anew each time.

use std::path::Path;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// A certificate and its key, as PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// Everything that the TLS tests need: one authority that is trusted, another that is not, and what they signed.
pub struct Certificates {
    /// The trusted authority's certificate.
    pub ca: String,
    /// An authority that no server certificate comes from.
    pub other_ca: String,
    /// For `localhost`, 127.0.0.1 and ::1.
    pub server: Pair,
    /// For another host.
    pub wrong_host: Pair,
    /// For the right host, until 2021.
    pub expired: Pair,
    /// A client certificate whose name is [`super::CERTIFICATE_ROLE`].
    pub client: Pair,
    /// A client certificate of that name from the other authority.
    pub other_client: Pair,
}

/// The certificates of this process.
pub fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(Certificates::make)
}

impl Certificates {
    fn make() -> Certificates {
        let here = ["localhost", "127.0.0.1", "::1"];
        let ca = authority("Test CA");
        let other = authority("Another CA");
        Certificates {
            ca: ca.pem(),
            other_ca: other.pem(),
            server: leaf(&ca, "server", &here, ExtendedKeyUsagePurpose::ServerAuth, 2200),
            wrong_host: leaf(&ca, "server", &["db.example.org"], ExtendedKeyUsagePurpose::ServerAuth, 2200),
            expired: leaf(&ca, "server", &here, ExtendedKeyUsagePurpose::ServerAuth, 2021),
            client: leaf(&ca, super::CERTIFICATE_ROLE, &[], ExtendedKeyUsagePurpose::ClientAuth, 2200),
            other_client: leaf(&other, super::CERTIFICATE_ROLE, &[], ExtendedKeyUsagePurpose::ClientAuth, 2200),
        }
    }

    /// Writes all of them to `folder`, as `ca.pem`, `client.pem`, `client.key` and so on.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("ca.pem"), &self.ca)?;
        std::fs::write(folder.join("other_ca.pem"), &self.other_ca)?;
        let pairs = [
            ("server", &self.server),
            ("wrong_host", &self.wrong_host),
            ("expired", &self.expired),
            ("client", &self.client),
            ("other_client", &self.other_client),
        ];
        for (name, pair) in pairs {
            std::fs::write(folder.join(format!("{name}.pem")), &pair.certificate)?;
            let key = folder.join(format!("{name}.key"));
            std::fs::write(&key, &pair.key)?;
            // PostgreSQL refuses a key that others may read.
            std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        Ok(())
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    CertifiedIssuer::self_signed(params, key()).expect("a certificate authority")
}

fn leaf(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    hosts: &[&str],
    purpose: ExtendedKeyUsagePurpose,
    last_year: i32,
) -> Pair {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("host names");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = key();
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    Pair { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}
