//! Rules as data: from any self-describing format by serde.
//!
//! A rule is read into names and values first and understood afterwards, so that every mistake can name the rule, wherever its name stands in the file.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::rule::{CONTEXT_WORDS, RateContext, RateCost, RateLimit, RateScope, check_context_name};
use super::shared::WhenLost;
use crate::error::show_name;

const FIELDS: &str =
    "name, scope, context, limit, window, burst, cost, in_flight, wait, max_keys, shared, when_lost, processes";

const SCOPE_WORDS: [(&str, RateScope); 8] = [
    ("global", RateScope::Global),
    ("handle", RateScope::Handle),
    ("subject", RateScope::Subject),
    ("ip", RateScope::Ip),
    ("subject_or_ip", RateScope::SubjectOrIp),
    ("subject_and_ip", RateScope::SubjectAndIp),
    ("tenant", RateScope::Tenant),
    ("table", RateScope::Table),
];

const WHEN_LOST_WORDS: [&str; 3] = ["refuse", "local", "danger_allow"];

const COST_WORDS: [(&str, RateCost); 3] = [
    ("statement", RateCost::Statement),
    ("estimated_rows", RateCost::EstimatedRows),
    ("returned_rows", RateCost::ReturnedRows),
];

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RateLimit, D::Error> {
        deserializer.deserialize_map(Fields).and_then(|fields| rule(fields).map_err(de::Error::custom))
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, Loose)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a rate limit with fields among {FIELDS}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            if fields.len() == 64 {
                return Err(de::Error::custom(format!("a rate limit has more than 64 fields; it may have {FIELDS}")));
            }
            fields.push(field);
        }
        Ok(fields)
    }
}

