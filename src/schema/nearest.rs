//! Which known names a misspelt one is probably meant to be.

/// At most three of `known` that are near to `name`, nearest first: by edit distance, without regard to case.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1) + 1;
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance =
                if lower.len() > 2 && wanted.len() > 2 && (lower.contains(&wanted) || wanted.contains(&lower)) {
                    1
                } else {
                    distance(&wanted, &lower)
                };
            (distance <= allowed).then_some((distance, candidate))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// The edit distance in which a swap of neighbours counts once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, &x) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(b.len() + 1);
        current.push(row + 1);
        for (column, &y) in b.iter().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX - 1);
            let substitute = at(&above, column) + usize::from(x != y);
            let mut best = substitute.min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = row > 0 && column > 0 && a.get(row - 1) == Some(&y) && b.get(column - 1) == Some(&x);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_letter_and_a_wrong_case_are_near_and_strangers_are_not() {
        let known = ["customer_id", "total", "created_at", "status"];
        assert_eq!(nearest("totla", known.into_iter()), ["total"]);
        assert_eq!(nearest("CUSTOMER_ID", known.into_iter()), ["customer_id"]);
        assert_eq!(nearest("customer", known.into_iter()), ["customer_id"]);
        assert!(nearest("weather", known.into_iter()).is_empty());
    }
}
