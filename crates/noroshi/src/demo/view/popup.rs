//! What is laid over the view: the keys explained, and one mail in full.

use super::Look;
use crate::demo::scene::Scene;
use crate::print::escaped;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Wrap};

const HELP_EN: &str = "\
1-9, ← →   select a server; the keys below are about it
k          kill its process (SIGKILL), as a crash would
s          stop it cleanly: its lamp goes out, nobody is woken
c          cut its network, or join it again
p          pause its process, or let it go on
b          bring it back, whatever happened to it
o          put its lamp out, as clpdn1000s does; another server does it
t          test its lamp: red, amber, green, then what it should show
m          let the inbox refuse mail, or take it again
r          raise an alert on it, as clplogcmd does
↑ ↓ Enter  select a mail, read it
l          English or Japanese        Esc  close        q  quit

Three real daemons run on loopback. The lamps are simulated, and speak
the real protocols of their makers. Nothing leaves this machine.
The console is a web page: open the link at the top, or type it.";
const HELP_JA: &str = "\
1-9, ← →   サーバを選択（以下のキーの対象）
k          プロセスを強制終了（SIGKILL）
s          正常停止（警告灯は消灯、メールは送信しない）
c          ネットワークを切断、または復旧
p          プロセスを一時停止、または再開
b          復帰させる
o          警告灯を消灯（clpdn1000s と同じ。別のサーバで実行）
t          警告灯のテスト（赤・黄・緑の後、本来の表示）
m          メールの受信を拒否、または再開
r          アラートを出力（clplogcmd と同じ）
↑ ↓ Enter  メールを選択して読む
l          日本語／英語        Esc  閉じる        q  終了

3 台分の本物のデーモンがループバック上で動いています。警告灯は
模擬ですが、各社の実際のプロトコルで動作します。
このマシンの外へは何も送信しません。
コンソールは Web ページです。上部のリンクをブラウザで開いてください。";

/// The keys, explained.
pub(super) fn help(frame: &mut Frame<'_>, area: Rect, look: &Look) {
    let text = look.language.pick(HELP_EN, HELP_JA);
    let lines: Vec<Line<'_>> = text.lines().map(Line::raw).collect();
    let title = look.language.pick(" Keys ", " キー ");
    lay(frame, area, title, lines, look, 0);
}

/// The selected mail.
pub(super) fn mail(frame: &mut Frame<'_>, area: Rect, scene: &Scene, look: &Look, from: u16) {
    let Some(shown) = scene.mails.get(look.mail) else {
        let text = look
            .language
            .pick("No mail yet.", "メールはまだありません。");
        return lay(frame, area, "", vec![Line::raw(text)], look, 0);
    };
    let mail = &shown.mail;
    let mut lines = Vec::new();
    for name in ["Date", "From", "To", "Subject", "Message-ID", "In-Reply-To"] {
        if let Some(value) = mail.header(name) {
            lines.push(Line::styled(
                format!("{name}: {}", escaped(&value)),
                look.paint.strong(),
            ));
        }
    }
    lines.push(Line::default());
    lines.extend(mail.body.lines().map(|line| Line::raw(escaped(line))));
    let title = look.language.pick(" Mail ", " メール ");
    lay(frame, area, title, lines, look, from);
}

fn lay(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    lines: Vec<Line<'_>>,
    look: &Look,
    from: u16,
) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0) as u16;
    let width = widest.saturating_add(4).min(area.width);
    // A line that does not fit is wrapped and may need one more row.
    let wrapped = lines
        .iter()
        .filter(|line| line.width() + 4 > usize::from(area.width));
    let height = (lines.len() + wrapped.count() + 2).min(usize::from(area.height)) as u16;
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(look.paint.selected())
        .title(title.to_owned())
        .padding(ratatui::widgets::Padding::horizontal(1));
    let paragraph = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .scroll((from, 0));
    frame.render_widget(Clear, over);
    frame.render_widget(paragraph.block(block), over);
}
