//! The users of the console: who they are, and whether a password is theirs.
//!
//! They stand in clp.conf below `/root/noroshi/console`, so every server of the cluster has the same.
//! The file is looked at before each request, beside the runtime, and read again when it was changed. A file
//! that became faulty, or a disk that does not answer, leaves the users of before.

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
use std::time::Duration;
use std::{fs, io};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Passwords being hashed at once: each takes 19 MiB for some tens of milliseconds.
const HASHES_MAX: usize = 2;
/// Longest name of a user.
const NAME_BYTES_MAX: usize = 63;
/// Shortest password in characters (NIST SP 800-63B).
const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password in bytes.
const PASSWORD_BYTES_MAX: usize = 512;

const SALT_BYTES: usize = 16;
/// How long a look at the file may hold up a request; it goes on with the settings of before then.
const LOOK_WAIT: Duration = Duration::from_secs(2);

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
    file: Arc<SettingsFile>,
    /// Held while the file is looked at: a disk that hangs takes one thread, not all.
    look: Arc<Semaphore>,
    hashes: Arc<Semaphore>,
    /// One change of the users at a time.
    pub(super) changing: tokio::sync::Mutex<()>,
}

/// clp.conf, and what it was when it was last right.
struct SettingsFile {
    home: Home,
    last: Mutex<Option<(Stamp, Arc<Config>)>>,
}

impl Accounts {
    pub(crate) fn new(home: Home) -> Accounts {
        let last = Mutex::new(None);
        Accounts {
            file: Arc::new(SettingsFile { home, last }),
            look: Arc::new(Semaphore::new(1)),
            hashes: Arc::new(Semaphore::new(HASHES_MAX)),
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// The settings as they were at the last look. The first call reads the file; no other one waits for a
    /// disk.
    ///
    /// # Errors
    /// When they never were right.
    pub(crate) fn settings(&self) -> Result<Arc<Config>, SettingsError> {
        match self.file.last() {
            Some((_, config)) => Ok(config),
            None => self.file.read(),
        }
    }

    /// Looks whether the file was changed, beside the runtime; waits for [`LOOK_WAIT`] at most.
    pub(super) async fn look(&self) {
        let looked = async {
            let place = Arc::clone(&self.look).acquire_owned().await;
            let file = Arc::clone(&self.file);
            let read = spawn_blocking(move || {
                // A faulty file leaves what there was.
                let _ = file.read();
                drop(place);
            });
            let _ = read.await;
        };
        let _ = timeout(LOOK_WAIT, looked).await;
    }

    /// The user called `name`.
    pub(super) fn user(&self, name: &str) -> Option<ConsoleUser> {
        let settings = self.settings().ok()?;
        let mut users = settings.console.users.iter();
        users.find(|user| user.name == name).cloned()
    }

    /// The user whose API token has this digest.
    pub(super) fn of_token(&self, digest: &[u8]) -> Option<ConsoleUser> {
        let settings = self.settings().ok()?;
        let mut users = settings.console.users.iter();
        let has = |user: &&ConsoleUser| user.token.is_some_and(|own| own[..] == *digest);
        users.find(has).cloned()
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

impl SettingsFile {
    fn last(&self) -> Option<(Stamp, Arc<Config>)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// The settings as the file has them now, or had them when it was last right. Waits for the disk.
    fn read(&self) -> Result<Arc<Config>, SettingsError> {
        let path = self.home.conf();
        let last = self.last();
        let former = last.as_ref().map(|(_, config)| Arc::clone(config));
        let stamp = match fs::metadata(&path) {
            Ok(file) => Stamp::of(&file),
            Err(error) => return former.ok_or(SettingsError::Unreadable(path, error)),
        };
        if let Some((read, config)) = last
            && read == stamp
        {
            return Ok(config);
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
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((stamp, Arc::clone(&config)));
        Ok(config)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(cluster: &str) -> String {
        format!(
            "<root><cluster><name>{cluster}</name></cluster><server name=\"a\"><priority>0</priority>\
             <device id=\"0\"><type>lan</type><info>10.0.0.1</info></device></server></root>"
        )
    }

    /// No page waits for a disk: what is in force is what the last look found, and a faulty file or none leaves it.
    ///
    /// Rule: N21 N17
    #[tokio::test]
    async fn the_settings_are_those_of_the_last_look() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        fs::create_dir_all(home.etc()).unwrap();
        let accounts = Accounts::new(home.clone());
        assert!(accounts.settings().is_err());
        fs::write(home.conf(), conf("one")).unwrap();
        let name = |accounts: &Accounts| accounts.settings().ok().map(|it| it.cluster.clone());
        assert_eq!(name(&accounts).as_deref(), Some("one"));
        fs::write(home.conf(), conf("another")).unwrap();
        assert_eq!(name(&accounts).as_deref(), Some("one"));
        accounts.look().await;
        assert_eq!(name(&accounts).as_deref(), Some("another"));
        fs::write(home.conf(), "<root>").unwrap();
        accounts.look().await;
        fs::remove_file(home.conf()).unwrap();
        accounts.look().await;
        assert_eq!(name(&accounts).as_deref(), Some("another"));
    }
}
