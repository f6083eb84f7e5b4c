//! The Wire tab: both ends of all labs tell it of the same calls and messages, as the labs do.

mod bench;
mod labs;
mod ladder;
mod list;

use std::time::Duration;

use sockscope::words::Lang;

use super::shown::has_colour;
use bench::Bench;

/// From the smallest that a lecture hall's projector has to a large one.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 50)];
/// The smallest that is drawn at all.
const SMALLEST: (u16, u16) = (60, 18);
const SMALL: (u16, u16) = SIZES[0];
const MIDDLE: (u16, u16) = SIZES[1];
const LARGE: (u16, u16) = SIZES[2];

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// The words of a screen without borders and breaks, so that a sentence can be found wherever it is wrapped.
fn flat(screen: &str) -> String {
    let words = screen
        .split(|c: char| c.is_whitespace() || "│┃╭╮╰╯┏┓┗┛━─".contains(c))
        .filter(|word| !word.is_empty());
    words.collect::<Vec<&str>>().join(" ")
}

/// A row of a screen has all these texts.
#[track_caller]
fn assert_row(screen: &str, texts: &[&str]) {
    let found = screen
        .lines()
        .any(|row| texts.iter().all(|text| row.contains(text)));
    assert!(found, "no row with {texts:?} in\n{screen}");
}

#[track_caller]
fn assert_shows(screen: &str, texts: &[&str]) {
    for text in texts {
        assert!(screen.contains(text), "{text} is missing in\n{screen}");
    }
}

/// A scene, and what it is called.
type Scene = (&'static str, fn(&mut Bench));

/// Everything that the tab is looked at with.
const SCENES: [Scene; 10] = [
    ("empty", |_| {}),
    ("all labs", Bench::all_labs),
    ("losses", Bench::losses),
    ("odd ways", Bench::odd_ways),
    ("one at a time", Bench::one_at_a_time),
    ("a mail", |bench| bench.mail(false)),
    ("an encrypted mail", |bench| bench.mail(true)),
    ("refused", Bench::refused),
    ("hostile", Bench::hostile),
    ("left out", |bench| {
        bench.all_labs();
        bench.left_out(1_234);
    }),
];

/// In which language and look, ASCII or not, coloured or not.
const LOOKS: [(Lang, bool, bool); 4] = [
    (Lang::En, false, true),
    (Lang::ZhCn, false, true),
    (Lang::En, true, false),
    (Lang::ZhCn, true, false),
];

#[test]
fn every_scene_is_drawn_in_every_look_at_every_size() {
    for (lang, ascii, colour) in LOOKS {
        for (name, scene) in SCENES {
            let mut bench = Bench::set_up(|setup| {
                setup.lang = lang;
                setup.ascii = ascii;
                setup.colour = colour;
            });
            scene(&mut bench);
            bench.key('4');
            assert_eq!(has_colour(&bench.buffer(MIDDLE)), colour, "{name}");
            // As it comes; then the panels in turn and zoomed, a row above, other times, one connection, the help page, a prompt.
            for keys in ["", "\t", "\tz", "z\tk", "dc", "?", "\u{1b}/"] {
                bench.keys(keys);
                for size in [SMALLEST, SMALL, MIDDLE, LARGE] {
                    let screen = bench.screen(size);
                    let is_plain = !ascii || lang != Lang::En || screen.is_ascii();
                    assert!(is_plain, "{name} after {keys:?}:\n{screen}");
                }
            }
        }
    }
}
