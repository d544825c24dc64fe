//! Waiting and statements in flight, by the machine's clock.

use std::time::{Duration, Instant};

use super::*;
use crate::hook::stack::{BoxedHook, Entered, HookStack};

const MILLI: Duration = Duration::from_millis(1);

fn layer(rule: RateLimit) -> RateLimitLayer {
    RateLimitLayer::new([rule]).unwrap()
}

fn select() -> QueryContext {
    QueryContext::sample(StatementKind::Select)
}

fn waiting(layer: &RateLimitLayer) -> usize {
    lock(&layer.0.state).is_waiting()
}

async fn until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_secs(10), "it never came");
        tokio::time::sleep(MILLI).await;
    }
}

#[tokio::test]
async fn those_who_wait_pass_in_the_order_in_which_they_came_and_not_too_soon() {
    let layer = layer(RateLimit::named("slow").limit(20, MILLI * 1_000).burst(1).wait(MILLI * 5_000));
    let started = Instant::now();
    layer.before(&select()).await.unwrap();
    let passed = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 1..=6 {
        let (passing, done) = (layer.clone(), Arc::clone(&passed));
        tasks.push(tokio::spawn(async move {
            passing.before(&select()).await.unwrap();
            done.lock().unwrap().push((number, started.elapsed()));
        }));
        until(|| waiting(&layer) + passed.lock().unwrap().len() >= number as usize).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let passed = passed.lock().unwrap();
    assert_eq!(passed.iter().map(|(number, _)| *number).collect::<Vec<u32>>(), [1, 2, 3, 4, 5, 6]);
    for (number, time) in passed.iter() {
        assert!(*time >= MILLI * 50 * *number, "{passed:?}");
    }
    assert_eq!(waiting(&layer), 0);
}

#[tokio::test]
async fn one_whose_time_would_come_too_late_is_refused_at_once() {
    let layer = layer(RateLimit::named("slow").limit(1, MILLI * 10_000).wait(MILLI * 2_000));
    layer.before(&select()).await.unwrap();
    let started = Instant::now();
    let error = layer.before(&select()).await.unwrap_err();
    assert!(started.elapsed() < MILLI * 1_000);
    assert_eq!((error.code(), error.rule()), ("rate.limited", Some("slow")));
    assert!(error.retry_after().unwrap() > MILLI * 9_000);
    assert_eq!(waiting(&layer), 0);
}

#[tokio::test]
async fn those_ahead_count_when_it_is_asked_whether_the_time_would_come() {
    // Two may come within the time, the third would have to wait for three seconds.
    let layer = layer(RateLimit::named("slow").limit(1, MILLI * 1_000).burst(1).wait(MILLI * 2_500));
    layer.before(&select()).await.unwrap();
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let layer = layer.clone();
            tokio::spawn(async move { layer.before(&select()).await })
        })
        .collect();
    until(|| waiting(&layer) == 2).await;
    let error = layer.before(&select()).await.unwrap_err();
    assert!(error.retry_after().unwrap() > MILLI * 2_000, "{error:?}");
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_who_goes_away_gives_up_the_place() {
    let layer = layer(RateLimit::named("slow").limit(1, MILLI * 1_000).burst(1).wait(MILLI * 2_500));
    layer.before(&select()).await.unwrap();
    let wait = || {
        let layer = layer.clone();
        tokio::spawn(async move { layer.before(&select()).await })
    };
    let (first, second) = (wait(), wait());
    until(|| waiting(&layer) == 2).await;
    // With two ahead the third would be too late; with one it is not.
    layer.before(&select()).await.unwrap_err();
    first.abort();
    until(|| waiting(&layer) == 1).await;
    layer.before(&select()).await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(waiting(&layer), 0);
}

#[tokio::test]
async fn waiting_ends_before_the_time_of_the_hook_and_the_refusal_names_the_rule() {
    let layer = layer(RateLimit::named("few").in_flight(1).wait(MILLI * 60_000));
    let first = select();
    layer.before(&first).await.unwrap();
    let stack = HookStack::new(vec![BoxedHook::new(layer.clone())], MILLI * 300);
    let started = Instant::now();
    let error = stack.before(&select(), &mut Entered::default()).await.unwrap_err();
    assert_eq!((error.code(), error.rule()), ("rate.in_flight", Some("few")));
    assert!(started.elapsed() < MILLI * 5_000);
    assert_eq!(waiting(&layer), 0);
}

