//! The live view: one column a server with its lamp, below them alerts, mails, and the keys.
//!
//! *Use.* [`draw`] draws a [`Scene`] as a [`Look`] wants it; it reads nothing else, so that tests
//! draw into a buffer.
//!
//! Everything is said in words as well as in colour. In a small terminal the lamps become words
//! first, then lists give way; nothing panics at any size.

mod lists;
mod paint;
mod popup;
mod server;

use super::scene::Scene;
use super::words;
use crate::print::escaped;
use noroshi_core::text::Language;
pub(super) use paint::Paint;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Fewest columns of a server that is drawn with its lamp.
const COLUMN_WIDTH_MIN: u16 = 24;
/// Fewest rows with drawn lamps; below it they are words.
const DRAWN_HEIGHT_MIN: u16 = 21;

/// Most lines of keys.
const KEY_LINES_MAX: usize = 2;

/// What is laid over the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing.
    Nothing,
    /// The keys, explained.
    Help,
    /// The selected mail, from this line on.
    Mail(u16),
}

/// How the scene is looked at.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Language of the view.
    pub(super) language: Language,
    /// Colours, if wanted.
    pub(super) paint: Paint,
    /// The server that keys are about.
    pub(super) server: usize,
    /// The mail that Enter opens, from the newest.
    pub(super) mail: usize,
    /// What is laid over the view.
    pub(super) over: Over,
    /// Blinking lights are lit just now.
    pub(super) lit: bool,
    /// The story's title, while one is played.
    pub(super) title: String,
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, scene: &Scene, look: &Look) {
    let area = frame.area();
    let keys = keys(look, area.width);
    let keys_height = keys.len() as u16;
    let column = area.width / (scene.servers.len().max(1) as u16);
    let is_drawn = area.height >= DRAWN_HEIGHT_MIN && area.width >= COLUMN_WIDTH_MIN;
    let servers_height = match is_drawn {
        true => server::height(scene),
        false => scene.servers.len() as u16,
    };
    // A link that is cut leads nowhere.
    let console = words::console(&scene.console, look.language);
    let console = Line::styled(format!(" {console}"), look.paint.faint());
    let has_console = is_drawn
        && area.height > DRAWN_HEIGHT_MIN
        && !scene.console.is_empty()
        && console.width() <= usize::from(area.width);
    let [head, link, servers, alerts, mails, fault, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(has_console)),
        Constraint::Length(servers_height),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(1),
        Constraint::Length(keys_height),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(header(scene, look)), head);
    if has_console {
        frame.render_widget(Paragraph::new(console), link);
    }
    if is_drawn {
        columns(frame, servers, scene, look, column);
    } else {
        server::words_only(frame, servers, scene, look);
    }
    lists::alerts(frame, alerts, scene, look);
    lists::mails(frame, mails, scene, look);
    frame.render_widget(Paragraph::new(last_fault(scene, look)), fault);
    frame.render_widget(Paragraph::new(keys), foot);
    match look.over {
        Over::Nothing => {}
        Over::Help => popup::help(frame, area, look),
        Over::Mail(from) => popup::mail(frame, area, scene, look, from),
    }
}

/// As many columns as fit, around the selected server.
fn columns(frame: &mut Frame<'_>, area: Rect, scene: &Scene, look: &Look, column: u16) {
    let fit = (area.width / column.max(COLUMN_WIDTH_MIN)).max(1) as usize;
    let count = scene.servers.len();
    let first = (look.server + 1).saturating_sub(fit).min(count);
    let shown = first..(first + fit).min(count);
    let cells = Layout::horizontal(shown.clone().map(|_| Constraint::Fill(1))).split(area);
    for (server, cell) in shown.zip(cells.iter()) {
        server::column(frame, *cell, scene, look, server);
    }
}

