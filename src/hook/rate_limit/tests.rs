//! The layer as hooks see it, by a clock whose hands the tests turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::hook::{ClockHands, OutcomeKind};
use crate::statement::{HandleKind, TableAccess};

const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

fn layer(rules: impl IntoIterator<Item = RateLimit>) -> (RateLimitLayer, ClockHands) {
    let (clock, hands) = Clock::manual();
    // Not at zero, so that a mix-up of readings shows.
    hands.advance(Duration::from_nanos(12_345));
    (RateLimitLayer::with_clock(rules, clock).unwrap(), hands)
}

fn ask(layer: &RateLimitLayer, cx: &QueryContext) -> Result<()> {
    futures_util::FutureExt::now_or_never(layer.before(cx)).unwrap()
}

fn select() -> QueryContext {
    QueryContext::sample(StatementKind::Select)
}

fn by(subject: &str) -> QueryContext {
    QueryContext { subject: Some(Subject::new(subject)), ..select() }
}

/// The next `count` are allowed and the one after is not.
#[track_caller]
fn check_allows(layer: &RateLimitLayer, cx: &QueryContext, count: usize) -> Error {
    for _ in 0..count {
        ask(layer, cx).unwrap();
    }
    ask(layer, cx).unwrap_err()
}

#[test]
fn refusal_names_the_rule_and_the_exact_time_to_wait() {
    let (layer, hands) = layer([RateLimit::named("reads").limit(4, SECOND)]);
    let error = check_allows(&layer, &select(), 4);
    assert_eq!((error.kind(), error.code(), error.rule()), (ErrorKind::RateLimited, "rate.limited", Some("reads")));
    assert_eq!(error.to_string(), "rate limit `reads` is used up; retry after 250ms");
    assert_eq!(error.retry_after(), Some(SECOND / 4));

    hands.advance(SECOND / 4 - NANO);
    assert_eq!(ask(&layer, &select()).unwrap_err().retry_after(), Some(NANO));
    hands.advance(NANO);
    let error = check_allows(&layer, &select(), 1);
    assert_eq!(error.retry_after(), Some(SECOND / 4));
    hands.advance(SECOND * 100);
    check_allows(&layer, &select(), 4);
}

#[test]
fn limit_that_does_not_divide_its_window_is_rounded_in_favour_of_the_limit() {
    let (layer, hands) = layer([RateLimit::named("thirds").limit(3, SECOND).burst(1)]);
    let mut allowed = 0;
    for _ in 0..3_000 {
        allowed += usize::from(ask(&layer, &select()).is_ok());
        hands.advance(SECOND / 1_000);
    }
    assert_eq!(allowed, 9);
    hands.advance(SECOND);
    let error = check_allows(&layer, &select(), 1);
    assert_eq!(error.retry_after(), Some(Duration::from_nanos(333_333_334)));
}

#[test]
fn burst_is_apart_from_the_limit() {
    let (layer, hands) = layer([RateLimit::named("slow").limit(60, SECOND * 60).burst(5)]);
    assert_eq!(check_allows(&layer, &select(), 5).retry_after(), Some(SECOND));
    hands.advance(SECOND * 2);
    check_allows(&layer, &select(), 2);
}

#[test]
fn subjects_are_counted_apart_and_tenants_make_them_different() {
    let (layer, _) = layer([RateLimit::named("each").scope(RateScope::Subject).limit(2, SECOND)]);
    check_allows(&layer, &by("ada"), 2);
    check_allows(&layer, &by("bob"), 2);
    let elsewhere = QueryContext { subject: Some(Subject::new("ada").tenant("south")), ..select() };
    check_allows(&layer, &elsewhere, 2);
}

#[test]
fn missing_subject_is_refused_by_a_rule_per_subject_only() {
    let nobody = QueryContext { subject: None, ..select() };
    let (each, _) = layer([RateLimit::named("each").scope(RateScope::Subject).limit(2, SECOND)]);
    let error = ask(&each, &nobody).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, "rate.no_subject"));
    assert_eq!((error.rule(), error.retry_after()), (Some("each"), None));
    assert!(error.to_string().ends_with("use `db.acting_as`"));
    ask(&each, &by("ada")).unwrap();
    let (all, _) = layer([RateLimit::named("all").limit(2, SECOND)]);
    check_allows(&all, &nobody, 2);
}

