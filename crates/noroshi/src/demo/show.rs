//! The one loop of the demonstration.

use super::failure;
use super::keys::{self, Wish};
use super::news::{NEWS_MAX, News, Teller};
use super::plain::{Plain, verdict_words};
use super::plan::Plan;
use super::scene::Scene;
use super::stage::{Life, Stage};
use super::story::{Player, Verdict};
use super::view::{self, Look, Over, Paint};
use super::words;
use crate::exit::{Exit, Failure};
use noroshi_core::text::Language;
use noroshi_sim::scenario::{Happening, MailBehaviour};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};

/// Between two looks at the clock, for blinking and for the story.
const TICK: Duration = Duration::from_millis(20);
/// Least time between two pictures.
const PICTURE_PAUSE: Duration = Duration::from_millis(33);
/// Half a period of a blinking light, as the lamps have it.
const BLINK_HALF: Duration = Duration::from_millis(400);
/// News taken in before the next picture.
const NEWS_AT_ONCE_MAX: usize = 256;
/// How long a key may be waited for before looking whether the show is over.
const KEY_WAIT: Duration = Duration::from_millis(50);

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

/// The view's own things.
struct Screen {
    terminal: DefaultTerminal,
    look: Look,
    drawn: Instant,
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The signals that end it in order.
struct Signals([Signal; 3]);

impl Signals {
    fn catch(runtime: &Runtime) -> io::Result<Signals> {
        let _entered = runtime.enter();
        Ok(Signals([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
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
            true => Some(show.screen(&tell).map_err(io_failure)?),
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

    fn screen(&self, tell: &Teller) -> io::Result<Screen> {
        let terminal = ratatui::try_init()?;
        let tell = tell.clone();
        std::thread::spawn(move || follow_keys(&tell));
        Ok(Screen {
            terminal,
            look: Look {
                language: self.language,
                paint: Paint::from_environment(),
                server: self.scene.servers.len() - 1,
                mail: 0,
                over: Over::Nothing,
                lit: true,
                title: self
                    .player
                    .as_ref()
                    .map_or(String::new(), |player| player.title.clone()),
            },
            drawn: Instant::now() - PICTURE_PAUSE,
        })
    }

    fn say_title(&mut self) -> Result<(), Failure> {
        let title = self.player.as_ref().map(|player| player.title.clone());
        match (&mut self.plain, title) {
            (Some(plain), Some(title)) => plain.line(Instant::now(), &title),
            _ => Ok(()),
        }
    }

    async fn go_on(
        &mut self,
        news: &mut Receiver<News>,
        mut screen: Option<&mut Screen>,
    ) -> Result<Exit, Failure> {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            let mut come = Vec::new();
            tokio::select! {
                _ = ticks.tick() => {}
                _ = news.recv_many(&mut come, NEWS_AT_ONCE_MAX) => {}
            }
            let is_due = !come.is_empty();
            for one in come {
                if let (News::Key(key), Some(screen)) = (&one, screen.as_deref_mut()) {
                    match keys::press(*key, &mut screen.look, &self.scene) {
                        Wish::Nothing => {}
                        Wish::Quit => return Ok(Exit::Done),
                        Wish::Happen(happening) => {
                            let language = screen.look.language;
                            self.happen(&happening, language).await?;
                        }
                        Wish::Ask(server, request) => self.stage.ask(server, request),
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
                self.draw(screen, is_due)?;
            }
        }
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
            self.scene.fault = None;
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

    fn draw(&mut self, screen: &mut Screen, is_due: bool) -> Result<(), Failure> {
        let lit = (self.begun.elapsed().as_millis() / BLINK_HALF.as_millis()).is_multiple_of(2);
        let is_due = is_due || lit != screen.look.lit;
        if !is_due || screen.drawn.elapsed() < PICTURE_PAUSE {
            return Ok(());
        }
        screen.look.lit = lit;
        screen.look.mail = screen
            .look
            .mail
            .min(self.scene.mails.len().saturating_sub(1));
        screen.drawn = Instant::now();
        let drawn = screen
            .terminal
            .draw(|frame| view::draw(frame, &self.scene, &screen.look));
        drawn
            .map(drop)
            .map_err(|error| failure(Exit::Failed, &error.to_string()))
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

fn follow_keys(tell: &Teller) {
    while !tell.is_closed() {
        let news = match event::poll(KEY_WAIT) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(_) => return,
        };
        let news = match news {
            Ok(event::Event::Key(key)) => News::Key(key),
            Ok(event::Event::Resize(..)) => News::Resized,
            Ok(_) => continue,
            Err(_) => return,
        };
        if tell.blocking_send(news).is_err() {
            return;
        }
    }
}
