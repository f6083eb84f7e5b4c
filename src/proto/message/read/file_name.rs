//! The name under which an attachment may be saved.
//!
//! It stands apart because the name was chosen by whoever sent the message: it must not leave the folder, hide, or be a device, on any system.

use super::cut;

/// Bytes of a name. Most file systems take 255.
const LONGEST_NAME: usize = 120;

/// Bytes of an extension that outlives a cut.
const LONGEST_EXTENSION: usize = 16;

/// Names that are devices on Windows, whatever their extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// The last part of a name without anything that a file system, a shell or a reader could take for something else.
pub(super) fn safe_file_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .map(|c| if is_unsafe(c) { '_' } else { c })
        .collect();
    // Windows drops dots and blanks at the end; a dot in front hides.
    let name = name
        .trim_start_matches(['.', ' '])
        .trim_end_matches(['.', ' ']);
    let name = shortened(name);
    if name.is_empty() {
        return "attachment".to_owned();
    }
    if is_device(&name) {
        return format!("_{name}");
    }
    name
}

/// Control characters, what Windows reserves, and marks that reorder or hide text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || "<>:\"/\\|?*".contains(c)
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

/// The name cut to its greatest length, its extension kept.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let (stem, extension) = match name.rfind('.') {
        Some(at) if name.len() - at <= LONGEST_EXTENSION => name.split_at(at),
        _ => (name, ""),
    };
    let stem = cut(stem, LONGEST_NAME - extension.len());
    format!("{stem}{extension}")
        .trim_end_matches(['.', ' '])
        .to_owned()
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_lowercase();
    let is_port = |prefix: &str| {
        let number = stem.strip_prefix(prefix).unwrap_or_default();
        let mut digits = number.chars();
        matches!(
            (digits.next(), digits.next()),
            (Some('0'..='9' | '¹' | '²' | '³'), None)
        )
    };
    DEVICES.contains(&stem.as_str()) || is_port("com") || is_port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_made_harmless() {
        let long = format!("{}.tar", "报".repeat(100));
        let cut = format!("{}.tar", "报".repeat(38));
        let table = [
            ("report.pdf", "report.pdf"),
            ("报告 1.pdf", "报告 1.pdf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Windows\x.exe", "x.exe"),
            ("a/", "attachment"),
            ("", "attachment"),
            ("..", "attachment"),
            (".bashrc", "bashrc"),
            ("x.txt. .", "x.txt"),
            ("a\r\nb\0.txt", "a__b_.txt"),
            ("exe\u{202e}fdp.x", "exe_fdp.x"),
            ("a:b?c*.txt", "a_b_c_.txt"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("com1 .x", "_com1 .x"),
            ("LPT¹", "_LPT¹"),
            ("com10", "com10"),
            ("console", "console"),
            (&long, &cut),
        ];
        for (name, expected) in table {
            assert_eq!(safe_file_name(name), expected, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_name_leaves_its_folder(name in any::<String>()) {
            let safe = safe_file_name(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= LONGEST_NAME + 1);
            prop_assert!(!safe.starts_with('.') && !safe.ends_with(['.', ' ']));
            prop_assert!(!safe.contains(is_unsafe));
            prop_assert!(!is_device(&safe));
        }
    }
}
