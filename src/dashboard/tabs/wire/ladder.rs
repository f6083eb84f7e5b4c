//! The ladder of the Wire tab: the client at the left, the server at the right, an arrow for each message with what became of it, and a box for each
//! call at the end that made it, as the flow charts of the sockets have them.

mod view;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub use self::view::LadderView;
use self::view::{Called, Passage, Rung, WAITS, Waiting};
use super::row::{Fate, Kind};
use crate::dashboard::tabs::panel::{Scene, Title, frame, say_in_the_middle};
use crate::dashboard::widgets::ladder::{self as widget, Ladder, Side, Stroke, Tip};
use crate::proto::http::status::Status;
use crate::proto::link::Leg;
use crate::proto::ping::Outcome;
use crate::proto::smtp::code::Code;
use crate::trace::escape::escape_hostile;
use crate::trace::event::Ruling;
use crate::words::phrases;

/// Draws the ladder in a frame of its own.
pub fn draw(view: &LadderView, scene: &Scene, focused: bool, area: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    let title = Title::new(
        look,
        look.words.t("wire.ladder.title").into_owned(),
        focused,
    );
    let inside = frame(title, focused, scene, area, buffer);
    if view.rungs.is_empty() {
        let nothing = look.words.t("wire.ladder.nothing").into_owned();
        say_in_the_middle(&[nothing], scene, inside, buffer);
        return;
    }
    Drawing::of(view, scene)
        .with(|ladder| ratatui::widgets::Widget::render(&ladder, inside, buffer));
}

/// The row of the list at a line of the area in which the ladder was drawn.
pub fn row_at(view: &LadderView, scene: &Scene, area: Rect, y: u16) -> Option<super::row::RowId> {
    let inside = Rect {
        y: area.y.saturating_add(1),
        height: area.height.saturating_sub(2),
        ..area
    };
    let rung = Drawing::of(view, scene).with(|ladder| ladder.row_at(inside, y))?;
    view.row_of(rung)
}

/// A ladder in words and styles.
struct Drawing<'a> {
    scene: &'a Scene<'a>,
    titles: [String; 2],
    rungs: Vec<widget::Rung<'a>>,
    arrows: Vec<widget::Arrow<'a>>,
    waits: Vec<widget::Wait<'a>>,
}

impl<'a> Drawing<'a> {
    fn of(view: &'a LadderView, scene: &'a Scene) -> Self {
        let words = scene.look.words;
        let address = |address: Option<std::net::SocketAddr>| {
            address.map_or_else(
                || phrases::NOTHING.to_owned(),
                |address| address.to_string(),
            )
        };
        let mut drawing = Self {
            scene,
            titles: [
                words.fill(
                    "wire.ladder.client",
                    &[("address", &address(view.flow.client))],
                ),
                words.fill(
                    "wire.ladder.server",
                    &[("address", &address(view.flow.server))],
                ),
            ],
            rungs: Vec::with_capacity(view.rungs.len()),
            arrows: Vec::with_capacity(view.passages.len()),
            waits: Vec::new(),
        };
        let started = view.rungs.iter().find_map(|rung| match rung {
            Rung::Moment { at, .. } => Some(*at),
            _ => None,
        });
        for rung in &view.rungs {
            let drawn = drawing.rung(rung, started.unwrap_or_default(), view.selected);
            drawing.rungs.push(drawn);
        }
        for passage in &view.passages {
            let drawn = drawing.arrow(passage, view.selected);
            drawing.arrows.push(drawn);
        }
        for waiting in &view.waits {
            drawing.wait(waiting);
        }
        drawing
    }

    fn with<T>(&self, with: impl FnOnce(Ladder) -> T) -> T {
        let theme = &self.scene.look.theme;
        let ladder = Ladder::new(&self.rungs, &self.arrows)
            .titles(&self.titles[0], &self.titles[1])
            .waits(&self.waits)
            .glyphs(self.scene.look.glyphs)
            .styles(theme.strong, theme.border, theme.dim, theme.selected);
        with(ladder)
    }

