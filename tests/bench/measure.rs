//! Contenders side by side: each runs in every round, and its figure is the median of the rounds.

use std::sync::{Arc, Mutex};
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
    /// What this process computed for one operation, in nanoseconds, a figure a round: less moved by what else the machine does.
    cpu: Vec<f64>,
    /// How long each operation took, in nanoseconds, of those that tell.
    latencies: Latencies,
}

/// Where a contender's tasks put what each operation took.
pub type Latencies = Arc<Mutex<Vec<u32>>>;

impl<'a> Contender<'a> {
    /// A contender that measures itself: `turn` gives nanoseconds per operation.
    pub fn new(name: impl Into<String>, turn: impl FnMut() -> f64 + 'a) -> Contender<'a> {
        let latencies = Latencies::default();
        Contender { name: name.into(), turn: Box::new(turn), figures: Vec::new(), cpu: Vec::new(), latencies }
    }

    /// The same for one whose operations each tell how long they took.
    pub fn timing(name: impl Into<String>, latencies: Latencies, turn: impl FnMut() -> f64 + 'a) -> Contender<'a> {
        Contender { latencies, ..Contender::new(name, turn) }
    }

    /// The latencies below which these parts of the operations stay, in nanoseconds.
    fn percentiles(&self, parts: [f64; 2]) -> [f64; 2] {
        let mut all = self.latencies.lock().expect("the latencies").clone();
        all.sort_unstable();
        parts.map(|part| all.get((all.len() as f64 * part) as usize).map_or(f64::NAN, |time| f64::from(*time)))
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
        median(&self.figures)
    }

    /// How far the middle half of the rounds lies apart, in per cent of the median.
    fn spread(&self) -> f64 {
        let mut figures = self.figures.clone();
        figures.sort_by(f64::total_cmp);
        let at = |part: usize| figures.get(figures.len() * part / 4).copied().unwrap_or(f64::NAN);
        (at(3) - at(1)) / self.median() * 100.0
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What all threads of this process have computed so far, in nanoseconds; zero where the system doesn't say.
fn cpu_time() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let read = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("schedstat")).ok();
    threads.filter_map(read).filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum()
}

/// Runs the contenders in turns. `PORTCULLIS_BENCH_ONLY` leaves those whose name holds its text, for a profiler.
pub fn rounds(contenders: &mut Vec<Contender<'_>>) {
    if let Ok(only) = std::env::var("PORTCULLIS_BENCH_ONLY") {
        contenders.retain(|contender| contender.name.contains(&only));
    }
    for contender in contenders.iter_mut() {
        (contender.turn)();
        contender.latencies.lock().expect("the latencies").clear();
    }
    for _ in 0..ROUNDS {
        for contender in contenders.iter_mut() {
            let (before, started) = (cpu_time(), Instant::now());
            let figure = (contender.turn)();
            contender.figures.push(figure);
            let operations = started.elapsed().as_nanos() as f64 / figure;
            contender.cpu.push((cpu_time() - before) / operations);
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

/// Prints the latencies that half of the operations and 99 of 100 stay below, and how they compare with those of each of `against`.
pub fn print_latencies(title: &str, contenders: &[Contender<'_>], against: &[&str]) {
    let columns: String = against.iter().map(|name| format!(" p50 / {name} | p99 / {name} |")).collect();
    println!("\n{title}\n\n| contender | p50 µs | p99 µs |{columns}");
    println!("| --- | ---: | ---: |{}", " ---: | ---: |".repeat(against.len()));
    let of = |contender: &Contender<'_>| contender.percentiles([0.5, 0.99]);
    for contender in contenders {
        let [p50, p99] = of(contender);
        let ratios: String = against
            .iter()
            .map(|name| {
                let other = contenders.iter().find(|other| other.name == *name).map_or([f64::NAN; 2], of);
                format!(" {:.2} | {:.2} |", p50 / other[0], p99 / other[1])
            })
            .collect();
        println!("| {} | {:.1} | {:.1} |{ratios}", contender.name, p50 / 1e3, p99 / 1e3);
    }
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
    println!("\n{title}\n\n| contender | {unit} | ± % | CPU µs |{columns}");
    println!("| --- | ---: | ---: | ---: |{}", " ---: |".repeat(against.len()));
    for contender in contenders {
        let ratios: String = against
            .iter()
            .map(|name| {
                let other = contenders.iter().find(|other| other.name == *name);
                format!(" {:.2} |", ratio(contender.median(), other.map_or(f64::NAN, Contender::median)))
            })
            .collect();
        println!(
            "| {} | {:.0} | {:.0} | {:.1} |{ratios}",
            contender.name,
            figure(contender.median()),
            contender.spread() / 2.0,
            median(&contender.cpu) / 1e3
        );
    }
}
