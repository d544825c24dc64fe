//! What a check found.

use std::fmt;

/// What a [`HookCheck`](super::HookCheck) found, a point each. It prints as lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct HookReport {
    points: Vec<HookPoint>,
}

/// One point of a [`HookReport`].
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct HookPoint {
    /// The point's name, as [`HookCheck`](super::HookCheck) lists it.
    pub name: &'static str,
    /// Whether the hook is as it should be.
    pub passed: bool,
    /// What it does wrong.
    pub defect: Option<String>,
}

impl HookReport {
    pub(super) fn add(&mut self, name: &'static str, defect: Option<String>) {
        self.points.push(HookPoint { name, passed: defect.is_none(), defect });
    }

    /// Whether the hook passed every point.
    pub fn passed(&self) -> bool {
        self.points.iter().all(|point| point.passed)
    }

    /// The points, in the order in which they were tried.
    pub fn points(&self) -> &[HookPoint] {
        &self.points
    }

    /// The points that it did not pass.
    pub fn failed(&self) -> impl Iterator<Item = &HookPoint> {
        self.points.iter().filter(|point| !point.passed)
    }
}

impl fmt::Display for HookReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, point) in self.points.iter().enumerate() {
            let end = if position == 0 { "" } else { "\n" };
            match &point.defect {
                None => write!(f, "{end}ok      {}", point.name)?,
                Some(defect) => write!(f, "{end}FAILED  {}: {defect}", point.name)?,
            }
        }
        Ok(())
    }
}
