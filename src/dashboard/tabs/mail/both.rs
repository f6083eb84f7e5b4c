//! Both ends of a dialogue on one clock, and what an eavesdropper sees of it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Acted;
use super::model::MailModel;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::trace::mail::MailEvent;
use crate::words::Words;

/// The sessions of the lab's server, as it reported them.
#[derive(Debug, Clone, Default)]
pub struct Sessions {}

impl Sessions {
    pub fn take(&mut self, _event: &MailEvent) {}
}

#[derive(Debug, Clone, Default)]
pub struct BothPanel {}

impl BothPanel {
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailBoth);
    }

    pub fn act(&mut self, _action: Action, _model: &MailModel, _words: Words) -> Acted {
        (Vec::new(), None)
    }

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
        let title = Title::new(look, look.words.t("panel.both").into_owned(), focused);
        frame(title, focused, scene, area, buffer);
    }
}

/// What the wire shows.
#[derive(Debug, Clone, Default)]
pub struct WirePanel {}

impl WirePanel {
    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailWire);
    }

    pub fn act(&mut self, _action: Action, _model: &MailModel, _words: Words) -> Acted {
        (Vec::new(), None)
    }

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
        let title = Title::new(look, look.words.t("panel.mail_wire").into_owned(), focused);
        frame(title, focused, scene, area, buffer);
    }
}
