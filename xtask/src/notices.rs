//! The notices of other people's software in the product: the console's page *About* shows them.
//!
//! One line a package, from what cargo knows: name and version, licence (SPDX), where it is found.

use crate::tool;
use std::fs;
use std::process::ExitCode;

/// Where they are kept.
const FILE: &str = "crates/noroshi/src/console/assets/notices.tsv";

/// Writes them.
pub(crate) fn run() -> ExitCode {
    let written = found().and_then(|text| {
        let path = tool::root().join(FILE);
        fs::write(path, text).map_err(|error| format!("{FILE}: {error}"))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Compares them with what is built.
pub(crate) fn check() -> Result<(), String> {
    let kept = fs::read_to_string(tool::root().join(FILE)).map_err(|e| format!("{FILE}: {e}"))?;
    if found()? == kept {
        return Ok(());
    }
    Err(format!(
        "{FILE} is not what is built: run `cargo xtask notices`"
    ))
}

fn found() -> Result<String, String> {
    let words = [
        "tree",
        "--locked",
        "--package",
        "noroshi",
        "--edges",
        "normal",
        // What a host of another kind would need is not in it.
        "--target",
        "x86_64-unknown-linux-gnu",
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{p}\t{l}\t{r}",
    ];
    let output = tool::cargo(&words)
        .output()
        .map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(lines(&String::from_utf8_lossy(&output.stdout)))
}

/// Each package once, without our own.
fn lines(tree: &str) -> String {
    let mut lines: Vec<String> = tree
        .lines()
        // Our own packages stand with their folder, macros with a remark.
        .filter(|line| !line.contains(&*tool::root().to_string_lossy()) && !line.is_empty())
        .map(|line| line.replace(" (proc-macro)", ""))
        .collect();
    lines.sort();
    lines.dedup();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_stands_once_and_none_of_ours() {
        let own = tool::root().join("crates/core");
        let tree = format!(
            "noroshi-core v0.1.0 ({})\tApache-2.0\t\nb v2 (proc-macro)\tMIT\tx\n\na v1\tMIT\ty\nb v2\tMIT\tx\n",
            own.display()
        );
        assert_eq!(lines(&tree), "a v1\tMIT\ty\nb v2\tMIT\tx\n");
    }
}
