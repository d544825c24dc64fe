//! Rate limits that several processes share on a real Redis, over TLS, as a user with no more rights than needed.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis::{
    Database, Error, ErrorKind, RateContext, RateCost, RateLimit, RateLimitBuilder, RateLimitLayer, RateScope,
    ReadWrite, RedisLimits, Subject, WhenLost, danger,
};
use redis::{Cmd, Value};

use crate::support::{Fault, Proxy, Redis, certificates};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Patient, because the machine may be busy; tests of a store that is lost set their own.
fn store(redis: &Redis) -> RedisLimits {
    store_at(&redis.url()).timeouts(SECOND * 10, SECOND * 10)
}

fn store_at(url: &str) -> RedisLimits {
    RedisLimits::new(url).unwrap().root_certificate_pem(&certificates().ca).unwrap()
}

fn named(name: &str) -> RateLimit {
    RateLimit::named(name).context(RateContext::Named("work".to_owned()))
}

fn builder(rules: impl IntoIterator<Item = RateLimit>) -> RateLimitBuilder {
    RateLimitLayer::builder().rules(rules)
}

fn ada() -> Subject {
    Subject::new("ada").tenant("north")
}

async fn work(limits: &RateLimitLayer) -> Result<(), Error> {
    limits.check("work", &ada()).await
}

async fn command(redis: &Redis, command: &Cmd) -> Value {
    let client = redis::Client::open(redis.admin_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    command.query_async(&mut connection).await.unwrap()
}

/// Waits until the store is asked again.
async fn allowed_soon(limits: &RateLimitLayer) {
    let started = Instant::now();
    while let Err(error) = work(limits).await {
        assert_eq!(error.code(), "rate.unreachable", "{error:?}");
        assert!(started.elapsed() < SECOND * 20, "the store was not found again");
        tokio::time::sleep(MILLI * 20).await;
    }
}

#[tokio::test]
async fn processes_share_a_bucket_and_are_told_the_time_to_wait() {
    let Some(redis) = Redis::start() else { return };
    let rule = || named("two").scope(RateScope::Subject).limit(2, SECOND * 6).shared(WhenLost::Refuse);
    let one = builder([rule()]).store(store(&redis)).build().unwrap();
    let other = builder([rule()]).store(store(&redis)).build().unwrap();
    work(&one).await.unwrap();
    work(&other).await.unwrap();
    let error = work(&one).await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.rule()), (ErrorKind::RateLimited, "rate.limited", Some("two")));
    let wait = error.retry_after().unwrap();
    assert!(wait > SECOND / 2 && wait <= SECOND * 3, "{wait:?}");
    one.test("work", &ada()).await.unwrap_err();
    other.check("work", &Subject::new("bob")).await.unwrap();
    tokio::time::sleep(wait).await;
    other.test("work", &ada()).await.unwrap();
    work(&one).await.unwrap();
}

#[tokio::test]
async fn all_rules_are_tested_before_any_is_charged_here_or_there() {
    let Some(redis) = Redis::start() else { return };
    let rules = [
        named("here").limit(3, HOUR),
        named("there").limit(3, HOUR).shared(WhenLost::Refuse),
        named("each").scope(RateScope::Subject).limit(1, HOUR).shared(WhenLost::Refuse),
        named("each here").scope(RateScope::Tenant).limit(2, HOUR),
    ];
    let limits = builder(rules).store(store(&redis)).build().unwrap();
    work(&limits).await.unwrap();
    for _ in 0..10 {
        assert_eq!(work(&limits).await.unwrap_err().rule(), Some("each"));
    }
    limits.check("work", &Subject::new("bob").tenant("north")).await.unwrap();
    for _ in 0..10 {
        let error = limits.check("work", &Subject::new("eve").tenant("north")).await.unwrap_err();
        assert_eq!(error.rule(), Some("each here"));
    }
    // One is left of three, in both places.
    limits.check("work", &Subject::new("eve").tenant("south")).await.unwrap();
    let error = limits.check("work", &Subject::new("joe").tenant("south")).await.unwrap_err();
    assert_eq!(error.rule(), Some("here"));
}

