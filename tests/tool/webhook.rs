//! Records to a service by HTTPS: signed, in order, at least once, and kept on the disk while the service is away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::{AuditBuilder, AuditKey, AuditVerifier, Clock, Database, ErrorKind, ReadWrite, Webhook, col};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value as Json;

use crate::certificates::{Pair, certificates};
use crate::logs::{SECRET, builder, key, open};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    /// Answers with this.
    Status(u16),
    /// Takes the request and says nothing.
    Silent,
    /// Takes the records, and the answer is lost.
    Mute,
    /// Sends elsewhere.
    Redirect,
}

struct Request {
    head: String,
    body: Vec<u8>,
    at: Instant,
}

/// A service on this machine, with a certificate.
#[derive(Clone)]
struct Service {
    address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    fn start(pair: &Pair) -> Service {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(Result::unwrap).collect();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service { address, mood: Arc::new(Mutex::new(Mood::Status(200))), requests: Arc::default() };
        let own = service.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, own) = (Arc::clone(&config), own.clone());
                std::thread::spawn(move || {
                    let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream.unwrap());
                    let _ = own.serve(stream);
                });
            }
        });
        service
    }

    fn serve(&self, stream: impl Read + Write) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if stream.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            let length = header(&head, "content-length").unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body)?;
            let mood = *self.mood.lock().unwrap();
            self.requests.lock().unwrap().push(Request { head, body, at: Instant::now() });
            let answer = match mood {
                Mood::Status(status) => format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"),
                Mood::Redirect => {
                    "HTTP/1.1 302 x\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned()
                }
                Mood::Mute => return Ok(()),
                Mood::Silent => {
                    std::thread::sleep(Duration::from_secs(3));
                    return Ok(());
                }
            };
            stream.get_mut().write_all(answer.as_bytes())?;
            stream.get_mut().flush()?;
        }
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn webhook(&self, spool: &Path) -> Webhook {
        let address = format!("https://localhost:{}/records?from=test", self.address.port());
        let webhook = Webhook::new(&address, key(), spool).unwrap();
        let webhook = webhook.root_certificate_pem(certificates().ca.as_bytes()).unwrap();
        let webhook = webhook.timeout(Duration::from_millis(700)).attempts(3).back_off(Duration::from_millis(40));
        webhook.rest(Duration::from_millis(100))
    }

    /// The records that were taken, each once, in order.
    fn records(&self) -> Vec<Json> {
        let mut lines: Vec<(u64, String)> = Vec::new();
        for request in self.requests.lock().unwrap().iter() {
            for line in String::from_utf8(request.body.clone()).unwrap().lines() {
                let seq = serde_json::from_str::<Json>(line).unwrap()["seq"].as_u64().unwrap();
                match lines.iter().find(|(known, _)| *known == seq) {
                    Some((_, known)) => assert_eq!(known, line, "a record that comes twice is the same"),
                    None => {
                        assert!(lines.last().is_none_or(|(last, _)| *last + 1 == seq), "record {seq} came too early");
                        lines.push((seq, line.to_owned()));
                    }
                }
            }
        }
        let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        let mut verifier = AuditVerifier::new().key(key());
        verifier.read("webhook", text.as_bytes()).unwrap();
        let report = verifier.finish();
        assert!(report.is_whole(), "{report}");
        lines.iter().map(|(_, line)| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for a record.
    async fn wait_for(&self, what: impl Fn(&[Json]) -> bool) -> Vec<Json> {
        for _ in 0..600 {
            let records = self.records();
            if what(&records) {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the records did not come: {:?}", self.records());
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
    Some(line.split_once(':')?.1.trim())
}

async fn database(builder: AuditBuilder, webhook: Webhook) -> Database<ReadWrite> {
    let db = open(builder.to_webhook(webhook).unwrap()).await;
    db.sql("CREATE TABLE t (id integer)").execute().await.unwrap();
    db
}

async fn insert(db: &Database<ReadWrite>, id: i64) -> Result<(), &'static str> {
    match db.insert("t").columns(["id"]).row([id]).execute().await {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Audit, "{error:?}");
            Err(error.code())
        }
    }
}

fn inserts(records: &[Json]) -> usize {
    records.iter().filter(|record| record["operation"] == "INSERT").count()
}

#[tokio::test]
async fn records_are_posted_in_order_and_signed() {
    let service = Service::start(&certificates().server);
    let spool = tempfile::tempdir().unwrap();
    {
        let db = database(builder(), service.webhook(spool.path()).batch(2_000)).await;
        for id in 0..10 {
            insert(&db, id).await.unwrap();
        }
        service.wait_for(|records| inserts(records) == 10).await;
    }
    // The end of the log is delivered when the layer is dropped.
    let records = service.wait_for(|records| records.last().is_some_and(|last| last["closes"] == "log")).await;
    let ends = records.iter().filter(|record| record["phase"] == "completion").count();
    assert_eq!(ends, 11);
    let requests = service.requests.lock().unwrap();
    assert!(requests.len() > 4, "each holds some of them");
    let other = AuditKey::new("2026", "another secret of thirty-two bytes!").unwrap();
    for request in requests.iter() {
        assert!(request.head.starts_with("POST /records?from=test HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(header(&request.head, "content-type"), Some("application/x-ndjson"));
        let signature = header(&request.head, "portcullis-signature").unwrap();
        let minute = Duration::from_secs(60);
        assert!(key().signed(signature, &request.body, Clock::system().now(), minute), "{signature}");
        // The twins: another body, another time, another key.
        let mut body = request.body.clone();
        body[10] ^= 1;
        assert!(!key().signed(signature, &body, Clock::system().now(), minute));
        assert!(!key().signed(signature, &request.body, Clock::system().now() + Duration::from_secs(300), minute));
        assert!(!other.signed(signature, &request.body, Clock::system().now(), minute));
        assert!(!request.head.contains(SECRET));
    }
}

#[tokio::test]
async fn a_service_that_is_down_holds_nothing_up_and_gets_all_when_it_is_back() {
    for mood in [Mood::Status(503), Mood::Status(403), Mood::Silent, Mood::Mute, Mood::Redirect] {
        let service = Service::start(&certificates().server);
        let spool = tempfile::tempdir().unwrap();
        service.set(mood);
        let db = database(builder(), service.webhook(spool.path())).await;
        let begun = Instant::now();
        for id in 0..5 {
            insert(&db, id).await.unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{mood:?}: {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(service.count() > 0, "{mood:?}: it was asked");
        service.set(Mood::Status(204));
        let records = service.wait_for(|records| inserts(records) == 5).await;
        assert!(records.iter().all(|record| record["phase"] != "gap"), "{mood:?}");
    }
}

#[tokio::test]
async fn tries_are_bounded_and_further_apart_each_time() {
    let service = Service::start(&certificates().server);
    service.set(Mood::Status(500));
    let spool = tempfile::tempdir().unwrap();
    let webhook =
        service.webhook(spool.path()).attempts(4).back_off(Duration::from_millis(80)).rest(Duration::from_secs(60));
    let db = database(builder(), webhook).await;
    insert(&db, 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    let times: Vec<Instant> = service.requests.lock().unwrap().iter().map(|request| request.at).collect();
    assert_eq!(times.len(), 4, "and then it rests");
    for (pair, least) in times.windows(2).zip([80, 160, 320]) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(least));
    }
    // One that says it is of no use is not asked again before the rest.
    let service = Service::start(&certificates().server);
    service.set(Mood::Status(400));
    let spool = tempfile::tempdir().unwrap();
    let _db = database(builder(), service.webhook(spool.path()).rest(Duration::from_secs(60))).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(service.count(), 1);
}

#[tokio::test]
async fn a_full_spool_refuses_and_statements_pass_again_when_it_is_empty() {
    let service = Service::start(&certificates().server);
    service.set(Mood::Status(503));
    let spool = tempfile::tempdir().unwrap();
    let db = database(builder(), service.webhook(spool.path()).most_spooled(200_000)).await;
    let mut refused = None;
    for id in 0..2_000 {
        if let Err(code) = insert(&db, id).await {
            refused = Some((id, code));
            break;
        }
    }
    let (id, code) = refused.unwrap();
    assert_eq!(code, "audit.disk_full");
    assert!(id > 50, "{id}");
    let size: u64 =
        std::fs::read_dir(spool.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 260_000, "{size}");
    service.set(Mood::Status(200));
    service.wait_for(|records| inserts(records) > 50).await;
    let mut passed = false;
    for _ in 0..300 {
        passed = insert(&db, 5_000).await.is_ok();
        if passed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(passed);
    let records = service.wait_for(|records| records.iter().any(|record| record["phase"] == "gap")).await;
    assert!(records.iter().any(|record| record["refused_statements"].as_u64().is_some_and(|count| count > 0)));
    assert_eq!(db.table("t").where_(col("id").eq(id)).collect().await.unwrap().len(), 0);
    // At best effort nothing is refused.
    service.set(Mood::Status(503));
    let spool = tempfile::tempdir().unwrap();
    let best = builder().best_effort().memory(20_000);
    let db = database(best, service.webhook(spool.path()).most_spooled(100_000)).await;
    for id in 0..300 {
        insert(&db, id).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_not_delivered_is_delivered_by_the_next_process() {
    let service = Service::start(&certificates().server);
    let spool = tempfile::tempdir().unwrap();
    {
        let db = database(builder(), service.webhook(spool.path())).await;
        insert(&db, 1).await.unwrap();
        service.wait_for(|records| inserts(records) == 1).await;
        service.set(Mood::Status(503));
        insert(&db, 2).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.set(Mood::Status(200));
    let before = service.count();
    let db = database(builder(), service.webhook(spool.path())).await;
    insert(&db, 3).await.unwrap();
    // One chain, and nothing that was taken comes again.
    service.wait_for(|records| inserts(records) == 3).await;
    let later =
        service.requests.lock().unwrap().iter().skip(before).map(|request| request.body.clone()).collect::<Vec<_>>();
    let again = String::from_utf8(later.concat()).unwrap();
    assert!(!again.contains("\"seq\":1,"), "{again}");
}

#[tokio::test]
async fn only_the_right_certificate_and_https_are_taken() {
    let bad = [&certificates().wrong_host, &certificates().expired];
    for pair in bad {
        let service = Service::start(pair);
        let spool = tempfile::tempdir().unwrap();
        let db = database(builder(), service.webhook(spool.path())).await;
        insert(&db, 1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(service.count(), 0, "nothing was sent");
    }
    // An authority that is not the one that was named.
    let service = Service::start(&certificates().server);
    let spool = tempfile::tempdir().unwrap();
    let other = service.webhook(spool.path()).root_certificate_pem(certificates().other_ca.as_bytes()).unwrap();
    let _db = database(builder(), other).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(service.count(), 0);
    for address in
        ["http://localhost/x", "https://user:pw@localhost/", "localhost", "https://", "https://h/#x", "file:///etc"]
    {
        let error = Webhook::new(address, key(), spool.path()).unwrap_err();
        assert_eq!(error.code(), "audit.webhook", "{address}");
        assert!(!error.to_string().contains("pw"));
    }
    let error = service.webhook(spool.path()).root_certificate_pem(b"nothing").unwrap_err();
    assert_eq!(error.code(), "audit.webhook_root");
    assert!(!format!("{:?}", service.webhook(spool.path())).contains(SECRET));
}
