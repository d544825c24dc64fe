//! Which columns of which tables a plan uses, and for what.

use super::resolved::{ColumnId, ColumnInfo, ScanId, ScanInfo, ScanSource};
use crate::statement::{StatementKind, TableAccess};

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Output,
    Filter,
    Join,
    Group,
    Sort,
    Assign,
}

/// Collects uses while names are resolved, so it follows aliases and scopes as the plan does, never the text.
#[derive(Default)]
pub(super) struct AccessLog {
    uses: Vec<(Use, ColumnId)>,
    everything: Vec<ScanId>,
}

impl AccessLog {
    pub(super) fn record(&mut self, for_what: Use, column: ColumnId, columns: &[ColumnInfo]) {
        let Some(info) = columns.get(column) else { return };
        if info.scan.is_some() && info.lineage.is_empty() {
            self.uses.push((for_what, column));
        } else {
            self.uses.extend(info.lineage.iter().map(|base| (for_what, *base)));
        }
    }

    /// All columns of a table whose columns are not known.
    pub(super) fn record_everything(&mut self, scan: ScanId) {
        self.everything.push(scan);
    }

    /// One entry for a table and what is done to it: several scans of one table, as in a self-join, count together. `target` is
    /// the scan that a write changes.
    pub(super) fn report(
        self,
        columns: &[ColumnInfo],
        scans: &[ScanInfo],
        target: Option<(ScanId, StatementKind)>,
    ) -> Vec<TableAccess> {
        let mut tables: Vec<TableAccess> = Vec::new();
        let mut place_of_scan = Vec::with_capacity(scans.len());
        for (position, scan) in scans.iter().enumerate() {
            let verb = target.filter(|(scan, _)| *scan == position).map(|(_, verb)| verb).unwrap_or_default();
            let name = match &scan.source {
                ScanSource::Table(table) => table.full_name(),
                ScanSource::Raw(_) | ScanSource::Values { .. } | ScanSource::Cte { .. } => {
                    place_of_scan.push(None);
                    continue;
                }
            };
            let known = tables.iter().position(|access| access.table == name && access.verb == verb);
            let place = known.unwrap_or_else(|| {
                tables.push(TableAccess { table: name, verb, ..TableAccess::default() });
                tables.len() - 1
            });
            place_of_scan.push(Some(place));
        }
        for (for_what, column) in self.uses {
            let Some(info) = columns.get(column) else { continue };
            let place = info.scan.and_then(|scan| place_of_scan.get(scan).copied().flatten());
            let Some(access) = place.and_then(|place| tables.get_mut(place)) else { continue };
            let (known, name) = (list(access, for_what), info.name.as_str());
            if !known.iter().any(|known| known == name) {
                known.push(name.to_owned());
            }
        }
        for scan in self.everything {
            let place = place_of_scan.get(scan).copied().flatten();
            if let Some(access) = place.and_then(|place| tables.get_mut(place)) {
                list(access, Use::Output).push("*".to_owned());
            }
        }
        tables
    }
}

fn list(access: &mut TableAccess, for_what: Use) -> &mut Vec<String> {
    match for_what {
        Use::Output if access.verb != StatementKind::Select => &mut access.returned,
        Use::Output => &mut access.output,
        Use::Filter => &mut access.filter,
        Use::Join => &mut access.join,
        Use::Group => &mut access.group,
        Use::Sort => &mut access.sort,
        Use::Assign => &mut access.assign,
    }
}
