//! Every colour and every glyph, by what it means. Nothing else in the dashboard names a colour.
//!
//! The dark theme uses the terminal's own sixteen colours only, so that it follows whatever palette a person has chosen. Meaning never rests on
//! colour alone: each outcome has a glyph of its own, and `NO_COLOR` (<https://no-color.org>) leaves bold, dim and reverse.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use super::playback::Motion;
use super::widgets::Glyphs;
use crate::proto::http::status::Class;
use crate::proto::ping::Outcome;
use crate::proto::smtp::code::Class as ReplyClass;
use crate::proto::smtp::outcome::{Outcome as MailOutcome, RecipientFate};
use crate::settings::ThemeName;
use crate::trace::mail::Speaker;
use crate::trace::web::Phase;

/// The styles of a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    pub text: Style,
    /// Labels, axes, what is less important.
    pub dim: Style,
    /// Values.
    pub strong: Style,
    /// The focused border, the tab in front, keys in the footer.
    pub accent: Style,
    pub border: Style,
    pub selected: Style,
    pub good: Style,
    pub warning: Style,
    pub bad: Style,
    /// Duplicates, reordering, damage: odd but not lost.
    pub odd: Style,
    pub refused: Style,
    pub in_flight: Style,
    /// What the model says should happen.
    pub expected: Style,
    /// The confidence band.
    pub band: Style,
    /// The bars of the rolling loss: under lines, so not too bright.
    pub bars: Style,
    /// One for each target, in turn.
    pub series: [Style; 6],
    /// From quick to slow, see [`Theme::duration`].
    pub heat: [Style; 5],
}

impl Theme {
    /// The theme of that name, or its colourless form.
    pub fn new(name: ThemeName, colour: bool) -> Self {
        let theme = match name {
            ThemeName::Dark => Self::dark(),
            ThemeName::Light => Self::light(),
            ThemeName::HighContrast => Self::high_contrast(),
            ThemeName::ColourBlind => Self::colour_blind(),
        };
        if colour {
            theme
        } else {
            theme.without_colour()
        }
    }

    const fn dark() -> Self {
        let plain = Style::new();
        Self {
            text: plain,
            dim: plain.fg(Color::DarkGray),
            strong: plain.add_modifier(Modifier::BOLD),
            accent: plain.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            border: plain.fg(Color::DarkGray),
            selected: plain.add_modifier(Modifier::REVERSED),
            good: plain.fg(Color::Green),
            warning: plain.fg(Color::Yellow),
            bad: plain.fg(Color::LightRed),
            odd: plain.fg(Color::LightMagenta),
            refused: plain.fg(Color::Magenta),
            in_flight: plain.fg(Color::DarkGray),
            expected: plain.fg(Color::Yellow),
            band: plain.fg(Color::Blue),
            bars: plain.fg(Color::Red),
            series: [
                plain.fg(Color::Green),
                plain.fg(Color::LightBlue),
                plain.fg(Color::LightYellow),
                plain.fg(Color::LightCyan),
                plain.fg(Color::LightMagenta),
                plain.fg(Color::White),
            ],
            heat: [
                plain.fg(Color::Green),
                plain.fg(Color::LightGreen),
                plain.fg(Color::Yellow),
                plain.fg(Color::LightRed),
                plain.fg(Color::LightRed).add_modifier(Modifier::BOLD),
            ],
        }
    }

    /// Black on white, whatever the terminal's own background: no yellow, no bright colours.
    const fn light() -> Self {
        let plain = Style::new().fg(Color::Indexed(16));
        Self {
            text: plain.bg(Color::Indexed(231)),
            dim: plain.fg(Color::Indexed(243)),
            strong: plain.add_modifier(Modifier::BOLD),
            accent: plain.fg(Color::Blue).add_modifier(Modifier::BOLD),
            border: plain.fg(Color::Indexed(247)),
            selected: plain.add_modifier(Modifier::REVERSED),
            good: plain.fg(Color::Indexed(28)),
            warning: plain.fg(Color::Indexed(130)),
            bad: plain.fg(Color::Indexed(160)),
            odd: plain.fg(Color::Indexed(127)),
            refused: plain.fg(Color::Indexed(90)),
            in_flight: plain.fg(Color::Indexed(245)),
            expected: plain.fg(Color::Indexed(130)),
            band: plain.fg(Color::Indexed(25)),
            bars: plain.fg(Color::Indexed(217)),
            series: [
                plain.fg(Color::Indexed(28)),
                plain.fg(Color::Indexed(26)),
                plain.fg(Color::Indexed(130)),
                plain.fg(Color::Indexed(30)),
                plain.fg(Color::Indexed(127)),
                plain,
            ],
            heat: [
                plain.fg(Color::Indexed(22)),
                plain.fg(Color::Indexed(28)),
                plain.fg(Color::Indexed(130)),
                plain.fg(Color::Indexed(166)),
                plain.fg(Color::Indexed(160)).add_modifier(Modifier::BOLD),
            ],
        }
    }

