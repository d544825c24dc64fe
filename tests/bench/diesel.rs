//! The same two statements in Diesel's words; its text only, without its binds, which it collects in a second walk.

use diesel::pg::{Pg, PgQueryBuilder};
use diesel::prelude::*;
use diesel::query_builder::{QueryBuilder, QueryFragment};

diesel::table! {
    orders (id) {
        id -> BigInt,
        customer_id -> BigInt,
        store_id -> BigInt,
        status -> Text,
        total -> Integer,
        placed -> BigInt,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    customers (customer_id) {
        customer_id -> BigInt,
        name -> Text,
        country -> Text,
        segment -> Nullable<Text>,
        active -> Bool,
    }
}

diesel::table! {
    stores (store_id) {
        store_id -> BigInt,
        region_id -> BigInt,
        city -> Text,
        opened -> BigInt,
    }
}

diesel::table! {
    regions (region_id) {
        region_id -> BigInt,
        name -> Text,
        zone -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(orders, customers, stores, regions);
diesel::allow_columns_to_appear_in_same_group_by_clause!(regions::name, customers::country);

fn text(query: &impl QueryFragment<Pg>) -> String {
    let mut builder = PgQueryBuilder::default();
    query.to_sql(&mut builder, &Pg).expect("text");
    builder.finish()
}

pub fn predicate(id: i64) -> String {
    let query = orders::table.filter(orders::id.eq(id)).select((orders::id, orders::status, orders::total));
    text(&query)
}

pub fn analytics(least: i32) -> String {
    use diesel::dsl::{avg, count_star, sum};
    let query = orders::table
        .inner_join(customers::table.on(orders::customer_id.eq(customers::customer_id)))
        .inner_join(stores::table.on(orders::store_id.eq(stores::store_id)))
        .inner_join(regions::table.on(stores::region_id.eq(regions::region_id)))
        .filter(orders::status.eq("shipped"))
        .filter(orders::total.ge(least))
        .filter(orders::placed.between(20_000, 30_000))
        .filter(customers::country.ne("XX"))
        .filter(customers::segment.is_not_null())
        .filter(customers::active.eq(true))
        .filter(stores::city.eq("Leeds").or(stores::opened.lt(10_000)))
        .filter(regions::zone.gt(3))
        .group_by((regions::name, customers::country))
        .having(sum(orders::total).gt(1_000))
        .select((regions::name, customers::country, count_star(), sum(orders::total), avg(orders::total)))
        .order_by(sum(orders::total).desc())
        .limit(20);
    text(&query)
}
