//! Which statements are meant.

use chrono::{DateTime, Utc};

use crate::args::{Filters, Period, Use};
use crate::statement::{Statement, Table};

impl Filters {
    pub(crate) fn period(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        match self.during {
            Some(Period { from, to }) => (Some(from), Some(to)),
            None => (self.from, self.to),
        }
    }

    pub(crate) fn matches(&self, statement: &Statement) -> bool {
        self.matches_but_tables(statement) && self.matches_tables(statement)
    }

    /// Whether it is raw SQL that may be among those meant: what it touched is not known.
    pub(crate) fn may_match(&self, statement: &Statement) -> bool {
        let about_tables = !self.table.is_empty() || !self.column.is_empty();
        about_tables && statement.is_opaque() && self.matches_but_tables(statement)
    }

    fn matches_but_tables(&self, statement: &Statement) -> bool {
        let intent = &statement.intent;
        let (from, to) = self.period();
        let any = |wanted: &[String], found: Option<&str>| {
            wanted.is_empty() || found.is_some_and(|found| wanted.iter().any(|wanted| wanted == found))
        };
        let tables_asked = !self.table.is_empty() || !self.column.is_empty() || !self.uses.is_empty();
        from.is_none_or(|from| intent.time >= from)
            && to.is_none_or(|to| intent.time < to)
            && any(&self.subject, intent.subject.as_deref())
            && any(&self.tenant, intent.tenant.as_deref())
            && any(&self.address, intent.source_address.as_deref())
            && any(&self.trace, intent.trace_id.as_deref())
            && any(&self.fingerprint, Some(&intent.fingerprint))
            && (self.role.is_empty() || self.role.iter().any(|role| intent.roles.contains(role)))
            && (self.id.is_empty() || self.id.contains(&intent.id))
            && (self.transaction.is_empty() || intent.transaction.is_some_and(|id| self.transaction.contains(&id)))
            && (self.outcome.is_empty() || self.outcome.contains(&statement.outcome()))
            && self.context.iter().all(|(name, value)| intent.context.get(name) == Some(value))
            && (self.verb.is_empty() || tables_asked || self.names_verb(&intent.operation))
    }

    fn names_verb(&self, verb: &str) -> bool {
        self.verb.iter().any(|wanted| wanted.eq_ignore_ascii_case(verb))
    }

    fn matches_tables(&self, statement: &Statement) -> bool {
        if self.table.is_empty() && self.column.is_empty() && self.uses.is_empty() {
            return true;
        }
        statement.intent.tables.iter().any(|table| self.asks_for(table))
    }

    /// Whether this is one of the tables that the filters name.
    pub(crate) fn asks_for(&self, table: &Table) -> bool {
        (self.verb.is_empty() || self.names_verb(&table.verb))
            && (self.table.is_empty() || self.table.iter().any(|wanted| is_table(wanted, &table.name)))
            && self.matches_columns(table)
    }

    fn matches_columns(&self, table: &Table) -> bool {
        let used = |which: Use| {
            self.uses.is_empty()
                || self.uses.iter().any(|wanted| *wanted == which || (*wanted == Use::Read && which != Use::Assign))
        };
        let mut columns = table.columns().filter(|(which, _)| used(*which)).flat_map(|(_, columns)| columns).peekable();
        if self.column.is_empty() {
            return self.uses.is_empty() || columns.peek().is_some();
        }
        columns.any(|found| self.column.iter().any(|wanted| is_column(wanted, &table.name, found)))
    }
}

/// Names are compared without regard to case and schema: an auditor would rather see one too many.
fn is_table(wanted: &str, found: &str) -> bool {
    let (wanted, found) = (wanted.to_lowercase(), found.to_lowercase());
    wanted == found || found.strip_suffix(&wanted).is_some_and(|schema| schema.ends_with('.'))
}

fn is_column(wanted: &str, table: &str, found: &str) -> bool {
    let same = |wanted: &str| found == "*" || wanted.to_lowercase() == found.to_lowercase();
    // A name may hold a dot itself.
    same(wanted) && found != "*"
        || wanted.rsplit_once('.').is_some_and(|(of, column)| is_table(of, table) && same(column))
        || (found == "*" && !wanted.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_with_and_without_their_schema_and_table() {
        assert!(is_table("Customers", "shop.customers") && is_table("shop.customers", "shop.customers"));
        assert!(!is_table("tomers", "shop.customers") && !is_table("other.customers", "customers"));
        assert!(is_column("email", "customers", "EMAIL") && is_column("customers.email", "shop.customers", "email"));
        assert!(is_column("customers.email", "customers", "*") && is_column("email", "orders", "*"));
        assert!(!is_column("customers.email", "orders", "*") && !is_column("customers.email", "orders", "email"));
        assert!(is_column("a.b", "orders", "a.b"));
    }
}
