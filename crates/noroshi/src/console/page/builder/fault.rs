//! What is wrong with a draft, in words, beside the fields that it is about.

use super::field;
use noroshi_conf::document::Document;
use noroshi_conf::review::new_findings;
use noroshi_conf::{Finding, Problem, Severity};
use noroshi_core::text::Language;
use noroshi_daemon::home::Home;
use std::collections::BTreeMap;

/// The faults of one draft.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    by_field: BTreeMap<String, Vec<String>>,
    above: Vec<String>,
}

impl Faults {
    /// About the field at `path`; above, when there is none.
    pub(super) fn beside(&mut self, path: &str, text: String) {
        if field::kind(path).is_some() {
            self.by_field.entry(path.into()).or_default().push(text);
        } else {
            self.above(format!("{path}: {text}"));
        }
    }

    /// About no field.
    pub(super) fn above(&mut self, text: String) {
        self.above.push(text);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_field.is_empty() && self.above.is_empty()
    }

    /// What stands beside the field at `path`.
    pub(super) fn of(&self, path: &str) -> &[String] {
        self.by_field.get(path).map_or(&[], Vec::as_slice)
    }

    /// What stands above a page with only some of the fields.
    pub(super) fn not_on(&self, has: impl Fn(&str) -> bool) -> Vec<String> {
        let others = self.by_field.iter().filter(|(path, _)| !has(path));
        let others = others
            .flat_map(|(path, texts)| texts.iter().map(move |text| format!("{path}: {text}")));
        self.above.iter().cloned().chain(others).collect()
    }
}

/// Checks a changed file whole. Errors go into `faults`, also those that were there before: no server takes a
/// faulty set. The answer is what somebody should look at and is new.
pub(super) fn check(
    home: &Home,
    before: &Document,
    after: &Document,
    language: Language,
    faults: &mut Faults,
) -> Vec<String> {
    let mut open = |path: &str, text: &str| home.open_secret(path, text);
    let errors = match noroshi_conf::read_with(after.bytes(), &mut open) {
        Ok(_) => Vec::new(),
        Err(findings) => findings,
    };
    for finding in errors {
        if finding.severity == Severity::Error {
            faults.beside(&field_of(&finding), words(&finding, language));
        }
    }
    new_findings(before.bytes(), after.bytes())
        .iter()
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| finding.one_line(language))
        .collect()
}

/// The field that a finding is about: mostly the one that is called so.
fn field_of(finding: &Finding) -> String {
    let path = finding.path.as_str();
    if finding.problem == Problem::NoSmtpServer {
        return "/root/cluster/mail/sendtype".into();
    }
    match field::key(path, "lamp") {
        Some(server) if path.ends_with("/type") => {
            format!("/root/server@{server}/device@20000/type")
        }
        _ => path.to_string(),
    }
}

fn words(finding: &Finding, language: Language) -> String {
    let text = finding.text(language);
    if finding.value.is_empty() {
        return text;
    }
    format!("\"{}\": {text}", finding.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(inside: &str) -> Faults {
        let text = format!(
            "<root><cluster><name>c</name><dn1000s><use>1</use></dn1000s><mail>{inside}</mail></cluster>\
             <server name=\"a\"><priority>0</priority><device id=\"0\"><type>lan</type><info>10.0.0.1</info></device>\
             <device id=\"20000\"><info>10.0.0.9</info></device></server>\
             <noroshi><lamp name=\"a\"><type>candle</type></lamp></noroshi></root>"
        );
        let document = Document::read(text.into_bytes()).unwrap();
        let mut faults = Faults::default();
        let home = Home::at("/nowhere");
        check(&home, &document, &document, Language::En, &mut faults);
        faults
    }

    /// Rule: M26 M32
    #[test]
    fn a_finding_stands_beside_the_field_that_it_is_about() {
        let faults = faults("<address>a@b.example, nobody</address><sendtype>SMTP</sendtype>");
        for (field, words) in [
            (
                "/root/cluster/mail/address",
                "\"nobody\": not a mail address",
            ),
            ("/root/cluster/mail/sendtype", "SMTP server"),
            ("/root/server@a/device@20000/type", "\"candle\""),
        ] {
            let beside = faults.of(field);
            assert!(
                beside.len() == 1 && beside[0].contains(words),
                "{field}: {beside:?}"
            );
        }
        assert_eq!(faults.not_on(|_| true), Vec::<String>::new());
        assert_eq!(faults.not_on(|path| path.contains("mail")).len(), 1);
    }

    /// Also one that was there before: no server takes a faulty file.
    ///
    /// Rule: M26 N17
    #[test]
    fn a_fault_without_a_field_stands_above() {
        let faults = faults("<adress>a</adress></mail><mail>");
        let above = faults.not_on(|_| true);
        assert!(
            above
                .iter()
                .any(|line| line.starts_with("/root/cluster/mail: ")),
            "{above:?}"
        );
    }
}
