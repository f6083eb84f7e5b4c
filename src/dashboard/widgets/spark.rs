//! A histogram in one line of text, for a title or a strip.

use super::Glyphs;

const UNICODE: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// One column a count, its height on a logarithmic scale: 0 is a blank, and what is not 0 shows.
#[must_use]
pub fn spark(counts: &[u64], glyphs: Glyphs) -> String {
    let most = counts.iter().copied().max().unwrap_or(0) as f64;
    counts
        .iter()
        .map(|&count| {
            if count == 0 {
                return ' ';
            }
            let share = (count as f64).ln_1p() / most.ln_1p();
            let step = ((share * 8.0).ceil() as usize).clamp(1, 8) - 1;
            glyphs.pick(UNICODE[step], ASCII[step])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_follow_the_logarithm() {
        assert_eq!(spark(&[], Glyphs::Unicode), "");
        assert_eq!(spark(&[0, 0], Glyphs::Unicode), "  ");
        assert_eq!(spark(&[0, 1, 10, 100, u64::MAX], Glyphs::Unicode), " ▁▁▁█");
        assert_eq!(spark(&[3, 1, 0], Glyphs::Ascii), "#- ");
    }
}
