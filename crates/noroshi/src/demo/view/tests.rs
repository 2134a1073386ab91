use super::*;
use crate::demo::scene::{MailScene, ServerScene};
use crate::demo::stage::Life;
use noroshi_core::alert::{AlertId, Severity};
use noroshi_core::lamp::Look as Shows;
use noroshi_core::status::{PathStatus, ServerState, ServerStatus, Status};
use noroshi_core::time::WallTime;
use noroshi_daemon::control::AlertLine;
use noroshi_sim::inbox::Mail;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn status(own: &str, states: &[ServerState]) -> Box<Status> {
    let server = |(at, state): (usize, &ServerState)| ServerStatus {
        name: format!("sv{}", at + 1),
        own: own == format!("sv{}", at + 1),
        state: *state,
        last_word: None,
        paths: ["lan1", "lan2"]
            .map(|name| PathStatus {
                name: name.into(),
                comment: String::new(),
                normal: *state == ServerState::Up,
                unused: false,
                silent_ms: Some(18),
                loss_permille: 3,
            })
            .to_vec(),
        lamp: None,
        drift: false,
        set: None,
    };
    Box::new(Status {
        cluster: "demo".into(),
        server: own.into(),
        time: WallTime(0),
        engine: noroshi_core::config::Engine::Embedded,
        blind: None,
        advice: Vec::new(),
        servers: states.iter().enumerate().map(server).collect(),
        on_duty: Some("sv1".into()),
        notices_waiting: 0,
        waiting: Vec::new(),
        backlog: false,
        store_trouble: None,
        lamps_used: true,
        licence: None,
        pacemaker: None,
    })
}

/// Three servers, the last of which was killed: its lamp blinks and a mail came.
fn killed() -> Scene {
    use ServerState::{Down, Up};
    let server = |n: usize| ServerScene {
        name: format!("sv{n}"),
        life: if n == 3 { Life::Killed } else { Life::Runs },
        cut: false,
        status: (n != 3).then(|| status(&format!("sv{n}"), &[Up, Up, Down])),
        lamp_name: "PATLITE HTTP",
        lamp: if n == 3 {
            Shows::RED_BLINK
        } else {
            Shows::GREEN
        },
        alerts: Default::default(),
    };
    let mut scene = Scene::of((1..=3).map(server).collect(), vec![0, 1, 2]);
    scene.was_all_up = true;
    scene.begin_fault("sv3 is killed".into(), 2, Instant::now());
    if let Some(fault) = &mut scene.fault {
        fault.lamp_after = Some(Duration::from_millis(162));
        fault.mail_after = Some(Duration::from_millis(171));
    }
    scene.alerts.push_front(AlertLine {
        row: 1,
        id: AlertId("a".into()),
        received: WallTime(0),
        time: WallTime(0),
        server: "sv1".into(),
        module: "nm".into(),
        event: 2,
        severity: Severity::Error,
        text: "Server sv3 is down\u{1b}[2J".into(),
        about: Some("sv3".into()),
        notices: Vec::new(),
        acknowledged: None,
    });
    scene.mails.push_front(MailScene {
        mail: Arc::new(Mail {
            number: 1,
            arrived: Instant::now(),
            from: "noroshi@demo.example".into(),
            to: vec!["ops@example.com".into()],
            raw: b"Subject: down\r\n\r\nx".to_vec(),
            subject: "demo Server sv3 is down".into(),
            body: "Message: Server sv3 is down.\nHost: sv1\n".into(),
        }),
        after: Some(Duration::from_millis(171)),
    });
    scene
}

fn look(language: Language) -> Look {
    Look {
        language,
        paint: Paint { colours: true },
        server: 2,
        mail: 0,
        over: Over::Nothing,
        lit: true,
        title: String::new(),
    }
}

fn terminal(width: u16, height: u16, scene: &Scene, look: &Look) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, scene, look)).unwrap();
    terminal
}

