use std::time::{Instant, SystemTime};

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::*;
use crate::dashboard::app::{Counters, Msg, Overlay, Setup};
use crate::trace::clock::Clock;
use crate::words::Lang;
use std::time::Duration;

const AREA: Rect = Rect::new(0, 0, 100, 30);

struct Bench {
    app: App,
    now: Duration,
}

impl Bench {
    fn new(lang: Lang) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let setup = Setup {
            lang,
            ..Setup::default()
        };
        let mut app = App::new(setup, Clock::new(Instant::now(), wall));
        app.area = AREA;
        Self {
            app,
            now: Duration::ZERO,
        }
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.app.update(msg, self.now)
    }

    fn key(&mut self, code: KeyCode) -> Vec<Effect> {
        self.update(Msg::Key(KeyEvent::from(code)))
    }

    fn counted(&mut self, capture: Option<Vec<CaptureFile>>) -> Vec<Effect> {
        self.update(Msg::Counters(Counters {
            capture,
            ..Counters::default()
        }))
    }

    fn screen(&mut self) -> String {
        let mut buffer = Buffer::empty(AREA);
        (&mut self.app).render(AREA, &mut buffer);
        let row = |y| {
            (0..AREA.width)
                .map(|x| buffer[(x, y)].symbol())
                .collect::<String>()
        };
        (0..AREA.height).map(row).collect::<Vec<_>>().join("\n")
    }

    fn shows(&mut self, text: &str) {
        let screen = self.screen();
        assert!(screen.contains(text), "{text:?} is not in\n{screen}");
    }

    /// Asks for the proposed name.
    fn begin(&mut self) -> PathBuf {
        self.key(KeyCode::Char('w'));
        match &self.key(KeyCode::Enter)[..] {
            [Effect::StartCapture { file, overwrite }] if !overwrite => file.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn running(&mut self) {
        self.begin();
        self.update(Msg::Capture(Answer::Opened));
        assert_eq!(self.counted(None), [Effect::BeginCapture(Vec::new())]);
    }
}

fn file(name: &str, kind: Kind, written: u64) -> CaptureFile {
    CaptureFile {
        file: name.into(),
        kind,
        written,
        left_out: 0,
        error: None,
    }
}

#[test]
fn a_capture_begins_runs_and_ends() {
    let mut bench = Bench::new(Lang::En);
    let name = bench.begin();
    let name = name.to_str().unwrap();
    let stamp = bench.app.clock.file_stamp(Duration::ZERO);
    assert_eq!(name, format!("sockscope-{stamp}.pcapng"));
    bench.update(Msg::Capture(Answer::Opened));
    bench.shows("● capturing 0");
    assert_eq!(bench.counted(None), [Effect::BeginCapture(Vec::new())]);
    let begun = vec![file("a.pcapng", Kind::Packets, 0)];
    assert_eq!(bench.counted(Some(begun)), []);
    let both = vec![
        file("a.jsonl", Kind::Entries, 99),
        file("a.pcapng", Kind::Packets, 17),
    ];
    bench.counted(Some(both));
    bench.shows("● capturing 17");
    assert_eq!(bench.app.next_tick(), Some(Duration::from_secs(1)));
    assert_eq!(bench.key(KeyCode::Char('w')), [Effect::StopCapture]);
    let ended = CaptureFile {
        left_out: 3,
        ..file("a.pcapng", Kind::Packets, 17)
    };
    bench.update(Msg::Capture(Answer::Ended(vec![ended])));
    bench.shows("captured: a.pcapng, packets: 17, left out: 3");
    assert!(!bench.screen().contains('●'));
}

#[test]
fn what_was_kept_is_handed_over_once() {
    let mut bench = Bench::new(Lang::En);
    bench.running();
    let file = || Some(vec![file("a.jsonl", Kind::Entries, 5)]);
    assert_eq!(bench.counted(file()), []);
    bench.shows("● recording 5");
    assert_eq!(bench.counted(file()), []);
}

#[test]
fn a_file_that_exists_is_overwritten_by_a_second_enter_only() {
    let mut bench = Bench::new(Lang::En);
    let name = bench.begin();
    bench.update(Msg::Capture(Answer::Exists(name.clone())));
    bench.shows("exists already; Enter overwrites it");
    let again = bench.key(KeyCode::Enter);
    let overwrite = Effect::StartCapture {
        file: name.clone(),
        overwrite: true,
    };
    assert_eq!(again, [overwrite]);
    // Another name is another question.
    bench.update(Msg::Capture(Answer::Exists(name.clone())));
    bench.key(KeyCode::Char('x'));
    assert!(!bench.screen().contains("exists already"));
    let other = Effect::StartCapture {
        file: format!("{}x", name.display()).into(),
        overwrite: false,
    };
    assert_eq!(bench.key(KeyCode::Enter), [other]);
    bench.update(Msg::Capture(Answer::Exists(name)));
    bench.key(KeyCode::Esc);
    assert!(bench.app.overlay.is_none());
    assert_eq!(bench.app.capture, Capture::Off);
}

#[test]
fn an_empty_name_begins_nothing() {
    let mut bench = Bench::new(Lang::En);
    bench.key(KeyCode::Char('w'));
    let Some(Overlay::Prompt(prompt)) = &mut bench.app.overlay else {
        panic!("a name is asked for");
    };
    prompt.input = "  ".into();
    assert_eq!(bench.key(KeyCode::Enter), []);
    assert!(bench.app.overlay.is_none());
}

#[test]
fn a_failure_is_shown_until_a_key() {
    for (lang, words) in [
        (Lang::En, "the labs go on"),
        (Lang::ZhCn, "实 验 不 受 影 响 "),
    ] {
        let mut bench = Bench::new(lang);
        bench.running();
        let full = CaptureFile {
            error: Some("No space left\x1b[2J".to_owned()),
            ..file("a.pcapng", Kind::Packets, 5)
        };
        let other = file("b.jsonl", Kind::Entries, 5);
        let files = || Some(vec![full.clone(), other.clone()]);
        assert_eq!(bench.counted(files()), [], "the other file goes on");
        bench.now = Duration::from_secs(60);
        bench.update(Msg::Tick);
        bench.shows(words);
        bench.shows("No space left\\x1b[2J");
        bench.key(KeyCode::Char('z'));
        assert!(!bench.screen().contains(words));
        bench.counted(files());
        assert!(!bench.screen().contains(words), "it is said once");
        // With the last file the capture ends, and nothing is said to be written.
        assert_eq!(
            bench.counted(Some(vec![full.clone()])),
            [Effect::StopCapture]
        );
        bench.update(Msg::Capture(Answer::Ended(vec![full])));
        assert_eq!(bench.app.capture, Capture::Off);
        assert!(bench.app.notice.is_none());
    }
}

#[test]
fn a_file_that_cannot_be_made_is_said() {
    let mut bench = Bench::new(Lang::En);
    let file = bench.begin();
    let error = "Permission denied".to_owned();
    bench.update(Msg::Capture(Answer::Failed { file, error }));
    bench.shows("capture failed: Permission denied; the labs go on (sockscope-");
    assert_eq!(bench.app.capture, Capture::Off);
}

#[test]
fn a_note_goes_into_the_file_too() {
    let mut bench = Bench::new(Lang::En);
    bench.now = Duration::from_secs(2);
    bench.key(KeyCode::Char('n'));
    bench.update(Msg::Paste("with loss".to_owned()));
    let note = Effect::Note {
        at: bench.now,
        text: "with loss".to_owned(),
    };
    assert_eq!(bench.key(KeyCode::Enter), [note]);
}
