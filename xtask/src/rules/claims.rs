//! Which tests and scenarios say that they prove which rules.

use std::fs;
use std::path::Path;

use crate::tidy::files;

/// One test or scenario that names rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// File and line.
    pub(super) place: String,
    /// Name of the test function, or of the scenario.
    pub(super) test: String,
    /// The rules that it names.
    pub(super) rules: Vec<String>,
}

const MARK: &str = "/// Rule:";

/// Collects the claims below `crates/` and `scenarios/`.
pub(super) fn collect(root: &Path) -> Result<Vec<Claim>, String> {
    let mut claims = Vec::new();
    for path in files(root)? {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let read = || fs::read_to_string(root.join(&path)).map_err(|e| format!("{path:?}: {e}"));
        let place = path.display().to_string();
        if extension == Some("rs") && path.starts_with("crates") {
            claims.extend(of_source(&place, &read()?)?);
        } else if extension == Some("scn") && path.starts_with("scenarios") {
            claims.push(of_scenario(&place, &read()?));
        }
    }
    Ok(claims)
}

fn of_source(place: &str, text: &str) -> Result<Vec<Claim>, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut claims = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(ids) = line.strip_prefix(MARK) else {
            continue;
        };
        let place = format!("{place}:{}", at + 1);
        let test = test_around(&lines, at)
            .ok_or_else(|| format!("{place}: `{MARK}` stands before no test function"))?;
        claims.push(Claim {
            place,
            test,
            rules: words(ids),
        });
    }
    Ok(claims)
}

/// The name of the test function that the doc comment in line `at` belongs to: its comments and
/// attributes stand without a gap before `fn`, and one attribute makes it a test.
fn test_around(lines: &[&str], at: usize) -> Option<String> {
    let is_head = |line: &&str| line.starts_with("///") || line.starts_with("#[");
    let above = lines[..at].iter().rev().take_while(|line| is_head(line));
    let below = lines[at..].iter().take_while(|line| is_head(line)).count();
    let mut head = above.chain(&lines[at..at + below]);
    if !head.any(|line| line.starts_with("#[") && line.contains("test")) {
        return None;
    }
    let signature = lines.get(at + below)?;
    let name = signature.split("fn ").nth(1)?.split(['(', '<']).next()?;
    Some(name.trim().to_owned())
}

fn of_scenario(place: &str, text: &str) -> Claim {
    let (mut at, mut rules) = (1, Vec::new());
    for (line_at, line) in text.lines().enumerate() {
        if let Some(ids) = line.trim().strip_prefix("rules ") {
            at = line_at + 1;
            rules = words(ids);
            break;
        }
    }
    let test = Path::new(place)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Claim {
        place: format!("{place}:{at}"),
        test,
        rules,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ','])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_claims_what_its_comment_names() {
        let text = "/// Rule: N8 M1\n/// More words.\n#[tokio::test]\nasync fn it_holds() {\n";
        let claims = of_source("a.rs", text).unwrap();
        assert_eq!(claims.len(), 1);
        assert_eq!(claims[0].test, "it_holds");
        assert_eq!(claims[0].place, "a.rs:1");
        assert_eq!(claims[0].rules, ["N8", "M1"]);
    }

    #[test]
    fn the_attribute_may_stand_first() {
        let claims = of_source("a.rs", "#[test]\n/// Rule: N8\nfn it_holds() {\n").unwrap();
        assert_eq!(claims[0].test, "it_holds");
    }

    #[test]
    fn a_claim_on_something_that_is_no_test_is_refused() {
        for text in [
            "/// Rule: N8\nfn helper() {}\n",
            "/// Rule: N8\n\n#[test]\nfn apart() {}\n",
            "#[test]\nfn it() {\n    /// Rule: N8\n    let a = 1;\n",
        ] {
            assert!(
                of_source("a.rs", text).unwrap_err().contains("a.rs:"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_scenario_claims_in_its_head() {
        let claim = of_scenario(
            "scenarios/power_cut.scn",
            "# A story\nrules N2 M17\nat 3s x\n",
        );
        assert_eq!(claim.test, "power_cut");
        assert_eq!(claim.place, "scenarios/power_cut.scn:2");
        assert_eq!(claim.rules, ["N2", "M17"]);
        assert!(of_scenario("a.scn", "at 3s x\n").rules.is_empty());
    }
}
