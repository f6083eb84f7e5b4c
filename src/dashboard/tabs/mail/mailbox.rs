//! The Mailbox panel: the messages that the lab's server took, searched, read and deleted. What it shows is a page that somebody else reads; it
//! asks for another one whenever the mailbox has changed, and never for two at a time.

mod headers;
mod letter;

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, StatefulWidget, Widget};

use self::letter::LetterView;
use super::model::{MailModel, ServerState};
use super::{Acted, Question};
use crate::dashboard::app::Effect;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::{
    Scene, Title, frame, list_move, list_title, say_in_the_middle,
};
use crate::dashboard::widgets::list::{Column, ListState, Move, Order, Rows, Table, Width};
use crate::dashboard::widgets::popup::Popup;
use crate::dashboard::widgets::text::Align;
use crate::trace::clock::Clock;
use crate::trace::escape::escape_hostile;
use crate::trace::mail::{Listed, MailReport, MessageId, Page};
use crate::words::phrases;

/// From this width on a row has the day of its message too.
const WIDE: u16 = 76;

/// A message that was opened.
#[derive(Debug, Clone)]
enum Opened {
    /// It is being read.
    Awaited(MessageId),
    Read(Box<LetterView>),
    Unreadable {
        id: MessageId,
        error: String,
    },
}

impl Opened {
    fn id(&self) -> MessageId {
        match self {
            Opened::Awaited(id) | Opened::Unreadable { id, .. } => *id,
            Opened::Read(view) => view.id,
        }
    }
}

#[derive(Debug, Clone)]
pub struct MailboxPanel {
    page: Page,
    /// What is searched for; the page may still be that of another search.
    search: String,
    /// A page was asked for and has not come.
    awaited: bool,
    list: ListState,
    /// Where the rows stood in the last frame, and the first of them.
    list_at: Rect,
    first: usize,
    opened: Option<Opened>,
    /// The message that is to be deleted if the answer is yes.
    deleting: Option<MessageId>,
}

impl Default for MailboxPanel {
    fn default() -> Self {
        Self {
            page: Page::default(),
            search: String::new(),
            awaited: false,
            list: ListState::new(Order::NewestFirst),
            list_at: Rect::ZERO,
            first: 0,
            opened: None,
            deleting: None,
        }
    }
}

impl MailboxPanel {
    /// Asks for the page again when the mailbox has changed since it was read.
    pub fn refresh(&mut self, report: &MailReport) -> Vec<Effect> {
        let current = self.page.generation == report.generation && self.page.search == self.search;
        if current || self.awaited {
            return Vec::new();
        }
        self.ask()
    }

    fn ask(&mut self) -> Vec<Effect> {
        self.awaited = true;
        let search = self.search.clone();
        vec![Effect::ReadMailbox { search }]
    }

    pub fn set_page(&mut self, page: Page) {
        self.awaited = false;
        self.page = page;
    }

    pub fn set_message(&mut self, id: MessageId, stored: Result<Arc<[u8]>, String>) {
        if !matches!(self.opened, Some(Opened::Awaited(awaited)) if awaited == id) {
            return;
        }
        self.opened = Some(match stored {
            Ok(stored) => Opened::Read(Box::new(LetterView::new(id, stored))),
            Err(error) => Opened::Unreadable { id, error },
        });
    }

    /// Shows the messages that hold a text; all of them for an empty one.
    pub fn search(&mut self, text: &str) -> Vec<Effect> {
        text.clone_into(&mut self.search);
        self.list.clear();
        self.ask()
    }

    /// Whether something lies over the panel and takes the keys.
    pub fn is_open(&self) -> bool {
        self.opened.is_some() || self.deleting.is_some()
    }

