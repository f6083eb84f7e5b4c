//! What is wrong with a message that was received, as sentences.

use super::Words;
use crate::proto::message::read::Defect;

/// What is not as it should be, and what would be right.
pub fn defect(defect: Defect, words: Words) -> String {
    let field = match defect {
        Defect::Twice(field) => field,
        _ => "",
    };
    words.fill(defect.key(), &[("field", &field)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Lang;

    #[test]
    fn a_field_that_occurs_twice_is_named() {
        for lang in Lang::ALL {
            let sentence = defect(Defect::Twice("Subject"), Words(lang));
            assert!(sentence.contains("Subject"), "{sentence}");
            assert!(!sentence.contains("%{"), "{sentence}");
        }
    }
}
