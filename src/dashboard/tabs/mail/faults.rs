//! The Faults panel: what the lab's server does wrong on purpose.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Acted;
use super::model::MailModel;
use crate::dashboard::app::Effect;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::{Scene, Title, frame};
use crate::words::Words;

#[derive(Debug, Clone, Default)]
pub struct FaultsPanel {}

impl FaultsPanel {
    /// Adds a fault as typed, or says what was wrong with it.
    pub fn add(
        &mut self,
        _text: &str,
        _model: &MailModel,
        _words: Words,
    ) -> Result<Vec<Effect>, String> {
        Ok(Vec::new())
    }

    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailFaults);
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
        let title = Title::new(look, look.words.t("panel.faults").into_owned(), focused);
        frame(title, focused, scene, area, buffer);
    }
}
