//! Which letter is the capital of which: one closed table for every database.
//!
//! Databases disagree about letters: by locale, by version of Unicode, and on whether `ß` becomes `SS`. This is the table that MySQL
//! and MariaDB have built in, and never change, because indexes depend on it: one letter for one letter, none beyond U+FFFF.

use std::sync::LazyLock;

/// The letters that change, in an order that has those of ASCII first, and beside each what it becomes.
pub(crate) struct Letters {
    pub(crate) from: String,
    pub(crate) to: String,
    sorted: Vec<(char, char)>,
}

impl Letters {
    fn new(pairs: impl Iterator<Item = (char, char)>) -> Letters {
        let mut sorted: Vec<(char, char)> = pairs.collect();
        sorted.sort_unstable();
        let (from, to) = sorted.iter().copied().unzip();
        Letters { from, to, sorted }
    }

    /// What a letter becomes; anything else stays.
    pub(crate) fn map(&self, letter: char) -> char {
        let found = self.sorted.binary_search_by_key(&letter, |(from, _)| *from);
        found.ok().and_then(|place| self.sorted.get(place)).map_or(letter, |(_, to)| *to)
    }
}

/// From small letters to capitals.
pub(crate) static CAPITALS: LazyLock<Letters> = LazyLock::new(|| Letters::new(pairs().chain(listed(&TO_CAPITAL_ONLY))));

/// From capitals to small letters.
pub(crate) static SMALL: LazyLock<Letters> =
    LazyLock::new(|| Letters::new(pairs().map(|(small, capital)| (capital, small)).chain(listed(&TO_SMALL_ONLY))));

/// What stands between words: the signs and spaces of ASCII, of Latin-1, and those for text at large. All else is part of a word, whether
/// it has a capital or not.
pub(crate) const SEPARATORS: [(char, char); 11] = [
    ('\0', '/'),
    (':', '@'),
    ('[', '`'),
    ('{', '\u{a9}'),
    ('\u{ab}', '\u{b4}'),
    ('\u{b6}', '\u{b9}'),
    ('\u{bb}', '\u{bf}'),
    ('×', '×'),
    ('÷', '÷'),
    ('\u{2000}', '\u{206f}'),
    ('\u{3000}', '\u{303f}'),
];

/// Whether a character stands between words.
pub(crate) fn separates(character: char) -> bool {
    SEPARATORS.iter().any(|(low, high)| (*low..=*high).contains(&character))
}

fn pairs() -> impl Iterator<Item = (char, char)> {
    let each = |(small, capital, count, step): &(u32, u32, u32, u32)| {
        let (small, capital, step) = (*small, *capital, *step);
        (0..*count).filter_map(move |place| {
            Some((char::from_u32(small + place * step)?, char::from_u32(capital + place * step)?))
        })
    };
    PAIRS.iter().flat_map(each)
}

fn listed(list: &'static [(u32, u32)]) -> impl Iterator<Item = (char, char)> {
    list.iter().filter_map(|(from, to)| Some((char::from_u32(*from)?, char::from_u32(*to)?)))
}

