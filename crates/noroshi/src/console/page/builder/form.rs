//! The fields of a form as HTML: each with what it showed, what was typed, and what is wrong with it.

use super::draft::{Change, Sheet};
use super::fault::Faults;
use super::field;
use super::work::Running;
use crate::console::visitor::Visitor;
use maud::{Markup, PreEscaped, html};
use noroshi_conf::document::Document;

/// A form that is being written.
pub(super) struct Form<'a> {
    pub(super) visitor: &'a Visitor,
    pub(super) running: &'a Running,
    pub(super) changes: &'a [Change],
    pub(super) faults: &'a Faults,
}

/// A word of a choice: its value, and what is shown.
pub(super) type Word<'w> = (&'w str, &'w str);

impl Form<'_> {
    pub(super) fn document(&self) -> &Document {
        &self.running.document
    }

    pub(super) fn pick<T>(&self, en: T, ja: T) -> T {
        self.visitor.pick(en, ja)
    }

    /// The form around `fields`.
    pub(super) fn around(&self, sheet: &Sheet, fields: &Markup) -> Markup {
        html! {
            form.builder method="post" action="/builder/preview" {
                input type="hidden" name="sheet" value=(sheet.name());
                input type="hidden" name="base" value=(self.running.base);
                (fields)
                p.actions {
                    button.primary type="submit" { (self.pick("Check and preview", "確認へ進む")) }
                }
            }
        }
    }

    /// What the field is to show.
    pub(super) fn now(&self, path: &str) -> String {
        let changed = self.changes.iter().find_map(|change| match change {
            Change::Value { path: of, now, .. } if of == path => Some(now.clone()),
            _ => None,
        });
        changed.unwrap_or_else(|| field::shown(self.document(), path))
    }

    /// Whether `path` is to be taken out whole.
    pub(super) fn goes(&self, path: &str) -> bool {
        let gone = |change: &Change| matches!(change, Change::Without { path: of } if of == path);
        self.changes.iter().any(gone)
    }

    /// What the field shows in the file, for the way back.
    pub(super) fn was(&self, path: &str) -> Markup {
        let was = field::shown(self.document(), path);
        html! { input type="hidden" name=(format!("was:{path}")) value=(was); }
    }

    /// A line of text; `hint` says what empty means, or what may stand there.
    pub(super) fn line(&self, path: &str, label: &str, hint: &str) -> Markup {
        self.line_with(path, label, hint, &self.now(path))
    }

    /// As [`Form::line`], with a value to begin with.
    pub(super) fn line_with(&self, path: &str, label: &str, hint: &str, value: &str) -> Markup {
        let faults = self.faults.of(path);
        self.labelled(
            path,
            label,
            hint,
            &html! {
                input name=(path) value=(value) autocomplete="off"
                    aria-invalid=[wrong(faults)] aria-describedby=[described(path, faults, hint)];
            },
        )
    }

    /// Several lines of text.
    pub(super) fn area(&self, path: &str, label: &str, hint: &str) -> Markup {
        let (value, faults) = (self.now(path), self.faults.of(path));
        let rows = value.lines().count().clamp(2, 8);
        self.labelled(
            path,
            label,
            hint,
            &html! {
                // A browser takes the first line end for its own.
                textarea name=(path) rows=(rows) aria-invalid=[wrong(faults)]
                    aria-describedby=[described(path, faults, hint)] { (PreEscaped("\n")) (value) }
            },
        )
    }

    /// One of a few words; a value that is none of them stays as it is.
    pub(super) fn choice(&self, path: &str, label: &str, hint: &str, words: &[Word<'_>]) -> Markup {
        let (value, faults) = (self.now(path), self.faults.of(path));
        let known = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(&value));
        self.labelled(path, label, hint, &html! {
            select name=(path) aria-invalid=[wrong(faults)]
                aria-describedby=[described(path, faults, hint)] {
                @for (word, shown) in words {
                    @let chosen = known.is_some_and(|(known, _)| known == word);
                    // The file's own spelling, so that nothing is changed by looking at it.
                    option value=(if chosen { value.as_str() } else { *word }) selected[chosen] { (shown) }
                }
                @if known.is_none() { option value=(value) selected { (value) } }
            }
        })
    }

    /// A tick with its words.
    pub(super) fn tick(&self, path: &str, label: &str, hint: &str) -> Markup {
        let faults = self.faults.of(path);
        html! {
            div.field {
                (self.was(path))
                label {
                    input type="checkbox" name=(path) value="1" checked[self.now(path) == "1"]
                        aria-describedby=[described(path, faults, hint)];
                    " " (label)
                }
                (notes(path, faults, hint))
            }
        }
    }

    /// A secret: written, never shown.
    pub(super) fn secret(&self, path: &str, label: &str, hint: &str) -> Markup {
        let faults = self.faults.of(path);
        let there = !field::shown(self.document(), path).is_empty();
        let changed = self.changes.iter().find_map(|change| match change {
            Change::Secret { path: of, sealed } if of == path => Some(sealed.as_deref()),
            _ => None,
        });
        let state = match (changed, there) {
            (Some(Some(_)), _) => self.pick("a new one was entered", "新しい値を入力済み"),
            (Some(None), _) => self.pick("to be removed", "削除します"),
            (None, true) => self.pick(
                "set; leave empty to keep it",
                "設定済み（空欄なら変更しない）",
            ),
            (None, false) => self.pick("not set", "未設定"),
        };
        html! {
            div.field {
                (self.was(path))
                @if let Some(Some(sealed)) = changed {
                    input type="hidden" name=(format!("sealed:{path}")) value=(sealed);
                }
                label { (label) " (" (state) ")"
                    input type="password" name=(format!("new:{path}")) autocomplete="new-password"
                        aria-invalid=[wrong(faults)] aria-describedby=[described(path, faults, hint)];
                }
                @if there {
                    label {
                        input type="checkbox" name=(format!("none:{path}")) value="1"
                            checked[changed == Some(None)];
                        " " (self.pick("remove it", "削除する"))
                    }
                }
                (notes(path, faults, hint))
            }
        }
    }

    fn labelled(&self, path: &str, label: &str, hint: &str, input: &Markup) -> Markup {
        html! {
            div.field {
                (self.was(path))
                label { (label) (input) }
                (notes(path, self.faults.of(path), hint))
            }
        }
    }
}

/// Hint and faults below a field, for the eye and for `aria-describedby`.
fn notes(path: &str, faults: &[String], hint: &str) -> Markup {
    html! {
        @if !hint.is_empty() { p.hint id=(format!("hint:{path}")) { (hint) } }
        @if !faults.is_empty() {
            div.bad id=(format!("fault:{path}")) { @for fault in faults { p { (fault) } } }
        }
    }
}

fn wrong(faults: &[String]) -> Option<&'static str> {
    (!faults.is_empty()).then_some("true")
}

fn described(path: &str, faults: &[String], hint: &str) -> Option<String> {
    let mut ids = Vec::new();
    if !hint.is_empty() {
        ids.push(format!("hint:{path}"));
    }
    if !faults.is_empty() {
        ids.push(format!("fault:{path}"));
    }
    (!ids.is_empty()).then(|| ids.join(" "))
}
