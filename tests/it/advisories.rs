//! A test for each kind of published vulnerability of our field that could apply: what was wrong elsewhere must not be
//! wrong here. An id says where the kind is described; some kinds have no id of their own.

use portcullis::{Database, Dialect, Dsn, ErrorKind, Ident, ReadWrite, all, col, count, danger, lit, sum, table};

use crate::support::{self, TestDatabase};

async fn notes(db: &TestDatabase) -> Database<ReadWrite> {
    let (text, bytes) = match db.dialect {
        Dialect::Postgres => ("text", "bytea"),
        Dialect::Sqlite => ("text", "blob"),
        _ => ("longtext CHARACTER SET utf8mb4", "longblob"),
    };
    db.execute_setup(&[
        &format!("CREATE TABLE notes (id integer NOT NULL, owner varchar(40), body {text}, raw {bytes})"),
        "INSERT INTO notes VALUES (1, 'ada', 'one', NULL), (2, 'bob', 'two', NULL), (3, 'ada', '100%', NULL)",
    ])
    .await;
    // One session, so that what a statement leaves behind is there for the next.
    let dsn: Dsn = db.dsn_rw().parse().unwrap();
    Database::builder(dsn).pool_size(1).open_read_write().await.unwrap()
}

/// RUSTSEC-2024-0363 (sqlx), RUSTSEC-2024-0365 (diesel), CVE-2024-27304 (pgx), GHSA-x9vc-6hfv-hg8c (Npgsql): a length that
/// overflowed its field in the protocol, so that the rest of the value was read as further messages.
#[tokio::test]
async fn a_long_value_that_holds_protocol_messages_is_one_value() {
    support::each(async |db| {
        let handle = notes(db).await;
        let postgres: &[u8] = b"Q\x00\x00\x00\x16DROP TABLE notes;\x00";
        let mysql: &[u8] = b"\x12\x00\x00\x00\x03DROP TABLE notes;";
        for length in [255_usize, 256, 65_535, 65_536, 65_540, (1 << 20) + 1, (8 << 20) + 3] {
            let message = if db.dialect == Dialect::Postgres { postgres } else { mysql };
            let value: Vec<u8> = message.iter().copied().cycle().take(length).collect();
            let text: String = value.iter().filter(|byte| **byte >= b' ').map(|byte| char::from(*byte)).collect();
            let row = (length as i64, "long", text.as_str(), value.clone());
            handle.insert("notes").columns(["id", "owner", "body", "raw"]).row(row).execute().await.unwrap();
            let read =
                handle.table("notes").where_(col("id").eq(length as i64)).select(["body", "raw"]).one().await.unwrap();
            assert!(read.get("body") == Some(&portcullis::Value::Text(text)), "{length}");
            assert!(read.get("raw") == Some(&portcullis::Value::Bytes(value)), "{length}");
        }
        assert_eq!(handle.table("notes").count().await.unwrap(), 10);
    })
    .await;
}

/// The same, beyond what MariaDB takes in one packet (16 MiB unless its owner says more).
#[tokio::test]
async fn a_value_beyond_the_servers_packet_is_an_error_and_the_pool_goes_on() {
    support::on(&[Dialect::MariaDb], async |db| {
        let handle = notes(db).await;
        let long = "DROP TABLE notes; ".repeat((17 << 20) / 18);
        let error = handle.update("notes").set("body", &long).all_rows().execute().await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("DROP") && shown.len() < 500, "{shown}");
        assert_eq!(handle.table("notes").count().await.unwrap(), 3);
        assert_eq!(handle.table("notes").where_(col("body").eq("one")).count().await.unwrap(), 1);
    })
    .await;
}

