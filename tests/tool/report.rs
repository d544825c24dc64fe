//! `audit report`: the page, as a parser and as a browser see it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use html5gum::{Token, Tokenizer};
use portcullis::{Database, ErrorKind, RateLimit, RateLimitLayer, Subject, all, col, count};
use serde_json::Value as Json;

use crate::logs::{HOSTILE, SECRET, builder, files, settled, shop, time};
use crate::{Said, run};

/// A busy week of a shop, with peaks of refusals, and names of every sort.
async fn busy(folder: &Path) -> PathBuf {
    let path = folder.join("audit.jsonl");
    let (clock, hands) = portcullis::Clock::manual();
    hands.set(time("2026-03-02T06:00:00Z"));
    {
        let audit = builder().clock(clock.clone()).rotate_at(600_000).to_file(&path).unwrap();
        let limit = RateLimit::named("twelve a minute")
            .scope([portcullis::RateScope::Subject])
            .limit(12, Duration::from_secs(60));
        let database = Database::builder("sqlite::memory:".parse().unwrap()).pool_size(1).hook(audit);
        let db = database.hook(RateLimitLayer::with_clock([limit], clock).unwrap()).open_read_write().await.unwrap();
        let db = db.acting_as(Subject::new("migration"));
        db.sql("CREATE TABLE customers (id integer PRIMARY KEY, email text, city text)").execute().await.unwrap();
        db.sql("CREATE TABLE orders (id integer PRIMARY KEY, customer integer, total integer)")
            .execute()
            .await
            .unwrap();
        db.sql("CREATE TABLE \"<script>x=5</script>\" (id integer)").execute().await.unwrap();
        let people = ["ada", "grace", "山田太郎", "nightly-export", "mallory", "שרה", HOSTILE];
        for hour in 0..96_u64 {
            for (place, who) in people.iter().enumerate() {
                hands.advance(Duration::from_secs(90));
                let db = db.acting_as(Subject::new(who).tenant(if place % 2 == 0 { "north" } else { "south" }));
                let busy = if (8..18).contains(&(hour % 24)) { 4 - place.min(3) } else { 0 };
                for number in 0..=busy {
                    let id = (hour * 10 + number as u64) as i64;
                    let customers = db.table("customers").where_(col("id").eq(id));
                    customers.select(["email", "city"]).collect().await.unwrap();
                    if place < 2 {
                        let order = db.insert("orders").columns(["customer", "total"]).row((id, 5));
                        order.execute().await.unwrap();
                    }
                }
                if *who == "mallory" && hour % 31 == 9 {
                    let mut limited = 0;
                    for _ in 0..40 {
                        db.delete("customers").execute().await.unwrap_err();
                        let read = db.table("customers").select("email").collect().await;
                        limited += u32::from(read.is_err_and(|error| error.kind() == ErrorKind::RateLimited));
                    }
                    assert!(limited > 20);
                }
                if *who == HOSTILE && hour % 24 == 3 {
                    db.table("<script>x=5</script>").select("id").collect().await.unwrap();
                }
            }
            hands.advance(Duration::from_secs(3_600 - 90 * people.len() as u64));
            if hour == 80 {
                db.table("orders").group_by("customer").agg(count(all()).as_("n")).collect().await.unwrap();
            }
        }
    }
    settled(&path).await;
    path
}

fn report(path: &Path, page: &Path, more: &[&str]) -> Said {
    let all = files(path);
    let files: Vec<&Path> = all.iter().map(AsRef::as_ref).collect();
    let secret = path.parent().unwrap().join("secret");
    fs::write(&secret, SECRET).unwrap();
    let (key, page) = (format!("2026={}", secret.display()), page.to_string_lossy().into_owned());
    run(&[&["audit", "report", "-o", &page, "--key-file", &key][..], more].concat(), &files)
}

/// The elements of a page, their attributes, and the text.
fn parse(page: &str) -> (BTreeSet<String>, BTreeSet<(String, String)>, String) {
    let (mut elements, mut attributes, mut texts) = (BTreeSet::new(), BTreeSet::new(), String::new());
    for token in Tokenizer::new(page) {
        match token.unwrap() {
            Token::StartTag(tag) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                elements.insert(text(&tag.name));
                attributes.extend(tag.attributes.iter().map(|(name, value)| (text(name), text(value))));
            }
            Token::String(string) => texts += &String::from_utf8_lossy(&string),
            Token::Error(error) => panic!("the page is no good HTML: {error:?}"),
            _ => {}
        }
    }
    (elements, attributes, texts)
}

