//! A program under the kernel's tracing interface: stopped before each system call that changes the world.
//!
//! *Use.* [`Traced::spawn`] starts it; [`Orders`] say at which [`Point`] it is killed, or which calls fail or
//! wait. The points that it has passed can be asked for at any time.
//!
//! A kill is done while the thread stands before the call, so the call is not made; a kill after a call is one
//! before the next. Programs that it starts are not followed, its threads are.
//!
//! *Failure.* Only on x86-64, and only where the kernel lets us trace: [`available`] says why not. When the
//! [`Traced`] is dropped, or its thread ends in whatever way, the program is killed.

use crate::call::Call;
use crate::target::Targets;
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use noroshi_sim::rig::{Error, Fallible, Launch, until};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a tracer looks while it holds a thread before its call.
const HOLD_LOOK: Duration = Duration::from_millis(2);
/// How long a killed program may take to be gone.
const KILL_WAIT: Duration = Duration::from_secs(20);

/// The n-th of the calls with one name and target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Point {
    /// The call and what it changes: `fdatasync var/alerts.db-wal`.
    pub call: String,
    /// Which of them, from 1.
    pub nth: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.call, self.nth)
    }
}

/// What is done to a program's calls.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// It is killed before this one.
    pub kill_at: Option<Point>,
    /// Calls that fail or wait, from now on.
    pub faults: Vec<Fault>,
}

/// Calls that do not do what they should.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Their names: `fdatasync`.
    pub calls: &'static [&'static str],
    /// What their target begins with: `var/alerts.db`.
    pub target: &'static str,
    /// What becomes of them.
    pub effect: Effect,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is not made and answers with this error.
    Fail(Errno),
    /// It is made after this time, or when the fault is taken away.
    Hold(Duration),
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(Signal),
}

/// A program at work, or ended.
pub struct Traced {
    shared: Arc<Shared>,
    process: Pid,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    passed: Mutex<Vec<Point>>,
    end: Mutex<Option<End>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Traced {
    /// Starts a command of noroshi in a home, everything it prints going to `out`. `ports` name what
    /// listens at TCP ports, for the words of its points.
    ///
    /// # Errors
    /// When it cannot be started or traced; it does not run then.
    pub fn spawn(
        launch: &Launch,
        arguments: &[&str],
        environment: &[(&str, String)],
        out: File,
        ports: Vec<(u16, String)>,
        orders: Orders,
    ) -> Fallible<Traced> {
        // A shell waits until it is traced, and becomes the program then: nothing of that is missed.
        let wrapped = Launch {
            executable: "/bin/sh".into(),
            ..launch.clone()
        };
        let program = launch.executable.display().to_string();
        let waiting = "read -r go; exec \"$@\" </dev/null";
        let words = [&["-c", waiting, "sh", &program][..], arguments].concat();
        let mut command = wrapped.command(&words);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped());
        command.stdout(out.try_clone()?).stderr(out);
        let shared = Arc::new(Shared {
            orders: Mutex::new(orders),
            ..Shared::default()
        });
        let targets = Targets::new(launch.home.clone(), ports);
        let (started, start) = sync_channel(1);
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("tracer".into())
            .spawn(move || live(command, of_thread, targets, &started))?;
        let gone = |_| Error("the tracer's thread ended".into());
        let process = start.recv().map_err(gone)??;
        Ok(Traced {
            shared,
            process,
            thread: Some(thread),
        })
    }

    /// Changes its orders.
    pub fn order(&self, orders: Orders) {
        *locked(&self.shared.orders) = orders;
    }

