//! The connection to a Redis and the script that runs there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, Script, ServerErrorKind, TlsCertificates,
};
use tokio::time::timeout;

use super::redis::RedisLimits;
use crate::db::driver::BoxFuture;
use crate::hook::{Gcra, How, SharedCharge, SharedStore, Unreachable};

/// How long a store that was lost is left alone.
const PAUSE: Duration = Duration::from_millis(250);

/// The same arithmetic as in `hook/rate_limit/gcra.rs`. A moment is a number of microseconds, which a Lua number holds exactly, and of nanoseconds
/// beyond.
const SCRIPT: &str = include_str!("redis_limits.lua");

/// A Redis, connected to when it is needed.
pub(super) struct Link {
    limits: RedisLimits,
    script: Script,
    state: Mutex<State>,
    /// Held by the one who connects.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections, so that only the one that failed is dropped.
    number: u64,
    lost_until: Option<Instant>,
}

impl Link {
    pub(super) fn new(limits: RedisLimits) -> Link {
        let script = Script::new(SCRIPT);
        Link { limits, script, state: Mutex::default(), connecting: tokio::sync::Mutex::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that there is, or why none is to be had now.
    fn open(&self) -> Result<Option<(MultiplexedConnection, u64)>, Unreachable> {
        let state = self.state();
        match (&state.connection, state.lost_until) {
            (Some(connection), _) => Ok(Some((connection.clone(), state.number))),
            (None, Some(until)) if Instant::now() < until => Err(Unreachable),
            (None, _) => Ok(None),
        }
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), Unreachable> {
        if let Some(open) = self.open()? {
            return Ok(open);
        }
        let limit = self.limits.connect_timeout;
        let connect = async {
            let _connecting = self.connecting.lock().await;
            // Another may have connected, or failed to, in the meantime.
            if let Some(open) = self.open()? {
                return Ok(open);
            }
            let connected = timeout(limit, self.connect()).await;
            let mut state = self.state();
            match connected {
                Ok(Ok(connection)) => {
                    state.number = state.number.wrapping_add(1);
                    state.connection = Some(connection.clone());
                    state.lost_until = None;
                    Ok((connection, state.number))
                }
                _ => {
                    state.lost_until = Instant::now().checked_add(PAUSE);
                    tracing::warn!(target: "portcullis::limits", "the store of shared rate limits can't be connected to");
                    Err(Unreachable)
                }
            }
        };
        timeout(limit, connect).await.unwrap_or(Err(Unreachable))
    }

    async fn connect(&self) -> Result<MultiplexedConnection, RedisError> {
        let limits = &self.limits;
        let host = limits.host.as_str().to_owned();
        let address = match limits.tls {
            true => ConnectionAddr::TcpTls { host, port: limits.port, insecure: false, tls_params: None },
            false => ConnectionAddr::Tcp(host, limits.port),
        };
        let mut login = RedisConnectionInfo::default().set_db(limits.database).set_skip_set_lib_name();
        if let Some(user) = &limits.user {
            login = login.set_username(user.as_str());
        }
        if let Some(password) = limits.login() {
            login = login.set_password(password);
        }
        let info = address.into_connection_info()?.set_redis_settings(login);
        let client = match limits.tls {
            true => {
                with_a_provider();
                let client_tls = limits.identity();
                let client_tls =
                    client_tls.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
                let root_cert = limits.root.as_ref().map(|root| root.to_vec());
                Client::build_with_tls(info, TlsCertificates { client_tls, root_cert })?
            }
            false => Client::open(info)?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limits.connect_timeout))
            .set_response_timeout(Some(limits.answer_timeout));
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        charges: &[SharedCharge],
        how: How,
    ) -> Result<Vec<String>, RedisError> {
        let how = match how {
            How::Take => "take",
            How::Look => "look",
            How::Owe => "owe",
            How::OweIfHeld => "held",
        };
        let call = |command: &str, script: &str| {
            let mut call = redis::cmd(command);
            call.arg(script).arg(charges.len());
            for charge in charges {
                call.arg(format!("{{{}}}:{}", self.limits.prefix, hexadecimal(&charge.name)));
            }
            call.arg(how);
            for charge in charges {
                let rate = charge.rate;
                let own = rate.increment(charge.cost);
                let (asked, own, whole) = (parts(ahead_of(rate, charge)), parts(own), parts(rate.tolerance));
                call.arg(asked.0).arg(asked.1).arg(own.0).arg(own.1).arg(whole.0).arg(whole.1);
                call.arg(u8::from(charge.look)).arg(u8::from(charge.owes));
            }
            call
        };
        match call("EVALSHA", self.script.get_hash()).query_async(connection).await {
            // The server was started anew, or its scripts were flushed.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                call("EVAL", SCRIPT).query_async(connection).await
            }
            answer => answer,
        }
    }
}

impl SharedStore for Link {
    fn ask(&self, charges: Vec<SharedCharge>, how: How) -> BoxFuture<'_, Result<Vec<u64>, Unreachable>> {
        Box::pin(async move {
            let (mut connection, number) = self.connection().await?;
            let answer = timeout(self.limits.answer_timeout, self.run(&mut connection, &charges, how)).await;
            let waits = answer.ok().and_then(Result::ok).and_then(|waits| {
                let waits: Option<Vec<u64>> = waits.iter().map(|wait| nanoseconds(wait)).collect();
                waits.filter(|waits| waits.len() == charges.len())
            });
            waits.ok_or_else(|| {
                let mut state = self.state();
                if state.number == number && state.connection.take().is_some() {
                    state.lost_until = Instant::now().checked_add(PAUSE);
                    tracing::warn!(target: "portcullis::limits", "the store of shared rate limits did not answer");
                }
                Unreachable
            })
        })
    }

    fn describe(&self) -> String {
        format!("{:?}", self.limits)
    }
}

/// What a charge asks for: its own units and those of the ones before it.
fn ahead_of(rate: Gcra, charge: &SharedCharge) -> u64 {
    rate.increment(charge.ahead.saturating_add(charge.cost))
}

/// Microseconds and the nanoseconds beyond.
fn parts(nanoseconds: u64) -> (u64, u64) {
    (nanoseconds / 1_000, nanoseconds % 1_000)
}

/// The script's answer, `microseconds:nanoseconds`.
fn nanoseconds(text: &str) -> Option<u64> {
    let (micro, nano) = text.split_once(':')?;
    micro.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(nano.parse().ok()?)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// rustls asks for one provider of cryptography in the process; a program that has chosen one keeps it.
fn with_a_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
