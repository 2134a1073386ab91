//! Source text reduced to what the compiler sees: no comments, no contents of strings, no tests.
//!
//! Not a parser: enough of Rust's lexical rules to keep lines where they were and to find the end
//! of an item. Text that does not lex (it would not compile) is reduced somehow, never a panic.

/// The same text with comments and the contents of strings and character literals blanked out.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = blank_until(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(
                chars[at..end]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn blank_until(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let after_name = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let length = match rest {
        ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest),
        ['r', '"' | '#', ..] if !after_name => raw_string(rest, 1).unwrap_or(0),
        ['b' | 'c', 'r', '"' | '#', ..] if !after_name => raw_string(rest, 2).unwrap_or(0),
        ['\'', '\\', ..] => quoted(rest),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    };
    at + length
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a literal between two equal quotes, with escapes.
fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != rest[0] {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Length of a raw string whose `#`s begin at `hashes_at`; `None` for a raw identifier.
fn raw_string(rest: &[char], hashes_at: usize) -> Option<usize> {
    let hashes = rest[hashes_at..].iter().take_while(|c| **c == '#').count();
    let open = hashes_at + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        rest[*at] == '"'
            && rest[at + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
    };
    Some(
        (open + 1..rest.len())
            .find(closes)
            .map_or(rest.len(), |at| at + 1 + hashes),
    )
}

/// Code (of [`code_only`]) with every item under `#[test]` or `#[cfg(test)]` blanked out.
pub(super) fn without_tests(code: &str) -> String {
    let mut product = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = next_test(rest) {
        let end = start + item_length(&rest[start..]);
        product.push_str(&rest[..start]);
        product.extend(rest[start..end].chars().filter(|c| *c == '\n'));
        rest = &rest[end..];
    }
    product + rest
}

/// Where the next attribute stands that makes an item a test or part of tests.
fn next_test(code: &str) -> Option<usize> {
    code.match_indices("#[").map(|(at, _)| at).find(|at| {
        let attribute = &code[*at..*at + code[*at..].find(']').unwrap_or(0)];
        let inside = attribute.trim_start_matches("#[");
        inside.starts_with("test")
            || inside.starts_with("tokio::test")
            || (inside.starts_with("cfg(") && words(inside).any(|word| word == "test"))
                && !inside.contains("not(test")
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Length of an item with its attributes: up to the end of its first block, or its `;`.
fn item_length(code: &str) -> usize {
    let (mut braces, mut others) = (0i32, 0i32);
    for (at, c) in code.char_indices() {
        match c {
            '{' => braces += 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            _ => {}
        }
        if (c == '}' && braces <= 0) || (c == ';' && braces == 0 && others == 0) {
            return at + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_stay() {
        let text = "a /* x /* y */\n z */ b // c\n\"d \\\" e\" f 'g' '\\'' h";
        let code = code_only(text);
        assert_eq!(code.lines().count(), text.lines().count());
        let left: String = code.split_whitespace().collect();
        assert_eq!(left, "abfh");
    }

    #[test]
    fn raw_strings_end_where_their_hashes_say() {
        let code = code_only("x r#\"a \" b\"# y br\"c\" z r#type bar\"d\"");
        let left: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(left, ["x", "y", "z", "r#type", "bar"]);
    }

    #[test]
    fn a_lifetime_is_no_character() {
        let text = "fn f<'a>(x: &'a str) -> &'a str { x }";
        assert_eq!(code_only(text), text);
    }

    #[test]
    fn text_that_does_not_end_is_no_panic() {
        for text in [
            "\"a",
            "/* a",
            "r#\"a",
            "'\\",
            "b'",
            "#[test",
            "#[cfg(test)] mod a {",
        ] {
            without_tests(&code_only(text));
        }
    }

    #[test]
    fn tests_are_taken_out_and_what_follows_stays() {
        let code = "fn a() {}\n#[cfg(test)]\nmod t {\n fn b() { {} }\n}\nfn c() {}\n\
                    #[cfg(all(test, unix))]\nuse d::{e};\nfn f() {}\n#[cfg(not(test))]\nfn g() {}";
        let left = without_tests(code);
        assert_eq!(left.lines().count(), code.lines().count());
        for (name, stays) in [
            ("a", true),
            ("b", false),
            ("c", true),
            ("f", true),
            ("g", true),
        ] {
            assert_eq!(
                left.contains(&format!("fn {name}()")),
                stays,
                "{name}: {left}"
            );
        }
        assert!(!left.contains("d::"), "{left}");
    }
}