const ELEMENTS: &[&str] = &[
    "b", "bdi", "body", "code", "dd", "details", "div", "dl", "dt", "figure", "h1", "h2", "head", "html", "line",
    "meta", "p", "polygon", "polyline", "rect", "span", "style", "summary", "svg", "table", "tbody", "td", "text",
    "th", "thead", "title", "tr",
];

const ATTRIBUTES: &[&str] = &[
    "aria-label",
    "charset",
    "class",
    "content",
    "dy",
    "fill",
    "font-family",
    "font-size",
    "height",
    "http-equiv",
    "lang",
    "name",
    "opacity",
    "points",
    "role",
    "stroke",
    "stroke-width",
    "text-anchor",
    "viewbox",
    "width",
    "x",
    "x1",
    "x2",
    "xmlns",
    "y",
    "y1",
    "y2",
];

#[tokio::test]
async fn names_that_try_to_be_markup_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = busy(folder.path()).await;
    let page = folder.path().join("report.html");
    let said = report(&path, &page, &["--title", HOSTILE, "--baseline-until", "2026-03-04"]);
    assert_eq!(said.code, 0, "{} {}", said.out, said.notes);
    let text = fs::read_to_string(&page).unwrap();
    let (elements, attributes, texts) = parse(&text);
    let strange: Vec<_> = elements.iter().filter(|name| !ELEMENTS.contains(&name.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let strange: Vec<_> = attributes.iter().filter(|(name, _)| !ATTRIBUTES.contains(&name.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let links = attributes.iter().filter(|(_, value)| value.contains("://") || value.contains("url("));
    assert!(links.into_iter().all(|(name, value)| name == "xmlns" && value == "http://www.w3.org/2000/svg"));
    let hidden = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
    assert!(!text.contains(hidden));
    // It is there all the same, as text: as subject, title, and name of a table.
    assert!(texts.contains("<script>document.title='pwned'</script>") && texts.contains("<script>x=5</script>"));
    assert!(texts.contains("山田太郎") && texts.contains("mallory"));
    let policy = attributes.iter().find(|(name, value)| name == "content" && value.contains("default-src")).unwrap();
    assert!(policy.1.starts_with("default-src 'none'; style-src 'sha256-"), "{policy:?}");
    // The twin: the parser sees markup where it is.
    let (elements, attributes, _) = parse(&text.replacen("<h1>", "<h1 onclick=\"x\"><script></script>", 1));
    assert!(elements.contains("script") && attributes.contains(&("onclick".into(), "x".into())));
}

#[tokio::test]
async fn the_figures_of_a_report_are_those_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path()).await;
    let page = folder.path().join("report.html");
    let said = report(&path, &page, &["--format", "json", "--baseline-until", "2026-03-01"]);
    assert_eq!(said.code, 0, "{}", said.notes);
    let figures: Json = serde_json::from_str(&said.out).unwrap();
    let query = |arguments: &[&str]| {
        let all = files(&path);
        let files: Vec<&Path> = all.iter().map(AsRef::as_ref).collect();
        let said = run(&[&["audit", "query", "--format", "json"], arguments].concat(), &files);
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Json>>()
    };
    assert_eq!(figures["statements"], query(&[]).len());
    for outcome in ["allowed", "denied", "failed", "unfinished"] {
        assert_eq!(figures["outcomes"][outcome], query(&["--outcome", outcome]).len(), "{outcome}");
    }
    assert_eq!(figures["shapes"], query(&["--by", "fingerprint"]).len());
    let before: BTreeSet<String> =
        query(&["--by", "fingerprint", "--to", "2026-03-01"]).iter().map(|it| it["fingerprint"].to_string()).collect();
    let since: BTreeSet<String> = query(&["--by", "fingerprint", "--from", "2026-03-01"])
        .iter()
        .map(|it| it["fingerprint"].to_string())
        .collect();
    assert_eq!(figures["new_shapes"], since.difference(&before).count());
    assert_eq!(figures["unanchored"], 0);
    let text = parse(&fs::read_to_string(&page).unwrap()).2;
    assert!(text.contains("The log is whole") && !text.contains("not all of it is certain"));
    // A filter holds for the page too.
    let said = report(&path, &page, &["--format", "json", "--subject", "mallory"]);
    assert_eq!(serde_json::from_str::<Json>(&said.out).unwrap()["statements"], 1);
    // The same log as its own baseline: nothing is new.
    let baseline = path.to_string_lossy().into_owned();
    let mut more = vec!["--format", "json", "--baseline", &baseline];
    let closed: Vec<String> = files(&path).iter().map(|file| file.to_string_lossy().into_owned()).collect();
    closed.iter().for_each(|file| more.extend(["--baseline", file]));
    let said = report(&path, &page, &more);
    assert_eq!(serde_json::from_str::<Json>(&said.out).unwrap()["new_shapes"], 0, "{}", said.notes);
}

#[tokio::test]
async fn a_broken_log_and_an_empty_one_have_a_page_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = shop(folder.path()).await;
    let page = folder.path().join("report.html");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("allowed", "denied!", 1)).unwrap();
    assert_eq!(report(&path, &page, &[]).code, 1);
    let shown = parse(&fs::read_to_string(&page).unwrap()).2;
    assert!(shown.contains("The log is broken") && shown.contains("a changed record"), "{shown}");
    let empty = folder.path().join("empty.jsonl");
    fs::write(&empty, "").unwrap();
    let (empty, page) = (empty.as_path(), page.to_string_lossy().into_owned());
    assert_eq!(run(&["audit", "report", "-o", &page], &[empty]).code, 0);
    assert!(parse(&fs::read_to_string(&page).unwrap()).2.contains("No statement was found"));
    let nowhere = run(&["audit", "report", "-o", "/nonexistent/report.html"], &[empty]);
    assert_eq!(nowhere.code, 3);
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("PORTCULLIS_REQUIRE_BROWSER").is_none(), "no chromium in PATH");
        eprintln!("skipped: there is no chromium for the report's page");
    }
    found
}

