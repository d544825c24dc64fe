//! A web service: each request runs on behalf of whoever sent it, within limits, and leaves a trail for the auditor.
//!
//! ```text
//! cargo run --example web_service -- audit.jsonl
//! curl -H 'authorization: Bearer ada-token' http://127.0.0.1:8080/revenue
//! cargo run --features cli -- audit report audit.jsonl -o report.html
//! ```
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::{HeaderValue, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use portcullis::{
    AuditLayer, Database, Error, ErrorKind, Hook, QueryContext, RateContext, RateLimit, RateLimitLayer, RateScope,
    ReadOnly, ReadWrite, Subject, Validator, col, rules, sum,
};
use serde_json::{Value, json};

#[derive(Clone)]
struct Shop {
    reader: Database<ReadOnly>,
    writer: Database<ReadWrite>,
}

/// Who sent the request. A service asks its identity provider; this stub for an example knows two tokens.
struct Caller(Subject);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, StatusCode> {
        match parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
            Some("Bearer ada-token") => Ok(Caller(Subject::new("ada").roles(["clerk"]))),
            Some("Bearer bob-token") => Ok(Caller(Subject::new("bob"))),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    }
}

/// Only clerks write.
struct Clerks;

impl Hook for Clerks {
    async fn before(&self, cx: &QueryContext) -> portcullis::Result<()> {
        let clerk = cx.subject().is_none_or(|subject| subject.role_names().iter().any(|role| role == "clerk"));
        if clerk || !cx.kind().is_write() { Ok(()) } else { Err(Error::refused("only clerks write")) }
    }
}

struct Failed(Error);

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Failed(error) = self;
        let status = match error.kind() {
            ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Policy | ErrorKind::Hook => StatusCode::FORBIDDEN,
            ErrorKind::Constraint | ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Validation | ErrorKind::Type | ErrorKind::Encode => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::RowCount => StatusCode::NOT_FOUND,
            ErrorKind::Pool | ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Audit => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = json!({ "error": error.code(), "message": error.to_string(), "violations": error.violations() });
        let mut response = (status, Json(body)).into_response();
        if let Some(wait) = error.retry_after() {
            // Whole seconds, rounded up: the limit's own time is exact.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

async fn revenue(State(shop): State<Shop>, Caller(who): Caller) -> Result<Json<Value>, Failed> {
    let orders = shop.reader.acting_as(who).table("orders").agg(sum(col("total")).as_("revenue"));
    let revenue: Option<i64> = orders.one_as::<(Option<i64>,)>().await.map_err(Failed)?.0;
    Ok(Json(json!({ "revenue": revenue })))
}

async fn order(State(shop): State<Shop>, Caller(who): Caller, Path(id): Path<i64>) -> Result<Json<Value>, Failed> {
    let order = shop.reader.acting_as(who).table("orders").where_(col("id").eq(id)).select("total");
    Ok(Json(json!({ "id": id, "total": order.one_as::<i64>().await.map_err(Failed)? })))
}

async fn place(
    State(shop): State<Shop>,
    Caller(who): Caller,
    Path(id): Path<i64>,
    Json(total): Json<i64>,
) -> Result<StatusCode, Failed> {
    let insert = shop.writer.acting_as(who).insert("orders").columns(["id", "total"]).row((id, total));
    insert.execute().await.map_err(Failed).map(|_| StatusCode::CREATED)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let trail = arguments.next().unwrap_or_else(|| "audit.jsonl".to_owned());
    let port: u16 = arguments.next().map_or(Ok(8080), |port| port.parse())?;
    let reads = RateLimit::named("reads").scope(RateScope::Subject).context(RateContext::Read);
    let writer = Database::builder("sqlite::memory:".parse()?)
        .name("shop")
        .acquire_timeout(Duration::from_secs(2))
        .hook(AuditLayer::to_file(trail)?)
        .hook(Clerks)
        .hook(RateLimitLayer::new([reads.limit(3, Duration::from_secs(3))])?)
        .validator(Validator::new("orders").column("total", rules().range(1..)))
        .open_read_write()
        .await?;
    writer.sql("CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL)").execute().await?;
    let shop = Shop { reader: writer.to_read_only().await?, writer };
    let app =
        Router::new().route("/revenue", get(revenue)).route("/orders/{id}", get(order).post(place)).with_state(shop);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // Requests that run end first; then the handles are dropped, and the trail is closed.
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    println!("stopped");
    Ok(())
}
