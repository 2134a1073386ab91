//! Tests that need something the host lacks.

/// Says that a test is skipped, and why.
///
/// # Panics
/// Where nothing may be skipped: with `NOROSHI_REQUIRE_ALL=1` in the environment.
pub fn skipped(why: &str) {
    let required = std::env::var("NOROSHI_REQUIRE_ALL").is_ok_and(|value| value == "1");
    assert!(!required, "NOROSHI_REQUIRE_ALL is set, but: {why}");
    eprintln!("skipped: {why}");
}

/// Whether `program` is on the search path; says that the test is skipped where not.
///
/// # Panics
/// As [`skipped`].
pub fn has_program(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|dir| dir.join(program).is_file());
    if !found {
        skipped(&format!("there is no {program}"));
    }
    found
}
