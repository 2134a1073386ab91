//! The first user: one code makes one.

use super::*;
use crate::console::page::set_up::{First, make};
use crate::console::setup_code;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::{Extension, Form};

/// Of two who use the code at once the second waits, and finds that there is a user.
///
/// Rule: N21
#[tokio::test]
async fn a_code_that_two_use_at_once_makes_one_user() {
    let console = Console::with(Vec::new());
    let home = &console.app.home;
    let conf = std::fs::read_to_string(home.conf()).unwrap();
    let (begin, end) = (
        conf.find("<user").unwrap(),
        conf.find("</console>").unwrap(),
    );
    std::fs::create_dir_all(home.var()).unwrap();
    std::fs::write(home.conf(), format!("{}{}", &conf[..begin], &conf[end..])).unwrap();
    console.app.accounts.look().await;
    let code = setup_code::new(home).unwrap();
    // The other one is through, between this one's look at the settings and its turn.
    std::fs::write(home.conf(), &conf).unwrap();
    assert!(console.app.accounts.is_new());
    let given = First {
        code,
        name: "anna".into(),
        password: "a long enough one".into(),
        again: "a long enough one".into(),
    };
    let who = Extension(visitor(Language::En, Role::View));
    let answer = make(State(console.app.clone()), who, Form(given)).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()[LOCATION]),
        (303, &"/sign-in".parse().unwrap())
    );
}
