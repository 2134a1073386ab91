//! Licences at the issuer's desk, by the real commands.

mod common;
mod licence_support;

use licence_support::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Rule: N16
#[test]
fn a_signers_private_key_is_closed_and_never_replaced() {
    let desk = Desk::open();
    assert_eq!(desk.mode("issuer/licence-signer.key"), 0o600);
    ended(
        &desk.licence(&["signer", "new"]),
        1,
        "there is a key already",
    );
    let key = desk.path("issuer/licence-signer.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let issue = ["issue", "--kind", "product", "--servers", "2"];
    ended(&desk.licence(&issue), 4, "others can reach the private key");
}

/// Our signatures and keys, judged by somebody else's program.
///
/// Rule: N16
#[test]
fn openssl_verifies_a_licence_and_a_line_of_the_list() {
    if !noroshi_sim::has_program("openssl") {
        return;
    }
    let desk = Desk::open();
    desk.issue(&["--kind", "product", "--servers", "2"]);
    desk.issue(&["--kind", "product", "--servers", "2", "--sheet"]);
    let text = std::fs::read_to_string(desk.path("issuer/AAA0000001.licence")).unwrap();
    let (signed, signature) = text.split_once("signature: ").unwrap();
    assert!(openssl(&desk, signed, signature));
    assert!(!openssl(
        &desk,
        &signed.replace("servers: 2", "servers: 3"),
        signature
    ));
    let list = std::fs::read_to_string(desk.path("issuer/licence-keys")).unwrap();
    let (facts, signature) = list.lines().nth(1).unwrap().rsplit_once(' ').unwrap();
    assert!(openssl(
        &desk,
        &format!("noroshi issued key 1\n{facts}\n"),
        signature
    ));
    // openssl reads our private key, and finds the same public one.
    let key = desk.path("issuer/licence-signer.key");
    let public = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(key)
        .output()
        .unwrap();
    let ours = std::fs::read_to_string(desk.path("issuer/licence-signer.pub")).unwrap();
    let public = String::from_utf8(public.stdout).unwrap();
    assert!(!public.is_empty() && ours.ends_with(&public), "{public}");
}

fn openssl(desk: &Desk, signed: &str, signature: &str) -> bool {
    std::fs::write(desk.path("signed"), signed).unwrap();
    std::fs::write(
        desk.path("signature.b64"),
        format!("{}\n", signature.trim()),
    )
    .unwrap();
    let decoded = Command::new("openssl")
        .args(["base64", "-d", "-A", "-in"])
        .arg(desk.path("signature.b64"))
        .output()
        .unwrap();
    std::fs::write(desk.path("signature"), decoded.stdout).unwrap();
    let verified = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"])
        .arg(desk.path("issuer/licence-signer.pub"))
        .arg("-in")
        .arg(desk.path("signed"))
        .arg("-sigfile")
        .arg(desk.path("signature"))
        .output()
        .unwrap();
    verified.status.success()
}

/// Rule: N16
#[test]
fn ten_thousand_sheets_come_in_one_call_with_serial_numbers_in_a_row() {
    let desk = Desk::open();
    desk.issue(&[
        "--kind",
        "product",
        "--servers",
        "1",
        "--sheet",
        "--count",
        "10000",
    ]);
    let sheets = "AAA0000001-AAA0010000.sheets";
    assert_eq!(desk.mode(&format!("issuer/{sheets}")), 0o600);
    let text = std::fs::read_to_string(desk.path("issuer").join(sheets)).unwrap();
    let pages: Vec<&str> = text.split("\u{c}\n").collect();
    assert_eq!(pages.len(), 10_000);
    std::fs::write(desk.path("issuer/last.sheet"), pages[9_999]).unwrap();
    let (serial, key) = desk.sheet("last.sheet");
    assert_eq!(serial, "AAA0010000");
    let list = std::fs::read_to_string(desk.path("issuer/licence-keys")).unwrap();
    assert_eq!(list.lines().count(), 10_001);
    assert!(!list.contains(&key[..8]));
    let verified = desk.licence(&["verify", "last.sheet", "--keys", "licence-keys"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    desk.issue(&["--kind", "product", "--servers", "1", "--sheet"]);
    assert_eq!(desk.sheet("AAA0010001.sheet").0, "AAA0010001");
    let again = [
        "issue",
        "--kind",
        "product",
        "--servers",
        "1",
        "--serial",
        "AAA0000007",
    ];
    ended(&desk.licence(&again), 1, "were given out already");
}

/// Rule: N16
#[test]
fn days_that_make_no_sense_are_refused() {
    let desk = Desk::open();
    for (arguments, words) in [
        (&["--kind", "trial"][..], "need their last day"),
        (
            &["--kind", "product", "--until", "2099-12-31"],
            "does not end",
        ),
        (
            &[
                "--kind",
                "term",
                "--from",
                "2099-12-31",
                "--until",
                "2099-12-30",
            ],
            "before the first",
        ),
        (&["--kind", "term", "--until", "2001-01-01"], "over already"),
        (
            &["--kind", "term", "--until", "2099-02-29"],
            "a day such as",
        ),
    ] {
        let refused = desk.licence(&[&["issue", "--servers", "2"], arguments].concat());
        ended(&refused, 2, words);
    }
    assert!(!desk.path("issuer/licence-serial").exists());
}

/// Rule: N16
#[test]
fn verify_tells_the_genuine_from_the_rest() {
    let desk = Desk::open();
    desk.issue(&["--kind", "trial", "--servers", "2", "--until", "2099-12-31"]);
    desk.issue(&["--kind", "product", "--servers", "2", "--sheet"]);
    desk.give("licence-keys");
    for (file, words) in [
        ("AAA0000001.licence", "last day: 2099-12-31\ngenuine\n"),
        ("AAA0000002.sheet", "serial number: AAA0000002\n"),
        ("licence-keys", "genuine: issued keys: 1\n"),
    ] {
        let told = desk.licence(&["verify", file]);
        assert!(told.code == 0 && told.out.contains(words), "{told:?}");
    }
    let change = |file: &str, from: &str, to: &str| {
        let path = desk.path("issuer").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, text.replace(from, to)).unwrap();
    };
    change("AAA0000001.licence", "servers: 2", "servers: 9");
    change("AAA0000002.sheet", "servers: 2", "servers: 9");
    change("licence-keys", " 2 2", " 9 2");
    ended(
        &desk.licence(&["verify", "AAA0000001.licence"]),
        12,
        "wrong signature",
    );
    ended(
        &desk.licence(&["verify", "AAA0000002.sheet"]),
        19,
        "the sheet was changed",
    );
    ended(
        &desk.licence(&["verify", "licence-keys"]),
        12,
        "wrong signature",
    );
    ended(
        &desk.licence(&["verify", "licence-signer.pub"]),
        11,
        "licence-signer.pub:1: ",
    );
    ended(&desk.licence(&["verify", "nowhere"]), 5, "nowhere");
}
