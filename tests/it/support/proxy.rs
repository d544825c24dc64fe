//! A TCP proxy on loopback that breaks connections on demand.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does to all its connections, open and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    None,
    /// Holds each piece back for this long, in both directions.
    Delay(Duration),
    /// Takes connections and bytes, and passes nothing on until the fault ends.
    Blackhole,
    /// Breaks connections with RST.
    Reset,
    /// Ends connections with FIN.
    Close,
    /// Passes this many more bytes of each connection to the client, then ends it with FIN.
    Cut(usize),
    /// Passes this many more bytes of each connection to the server, then ends it with FIN.
    CutSent(usize),
}

/// A running proxy; it stops when dropped.
pub struct Proxy {
    pub port: u16,
    fault: watch::Sender<Fault>,
    passed: Arc<[AtomicUsize; 2]>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes connections on to `upstream`, both on 127.0.0.1.
    pub async fn start(upstream: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on loopback");
        let port = listener.local_addr().expect("an address").port();
        let (fault, watcher) = watch::channel(Fault::None);
        let passed = Arc::new([const { AtomicUsize::new(0) }; 2]);
        let counts = Arc::clone(&passed);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(relay(client, upstream, watcher.clone(), Arc::clone(&counts)));
            }
        });
        Proxy { port, fault, passed, task }
    }

    /// From now on, this.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many bytes went to the server and to the client so far, over all connections.
    pub fn passed(&self) -> (usize, usize) {
        (self.passed[0].load(Ordering::SeqCst), self.passed[1].load(Ordering::SeqCst))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Aborting the task drops the set of connections with it.
        self.task.abort();
    }
}

async fn relay(
    mut client: TcpStream,
    upstream: u16,
    fault: watch::Receiver<Fault>,
    passed: Arc<[AtomicUsize; 2]>,
) -> io::Result<()> {
    let ended = fault.clone();
    let mut server = {
        // A new connection under a blackhole waits before anything reaches the server.
        let mut fault = fault.clone();
        fault.wait_for(|fault| *fault != Fault::Blackhole).await.map_err(io::Error::other)?;
        TcpStream::connect(("127.0.0.1", upstream)).await?
    };
    // Small pieces go on at once, as without a proxy.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        _ = pump(from_client, to_server, fault.clone(), false, &passed[0]) => {}
        _ = pump(from_server, to_client, fault, true, &passed[1]) => {}
        _ = breaks(ended.clone()) => {}
    }
    if *ended.borrow() == Fault::Reset {
        client.set_zero_linger()?;
    }
    Ok(())
}

/// Ready as soon as the fault is one that breaks connections.
async fn breaks(mut fault: watch::Receiver<Fault>) {
    let _ = fault.wait_for(|fault| matches!(fault, Fault::Reset | Fault::Close)).await;
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut fault: watch::Receiver<Fault>,
    towards_client: bool,
    all: &AtomicUsize,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    // A new fault starts its count of bytes anew.
    let (mut last, mut passed) = (Fault::None, 0);
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read?,
            Ok(()) = fault.changed() => continue,
        };
        if read == 0 {
            return Ok(());
        }
        let now = *fault.wait_for(|fault| *fault != Fault::Blackhole).await.map_err(io::Error::other)?;
        if now != last {
            (last, passed) = (now, 0);
        }
        let limit = match now {
            Fault::Cut(most) if towards_client => Some(most),
            Fault::CutSent(most) if !towards_client => Some(most),
            _ => None,
        };
        if let Fault::Delay(time) = now {
            tokio::time::sleep(time).await;
        }
        let length = limit.map_or(read, |most| read.min(most - passed));
        to.write_all(&buffer[..length]).await?;
        passed += length;
        all.fetch_add(length, Ordering::SeqCst);
        if limit.is_some_and(|most| passed >= most) {
            return Ok(());
        }
    }
}
