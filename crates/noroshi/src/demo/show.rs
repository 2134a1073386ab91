//! The one loop of the demonstration.

use super::failure;
use super::keys::{self, Wish};
use super::news::{NEWS_MAX, News};
use super::plain::{Plain, verdict_words};
use super::plan::Plan;
use super::scene::Scene;
use super::screen::Screen;
use super::signals::Signals;
use super::stage::{Life, Stage};
use super::story::{Player, Verdict};
use super::words;
use crate::exit::{Exit, Failure};
use noroshi_core::text::Language;
use noroshi_sim::scenario::{Happening, MailBehaviour};
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, Receiver};

/// Between two looks at the clock, for blinking and for the story.
const TICK: Duration = Duration::from_millis(20);
/// News taken in before the next picture.
const NEWS_AT_ONCE_MAX: usize = 256;

/// The demonstration while it runs.
pub(super) struct Show {
    stage: Stage,
    scene: Scene,
    player: Option<Player>,
    language: Language,
    /// When the story's time began.
    begun: Instant,
    plain: Option<Plain>,
    /// What became of the story's lines, for the end of a view.
    verdicts: Vec<Verdict>,
    could_not: Vec<String>,
}

impl Show {
    /// Runs it to its end on `runtime`; `begun` is when the command was called.
    pub(super) fn run(
        runtime: &Runtime,
        (plan, number): (Plan, u32),
        player: Option<Player>,
        is_view: bool,
        (language, begun): (Language, Instant),
    ) -> Result<Exit, Failure> {
        let io_failure = |error: io::Error| failure(Exit::Failed, &error.to_string());
        // Before anything is made that a signal would leave behind.
        let mut signals = Signals::catch(runtime).map_err(io_failure)?;
        let (tell, mut news) = mpsc::channel(NEWS_MAX);
        let servers = plan.servers.len();
        let stage = Stage::set(plan, number, &tell).map_err(io_failure)?;
        let mut show = Show {
            scene: Scene::new(&stage),
            stage,
            language,
            begun: if player.is_some() {
                Instant::now()
            } else {
                begun
            },
            plain: (!is_view).then(|| Plain::new(language, Instant::now(), servers)),
            player,
            verdicts: Vec::new(),
            could_not: Vec::new(),
        };
        let mut screen = match is_view {
            true => {
                let title = show.player.as_ref().map(|player| player.title.clone());
                let title = title.unwrap_or_default();
                let screen = Screen::open(language, servers, title, &tell);
                Some(screen.map_err(io_failure)?)
            }
            false => None,
        };
        show.say_title()?;
        let ended = runtime.block_on(async {
            tokio::select! {
                ended = show.go_on(&mut news, screen.as_mut()) => ended,
                () = signals.any() => Ok(Exit::Failed),
            }
        });
        // The terminal first, so that what is said now stays.
        drop(screen);
        // Whoever brings news sees that nobody takes them.
        drop(news);
        show.finish(ended)
    }

    fn say_title(&mut self) -> Result<(), Failure> {
        let title = self.player.as_ref().map(|player| player.title.clone());
        let Some(plain) = &mut self.plain else {
            return Ok(());
        };
        let console = &self.scene.console;
        let console = (!console.is_empty()).then(|| words::console(console, self.language));
        for line in title.iter().chain(&console) {
            plain.line(Instant::now(), line)?;
        }
        Ok(())
    }

    async fn go_on(
        &mut self,
        news: &mut Receiver<News>,
        mut screen: Option<&mut Screen>,
    ) -> Result<Exit, Failure> {
        let mut ticks = tokio::time::interval(TICK);
        let mut is_due = true;
        loop {
            let mut come = Vec::new();
            tokio::select! {
                _ = ticks.tick() => {}
                _ = news.recv_many(&mut come, NEWS_AT_ONCE_MAX) => {}
            }
            is_due |= !come.is_empty();
            for one in come {
                if let (News::Key(key), Some(screen)) = (&one, screen.as_deref_mut()) {
                    match keys::press(*key, &mut screen.look, &self.scene) {
                        Wish::Nothing => {}
                        Wish::Quit => return Ok(Exit::Done),
                        Wish::Happen(happening) => {
                            let language = screen.look.language;
                            match self.cannot(&happening, language) {
                                Some(why) => self.scene.said = why,
                                None => self.happen(&happening, language).await?,
                            }
                        }
                        Wish::Ask(server, _) if !self.stage.life(server).has_process() => {
                            let name = &self.scene.servers[server].name;
                            self.scene.said = words::no_process(name, screen.look.language);
                        }
                        Wish::Ask(server, request) => {
                            let what = words::request(&request, screen.look.language);
                            self.scene
                                .begin_fault(what, screen.look.server, Instant::now());
                            self.stage.ask(server, request);
                        }
                    }
                }
                if self.scene.take(&one)
                    && let Some(plain) = &mut self.plain
                {
                    plain.tell(&self.scene, &one)?;
                }
            }
            self.look_after()?;
            if self.play().await? {
                return Ok(Exit::Done);
            }
            if let Some(screen) = screen.as_deref_mut() {
                let drawn = screen.draw(&self.scene, &mut is_due);
                drawn.map_err(|error| failure(Exit::Failed, &error.to_string()))?;
            }
        }
    }