#[tokio::test]
async fn a_place_in_flight_comes_back_when_the_statement_ends_however_it_ends() {
    let layer = layer(RateLimit::named("few").scope(RateScope::Subject).in_flight(2));
    let count = || lock(&layer.0.state).keys(0);
    let (first, second) = (select(), select());
    layer.before(&first).await.unwrap();
    layer.before(&second).await.unwrap();
    let error = layer.before(&select()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::RateLimited, "rate.in_flight"));
    assert_eq!((error.rule(), error.retry_after()), (Some("few"), None));
    let other = QueryContext { subject: Some(Subject::new("bob")), ..select() };
    layer.before(&other).await.unwrap();
    assert_eq!(count(), 2);
    // Told of its end.
    layer.after(&first, &Outcome::sample()).await;
    let third = select();
    layer.before(&third).await.unwrap();
    // Told twice, and a copy of the context that is still around: each place comes back once.
    layer.after(&first, &Outcome::sample()).await;
    let copy = third.clone();
    layer.before(&select()).await.unwrap_err();
    // Dropped, and nobody tells.
    drop((second, third));
    let fourth = select();
    layer.before(&fourth).await.unwrap();
    drop((fourth, other, copy));
    assert_eq!(count(), 0);
    layer.before(&select()).await.unwrap();
}

#[tokio::test]
async fn those_who_wait_for_a_place_in_flight_get_it_in_turn() {
    let layer = layer(RateLimit::named("one").in_flight(1).wait(MILLI * 5_000));
    let running = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let passed = Arc::new(Mutex::new(Vec::new()));
    let first = select();
    layer.before(&first).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..5 {
        let (layer_of_task, passed, running) = (layer.clone(), Arc::clone(&passed), Arc::clone(&running));
        tasks.push(tokio::spawn(async move {
            let cx = select();
            layer_of_task.before(&cx).await.unwrap();
            assert_eq!(running.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
            passed.lock().unwrap().push(number);
            tokio::time::sleep(MILLI * 5).await;
            running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            layer_of_task.after(&cx, &Outcome::sample()).await;
        }));
        until(|| waiting(&layer) == number + 1).await;
    }
    layer.after(&first, &Outcome::sample()).await;
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*passed.lock().unwrap(), [0, 1, 2, 3, 4]);
    assert_eq!((waiting(&layer), lock(&layer.0.state).keys(0)), (0, 0));
}

#[tokio::test]
async fn a_statement_waits_only_if_every_rule_that_refuses_it_waits() {
    let layer = RateLimitLayer::new([
        RateLimit::named("waits").limit(10, MILLI * 1_000).burst(1).wait(MILLI * 5_000),
        RateLimit::named("refuses").limit(1, MILLI * 600_000),
    ])
    .unwrap();
    layer.before(&select()).await.unwrap();
    let started = Instant::now();
    assert_eq!(layer.before(&select()).await.unwrap_err().rule(), Some("refuses"));
    assert!(started.elapsed() < MILLI * 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_wait_and_go_away_never_get_more_than_the_limit() {
    let layer = layer(RateLimit::named("slow").limit(200, MILLI * 1_000).burst(5).wait(MILLI * 300));
    let passed = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let started = Instant::now();
    let tasks: Vec<_> = (0..300_u64)
        .map(|number| {
            let (layer, passed) = (layer.clone(), Arc::clone(&passed));
            tokio::spawn(async move {
                tokio::time::sleep(MILLI * u32::try_from(number).unwrap()).await;
                let patience = MILLI * u32::try_from(number * 37 % 200 + 1).unwrap();
                if let Ok(Ok(())) = tokio::time::timeout(patience, layer.before(&select())).await {
                    passed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let allowed = 5 + started.elapsed().as_millis() / 5;
    let passed = u128::from(passed.load(std::sync::atomic::Ordering::SeqCst));
    assert!(passed <= allowed, "{passed} of {allowed}");
    assert!(passed > 40, "{passed} of {allowed}");
    assert_eq!(waiting(&layer), 0);
}
