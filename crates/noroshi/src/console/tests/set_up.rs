//! The first user: one code makes one.

use super::*;
use crate::console::page::set_up::{First, make};
use crate::console::setup_code;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::{Extension, Form};

/// A console that has no user yet, a code for it, and the settings with a user.
async fn new_console() -> (Console, String, String) {
    let console = Console::with(Vec::new());
    let home = &console.app.home;
    std::fs::create_dir_all(home.var()).unwrap();
    let conf = std::fs::read_to_string(home.conf()).unwrap();
    let users = conf.find("<user").unwrap()..conf.find("</console>").unwrap();
    let mut without = conf.clone();
    without.replace_range(users, "");
    std::fs::write(home.conf(), without).unwrap();
    console.app.accounts.look().await;
    let code = setup_code::new(home).unwrap();
    (console, code, conf)
}

async fn answer(console: &Console, code: &str) -> Response {
    let given = First {
        code: code.into(),
        name: "anna".into(),
        password: "a long enough one".into(),
        again: "a long enough one".into(),
    };
    let who = Extension(visitor(Language::En, Role::View));
    make(State(console.app.clone()), who, Form(given)).await
}

/// Of two who use the code at once the second waits, and finds that there is a user.
///
/// Rule: N21
#[tokio::test]
async fn a_code_that_two_use_at_once_makes_one_user() {
    let (console, code, conf) = new_console().await;
    // The other one is through, between this one's look at the settings and its turn.
    std::fs::write(console.app.home.conf(), conf).unwrap();
    assert!(console.app.accounts.is_new());
    let answer = answer(&console, &code).await;
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers()[LOCATION].as_bytes()
        ),
        (303, &b"/sign-in"[..])
    );
}

/// Rule: N21
#[tokio::test]
async fn without_the_code_nobody_is_made_and_guesses_are_bounded() {
    let (console, code, _) = new_console().await;
    // This daemon takes no settings, which is where the right code leads.
    assert_eq!(answer(&console, &code).await.status(), 422);
    for _ in 0..10 {
        assert_eq!(
            answer(&console, "AAAAA-AAAAA-AAAAA-AAAAA").await.status(),
            403
        );
    }
    assert_eq!(answer(&console, &code).await.status(), 429);
}
