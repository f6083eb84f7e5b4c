//! One table of keys: what a key does, what that is called, and when it applies. Dispatch, footer and help page all read it, so they can't
//! disagree.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Quit,
    Help,
    FrontTab(usize),
    NextPanel,
    PreviousPanel,
    Close,
    Freeze,
    Zoom,
    NextTheme,
    NextLanguage,
    ToggleMouse,
    Note,
    // Moving in lists and charts.
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    // The Ping tab.
    LossUp,
    LossDown,
    NextLossModel,
    NextPreset,
    StartStop,
    CycleCount,
    StartOver,
    AddTarget,
    RemoveTarget,
    NextTarget,
    NextView,
    NextScale,
    ToggleTimeAxis,
    ZoomIn,
    ZoomOut,
    PreviousLoss,
    NextLoss,
    Follow,
    ToggleLeg,
    Retry,
    FreePort,
    // The Web tab.
    ToggleMode,
    DelayMore,
    DelayLess,
    ForcePath,
    Filter,
    NextSort,
    ClearLog,
    FitTime,
    Mark,
    OpenSender,
    ShowUrls,
    NextPage,
    PreviousPage,
    ToggleHex,
    Copy,
    Replay,
    Send,
    StopSending,
    // The Mail tab.
    /// Types into the form.
    EditForm,
    NextFormPage,
    ToggleStepping,
    /// The held command goes out.
    SendHeld,
    EditHeld,
    SendRaw,
    QuitPolitely,
    DropConnection,
    RetryNow,
    Reveal,
    SaveTranscript,
    PreviousSending,
    NextSending,
    ToggleExplained,
    PreviousMessage,
    NextMessage,
    /// Saves the open message, or a file in it.
    SaveFile,
    /// Yes, do what was asked.
    Confirm,
    // The Wire tab.
    StepForward,
    StepBack,
    /// Times of day, since the beginning, or since the row before.
    NextTimes,
    /// Only what belongs to the selected row's connection.
    OnlyConnection,
    NextMark,
    /// Starts a capture, or ends the one that is running.
    Capture,
    // While a record is played.
    Slower,
    Faster,
    /// Saves what the tab shows as a file that other programs read.
    Export,
}

/// Where a binding applies. [`Context::Everywhere`] always does; of the others the application names those in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    Everywhere,
    /// Anything that can be closed is open.
    Open,
    PingTab,
    /// The focused panel is a chart.
    Chart,
    /// The focused panel is a list.
    List,
    /// The focused panel is the link's knobs.
    Link,
    /// The details of a ping are open.
    PingDetail,
    /// A lab could not start.
    Failed,
    WebTab,
    /// The focused panel is the request log.
    WebLog,
    /// The focused panel is the lanes.
    WebLanes,
    /// The focused panel is the server's knobs.
    WebServer,
    /// The details of a request are open.
    WebDetail,
    /// The URLs are open.
    WebUrls,
    /// The request sender is open: keys without a row here are typed.
    WebSender,
    MailTab,
    /// The focused panel is the compose form, and nothing is typed into it.
    MailCompose,
    /// The compose form is typed into.
    MailForm,
    /// The focused panel is the dialogue.
    MailDialogue,
    /// A command is held, and nothing is typed into it.
    MailWaiting,
    /// The held command is typed into.
    MailHeld,
    /// The details of a line of the dialogue are open.
    MailDetail,
    /// The focused panel is the mailbox of the lab's server.
    MailMailbox,
    /// A message of the mailbox is open.
    MailMessage,
    /// Whether a message is to be deleted was asked.
    MailAsked,
    /// The focused panel is the faults of the lab's server.
    MailFaults,
    /// The focused panel shows both ends.
    MailBoth,
    /// The focused panel shows what the wire shows.
    MailWire,
    WireTab,
    /// The focused panel is the list of calls and messages.
    WireList,
    /// The focused panel is the ladder.
    WireLadder,
    /// The focused panel is the bytes.
    WireBytes,
    /// A record is played.
    Replay,
    /// The help page is open.
    HelpPage,
}

impl Context {
    /// Keys without a row here are typed, so nothing but the rows of the contexts in force applies.
    fn is_typed(self) -> bool {
        matches!(
            self,
            Context::WebSender | Context::MailForm | Context::MailHeld
        )
    }
}

