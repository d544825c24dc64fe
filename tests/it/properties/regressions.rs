//! What the random cases once found, each under a name of its own.

use super::chain::{Key, Step, compare_steps};
use super::data::{Ty, V, World, fill};
use super::reshape::Reshape;
use super::tree::Tree;
use crate::support;

fn column(name: &str) -> Tree {
    Tree::Column(name.to_owned())
}

fn whole(number: i64) -> Tree {
    Tree::Literal(V::Int(number))
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Ascending, or descending where the name starts with a hyphen.
fn keys(list: &[&str]) -> Vec<Key> {
    list.iter().map(|name| (name.trim_start_matches('-').to_owned(), name.starts_with('-'), None)).collect()
}

async fn check(steps: Vec<Step>, last: &[&str]) {
    check_in(&World::first(), &steps, last).await;
}

async fn check_in(world: &World, steps: &[Step], last: &[&str]) {
    support::each(async |db| {
        fill(db, world).await;
        let handle = db.read_only().await;
        // MariaDB answers some texts rightly once only.
        for time in 1..=3 {
            match compare_steps(&handle, world, steps, &keys(last)).await {
                Ok(compared) => assert!(compared),
                Err(message) => panic!("{steps:?} on {}, time {time}:\n{message}", db.dialect),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_coalesce_of_one_operand_is_that_operand() {
    check(vec![Step::Select(vec![("e".to_owned(), Tree::Coalesce(vec![column("a")]))])], &["e"]).await;
}

#[tokio::test]
async fn a_constant_as_a_sort_key_is_no_position() {
    let list = vec![("b".to_owned(), column("b")), ("a".to_owned(), column("a")), ("one".to_owned(), whole(2))];
    check(vec![Step::Select(list)], &["one", "-a", "b"]).await;
}

#[tokio::test]
async fn a_constant_within_a_coalesce_as_a_sort_key_is_no_position() {
    let list = vec![
        ("b".to_owned(), column("b")),
        ("a".to_owned(), column("a")),
        ("one".to_owned(), Tree::Coalesce(vec![whole(1)])),
    ];
    check(vec![Step::Select(list)], &["one", "-a", "b"]).await;
}

#[tokio::test]
async fn an_alias_that_differs_in_capitals_from_a_column_is_not_taken_for_it() {
    check(vec![Step::Rename("b".to_owned(), "Id".to_owned())], &["-id", "Id", "a", "x", "s", "f"]).await;
}

#[tokio::test]
async fn of_two_hidden_columns_of_a_name_the_nearer_is_meant() {
    let replaced = Tree::Negate(Box::new(column("id")));
    check(
        vec![
            Step::SelectOrderBy(names(&["id", "b"]), keys(&["a"])),
            Step::WithColumn("b".to_owned(), replaced),
            Step::Where(Tree::IsNull(Box::new(column("b")), true)),
            Step::SelectWhere(names(&["id"]), Tree::Compare("<", Box::new(column("b")), Box::new(whole(-10)))),
        ],
        &["-id"],
    )
    .await;
}

#[tokio::test]
async fn a_column_that_is_the_constant_zero_divides_to_null() {
    let quotient = Tree::Arithmetic('i', Box::new(column("id")), Box::new(column("zero")));
    check(
        vec![
            Step::WithColumn("zero".to_owned(), whole(0)),
            Step::Select(vec![("id".to_owned(), column("id")), ("q".to_owned(), quotient)]),
        ],
        &["q", "id"],
    )
    .await;
}

#[tokio::test]
async fn a_group_key_may_be_a_constant() {
    for constant in
        [Tree::Any(Vec::new()), Tree::All(Vec::new()), Tree::Coalesce(vec![Tree::All(Vec::new())]), whole(2)]
    {
        check(
            vec![
                Step::WithColumn("k".to_owned(), constant),
                Step::Group(
                    names(&["k", "a"]),
                    vec![("n".to_owned(), "rows", None), ("s".to_owned(), "sum", Some("b".to_owned()))],
                ),
            ],
            &["k", "a", "-n"],
        )
        .await;
    }
}

#[tokio::test]
async fn distinct_looks_at_its_own_columns_and_not_at_those_that_replaced_one() {
    check(
        vec![
            Step::SelectWhere(names(&["a", "f"]), Tree::IsNull(Box::new(column("id")), true)),
            Step::Distinct,
            Step::WithColumn("f".to_owned(), column("a")),
        ],
        &["a", "-f"],
    )
    .await;
}

#[tokio::test]
async fn a_subquery_sees_a_window_as_a_column() {
    let first = vec![("id".to_owned(), false, None)];
    check(
        vec![
            Step::Window("least".to_owned(), "min", Some("a".to_owned()), None, first),
            Step::Largest("l".to_owned(), "least".to_owned(), 2),
        ],
        &["id"],
    )
    .await;
}

#[tokio::test]
async fn an_aggregate_may_be_among_the_values_of_a_frame() {
    let largest = vec![("most".to_owned(), "max", Some("b".to_owned())), ("n".to_owned(), "rows", None)];
    check(
        vec![Step::Group(names(&["f", "s"]), largest), Step::In("most".to_owned(), false, true, 2)],
        &["f", "s", "most", "n"],
    )
    .await;
}

fn rows(name: &str) -> Vec<(String, &'static str, Option<String>)> {
    vec![(name.to_owned(), "rows", None)]
}

fn cube(keys: &[&str]) -> Step {
    Step::Reshape(Reshape::Subtotals { cube: true, keys: names(keys), aggregates: rows("n") })
}

#[tokio::test]
async fn a_column_that_is_two_keys_is_null_as_one_of_them() {
    check(vec![Step::WithColumn("again".to_owned(), column("id")), cube(&["id", "again"])], &["-id", "again", "n"])
        .await;
}

#[tokio::test]
async fn subtotals_of_keys_that_a_join_made_equal_are_sorted_by_both() {
    check(vec![Step::Twice("id".to_owned(), 0), cube(&["id", "id_0"])], &["-id", "-id_0", "n"]).await;
}

#[tokio::test]
async fn a_window_over_groups_of_a_relation_sees_its_columns() {
    let order = keys(&["-a", "s", "-n"]);
    let running = Step::Window("w".to_owned(), "running", Some("a".to_owned()), Some("s".to_owned()), order);
    check(
        vec![
            Step::Group(names(&["a", "s"]), rows("n")),
            running,
            Step::SelectWhere(names(&["w", "n"]), Tree::All(Vec::new())),
        ],
        &["w", "-n"],
    )
    .await;
}

#[tokio::test]
async fn a_list_that_was_aggregated_can_be_exploded() {
    for of in ["a", "s"] {
        let rolled = Reshape::Roll { key: "f".to_owned(), of: of.to_owned(), name: "one".to_owned() };
        check(vec![Step::Reshape(rolled)], &["f", "one"]).await;
    }
}

#[tokio::test]
async fn an_aggregate_may_be_of_what_a_subquery_computes() {
    let pivot = Reshape::Pivot {
        keys: names(&["s", "a"]),
        column: "id".to_owned(),
        values: vec![(V::Int(4), "four".to_owned())],
        function: "count",
        of: "a".to_owned(),
    };
    check(
        vec![
            Step::Reshape(pivot),
            Step::Exists("a".to_owned(), false, 1),
            Step::Own("most".to_owned(), "four".to_owned()),
            Step::Group(names(&["s", "a"]), vec![("g".to_owned(), "distinct", Some("most".to_owned()))]),
        ],
        &["s", "a", "g"],
    )
    .await;
}

#[tokio::test]
async fn a_set_of_a_relation_of_with_that_has_a_subquery_is_found_again_and_again() {
    check(
        vec![
            Step::Slice(keys(&["-f", "id"]), Some(7), 1),
            Step::Join("semi", "id".to_owned(), 2),
            Step::Set("intersect_all", Tree::IsNull(Box::new(column("s")), true), false, Some(3)),
        ],
        &["-id"],
    )
    .await;
}

#[tokio::test]
async fn a_subquery_over_a_set_is_found_again_and_again() {
    let positive = Tree::Compare(">", Box::new(column("id")), Box::new(whole(1)));
    check(
        vec![
            Step::Set("union_all", positive.clone(), false, None),
            Step::Largest("l".to_owned(), "a".to_owned(), 1),
            Step::SelectWhere(names(&["l", "id"]), Tree::Compare(">=", Box::new(column("x")), Box::new(column("l")))),
        ],
        &["l", "-id"],
    )
    .await;
}

#[tokio::test]
async fn a_window_over_one_group_can_be_filtered() {
    let counted = vec![("n".to_owned(), "count", Some("s".to_owned()))];
    let total = Step::Window("n".to_owned(), "sum", Some("n".to_owned()), Some("n".to_owned()), Vec::new());
    let every = Tree::Literal(V::Bool(true));
    check(vec![Step::Group(Vec::new(), counted), total, Step::Set("intersect", every, false, None)], &["n"]).await;
}

#[tokio::test]
async fn a_sort_key_made_of_constants_is_no_position() {
    let list = vec![
        ("a".to_owned(), column("a")),
        ("no".to_owned(), Tree::Not(Box::new(Tree::All(Vec::new())))),
        ("sum".to_owned(), Tree::Negate(Box::new(whole(-2)))),
    ];
    check(vec![Step::Select(list)], &["no", "sum", "-a"]).await;
}

#[tokio::test]
async fn rows_of_values_begin_with_nulls_of_their_types() {
    let rows = vec![(None, Some("aB".to_owned())), (Some(-1), None), (Some(1), Some(String::new()))];
    check(vec![Step::Reshape(Reshape::JoinValues { column: "a".to_owned(), rows, number: 3 })], &["id", "vk3", "vt3"])
        .await;
}

#[tokio::test]
async fn a_condition_on_a_key_that_is_computed_finds_its_groups() {
    let unpivot = Reshape::Unpivot { columns: names(&["b"]), name: "n".to_owned(), value: "v".to_owned() };
    let group = Step::Group(names(&["v", "n"]), vec![("total".to_owned(), "sum", Some("a".to_owned()))]);
    let kept = Step::Reshape(Reshape::DropNulls(names(&["n", "v"])));
    check(vec![Step::Reshape(unpivot), group, kept], &["v", "n", "total"]).await;
}

#[tokio::test]
async fn a_set_is_sorted_by_the_column_that_is_meant_and_not_by_one_that_differs_in_capitals() {
    let every = Tree::Literal(V::Bool(true));
    let set = Step::Set("union_all", every, false, None);
    check(vec![Step::Rename("b".to_owned(), "A".to_owned()), set], &["a", "-A", "id", "x", "s", "f"]).await;
}

#[tokio::test]
async fn keys_of_subtotals_have_their_types_before_the_table_was_read() {
    let subtotals =
        Reshape::Subtotals { cube: false, keys: names(&["f"]), aggregates: vec![("n".to_owned(), "rows", None)] };
    check(vec![Step::Reshape(subtotals)], &["f", "n"]).await;
}

#[tokio::test]
async fn a_list_may_be_of_constants() {
    let roll = Reshape::Roll { key: "s".to_owned(), of: "five".to_owned(), name: "e".to_owned() };
    check(vec![Step::WithColumn("five".to_owned(), whole(5)), Step::Reshape(roll)], &["s", "e"]).await;
}

#[tokio::test]
async fn a_window_over_one_value_leaves_others_their_order() {
    for of in ["one", "most"] {
        let one = match of {
            "one" => Step::WithColumn("one".to_owned(), whole(7)),
            _ => Step::Own("most".to_owned(), "id".to_owned()),
        };
        let rank = Step::Window("r".to_owned(), "dense", None, None, keys(&[of]));
        let total = Step::Window("total".to_owned(), "sum", Some("a".to_owned()), Some("f".to_owned()), Vec::new());
        check(vec![one, rank.clone(), total.clone()], &["id", "r", "total"]).await;
        if of == "most" {
            check_in(&World::viewed(0), &[rank, total], &["id", "r", "total"]).await;
        }
    }
}

#[tokio::test]
async fn a_column_of_values_has_its_type_where_there_are_no_rows_or_nulls_alone() {
    let every = Tree::Literal(V::Bool(true));
    for rows in [Vec::new(), vec![(None, Some("a".to_owned()))]] {
        let joined = Reshape::JoinValues { column: "id".to_owned(), rows, number: 0 };
        let set = Step::Set("intersect", every.clone(), true, None);
        let unpivot = Reshape::Unpivot { columns: names(&["vk0", "b"]), name: "n".to_owned(), value: "v".to_owned() };
        check(vec![Step::Reshape(joined), set, Step::Reshape(unpivot)], &["id", "a", "x", "s", "f", "vt0", "n", "v"])
            .await;
    }
}

#[tokio::test]
async fn what_is_left_of_a_set_is_the_same_at_each_use_of_a_relation_of_with() {
    let few = Tree::Compare("<", Box::new(column("id")), Box::new(whole(9)));
    for kind in ["intersect", "except"] {
        for again in ["union", "union_all"] {
            let cut = Step::Set(kind, few.clone(), false, Some(1));
            let both = Step::Set(again, Tree::Literal(V::Bool(true)), false, Some(2));
            check(vec![cut, both], &["-id", "a", "b", "x", "s", "f"]).await;
        }
    }
}

#[tokio::test]
async fn distinct_rows_are_sorted_by_a_value_that_a_limited_subquery_gives() {
    let counted = vec![("total".to_owned(), "sum", Some("a".to_owned()))];
    check(
        vec![
            Step::Slice(keys(&["-id"]), Some(8), 3),
            Step::Group(names(&["id", "a"]), counted),
            Step::Own("most".to_owned(), "total".to_owned()),
            Step::Distinct,
        ],
        &["id", "a", "-total", "most"],
    )
    .await;
}

#[tokio::test]
async fn a_rank_can_be_computed_with_as_any_number() {
    for function in ["number", "rank", "dense"] {
        let rank = Step::Window("w".to_owned(), function, None, None, keys(&["id"]));
        let negated = Tree::Arithmetic('*', Box::new(column("w")), Box::new(whole(-5)));
        let quotient = Tree::Arithmetic('i', Box::new(column("b")), Box::new(negated));
        check(vec![rank, Step::WithColumn("c".to_owned(), quotient)], &["id", "a", "b", "x", "s", "f", "w", "c"]).await;
    }
}

#[tokio::test]
async fn a_condition_on_a_set_has_the_values_that_it_was_given() {
    let every = || Tree::Literal(V::Bool(true));
    let float = |value| Box::new(Tree::Literal(V::Float(value)));
    let quotient = Tree::Arithmetic('/', Box::new(column("id")), Box::new(whole(5)));
    let rest = Tree::Arithmetic('-', float(1.25), Box::new(column("b")));
    let unlike = Tree::Call("is_distinct_from", vec![quotient, rest]);
    check(
        vec![Step::Set("union", every(), false, None), Step::SelectWhere(names(&["id", "a", "b", "s", "f"]), unlike)],
        &["-id", "a", "b", "s", "f"],
    )
    .await;
    let bits = Tree::Call("bit_and", vec![whole(5), whole(-1)]);
    let between = Tree::Between(Box::new(whole(1)), Box::new(whole(-2)), Box::new(bits), false);
    check(
        vec![Step::Set("intersect_all", every(), true, Some(0)), Step::SelectWhere(names(&["id", "s"]), between)],
        &["-id", "s"],
    )
    .await;
}

#[tokio::test]
async fn a_whole_part_of_zero_has_no_sign() {
    let text = Tree::Cast(Box::new(Tree::Cast(Box::new(column("x")), Ty::Int)), Ty::Text);
    check(vec![Step::WithColumn("t".to_owned(), text)], &["id", "a", "b", "x", "s", "f", "t"]).await;
}

#[tokio::test]
async fn a_column_that_is_left_out_takes_its_relation_of_with_along() {
    let lag = Step::Window("w".to_owned(), "lag", Some("b".to_owned()), None, keys(&["-b", "id"]));
    check(
        vec![
            cube(&["b", "id"]),
            lag,
            cube(&["b", "w"]),
            Step::Own("most".to_owned(), "n".to_owned()),
            Step::Group(names(&["b"]), rows("n")),
        ],
        &["b", "n"],
    )
    .await;
}

#[tokio::test]
async fn keys_that_a_join_makes_equal_are_two_in_subtotals() {
    let subtotals = |keys: &[&str], name: &str, of: &str| {
        let aggregates = vec![(name.to_owned(), "sum", Some(of.to_owned()))];
        Step::Reshape(Reshape::Subtotals { cube: false, keys: names(keys), aggregates })
    };
    let above = [
        Step::Reshape(Reshape::Roll { key: "id".to_owned(), of: "id_1".to_owned(), name: "e".to_owned() }),
        Step::Group(names(&["id"]), rows("n")),
    ];
    for (last, columns) in above.into_iter().zip([["id", "e"], ["id", "n"]]) {
        let steps = vec![
            subtotals(&["b", "id"], "g", "b"),
            Step::Twice("id".to_owned(), 1),
            subtotals(&["id_1", "id"], "h", "g"),
            last,
        ];
        check(steps, &columns).await;
    }
}

#[tokio::test]
async fn rows_that_a_window_leaves_equal_are_sorted_by_the_value_that_is_returned() {
    let zero = Tree::Arithmetic('*', Box::new(column("b")), Box::new(whole(0)));
    let least = Tree::Call("least", vec![zero.clone(), whole(0)]);
    for key in [zero, least] {
        let lag = Step::Window("w".to_owned(), "lag", Some("z".to_owned()), Some("f".to_owned()), keys(&["z"]));
        let more = Tree::Coalesce(vec![column("w"), whole(7)]);
        let zeros = Step::Select(vec![("f".to_owned(), column("f")), ("z".to_owned(), key)]);
        check(vec![zeros.clone(), lag.clone()], &["-f", "z", "w"]).await;
        check(vec![zeros, lag, Step::WithColumn("v".to_owned(), more)], &["-f", "z", "v", "w"]).await;
    }
}

#[tokio::test]
async fn windows_whose_keys_begin_alike_keep_their_own_orders() {
    let window = |name: &str, function, of: Option<&str>, partition: Option<&str>, order: &[&str]| {
        let (of, partition) = (of.map(str::to_owned), partition.map(str::to_owned));
        Step::Window(name.to_owned(), function, of, partition, keys(order))
    };
    let steps = vec![
        window("z", "sum", Some("b"), None, &[]),
        window("v", "rank", None, Some("a"), &["-s"]),
        window("w", "rank", None, None, &["-b"]),
    ];
    check(steps.clone(), &["a", "b", "s", "w"]).await;
    check(steps.into_iter().rev().collect(), &["a", "b", "s", "w"]).await;
}

#[tokio::test]
async fn a_window_looks_at_rows_of_a_derived_table_that_a_subquery_chooses() {
    let more = Step::WithColumn("b".to_owned(), Tree::Arithmetic('+', Box::new(column("b")), Box::new(whole(1))));
    let unused = Step::Window("w".to_owned(), "min", Some("s".to_owned()), Some("f".to_owned()), keys(&["id"]));
    let chosen = Step::In("a".to_owned(), true, false, 2);
    let not = Tree::Compare("=", Box::new(Tree::Literal(V::Bool(false))), Box::new(column("f")));
    let rows = Step::SelectWhere(names(&["s", "b", "a"]), not);
    let lag = Step::Window("v".to_owned(), "lag", Some("a".to_owned()), None, keys(&["-s", "b", "-a"]));
    let steps = vec![more, unused, chosen, rows, lag];
    check(steps.clone(), &["s", "b", "a"]).await;
    check(steps.into_iter().skip(1).collect(), &["s", "b", "a"]).await;
    let exists = Step::Exists("a".to_owned(), false, 2);
    let all = ["-id", "a", "b", "-x", "s", "f", "most"];
    let running = Step::Window("w".to_owned(), "running", Some("a".to_owned()), Some("a".to_owned()), keys(&all));
    check_in(&World::viewed(-9), &[exists, running], &["id"]).await;
}

/// MariaDB took a column of a derived table or of a view that a window looks at and a sort key or a group names for ambiguous.
#[tokio::test]
async fn a_column_that_windows_look_at_is_sorted_and_grouped_by() {
    for (function, of, order) in [("lag", "x", ["id", "-x", "o"]), ("min", "b", ["-b", "o", "id"])] {
        let steps = vec![
            Step::Slice(keys(&[of, "id"]), None, 0),
            Step::Own("o".to_owned(), "id".to_owned()),
            Step::Window("w".to_owned(), function, Some(of.to_owned()), None, keys(&order)),
            Step::Select(["w", "id"].map(|name| (name.to_owned(), column(name))).to_vec()),
        ];
        check(steps, &["w"]).await;
    }
    let viewed = World::viewed(0);
    let window = |name: &str, of: &str, order: &[&str]| {
        Step::Window(name.to_owned(), "min", Some(of.to_owned()), None, keys(order))
    };
    let select = |list: &[&str]| Step::Select(list.iter().map(|name| ((*name).to_owned(), column(name))).collect());
    for of in ["b", "most"] {
        let steps = [window("w", of, &[of, "id"]), Step::OrderBy(keys(&[of])), select(&["id", "w"])];
        check_in(&viewed, &steps, &["id"]).await;
        let largest = ("n".to_owned(), "max", Some("id".to_owned()));
        let steps = [Step::Group(names(&[of]), vec![largest]), window("w", of, &["n", of]), select(&["n", "w"])];
        check_in(&viewed, &steps, &["n"]).await;
    }
}

/// MySQL counted the NULL of a subquery that sees no row around it, also as a column of a view.
#[tokio::test]
async fn a_null_that_a_frame_gives_is_not_counted() {
    let steps = vec![
        Step::In("id".to_owned(), true, false, 1),
        Step::Largest("l".to_owned(), "id".to_owned(), 2),
        Step::Own("o".to_owned(), "l".to_owned()),
        Step::Group(Vec::new(), vec![("n".to_owned(), "distinct", Some("o".to_owned()))]),
    ];
    check(steps.clone(), &["n"]).await;
    let apart = Step::Group(vec!["a".to_owned()], vec![("n".to_owned(), "distinct", Some("o".to_owned()))]);
    check(steps.into_iter().take(3).chain([apart]).collect(), &["n", "a"]).await;
    // Without sides, and then with some.
    for least in [100, 0] {
        let group =
            |keys: &[&str]| Step::Group(names(keys), vec![("n".to_owned(), "distinct", Some("most".to_owned()))]);
        check_in(&World::viewed(least), &[group(&[])], &["n"]).await;
        check_in(&World::viewed(least), &[group(&["a"])], &["n", "a"]).await;
    }
}

/// MariaDB's windows saw the value of what is the same for all rows of a frame or a view where an outer join had left NULL.
#[tokio::test]
async fn a_window_sees_no_value_where_an_outer_join_left_none() {
    let windows = |of: &str| {
        [
            Step::Window("s".to_owned(), "sum", Some(of.to_owned()), None, Vec::new()),
            Step::Window("r".to_owned(), "rank", None, None, keys(&[of])),
            Step::Window("m".to_owned(), "min", Some(of.to_owned()), Some(of.to_owned()), keys(&[of, "id"])),
        ]
    };
    let last = ["s", "r", "m", "id", "w1"];
    let select = || Step::Select(last.iter().map(|name| ((*name).to_owned(), column(name))).collect());
    for made in [
        Step::WithColumn("five".to_owned(), whole(5)),
        Step::Own("five".to_owned(), "id".to_owned()),
        Step::Largest("five".to_owned(), "a".to_owned(), 7),
    ] {
        for join in [Step::Join("right", "a".to_owned(), 1), Step::Join("full", "b".to_owned(), 1)] {
            let mut steps = vec![made.clone(), join];
            steps.extend(windows("five"));
            steps.push(select());
            check(steps, &last).await;
        }
    }
    for between in
        [vec![], vec![Step::As("named".to_owned())], vec![Step::Slice(keys(&["id", "w1", "k1", "t1"]), Some(40), 0)]]
    {
        let mut steps = vec![Step::Join("right", "a".to_owned(), 1)];
        steps.extend(between);
        steps.extend(windows("most"));
        steps.push(select());
        check_in(&World::viewed(0), &steps, &last).await;
    }
}

/// What is the same for all rows of a frame, and NULL where an outer join fills it, counted in conditions: on MySQL where it is computed, on
/// MariaDB where a subquery of a derived table asks about it.
#[tokio::test]
async fn a_condition_sees_no_value_where_an_outer_join_left_none() {
    let always = || Tree::Not(Box::new(Tree::Any(Vec::new())));
    let five = || Tree::Arithmetic('+', Box::new(whole(2)), Box::new(whole(3)));
    let right = || Step::Join("right", "id".to_owned(), 1);
    for (made, wanted) in [
        (always(), column("c")),
        (always(), Tree::Not(Box::new(column("c")))),
        (five(), Tree::Compare("=", Box::new(column("c")), Box::new(whole(5)))),
        (whole(5), Tree::Compare("=", Box::new(column("c")), Box::new(whole(5)))),
    ] {
        let made = Step::WithColumn("c".to_owned(), made);
        let last = ["id", "c", "k1", "w1", "t1"];
        let select = Step::Select(last.iter().map(|name| ((*name).to_owned(), column(name))).collect());
        check(vec![made.clone(), right(), Step::Where(wanted.clone()), select.clone()], &last).await;
        check(vec![made, Step::As("rel".to_owned()), right(), Step::Where(wanted), select], &last).await;
    }
    for made in [Step::WithColumn("c".to_owned(), whole(1)), Step::Own("c".to_owned(), "id".to_owned())] {
        let largest = ("n".to_owned(), "count", Some("id".to_owned()));
        let then = [
            Step::Group(names(&["t1"]), vec![largest]),
            Step::Reshape(Reshape::Subtotals {
                cube: false,
                keys: names(&["t1", "id"]),
                aggregates: vec![("n".to_owned(), "count", Some("id".to_owned()))],
            }),
            Step::Twice("id".to_owned(), 3),
        ];
        for (negated, then) in
            [true, false].into_iter().flat_map(|negated| then.iter().map(move |then| (negated, then.clone())))
        {
            let asks = Step::Exists("c".to_owned(), negated, 2);
            let last: &[&str] = match &then {
                Step::Twice(..) => &["id", "k1", "t1", "k1_3", "t1_3"],
                Step::Group(..) => &["t1", "n"],
                _ => &["t1", "n", "id"],
            };
            check(vec![made.clone(), right(), asks, then], last).await;
        }
    }
}

/// MySQL looked a computed double up among integers as if it were rounded.
#[tokio::test]
async fn a_double_is_compared_with_integers_as_it_is() {
    let double = |list: &[f64]| {
        let sum = list.iter().map(|one| Tree::Literal(V::Float(*one)));
        sum.reduce(|one, other| Tree::Arithmetic('+', Box::new(one), Box::new(other))).unwrap()
    };
    for (found, of) in [(vec![0.5, 0.25], "id"), (vec![0.75, 0.25], "id"), (vec![-0.5, -1.25], "a")] {
        let wanted = Tree::Compare("=", Box::new(double(&found)), Box::new(column(of)));
        let limited = Step::Slice(keys(&["id", "a", "b", "x", "s", "f"]), Some(20), 0);
        check(vec![limited, Step::Where(wanted.clone())], &["id"]).await;
        check(vec![Step::Distinct, Step::Set("intersect", wanted, false, Some(3))], &["id"]).await;
    }
}

/// MariaDB took different groups for one.
#[tokio::test]
async fn distinct_looks_at_averages_and_what_is_computed_of_counts() {
    let (mean, count) =
        (("mean".to_owned(), "avg", Some("id".to_owned())), ("n".to_owned(), "count", Some("b".to_owned())));
    let steps = vec![
        Step::Group(names(&["f", "s"]), vec![mean, count]),
        Step::Select(vec![
            ("f".to_owned(), column("f")),
            ("mean".to_owned(), column("mean")),
            ("less".to_owned(), Tree::Negate(Box::new(column("n")))),
        ]),
        Step::Distinct,
    ];
    check(steps, &["f", "mean", "less"]).await;
}

/// MySQL wrote it with the thirty digits of a placeholder.
#[tokio::test]
async fn the_text_of_a_sum_or_a_value_is_that_of_a_whole_number() {
    let text = |of: &str| {
        let whole = Tree::Coalesce(vec![column(of), whole(3)]);
        Step::WithColumn("text".to_owned(), Tree::Cast(Box::new(whole), Ty::Text))
    };
    let running = Step::Window("w".to_owned(), "running", Some("a".to_owned()), Some("b".to_owned()), keys(&["-id"]));
    check(vec![running, text("w")], &["id"]).await;
    let sum = Step::Group(names(&["s"]), vec![("g".to_owned(), "sum", Some("b".to_owned()))]);
    check(vec![sum, text("g")], &["s"]).await;
}

/// MariaDB sorted by something else than the window's result.
#[tokio::test]
async fn groups_are_sorted_by_a_window_over_them() {
    let largest = ("g1".to_owned(), "max", Some("order".to_owned()));
    let different = ("g30".to_owned(), "distinct", Some("id_2".to_owned()));
    let lag_keys = vec![
        ("w0_2".to_owned(), true, Some(false)),
        ("id_2".to_owned(), true, Some(true)),
        ("g30".to_owned(), false, None),
    ];
    let steps = [
        Step::Window("w0".to_owned(), "dense", None, Some("select".to_owned()), keys(&["order"])),
        Step::Reshape(Reshape::Subtotals { cube: true, keys: names(&["id", "w0"]), aggregates: vec![largest] }),
        Step::Twice("g1".to_owned(), 2),
        Step::Group(names(&["w0_2", "id_2"]), vec![different]),
        Step::Window("id_2".to_owned(), "lag", Some("w0_2".to_owned()), None, lag_keys),
    ];
    check_in(&World::random(8_002_115), &steps, &["w0_2", "id_2", "g30"]).await;
}

/// MySQL gave an element once for each row of the subquery that chose it.
#[tokio::test]
async fn elements_that_a_subquery_chooses_come_once() {
    let roll = Reshape::Roll { key: "f".to_owned(), of: "id".to_owned(), name: "e".to_owned() };
    for chosen in [
        Step::In("e".to_owned(), false, false, 2),
        Step::Exists("e".to_owned(), false, 2),
        Step::Join("semi", "e".to_owned(), 2),
    ] {
        let steps = vec![Step::Reshape(roll.clone()), chosen, Step::Twice("e".to_owned(), 3)];
        check(steps, &["f", "e", "f_3", "e_3"]).await;
    }
}

/// MariaDB took for the value of an absent row what COALESCE makes of NULL: in MIN and MAX, in windows, and where a subquery asked about it.
#[tokio::test]
async fn what_a_join_left_null_stays_so_where_it_is_computed() {
    let filled = || Step::Reshape(Reshape::FillNull { column: "a".to_owned(), value: V::Int(4) });
    let joined = || [filled(), Step::Join("right", "id".to_owned(), 2)];
    let aggregate = |name: &str, function| (name.to_owned(), function, Some("a".to_owned()));
    let all = vec![aggregate("largest", "max"), aggregate("least", "min"), aggregate("sum", "sum")];
    for keys in [&[][..], &["w2"]] {
        let [one, other] = joined();
        let names: Vec<&str> = keys.iter().copied().chain(["largest", "least", "sum"]).collect();
        check(vec![one, other, Step::Group(self::names(keys), all.clone())], &names).await;
    }
    let [one, other] = joined();
    check(vec![one, other, Step::Own("o3".to_owned(), "a".to_owned())], &["id", "k2", "w2", "o3"]).await;
    for function in ["running", "min", "lag", "sum"] {
        let [one, other] = joined();
        let by = if function == "sum" { Vec::new() } else { keys(&["w2", "k2", "id", "t2"]) };
        let window = Step::Window("w".to_owned(), function, Some("a".to_owned()), None, by);
        check(vec![one, other, window], &["id", "k2", "w2", "t2", "w"]).await;
    }
    for (negated, nulls) in [(false, false), (true, false), (true, true)] {
        let [one, other] = joined();
        check(vec![one, other, Step::In("a".to_owned(), negated, nulls, 3)], &["id", "k2", "w2", "t2"]).await;
        let own = Step::Own("o1".to_owned(), "b".to_owned());
        let asked = Step::In("o1".to_owned(), negated, nulls, 3);
        check(vec![own, Step::Using("right", "b".to_owned(), 2), asked], &["id", "b", "w2", "t2"]).await;
    }
    // Beside a window that the subquery doesn't ask for.
    let own = |name: &str, of: &str| Step::Own(name.to_owned(), of.to_owned());
    let number = Step::Window("n".to_owned(), "number", None, Some("s".to_owned()), keys(&["id"]));
    let steps = vec![own("o0", "a"), number, Step::Join("right", "o0".to_owned(), 2), own("o3", "o0")];
    check(steps, &["id", "k2", "w2", "t2", "o3"]).await;
}

/// MySQL did so where EXISTS asked about a subquery's value.
#[tokio::test]
async fn a_frame_is_not_asked_about_a_value_that_a_join_left_null() {
    for asked in [Step::Join("semi", "o0".to_owned(), 4), Step::Join("anti", "o0".to_owned(), 4)] {
        let steps = [Step::Own("o0".to_owned(), "order".to_owned()), Step::Using("right", "id".to_owned(), 3), asked];
        check_in(&World::random(32_000_503), &steps, &["-id", "-order", "o0", "-w3", "t3"]).await;
    }
}

/// MariaDB's server ended, and all its sessions with it.
#[tokio::test]
async fn a_relation_of_with_that_reads_subtotals_is_asked_for_some_of_its_rows() {
    let subtotals = Reshape::Subtotals {
        cube: true,
        keys: names(&["f", "id"]),
        aggregates: vec![("g1".to_owned(), "count", Some("id".to_owned()))],
    };
    let none = Box::new(Tree::Arithmetic('-', Box::new(column("id")), Box::new(column("id"))));
    let known = Box::new(Tree::Case(vec![(column("f"), column("id"))], None));
    let steps = vec![
        Step::Reshape(subtotals),
        Step::Drop("g1".to_owned()),
        Step::Set("union_all", Tree::Compare("<=", none, known), false, Some(3)),
    ];
    check(steps, &["f", "id"]).await;
}

/// MariaDB found no group.
#[tokio::test]
async fn windows_see_the_groups_of_joined_rows_that_a_condition_leaves() {
    let aggregates = vec![
        ("different".to_owned(), "distinct", Some("b".to_owned())),
        ("least".to_owned(), "min", Some("id".to_owned())),
    ];
    for how in ["left", "inner"] {
        let steps = vec![
            Step::Join(how, "a".to_owned(), 1),
            Step::Group(names(&["s"]), aggregates.clone()),
            Step::Reshape(Reshape::DropNulls(names(&["least"]))),
            Step::Window("w".to_owned(), "rank", None, None, keys(&["different"])),
        ];
        check(steps, &["s", "different", "least", "w"]).await;
    }
}

/// MySQL and MariaDB took the window for two, whose equal rows came in two orders.
#[tokio::test]
async fn rows_are_sorted_by_a_window_whose_keys_are_computed() {
    for computed in [
        Tree::Negate(Box::new(column("a"))),
        Tree::Call("length", vec![column("s")]),
        Tree::Negate(Box::new(Tree::Call("length", vec![column("s")]))),
    ] {
        let steps = vec![
            Step::Set("union_all", Tree::IsNull(Box::new(column("a")), true), true, None),
            Step::WithColumn("c".to_owned(), computed),
            Step::Window("w".to_owned(), "lag", Some("f".to_owned()), Some("id".to_owned()), keys(&["id", "-c"])),
        ];
        check(steps, &["id", "w", "-c"]).await;
    }
}

/// MariaDB refused a condition of groups by a view's column, and by a key whose name another table has too.
#[tokio::test]
async fn a_condition_may_hold_a_key_of_a_view_beside_an_aggregate() {
    let pivot = Reshape::Pivot {
        keys: names(&["most", "most_0"]),
        column: "facts".to_owned(),
        values: vec![(V::Text("a ".to_owned()), "p20".to_owned()), (V::Text("e".to_owned()), "p21".to_owned())],
        function: "min",
        of: "most_0".to_owned(),
    };
    let pair =
        |operation, one, other| Box::new(Tree::Arithmetic(operation, Box::new(column(one)), Box::new(column(other))));
    let condition = Tree::Any(vec![
        Tree::Compare(">", pair('-', "p21", "most"), Box::new(whole(0))),
        Tree::Compare("<", pair('+', "most_0", "p20"), Box::new(whole(4))),
    ]);
    let steps = [Step::Twice("id".to_owned(), 0), Step::Reshape(pivot), Step::Where(condition)];
    check_in(&World::random(20_512_381), &steps, &["most", "most_0", "-p20", "-p21"]).await;

    let pivot = Reshape::Pivot {
        keys: names(&["id_0", "id"]),
        column: "id".to_owned(),
        values: vec![(V::Int(2), "p10".to_owned()), (V::Int(4), "p11".to_owned())],
        function: "min",
        of: "t_0".to_owned(),
    };
    let condition = Tree::Compare("<", pair('-', "id_0", "p10"), Box::new(whole(9)));
    let steps = [Step::Twice("t".to_owned(), 0), Step::Reshape(pivot), Step::Where(condition)];
    check_in(&World::random(25_502_643), &steps, &["-id_0", "id", "-p10", "-p11"]).await;
}

/// MySQL refused to mix the collations of two derived tables.
#[tokio::test]
async fn text_by_code_point_is_one_column_with_other_text() {
    let unpivot = Reshape::Unpivot { columns: names(&["g1"]), name: "n".to_owned(), value: "v".to_owned() };
    let either = Tree::Coalesce(vec![column("m"), column("n")]);
    let chosen = Tree::Case(
        vec![(Tree::Compare("=", Box::new(column("v")), Box::new(column("v"))), column("n"))],
        Some(Box::new(column("s"))),
    );
    let steps = vec![
        Step::Group(
            names(&["s"]),
            vec![("g1".to_owned(), "rows", None), ("m".to_owned(), "max", Some("s".to_owned()))],
        ),
        Step::Reshape(unpivot),
        Step::WithColumn("either".to_owned(), either),
        Step::WithColumn("chosen".to_owned(), chosen),
    ];
    check(steps, &["s", "either", "chosen"]).await;
}

/// MariaDB found no group where a view's key that a subquery asks about stands in one expression with an aggregate.
#[tokio::test]
async fn what_is_computed_of_a_key_and_an_aggregate_is_there_for_rows_that_a_subquery_chose() {
    let both = Tree::Arithmetic('+', Box::new(column("n")), Box::new(column("a")));
    let group = Step::Group(names(&["a", "id"]), vec![("n".to_owned(), "rows", None)]);
    for kind in ["semi", "anti"] {
        let asked = Step::Using(kind, "a".to_owned(), 1);
        let steps = [asked, group.clone(), Step::WithColumn("c".to_owned(), both.clone())];
        check_in(&World::viewed(-9), &steps, &["id", "a", "c"]).await;
    }
}

/// MySQL took the value for NULL.
#[tokio::test]
async fn a_value_is_aggregated_beside_a_count_of_different_values_of_joined_rows() {
    let aggregates = ["max", "sum", "count"].map(|of| (of.to_owned(), of, Some("c".to_owned())));
    let different = ("different".to_owned(), "distinct", Some("s".to_owned()));
    for value in [whole(3), Tree::Cast(Box::new(whole(3)), Ty::Int)] {
        let steps = vec![
            Step::Using("inner", "id".to_owned(), 0),
            Step::WithColumn("c".to_owned(), value),
            Step::Group(names(&["id", "x"]), [vec![different.clone()], aggregates.to_vec()].concat()),
        ];
        check(steps, &["id", "x", "max", "sum", "count"]).await;
    }
}

/// MySQL took the bytes of `é` for characters.
#[tokio::test]
async fn the_largest_of_texts_that_end_in_a_number_is_one_of_them() {
    let text =
        Tree::Call("concat", vec![Tree::Literal(V::Text("é".to_owned())), Tree::Cast(Box::new(column("a")), Ty::Text)]);
    let group = Step::Group(names(&["c", "f"]), vec![("most".to_owned(), "max", Some("c".to_owned()))]);
    check(vec![Step::WithColumn("c".to_owned(), text), group], &["c", "f", "most"]).await;
}
