//! Servers that only say what a test tells them, and keep every byte that the client sends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::authority::{Authority, Leaf};

/// What the client sent.
#[derive(Default)]
pub struct Heard {
    /// On the wire, before any TLS of the server's.
    pub plain: Vec<u8>,
    /// Inside TLS, once its handshake was done.
    pub inside: Vec<u8>,
    /// The server's TLS handshake was done.
    pub handshake_done: bool,
}

impl Heard {
    pub fn holds(&self, text: &str) -> bool {
        let found = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        found(&self.plain) || found(&self.inside)
    }
}

pub struct Fake {
    pub port: u16,
    thread: JoinHandle<Heard>,
}

impl Fake {
    /// Takes one connection and runs `script` on it.
    pub fn start(script: impl FnOnce(&mut TcpStream, &mut Heard) -> std::io::Result<()> + Send + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
            let mut heard = Heard::default();
            // An error is the client going away, which is what most tests want.
            let _ = script(&mut stream, &mut heard);
            heard
        });
        Fake { port, thread }
    }

    pub fn heard(self) -> Heard {
        self.thread.join().unwrap()
    }
}

/// Reads what comes next, at most once, into `heard.plain`.
pub fn listen(stream: &mut TcpStream, heard: &mut Heard) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer)?;
    heard.plain.extend_from_slice(&buffer[..read]);
    if read == 0 { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
}

/// Reads until the client leaves or falls silent.
pub fn listen_to_end(stream: &mut TcpStream, heard: &mut Heard) -> std::io::Result<()> {
    loop {
        listen(stream, heard)?;
    }
}

/// Says `text` and listens until the client leaves: the shape of most servers that strip TLS.
pub fn say(text: Vec<u8>) -> impl FnOnce(&mut TcpStream, &mut Heard) -> std::io::Result<()> {
    move |stream, heard| {
        stream.write_all(&text)?;
        listen_to_end(stream, heard)
    }
}

/// PostgreSQL's SSLRequest: length 8, code 80877103.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// PostgreSQL: `AuthenticationCleartextPassword`.
pub const ASK_CLEARTEXT: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 3];

/// PostgreSQL: an `ErrorResponse` with SQLSTATE 28P01 whose message is `message`.
pub fn postgres_error(message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C28P01\0M{message}\0\0");
    let mut packet = vec![b'E'];
    packet.extend((fields.len() as u32 + 4).to_be_bytes());
    packet.extend(fields.as_bytes());
    packet
}

/// Listens for the SSLRequest, then answers with `answer`.
pub fn after_ssl_request(answer: Vec<u8>) -> impl FnOnce(&mut TcpStream, &mut Heard) -> std::io::Result<()> {
    move |stream, heard| {
        listen(stream, heard)?;
        stream.write_all(&answer)?;
        listen_to_end(stream, heard)
    }
}

fn mysql_packet(sequence: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = (body.len() as u32).to_le_bytes()[..3].to_vec();
    packet.push(sequence);
    packet.extend(body);
    packet
}

/// MySQL's greeting, with or without the SSL capability.
pub fn greeting(tls: bool) -> Vec<u8> {
    // LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION | PLUGIN_AUTH.
    let mut low: u16 = 0x0001 | 0x0002 | 0x0004 | 0x0008 | 0x0200 | 0x2000 | 0x8000;
    if tls {
        low |= 0x0800;
    }
    let mut body = b"\x0a8.0.99\0\x01\0\0\0abcdefgh\0".to_vec();
    body.extend(low.to_le_bytes());
    body.push(45);
    body.extend([2, 0]);
    body.extend(0x0008_u16.to_le_bytes());
    body.push(21);
    body.extend([0; 10]);
    body.extend(b"ijklmnopqrst\0mysql_native_password\0");
    mysql_packet(0, &body)
}

/// MySQL: a request to switch to the plugin that sends the password as it is.
pub fn ask_clear_password(sequence: u8) -> Vec<u8> {
    mysql_packet(sequence, b"\xfemysql_clear_password\0abcdefghijklmnopqrst\0")
}

/// MySQL: error 1045 whose message is `message`.
pub fn mysql_error(sequence: u8, message: &str) -> Vec<u8> {
    let mut body = b"\xff\x15\x04#28000".to_vec();
    body.extend(message.as_bytes());
    mysql_packet(sequence, &body)
}

/// A PostgreSQL server with TLS that asks for the password in clear text and then refuses it.
pub fn postgres_with_tls(leaf: &Leaf, clients: Option<&Authority>) -> Fake {
    let config = config(leaf, clients);
    Fake::start(move |stream, heard| {
        listen(stream, heard)?;
        stream.write_all(b"S")?;
        let mut tls = accept(stream, &config, heard)?;
        hear_inside(&mut tls, heard)?;
        tls.write_all(&ASK_CLEARTEXT)?;
        hear_inside(&mut tls, heard)?;
        tls.write_all(&postgres_error("wrong"))?;
        hear_inside(&mut tls, heard)
    })
}

/// A MySQL server with TLS that hears the login and refuses it.
pub fn mysql_with_tls(leaf: &Leaf, clients: Option<&Authority>) -> Fake {
    let config = config(leaf, clients);
    Fake::start(move |stream, heard| {
        stream.write_all(&greeting(true))?;
        let mut request = [0; 36];
        stream.read_exact(&mut request)?;
        heard.plain.extend_from_slice(&request);
        let mut tls = accept(stream, &config, heard)?;
        hear_inside(&mut tls, heard)?;
        tls.write_all(&mysql_error(3, "wrong"))?;
        hear_inside(&mut tls, heard)
    })
}

fn config(leaf: &Leaf, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let certificate = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    Arc::new(builder.with_single_cert(vec![certificate], key).unwrap())
}

type Tls<'a> = StreamOwned<ServerConnection, &'a mut TcpStream>;

fn accept<'a>(stream: &'a mut TcpStream, config: &Arc<ServerConfig>, heard: &mut Heard) -> std::io::Result<Tls<'a>> {
    let mut connection = ServerConnection::new(config.clone()).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(stream)?;
    }
    heard.handshake_done = true;
    Ok(StreamOwned::new(connection, stream))
}

fn hear_inside(tls: &mut Tls<'_>, heard: &mut Heard) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    let read = tls.read(&mut buffer)?;
    heard.inside.extend_from_slice(&buffer[..read]);
    Ok(())
}