    /// Black and white with as few colours as meaning needs, for a weak projector.
    const fn high_contrast() -> Self {
        let plain = Style::new().fg(Color::White).bg(Color::Black);
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            dim: plain,
            strong: bold,
            accent: bold.fg(Color::LightYellow),
            border: plain,
            selected: bold.add_modifier(Modifier::REVERSED),
            good: bold.fg(Color::LightGreen),
            warning: bold.fg(Color::LightYellow),
            bad: bold.fg(Color::LightRed),
            odd: bold.fg(Color::LightMagenta),
            refused: bold.fg(Color::LightMagenta),
            in_flight: plain,
            expected: bold.fg(Color::LightYellow),
            band: plain.fg(Color::LightBlue),
            bars: plain.fg(Color::Red),
            series: [
                bold.fg(Color::LightGreen),
                bold.fg(Color::LightCyan),
                bold.fg(Color::LightYellow),
                bold.fg(Color::LightMagenta),
                bold.fg(Color::LightBlue),
                bold,
            ],
            heat: [
                plain,
                bold.fg(Color::LightGreen),
                bold.fg(Color::LightYellow),
                bold.fg(Color::LightRed),
                bold.fg(Color::LightRed),
            ],
        }
    }

    /// The palette of Okabe and Ito (2008), which people with any colour vision can tell apart.
    const fn colour_blind() -> Self {
        const SKY: Color = Color::Indexed(74);
        const ORANGE: Color = Color::Indexed(214);
        const GREEN: Color = Color::Indexed(36);
        const YELLOW: Color = Color::Indexed(227);
        const BLUE: Color = Color::Indexed(32);
        const VERMILLION: Color = Color::Indexed(202);
        const PURPLE: Color = Color::Indexed(175);
        let plain = Style::new();
        Self {
            text: plain,
            dim: plain.fg(Color::Indexed(246)),
            strong: plain.add_modifier(Modifier::BOLD),
            accent: plain.fg(SKY).add_modifier(Modifier::BOLD),
            border: plain.fg(Color::Indexed(241)),
            selected: plain.add_modifier(Modifier::REVERSED),
            good: plain.fg(SKY),
            warning: plain.fg(YELLOW),
            bad: plain.fg(VERMILLION).add_modifier(Modifier::BOLD),
            odd: plain.fg(PURPLE),
            refused: plain.fg(PURPLE).add_modifier(Modifier::BOLD),
            in_flight: plain.fg(Color::Indexed(246)),
            expected: plain.fg(ORANGE),
            band: plain.fg(SKY),
            bars: plain.fg(Color::Indexed(130)),
            series: [
                plain.fg(SKY),
                plain.fg(ORANGE),
                plain.fg(GREEN),
                plain.fg(YELLOW),
                plain.fg(PURPLE),
                plain.fg(BLUE),
            ],
            heat: [
                plain.fg(BLUE),
                plain.fg(SKY),
                plain.fg(YELLOW),
                plain.fg(ORANGE),
                plain.fg(VERMILLION).add_modifier(Modifier::BOLD),
            ],
        }
    }

    fn without_colour(self) -> Self {
        let bare = |style: Style| Style {
            fg: None,
            bg: None,
            ..style
        };
        let dimmed = Style::new().add_modifier(Modifier::DIM);
        Self {
            text: bare(self.text),
            dim: dimmed,
            strong: bare(self.strong),
            accent: Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            border: dimmed,
            selected: bare(self.selected),
            good: bare(self.good),
            warning: bare(self.warning),
            bad: Style::new().add_modifier(Modifier::BOLD),
            odd: bare(self.odd),
            refused: bare(self.refused),
            in_flight: dimmed,
            expected: bare(self.expected),
            band: dimmed,
            bars: bare(self.bars),
            series: self.series.map(bare),
            heat: [
                dimmed,
                Style::new(),
                Style::new(),
                Style::new().add_modifier(Modifier::BOLD),
                Style::new().add_modifier(Modifier::BOLD),
            ],
        }
    }

    /// The style of a ping's outcome.
    pub fn outcome(&self, outcome: Outcome) -> Style {
        match outcome {
            Outcome::InFlight => self.in_flight,
            Outcome::Replied => self.good,
            Outcome::Late => self.warning,
            Outcome::Lost => self.bad,
            Outcome::Refused => self.refused,
        }
    }

    /// The style of a status class; `None` for what got no answer.
    pub fn class(&self, class: Option<Class>) -> Style {
        match class {
            Some(Class::Informational) => self.dim,
            Some(Class::Successful) => self.good,
            Some(Class::Redirection) => self.band,
            Some(Class::ClientError) => self.warning,
            Some(Class::ServerError) | None => self.bad,
        }
    }

    /// The style of the class of an SMTP reply.
    pub fn reply_class(&self, class: ReplyClass) -> Style {
        match class {
            ReplyClass::Positive => self.good,
            ReplyClass::Intermediate => self.band,
            ReplyClass::Transient => self.warning,
            ReplyClass::Permanent => self.bad,
        }
    }

    /// The style of what became of a recipient.
    pub fn fate(&self, fate: RecipientFate) -> Style {
        match fate {
            RecipientFate::Accepted => self.good,
            RecipientFate::Refused => self.bad,
            RecipientFate::Deferred => self.warning,
            RecipientFate::Unknown => self.odd,
            RecipientFate::NotTried => self.dim,
        }
    }

    /// The style of how a sending ended.
    pub fn mail_outcome(&self, outcome: &MailOutcome) -> Style {
        match outcome {
            MailOutcome::Sent => self.good,
            MailOutcome::PartlySent => self.warning,
            MailOutcome::Refused | MailOutcome::LoginRefused | MailOutcome::Failed(_) => self.bad,
            MailOutcome::Unknown => self.odd,
            MailOutcome::Stopped => self.dim,
        }
    }

    /// The style of what a connection is doing.
    pub fn phase(&self, phase: Phase) -> Style {
        match phase {
            Phase::InLine => self.warning,
            Phase::Silent | Phase::Idle | Phase::Closing => self.dim,
            Phase::Reading => self.series[1],
            Phase::Working => self.odd,
            Phase::Sending => self.good,
        }
    }

    /// The style of how long something took: a step for each power of ten from a millisecond to a second.
    pub fn duration(&self, duration: Duration) -> Style {
        const STEPS: [Duration; 4] = [
            Duration::from_millis(1),
            Duration::from_millis(10),
            Duration::from_millis(100),
            Duration::from_secs(1),
        ];
        self.heat[STEPS.partition_point(|step| *step <= duration)]
    }

    /// The style of the target with that index.
    pub fn target(&self, index: usize) -> Style {
        self.series[index % self.series.len()]
    }
}

