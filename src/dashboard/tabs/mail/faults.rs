//! The Faults panel: what the lab's server does wrong on purpose. A scenario is switched on by name and says what it teaches; single faults are
//! added, switched and removed by hand.
//!
//! What is in force is what the server told last. The panel remembers besides only the faults that were switched off, so that they can be switched
//! on again.

use ratatui::buffer::Buffer;
use ratatui::layout::Constraint::{Fill, Length};
use ratatui::layout::{Layout, Rect};
use ratatui::text::{Line, Span};

use super::Acted;
use super::Question;
use super::model::MailModel;
use crate::dashboard::app::Effect;
use crate::dashboard::keys::{Action, Context};
use crate::dashboard::tabs::panel::{Scene, Title, draw_lines, frame};
use crate::dashboard::widgets::text;
use crate::proto::smtp::fault::{Fault, FaultError, Scenario, scenarios};
use crate::proto::smtp::server::EndOfData;
use crate::trace::escape::escape_hostile;
use crate::words::{Words, phrases};

/// Faults that can be in force at a time.
const MOST: usize = 64;
/// Faults that were switched off and are remembered.
const REMEMBERED: usize = 32;
/// Rows of what is said about the selected row, and how many rows the list keeps beside it.
const ABOUT_ROWS: u16 = 7;
const LIST_ROWS: u16 = 6;

/// A row of the panel.
#[derive(Debug, Clone, PartialEq)]
enum Row {
    EndOfData,
    /// By its place among all scenarios.
    Scenario(usize),
    Single {
        fault: Fault,
        on: bool,
    },
    /// Opens the prompt for a further fault.
    Add,
}

#[derive(Debug, Clone)]
pub struct FaultsPanel {
    /// Every scenario with its faults, read once.
    scenarios: Vec<(Scenario, Vec<Fault>)>,
    /// The oldest first.
    switched_off: Vec<Fault>,
    selected: usize,
    /// Lines scrolled out at the top.
    top: usize,
    /// Where the list stood in the last frame, and the row behind each of its lines.
    list_at: Rect,
    lines: Vec<Option<usize>>,
}

impl Default for FaultsPanel {
    fn default() -> Self {
        let read = |scenario: &Scenario| (*scenario, scenario.parsed());
        Self {
            scenarios: scenarios().iter().map(read).collect(),
            switched_off: Vec::new(),
            selected: 0,
            top: 0,
            list_at: Rect::ZERO,
            lines: Vec::new(),
        }
    }
}

impl FaultsPanel {
    fn rows(&self, model: &MailModel) -> Vec<Row> {
        let single = |on: bool| {
            move |fault: &Fault| Row::Single {
                fault: fault.clone(),
                on,
            }
        };
        let off = |fault: &&Fault| !model.faults.contains(fault);
        std::iter::once(Row::EndOfData)
            .chain((0..self.scenarios.len()).map(Row::Scenario))
            .chain(model.faults.iter().map(single(true)))
            .chain(self.switched_off.iter().filter(off).map(single(false)))
            .chain([Row::Add])
            .collect()
    }

    /// The scenario whose faults are in force, and no others.
    fn scenario_in_force(&self, model: &MailModel) -> Option<usize> {
        self.scenarios
            .iter()
            .position(|(_, faults)| *faults == model.faults)
    }

    /// Adds a fault as typed, or says what was wrong with it.
    pub fn add(
        &mut self,
        text: &str,
        model: &MailModel,
        words: Words,
    ) -> Result<Vec<Effect>, String> {
        let fault = Fault::parse(text).map_err(|error| error_text(&error, words))?;
        let mut faults = model.faults.clone();
        if faults.contains(&fault) {
            return Ok(Vec::new());
        }
        if faults.len() >= MOST {
            return Err(words.fill("faults.too_many", &[("most", &MOST)]));
        }
        self.switched_off.retain(|off| *off != fault);
        faults.push(fault);
        Ok(vec![Effect::SetFaults(faults)])
    }

    pub fn contexts(&self, contexts: &mut Vec<Context>) {
        contexts.push(Context::MailFaults);
    }

