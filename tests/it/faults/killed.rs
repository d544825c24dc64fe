//! A process that is killed in mid-write on SQLite.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use portcullis::{Database, ReadWrite, Result};

use crate::support::TestDatabase;

/// Set for the process that is to be killed: this test program again, with this test alone.
const FILE: &str = "PORTCULLIS_TEST_KILLED_FILE";
const ROUND: &str = "PORTCULLIS_TEST_KILLED_ROUND";
const NAME: &str = "faults::killed::a_process_that_is_killed_in_mid_write_leaves_whole_transactions";

const KILLS: i64 = 200;
/// Rows of a transaction of a few statements, and of an insert in parts.
const FEW: i64 = 60;
const MANY: i64 = 5_200;

fn is_bulk(round: i64) -> bool {
    round % 8 == 0
}

/// Writes for as long as it lives, and says what was committed.
async fn write_until_killed(file: &Path, round: i64) -> Result<()> {
    let db = Database::<ReadWrite>::open(format!("sqlite://{}", file.display()).parse()?).await?;
    println!("begun");
    for next in 0.. {
        let id = round * 1_000 + next;
        let rows = |from: i64, to: i64| (from..to).map(move |part| [id, part]);
        if is_bulk(round) {
            db.insert("t").columns(["id", "part"]).rows(rows(0, MANY)).execute().await?;
        } else {
            db.transaction(async |tx| -> Result<()> {
                for third in 0..3 {
                    let part = rows(third * FEW / 3, (third + 1) * FEW / 3);
                    tx.insert("t").columns(["id", "part"]).rows(part).execute().await?;
                }
                Ok(())
            })
            .await?;
        }
        println!("done {id}");
    }
    Ok(())
}

/// Starts the process, kills it a little later, and gives what it had said to be committed.
fn kill_one(file: &Path, round: i64) -> Vec<i64> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.ends_with("begun")), "it did not start");
    // At some point of the first, second or third transaction.
    let said = |line: String| line.strip_prefix("done ").and_then(|id| id.parse::<i64>().ok());
    let mut done: Vec<i64> = lines.by_ref().filter_map(said).take(usize::try_from(round % 3).unwrap()).collect();
    let step = if is_bulk(round) { 1_000 } else { 200 };
    std::thread::sleep(Duration::from_micros(u64::try_from(round * 7 % 40 * step).unwrap()));
    process.kill().unwrap();
    assert!(!process.wait().unwrap().success());
    done.extend(lines.filter_map(said));
    done
}

#[tokio::test]
async fn a_process_that_is_killed_in_mid_write_leaves_whole_transactions() {
    if let (Some(file), Ok(round)) = (std::env::var_os(FILE), std::env::var(ROUND)) {
        return write_until_killed(Path::new(&file), round.parse().unwrap()).await.unwrap();
    }
    let test = TestDatabase::fresh(portcullis::Dialect::Sqlite).await.unwrap();
    test.execute_setup(&["CREATE TABLE t (id bigint NOT NULL, part bigint NOT NULL)"]).await;
    let (mut kept, mut unsaid) = (0, 0);
    for round in 0..KILLS {
        let said = kill_one(&test.file(), round);
        let connection = test.sqlite();
        let rows = if is_bulk(round) { MANY } else { FEW };
        let found: Vec<(i64, i64, i64)> = connection
            .prepare("SELECT id, count(*), count(DISTINCT part) FROM t GROUP BY id ORDER BY id")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(|row| row.unwrap())
            .collect();
        for (id, count, distinct) in &found {
            assert_eq!((*count, *distinct), (rows, rows), "{id} in round {round}");
        }
        for id in &said {
            assert!(found.iter().any(|(found, ..)| found == id), "{id} was committed and is gone");
        }
        kept += said.len();
        unsaid += found.len() - said.len();
        if round % 20 == 0 {
            let state: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(state, "ok");
        }
        connection.execute("DELETE FROM t", []).unwrap();
    }
    assert!(kept > 50, "only {kept} transactions were committed before the kill");
    eprintln!("{kept} were told of, {unsaid} were not");
    // The file goes on being used.
    let db = test.read_write().await;
    assert_eq!(db.insert("t").columns(["id", "part"]).row([1, 1]).execute().await.unwrap(), 1);
}