/// A key as it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub KeyCode, pub KeyModifiers);

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    pub context: Context,
    pub keys: &'static [Key],
    pub action: Action,
    /// How the footer and the help page write the keys.
    pub shown: &'static str,
    /// The message key of what it does.
    pub label: &'static str,
    /// Lower comes first in the footer; `None` keeps it to the help page.
    pub footer: Option<u8>,
}

const fn char(c: char) -> Key {
    Key(KeyCode::Char(c), KeyModifiers::NONE)
}

const fn key(code: KeyCode) -> Key {
    Key(code, KeyModifiers::NONE)
}

const fn ctrl(c: char) -> Key {
    Key(KeyCode::Char(c), KeyModifiers::CONTROL)
}

const fn binding(
    context: Context,
    keys: &'static [Key],
    action: Action,
    shown: &'static str,
    label: &'static str,
    footer: Option<u8>,
) -> Binding {
    Binding {
        context,
        keys,
        action,
        shown,
        label,
        footer,
    }
}

/// Every key of the dashboard. The first row in force wins, so narrower contexts stand before wider ones.
// One row a key, so that the columns can be compared.
#[rustfmt::skip]
pub static BINDINGS: &[Binding] = {
    use Action as A;
    use Context as C;
    &[
        binding(C::Failed, &[char('R')], A::Retry, "R", "key.retry", Some(0)),
        binding(C::Failed, &[char('F')], A::FreePort, "F", "key.free_port", Some(0)),
        binding(C::WebSender, &[key(KeyCode::F(5)), ctrl('s')], A::Send, "F5 ^S", "key.send", Some(0)),
        binding(C::WebSender, &[ctrl('x')], A::StopSending, "^X", "key.stop_sending", Some(3)),
        binding(C::WebSender, &[key(KeyCode::Tab)], A::NextPanel, "Tab", "key.next_field", Some(2)),
        binding(C::WebSender, &[key(KeyCode::BackTab)], A::PreviousPanel, "Shift-Tab", "key.previous_field", None),
        binding(C::WebSender, &[ctrl('c')], A::Quit, "^C", "key.quit", Some(u8::MAX)),
        binding(C::Open, &[key(KeyCode::Esc)], A::Close, "Esc", "key.close", Some(1)),
        binding(C::HelpPage, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::HelpPage, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::HelpPage, &[], A::Down, "↑↓ PgUp PgDn", "key.scroll", Some(2)),
        binding(C::HelpPage, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::HelpPage, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::Link, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.knob_up", None),
        binding(C::Link, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.knob_down", None),
        binding(C::Link, &[key(KeyCode::Left)], A::Left, "←", "key.knob_less", None),
        binding(C::Link, &[key(KeyCode::Right)], A::Right, "→", "key.knob_more", None),
        binding(C::Link, &[], A::Right, "↑↓ ←→", "key.knobs", Some(2)),
        binding(C::Link, &[key(KeyCode::Enter)], A::Open, "Enter", "key.knob_edit", Some(3)),
        binding(C::Link, &[char('d')], A::ToggleLeg, "d", "key.leg", Some(3)),
        binding(C::List, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::List, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::List, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::List, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::List, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::List, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::List, &[char('f')], A::Follow, "f", "key.follow", Some(4)),
        binding(C::List, &[key(KeyCode::Enter)], A::Open, "Enter", "key.details", Some(2)),
        binding(C::Chart, &[key(KeyCode::Left)], A::Left, "←", "key.cursor_left", None),
        binding(C::Chart, &[key(KeyCode::Right)], A::Right, "→", "key.cursor_right", None),
        binding(C::Chart, &[], A::Left, "←→", "key.cursor", Some(2)),
        binding(C::Chart, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.pan_back", None),
        binding(C::Chart, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.pan_forward", None),
        binding(C::Chart, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.oldest", None),
        binding(C::Chart, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.now", None),
        binding(C::Chart, &[key(KeyCode::Enter)], A::Open, "Enter", "key.details", Some(3)),
        binding(C::PingDetail, &[key(KeyCode::Enter)], A::Open, "Enter", "key.on_wire", Some(2)),
        binding(C::PingTab, &[char('s')], A::Export, "s", "key.export_csv", None),
        binding(C::PingTab, &[char('S')], A::StartStop, "S", "key.start_stop", Some(3)),
        binding(C::PingTab, &[char('+'), char('=')], A::LossUp, "+", "key.loss_up", None),
        binding(C::PingTab, &[char('-')], A::LossDown, "-", "key.loss_down", None),
        binding(C::PingTab, &[], A::LossUp, "+/-", "key.loss", Some(2)),
        binding(C::PingTab, &[char('m')], A::NextLossModel, "m", "key.model", Some(2)),
        binding(C::PingTab, &[char('p')], A::NextPreset, "p", "key.preset", Some(4)),
        binding(C::PingTab, &[char('c')], A::CycleCount, "c", "key.count", Some(5)),
        binding(C::PingTab, &[char('r')], A::StartOver, "r", "key.reset", Some(4)),
        binding(C::PingTab, &[char('a')], A::AddTarget, "a", "key.add_target", Some(7)),
        binding(C::PingTab, &[char('x')], A::RemoveTarget, "x", "key.remove_target", None),
        binding(C::PingTab, &[char('o')], A::NextTarget, "o", "key.next_target", None),
        binding(C::PingTab, &[char('v')], A::NextView, "v", "key.view", Some(5)),
        binding(C::PingTab, &[char('y')], A::NextScale, "y", "key.scale", Some(6)),
        binding(C::PingTab, &[char('W')], A::ToggleTimeAxis, "W", "key.time_axis", None),
        binding(C::PingTab, &[char('[')], A::ZoomOut, "[", "key.time_wider", None),
        binding(C::PingTab, &[char(']')], A::ZoomIn, "]", "key.time_narrower", None),
        binding(C::PingTab, &[], A::ZoomIn, "[]", "key.time_zoom", Some(6)),
        binding(C::PingTab, &[char('h')], A::PreviousLoss, "h", "key.previous_loss", None),
        binding(C::PingTab, &[char('n')], A::Note, "n", "key.note", Some(8)),
        binding(C::PingTab, &[char('l')], A::NextLoss, "l", "key.next_loss", Some(6)),
        binding(C::WebDetail, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WebDetail, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WebDetail, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::WebDetail, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::WebDetail, &[], A::Down, "↑↓", "key.scroll", Some(3)),
        binding(C::WebDetail, &[key(KeyCode::Right), key(KeyCode::Tab)], A::NextPage, "→ Tab", "key.next_page", None),
        binding(C::WebDetail, &[key(KeyCode::Left), key(KeyCode::BackTab)], A::PreviousPage, "← Shift-Tab", "key.previous_page", None),
        binding(C::WebDetail, &[], A::NextPage, "←→", "key.pages", Some(2)),
        binding(C::WebDetail, &[char('h')], A::ToggleHex, "h", "key.hex", Some(4)),
        binding(C::WebDetail, &[char('C')], A::Copy, "C", "key.copy_curl", Some(4)),
        binding(C::WebDetail, &[key(KeyCode::Enter)], A::Open, "Enter", "key.on_wire", Some(2)),
        binding(C::WebDetail, &[char('e')], A::Replay, "e", "key.replay", Some(4)),
        binding(C::WebUrls, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WebUrls, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WebUrls, &[], A::Down, "↑↓", "key.choose", Some(2)),
        binding(C::WebUrls, &[char('C')], A::Copy, "C", "key.copy", Some(2)),
        binding(C::WebServer, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.knob_up", None),
        binding(C::WebServer, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.knob_down", None),
        binding(C::WebServer, &[key(KeyCode::Left)], A::Left, "←", "key.knob_less", None),
        binding(C::WebServer, &[key(KeyCode::Right)], A::Right, "→", "key.knob_more", None),
        binding(C::WebServer, &[], A::Right, "↑↓ ←→", "key.knobs", Some(2)),
        binding(C::WebServer, &[key(KeyCode::Enter)], A::Open, "Enter", "key.knob_edit", Some(3)),
        binding(C::WebLanes, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WebLanes, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WebLanes, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::WebLanes, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::WebLanes, &[key(KeyCode::Home)], A::First, "Home", "key.first", None),
        binding(C::WebLanes, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::WebLanes, &[key(KeyCode::Left)], A::Left, "←", "key.pan_back", None),
        binding(C::WebLanes, &[key(KeyCode::Right)], A::Right, "→", "key.pan_forward", None),
        binding(C::WebLanes, &[], A::Left, "←→", "key.pan", Some(3)),
        binding(C::WebLanes, &[char('f')], A::Follow, "f", "key.follow", Some(4)),
        binding(C::WebLanes, &[key(KeyCode::Enter)], A::Open, "Enter", "key.details", Some(2)),
        binding(C::WebLog, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WebLog, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WebLog, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::WebLog, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::WebLog, &[key(KeyCode::Home)], A::First, "Home", "key.first", None),
        binding(C::WebLog, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::WebLog, &[char('f')], A::Follow, "f", "key.follow", Some(6)),
        binding(C::WebLog, &[key(KeyCode::Enter)], A::Open, "Enter", "key.details", Some(2)),
        binding(C::WebLog, &[char('m')], A::Mark, "m", "key.mark", Some(8)),
        binding(C::WebLog, &[char('C')], A::Copy, "C", "key.copy_curl", None),
        binding(C::WebLog, &[char('e')], A::Replay, "e", "key.replay", Some(8)),
        binding(C::WebTab, &[char('o')], A::ToggleMode, "o", "key.one_at_a_time", Some(2)),
        binding(C::WebTab, &[char('+'), char('=')], A::DelayMore, "+", "key.delay_more", None),
        binding(C::WebTab, &[char('-')], A::DelayLess, "-", "key.delay_less", None),
        binding(C::WebTab, &[], A::DelayMore, "+/-", "key.delay", Some(4)),
        binding(C::WebTab, &[char('g')], A::OpenSender, "g", "key.sender", Some(2)),
        binding(C::WebTab, &[char('/')], A::Filter, "/", "key.filter", Some(4)),
        binding(C::WebTab, &[char('S')], A::NextSort, "S", "key.sort", Some(6)),
        binding(C::WebTab, &[char('u')], A::ShowUrls, "u", "key.urls", Some(5)),
        binding(C::WebTab, &[char('v')], A::NextView, "v", "key.view", Some(7)),
        binding(C::WebTab, &[char('x')], A::ClearLog, "x", "key.clear", Some(7)),
        binding(C::WebTab, &[char('F')], A::ForcePath, "F", "key.force", Some(7)),
        binding(C::WebTab, &[char('[')], A::ZoomOut, "[", "key.time_wider", None),
        binding(C::WebTab, &[char(']')], A::ZoomIn, "]", "key.time_narrower", None),
        binding(C::WebTab, &[], A::ZoomIn, "[]", "key.time_zoom", Some(7)),
        binding(C::WebTab, &[char('W')], A::FitTime, "W", "key.fit_time", Some(5)),
        binding(C::WebTab, &[char('s')], A::Export, "s", "key.export_log", None),
        binding(C::MailForm, &[key(KeyCode::F(5)), ctrl('s')], A::Send, "F5 ^S", "key.send", Some(0)),
        binding(C::MailForm, &[key(KeyCode::F(6)), ctrl('o')], A::NextFormPage, "F6 ^O", "key.mail_form_page", Some(3)),
        binding(C::MailForm, &[key(KeyCode::Tab)], A::NextPanel, "Tab", "key.next_field", Some(2)),
        binding(C::MailForm, &[key(KeyCode::BackTab)], A::PreviousPanel, "Shift-Tab", "key.previous_field", None),
        binding(C::MailForm, &[ctrl('c')], A::Quit, "^C", "key.quit", Some(u8::MAX)),
        binding(C::MailHeld, &[key(KeyCode::Enter)], A::SendHeld, "Enter", "key.mail_send_held", Some(0)),
        binding(C::MailHeld, &[key(KeyCode::F(7)), ctrl('o')], A::ToggleStepping, "F7 ^O", "key.mail_stepping", Some(3)),
        binding(C::MailHeld, &[ctrl('x')], A::QuitPolitely, "^X", "key.mail_quit", Some(4)),
        binding(C::MailHeld, &[ctrl('r')], A::Reveal, "^R", "key.mail_reveal", Some(5)),
        binding(C::MailHeld, &[key(KeyCode::Up)], A::Up, "↑", "key.up", None),
        binding(C::MailHeld, &[key(KeyCode::Down)], A::Down, "↓", "key.down", None),
        binding(C::MailHeld, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailHeld, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailHeld, &[key(KeyCode::Tab)], A::NextPanel, "Tab", "key.panels", Some(6)),
        binding(C::MailHeld, &[key(KeyCode::BackTab)], A::PreviousPanel, "Shift-Tab", "key.previous_panel", None),
        binding(C::MailHeld, &[ctrl('c')], A::Quit, "^C", "key.quit", Some(u8::MAX)),
        binding(C::MailDetail, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailDetail, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailDetail, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailDetail, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailDetail, &[], A::Down, "↑↓", "key.scroll", Some(3)),
        binding(C::MailDetail, &[key(KeyCode::Left)], A::Left, "←", "key.mail_line_before", None),
        binding(C::MailDetail, &[key(KeyCode::Right)], A::Right, "→", "key.mail_line_after", None),
        binding(C::MailDetail, &[], A::Right, "←→", "key.mail_lines", Some(2)),
        binding(C::MailDetail, &[key(KeyCode::Enter)], A::Open, "Enter", "key.on_wire", Some(2)),
        binding(C::MailDetail, &[char('h')], A::ToggleHex, "h", "key.hex", Some(4)),
        binding(C::MailDetail, &[char('r')], A::Reveal, "r", "key.mail_reveal", Some(4)),
        binding(C::MailCompose, &[key(KeyCode::Enter)], A::EditForm, "Enter", "key.mail_edit", Some(2)),
        binding(C::MailWaiting, &[key(KeyCode::Enter)], A::SendHeld, "Enter", "key.mail_send_held", Some(0)),
        binding(C::MailWaiting, &[char('e')], A::EditHeld, "e", "key.mail_edit_held", Some(1)),
        binding(C::MailDialogue, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailDialogue, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailDialogue, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailDialogue, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailDialogue, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::MailDialogue, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::MailDialogue, &[char('f')], A::Follow, "f", "key.follow", Some(6)),
        binding(C::MailDialogue, &[key(KeyCode::Enter)], A::Open, "Enter", "key.details", Some(2)),
        binding(C::MailDialogue, &[char('i')], A::ToggleExplained, "i", "key.mail_explained", Some(6)),
        binding(C::MailAsked, &[char('y')], A::Confirm, "y", "key.mail_confirm", Some(0)),
        binding(C::MailMessage, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailMessage, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailMessage, &[], A::Down, "↑↓", "key.scroll", Some(3)),
        binding(C::MailMessage, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailMessage, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailMessage, &[key(KeyCode::Home)], A::First, "Home", "key.first", None),
        binding(C::MailMessage, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::MailMessage, &[key(KeyCode::Right), key(KeyCode::Tab)], A::NextPage, "→ Tab", "key.next_page", None),
        binding(C::MailMessage, &[key(KeyCode::Left), key(KeyCode::BackTab)], A::PreviousPage, "← Shift-Tab", "key.previous_page", None),
        binding(C::MailMessage, &[], A::NextPage, "←→", "key.pages", Some(2)),
        binding(C::MailMessage, &[char('h')], A::ToggleHex, "h", "key.hex", Some(5)),
        binding(C::MailMessage, &[char('s')], A::SaveFile, "s", "key.mail_save_file", Some(4)),
        binding(C::MailMessage, &[char('d'), key(KeyCode::Delete)], A::RemoveTarget, "d", "key.mail_delete", Some(4)),
        binding(C::MailMessage, &[char('[')], A::PreviousMessage, "[", "key.mail_message_before", None),
        binding(C::MailMessage, &[char(']')], A::NextMessage, "]", "key.mail_message_after", None),
        binding(C::MailMessage, &[], A::NextMessage, "[]", "key.mail_messages", Some(5)),
        binding(C::MailMailbox, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailMailbox, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailMailbox, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailMailbox, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailMailbox, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::MailMailbox, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::MailMailbox, &[char('f')], A::Follow, "f", "key.follow", Some(6)),
        binding(C::MailMailbox, &[key(KeyCode::Enter)], A::Open, "Enter", "key.mail_read", Some(2)),
        binding(C::MailMailbox, &[char('/')], A::Filter, "/", "key.mail_search", Some(3)),
        binding(C::MailMailbox, &[char('d'), key(KeyCode::Delete)], A::RemoveTarget, "d", "key.mail_delete", Some(4)),
        binding(C::MailFaults, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailFaults, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailFaults, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailFaults, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailFaults, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::MailFaults, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::MailFaults, &[key(KeyCode::Enter)], A::Open, "Enter", "key.mail_switch", Some(2)),
        binding(C::MailFaults, &[char('a')], A::AddTarget, "a", "key.mail_add_fault", Some(3)),
        binding(C::MailFaults, &[char('d'), key(KeyCode::Delete)], A::RemoveTarget, "d", "key.mail_remove_fault", Some(4)),
        binding(C::MailFaults, &[char('0')], A::StartOver, "0", "key.mail_no_faults", Some(3)),
        binding(C::MailFaults, &[char('m')], A::ToggleMode, "m", "key.mail_end_of_data", Some(4)),
        binding(C::MailBoth, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailBoth, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailBoth, &[], A::Down, "↑↓", "key.scroll", Some(3)),
        binding(C::MailBoth, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailBoth, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailBoth, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::MailBoth, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::MailBoth, &[char('f')], A::Follow, "f", "key.follow", Some(6)),
        binding(C::MailBoth, &[key(KeyCode::Left)], A::Left, "←", "key.mail_older", None),
        binding(C::MailBoth, &[key(KeyCode::Right)], A::Right, "→", "key.mail_newer", None),
        binding(C::MailBoth, &[], A::Right, "←→", "key.mail_conversations", Some(2)),
        binding(C::MailWire, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::MailWire, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::MailWire, &[], A::Down, "↑↓", "key.scroll", Some(3)),
        binding(C::MailWire, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::MailWire, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::MailWire, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::MailWire, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::MailWire, &[char('f')], A::Follow, "f", "key.follow", Some(6)),
        binding(C::MailWire, &[key(KeyCode::Left)], A::Left, "←", "key.mail_older", None),
        binding(C::MailWire, &[key(KeyCode::Right)], A::Right, "→", "key.mail_newer", None),
        binding(C::MailWire, &[], A::Right, "←→", "key.mail_conversations", Some(2)),
        binding(C::MailTab, &[key(KeyCode::F(5)), ctrl('s')], A::Send, "F5 ^S", "key.send", Some(0)),
        binding(C::MailTab, &[char('e')], A::EditForm, "e", "key.mail_edit", Some(3)),
        binding(C::MailTab, &[key(KeyCode::F(6)), ctrl('o')], A::NextFormPage, "F6 ^O", "key.mail_form_page", None),
        binding(C::MailTab, &[char('p')], A::NextPreset, "p", "key.mail_preset", Some(5)),
        binding(C::MailTab, &[char('v')], A::NextView, "v", "key.view", Some(3)),
        binding(C::MailTab, &[char('o')], A::ToggleStepping, "o", "key.mail_stepping", Some(3)),
        binding(C::MailTab, &[char(':')], A::SendRaw, ":", "key.mail_raw", Some(4)),
        binding(C::MailTab, &[char('r')], A::Reveal, "r", "key.mail_reveal", Some(5)),
        binding(C::MailTab, &[char('n')], A::RetryNow, "n", "key.mail_retry_now", Some(7)),
        binding(C::MailTab, &[char('x')], A::QuitPolitely, "x", "key.mail_quit", Some(7)),
        binding(C::MailTab, &[char('X')], A::DropConnection, "X", "key.mail_drop", Some(8)),
        binding(C::MailTab, &[char('s')], A::SaveTranscript, "s", "key.mail_save", Some(7)),
        binding(C::MailTab, &[char('y'), char('c')], A::Copy, "y c", "key.mail_copy", Some(8)),
        binding(C::MailTab, &[char('[')], A::PreviousSending, "[", "key.mail_previous", None),
        binding(C::MailTab, &[char(']')], A::NextSending, "]", "key.mail_next", None),
        binding(C::MailTab, &[], A::NextSending, "[]", "key.mail_sendings", Some(8)),
        binding(C::WireBytes, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WireBytes, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WireBytes, &[key(KeyCode::Left)], A::Left, "←", "key.wire_byte_before", None),
        binding(C::WireBytes, &[key(KeyCode::Right)], A::Right, "→", "key.wire_byte_after", None),
        binding(C::WireBytes, &[], A::Right, "↑↓ ←→", "key.wire_bytes", Some(2)),
        binding(C::WireBytes, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::WireBytes, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::WireBytes, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::WireBytes, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::WireBytes, &[key(KeyCode::Enter)], A::Open, "Enter", "key.wire_to_lab", Some(2)),
        binding(C::WireLadder, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WireLadder, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WireLadder, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::WireLadder, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::WireLadder, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::WireLadder, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::WireLadder, &[key(KeyCode::Enter)], A::Open, "Enter", "key.wire_to_lab", Some(2)),
        binding(C::WireList, &[key(KeyCode::Up), char('k')], A::Up, "↑ k", "key.up", None),
        binding(C::WireList, &[key(KeyCode::Down), char('j')], A::Down, "↓ j", "key.down", None),
        binding(C::WireList, &[key(KeyCode::PageUp)], A::PageUp, "PgUp", "key.page_up", None),
        binding(C::WireList, &[key(KeyCode::PageDown)], A::PageDown, "PgDn", "key.page_down", None),
        binding(C::WireList, &[key(KeyCode::Home), char('g')], A::First, "Home g", "key.first", None),
        binding(C::WireList, &[key(KeyCode::End), char('G')], A::Last, "End G", "key.last", None),
        binding(C::WireList, &[key(KeyCode::Enter)], A::Open, "Enter", "key.wire_to_lab", Some(2)),
        binding(C::WireTab, &[char('.')], A::StepForward, ".", "key.wire_step_forward", None),
        binding(C::WireTab, &[char(',')], A::StepBack, ",", "key.wire_step_back", None),
        binding(C::WireTab, &[], A::StepForward, ",.", "key.wire_step", Some(2)),
        binding(C::WireTab, &[char('/')], A::Filter, "/", "key.filter", Some(3)),
        binding(C::WireTab, &[char('c')], A::OnlyConnection, "c", "key.wire_connection", Some(4)),
        binding(C::WireTab, &[char('l')], A::NextLoss, "l", "key.wire_next_trouble", Some(3)),
        binding(C::WireTab, &[char('h')], A::PreviousLoss, "h", "key.wire_previous_trouble", None),
        binding(C::WireTab, &[char('f')], A::Follow, "f", "key.follow", Some(4)),
        binding(C::WireTab, &[char('m')], A::Mark, "m", "key.mark", Some(6)),
        binding(C::WireTab, &[char('\'')], A::NextMark, "'", "key.wire_next_mark", None),
        binding(C::WireTab, &[char('n')], A::Note, "n", "key.note", Some(6)),
        binding(C::WireTab, &[char('d')], A::NextTimes, "d", "key.wire_times", Some(5)),
        binding(C::WireTab, &[char('x')], A::ClearLog, "x", "key.clear", Some(7)),
        binding(C::Replay, &[char('.')], A::StepForward, ".", "key.replay_step", Some(1)),
        binding(C::Replay, &[char('<')], A::Slower, "<", "key.replay_slower", None),
        binding(C::Replay, &[char('>')], A::Faster, ">", "key.replay_faster", None),
        binding(C::Replay, &[], A::Faster, "<>", "key.replay_speed", Some(1)),
        binding(C::Everywhere, &[char('w')], A::Capture, "w", "key.capture", Some(8)),
        binding(C::Everywhere, &[char(' ')], A::Freeze, "space", "key.freeze", Some(1)),
        binding(C::Everywhere, &[char('z')], A::Zoom, "z", "key.zoom", Some(5)),
        binding(C::Everywhere, &[key(KeyCode::Tab)], A::NextPanel, "Tab", "key.panels", Some(5)),
        binding(C::Everywhere, &[key(KeyCode::BackTab)], A::PreviousPanel, "Shift-Tab", "key.previous_panel", None),
        binding(C::Everywhere, &[char('t')], A::NextTheme, "t", "key.theme", Some(9)),
        binding(C::Everywhere, &[char('L')], A::NextLanguage, "L", "key.language", Some(9)),
        binding(C::Everywhere, &[char('M')], A::ToggleMouse, "M", "key.mouse", None),
        binding(
            C::Everywhere,
            &[char('1'), key(KeyCode::F(1))],
            A::FrontTab(0),
            "1 F1",
            "tab.ping",
            None,
        ),
        binding(
            C::Everywhere,
            &[char('2'), key(KeyCode::F(2))],
            A::FrontTab(1),
            "2 F2",
            "tab.web",
            None,
        ),
        binding(
            C::Everywhere,
            &[char('3'), key(KeyCode::F(3))],
            A::FrontTab(2),
            "3 F3",
            "tab.mail",
            None,
        ),
        binding(
            C::Everywhere,
            &[char('4'), key(KeyCode::F(4))],
            A::FrontTab(3),
            "4 F4",
            "tab.wire",
            None,
        ),
        binding(C::Everywhere, &[char('?')], A::Help, "?", "key.help", Some(u8::MAX)),
        binding(C::Everywhere, &[char('q'), ctrl('c')], A::Quit, "q", "key.quit", Some(u8::MAX)),
    ]
};

/// Whether this event is a key going down. Windows also reports keys going up; a repeat must not count twice.
pub fn is_press(event: &KeyEvent) -> bool {
    event.kind == KeyEventKind::Press
}

/// What a key asks for, given the contexts in force.
pub fn action_for(event: &KeyEvent, contexts: &[Context]) -> Option<Action> {
    // Shift is already in the character, and terminals differ in whether they tell it besides.
    let modifiers = event.modifiers.difference(KeyModifiers::SHIFT);
    BINDINGS
        .iter()
        .filter(|binding| in_force(binding, contexts))
        .find(|binding| binding.keys.contains(&Key(event.code, modifiers)))
        .map(|binding| binding.action)
}

/// The rows for the footer, in its order: what belongs to the moment first, `? help  q quit` last.
pub fn footer(contexts: &[Context]) -> Vec<&'static Binding> {
    let mut rows: Vec<_> = BINDINGS
        .iter()
        .filter(|binding| binding.footer.is_some() && in_force(binding, contexts))
        .collect();
    rows.sort_by_key(|binding| binding.footer);
    rows
}

/// The rows of one context for the help page: those that have keys of their own.
pub fn help(context: Context) -> impl Iterator<Item = &'static Binding> {
    BINDINGS
        .iter()
        .filter(move |binding| !binding.keys.is_empty() && binding.context == context)
}

/// Everywhere is everywhere but where keys are typed, and on the help page, which has few keys of its own and otherwise only lets go.
fn in_force(binding: &Binding, contexts: &[Context]) -> bool {
    if contexts.iter().any(|context| context.is_typed()) {
        return contexts.contains(&binding.context);
    }
    if contexts.contains(&Context::HelpPage) {
        let lets_go = matches!(binding.action, Action::Help | Action::Quit);
        return contexts.contains(&binding.context)
            || binding.context == Context::Everywhere && lets_go;
    }
    binding.context == Context::Everywhere || contexts.contains(&binding.context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Context; 33] = [
        Context::Everywhere,
        Context::Open,
        Context::PingTab,
        Context::Chart,
        Context::List,
        Context::Link,
        Context::Failed,
        Context::WebTab,
        Context::WebLog,
        Context::WebLanes,
        Context::WebServer,
        Context::WebDetail,
        Context::WebUrls,
        Context::WebSender,
        Context::MailTab,
        Context::MailCompose,
        Context::MailForm,
        Context::MailDialogue,
        Context::MailWaiting,
        Context::MailHeld,
        Context::MailDetail,
        Context::MailMailbox,
        Context::MailMessage,
        Context::MailFaults,
        Context::MailBoth,
        Context::MailWire,
        Context::PingDetail,
        Context::WireTab,
        Context::WireList,
        Context::WireLadder,
        Context::WireBytes,
        Context::Replay,
        Context::HelpPage,
    ];

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in ALL {
            let rows: Vec<_> = BINDINGS
                .iter()
                .filter(|binding| binding.context == context)
                .collect();
            for (index, row) in rows.iter().enumerate() {
                for other in &rows[index + 1..] {
                    let shared = row.keys.iter().find(|key| other.keys.contains(key));
                    assert_eq!(
                        shared, None,
                        "{:?} and {:?} in {context:?}",
                        row.action, other.action
                    );
                }
            }
        }
    }

    #[test]
    fn a_key_going_up_or_held_is_told_from_a_press() {
        let mut event = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
        assert!(is_press(&event));
        event.kind = KeyEventKind::Release;
        assert!(!is_press(&event));
        event.kind = KeyEventKind::Repeat;
        assert!(!is_press(&event));
    }

    #[test]
    fn the_footer_ends_in_help_and_quit_whatever_is_in_force() {
        for contexts in [
            &[][..],
            &[Context::PingTab, Context::Chart],
            &[Context::Failed, Context::Open],
        ] {
            let rows = footer(contexts);
            let last: Vec<_> = rows.iter().rev().take(2).map(|row| row.action).collect();
            assert_eq!(last, [Action::Quit, Action::Help]);
        }
    }

    #[test]
    fn shift_in_the_modifiers_does_not_matter_but_control_does() {
        let shifted = KeyEvent::new(KeyCode::Char('L'), KeyModifiers::SHIFT);
        assert_eq!(action_for(&shifted, &[]), Some(Action::NextLanguage));
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(
            action_for(&control, &[Context::PingTab]),
            Some(Action::Quit)
        );
        let plain = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE);
        assert_eq!(
            action_for(&plain, &[Context::PingTab]),
            Some(Action::CycleCount)
        );
        assert_eq!(action_for(&plain, &[]), None);
    }
}
