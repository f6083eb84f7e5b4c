//! Every view at every size, in both languages, with and without colours and beyond ASCII.

use super::*;

/// All that a lesson leaves on the screen.
fn taught(lang: Lang, change: impl FnOnce(&mut Setup)) -> Bench {
    let mut bench = Bench::set_up(lang, change).listening();
    bench.sent();
    bench.send();
    bench.greeted();
    bench.says_secretly("AUTH PLAIN ********", &format!("AUTH PLAIN {CREDENTIALS}"));
    bench.hears(Stage::Auth, b"334 Not 235\r\n");
    bench.asked(&[
        ("ann@example.com", "250 Ok"),
        ("bob@example.com", "451 4.7.1 Later"),
        ("张三@例子.中国", "550 5.1.1 没有这个人"),
    ]);
    bench
}

#[test]
fn every_view_fits_every_size_in_both_languages() {
    for lang in [Lang::En, Lang::ZhCn] {
        for (ascii, colour) in [(false, true), (true, true), (true, false)] {
            let mut bench = taught(lang, |setup| {
                setup.ascii = ascii;
                setup.colour = colour;
            });
            for _ in 0..4 {
                for _ in ["all panels", "zoomed"] {
                    for size in SIZES.iter().chain(&[SMALL]) {
                        bench.screen(*size);
                    }
                    bench.key('z');
                }
                bench.hides(&[CREDENTIALS, "hunter2"]);
                bench.key('v');
            }
            for keys in ["e", "?"] {
                bench.keys(keys);
                for size in SIZES {
                    bench.screen(size);
                }
                bench.press(KeyCode::Esc);
            }
        }
    }
}

#[test]
fn a_screen_that_is_too_small_says_so_or_shows_one_panel() {
    let mut bench = taught(Lang::En, |_| {});
    for size in [SMALL, (40, 10), (20, 5), (1, 1)] {
        bench.screen(size);
    }
    let screen = bench.screen((80, 24));
    assert!(
        screen.contains("Dialogue") ^ screen.contains("Compose  message"),
        "{screen}"
    );
}

#[test]
fn without_colour_and_beyond_ascii_the_classes_can_be_told_apart() {
    let mut bench = taught(Lang::En, |setup| {
        setup.ascii = true;
        setup.colour = false;
    });
    bench.key('z');
    let buffer = bench.buffer(LARGE);
    assert!(!shown::has_colour(&buffer));
    let screen = shown::text(&buffer);
    // Nothing of ours is beyond ASCII; what was said may be.
    let strange = screen.lines().filter(|row| !row.is_ascii());
    for row in strange {
        assert!(row.contains("没有这个人") || row.contains("张三"), "{row}");
    }
    let sign = |code: &str| {
        let at = screen
            .find(code)
            .unwrap_or_else(|| panic!("{code} in\n{screen}"));
        let before = screen[..at].trim_end();
        before.chars().next_back().expect("a sign")
    };
    let mut signs = ["250 Ok", "451 4.7.1 Later", "550 5.1.1", "334 Not 235"]
        .map(sign)
        .to_vec();
    signs.sort_unstable();
    signs.dedup();
    assert_eq!(signs.len(), 4, "{signs:?} in\n{screen}");
}

#[test]
fn help_tells_how_to_read_it() {
    for (lang, words) in [
        (Lang::En, ["Help: Mail", "F5 ^S", "step by step"]),
        (Lang::ZhCn, ["帮助：", "F5 ^S", "单步"]),
    ] {
        let mut bench = Bench::new(lang).listening();
        bench.key('?');
        let mut told = String::new();
        for _ in 0..20 {
            told.push_str(&bench.screen(MIDDLE));
            bench.press(KeyCode::PageDown);
        }
        for word in words {
            assert!(told.contains(word), "{word} in\n{told}");
        }
    }
    let mut bench = Bench::new(Lang::En).listening();
    bench.key('?');
    let mut told = String::new();
    for _ in 0..30 {
        told.push_str(&flat(&bench.screen(LARGE)));
        bench.press(KeyCode::PageDown);
    }
    for words in [
        "r shows them for two seconds",
        "4xx: not now",
        "relays nothing",
    ] {
        assert!(told.contains(words), "{words}");
    }
}
