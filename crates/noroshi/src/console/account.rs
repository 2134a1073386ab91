//! The users of the console: who they are, and whether a password is theirs.
//!
//! They stand in clp.conf below `/root/noroshi/console`, so every server of the cluster has the same.
//! The file is read again when it was changed. A file that became faulty leaves the users of before.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use noroshi_conf::finding::Finding;
use noroshi_core::config::{Config, ConsoleUser, Role};
use noroshi_core::text::Language;
use noroshi_daemon::entropy;
use noroshi_daemon::home::Home;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Passwords being hashed at once: each takes 19 MiB for some tens of milliseconds.
const HASHES_MAX: usize = 2;
/// Longest name of a user.
const NAME_BYTES_MAX: usize = 63;
/// Shortest password in characters (NIST SP 800-63B).
const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password in bytes.
const PASSWORD_BYTES_MAX: usize = 512;

const SALT_BYTES: usize = 16;

/// Why there are no settings.
pub(crate) enum SettingsError {
    Unreadable(PathBuf, io::Error),
    Faulty(Vec<Finding>),
}

impl SettingsError {
    pub(crate) fn text(&self, language: Language) -> String {
        match self {
            SettingsError::Unreadable(path, error) => format!("{}: {error}", path.display()),
            SettingsError::Faulty(findings) => {
                let lines = findings.iter().map(|finding| finding.one_line(language));
                lines.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// When and how the file was that was read.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp(u64, i64, i64, u64);

impl Stamp {
    fn of(file: &Metadata) -> Stamp {
        Stamp(file.ino(), file.mtime(), file.mtime_nsec(), file.len())
    }
}

/// The settings with their users, and the hashing of passwords.
pub(crate) struct Accounts {
    home: Home,
    last: Mutex<Option<(Stamp, Arc<Config>)>>,
    hashes: Arc<Semaphore>,
    /// One change of the users at a time.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl Accounts {
    pub(crate) fn new(home: Home) -> Accounts {
        Accounts {
            home,
            last: Mutex::new(None),
            hashes: Arc::new(Semaphore::new(HASHES_MAX)),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// The settings as the file has them now, or had them when it was last right.
    ///
    /// # Errors
    /// When it never was.
    pub(crate) fn settings(&self) -> Result<Arc<Config>, SettingsError> {
        let path = self.home.conf();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let former = last.as_ref().map(|(_, config)| Arc::clone(config));
        let stamp = match fs::metadata(&path) {
            Ok(file) => Stamp::of(&file),
            Err(error) => return former.ok_or(SettingsError::Unreadable(path, error)),
        };
        if let Some((read, config)) = &*last
            && *read == stamp
        {
            return Ok(Arc::clone(config));
        }
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => return former.ok_or(SettingsError::Unreadable(path, error)),
        };
        let mut open = |path: &str, text: &str| self.home.open_secret(path, text);
        let config = match (noroshi_conf::read_with(&bytes, &mut open), former) {
            (Ok(parsed), _) => Arc::new(parsed.config),
            (Err(_), Some(former)) => former,
            (Err(findings), None) => return Err(SettingsError::Faulty(findings)),
        };
        *last = Some((stamp, Arc::clone(&config)));
        Ok(config)
    }

    /// The user called `name`.
    pub(super) fn user(&self, name: &str) -> Option<ConsoleUser> {
        let settings = self.settings().ok()?;
        let mut users = settings.console.users.iter();
        users.find(|user| user.name == name).cloned()
    }

    /// Nobody may sign in yet: the first one is to be made.
    pub(super) fn is_new(&self) -> bool {
        let settings = self.settings();
        settings.is_ok_and(|settings| settings.console.users.is_empty())
    }

    /// The user, if that is its password. Takes the same time for a name that nobody has.
    pub(super) async fn right(&self, name: &str, password: String) -> Option<ConsoleUser> {
        /// A hash that no password has: its salt and hash are random.
        const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Hx2yHxGg1F0yoYGNvGn0pkHtfYyE+lbpmD0lRNwGd1E";
        let user = self.user(name);
        let hash = user.as_ref().map_or(NOBODYS, |user| user.password.reveal());
        let hash = hash.to_string();
        let place = Arc::clone(&self.hashes).acquire_owned().await.ok()?;
        let checked = spawn_blocking(move || {
            let right = password.len() <= PASSWORD_BYTES_MAX
                && PasswordHash::new(&hash).is_ok_and(|hash| {
                    let argon = Argon2::default();
                    argon.verify_password(password.as_bytes(), &hash).is_ok()
                });
            drop(place);
            right
        });
        let right = checked.await.unwrap_or(false);
        user.filter(|_| right)
    }
}

/// The hash of a new password, for clp.conf. Blocks for some tens of milliseconds.
///
/// # Errors
/// When the password is too long for argon2, which [`PASSWORD_BYTES_MAX`] excludes.
pub(crate) fn hash(password: &str) -> Result<String, String> {
    let salt = entropy::bytes::<SALT_BYTES>().map_err(|error| error.to_string())?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string())
        .map_err(|error| error.to_string())
}

/// As [`hash`], without holding up anybody else.
///
/// # Errors
/// As there.
pub(super) async fn hash_of(password: &str) -> Result<String, String> {
    let password = password.to_string();
    let hashed = spawn_blocking(move || hash(&password)).await;
    hashed.unwrap_or_else(|error| Err(error.to_string()))
}

/// What is wrong with a new user's name.
pub(crate) fn name_fault(name: &str, language: Language) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let good = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(plain);
    let text = language.pick(
        "A name has letters, digits and . _ - only, at most 63.",
        "利用者名には英数字と . _ - だけを 63 文字まで使えます。",
    );
    (!good).then(|| text.to_string())
}

/// What is wrong with a new password.
pub(crate) fn password_fault(password: &str, language: Language) -> Option<String> {
    let good =
        password.chars().count() >= PASSWORD_CHARS_MIN && password.len() <= PASSWORD_BYTES_MAX;
    let text = language.pick(
        "A password has at least 8 characters and at most 512 bytes.",
        "パスワードは 8 文字以上、512 バイト以下にしてください。",
    );
    (!good).then(|| text.to_string())
}

/// How the file writes a role.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::View => "view",
        Role::Operate => "operate",
        Role::Administer => "administer",
    }
}
