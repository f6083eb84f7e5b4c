//! The panel with a server that does as it is told.

use super::*;
use crate::dashboard::tabs::mail::bench::{drawn, drawn_everywhere, model};
use crate::words::Lang;

/// Does what the panel asks for, as the server would.
fn carry_out(model: &mut MailModel, (effects, _): Acted) -> usize {
    for effect in &effects {
        match effect {
            Effect::SetFaults(faults) => model.faults.clone_from(faults),
            Effect::SetEndOfData(end) => model.end_of_data = *end,
            other => panic!("{other:?}"),
        }
    }
    effects.len()
}

fn specs(model: &MailModel) -> Vec<String> {
    model.faults.iter().map(ToString::to_string).collect()
}

fn add(panel: &mut FaultsPanel, model: &mut MailModel, spec: &str) {
    let effects = panel.add(spec, model, Words(Lang::En)).expect("a fault");
    carry_out(model, (effects, None));
}

fn shown(panel: &mut FaultsPanel, model: &MailModel) -> String {
    drawn((70, 50), |scene, area, buffer| {
        panel.draw(model, true, scene, area, buffer);
    })
}

#[test]
fn a_scenario_is_switched_on_and_off() {
    let (mut panel, mut model) = (FaultsPanel::default(), model());
    panel.act(Action::Down, &model);
    let on = panel.act(Action::Open, &model);
    assert_eq!(carry_out(&mut model, on), 1);
    assert_eq!(specs(&model), scenarios()[0].faults);
    assert_eq!(panel.scenario_in_force(&model), Some(0));
    panel.act(Action::Down, &model);
    let other = panel.act(Action::Open, &model);
    carry_out(&mut model, other);
    assert_eq!(
        specs(&model),
        scenarios()[1].faults,
        "one scenario at a time"
    );
    let off = panel.act(Action::Open, &model);
    carry_out(&mut model, off);
    assert!(model.faults.is_empty());
    assert!(
        panel.switched_off.is_empty(),
        "scenarios need not be remembered"
    );
}

#[test]
fn single_faults_are_added_switched_and_removed() {
    let (mut panel, mut model) = (FaultsPanel::default(), model());
    let prompt = {
        panel.act(Action::Last, &model);
        panel.act(Action::Open, &model)
    };
    assert_eq!(prompt, (Vec::new(), Some((Question::Fault, String::new()))));
    add(&mut panel, &mut model, "rcpt@bob=550");
    add(&mut panel, &mut model, "mail=delay:2s");
    add(&mut panel, &mut model, "mail=delay:2s");
    assert_eq!(model.faults.len(), 2, "each once");
    // The last row is the one that adds; before it stand the two.
    panel.act(Action::Last, &model);
    panel.act(Action::Up, &model);
    panel.act(Action::Up, &model);
    let off = panel.act(Action::Open, &model);
    carry_out(&mut model, off);
    assert_eq!(specs(&model), ["mail=delay:2s"]);
    let text = shown(&mut panel, &model);
    assert!(
        text.contains("○ rcpt@bob=550") && text.contains("● mail=delay:2s"),
        "{text}"
    );
    panel.act(Action::Last, &model);
    panel.act(Action::Up, &model);
    let on = panel.act(Action::Open, &model);
    carry_out(&mut model, on);
    assert_eq!(specs(&model), ["mail=delay:2s", "rcpt@bob=550"]);
    let all_off = panel.act(Action::StartOver, &model);
    carry_out(&mut model, all_off);
    assert!(model.faults.is_empty());
    assert_eq!(panel.switched_off.len(), 2, "they can be switched on again");
    panel.act(Action::Last, &model);
    panel.act(Action::Up, &model);
    assert_eq!(panel.act(Action::RemoveTarget, &model).0, []);
    assert_eq!(panel.switched_off.len(), 1);
}

#[test]
fn what_is_no_fault_says_what_would_be_right() {
    let (mut panel, mut model) = (FaultsPanel::default(), model());
    for text in [
        "",
        "rcpt",
        "=550",
        "rcpt=999",
        "rcpt#x=550",
        "mail=delay:x",
        "\x1b=550",
    ] {
        let error = panel.add(text, &model, Words(Lang::En));
        let error = error.expect_err(text);
        assert!(!error.is_empty() && !error.contains('\x1b'), "{error}");
    }
    for number in 0..MOST {
        add(&mut panel, &mut model, &format!("rcpt#{}=550", number + 1));
    }
    let error = panel.add("rcpt#1000=550", &model, Words(Lang::En));
    assert!(error.is_err_and(|error| error.contains("64")));
}

#[test]
fn the_end_of_data_is_switched() {
    let (mut panel, mut model) = (FaultsPanel::default(), model());
    assert!(shown(&mut panel, &model).contains("○ End of data: strict"));
    let acted = panel.act(Action::ToggleMode, &model);
    carry_out(&mut model, acted);
    assert!(shown(&mut panel, &model).contains("● End of data: lenient"));
    let acted = panel.act(Action::Open, &model);
    carry_out(&mut model, acted);
    assert_eq!(model.end_of_data, EndOfData::Strict);
}

#[test]
fn every_row_is_drawn_in_every_size() {
    let (mut panel, mut model) = (FaultsPanel::default(), model());
    add(
        &mut panel,
        &mut model,
        "rcpt@\u{202e}bob=550 5.1.1 No such user here, and a long text",
    );
    for _ in 0..panel.rows(&model).len() {
        drawn_everywhere(|scene, area, buffer| panel.draw(&model, true, scene, area, buffer));
        let text = drawn((80, 24), |scene, area, buffer| {
            panel.draw(&model, true, scene, area, buffer);
        });
        assert!(text.contains('▸'), "the selected row is seen\n{text}");
        panel.act(Action::Down, &model);
    }
}