/// CVE-2024-27289 (pgx), CVE-2024-1597 (pgjdbc): a minus before the place of a negative number made a line comment, and a
/// line break in the next value ended it.
#[tokio::test]
async fn a_minus_before_a_negative_value_makes_no_comment() {
    support::each(async |db| {
        let handle = notes(db).await;
        let hostile = "\n; DROP TABLE notes; --";
        let raw = handle.sql("SELECT 5 -:a AS difference, :b AS text").bind("a", -1).bind("b", hostile);
        assert_eq!(raw.collect_as::<(i64, String)>().await.unwrap(), [(6, hostile.to_owned())]);
        let minus = (lit(5) - lit(-1), -lit(-1), -(-col("id")));
        let frame = handle.table("notes").where_(col("id").eq(2)).select((
            minus.0.as_("a"),
            minus.1.as_("b"),
            minus.2.as_("c"),
            lit(hostile).as_("d"),
        ));
        assert_eq!(frame.collect_as::<(i64, i64, i64, String)>().await.unwrap(), [(6, 1, 2, hostile.to_owned())]);
        assert!(!frame.to_sql().unwrap().sql().contains("--"));
    })
    .await;
}

/// GHSA-j88v-2chj-qfwx (pgx): a placeholder was filled in within a dollar-quoted string. Here the like in every kind of string,
/// name and comment.
#[tokio::test]
async fn a_parameter_within_a_string_a_name_or_a_comment_is_none() {
    support::each(async |db| {
        let handle = notes(db).await;
        let hostile = "$tag$; DROP TABLE notes; --";
        let sql = match db.dialect {
            Dialect::Postgres => "SELECT $tag$ :v $tag$ AS a, ':v' AS b, E'\\':v' AS c, :v AS d /* :v */ -- :v",
            Dialect::Sqlite => "SELECT ' :v ' AS a, ':v' AS b, ''':v' AS c, :v AS d /* :v */ -- :v",
            _ => "SELECT \" :v \" AS a, ':v' AS b, '\\':v' AS c, :v AS d /* :v */ -- :v",
        };
        let rows = handle.sql(sql).bind("v", hostile).collect_as::<(String, String, String, String)>().await.unwrap();
        assert_eq!(rows, [(" :v ".to_owned(), ":v".to_owned(), "':v".to_owned(), hostile.to_owned())]);
    })
    .await;
}

/// A value that looks like another parameter's name is not filled in a second time, as text replacement in several rounds does.
#[tokio::test]
async fn a_value_that_looks_like_a_parameter_stays_a_value() {
    support::each(async |db| {
        let handle = notes(db).await;
        let raw = handle.sql("SELECT :a AS a, :b AS b, :a AS c").bind("a", ":b").bind("b", "$1 ?1 ? :a");
        let rows = raw.collect_as::<(String, String, String)>().await.unwrap();
        assert_eq!(rows, [(":b".to_owned(), "$1 ?1 ? :a".to_owned(), ":b".to_owned())]);
    })
    .await;
}

/// CVE-2022-28346 (Django: aliases of annotations and aggregates), CVE-2026-1312 (Django: `order_by` an alias with a period).
#[test]
fn a_crafted_alias_or_sort_key_is_refused() {
    for hostile in
        ["a\" , (SELECT 1) AS \"b", "a` , 1 AS `b", "a.b", "a\".\"b", "n FROM users --", "x) FROM (SELECT 1", "a;b"]
    {
        for frame in [
            table("notes").select([col("id").as_(hostile)]),
            table("notes").agg(count(all()).as_(hostile)),
            table("notes").agg(sum(col("id")).as_(hostile)),
            table("notes").with_column(hostile, col("id")),
            table("notes").order_by(hostile),
            table("notes").order_by(col("id").of(hostile).desc()),
            table("notes").as_(hostile),
            table("notes").group_by(hostile).agg(count(all())),
        ] {
            // A name that only holds odd signs may pass where it is quoted; these hold what quoting is made of.
            let plain = Ident::new(hostile).is_ok();
            for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::MariaDb, Dialect::Sqlite] {
                assert_eq!(frame.to_sql_for(dialect).unwrap_err().kind(), ErrorKind::Name, "{hostile:?} {plain}");
            }
        }
    }
    assert!(table("notes").select([col("id").as_("a b")]).to_sql_for(Dialect::Postgres).is_ok());
}

