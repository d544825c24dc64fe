//! One time limit around all of connecting, and a net under the driver.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;

use crate::error::{Error, ErrorKind, Result};

/// Runs `work` for at most `limit`; a connection that is half open is closed with it.
///
/// The driver reads a server's greeting without checking its length first and panics on a short one. That happens before
/// the server has proved anything, so it becomes an error here.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    match tokio::time::timeout(limit, AssertUnwindSafe(Box::pin(work)).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Error::new(
            ErrorKind::Connect,
            "connect.protocol",
            "what the server sent while connecting is not its protocol",
        )),
        Err(_elapsed) => Err(Error::new(
            ErrorKind::Timeout,
            "connect.timeout",
            format!("connecting took longer than {} ms", limit.as_millis()),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_connect_times_out_and_a_panicking_one_is_an_error() {
        let slow = within(Duration::from_millis(5), std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!((slow.kind(), slow.code()), (ErrorKind::Timeout, "connect.timeout"));
        let broken = within::<()>(Duration::from_secs(5), async { panic!("short greeting") }).await.unwrap_err();
        assert_eq!(broken.code(), "connect.protocol");
        assert_eq!(within(Duration::from_secs(5), async { Ok(7) }).await.unwrap(), 7);
    }
}
