//! One server: how the others see it, its lamp as a tower of three lights, its interconnects.

use super::{Look, Paint, lamp_words};
use crate::demo::scene::Scene;
use crate::demo::words;
use crate::print::{escaped, padded};
use noroshi_core::lamp::Glow;
use noroshi_core::status::PathStatus;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};

/// Rows of frame, state, tower and the lamp's name.
const ROWS_WITHOUT_PATHS: u16 = 8;
/// Interconnects that are shown in a column.
const PATHS_MAX: usize = 4;

/// Rows of a column.
pub(super) fn height(scene: &Scene) -> u16 {
    let paths = scene.servers.first().and_then(|server| {
        let status = server.status.as_ref()?;
        Some(
            status
                .servers
                .iter()
                .map(|server| server.paths.len())
                .max()?
                .min(PATHS_MAX),
        )
    });
    // Two until the first status has come, so that nothing jumps.
    ROWS_WITHOUT_PATHS + paths.unwrap_or(2).max(2) as u16
}

/// Draws one server as a column.
pub(super) fn column(frame: &mut Frame<'_>, area: Rect, scene: &Scene, look: &Look, server: usize) {
    let paint = look.paint;
    let is_selected = look.server == server;
    let mut title = vec![Span::styled(
        format!(
            "{}{} {} ",
            if is_selected { "▶" } else { " " },
            server + 1,
            scene.servers[server].name
        ),
        if is_selected {
            paint.selected()
        } else {
            paint.strong()
        },
    )];
    if scene.on_duty() == Some(scene.servers[server].name.as_str()) {
        title.push(Span::raw(look.language.pick("● on duty ", "● 通報担当 ")));
    }
    let block = Block::bordered()
        .border_type(if is_selected {
            BorderType::Thick
        } else {
            BorderType::Rounded
        })
        .border_style(if is_selected {
            paint.selected()
        } else {
            paint.faint()
        })
        .title(Line::from(title));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let mut lines = vec![state_line(scene, look, server)];
    lines.extend(tower(scene, look, server));
    let paths = scene.seen(server).map(|seen| seen.paths.as_slice());
    for path in paths.unwrap_or_default().iter().take(PATHS_MAX) {
        lines.push(path_line(path, look));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Draws every server as one line of words.
pub(super) fn words_only(frame: &mut Frame<'_>, area: Rect, scene: &Scene, look: &Look) {
    let line = |server: usize| {
        let one = &scene.servers[server];
        let mut line = state_line(scene, look, server);
        let mark = if look.server == server { "▶" } else { " " };
        let duty = scene.on_duty() == Some(one.name.as_str());
        let duty = if duty { "●" } else { " " };
        let name = Span::raw(format!("{mark}{} {} {duty} ", server + 1, one.name));
        line.spans.insert(0, name);
        let lamp = lamp_words(scene, server, look.language);
        line.spans.push(Span::raw(format!("  {lamp}")));
        line
    };
    let lines: Vec<Line<'_>> = (0..scene.servers.len()).map(line).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn state_line(scene: &Scene, look: &Look, server: usize) -> Line<'static> {
    let one = &scene.servers[server];
    let state = scene.seen(server).map(|seen| seen.state);
    let life = words::life(one.life, one.cut, look.language);
    let mut spans = vec![Span::styled(
        format!(" {}", words::state(state, look.language)),
        look.paint.state(state),
    )];
    if !life.is_empty() {
        spans.push(Span::styled(format!("  ({life})"), look.paint.warn()));
    }
    Line::from(spans)
}

/// The tower with its words beside it.
fn tower(scene: &Scene, look: &Look, server: usize) -> Vec<Line<'static>> {
    let one = &scene.servers[server];
    let lights = [one.lamp.red, one.lamp.amber, one.lamp.green];
    let is_out = lights == [Glow::Off; 3];
    let mut words = words::lights(one.lamp, look.language);
    if is_out {
        words[1] = Some(look.language.pick("OUT", "消灯"));
    }
    let mut lines = vec![Line::from(Span::styled("   ╭────╮", look.paint.faint()))];
    for (place, (glow, word)) in lights.into_iter().zip(words).enumerate() {
        let style = match glow {
            Glow::Off => look.paint.faint(),
            Glow::On | Glow::Blink => look.paint.light(place),
        };
        lines.push(Line::from(vec![
            Span::styled("   │", look.paint.faint()),
            light(glow, place, look.lit, look.paint),
            Span::styled("│ ", look.paint.faint()),
            Span::styled(word.unwrap_or_default(), style),
        ]));
    }
    lines.push(Line::from(vec![
        Span::styled("   ╰─┬┬─╯ ", look.paint.faint()),
        Span::styled(one.lamp_name, look.paint.faint()),
    ]));
    lines
}

fn light(glow: Glow, place: usize, lit: bool, paint: Paint) -> Span<'static> {
    match (glow, lit) {
        (Glow::On, _) | (Glow::Blink, true) => Span::styled("████", paint.light(place)),
        (Glow::Blink, false) => Span::styled("░░░░", paint.light(place)),
        (Glow::Off, _) => Span::styled("    ", paint.faint()),
    }
}

fn path_line(path: &PathStatus, look: &Look) -> Line<'static> {
    let language = look.language;
    let name = format!(" {} ", padded(&escaped(&path.name), 4));
    if path.unused {
        return Line::from(name + language.pick("unused", "未使用"));
    }
    let loss = format!("{}.{}%", path.loss_permille / 10, path.loss_permille % 10);
    let Some(ms) = path.silent_ms else {
        return Line::from(name + language.pick("not heard yet", "未受信"));
    };
    let heard = match ms {
        0..1_000 => format!("{ms} ms"),
        _ => format!("{}.{} s", ms / 1_000, ms / 100 % 10),
    };
    let words = match path.normal {
        true => language.pick(
            format!("♥ {heard} {loss} lost"),
            format!("♥ {heard} 損失{loss}"),
        ),
        false => language.pick(format!("SILENT {heard}"), format!("途絶 {heard}")),
    };
    let style = match path.normal {
        true => ratatui::style::Style::new(),
        false => look.paint.bad(),
    };
    Line::from(vec![Span::raw(name), Span::styled(words, style)])
}
