//! One session, opened and closed: what the tests of connecting look at.

use std::time::Duration;

use super::{Dsn, Family, mysql, postgres};
use crate::db::driver::Session;
use crate::error::{Error, ErrorKind, Result};

impl Dsn {
    /// Opens one session as a handle would, notes what it says of itself, and closes it.
    #[doc(hidden)]
    pub async fn probe_session(
        &self,
        read_only: bool,
        statement_timeout: Option<Duration>,
        settings: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>> {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let session = Session { read_only, statement_timeout, connect_timeout: Duration::from_secs(20), settings };
        let unreadable =
            |_: sqlx::Error| Error::new(ErrorKind::Database, "connect.probe", "the session did not say how it is set");
        match self.family() {
            Family::Postgres => {
                let mut connection = postgres::connect(self, &session).await?;
                let names = "SELECT name, setting FROM pg_settings WHERE source IN ('session', 'client') \
                             OR name LIKE 'transaction_%' OR name LIKE 'app.%'";
                sqlx::query_as(names).fetch_all(&mut connection).await.map_err(unreadable)
            }
            Family::MySql => {
                let mut connection = mysql::connect(self, &session).await?;
                let all = "SELECT LOWER(VARIABLE_NAME), CAST(VARIABLE_VALUE AS CHAR) FROM information_schema.SESSION_VARIABLES";
                sqlx::query_as(all).fetch_all(&mut connection).await.map_err(unreadable)
            }
            Family::Sqlite => Ok(Vec::new()),
        }
    }
}