    /// Narrowest first; while something lies over the panel, only what it takes.
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        if self.deleting.is_some() {
            contexts.extend([Context::MailAsked, Context::Open]);
        } else if self.opened.is_some() {
            contexts.extend([Context::Open, Context::MailMessage]);
        } else {
            if !self.search.is_empty() {
                contexts.push(Context::Open);
            }
            contexts.push(Context::MailMailbox);
        }
    }

    pub fn act(&mut self, action: Action) -> Acted {
        if let Some(id) = self.deleting {
            if action == Action::Confirm {
                self.deleting = None;
                self.opened = None;
                return (vec![Effect::DeleteMessages(vec![id])], None);
            }
            return (Vec::new(), None);
        }
        match &mut self.opened {
            Some(opened) => {
                let id = opened.id();
                match action {
                    Action::RemoveTarget => self.deleting = Some(id),
                    Action::PreviousMessage => return (self.open_beside(id, Move::Up), None),
                    Action::NextMessage => return (self.open_beside(id, Move::Down), None),
                    _ => {
                        if let Opened::Read(view) = opened {
                            return (view.act(action), None);
                        }
                    }
                }
                (Vec::new(), None)
            }
            None => self.act_in_list(action),
        }
    }

    fn act_in_list(&mut self, action: Action) -> Acted {
        match action {
            Action::Follow => self.list.follow(),
            Action::Filter => return (Vec::new(), Some((Question::Search, self.search.clone()))),
            Action::Open => return (self.open(self.in_front()), None),
            Action::RemoveTarget => self.deleting = self.in_front(),
            _ => {
                if let Some(step) = list_move(action) {
                    let listed = &self.page.listed;
                    self.list
                        .step(step, rows(&|number| id_of(listed, number), listed));
                }
            }
        }
        (Vec::new(), None)
    }

    /// The selected message or, as long as none is, the newest.
    fn in_front(&self) -> Option<MessageId> {
        let listed = |id: &MessageId| self.page.listed.iter().any(|listed| listed.id == *id);
        let newest = || self.page.listed.first().map(|listed| listed.id);
        self.list.selected().filter(listed).or_else(newest)
    }

    fn open(&mut self, id: Option<MessageId>) -> Vec<Effect> {
        let Some(id) = id else {
            return Vec::new();
        };
        self.list.select(id);
        self.opened = Some(Opened::Awaited(id));
        vec![Effect::ReadMessage(id)]
    }

    /// Opens the message above or below the open one.
    fn open_beside(&mut self, id: MessageId, step: Move) -> Vec<Effect> {
        self.list.select(id);
        let listed = &self.page.listed;
        self.list
            .step(step, rows(&|number| id_of(listed, number), listed));
        match self.list.selected().filter(|selected| *selected != id) {
            None => Vec::new(),
            other => self.open(other),
        }
    }

    /// Closes what is open in it, the innermost first; `false` when nothing was.
    pub fn close(&mut self) -> bool {
        if self.deleting.take().is_some() || self.opened.take().is_some() {
            return true;
        }
        // The next report finds that the page is that of a search, and asks for all.
        let searched = !self.search.is_empty();
        self.search.clear();
        searched
    }

    /// Selects the row that was clicked.
    pub fn click(&mut self, column: u16, row: u16) {
        if self.is_open() || !self.list_at.contains((column, row).into()) {
            return;
        }
        let number = self.first + usize::from(row - self.list_at.y);
        if let Some(listed) = self.page.listed.get(number) {
            self.list.select(listed.id);
        }
    }

    pub fn draw(
        &mut self,
        model: &MailModel,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        let mut title = Title::new(look, words.t("panel.mailbox").into_owned(), focused)
            .figure("", &self.page.matching.to_string());
        if !self.search.is_empty() {
            let search = escape_hostile(&self.search).into_owned();
            let text = words.fill("mailbox.searched", &[("text", &search)]);
            title = title.say(text, theme.warning);
        }
        if self.page.search.is_empty() {
            title = title.say(phrases::size(model.report.bytes), theme.dim);
        }
        let left_out = self
            .page
            .matching
            .saturating_sub(self.page.listed.len() as u64);
        let title = list_title(title, left_out, self.list.is_following(), scene);
        let inside = frame(title, focused, scene, area, buffer);
        if self.page.listed.is_empty() {
            say_in_the_middle(&self.why_empty(model, scene), scene, inside, buffer);
            return;
        }
        self.draw_list(scene, inside, buffer);
    }

    fn why_empty(&self, model: &MailModel, scene: &Scene) -> Vec<String> {
        let words = scene.look.words;
        let text = match &model.server {
            _ if !self.search.is_empty() => words.t("mailbox.no_match"),
            ServerState::Listening { .. } => words.t("mailbox.empty"),
            _ => words.t("mailbox.no_server"),
        };
        vec![text.into_owned()]
    }

    fn draw_list(&mut self, scene: &Scene, inside: Rect, buffer: &mut Buffer) {
        let (look, words) = (scene.look, scene.look.words);
        let theme = &look.theme;
        let wide = inside.width >= WIDE;
        let titles = [
            "",
            "mailbox.column.from",
            "mailbox.column.subject",
            "mailbox.column.files",
            "mailbox.column.size",
            "mailbox.column.taken",
        ]
        .map(|key| match key {
            "" => String::new(),
            key => words.t(key).into_owned(),
        });
        let taken = Width::Fixed(if wide { 19 } else { 8 });
        let column = |place: usize, width, align| Column {
            title: titles.get(place).map_or("", String::as_str),
            width,
            align,
        };
        let columns = [
            column(0, Width::Fixed(1), Align::Left),
            column(1, Width::Flex(2), Align::Left),
            column(2, Width::Flex(4), Align::Left),
            column(3, Width::Fixed(4), Align::Right),
            column(4, Width::Fixed(8), Align::Right),
            column(5, taken, Align::Left),
        ];
        let listed = &self.page.listed;
        let id = |number| id_of(listed, number);
        let rows = rows(&id, listed);
        let cells = |number: usize| {
            listed
                .get(number)
                .map_or_else(Vec::new, |listed| cells(listed, wide, scene))
        };
        let table = Table::new(&columns, rows, &cells)
            .header(theme.dim)
            .selected_style(theme.selected)
            .glyphs(look.glyphs);
        table.render(inside, buffer, &mut self.list);
        let header = u16::from(inside.height > 1);
        self.list_at = Rect {
            y: inside.y + header,
            height: inside.height - header,
            ..inside
        };
        let height = usize::from(self.list_at.height);
        self.first = self.list.window(rows, height).start;
    }

    /// What lies over all panels of the view.
    pub fn draw_over(&mut self, scene: &Scene, body: Rect, buffer: &mut Buffer) {
        let (look, words) = (scene.look, scene.look.words);
        match &mut self.opened {
            Some(Opened::Read(view)) => {
                let listed = self.page.listed.iter().find(|listed| listed.id == view.id);
                view.draw(listed, scene, body, buffer);
            }
            Some(Opened::Awaited(_)) => {
                message_box(&words.t("mailbox.reading"), scene, body, buffer);
            }
            Some(Opened::Unreadable { error, .. }) => {
                let text = words.fill("mailbox.unreadable", &[("error", &escape_hostile(error))]);
                message_box(&text, scene, body, buffer);
            }
            None => {}
        }
        if let Some(id) = self.deleting {
            let listed = self.page.listed.iter().find(|listed| listed.id == id);
            let subject = listed.map_or("", |listed| &listed.subject);
            let subject = escape_hostile(subject).into_owned();
            let text = words.fill("mailbox.delete", &[("subject", &subject)]);
            let lines = [Line::styled(text, look.theme.warning)];
            let popup = Popup::new("", &lines)
                .styles(look.theme.text, look.theme.accent)
                .glyphs(look.glyphs);
            popup.render(body, buffer);
        }
    }
}