#[tokio::test]
async fn what_is_kept_is_namespaced_hashed_and_expires() {
    let Some(redis) = Redis::start() else { return };
    let store = store(&redis).prefix("shop").unwrap();
    let rule = named("each").scope(RateScope::Subject).limit(1, SECOND * 4).shared(WhenLost::Refuse);
    let limits = builder([rule]).store(store).build().unwrap();
    for subject in ["ada", "bob", "s3cret"] {
        limits.check("work", &Subject::new(subject)).await.unwrap();
    }
    let Value::Array(keys) = command(&redis, &redis::cmd("KEYS").arg("*").to_owned()).await else { panic!("a list") };
    assert_eq!(keys.len(), 3);
    for key in keys {
        let Value::BulkString(key) = key else { panic!("a text") };
        let key = String::from_utf8(key).unwrap();
        let (prefix, name) = key.split_once(':').unwrap();
        assert_eq!((prefix, name.len()), ("{shop}", 32), "{key}");
        assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
    }
    let started = Instant::now();
    while command(&redis, &redis::cmd("DBSIZE")).await != Value::Int(0) {
        assert!(started.elapsed() < SECOND * 20, "keys that do not expire");
        tokio::time::sleep(MILLI * 100).await;
    }
}

#[tokio::test]
async fn a_script_that_the_server_has_forgotten_is_sent_again() {
    let Some(redis) = Redis::start() else { return };
    let limits = builder([named("r").limit(10, HOUR).shared(WhenLost::Refuse)]).store(store(&redis)).build().unwrap();
    work(&limits).await.unwrap();
    command(&redis, &redis::cmd("SCRIPT").arg("FLUSH").to_owned()).await;
    work(&limits).await.unwrap();
}

#[tokio::test]
async fn only_the_right_server_is_spoken_to_and_no_error_shows_a_secret() {
    let Some(redis) = Redis::start() else { return };
    let refuses = async |store: RedisLimits| {
        let shown = format!("{store:?}");
        let rule = named("r").limit(10, HOUR).shared(WhenLost::Refuse);
        let limits = builder([rule]).store(store.timeouts(SECOND * 10, SECOND * 10)).build().unwrap();
        let error = work(&limits).await.unwrap_err();
        assert_eq!((error.kind(), error.code(), error.rule()), (ErrorKind::RateLimited, "rate.unreachable", Some("r")));
        for text in [shown, format!("{error:?} {limits:?}")] {
            assert!(!text.contains(&redis.password), "{text}");
        }
    };
    let url = redis.url();
    // The public authorities did not sign it, nor did another; the name is another; the password is wrong.
    refuses(RedisLimits::new(&url).unwrap()).await;
    refuses(RedisLimits::new(&url).unwrap().root_certificate_pem(&certificates().other_ca).unwrap()).await;
    refuses(store_at(&url.replace("localhost", "127.0.0.2"))).await;
    refuses(store_at(&url).with_password("wrong")).await;
    // A port that speaks no TLS.
    refuses(store_at(&redis.url_at(redis.plain_port))).await;
    // A user without rights on these keys can't be in the way: the twin below is the same but for the prefix of keys.
    let rule = || named("r").limit(10, HOUR).shared(WhenLost::Refuse);
    work(&builder([rule()]).store(store(&redis)).build().unwrap()).await.unwrap();
    let plain = redis.admin_url();
    work(&builder([rule()]).store(RedisLimits::new(&plain).unwrap()).build().unwrap()).await.unwrap();
}

