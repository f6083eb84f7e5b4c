//! Where the server is reached: every URL, and the chosen one as a QR code. And the box that shows a text that was copied.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::WebTab;
use super::model::ServerState;
use crate::dashboard::tabs::panel::Scene;
use crate::dashboard::widgets::popup::Popup;
use crate::dashboard::widgets::qr::Qr;
use crate::trace::escape::escape_hostile;

/// The URL of the server's root at an address. The port is left out where it is the usual one.
pub fn url(address: SocketAddr) -> String {
    match (address, address.port()) {
        (SocketAddr::V6(v6), 80) => format!("http://[{}]/", v6.ip()),
        (SocketAddr::V6(v6), port) => format!("http://[{}]:{port}/", v6.ip()),
        (SocketAddr::V4(v4), 80) => format!("http://{}/", v4.ip()),
        (SocketAddr::V4(_), _) => format!("http://{address}/"),
    }
}

/// Every address under which the server is reached, those that others reach first.
pub fn reachable(server: &ServerState) -> Vec<SocketAddr> {
    let ServerState::Listening { reachable, address } = server else {
        return Vec::new();
    };
    let mut all = reachable.clone();
    if all.is_empty() {
        all.push(crate::settings::local(*address));
    }
    all.sort_by_key(|address| address.ip().is_loopback());
    all
}

/// Draws the URLs; `selected` is brought back to one that is there.
pub fn draw(tab: &WebTab, selected: &mut usize, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let theme = &look.theme;
    let all = reachable(&tab.live.server);
    *selected = (*selected).min(all.len().saturating_sub(1));
    let mut lines = Vec::new();
    if all.is_empty() {
        lines.push(Line::raw(words.t("web.urls.none")));
    }
    for (place, address) in all.iter().enumerate() {
        let chosen = place == *selected;
        let sign = if chosen { look.signs.selected() } else { ' ' };
        let style = if chosen { theme.accent } else { theme.text };
        lines.push(Line::from(vec![
            Span::styled(format!("{sign} "), theme.accent),
            Span::styled(url(*address), style),
        ]));
    }
    if all.iter().all(|address| address.ip().is_loopback()) && !all.is_empty() {
        let port = all[0].port();
        let open = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
        lines.push(Line::default());
        lines.push(Line::styled(words.t("web.urls.loopback"), theme.warning));
        lines.push(Line::styled(
            format!("  sockscope --web-listen {open}"),
            theme.strong,
        ));
    }
    if let Some(code) = all
        .get(*selected)
        .and_then(|address| Qr::new(&url(*address)))
    {
        let (columns, rows) = code.size(look.glyphs);
        let room = usize::from(area.height).saturating_sub(lines.len() + 4);
        lines.push(Line::default());
        // Half a code is none.
        if usize::from(rows) <= room && columns + 4 <= area.width {
            lines.extend(code.lines(look.glyphs));
        } else {
            lines.push(Line::styled(words.t("web.urls.no_room"), theme.dim));
        }
    }
    Popup::new(&words.t("web.urls.title"), &lines)
        .styles(theme.text, theme.accent)
        .glyphs(look.glyphs)
        .render(area, buffer);
}

/// Draws a text that was copied, since not every terminal takes one.
pub fn draw_copied(text: &str, scene: &Scene, area: Rect, buffer: &mut Buffer) {
    let (look, words) = (scene.look, scene.look.words);
    let lines = [
        Line::styled(escape_hostile(text).into_owned(), look.theme.strong),
        Line::default(),
        Line::styled(words.t("web.copied.note"), look.theme.dim),
    ];
    Popup::new(&words.t("web.copied.title"), &lines)
        .styles(look.theme.text, look.theme.accent)
        .glyphs(look.glyphs)
        .render(area, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_written_as_browsers_read_them() {
        let table = [
            ("127.0.0.1:6789", "http://127.0.0.1:6789/"),
            ("192.168.1.2:80", "http://192.168.1.2/"),
            ("[::1]:6789", "http://[::1]:6789/"),
            ("[fe80::1%3]:80", "http://[fe80::1]/"),
        ];
        for (address, expected) in table {
            let address: SocketAddr = address.parse().expect("a literal address");
            assert_eq!(url(address), expected);
        }
    }

    #[test]
    fn what_others_reach_comes_first() {
        let addresses = ["127.0.0.1:1", "10.0.0.2:1"];
        let server = ServerState::Listening {
            address: "0.0.0.0:1".parse().expect("a literal address"),
            reachable: addresses
                .map(|a| a.parse().expect("a literal address"))
                .to_vec(),
        };
        let all: Vec<String> = reachable(&server).iter().map(ToString::to_string).collect();
        assert_eq!(all, ["10.0.0.2:1", "127.0.0.1:1"]);
        assert!(reachable(&ServerState::Starting).is_empty());
    }
}
