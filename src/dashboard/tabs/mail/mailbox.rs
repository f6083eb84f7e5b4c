//! The Mailbox panel: the messages that the lab's server took.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Acted;
use super::model::MailModel;
use crate::dashboard::app::Effect;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::trace::mail::{MailReport, MessageId, Page};
use crate::words::Words;

#[derive(Debug, Clone, Default)]
pub struct MailboxPanel {
    page: Page,
}

impl MailboxPanel {
    /// Asks for the page again when the mailbox has changed.
    pub fn refresh(&mut self, _report: &MailReport) -> Vec<Effect> {
        Vec::new()
    }

    pub fn set_page(&mut self, page: Page) {
        self.page = page;
    }

    pub fn set_message(&mut self, _id: MessageId, _stored: Result<Arc<[u8]>, String>) {}

    pub fn search(&mut self, text: &str) -> Vec<Effect> {
        vec![Effect::ReadMailbox {
            search: text.to_owned(),
        }]
    }

    /// Narrowest first; while something lies over the panel, only what it takes.
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailMailbox);
    }

    pub fn act(&mut self, _action: Action, _model: &MailModel, _words: Words) -> Acted {
        (Vec::new(), None)
    }

    /// Closes what is open in it, the innermost first; `false` when nothing was.
    pub fn close(&mut self) -> bool {
        false
    }

    pub fn click(&mut self, _column: u16, _row: u16) {}

    pub fn draw(
        &mut self,
        _model: &MailModel,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let look = scene.look;
        let title = Title::new(look, look.words.t("panel.mailbox").into_owned(), focused)
            .figure("", &self.page.matching.to_string());
        frame(title, focused, scene, area, buffer);
    }

    /// What lies over all panels of the view.
    pub fn draw_over(&mut self, _scene: &Scene, _body: Rect, _buffer: &mut Buffer) {}
}