    pub fn act(&mut self, action: Action, model: &MailModel) -> Acted {
        const PAGE: usize = 10;
        let rows = self.rows(model);
        let last = rows.len() - 1;
        self.selected = self.selected.min(last);
        match action {
            Action::Up => self.selected = self.selected.saturating_sub(1),
            Action::Down => self.selected = (self.selected + 1).min(last),
            Action::PageUp => self.selected = self.selected.saturating_sub(PAGE),
            Action::PageDown => self.selected = (self.selected + PAGE).min(last),
            Action::First => self.selected = 0,
            Action::Last => self.selected = last,
            Action::Open => return self.switch(&rows[self.selected], model),
            Action::AddTarget => return (Vec::new(), Some((Question::Fault, String::new()))),
            Action::RemoveTarget => return (self.remove(&rows[self.selected], model), None),
            Action::ToggleMode => return (vec![other_end(model)], None),
            Action::StartOver => return (self.set(Vec::new(), model), None),
            _ => {}
        }
        (Vec::new(), None)
    }

    /// Switches what stands in a row on or off.
    fn switch(&mut self, row: &Row, model: &MailModel) -> Acted {
        let effects = match row {
            Row::EndOfData => vec![other_end(model)],
            Row::Scenario(place) if self.scenario_in_force(model) == Some(*place) => {
                self.set(Vec::new(), model)
            }
            Row::Scenario(place) => {
                let faults = self.scenarios.get(*place).map(|(_, faults)| faults.clone());
                self.set(faults.unwrap_or_default(), model)
            }
            Row::Single { fault, on: true } => {
                let others = model.faults.iter().filter(|other| *other != fault);
                let others = others.cloned().collect();
                self.remember(fault);
                vec![Effect::SetFaults(others)]
            }
            Row::Single { fault, on: false } => {
                if model.faults.len() >= MOST {
                    return (Vec::new(), None);
                }
                let mut faults = model.faults.clone();
                faults.push(fault.clone());
                vec![Effect::SetFaults(faults)]
            }
            Row::Add => return (Vec::new(), Some((Question::Fault, String::new()))),
        };
        (effects, None)
    }

    fn remove(&mut self, row: &Row, model: &MailModel) -> Vec<Effect> {
        let Row::Single { fault, on } = row else {
            return Vec::new();
        };
        self.switched_off.retain(|off| off != fault);
        if !*on {
            return Vec::new();
        }
        let others = model.faults.iter().filter(|other| *other != fault);
        vec![Effect::SetFaults(others.cloned().collect())]
    }

    /// Puts other faults in force; those that were added by hand are remembered.
    fn set(&mut self, faults: Vec<Fault>, model: &MailModel) -> Vec<Effect> {
        for fault in &model.faults {
            let ready_made = self.scenarios.iter().any(|(_, of)| of.contains(fault));
            if !ready_made && !faults.contains(fault) {
                self.remember(fault);
            }
        }
        if faults == model.faults {
            return Vec::new();
        }
        vec![Effect::SetFaults(faults)]
    }

    fn remember(&mut self, fault: &Fault) {
        if !self.switched_off.contains(fault) {
            if self.switched_off.len() == REMEMBERED {
                self.switched_off.remove(0);
            }
            self.switched_off.push(fault.clone());
        }
    }