/// The signs that carry meaning, as the glyph set allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs(pub Glyphs);

impl Signs {
    fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self.0 {
            Glyphs::Unicode => unicode,
            Glyphs::Ascii => ascii,
        }
    }

    pub fn outcome(self, outcome: Outcome) -> char {
        match outcome {
            Outcome::InFlight => self.0.pick('░', '.'),
            Outcome::Replied => self.0.pick('●', 'o'),
            Outcome::Late => self.0.pick('◐', 'l'),
            Outcome::Lost => self.0.pick('╳', 'X'),
            Outcome::Refused => self.0.pick('⊘', 'R'),
        }
    }

    /// The sign of a status class; `None` for what got no answer.
    pub fn class(self, class: Option<Class>) -> char {
        match class {
            Some(Class::Informational) => self.0.pick('○', 'i'),
            Some(Class::Successful) => self.0.pick('●', 'o'),
            Some(Class::Redirection) => self.0.pick('◆', '>'),
            Some(Class::ClientError) => self.0.pick('▲', '!'),
            Some(Class::ServerError) => self.0.pick('■', 'X'),
            None => self.0.pick('╳', '-'),
        }
    }

    /// The sign of the class of an SMTP reply.
    pub fn reply_class(self, class: ReplyClass) -> char {
        match class {
            ReplyClass::Positive => self.0.pick('●', 'o'),
            ReplyClass::Intermediate => self.0.pick('◆', '>'),
            ReplyClass::Transient => self.0.pick('▲', '!'),
            ReplyClass::Permanent => self.0.pick('■', 'X'),
        }
    }

    /// The sign of a record that is played, or stands still.
    pub fn motion(self, motion: Motion) -> char {
        match motion {
            Motion::Playing => self.0.pick('▶', '>'),
            Motion::Seeking => self.0.pick('»', '>'),
            Motion::Frozen => self.0.pick('‖', '='),
            Motion::Ended => self.0.pick('■', '.'),
        }
    }

    /// The sign of what became of a recipient.
    pub fn fate(self, fate: RecipientFate) -> char {
        match fate {
            RecipientFate::Accepted => self.0.pick('●', 'o'),
            RecipientFate::Refused => self.0.pick('■', 'X'),
            RecipientFate::Deferred => self.0.pick('▲', '!'),
            RecipientFate::Unknown => '?',
            RecipientFate::NotTried => self.0.pick('○', '-'),
        }
    }

    /// The sign of how a sending ended.
    pub fn mail_outcome(self, outcome: &MailOutcome) -> char {
        match outcome {
            MailOutcome::Sent => self.0.pick('●', 'o'),
            MailOutcome::PartlySent => self.0.pick('◐', 'o'),
            MailOutcome::Refused | MailOutcome::LoginRefused => self.0.pick('■', 'X'),
            MailOutcome::Failed(_) => self.0.pick('╳', 'X'),
            MailOutcome::Unknown => '?',
            MailOutcome::Stopped => self.0.pick('○', '-'),
        }
    }

    /// Who said something: to the server, or from it.
    pub fn said_by(self, speaker: Speaker) -> char {
        match speaker {
            Speaker::Client => self.0.pick('→', '>'),
            Speaker::Server => self.0.pick('←', '<'),
        }
    }

    /// At the end of the arrow of what was sent to somebody who tells nothing of it.
    pub fn sent(self) -> char {
        self.0.pick('▷', '>')
    }

    /// Before what was said inside TLS.
    pub fn encrypted(self) -> char {
        self.0.pick('≈', '~')
    }

    /// The part of a bar that is full, and the rest.
    pub fn bar(self) -> (char, char) {
        (self.0.pick('█', '#'), self.0.pick('░', '.'))
    }

    /// The sign of what a connection is doing; laid end to end they make a lane.
    pub fn phase(self, phase: Phase) -> char {
        match phase {
            Phase::InLine => self.0.pick('▒', ':'),
            Phase::Silent => self.0.pick('·', '.'),
            Phase::Reading => self.0.pick('▄', 'r'),
            Phase::Working => self.0.pick('▓', 'w'),
            Phase::Sending => self.0.pick('█', '#'),
            Phase::Idle => self.0.pick('─', '-'),
            Phase::Closing => self.0.pick('┄', '='),
        }
    }

    /// The end of a lane: as it should be, or not.
    pub fn lane_end(self, as_it_should: bool) -> char {
        match as_it_should {
            true => self.0.pick('┤', '|'),
            false => self.0.pick('╳', 'X'),
        }
    }

    /// A row that was marked by hand.
    pub fn marked(self) -> char {
        self.0.pick('★', '*')
    }

    pub fn duplicate(self) -> char {
        self.0.pick('⧉', 'D')
    }

    pub fn reordered(self) -> char {
        self.0.pick('⇄', 'S')
    }

    pub fn damaged(self) -> char {
        self.0.pick('≠', '#')
    }

    pub fn arrow(self) -> &'static str {
        self.pick("──▶", "-->")
    }

    pub fn broken_arrow(self) -> &'static str {
        self.pick("──╳", "--X")
    }

    pub fn running(self) -> char {
        self.0.pick('●', '*')
    }

    pub fn stopped(self) -> char {
        self.0.pick('○', '-')
    }

    pub fn warning(self) -> char {
        self.0.pick('▲', '!')
    }

    pub fn selected(self) -> char {
        self.0.pick('▸', '>')
    }

    /// Between a title and what is said of it.
    pub fn dash(self) -> &'static str {
        self.pick("──", "--")
    }

    /// The sign of the target with that index.
    pub fn target(self, index: usize) -> char {
        const UNICODE: [char; 6] = ['●', '■', '◆', '▼', '★', '✚'];
        const ASCII: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];
        self.0
            .pick(UNICODE[index % UNICODE.len()], ASCII[index % ASCII.len()])
    }

    /// The border of a panel; the focused one is heavier, so that it shows without colour.
    pub fn border(self, focused: bool) -> border::Set<'static> {
        match (self.0, focused) {
            (glyphs, false) => glyphs.border(),
            (Glyphs::Unicode, true) => border::THICK,
            (Glyphs::Ascii, true) => border::Set {
                horizontal_top: "=",
                horizontal_bottom: "=",
                ..Glyphs::Ascii.border()
            },
        }
    }
}