    /// The points that it has passed, in their order; the one it was killed at is the last.
    pub fn passed(&self) -> Vec<Point> {
        locked(&self.shared.passed).clone()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.as_raw().unsigned_abs()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<End> {
        *locked(&self.shared.end)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it has not after `limit`.
    pub fn wait_end(&self, limit: Duration) -> Fallible<End> {
        until(limit, "the traced program ends", || {
            self.ended().ok_or_else(|| "it lives".to_owned())
        })
    }

    /// Sends it a signal, if it lives.
    pub fn signal(&self, signal: Signal) {
        if self.ended().is_none() {
            // It may have ended this moment; its number is kept until its tracer has seen that.
            let _ = kill(self.process, signal);
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.order(Orders::default());
        self.signal(Signal::SIGKILL);
        if let Some(thread) = self.thread.take() {
            let end = Instant::now() + KILL_WAIT;
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(HOLD_LOOK);
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

/// Whether programs can be traced here.
///
/// # Errors
/// Why not.
pub fn available() -> Result<(), String> {
    if !cfg!(target_arch = "x86_64") {
        return Err("system calls are traced on x86-64 alone".into());
    }
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let launch = Launch {
        executable: "/bin/true".into(),
        home: dir.path().to_owned(),
        server: String::new(),
        netns: None,
        beside: None,
        user: None,
    };
    let out = tempfile::tempfile().map_err(|error| error.to_string())?;
    let traced = Traced::spawn(&launch, &[], &[], out, Vec::new(), Orders::default());
    let end = traced.and_then(|traced| traced.wait_end(KILL_WAIT));
    match end {
        Ok(End::Code(0)) => Ok(()),
        Ok(end) => Err(format!("a traced program ended with {end:?}")),
        Err(error) => Err(format!("programs cannot be traced: {error}")),
    }
}

/// The thread that starts, traces and buries one program. Only it may trace, so all of it is done here.
fn live(
    mut command: std::process::Command,
    shared: Arc<Shared>,
    targets: Targets,
    started: &SyncSender<Fallible<Pid>>,
) {
    let begun = (|| -> Fallible<Pid> {
        let mut child = command.spawn()?;
        let process = Pid::from_raw(child.id().cast_signed());
        let doing = |error: Errno| Error::doing("ptrace", error);
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        let seized = ptrace::seize(process, options).and_then(|()| ptrace::interrupt(process));
        if let Err(error) = seized {
            let _ = child.kill();
            let _ = child.wait();
            return Err(doing(error));
        }
        waitpid(process, Some(WaitPidFlag::__WALL)).map_err(doing)?;
        ptrace::syscall(process, None).map_err(doing)?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(b"go\n")?;
        }
        // Its end is waited for below, with those of its threads.
        drop(child);
        Ok(process)
    })();
    match begun {
        Ok(process) => {
            let _ = started.send(Ok(process));
            Tracer::new(process, shared, targets).run();
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

/// The state of one tracing.
struct Tracer {
    process: Pid,
    shared: Arc<Shared>,
    targets: Targets,
    /// Threads that are within a call.
    within: HashSet<Pid>,
    /// Threads whose call was taken from them, and what it is to answer.
    failing: HashMap<Pid, Errno>,
    /// Threads that are held before their call, and until when.
    held: HashMap<Pid, Instant>,
    counts: HashMap<String, u32>,
}

impl Tracer {
    fn new(process: Pid, shared: Arc<Shared>, targets: Targets) -> Tracer {
        Tracer {
            process,
            shared,
            targets,
            within: HashSet::new(),
            failing: HashMap::new(),
            held: HashMap::new(),
            counts: HashMap::new(),
        }
    }

    fn run(mut self) {
        // Only what this thread started or traces: others of this process have children too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            self.release();
            let waiting = match self.held.is_empty() {
                true => flags,
                false => flags | WaitPidFlag::WNOHANG,
            };
            match waitpid(None, Some(waiting)) {
                Ok(WaitStatus::StillAlive) => std::thread::sleep(HOLD_LOOK),
                Ok(status) => self.meet(status),
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        }
        let mut end = locked(&self.shared.end);
        end.get_or_insert(End::Code(-1));
    }

    fn meet(&mut self, status: WaitStatus) {
        match status {
            WaitStatus::PtraceSyscall(thread) => self.call(thread),
            WaitStatus::PtraceEvent(thread, ..) => go_on(thread, None),
            WaitStatus::Stopped(thread, signal) => go_on(thread, Some(signal)),
            WaitStatus::Exited(thread, code) => self.bury(thread, End::Code(code)),
            WaitStatus::Signaled(thread, signal, _) => self.bury(thread, End::Signal(signal)),
            _ => {}
        }
    }

    fn bury(&mut self, thread: Pid, how: End) {
        self.held.remove(&thread);
        if thread == self.process {
            *locked(&self.shared.end) = Some(how);
        }
    }

    /// Lets threads go whose time has come, or whose fault was taken away.
    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let holds = |fault: &Fault| matches!(fault.effect, Effect::Hold(_));
        let any = locked(&self.shared.orders).faults.iter().any(holds);
        let now = Instant::now();
        self.held.retain(|thread, until| {
            let stays = any && now < *until;
            if !stays {
                go_on(*thread, None);
            }
            stays
        });
    }

    /// A thread stands before or behind a call.
    fn call(&mut self, thread: Pid) {
        if self.within.remove(&thread) {
            if let Some(errno) = self.failing.remove(&thread) {
                registers::answer(thread, errno);
            }
            return go_on(thread, None);
        }
        let Some((number, arguments)) = registers::call(thread) else {
            return go_on(thread, None);
        };
        self.within.insert(thread);
        let call = Call::of(number, arguments);
        let target = call.and_then(|call| self.targets.words(thread.as_raw(), call.place));
        match (call, target) {
            (Some(call), Some(target)) => self.point(thread, call.name, &target),
            _ => go_on(thread, None),
        }
    }

    fn point(&mut self, thread: Pid, name: &str, target: &str) {
        let call = format!("{name} {target}");
        let count = self.counts.entry(call.clone()).or_default();
        *count += 1;
        let point = Point { call, nth: *count };
        let (killed, effect) = {
            let orders = locked(&self.shared.orders);
            let here =
                |fault: &&Fault| fault.calls.contains(&name) && target.starts_with(fault.target);
            let effect = orders.faults.iter().find(here).map(|fault| fault.effect);
            (orders.kill_at.as_ref() == Some(&point), effect)
        };
        locked(&self.shared.passed).push(point);
        if killed {
            let _ = kill(self.process, Signal::SIGKILL);
            return go_on(thread, None);
        }
        match effect {
            Some(Effect::Fail(errno)) if registers::take_away(thread) => {
                self.failing.insert(thread, errno);
                go_on(thread, None);
            }
            Some(Effect::Hold(time)) => {
                self.held.insert(thread, Instant::now() + time);
            }
            _ => go_on(thread, None),
        }
    }
}

/// A thread that is gone needs nothing.
fn go_on(thread: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(thread, signal);
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use nix::errno::Errno;
    use nix::sys::ptrace;
    use nix::unistd::Pid;

    /// What the register of the answer holds before a call is made.
    const NOT_YET: i64 = -(Errno::ENOSYS as i64);

    /// Number and arguments of the call that a thread stands before; `None` behind one.
    pub(super) fn call(thread: Pid) -> Option<(i64, [u64; 4])> {
        let regs = ptrace::getregs(thread).ok()?;
        let is_before = regs.rax.cast_signed() == NOT_YET;
        let arguments = [regs.rdi, regs.rsi, regs.rdx, regs.r10];
        is_before.then_some((regs.orig_rax.cast_signed(), arguments))
    }

    /// Makes it no call at all; tells whether that was done.
    pub(super) fn take_away(thread: Pid) -> bool {
        let Ok(mut regs) = ptrace::getregs(thread) else {
            return false;
        };
        regs.orig_rax = u64::MAX;
        ptrace::setregs(thread, regs).is_ok()
    }

    /// Gives the answer of the call that a thread stands behind.
    pub(super) fn answer(thread: Pid, errno: Errno) {
        if let Ok(mut regs) = ptrace::getregs(thread) {
            regs.rax = (-(errno as i64)).cast_unsigned();
            let _ = ptrace::setregs(thread, regs);
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod registers {
    use nix::errno::Errno;
    use nix::unistd::Pid;

    pub(super) fn call(_: Pid) -> Option<(i64, [u64; 4])> {
        None
    }

    pub(super) fn take_away(_: Pid) -> bool {
        false
    }

    pub(super) fn answer(_: Pid, _: Errno) {}
}
