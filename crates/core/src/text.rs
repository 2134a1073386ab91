//! The languages of user-visible text.

use serde::{Deserialize, Serialize};

/// A language that every user-visible text exists in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Language {
    /// The language of a locale name such as `ja_JP.UTF-8`; anything not Japanese is English.
    pub fn from_locale(locale: &str) -> Language {
        if locale.starts_with("ja") {
            Language::Ja
        } else {
            Language::En
        }
    }

    /// `en` when English is meant, else `ja`.
    pub fn pick<T>(self, en: T, ja: T) -> T {
        match self {
            Language::En => en,
            Language::Ja => ja,
        }
    }
}
