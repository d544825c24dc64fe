//! Passwords: fixed ones, and providers that are asked again for each new connection.

use std::future::Future;
use std::sync::Arc;

use secrecy::SecretString;

use crate::db::driver::BoxFuture;
use crate::error::{Error, ErrorKind, Result};

/// Gives the password for a new connection.
///
/// It is asked once for each connection that is opened, never for one that is reused, so a password that rotates is taken
/// up without a restart. Its time counts towards the connect timeout. A closure that returns such a future is one too.
///
/// ```
/// use portcullis::{Dsn, Result, SecretProvider, SecretString};
///
/// struct Vault;
///
/// impl SecretProvider for Vault {
///     async fn password(&self) -> Result<SecretString> {
///         Ok(SecretString::from("fetched from the vault"))
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let dsn = Dsn::parse("postgres://reporter@db.example/sales")?.with_password_provider(Vault);
/// # Ok(())
/// # }
/// ```
pub trait SecretProvider: Send + Sync + 'static {
    /// The password to use now.
    ///
    /// # Errors
    ///
    /// What the provider finds wrong; [`Error::refused`] makes one. The connection is then not opened.
    fn password(&self) -> impl Future<Output = Result<SecretString>> + Send;
}

impl<F, Fut> SecretProvider for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<SecretString>> + Send,
{
    async fn password(&self) -> Result<SecretString> {
        self().await
    }
}

/// Where the password of a connection comes from. It has no `Debug` on purpose.
#[derive(Clone)]
pub(super) enum Password {
    None,
    Fixed(SecretString),
    Provider(Arc<dyn ErasedProvider>),
}

impl Password {
    pub(super) fn provider(provider: impl SecretProvider) -> Self {
        Password::Provider(Arc::new(provider))
    }

    /// In words, for `Debug`.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Password::None => "none",
            Password::Fixed(_) => "[redacted]",
            Password::Provider(_) => "[from a provider]",
        }
    }

    /// The password for one new connection.
    pub(super) async fn ask(&self) -> Result<Option<SecretString>> {
        match self {
            Password::None => Ok(None),
            Password::Fixed(secret) => Ok(Some(secret.clone())),
            Password::Provider(provider) => provider.ask().await.map(Some).map_err(|cause| {
                Error::new(ErrorKind::Auth, "connect.secret", "the secret provider gave no password").with_source(cause)
            }),
        }
    }
}

/// [`SecretProvider`] with its future boxed, so that a DSN needs no type parameter.
pub(super) trait ErasedProvider: Send + Sync {
    fn ask(&self) -> BoxFuture<'_, Result<SecretString>>;
}

impl<P: SecretProvider> ErasedProvider for P {
    fn ask(&self) -> BoxFuture<'_, Result<SecretString>> {
        Box::pin(self.password())
    }
}
