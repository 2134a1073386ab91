//! The list of rules: a line each of id, status, title.

use std::fmt;

/// One rule of the product.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// `M…` from the manual, `N…` our own.
    pub(super) id: String,
    /// How far it is built.
    pub(super) status: Status,
    /// What it is about, in a few words.
    pub(super) title: String,
}

/// How far a rule is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Built and proved by at least one test.
    Done,
    /// Built in part; its tests prove that part.
    Part,
    /// Not built.
    Open,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Done => "done",
            Status::Part => "part",
            Status::Open => "open",
        })
    }
}

/// Reads the list; an error names the line.
pub(super) fn parse(text: &str) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let rule = rule(line).ok_or_else(|| {
            format!(
                "rules.txt:{}: not `ID done|part|open TITLE`: {line}",
                at + 1
            )
        })?;
        if rules.iter().any(|other| other.id == rule.id) {
            return Err(format!(
                "rules.txt:{}: {} stands there twice",
                at + 1,
                rule.id
            ));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn rule(line: &str) -> Option<Rule> {
    let mut words = line.split_whitespace();
    let id = words.next().filter(|id| is_id(id))?.to_owned();
    let status = match words.next()? {
        "done" => Status::Done,
        "part" => Status::Part,
        "open" => Status::Open,
        _ => return None,
    };
    let title = words.collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then_some(Rule { id, status, title })
}

fn is_id(word: &str) -> bool {
    word.strip_prefix(['M', 'N'])
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_id_status_title() {
        let rules = parse("# head\n\nN8  done  Written, then sent\n").unwrap();
        let title = "Written, then sent".to_owned();
        assert_eq!(
            rules,
            [Rule {
                id: "N8".into(),
                status: Status::Done,
                title
            }]
        );
    }

    #[test]
    fn a_faulty_or_second_line_is_refused_with_its_number() {
        for bad in [
            "X8 done a title",
            "N8 ready a title",
            "N8 done",
            "N done a title",
        ] {
            assert!(parse(bad).unwrap_err().contains("rules.txt:1"), "{bad}");
        }
        assert!(parse("N8 done a\nN8 open b").unwrap_err().contains("twice"));
    }
}
