//! The alerts and the mails, newest first.

use super::Look;
use crate::demo::scene::Scene;
use crate::demo::words;
use crate::print::{escaped, padded};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use noroshi_core::notice::Channel;
use noroshi_core::time::WallTime;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

/// The alerts of the cluster.
pub(super) fn alerts(frame: &mut Frame<'_>, area: Rect, scene: &Scene, look: &Look) {
    let title = look.language.pick(" Alerts ", " アラート ");
    let rows = area.height.saturating_sub(1) as usize;
    let lines = scene.alerts.iter().take(rows).map(|alert| {
        let severity = words::severity(alert.severity, look.language);
        let mut style = look.paint.severity(alert.severity);
        if alert.notices.iter().any(|one| one.channel == Channel::Mail) {
            // Somebody was called for it.
            style = look.paint.mailed(alert.severity);
        }
        Line::from(vec![
            Span::styled(format!(" {} ", clock(alert.time)), look.paint.faint()),
            Span::raw(format!("{} ", padded(&escaped(&alert.server), 4))),
            Span::styled(padded(severity, 6), style),
            Span::styled(
                padded(&format!("{}/{}", escaped(&alert.module), alert.event), 9),
                look.paint.faint(),
            ),
            Span::styled(format!(" {}", escaped(&alert.text)), style),
        ])
    });
    list(frame, area, title, lines.collect(), look);
}

/// The mails that came.
pub(super) fn mails(frame: &mut Frame<'_>, area: Rect, scene: &Scene, look: &Look) {
    let title = look.language.pick(" Inbox ", " 受信メール ");
    let rows = area.height.saturating_sub(1) as usize;
    let first = (look.mail + 1).saturating_sub(rows);
    let shown = scene.mails.iter().enumerate().skip(first).take(rows);
    let lines = shown.map(|(at, shown)| {
        let after = shown
            .after
            .map_or(String::new(), |after| format!("+{} ms", after.as_millis()));
        let is_selected = at == look.mail;
        let style = match is_selected {
            true => look.paint.selected(),
            false => ratatui::style::Style::new(),
        };
        Line::from(vec![
            Span::styled(if is_selected { "›" } else { " " }, style),
            Span::styled(format!("{after:>10} "), look.paint.strong()),
            Span::raw(format!("{} ", escaped(&shown.mail.to.join(", ")))),
            Span::styled(escaped(&shown.mail.subject), style),
        ])
    });
    list(frame, area, title, lines.collect(), look);
}

fn list(frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'_>>, look: &Look) {
    let block = Block::new()
        .borders(Borders::TOP)
        .border_style(look.paint.faint())
        .title(Span::styled(title.to_owned(), look.paint.title()));
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// The time of day, to the millisecond: in a demonstration all is today.
fn clock(time: WallTime) -> String {
    match Timestamp::from_millisecond(time.0) {
        Ok(time) => {
            let time = time.to_zoned(TimeZone::system());
            time.strftime("%H:%M:%S.%3f").to_string()
        }
        Err(_) => String::new(),
    }
}