/// A value of any type.
enum Loose {
    Text(String),
    Whole(u64),
    Truth(bool),
    List(Vec<Loose>),
    Other,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

/// The name under which serde_json hands on a number when another crate has switched its `arbitrary_precision` on.
const JSON_NUMBER: &str = "$serde_json::private::Number";

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, true or false, or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Loose, E> {
        Ok(Loose::Truth(value))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Loose, E> {
        Ok(Loose::Whole(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Loose, E> {
        Ok(u64::try_from(number).map_or(Loose::Other, Loose::Whole))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_none<E: de::Error>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose, D::Error> {
        Loose::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == 64 {
                return Err(de::Error::custom("a list in a rate limit has more than 64 items"));
            }
            items.push(item);
        }
        Ok(Loose::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        let mut found = Loose::Other;
        while let Some(key) = map.next_key::<String>()? {
            if key == JSON_NUMBER {
                found = map.next_value::<String>()?.parse().map_or(Loose::Other, Loose::Whole);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A rule out of its fields; a mistake names both.
fn rule(fields: Vec<(String, Loose)>) -> Result<RateLimit, String> {
    let name = match fields.iter().find(|(field, _)| field == "name") {
        Some((_, Loose::Text(name))) => name.clone(),
        Some(_) => return Err("a rate limit's `name` is not a text; write `name = \"reads\"`".to_owned()),
        None => return Err("a rate limit has no `name`; write `name = \"reads\"`".to_owned()),
    };
    let mistake = |what: String| format!("rate limit {}: {what}", show_name(&name));
    let mut rule = RateLimit::named(name.clone());
    let (mut limit, mut window) = (None, None);
    let (mut shared, mut when_lost, mut processes) = (None, None, None);
    for (position, (field, value)) in fields.iter().enumerate() {
        if fields.iter().take(position).any(|(before, _)| before == field) {
            return Err(mistake(format!("`{field}` is given twice; leave one out")));
        }
        let done = match field.as_str() {
            "name" => Ok(()),
            "scope" => words(value)
                .and_then(|list| {
                    let known =
                        |word: &&str| SCOPE_WORDS.iter().find(|(known, _)| known == word).map(|(_, scope)| *scope);
                    rule.scope = list.iter().map(known).collect::<Option<_>>()?;
                    Some(())
                })
                .ok_or_else(|| one_or_some_of("scope", SCOPE_WORDS.iter().map(|(word, _)| *word))),
            "context" => contexts(value).map(|contexts| rule.contexts = contexts),
            "limit" => whole("limit", value).map(|number| limit = Some(number)),
            "window" => time("window", value).map(|time| window = Some(time)),
            "burst" => whole("burst", value).map(|number| rule.burst = Some(number)),
            "in_flight" => whole("in_flight", value).map(|number| rule.in_flight = Some(number)),
            "wait" => time("wait", value).map(|time| rule.wait = Some(time)),
            "max_keys" => {
                whole("max_keys", value).map(|number| rule.max_keys = usize::try_from(number).unwrap_or(usize::MAX))
            }
            "cost" => match value {
                Loose::Text(word) => {
                    COST_WORDS.iter().find(|(known, _)| known == word).map(|(_, cost)| rule.cost = *cost)
                }
                _ => None,
            }
            .ok_or_else(|| format!("`cost` is none of {}", list_of(COST_WORDS.iter().map(|(word, _)| *word)))),
            "shared" => match value {
                Loose::Truth(value) => {
                    shared = Some(*value);
                    Ok(())
                }
                _ => Err("`shared` is neither true nor false; write `shared = true`".to_owned()),
            },
            "when_lost" => match value {
                Loose::Text(word) if WHEN_LOST_WORDS.contains(&word.as_str()) => {
                    when_lost = Some(word.as_str());
                    Ok(())
                }
                _ => Err(format!("`when_lost` is none of {}", list_of(WHEN_LOST_WORDS.iter().copied()))),
            },
            "processes" => whole("processes", value).map(|number| processes = Some(number)),
            other => Err(format!("there is no field {}; the fields are {FIELDS}", show_name(other))),
        };
        done.map_err(mistake)?;
    }
    rule.rate = match (limit, window) {
        (Some(limit), Some(window)) => Some((limit, window)),
        (None, None) => None,
        (Some(_), None) => return Err(mistake("`window` is missing; write `window = \"1m\"`".to_owned())),
        (None, Some(_)) => return Err(mistake("`limit` is missing; write `limit = 100`".to_owned())),
    };
    rule.shared = when_shared(shared, when_lost, processes).map_err(|what| mistake(what.to_owned()))?;
    rule.measure().map_err(|error| error.to_string())?;
    Ok(rule)
}

fn when_shared(
    shared: Option<bool>,
    when_lost: Option<&str>,
    processes: Option<u32>,
) -> Result<Option<WhenLost>, &'static str> {
    if processes.is_some() && when_lost != Some("local") {
        return Err("`processes` stands without `when_lost = \"local\"`; add that or leave it out");
    }
    match (shared, when_lost) {
        (Some(true), None | Some("refuse")) => Ok(Some(WhenLost::Refuse)),
        (Some(true), Some("danger_allow")) => Ok(Some(WhenLost::DangerAllow)),
        (Some(true), Some(_)) => match processes {
            Some(processes) => Ok(Some(WhenLost::Local { processes })),
            None => Err("`processes` is missing; `when_lost = \"local\"` needs how many share the rule at most"),
        },
        (_, Some(_)) => Err("`when_lost` stands without `shared = true`; add that or leave it out"),
        (_, None) => Ok(None),
    }
}

fn words<'a>(value: &'a Loose) -> Option<Vec<&'a str>> {
    let text = |item: &'a Loose| match item {
        Loose::Text(word) => Some(word.as_str()),
        _ => None,
    };
    match value {
        Loose::List(items) => items.iter().map(text).collect(),
        one => text(one).map(|word| vec![word]),
    }
}

fn contexts(value: &Loose) -> Result<Vec<RateContext>, String> {
    let unknown = || {
        let words = CONTEXT_WORDS.iter().map(|(word, _)| *word);
        format!("{}, or `named:` and a name of your own", one_or_some_of("context", words))
    };
    let one = |word: &&str| match word.strip_prefix("named:") {
        Some(name) => check_context_name(name).map(|()| RateContext::Named(name.to_owned())).map_err(str::to_owned),
        None => {
            let known = CONTEXT_WORDS.iter().find(|(known, _)| known == word);
            known.map(|(_, context)| context.clone()).ok_or_else(unknown)
        }
    };
    words(value).ok_or_else(unknown)?.iter().map(one).collect()
}

fn whole(field: &str, value: &Loose) -> Result<u32, String> {
    match value {
        Loose::Whole(number) => u32::try_from(*number).ok(),
        _ => None,
    }
    .ok_or_else(|| format!("`{field}` is no whole number from 0 to {}; write `{field} = 100`", u32::MAX))
}

fn time(field: &str, value: &Loose) -> Result<Duration, String> {
    let example = match value {
        Loose::Whole(seconds) => format!("{seconds}s"),
        Loose::Text(text) => match duration(text) {
            Some(time) => return Ok(time),
            None => "1m30s".to_owned(),
        },
        _ => "60s".to_owned(),
    };
    Err(format!("`{field}` is a time; write `{field} = \"{example}\"` (units are ns, us, ms, s, m, h and d)"))
}

/// Numbers with their units, one after the other: `1m30s`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let number: u64 = number.parse().ok()?;
        let part = match unit {
            "ns" => Duration::from_nanos(number),
            "us" => Duration::from_micros(number),
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3_600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        };
        sum = sum.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

fn list_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn one_or_some_of<'a>(field: &str, words: impl Iterator<Item = &'a str>) -> String {
    format!("`{field}` is neither one nor a list of {}", list_of(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<RateLimit, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_is_read() {
        let rule = read(
            r#"{"scope": ["tenant", "table"], "context": ["read", "raw", "named:export"], "limit": 4000000000, "window": "1h30m",
                "burst": 7, "cost": "returned_rows", "wait": "250ms", "max_keys": 9, "name": "all of it"}"#,
        );
        let rule = rule.unwrap();
        assert_eq!(rule.name, "all of it");
        assert_eq!(rule.scope, [RateScope::Tenant, RateScope::Table]);
        assert_eq!(rule.contexts, [RateContext::Read, RateContext::Raw, RateContext::Named("export".to_owned())]);
        assert_eq!(rule.rate, Some((4_000_000_000, Duration::from_secs(5_400))));
        assert_eq!((rule.burst, rule.cost, rule.max_keys), (Some(7), RateCost::ReturnedRows, 9));
        assert_eq!(rule.wait, Some(Duration::from_millis(250)));
        let rule = read(r#"{"name": "few", "scope": "subject", "in_flight": 3}"#).unwrap();
        assert_eq!((rule.scope, rule.in_flight, rule.rate), (vec![RateScope::Subject], Some(3), None));
        for (text, when_lost) in [
            (r#""shared": true"#, Some(WhenLost::Refuse)),
            (r#""shared": false"#, None),
            (r#""shared": true, "when_lost": "local", "processes": 4"#, Some(WhenLost::Local { processes: 4 })),
            (r#""shared": true, "when_lost": "danger_allow""#, Some(WhenLost::DangerAllow)),
        ] {
            let rule = read(&format!(r#"{{"name": "r", "limit": 1, "window": "1s", {text}}}"#)).unwrap();
            assert_eq!(rule.shared, when_lost);
        }
        for (word, scope) in SCOPE_WORDS {
            let text = format!(r#"{{"name": "r", "scope": "{word}", "limit": 1, "window": "1s"}}"#);
            assert_eq!(read(&text).unwrap().scope, [scope]);
        }
        for (word, context) in CONTEXT_WORDS {
            let text = format!(r#"{{"name": "r", "context": "{word}", "limit": 1, "window": "1s"}}"#);
            assert_eq!(read(&text).unwrap().contexts, [context]);
        }
    }

    #[test]
    fn rules_are_read_from_toml_as_from_json() {
        #[derive(serde::Deserialize)]
        struct Config {
            rules: Vec<RateLimit>,
        }
        let text = "[[rules]]\nname = 'reads'\nscope = ['subject']\nlimit = 5\nwindow = '1s'\n[[rules]]\nname = 'few'\nin_flight = 2\n";
        let config: Config = toml::from_str(text).unwrap();
        let json: Vec<RateLimit> = serde_json::from_str(
            r#"[{"name": "reads", "scope": "subject", "limit": 5, "window": "1000ms"}, {"name": "few", "in_flight": 2}]"#,
        )
        .unwrap();
        assert_eq!(format!("{:?}", config.rules), format!("{json:?}"));
        let Err(wrong) = toml::from_str::<Config>("[[rules]]\nname = 'reads'\nlimit = -1\nwindow = '1s'\n") else {
            panic!("a negative limit")
        };
        assert!(wrong.to_string().contains("rate limit `reads`: `limit` is no whole number"), "{wrong}");
    }

    #[test]
    fn the_file_of_rules_in_the_documentation_is_read() {
        #[derive(serde::Deserialize)]
        struct Config {
            rules: Vec<RateLimit>,
        }
        let page = include_str!("../../../docs/limits.md");
        let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let rules = toml::from_str::<Config>(text).unwrap().rules;
        assert_eq!(rules.len(), 5);
        assert_eq!(rules[3].shared, Some(WhenLost::Local { processes: 4 }));
        // Every field of the table is one, and the other way round.
        let table = page.split("| Field |").nth(1).unwrap();
        let table = table.split("\n\n").next().unwrap();
        for field in FIELDS.split(", ") {
            assert!(table.contains(&format!("`{field}`")), "{field}");
        }
    }

    #[test]
    fn every_mistake_names_the_rule_the_field_and_what_to_write() {
        let fields = |fields: &str| format!(r#"{{{fields}, "name": "reads"}}"#);
        for (text, says) in [
            (r#""limit": 1, "window": "1s", "windw": 1"#, "there is no field `windw`; the fields are name, scope"),
            (r#""limit": 1, "window": "1s", "limit": 2"#, "`limit` is given twice; leave one out"),
            (r#""limit": 1"#, "`window` is missing; write `window = \"1m\"`"),
            (r#""window": "1s""#, "`limit` is missing; write `limit = 100`"),
            (r#""scope": "subject""#, "`limit` is missing; write how many and in what `window`, or `in_flight`"),
            (r#""limit": 1.5, "window": "1s""#, "`limit` is no whole number from 0 to 4294967295; write `limit = 100`"),
            (r#""limit": "1", "window": "1s""#, "`limit` is no whole number"),
            (r#""limit": 4294967296, "window": "1s""#, "`limit` is no whole number"),
            (r#""limit": 1, "window": 60"#, "`window` is a time; write `window = \"60s\"`"),
            (r#""limit": 1, "window": "1 minute""#, "`window` is a time; write `window = \"1m30s\"`"),
            (r#""limit": 1, "window": """#, "`window` is a time"),
            (r#""limit": 1, "window": "0s""#, "`window` is zero"),
            (r#""limit": 1, "window": "999999999999999999d""#, "`window` is a time"),
            (
                r#""limit": 1, "window": "60000d""#,
                "the bucket takes longer than 146 years to fill; write a shorter `window`",
            ),
            (
                r#""limit": 1, "window": "1s", "scope": "user""#,
                "`scope` is neither one nor a list of `global`, `handle`",
            ),
            (r#""limit": 1, "window": "1s", "scope": ["ip", 3]"#, "`scope` is neither one nor a list of"),
            (r#""limit": 1, "window": "1s", "scope": ["ip", "ip"]"#, "`scope` names one thing twice"),
            (r#""limit": 1, "window": "1s", "scope": ["ip", "global"]"#, "`scope` has `global` beside others"),
            (r#""limit": 1, "window": "1s", "context": "reads""#, "or `named:` and a name of your own"),
            (r#""limit": 1, "window": "1s", "context": "named:""#, "`context` is an empty name"),
            (r#""limit": 1, "window": "1s", "context": "named:login""#, "`context` is a name that has a meaning"),
            (r#""limit": 1, "window": "1s", "context": ["denied", "read"]"#, "`context` has `denied` beside others"),
            (r#""limit": 1, "window": "1s", "context": "login", "scope": "table""#, "`scope` is a table or a handle"),
            (r#""limit": 1, "window": "1s", "context": "login", "cost": "returned_rows""#, "leave out `cost`"),
            (r#""limit": 1, "window": "1s", "cost": "bytes""#, "`cost` is none of `statement`, `estimated_rows`"),
            (r#""limit": 1, "window": "1s", "in_flight": 2"#, "`in_flight` stands beside `limit`"),
            (r#""in_flight": 2, "context": "login""#, "which are not in flight"),
            (r#""limit": 1, "window": "1s", "shared": 1"#, "`shared` is neither true nor false"),
            (r#""limit": 1, "window": "1s", "when_lost": "local""#, "`when_lost` stands without `shared = true`"),
            (
                r#""limit": 1, "window": "1s", "shared": true, "when_lost": "allow""#,
                "`when_lost` is none of `refuse`, `local`",
            ),
            (r#""limit": 1, "window": "1s", "shared": true, "when_lost": "local""#, "`processes` is missing"),
            (r#""limit": 1, "window": "1s", "shared": true, "when_lost": "local", "processes": 0"#, "`processes` is 0"),
            (r#""limit": 1, "window": "1s", "shared": true, "processes": 3"#, "`processes` stands without"),
            (r#""in_flight": 1, "shared": true"#, "`in_flight` can't be `shared`"),
            (r#""in_flight": null"#, "`in_flight` is no whole number"),
            (r#""limit": {"a": 1}, "window": "1s""#, "`limit` is no whole number"),
        ] {
            let said = read(&fields(text)).unwrap_err();
            assert!(said.starts_with("rate limit `reads`: ") && said.contains(says), "{text}: {said}");
        }
        let nameless = read(r#"{"limit": 1, "window": "1s"}"#).unwrap_err();
        assert!(nameless.starts_with("a rate limit has no `name`; write `name = \"reads\"`"), "{nameless}");
        assert!(read(r#"{"name": 3}"#).unwrap_err().contains("`name` is not a text"));
        assert!(read(r#"{"name": "", "limit": 1, "window": "1s"}"#).unwrap_err().contains("`name` is empty"));
        assert!(read("[1]").unwrap_err().contains("a rate limit with fields among name"));
    }

    #[test]
    fn times_are_numbers_with_units() {
        for (text, millis) in [("1s", 1_000), ("1m30s", 90_000), ("2h", 7_200_000), ("1d", 86_400_000), ("5ms", 5)] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)));
        }
        assert_eq!(duration("1us20ns"), Some(Duration::from_nanos(1_020)));
        for wrong in ["", "s", "1", "1x", "1s2", "-1s", "1.5s", " 1s", "1S", "18446744073709551615d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