/// The screen's rows; the second cell of a wide character is empty and left out.
fn rows(width: u16, height: u16, scene: &Scene, look: &Look) -> String {
    let terminal = terminal(width, height, scene, look);
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..height {
        let mut skip = 0;
        for x in 0..width {
            let symbol = buffer[(x, y)].symbol();
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = Span::raw(symbol).width().saturating_sub(1);
            text.push_str(symbol);
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_view_says_everything_in_words_at_80_by_24() {
    let text = rows(80, 24, &killed(), &look(Language::En));
    for words in [
        "1 sv1 ● on duty",
        "▶3 sv3",
        "DOWN  (killed)",
        "│████│ RED BLINK",
        "│████│ GREEN",
        "lan1 ♥ 18 ms 0.3% lost",
        "lan2 SILENT 18 ms",
        "nm/2",
        "ERROR",
        "+171 ms ops@example.com demo Server sv3 is down",
        "sv3 is killed: lamp 162 ms, mail 171 ms",
        "q quit",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "what comes in is data\n{text}");
}

#[test]
fn the_view_speaks_japanese() {
    let text = rows(80, 24, &killed(), &look(Language::Ja));
    for words in [
        "● 通報担当",
        "ダウン  (強制終了)",
        "赤点滅",
        "受信メール",
        "q 終了",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    let widths: Vec<usize> = text.lines().map(|row| Span::raw(row).width()).collect();
    assert!(
        widths.iter().all(|width| *width == 80),
        "{widths:?}\n{text}"
    );
}

#[test]
fn a_small_terminal_still_names_every_lamp() {
    let text = rows(44, 12, &killed(), &look(Language::En));
    assert!(text.contains("sv3    DOWN  (killed)  RED BLINK"), "{text}");
    assert!(text.contains("sv1 ●  UP  GREEN"), "{text}");
    assert!(text.contains("Alerts") && text.contains("q quit"), "{text}");
}

#[test]
fn no_size_is_a_panic() {
    let (scene, mut look) = (killed(), look(Language::Ja));
    for over in [Over::Nothing, Over::Help, Over::Mail(3)] {
        look.over = over;
        for (width, height) in [(1, 1), (2, 30), (300, 2), (23, 60), (79, 20), (120, 40)] {
            terminal(width, height, &scene, &look);
        }
    }
    let many: Vec<ServerScene> = (0..9).map(|_| scene.servers[0].clone()).collect();
    let many = Scene::of(many, (0..9).collect());
    look.server = 8;
    let text = rows(80, 24, &many, &look);
    assert!(text.contains("▶9 "), "the selected server is shown\n{text}");
}

#[test]
fn a_blinking_light_goes_dark_and_a_steady_one_does_not() {
    let (scene, mut look) = (killed(), look(Language::En));
    look.lit = false;
    let text = rows(80, 24, &scene, &look);
    assert!(
        text.contains("│░░░░│ RED BLINK") && text.contains("│████│ GREEN"),
        "{text}"
    );
}

/// <https://no-color.org>
#[test]
fn without_colours_none_is_used_and_the_words_are_the_same() {
    let (scene, mut look) = (killed(), look(Language::En));
    let coloured = rows(80, 24, &scene, &look);
    look.paint = Paint { colours: false };
    assert_eq!(rows(80, 24, &scene, &look), coloured);
    let terminal = terminal(80, 24, &scene, &look);
    let cells = &terminal.backend().buffer().content;
    let plain = |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(cells.iter().all(plain));
}

#[test]
fn a_mail_is_read_in_full_and_the_keys_are_explained() {
    let (scene, mut look) = (killed(), look(Language::En));
    look.over = Over::Mail(0);
    let text = rows(80, 24, &scene, &look);
    assert!(
        text.contains("Subject: down") && text.contains("Host: sv1"),
        "{text}"
    );
    look.over = Over::Help;
    let text = rows(80, 24, &scene, &look);
    assert!(text.contains("as clpdn1000s does"), "{text}");
}

/// Story: Escape and `b` typed quickly came as one key, Alt and b; the mail stayed open, and the next `q`
/// closed it instead of ending the demonstration.
#[test]
fn escape_and_a_key_in_quick_succession_are_both_taken() {
    use crate::demo::keys::press;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let scene = killed();
    let mut look = look(Language::En);
    look.over = Over::Mail(0);
    press(
        KeyEvent::new(KeyCode::Char('1'), KeyModifiers::ALT),
        &mut look,
        &scene,
    );
    assert_eq!((look.over, look.server), (Over::Nothing, 0));
}

/// Rule: N20 N21
#[test]
fn the_way_to_the_console_stands_whole_or_not_at_all() {
    let mut scene = killed();
    let link = "http://127.200.1.1:29003/set-up#ABCDE-FGHJK-LMNPQ-RSTUV";
    scene.console = link.into();
    let shown = |width, height| rows(width, height, &scene, &look(Language::En));
    assert!(shown(80, 24).contains(&format!(" console: {link}")));
    for (width, height) in [(60, 40), (80, 21)] {
        assert!(!shown(width, height).contains("http:"));
    }
}
