//! The end that has the archive: a child process writes it, its output goes out in pages.
//!
//! A process of its own, so that reading and compressing cost the daemon neither memory nor time, and
//! one that hangs on a dead disk holds up nobody. It is this same executable, at the lowest priority.

use super::{ASK_WAIT, DELIVERIES_MAX, FILL_WAIT, PAGE_BYTES_MAX, PageMessage, State};
use crate::collect::{self, Scope};
use crate::engine::Wires;
use crate::home::Home;
use crate::log::levels::takes;
use crate::log::{self, Level, Part};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A server asks for a page.
pub(super) fn asked(wires: &Arc<Wires>, server: &str, id: u64, scope: Scope, page: u64) {
    let key = (server.to_owned(), id);
    let failed = |why: &str| {
        let state = State::Failed(why.to_owned());
        say(wires, server, &PageMessage::Page { id, page, state });
    };
    let mut deliveries = wires.pages.deliveries();
    if let Some(asks) = deliveries.get(&key) {
        // A second question while the first is being answered is not needed.
        let _ = asks.try_send(page);
    } else if page > 0 {
        failed("the collection is not known any more");
    } else if deliveries.len() >= DELIVERIES_MAX {
        failed("too many collections are under way on it; try again");
    } else if let Some(home) = wires.pages.home.get().cloned() {
        let (asks, asking) = mpsc::channel(1);
        let _ = asks.try_send(page);
        deliveries.insert(key.clone(), asks);
        let delivery = Delivery {
            wires: Arc::clone(wires),
            key,
        };
        tokio::spawn(delivery.run(home, scope, asking));
    } else {
        failed("it delivers no logs");
    }
}

fn say(wires: &Wires, server: &str, message: &PageMessage) {
    // Without a link nobody is there; what finds no room is asked for again.
    let _ = wires.links().page(server, message.line());
}

/// One archive for one server; forgotten when it is dropped.
struct Delivery {
    wires: Arc<Wires>,
    key: (String, u64),
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.wires.pages.deliveries().remove(&self.key);
    }
}

impl Delivery {
    async fn run(self, home: Home, scope: Scope, mut asking: mpsc::Receiver<u64>) {
        let (server, id) = &self.key;
        if takes(Part::Control, Level::Info) {
            let scope = scope.word();
            log::keep_line(log::language().pick(
                format!("{server} collects the logs of this server ({scope})"),
                format!("{server} がこのサーバのログを採取します（{scope}）"),
            ));
        }
        let mut archive = start(collect::command(&home, &self.wires.plan().own_name, scope)).await;
        // The page that goes out next, and the one before it as it went.
        let (mut next, mut piece, mut sent) = (0, Vec::new(), None);
        while let Ok(Some(page)) = timeout(ASK_WAIT, asking.recv()).await {
            let state = if page < next {
                sent.clone().unwrap_or(State::Wait)
            } else {
                let state = match &mut archive {
                    Ok((child, output)) => fill(child, output, &mut piece).await,
                    Err(error) => State::Failed(error.to_string()),
                };
                if let State::More(_) = state {
                    next = page + 1;
                    sent = Some(state.clone());
                }
                state
            };
            let id = *id;
            say(&self.wires, server, &PageMessage::Page { id, page, state });
        }
    }
}

/// Reads the next page of the child's output; what was read before a `Wait` stays in `piece`.
async fn fill(child: &mut Child, output: &mut ChildStdout, piece: &mut Vec<u8>) -> State {
    let filled = timeout(FILL_WAIT, async {
        while piece.len() < PAGE_BYTES_MAX {
            let room = (PAGE_BYTES_MAX - piece.len()) as u64;
            if (&mut *output).take(room).read_buf(piece).await? == 0 {
                break;
            }
        }
        if piece.is_empty() {
            return child.wait().await.map(Some);
        }
        io::Result::Ok(None)
    });
    match filled.await {
        Err(_) => State::Wait,
        Ok(Err(error)) => State::Failed(error.to_string()),
        Ok(Ok(None)) => {
            let text = BASE64_STANDARD.encode(&*piece);
            piece.clear();
            State::More(text)
        }
        Ok(Ok(Some(status))) if status.success() => State::End,
        Ok(Ok(Some(status))) => State::Failed(format!("its clplogcc ended with {status}")),
    }
}

/// Starting a program can hang on a dead disk, so a thread does that.
async fn start(mut command: Command) -> io::Result<(Child, ChildStdout)> {
    let spawned = tokio::task::spawn_blocking(move || command.spawn()).await;
    // The closure does not panic, and nobody cancels it.
    let mut child = spawned.unwrap_or_else(|error| Err(io::Error::other(error)))?;
    let output = child.stdout.take();
    let output = output.ok_or_else(|| io::Error::other("a child without output"))?;
    Ok((child, output))
}