fn header(scene: &Scene, look: &Look) -> Line<'static> {
    let paint = look.paint;
    let language = look.language;
    let mut spans = vec![
        Span::styled(" noroshi ", paint.title()),
        Span::raw(language.pick("demo", "デモ")),
    ];
    if !look.title.is_empty() {
        spans.push(Span::raw(format!(": {}", escaped(&look.title))));
    }
    spans.push(Span::raw("   "));
    spans.push(if scene.is_all_up() {
        Span::styled(language.pick("all up", "全サーバ正常"), paint.good())
    } else if !scene.was_all_up {
        Span::raw(language.pick("starting …", "起動中 …"))
    } else {
        Span::styled(language.pick("not all up", "異常あり"), paint.bad())
    });
    if scene.mail_away {
        spans.push(Span::raw("   "));
        let text = language.pick("inbox refuses mail", "メール受信拒否中");
        spans.push(Span::styled(text, paint.warn()));
    }
    Line::from(spans)
}

/// How soon the last fault was told, or what could not be done.
fn last_fault(scene: &Scene, look: &Look) -> Line<'static> {
    let paint = look.paint;
    let language = look.language;
    if !scene.said.is_empty() {
        return Line::from(Span::styled(
            format!(" {}", escaped(&scene.said)),
            paint.warn(),
        ));
    }
    let Some(fault) = &scene.fault else {
        let text = language.pick(
            " Select a server with 1 2 3, then kill it with k.",
            " 1 2 3 でサーバを選び、k で強制終了してみてください。",
        );
        return Line::from(Span::styled(text, paint.faint()));
    };
    let time = |name: &str, after: Option<std::time::Duration>| match after {
        Some(after) => format!("{name} {} ms", after.as_millis()),
        None => format!("{name} …"),
    };
    Line::from(vec![
        Span::raw(format!(" {}: ", escaped(&fault.what))),
        Span::styled(
            format!(
                "{}, {}",
                time(language.pick("lamp", "警告灯"), fault.lamp_after),
                time(language.pick("mail", "メール"), fault.mail_after)
            ),
            paint.strong(),
        ),
    ])
}

/// The keys on at most two lines; where not all fit, those that lead on.
fn keys(look: &Look, width: u16) -> Vec<Line<'static>> {
    let keys: [(&str, &str, &str); 14] = [
        ("1-9", "server", "サーバ"),
        ("k", "kill", "強制終了"),
        ("s", "stop", "停止"),
        ("c", "cut", "切断"),
        ("p", "pause", "一時停止"),
        ("b", "back", "復帰"),
        ("o", "lamp out", "消灯"),
        ("t", "lamp test", "灯テスト"),
        ("m", "mail on/off", "メール可否"),
        ("r", "raise", "通報"),
        ("Enter", "read", "本文"),
        ("?", "help", "説明"),
        ("l", "日本語", "English"),
        ("q", "quit", "終了"),
    ];
    let lines = key_lines(&keys, look, width);
    if lines.len() <= KEY_LINES_MAX {
        return lines;
    }
    let few = ["1-9", "k", "b", "?", "q"];
    let few: Vec<_> = keys
        .into_iter()
        .filter(|(key, ..)| few.contains(key))
        .collect();
    key_lines(&few, look, width)
        .into_iter()
        .take(KEY_LINES_MAX)
        .collect()
}

fn key_lines(keys: &[(&str, &str, &str)], look: &Look, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    for (key, en, ja) in keys {
        let name = look.language.pick(*en, *ja);
        let spans = [
            Span::styled(format!(" {key}"), look.paint.key()),
            Span::raw(format!(" {name} ")),
        ];
        let wide: usize = spans.iter().map(Span::width).sum();
        let last = lines.len() - 1;
        if lines[last].width() + wide > usize::from(width) && lines[last].width() > 0 {
            lines.push(Line::default());
        }
        let last = lines.len() - 1;
        lines[last].spans.extend(spans);
    }
    lines
}

/// A look in words, for tests and small terminals.
fn lamp_words(scene: &Scene, server: usize, language: Language) -> String {
    words::lamp(scene.servers[server].lamp, language)
}

#[cfg(test)]
mod tests;