/// What each policy says while the store is lost, and that all find it again.
async fn lost_and_found(redis: &mut Redis, url: &str, lose: impl AsyncFnOnce(&mut Redis, &dyn Fn() -> Checks) -> ()) {
    let make = |rule: RateLimit| {
        let store = store_at(url).timeouts(SECOND * 3, MILLI * 1_500);
        builder([rule]).store(store).build().unwrap()
    };
    let refuses = make(named("refuses").limit(1_000, HOUR).shared(WhenLost::Refuse));
    // 100 a second for four processes are 25 for this one.
    let local = make(named("local").limit(100, SECOND).shared(WhenLost::Local { processes: 4 }));
    let allows = make(danger::allow_while_lost(named("allows").limit(1, HOUR)));
    for limits in [&refuses, &local, &allows] {
        work(limits).await.unwrap();
    }
    assert_eq!(work(&allows).await.unwrap_err().code(), "rate.limited");
    let checks = || Checks { refuses: refuses.clone(), local: local.clone(), allows: allows.clone() };
    lose(redis, &checks).await;
    allowed_soon(&refuses).await;
    let started = Instant::now();
    while work(&allows).await.is_ok() {
        // A new server has forgotten, and is asked again within the pause after the last failure.
        assert!(started.elapsed() < SECOND * 20);
        tokio::time::sleep(MILLI * 20).await;
    }
    assert!(local.test("work", &ada()).await.is_ok());
}

struct Checks {
    refuses: RateLimitLayer,
    local: RateLimitLayer,
    allows: RateLimitLayer,
}

impl Checks {
    async fn while_lost(self) {
        let started = Instant::now();
        let error = work(&self.refuses).await.unwrap_err();
        assert_eq!((error.code(), error.rule(), error.retry_after()), ("rate.unreachable", Some("refuses"), None));
        assert!(started.elapsed() < SECOND * 10, "{:?}", started.elapsed());
        // Within the pause nobody waits for it again.
        let again = Instant::now();
        work(&self.refuses).await.unwrap_err();
        assert!(again.elapsed() < MILLI * 200 || started.elapsed() > MILLI * 250, "{:?}", again.elapsed());
        for _ in 0..20 {
            work(&self.allows).await.unwrap();
        }
        // A quarter of the rate, from an empty bucket.
        let mut passed = 0;
        let lost = Instant::now();
        while lost.elapsed() < SECOND * 2 {
            match work(&self.local).await {
                Ok(()) => passed += 1,
                Err(error) => assert_eq!(error.code(), "rate.limited", "{error:?}"),
            }
            tokio::time::sleep(MILLI * 5).await;
        }
        let most = 1 + lost.elapsed().as_millis() / 40;
        assert!(passed > 2 && passed <= most, "{passed} of {most}");
    }
}