/// ORDER BY and LIMIT from a request, the commonest hole of query builders: text there is a name, and a number is a bind.
#[tokio::test]
async fn order_by_and_limit_take_no_expression_in_text() {
    support::each(async |db| {
        let handle = notes(db).await;
        for hostile in
            ["id; DROP TABLE notes", "(SELECT 1)", "CASE WHEN (1=1) THEN id END", "id, owner", "sleep(5)", "id*0"]
        {
            let error = handle.table("notes").order_by(hostile).collect().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Name, "{hostile}");
        }
        // These are names that no column has; they are not a direction, a position or a function.
        for odd in ["id desc", "CASE WHEN 1=1 THEN id END", "1", "2 desc", "random", "rowid or 1=1"] {
            let error = handle.table("notes").order_by(odd).collect().await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Schema | ErrorKind::Database), "{odd}: {error:?}");
        }
        let text = handle.table("notes").order_by("id").limit(7).offset(3).to_sql().unwrap();
        assert!(!text.sql().contains('7'), "{}", text.sql());
        assert_eq!(
            handle.table("notes").order_by(col("id").desc()).select("id").limit(1).collect_as::<i64>().await.unwrap(),
            [3]
        );
    })
    .await;
}

/// CVE-2016-20018 (Knex): an object where a value was expected became an operator or a column. JSON is a value of its own type.
#[tokio::test]
async fn a_json_object_is_a_value_and_never_a_column_or_an_operator() {
    support::each(async |db| {
        let handle = notes(db).await;
        handle.schema().await.unwrap();
        for json in [serde_json::json!({"owner": "ada"}), serde_json::json!(["ada"]), serde_json::json!({"$ne": ""})] {
            let error = handle.table("notes").where_(col("owner").eq(json)).collect().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Type, "{error:?}");
        }
        assert_eq!(handle.table("notes").where_(col("owner").eq("ada")).count().await.unwrap(), 2);
    })
    .await;
}

/// A number beside text: MySQL takes `owner = 0` for true in every row whose text is no number.
#[tokio::test]
async fn a_number_beside_text_is_a_clash_and_not_every_row() {
    support::each(async |db| {
        let handle = notes(db).await;
        // Where the database itself would compare, it compares text, or refuses; nowhere does a row match.
        let read = handle.table("notes").where_(col("owner").eq(0)).count().await;
        assert!(matches!(&read, Ok(0)) || read.is_err(), "{read:?}");
        let read = handle.table("notes").where_(col("id").eq("1 or more")).count().await;
        assert!(matches!(&read, Ok(0)) || read.is_err(), "{read:?}");
        for write in [
            handle.delete("notes").where_(col("owner").eq(0)).execute().await,
            handle.delete("notes").where_(col("id").between("0x", "9 or more")).execute().await,
            handle.update("notes").set("body", "x").where_(col("owner").in_([0, 1])).execute().await,
            handle.update("notes").set("body", "x").where_(col("owner").ge(0) & col("owner").le(0)).execute().await,
        ] {
            assert!(matches!(&write, Ok(0)) || write.is_err(), "{write:?}");
        }
        handle.schema().await.unwrap();
        let error = handle.table("notes").where_(col("owner").eq(0)).collect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Type);
        let error = handle.delete("notes").where_(col("owner").eq(0)).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Type);
        let error =
            handle.update("notes").set("body", "x").where_(col("owner").in_([0, 1])).execute().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Type);
        assert_eq!(handle.table("notes").where_(col("owner").eq("0")).count().await.unwrap(), 0);
        assert_eq!(handle.table("notes").count().await.unwrap(), 3);
    })
    .await;
}

/// LIKE wildcards in a user's text: `%` finds everything, and a backslash at the end takes the closing sign away.
#[tokio::test]
async fn wildcards_in_searched_text_are_letters() {
    support::each(async |db| {
        let handle = notes(db).await;
        let found = async |condition| handle.table("notes").where_(condition).count().await.unwrap();
        assert_eq!(found(col("body").contains("%")).await, 1);
        assert_eq!(found(col("body").contains("_")).await, 0);
        assert_eq!(found(col("body").starts_with("%")).await, 0);
        assert_eq!(found(col("body").ends_with("%")).await, 1);
        assert_eq!(found(col("body").contains("\\")).await, 0);
        assert_eq!(found(col("body").ends_with("o\\")).await, 0);
        assert_eq!(found(col("body").like("%")).await, 3);
        let error = handle.table("notes").where_(col("body").like("o\\")).collect().await.unwrap_err();
        assert_eq!(error.code(), "like.escape");
    })
    .await;
}

