//! The story as lines, for pipes, logs and whoever cannot see the view.

use super::news::News;
use super::scene::Scene;
use super::story::Verdict;
use super::words;
use crate::exit::Failure;
use crate::print::{Out, escaped, say};
use noroshi_core::status::ServerState;
use noroshi_core::text::Language;
use std::time::Instant;

/// Tells the story line by line.
pub(super) struct Plain {
    out: Out,
    language: Language,
    begun: Instant,
    seen: Vec<Option<ServerState>>,
    was_all_up: bool,
}

impl Plain {
    /// A story that began at `begun`.
    pub(super) fn new(language: Language, begun: Instant, servers: usize) -> Plain {
        Plain {
            out: Out::new(language),
            language,
            begun,
            seen: vec![None; servers],
            was_all_up: false,
        }
    }

    /// One line, with the time since the beginning.
    ///
    /// # Errors
    /// When it cannot be written; quiet when nobody reads any more.
    pub(super) fn line(&mut self, at: Instant, text: &str) -> Result<(), Failure> {
        let since = at.saturating_duration_since(self.begun);
        say!(
            self.out,
            "{:>3}.{:03} s  {}",
            since.as_secs(),
            since.subsec_millis(),
            escaped(text)
        )?;
        self.out.flush()
    }

    /// What is new in the scene.
    ///
    /// # Errors
    /// As [`Plain::line`].
    pub(super) fn tell(&mut self, scene: &Scene, news: &News) -> Result<(), Failure> {
        let now = Instant::now();
        let language = self.language;
        match news {
            News::Status(..) | News::Silent(_) => self.changes(scene, now),
            News::Alert(_, alert) => {
                let text = format!(
                    "{} {} {}/{} {}: {}",
                    language.pick("alert", "アラート"),
                    words::severity(alert.severity, language),
                    alert.module,
                    alert.event,
                    alert.server,
                    alert.text
                );
                self.line(now, &text)
            }
            News::Lamp(lamp, look, at) => {
                let shown = words::lamp(*look, language);
                let whose: Vec<&str> = scene.lamp_servers(*lamp).collect();
                let whose = whose.join(", ");
                let mut text = language.pick(
                    format!("lamp of {whose}: {shown}"),
                    format!("{whose} の警告灯: {shown}"),
                );
                let fault = scene.fault.as_ref();
                if let Some(fault) =
                    fault.filter(|fault| scene.is_lamp_of(*lamp, fault.lamp) && *at >= fault.at)
                {
                    text += &self.after(at.saturating_duration_since(fault.at).as_millis());
                }
                self.line(*at, &text)
            }
            News::Mail(mail) => {
                let mut text = format!(
                    "{} {} → {}: {}",
                    language.pick("mail", "メール"),
                    sender(&mail.body),
                    mail.to.join(", "),
                    mail.subject
                );
                let after = scene.mails.front().and_then(|shown| shown.after);
                if let Some(after) = after {
                    text += &self.after(after.as_millis());
                }
                self.line(mail.arrived, &text)
            }
            News::Said(said) => self.line(now, said),
            News::Key(_) | News::Resized => Ok(()),
        }
    }

    /// What became of a line of the story.
    ///
    /// # Errors
    /// As [`Plain::line`].
    pub(super) fn verdict(&mut self, verdict: &Verdict) -> Result<(), Failure> {
        let text = verdict_words(verdict, self.language);
        self.line(Instant::now(), &text)
    }

    fn after(&self, ms: u128) -> String {
        self.language
            .pick(format!("  [after {ms} ms]"), format!("  [{ms} ms 後]"))
    }

    /// Servers that are seen otherwise than before.
    fn changes(&mut self, scene: &Scene, now: Instant) -> Result<(), Failure> {
        for at in 0..scene.servers.len() {
            let seen = scene.seen(at).map(|server| server.state);
            if seen != self.seen[at] && seen.is_some() {
                self.seen[at] = seen;
                let name = &scene.servers[at].name;
                let word = words::state(seen, self.language);
                let text = self.language.pick(
                    format!("{name} is seen: {word}"),
                    format!("{name} の状態: {word}"),
                );
                self.line(now, &text)?;
            }
        }
        if scene.was_all_up && !self.was_all_up {
            self.was_all_up = true;
            let text = self.language.pick("all up", "全サーバ正常");
            self.line(now, text)?;
        }
        Ok(())
    }
}

/// The server that sent a mail in the long form, in either language.
fn sender(body: &str) -> &str {
    let field = |line: &'static str| body.lines().find_map(move |one| one.strip_prefix(line));
    field("Sent by server: ")
        .or_else(|| field("送信サーバ: "))
        .unwrap_or("?")
        .trim_end()
}

/// What became of a line of the story, in words.
pub(super) fn verdict_words(verdict: &Verdict, language: Language) -> String {
    match verdict {
        Verdict::Kept(place, late_ms) => {
            let late = match late_ms {
                0..50 => String::new(),
                ms => language.pick(format!(" ({ms} ms late)"), format!("（{ms} ms 遅れ）")),
            };
            let ok = language.pick("as expected", "期待どおり");
            format!("✓ {ok}{late}: {}", place.text)
        }
        Verdict::Broken(place, instead) => {
            let not = language.pick("NOT AS EXPECTED", "期待と異なります");
            format!("✗ {not}: line {}: {}: {instead}", place.number, place.text)
        }
    }
}