fn chromium(program: &Path, folder: &Path, arguments: &[&str], page: &Path) -> String {
    let profile = format!("--user-data-dir={}", folder.join("profile").display());
    let mut command = Command::new(program);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        &profile,
    ]);
    let output =
        command.args(arguments).arg(format!("file://{}", page.display())).stderr(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_browser_shows_the_page_and_runs_nothing() {
    let Some(program) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = busy(folder.path()).await;
    let page = folder.path().join("report.html");
    let said = report(&path, &page, &["--title", "Audit of the shop", "--baseline-until", "2026-03-04"]);
    assert_eq!(said.code, 0, "{} {}", said.out, said.notes);
    let artefacts = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("artefacts");
    fs::create_dir_all(&artefacts).unwrap();
    fs::copy(&page, artefacts.join("report.html")).unwrap();
    for (mode, setting) in [("light", "0"), ("dark", "1")] {
        let picture = artefacts.join(format!("report-{mode}.png"));
        let _ = fs::remove_file(&picture);
        let screenshot = format!("--screenshot={}", picture.display());
        let scheme = format!("--blink-settings=preferredColorScheme={}", if setting == "1" { 0 } else { 1 });
        chromium(&program, folder.path(), &["--window-size=1200,3200", &scheme, &screenshot], &page);
        assert!(fs::metadata(&picture).unwrap().len() > 50_000);
    }
    // Without its policy, so that the escapes alone have to hold.
    let text = fs::read_to_string(&page).unwrap();
    let bare = text.replacen("Content-Security-Policy", "x", 1).replace("default-src 'none'", "x");
    let open = folder.path().join("bare.html");
    fs::write(&open, &bare).unwrap();
    for page in [&page, &open] {
        let seen = chromium(&program, folder.path(), &["--dump-dom"], page);
        assert!(seen.contains("<title>Audit of the shop</title>"), "something ran");
        assert!(!seen.contains("<script") && !seen.contains("<svg onload"));
        assert!(seen.contains("&lt;script&gt;"), "and the names are shown");
    }
    // The twin: what is not escaped runs in the bare page, and does not under the policy.
    let inject = |text: &str| text.replacen("</body>", "<script>document.title='pwned'</script></body>", 1);
    fs::write(&open, inject(&bare)).unwrap();
    assert!(chromium(&program, folder.path(), &["--dump-dom"], &open).contains("<title>pwned</title>"));
    fs::write(&open, inject(&text)).unwrap();
    assert!(!chromium(&program, folder.path(), &["--dump-dom"], &open).contains("<title>pwned</title>"));
}
