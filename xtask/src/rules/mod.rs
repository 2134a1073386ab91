//! `cargo xtask rules`: which test proves which rule of the product.
//!
//! The rules stand in `xtask/rules.txt`. A test claims rules with a doc comment `/// Rule: N8 M1`
//! before its `fn`, a scenario with a line `rules N8 M1`. It is an error when a rule marked `done`
//! has no test, when a claim names a rule that is not in the list, and when a claim belongs to no
//! test. What no tool can see is whether the test would fail without the rule: that is the review's.

mod claims;
mod list;

use crate::tool;
use claims::Claim;
use list::{Rule, Status};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Prints the table, then what is wrong.
pub(crate) fn run() -> ExitCode {
    match read().map(|(rules, claims)| (table(&rules, &claims), verdict(&rules, &claims))) {
        Ok((table, Ok(summary))) => {
            println!("{table}\n{summary}");
            ExitCode::SUCCESS
        }
        Ok((table, Err(faults))) => {
            println!("{table}");
            eprintln!("{faults}");
            ExitCode::FAILURE
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

/// The same without the table, for the check.
pub(crate) fn check() -> Result<(), String> {
    let (rules, claims) = read()?;
    match verdict(&rules, &claims) {
        Ok(summary) => {
            println!("{summary}");
            Ok(())
        }
        Err(faults) => {
            eprintln!("{faults}");
            Err(format!("{} faults", faults.lines().count()))
        }
    }
}

fn read() -> Result<(Vec<Rule>, Vec<Claim>), String> {
    let path = tool::root().join("xtask/rules.txt");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok((list::parse(&text)?, claims::collect(tool::root())?))
}

fn table(rules: &[Rule], claims: &[Claim]) -> String {
    let mut table = String::new();
    for rule in rules {
        let tests = tests_of(rule, claims);
        let Rule { id, status, title } = rule;
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{id:<4} {status:<4} {:>3} tests  {title}",
            tests.len()
        );
        for test in tests {
            let _ = writeln!(table, "                    {}: {}", test.place, test.test);
        }
    }
    table
}

/// One line when all is well, else a line for each fault.
fn verdict(rules: &[Rule], claims: &[Claim]) -> Result<String, String> {
    let mut faults = Vec::new();
    for claim in claims {
        if claim.rules.is_empty() {
            faults.push(format!("{}: names no rule", claim.place));
        }
        for id in &claim.rules {
            if !rules.iter().any(|rule| rule.id == *id) {
                faults.push(format!("{}: there is no rule {id}", claim.place));
            }
        }
    }
    for rule in rules {
        if rule.status == Status::Done && tests_of(rule, claims).is_empty() {
            faults.push(format!(
                "{} is marked done, but no test proves it: {}",
                rule.id, rule.title
            ));
        }
    }
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    let count = |status| rules.iter().filter(|rule| rule.status == status).count();
    Ok(format!(
        "{} rules done, each with a test; {} in part, {} open; {} tests and scenarios name rules",
        count(Status::Done),
        count(Status::Part),
        count(Status::Open),
        claims.len()
    ))
}

fn tests_of<'a>(rule: &Rule, claims: &'a [Claim]) -> Vec<&'a Claim> {
    claims
        .iter()
        .filter(|claim| claim.rules.contains(&rule.id))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, status: Status) -> Rule {
        Rule {
            id: id.into(),
            status,
            title: "a title".into(),
        }
    }

    fn claim(rules: &[&str]) -> Claim {
        let rules = rules.iter().map(|id| (*id).to_owned()).collect();
        Claim {
            place: "a.rs:1".into(),
            test: "a_test".into(),
            rules,
        }
    }

    #[test]
    fn a_done_rule_without_a_test_is_a_fault() {
        let rules = [rule("N1", Status::Done), rule("N2", Status::Open)];
        assert!(
            verdict(&rules, &[])
                .unwrap_err()
                .contains("N1 is marked done")
        );
        assert!(verdict(&rules, &[claim(&["N1"])]).is_ok());
    }

    #[test]
    fn a_rule_in_part_may_have_tests_or_not() {
        let rules = [rule("N7", Status::Part)];
        assert!(verdict(&rules, &[]).is_ok());
        assert!(verdict(&rules, &[claim(&["N7"])]).is_ok());
    }

    #[test]
    fn an_unknown_rule_and_an_empty_claim_are_faults() {
        let rules = [rule("N1", Status::Open)];
        assert!(
            verdict(&rules, &[claim(&["N1", "N99"])])
                .unwrap_err()
                .contains("N99")
        );
        assert!(
            verdict(&rules, &[claim(&[])])
                .unwrap_err()
                .contains("names no rule")
        );
    }

    #[test]
    fn the_projects_own_list_can_be_read() {
        let (rules, _) = read().unwrap();
        assert!(rules.len() > 50);
    }
}