    pub fn click(&mut self, column: u16, row: u16) {
        if self.list_at.contains((column, row).into()) {
            let line = usize::from(row - self.list_at.y) + self.top;
            if let Some(Some(place)) = self.lines.get(line) {
                self.selected = *place;
            }
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
        let mut title = Title::new(look, words.t("panel.faults").into_owned(), focused);
        title = match model.faults.len() {
            0 => title.say(words.t("faults.none").into_owned(), theme.dim),
            count => title.say(
                words.fill("faults.in_force", &[("count", &count)]),
                theme.warning,
            ),
        };
        let inside = frame(title, focused, scene, area, buffer);
        let rows = self.rows(model);
        self.selected = self.selected.min(rows.len() - 1);
        let about = self.about(&rows[self.selected], words);
        let about: Vec<Line> = about
            .iter()
            .flat_map(|line| {
                let line = Line::styled(format!(" {line}"), theme.dim);
                text::wrap(&line, usize::from(inside.width.max(1)))
            })
            .collect();
        let about_rows = (about.len() as u16)
            .min(ABOUT_ROWS)
            .min(inside.height.saturating_sub(LIST_ROWS));
        let [list, below] = inside.layout(&Layout::vertical([Fill(1), Length(about_rows)]));
        self.draw_list(&rows, model, focused, scene, list, buffer);
        draw_lines(&about, scene, below, buffer);
    }

    fn draw_list(
        &mut self,
        rows: &[Row],
        model: &MailModel,
        focused: bool,
        scene: &Scene,
        area: Rect,
        buffer: &mut Buffer,
    ) {
        let words = scene.look.words;
        let theme = &scene.look.theme;
        let in_force = self.scenario_in_force(model);
        let heading = |key: &str| Line::styled(words.t(key).into_owned(), theme.strong);
        let mut lines: Vec<(Option<usize>, Line)> = Vec::with_capacity(rows.len() + 2);
        for (place, row) in rows.iter().enumerate() {
            let (on, name) = match row {
                Row::EndOfData => {
                    let strict = model.end_of_data == EndOfData::Strict;
                    (!strict, end_of_data_text(model.end_of_data, words))
                }
                Row::Scenario(number) => {
                    if *number == 0 {
                        lines.push((None, heading("faults.scenarios")));
                    }
                    let name = self.scenarios.get(*number).map_or("", |(one, _)| one.name);
                    let title = words.t(&format!("fault.scenario.{name}.title"));
                    (in_force == Some(*number), title.into_owned())
                }
                Row::Single { fault, on } => (*on, escape_hostile(&fault.to_string()).into_owned()),
                Row::Add => (false, words.t("faults.add").into_owned()),
            };
            let first_single = matches!(row, Row::Single { .. } | Row::Add)
                && !matches!(rows.get(place.wrapping_sub(1)), Some(Row::Single { .. }));
            if first_single {
                lines.push((None, heading("faults.single")));
            }
            let selected = focused && place == self.selected;
            let line = self.row_line(row, on, name, selected, scene);
            lines.push((Some(place), line));
        }
        let height = usize::from(area.height);
        let at = lines
            .iter()
            .position(|(place, _)| *place == Some(self.selected))
            .unwrap_or(0);
        self.top = self
            .top
            .clamp((at + 1).saturating_sub(height).min(at), at)
            .min(lines.len().saturating_sub(height));
        // A heading comes into view with its first row.
        if at == self.top && at > 0 && lines[at - 1].0.is_none() && height > 1 {
            self.top = at - 1;
        }
        self.list_at = area;
        self.lines = lines.iter().map(|(place, _)| *place).collect();
        let shown: Vec<Line> = lines
            .into_iter()
            .skip(self.top)
            .take(height)
            .map(|(_, line)| line)
            .collect();
        draw_lines(&shown, scene, area, buffer);
    }

    fn row_line(
        &self,
        row: &Row,
        on: bool,
        name: String,
        selected: bool,
        scene: &Scene,
    ) -> Line<'static> {
        let look = scene.look;
        let theme = &look.theme;
        let sign = match row {
            Row::Add => '+',
            _ if on => look.signs.running(),
            _ => look.signs.stopped(),
        };
        let style = match (on, row) {
            (true, _) => theme.warning,
            (false, Row::Single { .. } | Row::Add) => theme.dim,
            (false, _) => theme.text,
        };
        let cursor = if selected { look.signs.selected() } else { ' ' };
        let name_style = if selected {
            style.patch(theme.selected)
        } else {
            style
        };
        Line::from(vec![
            Span::styled(cursor.to_string(), theme.accent),
            Span::styled(format!("{sign} "), style),
            Span::styled(name, name_style),
        ])
    }

    /// What is said about a row: what it teaches, and how it is written.
    fn about(&self, row: &Row, words: Words) -> Vec<String> {
        match row {
            Row::EndOfData => vec![words.t("faults.end_of_data_about").into_owned()],
            Row::Scenario(number) => {
                let Some((scenario, _)) = self.scenarios.get(*number) else {
                    return Vec::new();
                };
                let lesson = words.t(&format!("fault.scenario.{}.lesson", scenario.name));
                vec![lesson.into_owned(), scenario.faults.join("  ")]
            }
            Row::Single { fault, .. } => {
                let about = words.t(&format!("fault.action.{}", fault.action.name()));
                vec![about.into_owned()]
            }
            Row::Add => vec![words.t("faults.notation").into_owned()],
        }
    }
}

fn other_end(model: &MailModel) -> Effect {
    Effect::SetEndOfData(match model.end_of_data {
        EndOfData::Strict => EndOfData::Lenient,
        EndOfData::Lenient => EndOfData::Strict,
    })
}

fn end_of_data_text(end_of_data: EndOfData, words: Words) -> String {
    let text = match end_of_data {
        EndOfData::Strict => words.t("faults.strict"),
        EndOfData::Lenient => words.t("faults.lenient"),
    };
    text.into_owned()
}

fn error_text(error: &FaultError, words: Words) -> String {
    match (error, error.key()) {
        (FaultError::Duration(error), _) => phrases::spec_error(error, words),
        (_, Some(key)) => words.fill(key, &[("value", &escape_hostile(error.value()))]),
        (_, None) => escape_hostile(&error.to_string()).into_owned(),
    }
}

#[cfg(test)]
mod tests;