#[tokio::test]
async fn a_store_that_is_killed_is_lost_at_once_and_found_again() {
    let Some(mut redis) = Redis::start() else { return };
    let url = redis.url();
    lost_and_found(&mut redis, &url, async |redis, checks| {
        redis.killed(async || checks().while_lost().await).await;
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_frozen_is_lost_after_its_timeout_and_found_again() {
    let Some(mut redis) = Redis::start() else { return };
    let url = redis.url();
    lost_and_found(&mut redis, &url, async |redis, checks| {
        redis.signal("STOP");
        checks().while_lost().await;
        redis.signal("CONT");
    })
    .await;
}

#[tokio::test]
async fn a_store_that_is_cut_off_is_lost_after_its_timeout_and_found_again() {
    let Some(mut redis) = Redis::start() else { return };
    for fault in [Fault::Blackhole, Fault::Reset] {
        let proxy = Proxy::start(redis.port).await;
        let url = redis.url_at(proxy.port);
        lost_and_found(&mut redis, &url, async |_, checks| {
            proxy.set(fault);
            checks().while_lost().await;
            proxy.set(Fault::None);
        })
        .await;
        command(&redis, &redis::cmd("FLUSHALL")).await;
    }
}

#[tokio::test]
async fn those_who_wait_for_a_shared_bucket_pass_in_their_order() {
    let Some(redis) = Redis::start() else { return };
    let rule = named("slow").limit(10, SECOND).burst(1).wait(SECOND * 20).shared(WhenLost::Refuse);
    let limits = builder([rule]).store(store(&redis)).build().unwrap();
    let started = Instant::now();
    work(&limits).await.unwrap();
    let passed = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 1..=5_u32 {
        let (limits, passed) = (limits.clone(), Arc::clone(&passed));
        tasks.push(tokio::spawn(async move {
            work(&limits).await.unwrap();
            passed.lock().unwrap().push((number, started.elapsed()));
        }));
        tokio::time::sleep(MILLI * 5).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let passed = passed.lock().unwrap().clone();
    assert_eq!(passed.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    for (number, time) in &passed {
        assert!(*time >= MILLI * 100 * *number - MILLI, "{passed:?}");
    }
}

#[tokio::test]
async fn rows_and_refusals_in_one_process_count_in_the_other() {
    let Some(redis) = Redis::start() else { return };
    let rules = || {
        [
            RateLimit::named("rows").cost(RateCost::ReturnedRows).limit(100, HOUR).shared(WhenLost::Refuse),
            RateLimit::named("probing").context(RateContext::Denied).limit(2, HOUR).shared(WhenLost::Refuse),
        ]
    };
    let open = async || -> Database<ReadWrite> {
        let limits = builder(rules()).store(store(&redis)).build().unwrap();
        Database::builder("sqlite::memory:".parse().unwrap())
            .hook_deadline(SECOND * 30)
            .hook(limits)
            .open_read_write()
            .await
            .unwrap()
    };
    let (one, other) = (open().await, open().await);
    let frame = |db: &Database<ReadWrite>, rows: i64| {
        let values = portcullis::values(["n"], (0..rows).map(|n| (n,)));
        db.sql("SELECT 1 AS n").into_frame().select(["n"]).union_all(values)
    };
    frame(&one, 90).collect().await.unwrap();
    frame(&other, 90).collect().await.unwrap();
    let error = frame(&one, 1).collect().await.unwrap_err();
    assert_eq!(error.rule(), Some("rows"), "{error:?}");
    let wait = error.retry_after().unwrap();
    assert!(wait > HOUR * 4 / 5 && wait < HOUR, "{wait:?}");
    command(&redis, &redis::cmd("FLUSHALL")).await;

    one.delete("nothing").execute().await.unwrap_err();
    other.table("nowhere").collect().await.unwrap_err();
    for db in [&one, &other] {
        let error = db.table("nowhere").collect().await.unwrap_err();
        assert_eq!(error.rule(), Some("probing"), "{error:?}");
    }
}

const CHILD: &str = "PORTCULLIS_TEST_LIMITS";
const NAME: &str = "shared_limits::four_processes_of_eight_tasks_never_get_more_than_the_limit";

/// Each process is this test again, told what to do by its environment.
#[test]
fn four_processes_of_eight_tasks_never_get_more_than_the_limit() {
    if let Ok(told) = std::env::var(CHILD) {
        return hammer(&told);
    }
    let Some(redis) = Redis::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &certificates().ca).unwrap();
    let started = Instant::now();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", NAME, "--nocapture", "--test-threads=1"]);
            child.env(CHILD, format!("{} {}", redis.url(), ca.display()));
            child.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
        })
        .collect();
    let (mut slow, mut fast, mut tried) = (0, 0, 0);
    for mut child in children {
        // All of it, so that the child can finish what it says.
        let said: Vec<String> =
            BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap()).collect();
        let line = said.iter().find_map(|line| line.strip_prefix("passed "));
        let counts: Vec<u64> = line.unwrap().split(' ').map(|count| count.parse().unwrap()).collect();
        assert!(counts[0] > 0 && counts[1] > 0, "one process got nothing: {counts:?}");
        slow += counts[0];
        fast += counts[1];
        tried += counts[2];
        assert!(child.wait().unwrap().success());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{slow} of 500 an hour and {fast} of 200 a second in {seconds:.1} s, {tried} tries");
    // 500 at once, and one more each 7.2 seconds.
    assert!(slow >= 500 && slow as f64 <= 500.0 + seconds / 7.2, "{slow}");
    assert!(fast as f64 <= 20.0 + seconds * 200.0, "{fast}");
    // The comparison means something: they asked for more.
    assert!(tried > slow + fast, "{tried}");
    assert!(fast > 100, "{fast}");
}

fn hammer(told: &str) {
    let (url, ca) = told.split_once(' ').unwrap();
    let store = RedisLimits::new(url).unwrap().root_certificate_pem(std::fs::read(ca).unwrap()).unwrap();
    let store = store.timeouts(SECOND * 20, SECOND * 20);
    let of = |name: &str| RateLimit::named(name).context(RateContext::Named(name.to_owned()));
    let rules = [
        of("slow").limit(500, HOUR).shared(WhenLost::Refuse),
        of("fast").limit(200, SECOND).burst(20).shared(WhenLost::Refuse),
    ];
    let limits = builder(rules).store(store).build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let counts = Arc::new([const { AtomicUsize::new(0) }; 3]);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (limits, counts) = (limits.clone(), Arc::clone(&counts));
                tokio::spawn(async move {
                    let started = Instant::now();
                    while started.elapsed() < SECOND * 3 {
                        for (place, context) in ["slow", "fast"].into_iter().enumerate() {
                            counts[2].fetch_add(1, Ordering::SeqCst);
                            match limits.check(context, &ada()).await {
                                Ok(()) => drop(counts[place].fetch_add(1, Ordering::SeqCst)),
                                Err(error) => assert_eq!(error.code(), "rate.limited", "{error:?}"),
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let [slow, fast, tried] = [0, 1, 2].map(|place| counts[place].load(Ordering::SeqCst));
    println!("\npassed {slow} {fast} {tried}");
}

/// The script with a clock that the test sets.
struct Scripted<'a> {
    redis: &'a Redis,
    script: String,
}

impl Scripted<'_> {
    async fn ask(&self, now: u64, how: &str, key: &str, charge: [u64; 6], owes: bool) -> (u64, u64) {
        let mut call = redis::cmd("EVAL");
        call.arg(&self.script).arg(1).arg(format!("{{test}}:{key}")).arg(how);
        for part in charge {
            call.arg(part);
        }
        call.arg(0).arg(u8::from(owes)).arg(now / 1_000_000).arg(now % 1_000_000);
        let Value::Array(waits) = command(self.redis, &call).await else { panic!("a list") };
        let [Value::BulkString(wait)] = &waits[..] else { panic!("one text") };
        let text = String::from_utf8(wait.clone()).unwrap();
        let (micro, nano) = text.split_once(':').unwrap();
        (micro.parse().unwrap(), nano.parse().unwrap())
    }
}

#[tokio::test]
async fn the_script_computes_as_this_process_does_and_a_clock_that_jumps_lets_nothing_more_through() {
    let Some(redis) = Redis::start() else { return };
    let text = include_str!("../../src/conn/redis_limits.lua");
    let script = text.replace("redis.call('TIME')", "{ ARGV[#ARGV - 1], ARGV[#ARGV] }");
    assert_ne!(script, text);
    let scripted = Scripted { redis: &redis, script };
    let parts = |nanos: u64| [nanos / 1_000, nanos % 1_000];
    // A third of a second for one, five at once.
    let (interval, burst) = (333_333_334_u64, 5_u64);
    let charge = |cost: u64| {
        let ([a, b], [c, d]) = (parts(interval * cost), parts(interval * burst));
        [a, b, a, b, c, d]
    };
    let start = 4_000_000_000_000_000_u64;
    let (mut full_at, mut now, mut seed) = (0_u128, start, 7_u64);
    for step in 0..400 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now += (seed >> 33) % 500_000;
        let cost = (seed >> 20) % 3 + 1;
        let at = u128::from(now) * 1_000;
        let then = full_at.max(at) + u128::from(interval * cost);
        let wait = (then - at).saturating_sub(u128::from(interval * burst));
        if wait == 0 {
            full_at = then;
        }
        let (micro, nano) = scripted.ask(now, "take", "walk", charge(cost), false).await;
        assert_eq!(u128::from(micro) * 1_000 + u128::from(nano), wait, "step {step}");
    }
    // Set back by an hour: the bucket is empty at worst, and refills from there.
    for key in ["back", "owing"] {
        for _ in 0..burst {
            assert_eq!(scripted.ask(start, "take", key, charge(1), key == "owing").await, (0, 0));
        }
    }
    let earlier = start - 3_600_000_000;
    assert_eq!(scripted.ask(earlier, "look", "back", charge(1), false).await, (333_333, 334));
    // Where buckets are overdrawn it can't be told from a debt, so it is waited off.
    assert_eq!(scripted.ask(earlier, "look", "owing", charge(1), true).await, (3_600_333_333, 334));
    // Set forward by a year: never more than the burst.
    let later = start + 31_536_000_000_000;
    for _ in 0..burst {
        assert_eq!(scripted.ask(later, "take", "back", charge(1), false).await, (0, 0));
    }
    assert_eq!(scripted.ask(later, "take", "back", charge(1), false).await, (333_333, 334));
    // Debts, and refusals that are only counted where there is room.
    assert_eq!(scripted.ask(start, "owe", "debt", charge(7), true).await.0, 666_666);
    assert_eq!(scripted.ask(start, "look", "debt", charge(1), true).await, (1_000_000, 2));
    scripted.ask(start, "held", "debt", charge(1), true).await;
    assert_eq!(scripted.ask(start, "look", "debt", charge(1), true).await, (1_000_000, 2));
}

#[tokio::test]
async fn a_lost_store_refuses_nobody_for_refusals_that_were_not_seen_and_forgets_what_is_owed_there() {
    let Some(mut redis) = Redis::start() else { return };
    let local = WhenLost::Local { processes: 4 };
    let rules = [
        RateLimit::named("probing").context(RateContext::Denied).limit(8, HOUR).shared(local),
        RateLimit::named("rows").cost(RateCost::ReturnedRows).limit(400, SECOND).burst(40).shared(local),
    ];
    let limits = builder(rules).store(store_at(&redis.url()).timeouts(SECOND * 3, MILLI * 1_500)).build().unwrap();
    let db = Database::builder("sqlite::memory:".parse().unwrap()).hook(limits).open_read_write().await.unwrap();
    let values = |rows: i64| {
        let values = portcullis::values(["n"], (0..rows).map(|n| (n,)));
        db.sql("SELECT 1 AS n").into_frame().select(["n"]).union_all(values)
    };
    let few = async || values(1).collect().await;
    // Ten seconds' worth of rows is owed in the store.
    values(4_000).collect().await.unwrap();
    assert_eq!(few().await.unwrap_err().rule(), Some("rows"));
    redis
        .killed(async || {
            let lost = Instant::now();
            while let Err(error) = few().await {
                assert_eq!(error.rule(), Some("rows"), "{error:?}");
                assert!(lost.elapsed() < SECOND * 8, "what is owed in a store that is lost is not known here");
                tokio::time::sleep(MILLI * 10).await;
            }
            // One refusal passes, and what this process has seen counts.
            db.delete("t").execute().await.unwrap_err();
            let error = few().await.unwrap_err();
            assert_eq!(error.rule(), Some("probing"), "{error:?}");
            assert!(error.retry_after().unwrap() > HOUR / 4, "{error:?}");
        })
        .await;
}
