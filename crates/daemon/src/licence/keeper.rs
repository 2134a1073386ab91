//! The register of licences for the driver: read, joined and written on threads of their own.
//!
//! *Use.* [`found`] before the driver begins; then [`Keeper`], whose answers are
//! [`Event::Licences`]. Jobs run one after the other, in order; there is no thread while there is
//! none to do.
//!
//! *Failure.* A register or a signer's key that cannot be read counts as unknown (message 4), and the
//! log says why. What cannot be joined or written is said in the log and answered by nothing: who
//! waits for it names this server as one that does not have it.

use super::{LicenceError, Trust, register, registered_of, trust};
use crate::home::Home;
use crate::inbox::Inbox;
use crate::log;
use noroshi_conf::licence::Store;
use noroshi_core::config::ServerId;
use noroshi_core::event::{Event, Licences, LicencesRead};
use noroshi_core::licence::{Memory, Registered};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// Jobs that wait for their turn; one more is dropped, and said. A job takes milliseconds.
const JOBS_MAX: usize = 64;

/// What is registered in `home`; `None` when no licence is needed.
pub(crate) fn found(home: &Home) -> Option<Licences> {
    let found = read(home, LicencesRead::AtWork);
    (found.registered != Registered::NotNeeded).then_some(found)
}

/// Reads the register anew. Never fails: what cannot be read is unknown.
fn read(home: &Home, cause: LicencesRead) -> Licences {
    let unreadable = |error: LicenceError| {
        log::line(error.text(log::language()));
        (Registered::Unreadable, None, String::new())
    };
    let (registered, memory, register) = match trust(home) {
        Ok(Trust::NotNeeded) => (Registered::NotNeeded, None, String::new()),
        Err(error) => unreadable(error),
        Ok(Trust::Signers(signers)) => match register::read(home) {
            Ok(store) => (
                registered_of(&store, &signers),
                store.memory,
                store.shared(),
            ),
            Err(error) => unreadable(error),
        },
    };
    Licences {
        registered,
        memory,
        register: register.into(),
        cause,
    }
}

/// Does what the driver wants of the register.
pub(crate) struct Keeper {
    home: Home,
    inbox: Inbox,
    places: Arc<Semaphore>,
    /// Held by the job whose turn it is; they come in order.
    turn: Arc<Mutex<()>>,
}

impl Keeper {
    pub(crate) fn new(home: Home, inbox: Inbox) -> Keeper {
        Keeper {
            home,
            inbox,
            places: Arc::new(Semaphore::new(JOBS_MAX)),
            turn: Arc::default(),
        }
    }

    /// Reads the register; answered by [`Event::Licences`].
    pub(crate) fn read(&self, cause: LicencesRead) {
        self.work(move |home| Some(read(home, cause)));
    }

    /// Joins another server's registrations to ours.
    pub(crate) fn join(&self, from: ServerId, number: u64, text: String) {
        self.work(move |home| {
            let joined = join(home, &text);
            if let Err(error) = joined {
                let why = error.text(log::language());
                log::line(log::language().pick(
                    format!("licences of another server were not taken: {why}"),
                    format!("他のサーバのライセンスを登録できません: {why}"),
                ));
                return None;
            }
            Some(read(home, LicencesRead::Joined { from, number }))
        });
    }

    /// Writes down what must not be forgotten.
    pub(crate) fn remember(&self, memory: Memory) {
        self.work(move |home| {
            let written = register::update(home, |store| {
                store.memory = Some(memory);
                Ok::<_, LicenceError>(())
            });
            if let Err(error) = written {
                let why = error.text(log::language());
                log::line(log::language().pick(
                    format!("the time of the licences was not written down: {why}"),
                    format!("ライセンスの時刻を記録できません: {why}"),
                ));
            }
            None
        });
    }

    fn work(&self, job: impl FnOnce(&Home) -> Option<Licences> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            log::line(log::language().pick(
                "the register of licences is busy; a change was passed over",
                "ライセンスの登録処理が混み合っているため、変更を見送りました",
            ));
            return;
        };
        let (home, inbox, turn) = (self.home.clone(), self.inbox.clone(), self.turn.clone());
        tokio::spawn(async move {
            let (_place, _turn) = (place, turn.lock().await);
            let done = tokio::task::spawn_blocking(move || job(&home)).await;
            if let Ok(Some(licences)) = done {
                // The daemon has ended when this fails.
                let _ = inbox.send(Event::Licences(Box::new(licences))).await;
            }
        });
    }
}

/// Nothing is written when nothing is new.
fn join(home: &Home, text: &str) -> Result<(), LicenceError> {
    let fault = |fault| LicenceError::Fault("the other server's register".into(), fault);
    let theirs = Store::parse(text.as_bytes()).map_err(fault)?;
    register::update(home, |store| {
        store.join(&theirs);
        Ok(())
    })
}