/// A second statement, in raw SQL of the program or made at run time, and in a value.
#[tokio::test]
async fn a_second_statement_never_runs() {
    support::each(async |db| {
        let handle = notes(db).await;
        for sql in [
            "SELECT 1 AS a; DROP TABLE notes",
            "SELECT 1 AS a;; DROP TABLE notes",
            "SELECT 1 AS a; -- x\nDROP TABLE notes",
            "; DROP TABLE notes",
            "SELECT 1 AS a;\u{0} DROP TABLE notes",
        ] {
            let error = danger::unchecked_sql(&handle, sql).execute().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::RawSql, "{sql:?}");
        }
        assert_eq!(handle.table("notes").where_(col("body").eq("x'; DROP TABLE notes; --")).count().await.unwrap(), 0);
        assert_eq!(handle.sql("SELECT 1 AS a;").collect_as::<i64>().await.unwrap(), [1]);
        assert_eq!(handle.table("notes").count().await.unwrap(), 3);
    })
    .await;
}

/// CVE-2026-44172 (MariaDB's client library, big5) and MySQL's own advisory of May 2006 (SJIS, BIG5, GBK): in some character sets
/// the second byte of a letter is a backslash or a quote. Values are not escaped here, and the session's character set is fixed.
#[tokio::test]
async fn no_character_set_makes_a_letter_a_quote() {
    support::each(async |db| {
        let handle = notes(db).await;
        // In GBK, SJIS and BIG5 these end in a byte that is a backslash in ASCII; the last ones are read as quotes by careless conversions.
        for letter in ["縗", "表", "功", "許", "ソ", "\u{5c}", "\u{a5}", "\u{2019}", "\u{ff07}", "\u{2b9}", "¿'"]
        {
            let value = format!("{letter}' OR 1=1 -- {letter}\\");
            assert_eq!(handle.update("notes").set("body", &value).where_(col("id").eq(1)).execute().await.unwrap(), 1);
            let found = handle.table("notes").where_(col("body").eq(&value)).select(["id", "body"]);
            assert_eq!(found.collect_as::<(i64, String)>().await.unwrap(), [(1, value)]);
        }
        if db.dialect == Dialect::MariaDb {
            let sets = handle.sql(
                "SELECT variable_value FROM information_schema.session_variables \
                 WHERE variable_name IN ('character_set_client', 'character_set_connection', 'character_set_results')",
            );
            assert_eq!(sets.collect_as::<String>().await.unwrap(), ["utf8mb4"; 3]);
        }
    })
    .await;
    for dsn in [
        "mysql://a:b@h/d?charset=gbk",
        "mysql://a:b@h/d?character_set_client=big5",
        "postgres://a:b@h/d?client_encoding=SJIS",
    ] {
        assert_eq!(Dsn::parse(dsn).unwrap_err().kind(), ErrorKind::Dsn);
    }
}

/// Options that ride in on a DSN (`allowLoadLocalInfile`, `autoDeserialize`, `init`, `options`, `vfs`): a list of what is known, and
/// nothing else, whatever its capitals and escapes.
#[test]
fn an_option_that_nobody_checked_is_refused() {
    let hostile = [
        "mysql://a:b@h/d?allowLoadLocalInfile=true",
        "mysql://a:b@h/d?ALLOWLOADLOCALINFILE=true",
        "mysql://a:b@h/d?allowLoad%4cocalInfile=true",
        "mysql://a:b@h/d?local_infile=1",
        "mysql://a:b@h/d?init_command=DROP%20TABLE%20notes",
        "mysql://a:b@h/d?sslmode=disable&sslmode=verify-full",
        "mysql://a:b@h:3307/d?x=1#:3306/e",
        "postgres://a:b@h/d?options=-c%20default_transaction_read_only%3Doff",
        "postgres://a:b@h/d?host=evil.example",
        "postgres://a:b@h/d?sslmode=prefer",
        "postgres://a:b@h/d?passfile=/etc/passwd",
        "postgres://a:b@h/d?service=other",
        "sqlite:///tmp/x.db?vfs=unix-none",
        "sqlite:///tmp/x.db?immutable=1",
        "sqlite:///tmp/x.db?nolock=1",
    ];
    for text in hostile {
        let error = Dsn::parse(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Dsn, "{text}");
        let shown = format!("{error} {error:?}");
        for value in ["evil", "DROP", "/etc/passwd", "unix-none", "a:b@"] {
            assert!(!shown.contains(value), "{shown}");
        }
    }
    assert!(Dsn::parse("mysql://a:b@h/d?sslmode=verify-full&connect_timeout=3").is_ok());
    // What is escaped in the database's name stays in the name.
    let dsn = Dsn::parse("postgres://a:b@h/d%3Fsslmode=disable").unwrap();
    assert!(!format!("{dsn:?}").contains("Plaintext"), "{dsn:?}");
}

