//! Files that must be refused, whole, with everything that is wrong in one answer.

use crate::helpers::{bad, good, lines, refused};
use noroshi_conf::finding::FINDINGS_MAX;
use noroshi_conf::{Problem, Severity};
use noroshi_core::text::Language;

/// Every fault of a file with many, with line, path, value and remedy, in the file's order. No
/// secret is among them, not even under a misspelt name.
///
/// Rule: N17 N18
#[test]
fn all_errors_come_in_one_answer() {
    let findings = refused(include_bytes!("../files/many_errors.conf"));
    let expected = include_str!("../files/many_errors.txt");
    assert_eq!(lines(&findings), expected);
    for finding in &findings {
        let (en, ja) = (
            finding.one_line(Language::En),
            finding.one_line(Language::Ja),
        );
        assert_ne!(en, ja);
        assert!(!ja.chars().any(char::is_control) && !en.chars().any(char::is_control));
        assert!(!en.contains("hunter2"));
    }
}

/// Rule: N17 M29
#[test]
fn broken_files_are_refused_in_words() {
    let bomb = "<?xml version=\"1.0\"?>\n<!DOCTYPE root [<!ENTITY a \"aaaaaaaaaa\">\
                <!ENTITY b \"&a;&a;&a;&a;\">]>\n<root>&b;</root>";
    for (text, line, problem) in [
        ("", 1, Problem::FileEmpty),
        ("\n\n", 1, Problem::FileEmpty),
        ("[cluster]\nname = c\n", 1, Problem::NotXml),
        ("<root>\n<cluster>\n<name>c</name>", 2, Problem::CutOff),
        ("<config/>", 1, Problem::RootWrong),
        (bomb, 2, Problem::Doctype),
        (
            "<?xml version='1.0' encoding='KOI8-R'?><root/>",
            1,
            Problem::CharsetUnknown,
        ),
    ] {
        let findings = refused(text.as_bytes());
        assert_eq!(findings.len(), 1, "{}", lines(&findings));
        assert_eq!(
            (findings[0].line, &findings[0].problem),
            (line, &problem),
            "{text}"
        );
        assert_eq!(findings[0].severity, Severity::Error);
    }
}

/// Rule: N17
#[test]
fn a_file_of_a_hundred_megabytes_is_refused_in_words() {
    let mut huge = b"<root>".to_vec();
    huge.resize(100_000_000, b'a');
    assert_eq!(
        lines(&refused(&huge)),
        "clp.conf:1: \"100000000 bytes\": the file is larger than 16777216 bytes. \
         Check that this is a clp.conf.\n"
    );
}

/// Rule: N17 N18
#[test]
fn unknown_elements_below_ours_are_refused_and_elsewhere_not() {
    let findings = bad(
        "<unknown><x/></unknown>",
        "<unknown/><noroshi><mial/><heartbeat><x/></heartbeat><port>1<x/></port></noroshi>",
    );
    assert_eq!(
        findings,
        "clp.conf:1: /root/noroshi/mial: there is no such setting. Did you mean mail? Correct or remove it.\n\
         clp.conf:1: /root/noroshi/heartbeat/x: there is no such setting. Remove it.\n\
         clp.conf:1: /root/noroshi/port/x: there is no such setting. Remove it.\n"
    );
}

/// Rule: N17
#[test]
fn a_setting_that_stands_twice_is_refused() {
    let findings = bad(
        "<mail><subject>a</subject>\n<subject>b</subject></mail>",
        "",
    );
    assert_eq!(
        findings,
        "clp.conf:2: /root/cluster/mail/subject: it stands in line 1 already. \
         Keep one of the two.\n"
    );
}

/// Rule: N17
#[test]
fn the_number_of_findings_is_bounded_and_the_bound_is_told() {
    let findings = refused(
        format!(
            "<root><noroshi>{}</noroshi></root>",
            "<x/>\n".repeat(19_000)
        )
        .as_bytes(),
    );
    assert_eq!(findings.len(), FINDINGS_MAX + 1);
    assert_eq!(
        findings.last().map(|f| &f.problem),
        Some(&Problem::MoreFindings)
    );
}

/// An engine that this release does not have would silently be another one.
///
/// Rule: N17 N18
#[test]
fn an_engine_that_there_is_not_is_refused_by_name() {
    use noroshi_core::config::Engine;
    let with = |engine: &str| format!("<noroshi><engine>{engine}</engine></noroshi>");
    assert_eq!(good("", "").engine, Engine::Embedded);
    assert_eq!(good("", &with("embedded")).engine, Engine::Embedded);
    assert_eq!(good("", &with("corosync")).engine, Engine::Corosync);
    for engine in ["pacemaker", "heartbeat"] {
        let said = bad("", &with(engine));
        for words in ["/root/noroshi/engine", engine, "embedded", "corosync"] {
            assert!(said.contains(words), "{words} in {said}");
        }
    }
}
