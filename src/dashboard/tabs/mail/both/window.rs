//! A window over rows that keep arriving at their end: it follows the end until somebody scrolls, and again once the end is reached.

use std::ops::Range;

use crate::dashboard::keys::Action;

#[derive(Debug, Clone, Copy, Default)]
pub struct Window {
    /// The first row shown; `None` follows the end.
    first: Option<usize>,
    /// Rows and height of the last frame.
    len: usize,
    height: usize,
}

impl Window {
    pub fn follow(&mut self) {
        self.first = None;
    }

    pub fn is_following(&self) -> bool {
        self.first.is_none()
    }

    pub fn act(&mut self, action: Action) {
        let page = self.height.saturating_sub(1).max(1);
        let last = self.len.saturating_sub(self.height);
        let first = self.first.unwrap_or(last);
        let first = match action {
            Action::Up => first.saturating_sub(1),
            Action::Down => first + 1,
            Action::PageUp => first.saturating_sub(page),
            Action::PageDown => first + page,
            Action::First => 0,
            Action::Last | Action::Follow => last,
            _ => return,
        };
        self.first = (first < last).then_some(first);
    }

    /// The rows to show, of so many, in so many lines.
    pub fn rows(&mut self, len: usize, height: usize) -> Range<usize> {
        (self.len, self.height) = (len, height);
        let last = len.saturating_sub(height);
        let first = self.first.unwrap_or(last).min(last);
        first..(first + height).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_until_it_is_held() {
        let mut window = Window::default();
        assert_eq!(window.rows(3, 5), 0..3);
        window.act(Action::Up);
        assert!(window.is_following(), "all of it is seen");
        assert_eq!(window.rows(20, 5), 15..20);
        window.act(Action::Up);
        assert_eq!(window.rows(30, 5), 14..19, "held");
        window.act(Action::PageUp);
        assert_eq!(window.rows(30, 5), 10..15);
        window.act(Action::First);
        assert_eq!(window.rows(30, 5), 0..5);
        window.act(Action::PageDown);
        assert_eq!(window.rows(30, 5), 4..9);
        window.act(Action::Last);
        assert_eq!(window.rows(31, 5), 26..31);
        assert_eq!(window.rows(31, 0), 31..31);
    }
}
