//! Contenders side by side: each runs in every round, and its figure is the median of the rounds.

use std::time::{Duration, Instant};

/// Rounds of one table.
pub const ROUNDS: usize = 15;

/// How long one contender runs in one round.
pub const TURN: Duration = Duration::from_millis(200);

/// One contender with what was measured of it: nanoseconds per operation, a figure a round.
pub struct Contender<'a> {
    name: String,
    turn: Box<dyn FnMut() -> f64 + 'a>,
    figures: Vec<f64>,
}

impl<'a> Contender<'a> {
    /// A contender that measures itself: `turn` gives nanoseconds per operation.
    pub fn new(name: impl Into<String>, turn: impl FnMut() -> f64 + 'a) -> Contender<'a> {
        Contender { name: name.into(), turn: Box::new(turn), figures: Vec::new() }
    }

    /// A contender that does `work` again and again on this thread.
    pub fn repeating<T>(name: impl Into<String>, mut work: impl FnMut() -> T + 'a) -> Contender<'a> {
        Contender::new(name, move || {
            let started = Instant::now();
            let mut count = 0u32;
            while started.elapsed() < TURN {
                // Asking for the time costs as much as the smallest piece of work, so not each time.
                for _ in 0..32 {
                    std::hint::black_box(work());
                }
                count += 32;
            }
            started.elapsed().as_nanos() as f64 / f64::from(count)
        })
    }

    fn median(&self) -> f64 {
        let mut figures = self.figures.clone();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// How far the middle half of the rounds lies apart, in per cent of the median.
    fn spread(&self) -> f64 {
        let mut figures = self.figures.clone();
        figures.sort_by(f64::total_cmp);
        let at = |part: usize| figures.get(figures.len() * part / 4).copied().unwrap_or(f64::NAN);
        (at(3) - at(1)) / self.median() * 100.0
    }
}

/// Runs the contenders in turns. `PORTCULLIS_BENCH_ONLY` leaves those whose name holds its text, for a profiler.
pub fn rounds(contenders: &mut Vec<Contender<'_>>) {
    if let Ok(only) = std::env::var("PORTCULLIS_BENCH_ONLY") {
        contenders.retain(|contender| contender.name.contains(&only));
    }
    for contender in contenders.iter_mut() {
        (contender.turn)();
    }
    for _ in 0..ROUNDS {
        for contender in contenders.iter_mut() {
            let figure = (contender.turn)();
            contender.figures.push(figure);
        }
    }
}

/// Prints a table: the time of each contender, and how its time compares with that of each of `against`.
pub fn print_times(title: &str, contenders: &[Contender<'_>], against: &[&str]) {
    print(title, contenders, against, "ns", |median| median, |own, other| own / other);
}

/// Prints a table of throughput: operations per second, and how they compare with those of each of `against`.
pub fn print_throughput(title: &str, contenders: &[Contender<'_>], against: &[&str]) {
    print(title, contenders, against, "op/s", |median| 1e9 / median, |own, other| other / own);
}

fn print(
    title: &str,
    contenders: &[Contender<'_>],
    against: &[&str],
    unit: &str,
    figure: impl Fn(f64) -> f64,
    ratio: impl Fn(f64, f64) -> f64,
) {
    let columns: String = against.iter().map(|name| format!(" / {name} |")).collect();
    println!("\n{title}\n\n| contender | {unit} | ± % |{columns}");
    println!("| --- | ---: | ---: |{}", " ---: |".repeat(against.len()));
    for contender in contenders {
        let ratios: String = against
            .iter()
            .map(|name| {
                let other = contenders.iter().find(|other| other.name == *name);
                format!(" {:.2} |", ratio(contender.median(), other.map_or(f64::NAN, Contender::median)))
            })
            .collect();
        println!(
            "| {} | {:.0} | {:.0} |{ratios}",
            contender.name,
            figure(contender.median()),
            contender.spread() / 2.0
        );
    }
}
