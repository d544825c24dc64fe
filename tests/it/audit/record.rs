//! What records hold, through every kind of statement, and that the JSON Schema says so.

use portcullis::{AuditLayer, Database, Subject, col};
use serde_json::{Value as Json, json};

use super::key;
use crate::support;

/// The part of JSON Schema that ours uses.
fn check(schema: &Json, root: &Json, value: &Json, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        return check(&root["$defs"][name], root, value, place);
    }
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64(),
                    "boolean" => value.is_boolean(),
                    other => panic!("the type {other}"),
                };
                assert!(fits, "{place}: {value} is no {rule}");
            }
            "const" => assert_eq!(rule, value, "{place}"),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{place}: {value} is none of {rule}"),
            "required" => {
                for name in rule.as_array().unwrap() {
                    assert!(value.get(name.as_str().unwrap()).is_some(), "{place}: no {name} in {value}");
                }
            }
            "properties" => {
                for (name, value) in value.as_object().unwrap() {
                    if let Some(rule) = rule.get(name) {
                        check(rule, root, value, &format!("{place}.{name}"));
                    } else {
                        assert_ne!(schema["additionalProperties"], json!(false), "{place}: {name} is not described");
                    }
                }
            }
            "additionalProperties" if rule.is_object() => {
                value.as_object().unwrap().values().for_each(|value| check(rule, root, value, place));
            }
            "items" => value.as_array().unwrap().iter().for_each(|value| check(rule, root, value, place)),
            "oneOf" => {
                let phase = &value["phase"];
                let named = rule.as_array().unwrap().iter().map(|rule| {
                    let name = rule["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    (&root["$defs"][name], name)
                });
                let found: Vec<_> = named.filter(|(rule, _)| rule["properties"]["phase"]["const"] == *phase).collect();
                assert_eq!(found.len(), 1, "{place}: {phase}");
                check(found[0].0, root, value, found[0].1);
            }
            "maxItems" => assert!(value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap(), "{place}"),
            "maxLength" => assert!(value.as_str().unwrap().chars().count() as u64 <= rule.as_u64().unwrap(), "{place}"),
            "minimum" => assert!(value.as_u64() >= rule.as_u64(), "{place}"),
            "pattern" => {
                let text = value.as_str().unwrap();
                let length = if rule == "^[0-9a-f]{64}$" { 64 } else { 16 };
                assert!(rule == "^[0-9a-f]{64}$" || rule == "^[0-9a-f]{16}$", "the pattern {rule}");
                assert!(text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
            }
            "format" => match rule.as_str().unwrap() {
                "uuid" => drop(uuid::Uuid::parse_str(value.as_str().unwrap()).unwrap()),
                "date-time" => drop(chrono::DateTime::parse_from_rfc3339(value.as_str().unwrap()).unwrap()),
                other => panic!("the format {other}"),
            },
            "description" | "title" | "$schema" | "$id" | "$defs" | "additionalProperties" => {}
            other => panic!("the word {other}"),
        }
    }
}

fn schema() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test]
async fn records_of_every_kind_are_as_the_schema_says() {
    let schema = schema();
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100))"]).await;
        let (audit, log) = AuditLayer::builder().key(key()).checkpoint_every(3).to_memory();
        let builder = Database::builder(test.dsn_rw().parse().unwrap()).name("orders");
        let db = builder.hook(audit).open_read_write().await.unwrap();
        let subject = Subject::new("ada").tenant("north").roles(["clerk"]).address([192, 0, 2, 7]);
        let subject = subject.delegated_by("grace").reason("ticket").context("request_id", "7f3a");
        let db = db.acting_as(subject);
        db.insert("t").columns(["id", "note"]).row((1, "a")).execute().await.unwrap();
        db.insert("t").columns(["id", "note"]).row((1, "a")).execute().await.unwrap_err();
        db.table("t").as_("one").where_(col("note").eq("a")).order_by("id").select("id").collect().await.unwrap();
        db.update("t").set("note", col("note")).where_(col("id").eq(1)).execute().await.unwrap();
        db.delete("t").execute().await.unwrap_err();
        db.update("t").set("note", "b").all_rows().max_affected(0).execute().await.unwrap_err();
        db.sql("SELECT id FROM t").collect().await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.delete("t").where_(col("id").eq(1)).execute().await.unwrap();
        tx.rollback().await.unwrap();
        let records: Vec<Json> = log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for record in &records {
            check(&schema, &schema, record, "");
        }
        let of =
            |name: &str, phase: &str| -> Vec<&Json> { records.iter().filter(|record| record[phase] == name).collect() };
        assert!(of("checkpoint", "phase").len() >= 6);
        let intents = of("intent", "phase");
        let ordinals: Vec<u64> = intents.iter().map(|record| record["ordinal"].as_u64().unwrap()).collect();
        assert_eq!(ordinals, (1..=intents.len() as u64).collect::<Vec<_>>(), "no statement is without a number");
        let steps: Vec<_> =
            intents.iter().filter_map(|it| Some((it["step"].as_u64()?, it["operation"].as_str()?))).collect();
        assert_eq!(steps[steps.len() - 3..], [(1, "BEGIN"), (2, "DELETE"), (3, "ROLLBACK")]);
        let select = of("SELECT", "operation")[0];
        assert_eq!(
            select["tables"],
            json!([{"table": "t", "verb": "SELECT", "output": ["id"], "filter": ["note"], "sort": ["id"]}])
        );
        let update = of("UPDATE", "operation")[0];
        assert_eq!(update["tables"][0]["verb"], "UPDATE");
        assert_eq!(update["tables"][0]["assign"], json!(["note"]));
        assert_eq!(update["server"].is_string(), test.dialect != portcullis::Dialect::Sqlite);
        let ends: Vec<&Json> = of("completion", "phase").iter().map(|record| &record["outcome"]).collect();
        assert!(
            ["allowed", "failed", "denied", "rolled_back"].iter().all(|end| ends.contains(&&json!(end))),
            "{ends:?}"
        );
        let failed = of("failed", "outcome")[0];
        assert!(failed["sqlstate"].is_string() && failed["error"].is_string());
        // The twin: a record with something more, or less, is not as the schema says.
        for spoil in [json!({"more": 1}), json!({"id": 5}), json!({"outcome": "fine"})] {
            let mut spoilt = failed.clone();
            spoilt.as_object_mut().unwrap().extend(spoil.as_object().unwrap().clone());
            let refused = std::panic::catch_unwind(|| check(&schema, &schema, &spoilt, ""));
            assert!(refused.is_err(), "{spoil}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_table_that_is_written_and_read_has_an_entry_for_each() {
    support::each(async |test| {
        test.execute_setup(&["CREATE TABLE t (id integer NOT NULL PRIMARY KEY, note varchar(100))"]).await;
        let (audit, log) = AuditLayer::to_memory();
        let builder = Database::builder(test.dsn_rw().parse().unwrap());
        let db = builder.hook(audit).open_read_write().await.unwrap();
        db.schema().await.unwrap();
        log.take();
        let big = db.table("t").as_("other").join(db.table("t").as_("t"), portcullis::using("id"));
        big.select("id").collect().await.unwrap();
        let intent: Json = serde_json::from_str(&log.take()[0]).unwrap();
        assert_eq!(
            intent["tables"],
            json!([{"table": "t", "verb": "SELECT", "output": ["id"], "join": ["id"]}]),
            "a self-join is one entry"
        );
        assert_eq!(intent["summary"], "SELECT t");
    })
    .await;
}
