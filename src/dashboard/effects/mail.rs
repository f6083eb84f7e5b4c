//! The mail server, the sendings, and the files that the Mail tab wants read and written. What takes a disk or a while happens on other threads and
//! comes back as a message.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::files::{self, of_file};
use crate::dashboard::app::{Effect, Msg};
use crate::net::draft::Keeper;
use crate::net::mail_client::MailClient;
use crate::net::mail_server::{MailServer, MailServerConfig};
use crate::net::tls::Authority;
use crate::proto::smtp::outcome::{Failure, Outcome, Summary};
use crate::proto::smtp::plan::{Order, Plan};
use crate::proto::smtp::stage::Stage;
use crate::trace::clock::Clock;
use crate::trace::event::Event;
use crate::trace::mail::{MailReport, SendingEvent, SendingId};
use crate::trace::start_error::StartError;
use crate::trace::tap::Tap;

/// Events of the mail server that may wait for a frame.
pub(super) const SERVER_TAP: usize = 4_096;
/// Events of all sendings that may wait for a frame.
pub(super) const SENDING_TAP: usize = 16_384;
/// Messages of the mailbox that are listed at once.
const LISTED: usize = 1_000;

/// What the Mail tab is started with, as far as its labs go.
#[derive(Clone)]
pub struct MailConfig {
    /// Or what keeps the server from being started.
    pub server: Result<MailServerConfig, StartError>,
    /// Where the draft and the lab's own certificate lie, if there is such a place.
    pub state: Option<PathBuf>,
    /// Where transcripts and attachments are saved.
    pub saves: PathBuf,
}

/// The labs of the Mail tab.
pub(super) struct MailLab {
    clock: Clock,
    config: MailConfig,
    server: Option<MailServer>,
    sendings: Vec<(SendingId, MailClient)>,
    /// `None` until there is a draft to keep.
    keeper: Option<Keeper>,
    answers: mpsc::Sender<Msg>,
    pub server_tap: Tap,
    pub sending_tap: Tap,
}

impl MailLab {
    pub fn new(
        config: MailConfig,
        clock: Clock,
        server_tap: Tap,
        sending_tap: Tap,
        answers: mpsc::Sender<Msg>,
    ) -> Self {
        Self {
            clock,
            config,
            server: None,
            sendings: Vec::new(),
            keeper: None,
            answers,
            server_tap,
            sending_tap,
        }
    }

    pub fn report(&self) -> Option<MailReport> {
        self.server.as_ref().map(MailServer::report)
    }

    /// Carries out an effect of the Mail tab; others are none of its business.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::StartMail { any_port } => return self.start_server(any_port),
            Effect::SetFaults(faults) => {
                if let Ok(config) = &mut self.config.server {
                    config.faults.clone_from(&faults);
                }
                if let Some(server) = &self.server {
                    server.set_faults(faults);
                }
            }
            Effect::SetEndOfData(end_of_data) => {
                if let Ok(config) = &mut self.config.server {
                    config.end_of_data = end_of_data;
                }
                if let Some(server) = &self.server {
                    server.set_end_of_data(end_of_data);
                }
            }
            Effect::StartSending { id, plan } => self.start_sending(id, *plan),
            Effect::Order { id, order } => self.order(id, order),
            Effect::SaveDraft(text) => self.save_draft(text),
            Effect::ReadMailbox { search } => {
                if let Some(server) = &self.server {
                    let mailbox = server.mailbox().clone();
                    self.answer(move || Msg::Mailbox(mailbox.list(&search, LISTED)));
                }
            }
            Effect::ReadMessage(id) => {
                if let Some(server) = &self.server {
                    let mailbox = server.mailbox().clone();
                    self.answer(move || {
                        let stored = mailbox.read(id).map_err(|error| error.to_string());
                        if stored.is_ok() {
                            // A message that can't be marked is read all the same.
                            let _ = mailbox.mark_seen(id);
                        }
                        Msg::MessageRead { id, stored }
                    });
                }
            }
            Effect::DeleteMessages(ids) => {
                if let Some(server) = &self.server {
                    let mailbox = server.mailbox().clone();
                    self.answer(move || {
                        for id in ids {
                            // What is gone already need not be deleted; the list that follows shows what is left.
                            let _ = mailbox.delete(id);
                        }
                        Msg::Mailbox(mailbox.list("", LISTED))
                    });
                }
            }
            Effect::SaveFile { name, bytes } => {
                files::save(&self.answers, self.config.saves.clone(), name, bytes);
            }
            Effect::Complete(text) => files::complete(&self.answers, text),
            _ => {}
        }
        None
    }

    /// Does something that takes a while, and tells what came of it.
    fn answer(&self, work: impl FnOnce() -> Msg + Send + 'static) {
        files::answer(&self.answers, work);
    }

    fn start_server(&mut self, any_port: bool) -> Option<Msg> {
        self.server = None;
        let mut config = match self.config.server.clone() {
            Ok(config) => config,
            Err(error) => return Some(Msg::MailFailed(error)),
        };
        if any_port {
            config.listen.set_port(0);
            if let Some(address) = &mut config.tls_listen {
                address.set_port(0);
            }
        }
        match MailServer::start(config, self.clock, self.server_tap.clone()) {
            Ok(server) => {
                self.server = Some(server);
                None
            }
            Err(error) => Some(Msg::MailFailed(error)),
        }
    }

    fn start_sending(&mut self, id: SendingId, mut plan: Plan) {
        self.sendings.retain(|(_, sending)| !sending.is_finished());
        let authority = self.config.state.as_deref().map(Authority::file);
        plan.trust
            .ca_files
            .extend(authority.filter(|file| file.is_file()));
        let asked = plan.count;
        match MailClient::start(id, plan, self.clock, self.sending_tap.clone()) {
            Ok(sending) => self.sendings.push((id, sending)),
            Err(error) => self.sending_tap.push(Event::Sending {
                id,
                event: SendingEvent::Ended {
                    at: self.clock.at(std::time::Instant::now()),
                    summary: Box::new(Summary {
                        outcome: Outcome::Failed(Failure::CannotConnect(error.to_string())),
                        stage: Stage::Connect,
                        recipients: Vec::new(),
                        sent: 0,
                        asked,
                    }),
                },
            }),
        }
    }

    fn order(&mut self, id: SendingId, order: Order) {
        if let Some((_, sending)) = self.sendings.iter().find(|(other, _)| *other == id) {
            sending.order(order);
        }
    }

    fn save_draft(&mut self, text: String) {
        let Some(state) = &self.config.state else {
            return;
        };
        if self.keeper.is_none() {
            let (answers, folder) = (self.answers.clone(), state.clone());
            let failed = move |error| {
                let told = Msg::Saved(Err(of_file(&folder, &error)));
                // If the dashboard has ended meanwhile, nobody wants to know.
                let _ = answers.try_send(told);
            };
            // Without a thread to be had, the draft lives as long as the program.
            self.keeper = Keeper::start(state, failed).ok();
        }
        if let Some(keeper) = &self.keeper {
            keeper.keep(text);
        }
    }
}