    fn rung(&self, rung: &'a Rung, started: Duration, selected: u64) -> widget::Rung<'a> {
        let look = self.scene.look;
        let remark = |text: String, style: Style| widget::Rung::Remark {
            text: text.into(),
            style,
        };
        match rung {
            Rung::Moment { at, left, right } => {
                let call = |call: &'a Option<Box<Called>>| {
                    call.as_ref().map(|call| self.call(call, selected))
                };
                widget::Rung::Moment {
                    time: format!("{:.4}", at.saturating_sub(started).as_secs_f64()).into(),
                    left: call(left),
                    right: call(right),
                }
            }
            Rung::Slope => widget::Rung::Moment {
                time: "".into(),
                left: None,
                right: None,
            },
            Rung::Pause(length) => {
                widget::Rung::Gap(format!("{:.2} s", length.as_secs_f64()).into())
            }
            Rung::Note { text, .. } => remark(escape_hostile(text).into_owned(), look.theme.accent),
            Rung::LeftOut { count, .. } => {
                let text = look.words.fill("list.left_out", &[("count", count)]);
                remark(text, look.theme.warning)
            }
        }
    }

    fn call(&self, call: &'a Called, selected: u64) -> widget::Call<'a> {
        let look = self.scene.look;
        let (result, style) = match (&call.error, call.moved) {
            (Some(error), _) => {
                // The number is for programs.
                let error = error.split(" (os error").next().unwrap_or_default();
                let cross = look.glyphs.pick('✗', 'x');
                (format!("{cross} {}", escape_hostile(error)), look.theme.bad)
            }
            (None, Some(moved)) => {
                let arrow = look.signs.said_by(crate::trace::mail::Speaker::Client);
                (format!("{arrow} {moved} B"), look.theme.text)
            }
            (None, None) => (String::new(), look.theme.text),
        };
        widget::Call {
            name: call.name.into(),
            result: result.into(),
            style,
            selected: call.id == selected,
        }
    }

    fn arrow(&self, passage: &'a Passage, selected: u64) -> widget::Arrow<'a> {
        let (style, ends) = self.fate(passage);
        let row = passage.departs;
        let tips = match ends {
            None if passage.arrives.is_empty() => vec![self.arrival(passage, row)],
            None => passage
                .arrives
                .iter()
                .map(|row| self.arrival(passage, *row))
                .collect(),
            Some(Ends::HalfWay(sign)) => vec![Tip::Ends { row, sign }],
            Some(Ends::AtTheDoor(sign)) => vec![Tip::Stops {
                row: passage.arrives.first().copied().unwrap_or(row),
                sign,
            }],
        };
        widget::Arrow {
            from: passage.from,
            row,
            tips,
            line: Stroke::Solid,
            label: passage.summary.as_str().into(),
            note: self.note(passage).into(),
            style,
            selected: passage.id == selected,
        }
    }

    fn arrival(&self, passage: &Passage, row: usize) -> Tip {
        let signs = self.scene.look.signs;
        let sign = match passage.fate {
            Fate::Late => Some(signs.outcome(Outcome::Late)),
            _ if passage.damaged => Some(signs.damaged()),
            _ if passage.reordered => Some(signs.reordered()),
            _ => None,
        };
        Tip::Arrives { row, sign }
    }

    /// How a message is drawn that met this fate, and where it ends if it does not arrive.
    fn fate(&self, passage: &Passage) -> (Style, Option<Ends>) {
        let (theme, signs) = (&self.scene.look.theme, self.scene.look.signs);
        match passage.fate {
            // The client is a program of somebody else: nobody here sees what reaches it.
            Fate::InFlight if passage.arrives.is_empty() && passage.from == Side::Right => {
                (self.kind(passage.kind), Some(Ends::AtTheDoor(signs.sent())))
            }
            Fate::InFlight if passage.arrives.is_empty() => {
                let sign = signs.outcome(Outcome::InFlight);
                (theme.in_flight, Some(Ends::HalfWay(sign)))
            }
            Fate::InFlight | Fate::Arrived
                if passage.damaged || passage.reordered || passage.arrives.len() > 1 =>
            {
                (theme.odd, None)
            }
            Fate::InFlight | Fate::Arrived => (self.kind(passage.kind), None),
            Fate::Late => (theme.warning, None),
            Fate::Killed(_) => (theme.bad, Some(Ends::HalfWay(signs.outcome(Outcome::Lost)))),
            Fate::Unanswered => (theme.bad, Some(Ends::HalfWay('?'))),
            Fate::Turned | Fate::Refused => (
                theme.refused,
                Some(Ends::AtTheDoor(signs.outcome(Outcome::Refused))),
            ),
            Fate::CutShort => (
                theme.warning,
                Some(Ends::AtTheDoor(signs.outcome(Outcome::Lost))),
            ),
        }
    }

    fn kind(&self, kind: Kind) -> Style {
        let theme = &self.scene.look.theme;
        match kind {
            Kind::Response { status } => theme.class(Status::new(status).map(Status::class)),
            Kind::Reply { code } => theme.reply_class(Code(code).class()),
            Kind::Datagram => theme.good,
            Kind::Request | Kind::Command => theme.accent,
            Kind::Content => theme.band,
        }
    }

    /// What is said of a message besides what it is: what killed it, or how long it took.
    fn note(&self, passage: &Passage) -> String {
        let words = self.scene.look.words;
        match (&passage.ruling, passage.fate) {
            // On which leg it died is drawn.
            (Some(Ruling::Lost { why, .. }), Fate::Killed(_)) => return phrases::why(*why, words),
            (Some(ruling), Fate::Killed(_) | Fate::Turned) => {
                return phrases::ruling(ruling, words);
            }
            _ => {}
        }
        match passage.fate {
            Fate::Killed(Leg::Request) => words.t("wire.ladder.lost_there").into_owned(),
            Fate::Killed(Leg::Reply) => words.t("wire.ladder.lost_back").into_owned(),
            Fate::Turned => words.t("wire.ladder.turned").into_owned(),
            Fate::Unanswered => words.t("wire.ladder.unanswered").into_owned(),
            Fate::Refused => words.t("wire.ladder.refused").into_owned(),
            Fate::CutShort => words.t("wire.ladder.cut_short").into_owned(),
            Fate::InFlight if passage.arrives.is_empty() => String::new(),
            Fate::InFlight | Fate::Arrived | Fate::Late => {
                passage.delay.map_or_else(String::new, phrases::time)
            }
        }
    }

    /// Shows somebody who waits, if it is worth saying.
    fn wait(&mut self, waiting: &Waiting) {
        let length = waiting.length(self.scene.now);
        if length < WAITS {
            return;
        }
        let look = self.scene.look;
        let style = look.theme.warning;
        let said = look
            .words
            .fill("wire.ladder.waits", &[("time", &phrases::time(length))]);
        let text = if waiting.across {
            String::new()
        } else {
            said.clone()
        };
        self.waits.push(widget::Wait {
            side: waiting.side,
            rows: waiting.rungs.clone(),
            text: text.into(),
            style,
        });
        if waiting.across {
            let row = waiting.rungs.start;
            let tip = match waiting.until {
                Some(_) => Tip::Arrives {
                    row: waiting.rungs.end,
                    sign: None,
                },
                None => Tip::Ends {
                    row,
                    sign: look.signs.outcome(Outcome::InFlight),
                },
            };
            self.arrows.push(widget::Arrow {
                from: Side::Left,
                row,
                tips: vec![tip],
                line: Stroke::Dashed,
                label: said.into(),
                note: "".into(),
                style,
                selected: false,
            });
        }
    }
}

/// Where an arrow ends that does not arrive.
enum Ends {
    HalfWay(char),
    /// At the other end, which would not take it.
    AtTheDoor(char),
}

#[cfg(test)]
mod tests;
