//! The eight tables of TPC-H, and their rows as the `tpchgen` crate makes them.

use chrono::{Days, NaiveDate};
use portcullis::{Database, ReadWrite, Result};
use rust_decimal::Decimal;
use tpchgen::dates::TPCHDate;
use tpchgen::decimal::TPCHDecimal;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

/// Makes the tables with their keys, and fills them. At scale factor 0.01 there are 60,175 line items.
pub async fn load(db: &Database<ReadWrite>, scale: f64) -> Result<u64> {
    for statement in [
        db.sql("CREATE TABLE region (r_regionkey bigint PRIMARY KEY, r_name varchar(25) NOT NULL, r_comment varchar(152) NOT NULL)"),
        db.sql("CREATE TABLE nation (n_nationkey bigint PRIMARY KEY, n_name varchar(25) NOT NULL, n_regionkey bigint NOT NULL, n_comment varchar(152) NOT NULL)"),
        db.sql("CREATE TABLE part (p_partkey bigint PRIMARY KEY, p_name varchar(55) NOT NULL, p_mfgr varchar(25) NOT NULL, p_brand varchar(10) NOT NULL, p_type varchar(25) NOT NULL, p_size integer NOT NULL, p_container varchar(10) NOT NULL, p_retailprice decimal(15, 2) NOT NULL, p_comment varchar(23) NOT NULL)"),
        db.sql("CREATE TABLE supplier (s_suppkey bigint PRIMARY KEY, s_name varchar(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey bigint NOT NULL, s_phone varchar(15) NOT NULL, s_acctbal decimal(15, 2) NOT NULL, s_comment varchar(101) NOT NULL)"),
        db.sql("CREATE TABLE partsupp (ps_partkey bigint NOT NULL, ps_suppkey bigint NOT NULL, ps_availqty integer NOT NULL, ps_supplycost decimal(15, 2) NOT NULL, ps_comment varchar(199) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey))"),
        db.sql("CREATE TABLE customer (c_custkey bigint PRIMARY KEY, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey bigint NOT NULL, c_phone varchar(15) NOT NULL, c_acctbal decimal(15, 2) NOT NULL, c_mktsegment varchar(10) NOT NULL, c_comment varchar(117) NOT NULL)"),
        db.sql("CREATE TABLE orders (o_orderkey bigint PRIMARY KEY, o_custkey bigint NOT NULL, o_orderstatus varchar(1) NOT NULL, o_totalprice decimal(15, 2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority varchar(15) NOT NULL, o_clerk varchar(15) NOT NULL, o_shippriority integer NOT NULL, o_comment varchar(79) NOT NULL)"),
        db.sql("CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, l_linenumber integer NOT NULL, l_quantity decimal(15, 2) NOT NULL, l_extendedprice decimal(15, 2) NOT NULL, l_discount decimal(15, 2) NOT NULL, l_tax decimal(15, 2) NOT NULL, l_returnflag varchar(1) NOT NULL, l_linestatus varchar(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct varchar(25) NOT NULL, l_shipmode varchar(10) NOT NULL, l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber))"),
        db.sql("CREATE INDEX lineitem_part ON lineitem (l_partkey, l_suppkey)"),
        db.sql("CREATE INDEX orders_customer ON orders (o_custkey)"),
    ] {
        statement.execute().await?;
    }

    let mut rows = 0;
    let region = RegionGenerator::new(scale, 1, 1);
    let region = region.iter().map(|row| (row.r_regionkey, row.r_name.to_owned(), row.r_comment.to_owned()));
    rows += db.insert("region").columns(["r_regionkey", "r_name", "r_comment"]).rows(region).execute().await?;

    let nation = NationGenerator::new(scale, 1, 1);
    let nation =
        nation.iter().map(|row| (row.n_nationkey, row.n_name.to_owned(), row.n_regionkey, row.n_comment.to_owned()));
    let columns = ["n_nationkey", "n_name", "n_regionkey", "n_comment"];
    rows += db.insert("nation").columns(columns).rows(nation).execute().await?;

    let part = PartGenerator::new(scale, 1, 1);
    let part = part.iter().map(|row| {
        let (name, mfgr, brand) = (row.p_name.to_string(), row.p_mfgr.to_string(), row.p_brand.to_string());
        let (kind, container) = (row.p_type.to_owned(), row.p_container.to_owned());
        let price = money(row.p_retailprice);
        (row.p_partkey, name, mfgr, brand, kind, row.p_size, container, price, row.p_comment.to_owned())
    });
    let columns =
        ["p_partkey", "p_name", "p_mfgr", "p_brand", "p_type", "p_size", "p_container", "p_retailprice", "p_comment"];
    rows += db.insert("part").columns(columns).rows(part).execute().await?;

    let supplier = SupplierGenerator::new(scale, 1, 1);
    let supplier = supplier.iter().map(|row| {
        let (name, address, phone) = (row.s_name.to_string(), row.s_address.to_string(), row.s_phone.to_string());
        (row.s_suppkey, name, address, row.s_nationkey, phone, money(row.s_acctbal), row.s_comment)
    });
    let columns = ["s_suppkey", "s_name", "s_address", "s_nationkey", "s_phone", "s_acctbal", "s_comment"];
    rows += db.insert("supplier").columns(columns).rows(supplier).execute().await?;

    let partsupp = PartSuppGenerator::new(scale, 1, 1);
    let partsupp = partsupp.iter().map(|row| {
        let cost = money(row.ps_supplycost);
        (row.ps_partkey, row.ps_suppkey, row.ps_availqty, cost, row.ps_comment.to_owned())
    });
    let columns = ["ps_partkey", "ps_suppkey", "ps_availqty", "ps_supplycost", "ps_comment"];
    rows += db.insert("partsupp").columns(columns).rows(partsupp).execute().await?;

    let customer = CustomerGenerator::new(scale, 1, 1);
    let customer = customer.iter().map(|row| {
        let (name, address, phone) = (row.c_name.to_string(), row.c_address.to_string(), row.c_phone.to_string());
        let (segment, comment) = (row.c_mktsegment.to_owned(), row.c_comment.to_owned());
        (row.c_custkey, name, address, row.c_nationkey, phone, money(row.c_acctbal), segment, comment)
    });
    let columns =
        ["c_custkey", "c_name", "c_address", "c_nationkey", "c_phone", "c_acctbal", "c_mktsegment", "c_comment"];
    rows += db.insert("customer").columns(columns).rows(customer).execute().await?;

    let orders = OrderGenerator::new(scale, 1, 1);
    let orders = orders.iter().map(|row| {
        let (status, clerk) = (row.o_orderstatus.to_string(), row.o_clerk.to_string());
        let (priority, comment) = (row.o_orderpriority.to_owned(), row.o_comment.to_owned());
        let (price, day) = (money(row.o_totalprice), date(row.o_orderdate));
        (row.o_orderkey, row.o_custkey, status, price, day, priority, clerk, row.o_shippriority, comment)
    });
    let columns = [
        "o_orderkey",
        "o_custkey",
        "o_orderstatus",
        "o_totalprice",
        "o_orderdate",
        "o_orderpriority",
        "o_clerk",
        "o_shippriority",
        "o_comment",
    ];
    rows += db.insert("orders").columns(columns).rows(orders).execute().await?;

    let lineitem = LineItemGenerator::new(scale, 1, 1);
    let lineitem = lineitem.iter().map(|row| {
        let flags = (row.l_returnflag.to_owned(), row.l_linestatus.to_owned());
        let days = (date(row.l_shipdate), date(row.l_commitdate), date(row.l_receiptdate));
        let texts = (row.l_shipinstruct.to_owned(), row.l_shipmode.to_owned(), row.l_comment.to_owned());
        (
            row.l_orderkey,
            row.l_partkey,
            row.l_suppkey,
            row.l_linenumber,
            Decimal::from(row.l_quantity),
            money(row.l_extendedprice),
            money(row.l_discount),
            money(row.l_tax),
            flags.0,
            flags.1,
            days.0,
            days.1,
            days.2,
            texts.0,
            texts.1,
            texts.2,
        )
    });
    let columns = [
        "l_orderkey",
        "l_partkey",
        "l_suppkey",
        "l_linenumber",
        "l_quantity",
        "l_extendedprice",
        "l_discount",
        "l_tax",
        "l_returnflag",
        "l_linestatus",
        "l_shipdate",
        "l_commitdate",
        "l_receiptdate",
        "l_shipinstruct",
        "l_shipmode",
        "l_comment",
    ];
    rows += db.insert("lineitem").columns(columns).rows(lineitem).execute().await?;
    Ok(rows)
}

fn money(amount: TPCHDecimal) -> Decimal {
    Decimal::new(amount.into_inner(), 2)
}

fn date(day: TPCHDate) -> NaiveDate {
    let days = u64::try_from(day.to_unix_epoch()).unwrap_or_default();
    NaiveDate::default() + Days::new(days)
}