/// A server that asks the client for a file in answer to LOAD DATA LOCAL (or to anything): this client never sends one.
#[tokio::test]
async fn no_file_of_the_client_is_sent_to_a_server() {
    support::on(&[Dialect::MariaDb, Dialect::MySql], async |db| {
        let handle = notes(db).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret.txt");
        std::fs::write(&file, "9\tsecret\n").unwrap();
        let sql = format!("LOAD DATA LOCAL INFILE '{}' INTO TABLE notes (id, body)", file.display());
        danger::unchecked_sql(&handle, &sql).execute().await.unwrap_err();
        assert_eq!(handle.table("notes").where_(col("body").eq("secret")).count().await.unwrap(), 0);
        assert_eq!(handle.table("notes").count().await.unwrap(), 3);
    })
    .await;
}

/// transact-rs/sqlx issue 2981: prepared statements were kept by their text alone, so that a value was read with the type of an
/// earlier one.
#[tokio::test]
async fn one_text_with_values_of_several_types_gives_each_as_it_is() {
    support::each(async |db| {
        let handle = notes(db).await;
        for _ in 0..2 {
            let raw = || handle.sql("SELECT :v AS v");
            assert_eq!(raw().bind("v", "foo").collect_as::<String>().await.unwrap(), ["foo"]);
            assert_eq!(raw().bind("v", 7_i64).collect_as::<i64>().await.unwrap(), [7]);
            assert_eq!(raw().bind("v", 1.5_f64).collect_as::<f64>().await.unwrap(), [1.5]);
            assert_eq!(raw().bind("v", i64::MAX).collect_as::<i64>().await.unwrap(), [i64::MAX]);
            assert_eq!(raw().bind("v", None::<i64>).collect_as::<Option<i64>>().await.unwrap(), [None]);
            let frame =
                |value: portcullis::Expr| handle.table("notes").where_(col("id").eq(1)).select([value.as_("v")]);
            assert_eq!(frame(lit(2.5)).collect_as::<f64>().await.unwrap(), [2.5]);
            assert_eq!(frame(lit(3)).collect_as::<i64>().await.unwrap(), [3]);
            assert_eq!(frame(lit("four")).collect_as::<String>().await.unwrap(), ["four"]);
            assert_eq!(frame(lit(i64::MIN)).collect_as::<i64>().await.unwrap(), [i64::MIN]);
            assert_eq!(frame(lit(true)).collect_as::<bool>().await.unwrap(), [true]);
            let sums = |value: portcullis::Expr| frame(col("id") + value);
            assert_eq!(sums(lit(0.25)).collect_as::<f64>().await.unwrap(), [1.25]);
            assert_eq!(
                sums(lit(9_007_199_254_740_993_i64)).collect_as::<i64>().await.unwrap(),
                [9_007_199_254_740_994]
            );
        }
    })
    .await;
}