#[test]
fn handles_are_counted_apart() {
    let (layer, _) = layer([RateLimit::named("handle").scope(RateScope::Handle).limit(1, SECOND)]);
    check_allows(&layer, &select(), 1);
    check_allows(&layer, &QueryContext { handle: HandleKind::ReadOnly, ..select() }, 1);
    check_allows(&layer, &QueryContext { handle_name: Some("jobs".into()), ..select() }, 1);
    check_allows(&layer, &QueryContext { database: "other".into(), ..select() }, 1);
    // The subject makes no difference.
    ask(&layer, &by("bob")).unwrap_err();
}

#[test]
fn contexts_are_counted_apart_and_ends_of_transactions_never() {
    use StatementKind::*;
    let counted = |contexts: &[RateContext]| -> Vec<StatementKind> {
        [
            Select,
            Insert,
            Update,
            Delete,
            RawSelect,
            Raw,
            Catalog,
            Explain,
            Begin,
            Commit,
            Rollback,
            Savepoint,
            Release,
            RollbackTo,
            Lock,
            CreateTable,
            DropTable,
        ]
        .into_iter()
        .filter(|kind| {
            let (layer, _) = layer([RateLimit::named("rule").context(contexts.to_vec()).limit(0, SECOND)]);
            ask(&layer, &QueryContext::sample(*kind)).is_err()
        })
        .collect()
    };
    assert_eq!(counted(&[RateContext::Read]), [Select, RawSelect, Explain]);
    assert_eq!(counted(&[RateContext::Write]), [Insert, Update, Delete, Raw, CreateTable, DropTable]);
    assert_eq!(counted(&[RateContext::Ddl]), [CreateTable, DropTable]);
    assert_eq!(counted(&[RateContext::Raw]), [RawSelect, Raw]);
    assert_eq!(counted(&[RateContext::Raw, RateContext::Ddl]), [RawSelect, Raw, CreateTable, DropTable]);
    assert_eq!(counted(&[RateContext::Login]), []);
    assert_eq!(counted(&[RateContext::Named("export".to_owned())]), []);
    let all = [Select, Insert, Update, Delete, RawSelect, Raw, Explain, Begin, Savepoint, Lock, CreateTable, DropTable];
    assert_eq!(counted(&[]), all);
    assert_eq!(counted(&[RateContext::Denied]), all);
}

#[test]
fn limit_of_zero_refuses_always_without_a_time_to_wait() {
    for rule in [RateLimit::named("no").limit(0, SECOND), RateLimit::named("no").limit(1, SECOND).burst(0)] {
        let (layer, hands) = layer([rule]);
        let error = ask(&layer, &select()).unwrap_err();
        assert_eq!((error.code(), error.retry_after()), ("rate.limited", None));
        hands.advance(SECOND * 1_000);
        ask(&layer, &select()).unwrap_err();
    }
}

#[test]
fn refused_statement_is_charged_by_no_rule() {
    let (layer, hands) = layer([
        RateLimit::named("many").limit(3, SECOND * 100),
        RateLimit::named("one").scope(RateScope::Subject).limit(1, SECOND),
    ]);
    assert_eq!(check_allows(&layer, &by("ada"), 1).rule(), Some("one"));
    for _ in 0..50 {
        ask(&layer, &by("ada")).unwrap_err();
    }
    // Two of three are left for others.
    ask(&layer, &by("bob")).unwrap();
    hands.advance(SECOND);
    ask(&layer, &by("ada")).unwrap();
    assert_eq!(ask(&layer, &by("eve")).unwrap_err().rule(), Some("many"));
}

#[test]
fn of_several_refusals_the_longest_wait_is_told() {
    let rules = |first: u64, second: u64| {
        [
            RateLimit::named("first").limit(1, SECOND * u32::try_from(first).unwrap()),
            RateLimit::named("second").limit(1, SECOND * u32::try_from(second).unwrap()),
        ]
    };
    for (first, second, told) in [(5, 9, "second"), (9, 5, "first"), (9, 9, "first")] {
        let (layer, hands) = layer(rules(first, second));
        let error = check_allows(&layer, &select(), 1);
        assert_eq!((error.rule(), error.retry_after()), (Some(told), Some(SECOND * 9)));
        hands.advance(SECOND * 9 - NANO);
        ask(&layer, &select()).unwrap_err();
        hands.advance(NANO);
        ask(&layer, &select()).unwrap();
    }
}

