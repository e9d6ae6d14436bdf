//! Which letters a text has, in eight bytes: a word of one letter is looked for among these, without the texts.

/// A bit for each letter, digit and sign that names and URLs are written with; all other bytes share the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Letters(u64);

/// So many bits stand for one byte each.
const OWN: u8 = 40;

fn bit(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'0'..=b'9' => 26 + (byte - b'0'),
        b'-' => 36,
        b'.' => 37,
        b'/' => 38,
        b':' => 39,
        _ => OWN + byte % (64 - OWN),
    }
}

impl Letters {
    /// Those of a text in lower case.
    pub(super) fn of(text: &[u8]) -> Self {
        Self(text.iter().fold(0, |letters, byte| letters | 1 << bit(*byte)))
    }

    /// Those of both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a text with these may have a word with those: if not, it has not.
    pub(super) fn may_have(self, word: Self) -> bool {
        self.0 & word.0 == word.0
    }

    /// Whether [`Self::may_have`] is all that there is to ask about this word.
    pub(super) fn are_all_of(word: &str) -> bool {
        matches!(word.as_bytes(), [byte] if bit(*byte) < OWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_have_every_word_that_is_in_it_and_one_letter_says_all() {
        let text = "https://shöp-7.example/é?a=_~";
        let letters = Letters::of(text.as_bytes());
        for begin in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            for end in (begin..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                assert!(letters.may_have(Letters::of(&text.as_bytes()[begin..end])));
            }
        }
        for byte in 0..128_u8 {
            let word = char::from(byte).to_string();
            if Letters::are_all_of(&word) {
                let has = letters.may_have(Letters::of(word.as_bytes()));
                assert_eq!(has, text.contains(&word), "{word:?}");
            }
        }
        assert!(
            Letters::are_all_of("e") && !Letters::are_all_of("ex") && !Letters::are_all_of("_")
        );
    }
}
