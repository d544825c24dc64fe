//! The page. Markup comes from this file alone: a text of the log goes through [`Page::name`] or [`Page::text`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use super::charts;
use super::collect::{Figures, Shape, Touched};
use super::style::STYLE;
use crate::args::Outcome;
use crate::escape::{duration, number, shown};
use crate::log::Reading;
use crate::verify;

/// The most rows of a table, and tables and subjects of the grid.
const ROWS: usize = 15;
const GRID: (usize, usize) = (20, 10);

/// HTML in the making.
struct Page(String);

impl Page {
    /// Markup; `'static`, so that it can't come from a log.
    fn raw(&mut self, markup: &'static str) -> &mut Page {
        self.0.push_str(markup);
        self
    }

    /// A text, in which nothing is markup and no character hides or turns the direction.
    fn text(&mut self, text: &str) -> &mut Page {
        for character in shown(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// A name of the log's, kept apart from what stands around it whatever direction it is written in.
    fn name(&mut self, name: &str) -> &mut Page {
        self.raw("<bdi>").text(name).raw("</bdi>")
    }

    /// A chart, which holds no text of the log.
    fn chart(&mut self, svg: &str, label: &'static str) -> &mut Page {
        self.raw("<figure>");
        // What a screen reader says.
        let labelled = svg.replacen("<svg ", "<svg role=\"img\" aria-label=\"", 1);
        match labelled.split_once("aria-label=\"") {
            Some((before, after)) => {
                self.0.push_str(before);
                self.raw("aria-label=\"").text(label).raw("\" ");
                self.0.push_str(after);
            }
            None => self.0.push_str(svg),
        }
        self.raw("</figure>")
    }

    fn cell(&mut self, class: &'static str, text: &str) -> &mut Page {
        self.raw("<td class=\"").raw(class).raw("\">").text(text).raw("</td>")
    }

    fn name_cell(&mut self, name: &str) -> &mut Page {
        self.raw("<td class=\"name\">").name(name).raw("</td>")
    }

    fn heads(&mut self, heads: &[&'static str]) -> &mut Page {
        self.raw("<thead><tr>");
        for head in heads {
            match head.strip_prefix('>') {
                Some(head) => self.raw("<th class=\"n\">").text(head).raw("</th>"),
                None => self.raw("<th>").text(head).raw("</th>"),
            };
        }
        self.raw("</tr></thead><tbody>")
    }

    fn card(&mut self, value: &str, what: &'static str) -> &mut Page {
        self.raw("<div class=\"card\"><b>")
            .text(value)
            .raw("</b><span class=\"soft small\">")
            .text(what)
            .raw("</span></div>")
    }

    /// Says that there was more than is shown or counted.
    fn more(&mut self, shown: usize, all: usize, crowded: u64) -> &mut Page {
        if all > shown {
            self.raw("<p class=\"soft small\">").text(&format!("{shown} of {all} are shown.")).raw("</p>");
        }
        if crowded > 0 {
            let text = format!("{} more were not counted apart, because there are too many.", number(crowded));
            self.raw("<p class=\"soft small\">").text(&text).raw("</p>");
        }
        self
    }
}

pub(super) fn make(title: &str, figures: &Figures, read: &Reading) -> Result<String, Box<dyn std::error::Error>> {
    let mut page = Page(String::new());
    page.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    // Nothing is loaded and nothing runs; the one style is named by its hash.
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
    page.text(&STANDARD.encode(Sha256::digest(STYLE.as_bytes())));
    page.raw("'; base-uri 'none'; form-action 'none'\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">");
    page.raw("<title>").text(title).raw("</title><style>").raw(STYLE).raw("</style></head><body>\n");
    head(&mut page, title, figures, read);
    totals(&mut page, figures);
    timeline(&mut page, figures)?;
    grid(&mut page, figures);
    refusals(&mut page, figures)?;
    slowest(&mut page, figures)?;
    new_shapes(&mut page, figures);
    chain(&mut page, read);
    page.raw("</body></html>\n");
    Ok(page.0)
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn head(page: &mut Page, title: &str, figures: &Figures, read: &Reading) {
    page.raw("<h1>").name(title).raw("</h1><p class=\"soft\">");
    match (figures.first, figures.last) {
        (Some(first), Some(last)) => page.text(&format!("{} to {}, UTC", stamp(first), stamp(last))),
        _ => page.text("No statement was found."),
    };
    page.raw("</p>");
    let report = &read.report;
    let (state, words, why) = match report.broken() {
        Some(broken) => ("state bad", "The log is broken", format!("{broken}. Nothing after that is certain.")),
        None if report.unanchored() > 0 || report.records() == 0 => {
            let why = match report.anchored_to() {
                _ if report.records() == 0 => "It holds no records.".to_owned(),
                None => {
                    "No key or anchor vouches for it: whoever can write the file could have made it anew.".to_owned()
                }
                Some(seq) => {
                    let after = number(report.unanchored());
                    format!(
                        "A key or an anchor vouches for it up to record {seq}; {after} records after that are chained only."
                    )
                }
            };
            ("state warn", "The log is whole, but not all of it is certain", why)
        }
        None => ("state", "The log is whole", "A key or an anchor vouches for every record.".to_owned()),
    };
    page.raw("<div class=\"").raw(state).raw("\"><b>").raw(words).raw("</b> <span>").text(&why).raw("</span>");
    if figures.unchained > 0 {
        let text = format!(" {} statements of this report do not stand in the chain.", number(figures.unchained));
        page.text(&text);
    }
    page.raw("</div>\n");
}

fn totals(page: &mut Page, figures: &Figures) {
    page.raw("<h2>Totals</h2><div class=\"cards\">");
    page.card(&number(figures.statements), "statements");
    for (outcome, count) in figures.by_outcome() {
        if count > 0 || matches!(outcome, Outcome::Allowed | Outcome::Denied | Outcome::Throttled) {
            page.card(&number(count), outcome.name());
        }
    }
    page.card(&number(figures.rows), "rows returned").card(&number(figures.affected), "rows changed");
    page.card(&number(figures.subjects.len() as u64), "subjects")
        .card(&number(figures.tenants.len() as u64), "tenants");
    page.card(&number(figures.tables.len() as u64), "tables").card(&number(figures.shapes.len() as u64), "shapes");
    page.raw("</div><p class=\"soft small\">");
    let verbs = figures.verbs.ranked(|count| *count);
    for (place, (verb, count)) in verbs.iter().take(ROWS).enumerate() {
        page.text(if place == 0 { "" } else { ", " }).name(verb).text(&format!(" {}", number(**count)));
    }
    page.raw("</p>");
    let mut notes = Vec::new();
    if figures.opaque > 0 {
        notes.push(format!(
            "{} statements are raw SQL of which the log can't say which tables it touched.",
            number(figures.opaque)
        ));
    }
    if figures.count_of(Outcome::Unfinished) > 0 {
        notes.push("Unfinished: the process ended while the statement ran, or it runs still.".to_owned());
    }
    if figures.gaps.count > 0 {
        let (refused, lost) = (number(figures.gaps.refused), number(figures.gaps.lost));
        notes.push(format!(
            "The log could not be written for a while: {refused} statements were refused, {lost} records lost."
        ));
    }
    if figures.unreadable > 0 {
        notes.push(format!("{} records could not be read.", number(figures.unreadable)));
    }
    for text in notes {
        page.raw("<p class=\"small\">").text(&text).raw("</p>");
    }
}

fn timeline(page: &mut Page, figures: &Figures) -> Result<(), Box<dyn std::error::Error>> {
    page.raw("<h2>Timeline</h2>");
    if figures.statements == 0 {
        page.raw("<p class=\"soft\">Nothing to show.</p>");
        return Ok(());
    }
    let svg = charts::over_time(&figures.timeline, false)?;
    page.chart(&svg, "Statements over time, by outcome");
    page.raw("<p class=\"soft small\">").text(&format!("Statements per {}.", figures.timeline.step_name()));
    page.raw(
        "<span class=\"key k1\"></span>allowed<span class=\"key k4\"></span>failed, undone, cancelled or unfinished",
    );
    page.raw("<span class=\"key k2\"></span>denied<span class=\"key k3\"></span>throttled</p>");
    Ok(())
}

fn grid(page: &mut Page, figures: &Figures) {
    page.raw("<h2>Who touched what</h2>");
    let subjects = figures.subjects.ranked(Touched::total);
    let tables = figures.tables.ranked(Touched::total);
    if subjects.is_empty() {
        page.raw("<p class=\"soft\">Nothing to show.</p>");
        return;
    }
    page.raw("<p class=\"soft small\">Statements by subject and table: read / written, and refused in brackets. The darker, the more.</p>");
    page.raw("<div class=\"scroll\"><table class=\"grid\"><thead><tr><th>subject</th><th class=\"n\">statements</th>");
    let (rows, columns) = GRID;
    for (table, _) in tables.iter().take(columns) {
        page.raw("<th class=\"c\">").name(table).raw("</th>");
    }
    page.raw("</tr></thead><tbody>");
    let of = |subject: &str, table: &str| figures.pairs.get(&(subject.to_owned(), table.to_owned())).copied();
    let shown = || {
        subjects
            .iter()
            .take(rows)
            .flat_map(|(subject, _)| tables.iter().take(columns).map(move |(table, _)| (subject, table)))
    };
    let most =
        shown().filter_map(|(subject, table)| of(subject, table)).map(|touched| touched.total()).max().unwrap_or(1);
    for (subject, all) in subjects.iter().take(rows) {
        page.raw("<tr>").name_cell(subject).cell("n", &number(all.total()));
        for (table, _) in tables.iter().take(columns) {
            match of(subject, table) {
                None => page.raw("<td></td>"),
                Some(touched) => page.cell(heat(touched.total(), most), &counts(touched)),
            };
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div>");
    page.more(rows, subjects.len(), figures.subjects.crowded);
    if tables.len() > columns {
        page.raw("<p class=\"soft small\">")
            .text(&format!("{columns} of {} tables are shown.", tables.len()))
            .raw("</p>");
    }
    if figures.pairs.crowded > 0 {
        page.more(0, 0, figures.pairs.crowded);
    }
}

fn counts(touched: Touched) -> String {
    let mut text = format!("{} / {}", number(touched.reads), number(touched.writes));
    if touched.refused > 0 {
        text += &format!(" ({})", number(touched.refused));
    }
    text
}

/// By square roots, so that a small count beside a large one is seen.
fn heat(count: u64, most: u64) -> &'static str {
    let part = ((count as f64 / most.max(1) as f64).sqrt() * 4.0).ceil();
    match part as u64 {
        0 | 1 => "n h1",
        2 => "n h2",
        3 => "n h3",
        _ => "n h4",
    }
}

fn refusals(page: &mut Page, figures: &Figures) -> Result<(), Box<dyn std::error::Error>> {
    page.raw("<h2>Denied and throttled</h2>");
    if figures.count_of(Outcome::Denied) + figures.count_of(Outcome::Throttled) == 0 {
        page.raw("<p class=\"soft\">Nothing was refused.</p>");
        return Ok(());
    }
    let svg = charts::over_time(&figures.timeline, true)?;
    page.chart(&svg, "Refused statements over time");
    page.raw("<p class=\"soft small\">").text(&format!("Refused statements per {}.", figures.timeline.step_name()));
    page.raw("<span class=\"key k2\"></span>denied<span class=\"key k3\"></span>throttled</p>");
    page.raw("<table>").heads(&["peak minute (UTC)", ">denied", ">throttled"]);
    for (minute, (denied, throttled)) in figures.peaks.ranked(|(denied, throttled)| denied + throttled).iter().take(5) {
        let time = DateTime::from_timestamp(minute.saturating_mul(60), 0).unwrap_or_default();
        page.raw("<tr>").cell("t", &time.format("%Y-%m-%d %H:%M").to_string());
        page.cell("n", &number(*denied)).cell("n", &number(*throttled)).raw("</tr>");
    }
    page.raw("</tbody></table>");
    let ranked = figures.refusals.ranked(|count| *count);
    page.raw("<p></p><table>").heads(&["subject", "how", "code or rule", ">statements"]);
    for ((who, how, why), count) in ranked.iter().take(ROWS) {
        page.raw("<tr>").name_cell(who).cell("t", how).name_cell(why).cell("n", &number(**count)).raw("</tr>");
    }
    page.raw("</tbody></table>").more(ROWS, ranked.len(), figures.refusals.crowded);
    Ok(())
}

fn slowest(page: &mut Page, figures: &Figures) -> Result<(), Box<dyn std::error::Error>> {
    page.raw("<h2>Slowest shapes</h2>");
    let mut ranked = figures.shapes.ranked(|shape| shape.percentile(95));
    ranked.retain(|(_, shape)| shape.timed > 0);
    let all = ranked.len();
    ranked.truncate(ROWS);
    if ranked.is_empty() {
        page.raw("<p class=\"soft\">Nothing ran.</p>");
        return Ok(());
    }
    let svg = charts::slowest(&ranked)?;
    page.chart(&svg, "The slowest shapes: 95th percentile and longest");
    page.raw("<p class=\"soft small\">Statements that differ in values only are one shape.");
    page.raw(
        "<span class=\"key k1\"></span>95 of 100 took so long or less<span class=\"key k4\"></span>the longest</p>",
    );
    page.raw("<div class=\"scroll\"><table>");
    page.heads(&["#", "shape", ">runs", ">95 %", ">longest", ">all together"]);
    for (place, (fingerprint, shape)) in ranked.iter().enumerate() {
        page.raw("<tr>").cell("n", &(place + 1).to_string());
        shape_cell(page, **fingerprint, shape);
        page.cell("n", &number(shape.timed)).cell("n", &duration(shape.percentile(95)));
        page.cell("n", &duration(shape.longest)).cell("n", &duration(shape.micros)).raw("</tr>");
    }
    page.raw("</tbody></table></div>").more(ROWS, all, figures.shapes.crowded);
    Ok(())
}

fn shape_cell(page: &mut Page, fingerprint: u64, shape: &Shape) {
    page.raw("<td class=\"name\">").name(&shape.summary);
    page.raw(" <code>").text(&format!("{fingerprint:016x}")).raw("</code>");
    if !shape.sql.is_empty() {
        page.raw("<details><summary>text</summary><code>").name(&shape.sql).raw("</code></details>");
    }
    page.raw("</td>");
}

fn new_shapes(page: &mut Page, figures: &Figures) {
    page.raw("<h2>Never seen before</h2>");
    let Some(new) = figures.new_shapes() else {
        page.raw("<p class=\"soft\">Nothing was given to compare with: <code>--baseline FILES</code> or <code>--baseline-until TIME</code>.</p>");
        return;
    };
    if new.is_empty() {
        page.raw("<p class=\"soft\">Every shape was there before.</p>");
        return;
    }
    page.raw("<div class=\"scroll\"><table>").heads(&["first (UTC)", "by", "shape", ">statements"]);
    for (fingerprint, shape) in new.iter().take(2 * ROWS) {
        page.raw("<tr>")
            .cell("t", &shape.first.format("%Y-%m-%d %H:%M:%S").to_string())
            .name_cell(&shape.first_subject);
        shape_cell(page, *fingerprint, shape);
        page.cell("n", &number(shape.count)).raw("</tr>");
    }
    page.raw("</tbody></table></div>").more(2 * ROWS, new.len(), 0);
}

fn chain(page: &mut Page, read: &Reading) {
    page.raw("<h2>The chain</h2><dl>");
    for (name, value) in verify::lines(&read.report, &read.files) {
        // Names of files in it are escaped already.
        page.raw("<dt>").raw(name).raw("</dt><dd>").text(&value).raw("</dd>");
    }
    page.raw("</dl>");
}