    /// Why a key does nothing now: only a server that runs can stop, pause or raise an alert.
    fn cannot(&self, happening: &Happening, language: Language) -> Option<String> {
        use Happening as H;
        let (H::Stops(name) | H::Suspended(name) | H::Resumes(name) | H::Raises(name, _)) =
            happening
        else {
            return None;
        };
        let server = self.stage.plan.servers.iter().position(|one| one == name)?;
        let runs = self.stage.life(server).has_process();
        (!runs).then(|| words::no_process(name, language))
    }

    /// Lets something happen, and says that it did.
    async fn happen(&mut self, happening: &Happening, language: Language) -> Result<(), Failure> {
        let at = Instant::now();
        let what = words::happening(happening, language);
        if let Some(name) = words::subject(happening)
            && let Some(server) = self.stage.plan.servers.iter().position(|one| one == name)
        {
            self.scene.begin_fault(what.clone(), server, at);
        } else {
            self.scene.end_fault();
        }
        if let Some(plain) = &mut self.plain {
            plain.line(at, &format!("▶ {what}"))?;
        }
        match self.stage.happen(happening).await {
            Ok(()) => {
                if let Happening::Mail(behaviour) = happening {
                    self.scene.mail_away = *behaviour != MailBehaviour::Accepts;
                }
            }
            Err(why) => {
                let why = format!("{what}: {why}");
                if let Some(player) = &mut self.player {
                    player.fail();
                    self.could_not.push(why.clone());
                }
                if let Some(plain) = &mut self.plain {
                    plain.line(at, &format!("✗ {why}"))?;
                }
                self.scene.said = why;
            }
        }
        self.scene.look_at(&self.stage);
        Ok(())
    }

    fn look_after(&mut self) -> Result<(), Failure> {
        let changed = self.stage.look_after();
        self.scene.look_at(&self.stage);
        if !changed {
            return Ok(());
        }
        for server in 0..self.scene.servers.len() {
            if self.stage.life(server) == Life::Failed && self.scene.said.is_empty() {
                let name = &self.scene.servers[server].name;
                let said = format!("{name}: {}", self.stage.last_words(server));
                if let Some(plain) = &mut self.plain {
                    plain.line(Instant::now(), &said)?;
                }
                self.scene.said = said;
            }
        }
        Ok(())
    }

    /// Goes on with the story; answers whether it is over and nobody watches.
    async fn play(&mut self) -> Result<bool, Failure> {
        let Some(player) = &mut self.player else {
            return Ok(false);
        };
        let now_ms = self.begun.elapsed().as_millis() as u64;
        for verdict in player.judge(now_ms, &self.scene) {
            if let Some(plain) = &mut self.plain {
                plain.verdict(&verdict)?;
            }
            self.verdicts.push(verdict);
        }
        let due = player.due(now_ms);
        let is_over = due.is_none() && player.is_over();
        if let Some((_, happening)) = due {
            self.happen(&happening, self.language).await?;
        }
        Ok(is_over)
    }

    /// Ends everything and says how the story ended.
    fn finish(self, ended: Result<Exit, Failure>) -> Result<Exit, Failure> {
        let Show {
            stage,
            player,
            plain,
            verdicts,
            could_not,
            language,
            ..
        } = self;
        drop(stage);
        let exit = ended?;
        let Some(player) = player else {
            return Ok(exit);
        };
        let is_whole = exit == Exit::Done && player.is_over();
        let mut out = crate::print::Out::new(language);
        if plain.is_none() {
            for verdict in &verdicts {
                crate::print::say!(out, "{}", verdict_words(verdict, language))?;
            }
            for why in could_not {
                crate::print::say!(out, "✗ {why}")?;
            }
        }
        let (kept, broken) = (player.kept, player.broken);
        let mut summary = language.pick(
            format!("{}: {kept} as expected, {broken} not", player.title),
            format!("{}: 期待どおり {kept} 件、相違 {broken} 件", player.title),
        );
        if !is_whole {
            summary += language.pick("; ended before its end", "（途中で終了）");
        }
        crate::print::say!(out, "{summary}")?;
        out.flush()?;
        Ok(match is_whole && broken == 0 {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }
}
