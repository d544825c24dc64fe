//! The 22 queries of TPC-H, with the parameters of its validation run.
//!
//! Each takes `t`, which gives the frame over a table: `db.table(..)` to run it, [`portcullis::table`] to look at its SQL.

use chrono::NaiveDate;
use portcullis::{
    Expr, Frame, all, all_of, any_of, avg, case, col, count, count_distinct, exists, lit, max, min, not_exists, on,
    outer, scalar, sum,
};
use rust_decimal::Decimal;

/// Gives the frame over a table.
pub type Tables<'a> = &'a dyn Fn(&'static str) -> Frame;

/// The query with this number, 1 to 22.
pub fn query(number: usize, t: Tables<'_>) -> Option<Frame> {
    let queries: [fn(Tables<'_>) -> Frame; 22] =
        [q1, q2, q3, q4, q5, q6, q7, q8, q9, q10, q11, q12, q13, q14, q15, q16, q17, q18, q19, q20, q21, q22];
    number.checked_sub(1).and_then(|index| queries.get(index)).map(|query| query(t))
}

/// Pricing summary report.
fn q1(t: Tables<'_>) -> Frame {
    t("lineitem")
        .where_(col("l_shipdate").le(day(1998, 9, 2)))
        .group_by(["l_returnflag", "l_linestatus"])
        .agg((
            sum(col("l_quantity")).as_("sum_qty"),
            sum(col("l_extendedprice")).as_("sum_base_price"),
            sum(revenue()).as_("sum_disc_price"),
            sum(revenue() * (lit(1) + col("l_tax"))).as_("sum_charge"),
            avg(col("l_quantity")).as_("avg_qty"),
            avg(col("l_extendedprice")).as_("avg_price"),
            avg(col("l_discount")).as_("avg_disc"),
            count(all()).as_("count_order"),
        ))
        .order_by(["l_returnflag", "l_linestatus"])
}

/// Minimum cost supplier.
fn q2(t: Tables<'_>) -> Frame {
    let european = || {
        t("partsupp")
            .join(t("supplier"), on(col("s_suppkey").eq(col("ps_suppkey"))))
            .join(t("nation"), on(col("s_nationkey").eq(col("n_nationkey"))))
            .join(t("region"), on(col("n_regionkey").eq(col("r_regionkey"))))
            .where_(col("r_name").eq("EUROPE"))
    };
    let cheapest =
        european().where_(col("ps_partkey").eq(outer("p_partkey"))).agg(min(col("ps_supplycost")).as_("cheapest"));
    european()
        .join(t("part"), on(col("p_partkey").eq(col("ps_partkey"))))
        .where_(all_of([
            col("p_size").eq(15),
            col("p_type").ends_with("BRASS"),
            col("ps_supplycost").eq(scalar(cheapest)),
        ]))
        .select(["s_acctbal", "s_name", "n_name", "p_partkey", "p_mfgr", "s_address", "s_phone", "s_comment"])
        .order_by((col("s_acctbal").desc(), "n_name", "s_name", "p_partkey"))
}

/// Shipping priority.
fn q3(t: Tables<'_>) -> Frame {
    t("customer")
        .join(t("orders"), on(col("c_custkey").eq(col("o_custkey"))))
        .join(t("lineitem"), on(col("l_orderkey").eq(col("o_orderkey"))))
        .where_(all_of([
            col("c_mktsegment").eq("BUILDING"),
            col("o_orderdate").lt(day(1995, 3, 15)),
            col("l_shipdate").gt(day(1995, 3, 15)),
        ]))
        .group_by(["l_orderkey", "o_orderdate", "o_shippriority"])
        .agg(sum(revenue()).as_("revenue"))
        .select(["l_orderkey", "revenue", "o_orderdate", "o_shippriority"])
        .order_by((col("revenue").desc(), "o_orderdate"))
}

/// Order priority checking.
fn q4(t: Tables<'_>) -> Frame {
    let late = t("lineitem")
        .where_(col("l_orderkey").eq(outer("o_orderkey")))
        .where_(col("l_commitdate").lt(col("l_receiptdate")));
    t("orders")
        .where_(within("o_orderdate", day(1993, 7, 1), day(1993, 10, 1)))
        .where_(exists(late))
        .group_by("o_orderpriority")
        .agg(count(all()).as_("order_count"))
        .order_by("o_orderpriority")
}

/// Local supplier volume.
fn q5(t: Tables<'_>) -> Frame {
    t("customer")
        .join(t("orders"), on(col("c_custkey").eq(col("o_custkey"))))
        .join(t("lineitem"), on(col("l_orderkey").eq(col("o_orderkey"))))
        .join(t("supplier"), on(col("l_suppkey").eq(col("s_suppkey")) & col("c_nationkey").eq(col("s_nationkey"))))
        .join(t("nation"), on(col("s_nationkey").eq(col("n_nationkey"))))
        .join(t("region"), on(col("n_regionkey").eq(col("r_regionkey"))))
        .where_(col("r_name").eq("ASIA") & within("o_orderdate", day(1994, 1, 1), day(1995, 1, 1)))
        .group_by("n_name")
        .agg(sum(revenue()).as_("revenue"))
        .order_by(col("revenue").desc())
}

/// Forecasting revenue change.
fn q6(t: Tables<'_>) -> Frame {
    t("lineitem")
        .where_(all_of([
            within("l_shipdate", day(1994, 1, 1), day(1995, 1, 1)),
            col("l_discount").between(money(5), money(7)),
            col("l_quantity").lt(24),
        ]))
        .agg(sum(col("l_extendedprice") * col("l_discount")).as_("revenue"))
}

/// Volume shipping.
fn q7(t: Tables<'_>) -> Frame {
    let pair = |supplier: &str, customer: &str| col("supp_nation").eq(supplier) & col("cust_nation").eq(customer);
    t("supplier")
        .join(t("lineitem"), on(col("s_suppkey").eq(col("l_suppkey"))))
        .join(t("orders"), on(col("o_orderkey").eq(col("l_orderkey"))))
        .join(t("customer"), on(col("c_custkey").eq(col("o_custkey"))))
        .join(t("nation").as_("n1"), on(col("s_nationkey").eq(col("n_nationkey"))))
        .join(t("nation").as_("n2"), on(col("c_nationkey").eq(col("n_nationkey").of("n2"))))
        .select((
            col("n_name").of("n1").as_("supp_nation"),
            col("n_name").of("n2").as_("cust_nation"),
            col("l_shipdate").year().as_("l_year"),
            revenue().as_("volume"),
        ))
        .where_(pair("FRANCE", "GERMANY") | pair("GERMANY", "FRANCE"))
        .where_(col("l_shipdate").between(day(1995, 1, 1), day(1996, 12, 31)))
        .group_by(["supp_nation", "cust_nation", "l_year"])
        .agg(sum(col("volume")).as_("revenue"))
        .order_by(["supp_nation", "cust_nation", "l_year"])
}

/// National market share.
fn q8(t: Tables<'_>) -> Frame {
    t("part")
        .join(t("lineitem"), on(col("p_partkey").eq(col("l_partkey"))))
        .join(t("supplier"), on(col("s_suppkey").eq(col("l_suppkey"))))
        .join(t("orders"), on(col("l_orderkey").eq(col("o_orderkey"))))
        .join(t("customer"), on(col("o_custkey").eq(col("c_custkey"))))
        .join(t("nation").as_("n1"), on(col("c_nationkey").eq(col("n_nationkey"))))
        .join(t("region"), on(col("n_regionkey").eq(col("r_regionkey"))))
        .join(t("nation").as_("n2"), on(col("s_nationkey").eq(col("n_nationkey").of("n2"))))
        .where_(all_of([
            col("r_name").eq("AMERICA"),
            col("o_orderdate").between(day(1995, 1, 1), day(1996, 12, 31)),
            col("p_type").eq("ECONOMY ANODIZED STEEL"),
        ]))
        .select((
            col("o_orderdate").year().as_("o_year"),
            revenue().as_("volume"),
            col("n_name").of("n2").as_("nation"),
        ))
        .group_by("o_year")
        .agg(
            (sum(case().when(col("nation").eq("BRAZIL"), col("volume")).otherwise(0)) / sum(col("volume")))
                .as_("mkt_share"),
        )
        .order_by("o_year")
}

/// Product type profit measure.
fn q9(t: Tables<'_>) -> Frame {
    let same_pair = col("ps_suppkey").eq(col("l_suppkey")) & col("ps_partkey").eq(col("l_partkey"));
    t("part")
        .join(t("lineitem"), on(col("p_partkey").eq(col("l_partkey"))))
        .join(t("supplier"), on(col("s_suppkey").eq(col("l_suppkey"))))
        .join(t("partsupp"), on(same_pair))
        .join(t("orders"), on(col("o_orderkey").eq(col("l_orderkey"))))
        .join(t("nation"), on(col("s_nationkey").eq(col("n_nationkey"))))
        .where_(col("p_name").contains("green"))
        .select((
            col("n_name").as_("nation"),
            col("o_orderdate").year().as_("o_year"),
            (revenue() - col("ps_supplycost") * col("l_quantity")).as_("amount"),
        ))
        .group_by(["nation", "o_year"])
        .agg(sum(col("amount")).as_("sum_profit"))
        .order_by(("nation", col("o_year").desc()))
}

/// Returned item reporting.
fn q10(t: Tables<'_>) -> Frame {
    t("customer")
        .join(t("orders"), on(col("c_custkey").eq(col("o_custkey"))))
        .join(t("lineitem"), on(col("l_orderkey").eq(col("o_orderkey"))))
        .join(t("nation"), on(col("c_nationkey").eq(col("n_nationkey"))))
        .where_(within("o_orderdate", day(1993, 10, 1), day(1994, 1, 1)) & col("l_returnflag").eq("R"))
        .group_by(["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"])
        .agg(sum(revenue()).as_("revenue"))
        .select(["c_custkey", "c_name", "revenue", "c_acctbal", "n_name", "c_address", "c_phone", "c_comment"])
        .order_by(col("revenue").desc())
}

/// Important stock identification.
fn q11(t: Tables<'_>) -> Frame {
    let german = || {
        t("partsupp")
            .join(t("supplier"), on(col("ps_suppkey").eq(col("s_suppkey"))))
            .join(t("nation"), on(col("s_nationkey").eq(col("n_nationkey"))))
            .where_(col("n_name").eq("GERMANY"))
    };
    let value = || sum(col("ps_supplycost") * col("ps_availqty"));
    let threshold = german().agg((value() * Decimal::new(1, 4)).as_("threshold"));
    german()
        .group_by("ps_partkey")
        .agg(value().as_("value"))
        .where_(col("value").gt(scalar(threshold)))
        .order_by(col("value").desc())
}

/// Shipping modes and order priority.
fn q12(t: Tables<'_>) -> Frame {
    let urgent = || col("o_orderpriority").in_(["1-URGENT", "2-HIGH"]);
    let other = col("o_orderpriority").ne("1-URGENT") & col("o_orderpriority").ne("2-HIGH");
    t("orders")
        .join(t("lineitem"), on(col("o_orderkey").eq(col("l_orderkey"))))
        .where_(all_of([
            col("l_shipmode").in_(["MAIL", "SHIP"]),
            col("l_commitdate").lt(col("l_receiptdate")),
            col("l_shipdate").lt(col("l_commitdate")),
            within("l_receiptdate", day(1994, 1, 1), day(1995, 1, 1)),
        ]))
        .group_by("l_shipmode")
        .agg((
            sum(case().when(urgent(), 1).otherwise(0)).as_("high_line_count"),
            sum(case().when(other, 1).otherwise(0)).as_("low_line_count"),
        ))
        .order_by("l_shipmode")
}

/// Customer distribution.
fn q13(t: Tables<'_>) -> Frame {
    let own = col("c_custkey").eq(col("o_custkey")) & col("o_comment").not_like("%special%requests%");
    t("customer")
        .left_join(t("orders"), on(own))
        .group_by("c_custkey")
        .agg(count(col("o_orderkey")).as_("c_count"))
        .group_by("c_count")
        .agg(count(all()).as_("custdist"))
        .order_by((col("custdist").desc(), col("c_count").desc()))
}

/// Promotion effect.
fn q14(t: Tables<'_>) -> Frame {
    let promoted = case().when(col("p_type").starts_with("PROMO"), revenue()).otherwise(0);
    t("lineitem")
        .join(t("part"), on(col("l_partkey").eq(col("p_partkey"))))
        .where_(within("l_shipdate", day(1995, 9, 1), day(1995, 10, 1)))
        .agg((lit(100) * sum(promoted) / sum(revenue())).as_("promo_revenue"))
}

/// Top supplier.
fn q15(t: Tables<'_>) -> Frame {
    let revenues = t("lineitem")
        .where_(within("l_shipdate", day(1996, 1, 1), day(1996, 4, 1)))
        .group_by("l_suppkey")
        .agg(sum(revenue()).as_("total_revenue"))
        .rename("l_suppkey", "supplier_no")
        .cte("revenue");
    let most = revenues.clone().agg(max(col("total_revenue")).as_("most"));
    t("supplier")
        .join(revenues, on(col("s_suppkey").eq(col("supplier_no"))))
        .where_(col("total_revenue").eq(scalar(most)))
        .select(["s_suppkey", "s_name", "s_address", "s_phone", "total_revenue"])
        .order_by("s_suppkey")
}

/// Parts and supplier relationship.
fn q16(t: Tables<'_>) -> Frame {
    let complained = t("supplier").where_(col("s_comment").like("%Customer%Complaints%")).select("s_suppkey");
    t("partsupp")
        .join(t("part"), on(col("p_partkey").eq(col("ps_partkey"))))
        .where_(all_of([
            col("p_brand").ne("Brand#45"),
            col("p_type").not_like("MEDIUM POLISHED%"),
            col("p_size").in_([49, 14, 23, 45, 19, 3, 36, 9]),
            col("ps_suppkey").not_in(complained),
        ]))
        .group_by(["p_brand", "p_type", "p_size"])
        .agg(count_distinct(col("ps_suppkey")).as_("supplier_cnt"))
        .order_by((col("supplier_cnt").desc(), "p_brand", "p_type", "p_size"))
}

/// Small-quantity-order revenue.
fn q17(t: Tables<'_>) -> Frame {
    let little =
        t("lineitem").where_(col("l_partkey").eq(outer("p_partkey"))).agg((avg(col("l_quantity")) * 0.2).as_("little"));
    t("lineitem")
        .join(t("part"), on(col("p_partkey").eq(col("l_partkey"))))
        .where_(all_of([
            col("p_brand").eq("Brand#23"),
            col("p_container").eq("MED BOX"),
            col("l_quantity").lt(scalar(little)),
        ]))
        .agg((sum(col("l_extendedprice")) / 7).as_("avg_yearly"))
}

/// Large volume customers.
fn q18(t: Tables<'_>) -> Frame {
    let large = t("lineitem")
        .group_by("l_orderkey")
        .agg(sum(col("l_quantity")).as_("quantity"))
        .where_(col("quantity").gt(300))
        .select("l_orderkey");
    t("customer")
        .join(t("orders"), on(col("c_custkey").eq(col("o_custkey"))))
        .join(t("lineitem"), on(col("o_orderkey").eq(col("l_orderkey"))))
        .where_(col("o_orderkey").in_(large))
        .group_by(["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice"])
        .agg(sum(col("l_quantity")).as_("quantity"))
        .order_by((col("o_totalprice").desc(), "o_orderdate"))
}

/// Discounted revenue.
fn q19(t: Tables<'_>) -> Frame {
    let kind = |brand: &str, containers: [&str; 4], quantity: i64, size: i64| {
        all_of([
            col("p_brand").eq(brand),
            col("p_container").in_(containers),
            col("l_quantity").between(quantity, quantity + 10),
            col("p_size").between(1, size),
            col("l_shipmode").in_(["AIR", "AIR REG"]),
            col("l_shipinstruct").eq("DELIVER IN PERSON"),
        ])
    };
    t("lineitem")
        .join(t("part"), on(col("p_partkey").eq(col("l_partkey"))))
        .where_(any_of([
            kind("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 5),
            kind("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10, 10),
            kind("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 20, 15),
        ]))
        .agg(sum(revenue()).as_("revenue"))
}

/// Potential part promotion.
fn q20(t: Tables<'_>) -> Frame {
    let forests = t("part").where_(col("p_name").starts_with("forest")).select("p_partkey");
    let shipped = t("lineitem")
        .where_(all_of([
            col("l_partkey").eq(outer("ps_partkey")),
            col("l_suppkey").eq(outer("ps_suppkey")),
            within("l_shipdate", day(1994, 1, 1), day(1995, 1, 1)),
        ]))
        .agg((sum(col("l_quantity")) * Decimal::new(5, 1)).as_("half"));
    let excess = t("partsupp")
        .where_(col("ps_partkey").in_(forests))
        .where_(col("ps_availqty").gt(scalar(shipped)))
        .select("ps_suppkey");
    t("supplier")
        .join(t("nation"), on(col("s_nationkey").eq(col("n_nationkey"))))
        .where_(col("s_suppkey").in_(excess) & col("n_name").eq("CANADA"))
        .select(["s_name", "s_address"])
        .order_by("s_name")
}

/// Suppliers who kept orders waiting.
fn q21(t: Tables<'_>) -> Frame {
    let others = || {
        t("lineitem").where_(col("l_orderkey").eq(outer("l_orderkey"))).where_(col("l_suppkey").ne(outer("l_suppkey")))
    };
    let late = || col("l_receiptdate").gt(col("l_commitdate"));
    t("supplier")
        .join(t("lineitem"), on(col("s_suppkey").eq(col("l_suppkey"))))
        .join(t("orders"), on(col("o_orderkey").eq(col("l_orderkey"))))
        .join(t("nation"), on(col("s_nationkey").eq(col("n_nationkey"))))
        .where_(all_of([
            col("o_orderstatus").eq("F"),
            late(),
            exists(others()),
            not_exists(others().where_(late())),
            col("n_name").eq("SAUDI ARABIA"),
        ]))
        .group_by("s_name")
        .agg(count(all()).as_("numwait"))
        .order_by((col("numwait").desc(), "s_name"))
}

/// Global sales opportunity.
fn q22(t: Tables<'_>) -> Frame {
    let here = || {
        t("customer")
            .with_column("cntrycode", col("c_phone").substring(1, 2))
            .where_(col("cntrycode").in_(["13", "31", "23", "29", "30", "18", "17"]))
    };
    let mean = here().where_(col("c_acctbal").gt(0)).agg(avg(col("c_acctbal")).as_("mean"));
    let orders = t("orders").where_(col("o_custkey").eq(outer("c_custkey")));
    here()
        .where_(col("c_acctbal").gt(scalar(mean)))
        .where_(not_exists(orders))
        .group_by("cntrycode")
        .agg((count(all()).as_("numcust"), sum(col("c_acctbal")).as_("totacctbal")))
        .order_by("cntrycode")
}

/// What a line item brings in.
fn revenue() -> Expr {
    col("l_extendedprice") * (lit(1) - col("l_discount"))
}

/// From `first` to before `end`.
fn within(column: &str, first: NaiveDate, end: NaiveDate) -> Expr {
    col(column).ge(first) & col(column).lt(end)
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default()
}

/// An amount in hundredths.
fn money(hundredths: i64) -> Decimal {
    Decimal::new(hundredths, 2)
}
