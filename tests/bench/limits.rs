//! One check of rate limits: in this process, and on Redis beside a bare PING.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use portcullis::{
    Database, Hook, Outcome, QueryContext, RateContext, RateLimit, RateLimitLayer, RateScope, ReadWrite, RedisLimits,
    Result, Subject, WhenLost,
};
use tokio::runtime::Handle;

use crate::measure::{Contender, TURN, print_times, rounds};
use crate::support::{Redis, certificates};

const SECOND: Duration = Duration::from_secs(1);

/// Keeps what hooks are told of one statement.
#[derive(Clone, Default)]
struct Catch(Arc<Mutex<Option<(QueryContext, Outcome)>>>);

impl Hook for Catch {
    async fn after(&self, cx: &QueryContext, outcome: &Outcome) {
        *self.0.lock().expect("a lock") = Some((cx.clone(), outcome.clone()));
    }
}

async fn statement() -> (QueryContext, Outcome) {
    let catch = Catch::default();
    let builder = Database::builder("sqlite::memory:".parse().expect("a DSN")).hook(catch.clone());
    let db: Database<ReadWrite> = builder.open_read_write().await.expect("a handle");
    db.sql("CREATE TABLE orders (id integer)").execute().await.expect("a table");
    let db = db.acting_as(Subject::new("ada").tenant("north"));
    db.table("orders").collect().await.expect("rows");
    let caught = catch.0.lock().expect("a lock").take();
    caught.expect("a statement")
}

/// A limit that is never reached.
fn wide(name: &str) -> RateLimit {
    RateLimit::named(name).limit(4_000_000_000, SECOND)
}

/// Runs a check that is ready at once.
fn now(check: impl Future<Output = Result<()>>) {
    let mut check = std::pin::pin!(check);
    match check.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.expect("allowed"),
        Poll::Pending => panic!("it waits"),
    }
}

pub fn local(runtime: &Handle) {
    let (cx, outcome) = runtime.block_on(statement());
    let layer = |rules: Vec<RateLimit>| RateLimitLayer::new(rules).expect("rules");
    let layers = [
        ("a rule for all", layer(vec![wide("all")])),
        ("a rule per subject", layer(vec![wide("each").scope([RateScope::Subject])])),
        ("both", layer(vec![wide("all"), wide("each").scope([RateScope::Subject])])),
        ("in flight per subject", layer(vec![RateLimit::named("few").scope([RateScope::Subject]).in_flight(8)])),
        ("none that counts it", layer(vec![wide("writes").context([RateContext::Write])])),
    ];
    let clock = portcullis::Clock::system();
    let mut contenders = vec![Contender::repeating("the clock alone", move || clock.elapsed())];
    for (name, layer) in layers {
        let (cx, outcome) = (&cx, &outcome);
        contenders.push(Contender::repeating(name, move || {
            now(layer.before(cx));
            if name.starts_with("in flight") {
                now(async {
                    layer.after(cx, outcome).await;
                    Ok(())
                });
            }
        }));
    }
    rounds(&mut contenders);
    print_times("one statement checked in this process", &contenders, &[]);
}

pub fn shared(runtime: &Handle) {
    let Some(redis) = Redis::start() else { return };
    let store = RedisLimits::new(&redis.url()).and_then(|store| store.root_certificate_pem(&certificates().ca));
    let store = store.expect("a store").timeouts(SECOND * 5, SECOND * 5);
    let shared = |name: &str| wide(name).context([RateContext::Named("work".to_owned())]).shared(WhenLost::Refuse);
    let layer =
        |rules: Vec<RateLimit>| RateLimitLayer::builder().rules(rules).store(store.clone()).build().expect("rules");
    let one = layer(vec![shared("each").scope([RateScope::Subject])]);
    let two = layer(vec![shared("all"), shared("each").scope([RateScope::Subject])]);
    let tls = redis::TlsCertificates { client_tls: None, root_cert: Some(certificates().ca.clone().into_bytes()) };
    // The administrator's login, over TLS as the limits have it.
    let url = redis.url().replace("rediss://limits:", "rediss://admin:");
    let client = redis::Client::build_with_tls(url, tls).expect("a client");
    let connection = runtime.block_on(client.get_multiplexed_async_connection()).expect("a connection");
    let ada = Subject::new("ada").tenant("north");
    let mut contenders = Vec::new();
    for tasks in [1, 16] {
        let ping = connection.clone();
        contenders.push(Contender::new(format!("PING, {tasks} tasks"), move || {
            turn(runtime, tasks, || {
                let mut ping = ping.clone();
                async move {
                    redis::cmd("PING").exec_async(&mut ping).await.expect("an answer");
                }
            })
        }));
        for (name, layer) in [("one rule", &one), ("two rules", &two)] {
            let (layer, ada) = (layer.clone(), ada.clone());
            contenders.push(Contender::new(format!("{name}, {tasks} tasks"), move || {
                turn(runtime, tasks, || {
                    let (layer, ada) = (layer.clone(), ada.clone());
                    async move { layer.check("work", &ada).await.expect("allowed") }
                })
            }));
        }
    }
    rounds(&mut contenders);
    print_times("one check on Redis over TLS", &contenders, &["PING, 1 tasks", "PING, 16 tasks"]);
}

/// Nanoseconds for one piece of work, of `tasks` tasks together.
fn turn<F: Future<Output = ()> + Send + 'static>(runtime: &Handle, tasks: usize, work: impl Fn() -> F) -> f64 {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < TURN {
        runtime.block_on(async {
            let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(work())).collect();
            for task in running {
                task.await.expect("a task");
            }
        });
        count += tasks;
    }
    started.elapsed().as_nanos() as f64 / count as f64
}