/// NUL: the end of a text to code written in C. It changes no name, no statement and no search.
#[tokio::test]
async fn nul_ends_nothing() {
    support::each(async |db| {
        let handle = notes(db).await;
        for name in ["notes\0", "no\0tes", "\0"] {
            assert_eq!(handle.table(name).collect().await.unwrap_err().kind(), ErrorKind::Name);
        }
        for sql in ["SELECT 1 AS a\0", "\0", "SELECT 1 AS a;\0"] {
            assert_eq!(danger::unchecked_sql(&handle, sql).collect().await.unwrap_err().kind(), ErrorKind::RawSql);
        }
        let searched = [col("body").eq("one\0"), col("owner").in_(["ada\0", "\0"])];
        for condition in searched {
            match handle.table("notes").where_(condition).count().await {
                Ok(rows) => assert_eq!(rows, 0),
                Err(error) => assert_eq!((error.kind(), db.dialect), (ErrorKind::Encode, Dialect::Postgres)),
            }
        }
        for condition in [col("body").starts_with("\0"), col("body").contains("\0x"), col("body").like("\0%")] {
            match handle.table("notes").where_(condition).count().await {
                Ok(rows) => assert_eq!(rows, 0),
                Err(error) => {
                    assert!(matches!(error.kind(), ErrorKind::Encode | ErrorKind::Unsupported), "{error:?}");
                    assert_ne!(db.dialect, Dialect::MariaDb);
                }
            }
        }
    })
    .await;
}

/// PostgreSQL cuts a name at 63 bytes without a word, so that a longer one means another column than the one that was allowed.
#[tokio::test]
async fn a_name_that_a_database_would_cut_is_refused() {
    support::each(async |db| {
        let long = "x".repeat(63);
        db.execute_setup(&[&format!("CREATE TABLE cut ({long} integer)"), "INSERT INTO cut VALUES (1)"]).await;
        let handle = db.read_write().await;
        assert_eq!(handle.table("cut").select([&long[..]]).collect_as::<i64>().await.unwrap(), [1]);
        let longer = format!("{long}yz");
        for frame in [handle.table("cut").select([&longer[..]]), handle.table("cut").order_by(&longer[..])] {
            assert_eq!(frame.collect().await.unwrap_err().kind(), ErrorKind::Name);
        }
    })
    .await;
}

/// SQLite reads an unknown name in double quotes as a string, so that a typo in a condition is true or false for every row.
#[tokio::test]
async fn an_unknown_column_is_an_error_and_not_a_string() {
    support::each(async |db| {
        let handle = notes(db).await;
        for condition in [col("admin").eq("admin"), col("owner").eq(col("ada")), col("nobody").is_not_null()] {
            let frame = handle.table("notes").where_(condition);
            assert!(matches!(frame.collect().await.unwrap_err().kind(), ErrorKind::Schema | ErrorKind::Database));
        }
        if db.dialect == Dialect::Sqlite {
            let error = handle.sql("SELECT id FROM notes WHERE owner = \"ada\"").collect().await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Schema | ErrorKind::Database), "{error:?}");
        }
        assert_eq!(handle.table("notes").where_(col("owner").eq("ada")).count().await.unwrap(), 2);
    })
    .await;
}

/// A condition that an empty list or a missing value takes away leaves a write of every row.
#[tokio::test]
async fn an_empty_list_matches_nothing_and_no_condition_is_refused() {
    support::each(async |db| {
        let handle = notes(db).await;
        let none: Vec<i64> = Vec::new();
        assert_eq!(handle.delete("notes").where_(col("id").in_(none.clone())).execute().await.unwrap(), 0);
        assert_eq!(handle.update("notes").set("body", "x").where_(col("id").in_(none)).execute().await.unwrap(), 0);
        assert_eq!(handle.delete("notes").where_(col("id").in_([None::<i64>])).execute().await.unwrap(), 0);
        assert_eq!(handle.delete("notes").where_(col("id").not_in([Some(1), None])).execute().await.unwrap(), 0);
        assert_eq!(handle.delete("notes").execute().await.unwrap_err().kind(), ErrorKind::Policy);
        assert_eq!(handle.update("notes").set("body", "x").execute().await.unwrap_err().kind(), ErrorKind::Policy);
        assert_eq!(handle.table("notes").count().await.unwrap(), 3);
        assert_eq!(handle.delete("notes").where_(col("id").in_([1])).execute().await.unwrap(), 1);
    })
    .await;
}
