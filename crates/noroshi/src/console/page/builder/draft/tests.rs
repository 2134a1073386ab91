//! Forms as browsers send them, and as nobody's page does.

use super::*;

const ADDRESS: &str = "/root/cluster/mail/address";
const PASSWORD: &str = "/root/noroshi/mail/smtpsrv@0/password";

fn posted(pairs: &[(&str, &str)]) -> Posted {
    let base = "0".repeat(64);
    let mut all = vec![
        ("sheet".to_string(), "alert-service".to_string()),
        ("base".into(), base),
    ];
    all.extend(
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string())),
    );
    all
}

fn typed(pairs: &[(&str, &str)]) -> Result<(Draft, Vec<Typed>), String> {
    Draft::typed(&posted(pairs), Language::En)
}

fn change(path: &str, was: &str, now: &str) -> Change {
    Change::Value {
        path: path.into(),
        was: was.into(),
        now: now.into(),
    }
}

/// Rule: M26 M32
#[test]
fn a_draft_is_what_was_changed() {
    let auth = "/root/cluster/mail/smtp/smtpsrv@0/auth";
    let (draft, secrets) = typed(&[
        (&format!("was:{ADDRESS}"), "a@b.example\r\nc@d.example"),
        (ADDRESS, "a@b.example\r\nc@d.example\r\n"),
        ("was:/root/cluster/mail/subject", "old"),
        ("/root/cluster/mail/subject", " new "),
        (&format!("was:{auth}"), "1"),
        ("was:/root/cluster/dn1000s/use", "0"),
        ("/root/cluster/dn1000s/use", "1"),
        (&format!("was:{PASSWORD}"), "set"),
        (&format!("new:{PASSWORD}"), ""),
    ])
    .unwrap();
    assert_eq!(
        draft.changes,
        [
            change("/root/cluster/mail/subject", "old", "new"),
            change(auth, "1", "0"),
            change("/root/cluster/dn1000s/use", "0", "1"),
        ]
    );
    assert!(secrets.is_empty());
}

/// Rule: M12 M26
#[test]
fn addresses_typed_a_line_each_are_written_on_one() {
    let was = format!("was:{ADDRESS}");
    let (draft, _) = typed(&[
        (&was, "a@b.example"),
        (ADDRESS, "a@b.example,\r\n\r\n c@d.example\r\n"),
    ])
    .unwrap();
    assert_eq!(
        draft.changes,
        [change(ADDRESS, "a@b.example", "a@b.example, c@d.example")]
    );
}

/// Rule: M26 N18
#[test]
fn a_typed_secret_is_no_part_of_a_draft_and_a_plain_one_is_never_carried() {
    let was = format!("was:{PASSWORD}");
    let (draft, secrets) =
        typed(&[(&was, ""), (&format!("new:{PASSWORD}"), "sealed:1:00")]).unwrap();
    assert_eq!(draft.changes, []);
    assert_eq!(secrets[0].secret, "sealed:1:00");
    assert!(!draft.json().contains("sealed:1"));
    let (draft, _) = typed(&[(&was, ""), (&format!("sealed:{PASSWORD}"), "plain")]).unwrap();
    assert_eq!(draft.changes, []);
    let plain = format!(r#"[{{"do":"secret","path":"{PASSWORD}","sealed":"hunter2"}}]"#);
    let as_value = format!(r#"[{{"do":"value","path":"{PASSWORD}","was":"","now":"hunter2"}}]"#);
    for changes in [plain, as_value] {
        let carried = Draft::carried(&posted(&[("changes", &changes)]), Language::En);
        let why = carried.unwrap_err();
        assert!(
            why.contains("no field") && !why.contains("hunter2"),
            "{why}"
        );
    }
}

/// Rule: M26 M32
#[test]
fn a_form_that_is_not_ours_is_refused_in_words() {
    for (pairs, words) in [
        (
            &[("was:/root/cluster/mail/subject", "x")][..],
            "missing in the form",
        ),
        (
            &[("was:/root/noroshi/console/user@a/role", "view")],
            "no field",
        ),
        (&[("without:/root/cluster", "on")], "no field"),
        (
            &[("was:/root/server@a@b/device@20000/info", "")],
            "no field",
        ),
    ] {
        let why = typed(pairs).err().unwrap();
        assert!(why.contains(words), "{why}");
    }
    let twice = vec![change(ADDRESS, "a", "b"); CHANGES_MAX + 1];
    let many = serde_json::to_string(&twice).unwrap();
    for changes in ["", "{}", "[", "[1]", &many] {
        assert!(Draft::carried(&posted(&[("changes", changes)]), Language::Ja).is_err());
    }
    let none: Posted = Vec::new();
    assert!(
        Draft::carried(&none, Language::En)
            .unwrap_err()
            .contains("sheet")
    );
}

/// Rule: M26
#[test]
fn an_smtp_server_goes_whole_and_an_empty_row_is_none() {
    let server = |id: u32, leaf: &str| format!("/root/cluster/mail/smtp/smtpsrv@{id}/{leaf}");
    let (port, row) = (server(0, "port"), server(1, "priority"));
    let (draft, _) = typed(&[
        (&format!("was:{port}"), "25"),
        (&port, "587"),
        (&format!("was:{row}"), ""),
        (&row, "1"),
        ("without:/root/cluster/mail/smtp/smtpsrv@0", "on"),
    ])
    .unwrap();
    let path = "/root/cluster/mail/smtp/smtpsrv@0".to_string();
    assert_eq!(draft.changes, [Change::Without { path }]);
}

/// Rule: M32 N17
#[test]
fn a_draft_can_be_made_on_top_of_somebody_elses_change() {
    let theirs = b"<root><cluster><mail><subject>theirs</subject></mail></cluster></root>";
    let theirs = Document::read(theirs.to_vec()).unwrap();
    let (mut draft, _) = typed(&[]).unwrap();
    let subject = "/root/cluster/mail/subject";
    draft.changes = vec![change(subject, "old", "mine"), change(ADDRESS, "a@b", "")];
    let moved = draft.onto(&theirs, "new");
    assert_eq!(moved.changes, [change(subject, "theirs", "mine")]);
    assert_eq!(moved.base, "new");
}

/// Rule: M11 M26
#[test]
fn the_ticks_of_a_message_stand_in_one_text() {
    let message = "/root/messages/nm@2";
    let (mail, alert) = (format!("{message}/mail"), format!("{message}/alert"));
    let was = format!("was:{message}");
    let (draft, _) = typed(&[(&was, "01010"), (&alert, "1"), (&mail, "1")]).unwrap();
    let changes = [
        change(&alert, "0", "1"),
        change("/root/messages/nm@2/syslog", "1", "0"),
        change(&mail, "0", "1"),
        change("/root/messages/nm@2/trap", "1", "0"),
    ];
    assert_eq!(draft.changes, changes);
    for odd in ["", "1", "0000011111", "x"] {
        assert!(typed(&[(&was, odd)]).is_ok());
    }
}