fn message_box(text: &str, scene: &Scene, body: Rect, buffer: &mut Buffer) {
    let look = scene.look;
    Clear.render(body, buffer);
    buffer.set_style(body, look.theme.text);
    let title = Title::new(look, look.words.t("panel.letter").into_owned(), true);
    let inside = frame(title, true, scene, body, buffer);
    say_in_the_middle(&[text.to_owned()], scene, inside, buffer);
}

fn id_of(listed: &[Listed], number: usize) -> MessageId {
    listed.get(number).map_or(0, |listed| listed.id)
}

fn rows<'a>(id: &'a dyn Fn(usize) -> MessageId, listed: &[Listed]) -> Rows<'a> {
    Rows {
        len: listed.len(),
        id,
    }
}

fn cells(listed: &Listed, wide: bool, scene: &Scene) -> Vec<Line<'static>> {
    let look = scene.look;
    let theme = &look.theme;
    let (sign, style) = match listed.unread {
        true => (look.signs.running(), theme.strong),
        false => (' ', theme.text),
    };
    let from = match (&*listed.from, &listed.envelope.from) {
        ("", Some(address)) => address.as_str(),
        ("", None) => "<>",
        (from, _) => from,
    };
    let files = match listed.attachments {
        0 => String::new(),
        count => format!("+{count}"),
    };
    let taken = match wide {
        true => Clock::date_and_time(listed.taken),
        false => Clock::time_of(listed.taken),
    };
    let text = |text: &str, style| Line::styled(escape_hostile(text).into_owned(), style);
    vec![
        Line::styled(sign.to_string(), theme.accent),
        text(from, style),
        text(&listed.subject, style),
        Line::styled(files, theme.odd),
        Line::styled(phrases::size(listed.bytes), theme.text),
        Line::styled(taken, theme.dim),
    ]
}

#[cfg(test)]
mod tests;