#[test]
fn statement_that_the_guard_refused_is_not_counted() {
    let (layer, _) = layer([RateLimit::named("one").limit(1, SECOND)]);
    let refused = QueryContext { refusal: Some(Error::refused("no")), ..select() };
    for _ in 0..5 {
        ask(&layer, &refused).unwrap();
    }
    check_allows(&layer, &select(), 1);
}

#[test]
fn keys_are_bounded_and_only_refilled_buckets_are_forgotten() {
    let (layer, hands) = layer([RateLimit::named("few").scope(RateScope::Subject).limit(1, SECOND).max_keys(2)]);
    ask(&layer, &by("a")).unwrap();
    hands.advance(SECOND / 4);
    ask(&layer, &by("b")).unwrap();
    let error = ask(&layer, &by("c")).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, "rate.too_many_keys"));
    assert_eq!(error.retry_after(), Some(SECOND * 3 / 4));
    // The known ones keep their counts.
    assert_eq!(ask(&layer, &by("a")).unwrap_err().code(), "rate.limited");
    hands.advance(SECOND * 3 / 4 - NANO);
    ask(&layer, &by("c")).unwrap_err();
    hands.advance(NANO);
    ask(&layer, &by("c")).unwrap();
    assert_eq!(ask(&layer, &by("a")).unwrap_err().code(), "rate.too_many_keys");
}

#[test]
fn made_up_subjects_do_not_grow_the_table() {
    let (layer, hands) = layer([RateLimit::named("each").scope(RateScope::Subject).limit(10, SECOND)]);
    for number in 0..50_000 {
        ask(&layer, &by(&format!("s{number}"))).unwrap();
        hands.advance(Duration::from_millis(1));
    }
    // Each is in use for a tenth of a second, so some hundred are at any time.
    let kept = lock(&layer.0.state).keys(0);
    assert!(kept <= 200, "{kept}");
}

#[test]
fn mistakes_in_a_rule_are_errors() {
    let rule = || RateLimit::named("r");
    for (rules, code) in [
        (vec![rule()], "rate.no_limit"),
        (vec![rule().limit(1, Duration::ZERO)], "rate.no_window"),
        (vec![rule().limit(1, Duration::MAX)], "rate.too_long"),
        (vec![rule().limit(1, SECOND * 3_600 * 24 * 365).burst(u32::MAX)], "rate.too_long"),
        (vec![rule().limit(1, SECOND), rule().limit(2, SECOND)], "rate.two_of_a_name"),
        (vec![rule().limit(1, SECOND).shared(WhenLost::Refuse)], "rate.no_store"),
    ] {
        let error = RateLimitLayer::new(rules).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, code));
    }
    RateLimitLayer::new([rule().limit(1, NANO), RateLimit::named("s").limit(u32::MAX, SECOND)]).unwrap();
}

