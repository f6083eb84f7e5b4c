//! The widgets: plain values in, cells out.
//!
//! A widget knows ratatui, the standard library, what makes a QR code and what tells graphemes
//! apart, and nothing of this program: no lab, no words, no theme. Texts, styles and the choice of
//! glyphs come in as values, so each widget can be tested by comparing a small buffer, and none has
//! to change when a lab does.
//!
//! Text that came from a network must have gone through `trace::escape` before it gets here.

pub mod bytes;
pub mod chart;
pub mod digits;
pub mod edit;
pub mod editor;
pub mod form;
pub mod histogram;
pub mod ladder;
pub mod lanes;
pub mod list;
pub mod popup;
pub mod qr;
pub mod spark;
pub mod strip;
pub mod text;

use ratatui::symbols::border;

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// The characters a widget may draw with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Glyphs {
    /// Braille, block and box-drawing characters.
    #[default]
    Unicode,
    /// Printable ASCII only, for fonts and terminals without the above.
    Ascii,
}

impl Glyphs {
    /// Picks the character for this set.
    #[must_use]
    pub const fn pick(self, unicode: char, ascii: char) -> char {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }

    /// The border of a box.
    #[must_use]
    pub const fn border(self) -> border::Set<'static> {
        match self {
            Self::Unicode => border::ROUNDED,
            Self::Ascii => ASCII_BORDER,
        }
    }

    /// The mark at the end of a text that was cut: `…` or `~`.
    #[must_use]
    pub const fn ellipsis(self) -> char {
        self.pick('…', '~')
    }
}
