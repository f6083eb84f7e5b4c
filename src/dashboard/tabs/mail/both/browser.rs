//! Which conversation a panel shows, and how far it is scrolled: what the view of both ends and that of the wire have in common.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::conversation::{Chooser, Conversation, conversations, ends};
use super::name;
use super::sessions::Session;
use super::window::Window;
use crate::dashboard::keys::Action;
use crate::dashboard::tabs::mail::dialogue::Dialogue;
use crate::dashboard::tabs::mail::model::MailModel;
use crate::dashboard::tabs::panel::{Scene, Title, frame, say_in_the_middle};
use crate::trace::mail::SessionId;

#[derive(Debug, Clone, Default)]
pub struct Browser {
    chooser: Chooser,
    pub window: Window,
}

/// A conversation in its frame.
pub struct Opened<'a> {
    pub conversation: Conversation,
    pub sending: Option<&'a Dialogue>,
    pub sessions: Vec<&'a Session>,
    pub inside: Rect,
}

impl Browser {
    pub fn act(&mut self, action: Action, model: &MailModel) {
        match action {
            Action::Left => {
                self.chooser.older(&conversations(model));
                self.window.follow();
            }
            Action::Right => {
                self.chooser.newer(&conversations(model));
                self.window.follow();
            }
            _ => self.window.act(action),
        }
    }

    /// Picks the conversation that a session of the server belongs to.
    pub fn show(&mut self, session: SessionId, model: &MailModel) -> bool {
        let all = conversations(model);
        let has_it = |one: &&Conversation| {
            let (_, sessions) = ends(model, **one);
            sessions.iter().any(|kept| kept.id == session)
        };
        let Some(found) = all.iter().find(has_it) else {
            return false;
        };
        self.chooser.pick(*found);
        self.window.follow();
        true
    }

    /// Draws the frame of a panel with that title. Without any conversation it says so, and there is nothing more to draw.
    pub fn open<'a>(
        &mut self,
        title: &str,
        model: &'a MailModel,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) -> Option<Opened<'a>> {
        let (look, words) = (scene.look, scene.look.words);
        let all = conversations(model);
        let mut title = Title::new(look, words.t(title).into_owned(), focused);
        let Some((place, conversation)) = self.chooser.now(&all) else {
            let inside = frame(title, focused, scene, area, buffer);
            let lines = [words.t("both.nothing").into_owned()];
            say_in_the_middle(&lines, scene, inside, buffer);
            return None;
        };
        let (sending, sessions) = ends(model, conversation);
        let name = name(conversation, sending, &sessions, words);
        title = title
            .figure("", &format!("{}/{}", place + 1, all.len()))
            .say(name, look.theme.dim);
        if !self.window.is_following() {
            title = title.say(words.t("list.held").into_owned(), look.theme.dim);
        }
        Some(Opened {
            conversation,
            sending,
            sessions,
            inside: frame(title, focused, scene, area, buffer),
        })
    }
}