/// The first small letter and the first capital of a run, how many pairs it has, and how far apart they are.
#[rustfmt::skip]
const PAIRS: [(u32, u32, u32, u32); 95] = [
    (0x0061, 0x0041, 26, 1), (0x00e0, 0x00c0, 23, 1), (0x00f8, 0x00d8, 7, 1), (0x00ff, 0x0178, 1, 1),
    (0x0101, 0x0100, 24, 2), (0x0133, 0x0132, 3, 2), (0x013a, 0x0139, 8, 2), (0x014b, 0x014a, 23, 2), (0x017a, 0x0179, 3, 2),
    (0x0183, 0x0182, 2, 2), (0x0188, 0x0187, 1, 1), (0x018c, 0x018b, 1, 1), (0x0192, 0x0191, 1, 1), (0x0195, 0x01f6, 1, 1),
    (0x0199, 0x0198, 1, 1), (0x01a1, 0x01a0, 3, 2), (0x01a8, 0x01a7, 1, 1), (0x01ad, 0x01ac, 1, 1), (0x01b0, 0x01af, 1, 1),
    (0x01b4, 0x01b3, 2, 2), (0x01b9, 0x01b8, 1, 1), (0x01bd, 0x01bc, 1, 1), (0x01bf, 0x01f7, 1, 1), (0x01c6, 0x01c4, 1, 1),
    (0x01c9, 0x01c7, 1, 1), (0x01cc, 0x01ca, 1, 1), (0x01ce, 0x01cd, 8, 2), (0x01dd, 0x018e, 1, 1), (0x01df, 0x01de, 9, 2),
    (0x01f3, 0x01f1, 1, 1), (0x01f5, 0x01f4, 1, 1), (0x01f9, 0x01f8, 20, 2), (0x0223, 0x0222, 9, 2), (0x0253, 0x0181, 1, 1),
    (0x0254, 0x0186, 1, 1), (0x0256, 0x0189, 2, 1), (0x0259, 0x018f, 1, 1), (0x025b, 0x0190, 1, 1), (0x0260, 0x0193, 1, 1),
    (0x0263, 0x0194, 1, 1), (0x0268, 0x0197, 1, 1), (0x0269, 0x0196, 1, 1), (0x026f, 0x019c, 1, 1), (0x0272, 0x019d, 1, 1),
    (0x0275, 0x019f, 1, 1), (0x0280, 0x01a6, 1, 1), (0x0283, 0x01a9, 1, 1), (0x0288, 0x01ae, 1, 1), (0x028a, 0x01b1, 2, 1),
    (0x0292, 0x01b7, 1, 1), (0x03ac, 0x0386, 1, 1), (0x03ad, 0x0388, 3, 1), (0x03b1, 0x0391, 17, 1), (0x03c3, 0x03a3, 9, 1),
    (0x03cc, 0x038c, 1, 1), (0x03cd, 0x038e, 2, 1), (0x03db, 0x03da, 11, 2), (0x0430, 0x0410, 32, 1),
    (0x0450, 0x0400, 16, 1), (0x0461, 0x0460, 17, 2), (0x048d, 0x048c, 26, 2), (0x04c2, 0x04c1, 2, 2),
    (0x04c8, 0x04c7, 1, 1), (0x04cc, 0x04cb, 1, 1), (0x04d1, 0x04d0, 19, 2), (0x04f9, 0x04f8, 1, 1), (0x0561, 0x0531, 38, 1),
    (0x1e01, 0x1e00, 75, 2), (0x1ea1, 0x1ea0, 45, 2), (0x1f00, 0x1f08, 8, 1), (0x1f10, 0x1f18, 6, 1), (0x1f20, 0x1f28, 8, 1),
    (0x1f30, 0x1f38, 8, 1), (0x1f40, 0x1f48, 6, 1), (0x1f51, 0x1f59, 4, 2), (0x1f60, 0x1f68, 8, 1), (0x1f70, 0x1fba, 2, 1),
    (0x1f72, 0x1fc8, 4, 1), (0x1f76, 0x1fda, 2, 1), (0x1f78, 0x1ff8, 2, 1), (0x1f7a, 0x1fea, 2, 1), (0x1f7c, 0x1ffa, 2, 1),
    (0x1f80, 0x1f88, 8, 1), (0x1f90, 0x1f98, 8, 1), (0x1fa0, 0x1fa8, 8, 1), (0x1fb0, 0x1fb8, 2, 1), (0x1fb3, 0x1fbc, 1, 1),
    (0x1fc3, 0x1fcc, 1, 1), (0x1fd0, 0x1fd8, 2, 1), (0x1fe0, 0x1fe8, 2, 1), (0x1fe5, 0x1fec, 1, 1), (0x1ff3, 0x1ffc, 1, 1),
    (0x2170, 0x2160, 16, 1), (0x24d0, 0x24b6, 26, 1), (0xff41, 0xff21, 26, 1),
];

/// Variants whose capital is another letter's.
#[rustfmt::skip]
const TO_CAPITAL_ONLY: [(u32, u32); 18] = [
    (0x00b5, 0x039c), (0x0131, 0x0049), (0x017f, 0x0053), (0x01c5, 0x01c4), (0x01c8, 0x01c7), (0x01cb, 0x01ca),
    (0x01f2, 0x01f1), (0x0345, 0x0399), (0x03c2, 0x03a3), (0x03d0, 0x0392), (0x03d1, 0x0398), (0x03d5, 0x03a6),
    (0x03d6, 0x03a0), (0x03f0, 0x039a), (0x03f1, 0x03a1), (0x03f2, 0x03a3), (0x1e9b, 0x1e60), (0x1fbe, 0x0399),
];

/// Variants whose small letter is another capital's.
#[rustfmt::skip]
const TO_SMALL_ONLY: [(u32, u32); 8] = [
    (0x0130, 0x0069), (0x01c5, 0x01c6), (0x01c8, 0x01c9), (0x01cb, 0x01cc), (0x01f2, 0x01f3), (0x2126, 0x03c9),
    (0x212a, 0x006b), (0x212b, 0x00e5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_mysql() {
        assert_eq!((CAPITALS.sorted.len(), SMALL.sorted.len()), (706, 696));
        let capitals: String = "straße ﬁ ı ς σ ÿ ǆ ǅ ᾳ 𐐨 ა".chars().map(|letter| CAPITALS.map(letter)).collect();
        assert_eq!(capitals, "STRAßE ﬁ I Σ Σ Ÿ Ǆ Ǆ ᾼ 𐐨 ა");
        let small: String = "STRAẞE İ I Σ Ÿ Ǆ ᾼ 𐐀 Ω".chars().map(|letter| SMALL.map(letter)).collect();
        assert_eq!(small, "straẞe i i σ ÿ ǆ ᾳ 𐐀 ω");
    }
}