#[test]
fn extreme_quotas_and_times_do_not_overflow() {
    let year = SECOND * 3_600 * 24 * 365;
    let (layer, hands) =
        layer([RateLimit::named("long").limit(2, year * 140), RateLimit::named("dense").limit(u32::MAX, NANO)]);
    hands.advance(Duration::MAX);
    assert_eq!(check_allows(&layer, &select(), 2).retry_after(), Some(year * 70));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_tasks_never_get_more_than_the_quota() {
    let (layer, hands) = layer([
        RateLimit::named("all").limit(100, SECOND),
        RateLimit::named("each").scope(RateScope::Subject).limit(30, SECOND),
    ]);
    for round in 0..3 {
        let allowed = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (layer, allowed) = (layer.clone(), Arc::clone(&allowed));
                tokio::spawn(async move {
                    for _ in 0..200 {
                        if layer.before(&by(&format!("s{}", task % 4))).await.is_ok() {
                            allowed.fetch_add(1, Ordering::SeqCst);
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(allowed.load(Ordering::SeqCst), 100, "round {round}");
        hands.advance(SECOND);
    }
}

#[test]
fn system_clock_limits_too() {
    let layer = RateLimitLayer::new([RateLimit::named("hourly").limit(2, SECOND * 3_600)]).unwrap();
    let wait = check_allows(&layer, &select(), 2).retry_after().unwrap();
    assert!(wait <= SECOND * 1_800 && wait > SECOND * 1_790, "{wait:?}");
}

fn ended(outcome: OutcomeKind, error: Option<Error>, rows: u64) -> Outcome {
    Outcome { kind: outcome, rows, error, ..Outcome::sample() }
}

fn end(layer: &RateLimitLayer, cx: &QueryContext, outcome: &Outcome) {
    futures_util::FutureExt::now_or_never(layer.after(cx, outcome)).unwrap();
}

fn from(address: u8) -> Subject {
    Subject::new("ada").tenant("north").address([192, 0, 2, address])
}

fn as_subject(subject: Subject) -> QueryContext {
    QueryContext { subject: Some(subject), ..select() }
}

#[test]
fn what_a_scope_counts_by_must_be_there() {
    let nobody = QueryContext { subject: None, ..select() };
    let raw = QueryContext { tables: [].into(), ..QueryContext::sample(StatementKind::Raw) };
    let (ada, no_id) = (as_subject(Subject::new("ada")), as_subject(Subject::anonymous()));
    for (scope, lacking, having, code) in [
        (vec![RateScope::Subject], &no_id, &ada, "rate.no_subject"),
        (vec![RateScope::Ip], &ada, &as_subject(from(1)), "rate.no_address"),
        (vec![RateScope::SubjectOrIp], &nobody, &ada, "rate.no_subject"),
        (vec![RateScope::SubjectAndIp], &ada, &as_subject(from(1)), "rate.no_address"),
        (vec![RateScope::Tenant], &ada, &as_subject(from(1)), "rate.no_tenant"),
        (vec![RateScope::Table], &raw, &select(), "rate.no_table"),
        (vec![RateScope::Table, RateScope::Tenant], &ada, &select(), "rate.no_tenant"),
    ] {
        let (layer, _) = layer([RateLimit::named("rule").scope(scope.clone()).limit(1, SECOND)]);
        let error = ask(&layer, lacking).unwrap_err();
        assert_eq!((error.code(), error.rule(), error.retry_after()), (code, Some("rule"), None), "{scope:?}");
        ask(&layer, having).unwrap();
        assert_eq!(ask(&layer, having).unwrap_err().code(), "rate.limited", "{scope:?}");
    }
}

#[test]
fn combined_scopes_count_each_combination() {
    let table = |name: &str| TableAccess { table: name.to_owned(), ..TableAccess::default() };
    let cx = |tenant: &str, tables: &[&str]| QueryContext {
        subject: Some(Subject::new("ada").tenant(tenant)),
        tables: tables.iter().map(|name| table(name)).collect(),
        ..select()
    };
    let (layer, _) = layer([RateLimit::named("r").scope([RateScope::Tenant, RateScope::Table]).limit(1, SECOND)]);
    ask(&layer, &cx("north", &["a", "b"])).unwrap();
    ask(&layer, &cx("south", &["a"])).unwrap();
    // One of its tables is used up, so none is charged.
    ask(&layer, &cx("north", &["c", "B"])).unwrap_err();
    ask(&layer, &cx("north", &["c"])).unwrap();
    ask(&layer, &cx("south", &["a"])).unwrap_err();
}

#[test]
fn estimated_rows_are_charged_before_and_a_plan_without_a_bound_needs_a_full_bucket() {
    let (layer, hands) = layer([RateLimit::named("rows").cost(RateCost::EstimatedRows).limit(100, SECOND)]);
    let rows = |most_rows| QueryContext { most_rows, ..select() };
    ask(&layer, &rows(Some(60))).unwrap();
    let error = ask(&layer, &rows(Some(41))).unwrap_err();
    assert_eq!(error.retry_after(), Some(SECOND / 100));
    ask(&layer, &rows(Some(40))).unwrap();
    assert_eq!(ask(&layer, &rows(None)).unwrap_err().retry_after(), Some(SECOND));
    let error = ask(&layer, &rows(Some(101))).unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("rate.too_dear", None));
    hands.advance(SECOND - NANO);
    assert_eq!(ask(&layer, &rows(None)).unwrap_err().retry_after(), Some(NANO));
    hands.advance(NANO);
    ask(&layer, &rows(None)).unwrap();
    // Nothing is free.
    assert_eq!(ask(&layer, &rows(Some(0))).unwrap_err().retry_after(), Some(SECOND / 100));
}

#[test]
fn returned_rows_are_owed_and_waited_off() {
    let rule = RateLimit::named("rows").scope(RateScope::Subject).cost(RateCost::ReturnedRows).limit(10, SECOND);
    let (layer, hands) = layer([rule]);
    let cx = by("ada");
    ask(&layer, &cx).unwrap();
    end(&layer, &cx, &ended(OutcomeKind::Completed, None, 35));
    // 35 of 10 are used, so one more is there in 26 tenths of a second.
    let error = ask(&layer, &by("ada")).unwrap_err();
    assert_eq!(error.retry_after(), Some(SECOND * 26 / 10));
    ask(&layer, &by("bob")).unwrap();
    hands.advance(SECOND * 26 / 10 - NANO);
    ask(&layer, &by("ada")).unwrap_err();
    hands.advance(NANO);
    ask(&layer, &by("ada")).unwrap();
    // One that was dropped is charged for the rows that it had by then.
    let cx = by("eve");
    ask(&layer, &cx).unwrap();
    end(&layer, &cx, &ended(OutcomeKind::Cancelled, None, 20));
    assert_eq!(ask(&layer, &by("eve")).unwrap_err().retry_after(), Some(SECOND * 11 / 10));
}

#[test]
fn too_many_refusals_refuse_every_statement_in_their_scope() {
    let rule = RateLimit::named("probing").scope(RateScope::Subject).context(RateContext::Denied).limit(3, SECOND * 60);
    let (layer, hands) = layer([rule]);
    // What is allowed is not counted.
    for _ in 0..20 {
        ask(&layer, &by("ada")).unwrap();
        end(&layer, &by("ada"), &Outcome::sample());
    }
    let refusals = [
        (Some(Error::new(ErrorKind::Policy, "policy.read_only", "no")), None),
        (None, Some(Error::new(ErrorKind::Database, "db.permission", "no"))),
        (None, Some(Error::refused("no"))),
    ];
    for (refusal, error) in refusals {
        let cx = QueryContext { refusal: refusal.clone(), ..by("ada") };
        ask(&layer, &cx).unwrap();
        end(&layer, &cx, &ended(OutcomeKind::Denied, refusal.or(error), 0));
    }
    for kind in [StatementKind::Select, StatementKind::Insert, StatementKind::Begin] {
        let cx = QueryContext { kind, ..by("ada") };
        let error = ask(&layer, &cx).unwrap_err();
        assert_eq!((error.rule(), error.retry_after()), (Some("probing"), Some(SECOND * 20)));
        // Being refused for that is no further refusal.
        end(&layer, &cx, &ended(OutcomeKind::Throttled, Some(error), 0));
    }
    ask(&layer, &by("bob")).unwrap();
    // More of what the guard refuses makes it no longer.
    let cx = QueryContext { refusal: Some(Error::refused("no")), ..by("ada") };
    for _ in 0..10 {
        end(&layer, &cx, &ended(OutcomeKind::Denied, Some(Error::refused("no")), 0));
    }
    hands.advance(SECOND * 20);
    ask(&layer, &by("ada")).unwrap();
    // Failures that refuse nothing are not counted.
    for code in ["db.deadlock", "pool.timeout", "audit.full"] {
        end(&layer, &by("ada"), &ended(OutcomeKind::Failed, Some(Error::new(ErrorKind::Database, code, "no")), 0));
    }
    ask(&layer, &by("ada")).unwrap();
    // Those that ran at the same time overdraw the bucket, and wait for it.
    for _ in 0..3 {
        end(
            &layer,
            &by("ada"),
            &ended(OutcomeKind::Failed, Some(Error::new(ErrorKind::Database, "db.permission", "no")), 0),
        );
    }
    assert_eq!(ask(&layer, &by("ada")).unwrap_err().retry_after(), Some(SECOND * 60));
}

#[tokio::test]
async fn logins_and_names_of_the_callers_are_counted_without_a_statement() {
    let rules = [
        RateLimit::named("logins").context(RateContext::Login).scope(RateScope::Ip).limit(2, SECOND),
        RateLimit::named("exports")
            .context(RateContext::Named("export".to_owned()))
            .scope(RateScope::Tenant)
            .limit(1, SECOND),
        RateLimit::named("reads").context(RateContext::Read).limit(100, SECOND),
    ];
    let (layer, hands) = layer(rules);
    layer.test("login", &from(1)).await.unwrap();
    for _ in 0..2 {
        layer.check("login", &from(1)).await.unwrap();
    }
    for error in [layer.test("login", &from(1)).await, layer.check("login", &from(1)).await] {
        assert_eq!(error.unwrap_err().retry_after(), Some(SECOND / 2));
    }
    layer.check("login", &from(2)).await.unwrap();
    assert_eq!(layer.check("login", &Subject::new("ada")).await.unwrap_err().code(), "rate.no_address");

    // The same bucket for statements in that context and for what is none.
    let export = as_subject(from(1).in_context("export"));
    ask(&layer, &as_subject(from(1))).unwrap();
    ask(&layer, &as_subject(from(1).in_context("import"))).unwrap();
    ask(&layer, &export).unwrap();
    assert_eq!(ask(&layer, &export).unwrap_err().rule(), Some("exports"));
    layer.check("export", &from(3)).await.unwrap_err();
    hands.advance(SECOND);
    layer.check("export", &from(3)).await.unwrap();
    ask(&layer, &export).unwrap_err();

    layer.check("what no rule names", &from(1)).await.unwrap();
    for word in ["read", "write", "ddl", "raw", "denied", ""] {
        let error = layer.check(word, &from(1)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Plan, "rate.context"), "{word}");
    }
}

#[test]
fn setting_the_machines_clock_changes_nothing() {
    let (layer, hands) = layer([RateLimit::named("one").limit(1, SECOND)]);
    ask(&layer, &select()).unwrap();
    for day in [-40_000_i64, 1, 40_000] {
        hands.set(chrono::DateTime::from_timestamp(1_767_225_600 + day * 86_400, 0).unwrap());
        assert_eq!(ask(&layer, &select()).unwrap_err().retry_after(), Some(SECOND));
    }
    hands.advance(SECOND);
    ask(&layer, &select()).unwrap();
}

#[test]
fn a_million_keys_take_bounded_memory_and_no_one_elses_bucket() {
    const KEYS: usize = 1_000_000;
    let rule = RateLimit::named("each").scope(RateScope::Subject).limit(2, SECOND * 86_400).max_keys(KEYS);
    let (layer, hands) = layer([rule]);
    ask(&layer, &by("ada")).unwrap();
    ask(&layer, &by("ada")).unwrap();
    let mut longest = Duration::ZERO;
    for number in 1..KEYS + 50_000 {
        let cx = by(&format!("made up {number}"));
        let started = std::time::Instant::now();
        let answer = ask(&layer, &cx);
        longest = longest.max(started.elapsed());
        assert_eq!(answer.is_ok(), number < KEYS, "{number}");
        if let Err(error) = answer {
            assert_eq!(error.code(), "rate.too_many_keys");
        }
    }
    let (keys, bytes) = {
        let state = lock(&layer.0.state);
        (state.keys(0), state.bytes())
    };
    assert_eq!(keys, KEYS);
    assert!(bytes < 100 * KEYS, "{bytes} bytes");
    // One statement never pays for all: a table that grows moves its keys, which takes longest.
    assert!(longest < SECOND * 2, "{longest:?}");
    assert_eq!(ask(&layer, &by("ada")).unwrap_err().code(), "rate.limited");
    // Once the buckets are full there is room, and each new key makes more of it.
    hands.advance(SECOND * 86_400);
    for number in 0..KEYS / 2 {
        ask(&layer, &by(&format!("new {number}"))).unwrap();
    }
    let keys = lock(&layer.0.state).keys(0);
    assert!(keys <= KEYS / 2 + 100, "{keys}");
}
