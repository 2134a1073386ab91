//! The terminal of the live view: its picture, its keys, and its return to what it was.

use super::news::{News, Teller};
use super::scene::Scene;
use super::view::{self, Look, Over, Paint};
use noroshi_core::text::Language;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use std::io;
use std::time::{Duration, Instant};

/// Least time between two pictures.
const PICTURE_PAUSE: Duration = Duration::from_millis(33);
/// Half a period of a blinking light, as the lamps have it.
const BLINK_HALF: Duration = Duration::from_millis(400);
/// How long a key may be waited for before looking whether the show is over.
const KEY_WAIT: Duration = Duration::from_millis(50);

/// A terminal in the hands of the view. Dropped, it is as it was before.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    /// How the scene is looked at.
    pub(super) look: Look,
    begun: Instant,
    drawn: Instant,
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

impl Screen {
    /// Takes the terminal over; keys go to `tell`.
    ///
    /// # Errors
    /// When it cannot be taken over.
    pub(super) fn open(
        language: Language,
        servers: usize,
        title: String,
        tell: &Teller,
    ) -> io::Result<Screen> {
        let terminal = ratatui::try_init()?;
        let tell = tell.clone();
        std::thread::spawn(move || follow_keys(&tell));
        let now = Instant::now();
        Ok(Screen {
            terminal,
            look: Look {
                language,
                paint: Paint::from_environment(),
                server: servers.saturating_sub(1),
                mail: 0,
                over: Over::Nothing,
                lit: true,
                title,
            },
            begun: now,
            drawn: now,
        })
    }

    /// Draws the scene, where something is new or a light blinks; never too often.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&mut self, scene: &Scene, is_due: &mut bool) -> io::Result<()> {
        let lit = (self.begun.elapsed().as_millis() / BLINK_HALF.as_millis()).is_multiple_of(2);
        *is_due |= lit != self.look.lit;
        if !*is_due || self.drawn.elapsed() < PICTURE_PAUSE {
            return Ok(());
        }
        *is_due = false;
        self.look.lit = lit;
        self.look.mail = self.look.mail.min(scene.mails.len().saturating_sub(1));
        self.drawn = Instant::now();
        let look = &self.look;
        self.terminal
            .draw(|frame| view::draw(frame, scene, look))
            .map(drop)
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
