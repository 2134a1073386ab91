//! A library that does what a test says: errors at any call, callbacks at odd times with odd arguments.

use super::*;
use std::cell::Cell;
use std::collections::BTreeMap;

/// The callbacks that were handed in, by handle.
#[derive(Clone, Copy)]
pub(crate) struct Callbacks {
    deliver: DeliverFn,
    confchg: ConfchgFn,
    totem: TotemFn,
}

/// What a callback is called with.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Deliver(Option<Vec<u8>>, usize),
    /// Members and left: a list or null, and the count that is claimed.
    Group(List, List),
    Totem,
    Quorum(u32),
    Nodes(List, List, List),
}

/// A list or null, and how many entries are claimed beyond, or instead of, what is there.
#[derive(Clone, Debug)]
pub(crate) enum List {
    Honest(Vec<u32>),
    Null(u32),
    /// A real list, and a count that no list has.
    Huge(u32),
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) cpg: Option<Callbacks>,
    quorum: Option<(QuorumFn, NodesFn)>,
    /// Calls to be made in the next dispatch, for the right handle or another one.
    pub(crate) script: Vec<(bool, Call)>,
    /// By function: the code that it answers.
    pub(crate) codes: BTreeMap<&'static str, i32>,
    pub(crate) map: Vec<(&'static str, Vec<u8>, usize)>,
    /// Keys that are listed and cannot be read any more.
    pub(crate) gone: Vec<&'static str>,
    pub(crate) sent: Vec<Vec<u8>>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
    /// Handles that are open.
    static OPEN: Cell<i32> = const { Cell::new(0) };
}

/// Handles that are open.
pub(crate) fn open_handles() -> i32 {
    OPEN.get()
}

/// Changes what the library does.
pub(crate) fn with<T>(change: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(change)
}

fn code(call: &'static str) -> c_int {
    STATE.with_borrow(|state| state.codes.get(call).copied().unwrap_or(OK))
}

fn opened(call: &'static str) -> c_int {
    let code = code(call);
    OPEN.set(OPEN.get() + i32::from(code == OK));
    code
}

const CPG: u64 = 0x1_0000_0001;
const QUORUM: u64 = 0x2_0000_0002;
const MAP: u64 = 0x3_0000_0003;

unsafe extern "C" fn cpg_model_initialize(
    handle: *mut u64,
    _: c_int,
    model: *mut CpgModel,
    _: *mut c_void,
) -> c_int {
    // SAFETY: the caller's locals.
    let CpgModel {
        deliver,
        confchg,
        totem,
        ..
    } = unsafe { model.read() };
    let callbacks = Callbacks {
        deliver,
        confchg,
        totem,
    };
    with(|state| state.cpg = Some(callbacks));
    // SAFETY: the caller's local.
    unsafe { handle.write(CPG) };
    opened("cpg_model_initialize")
}

unsafe extern "C" fn quorum_model_initialize(
    handle: *mut u64,
    _: c_int,
    model: *mut QuorumModel,
    _: *mut u32,
    _: *mut c_void,
) -> c_int {
    // SAFETY: the caller's locals.
    let QuorumModel { quorum, nodes, .. } = unsafe { model.read() };
    with(|state| state.quorum = Some((quorum, nodes)));
    // SAFETY: the caller's local.
    unsafe { handle.write(QUORUM) };
    opened("quorum_model_initialize")
}

unsafe extern "C" fn close(_: u64) -> c_int {
    OPEN.set(OPEN.get() - 1);
    // A last word, after which nobody listens.
    if let Some(callbacks) = STATE.with_borrow(|state| state.cpg) {
        (callbacks.totem)(CPG, CRingId { nodeid: 9, seq: 9 }, 0, std::ptr::null());
    }
    OK
}

unsafe extern "C" fn fd_get(_: u64, fd: *mut c_int) -> c_int {
    // SAFETY: the caller's local.
    unsafe { fd.write(-1) };
    OK
}

unsafe extern "C" fn named(_: u64, name: *const CpgName) -> c_int {
    // SAFETY: the caller's local.
    assert!(unsafe { (*name).length } <= 128);
    code("cpg_join")
}

unsafe extern "C" fn mcast(_: u64, _: c_int, part: *const IoVec, parts: c_uint) -> c_int {
    assert_eq!(parts, 1);
    // SAFETY: one part of the caller's.
    let bytes = unsafe { std::slice::from_raw_parts((*part).base.cast::<u8>(), (*part).len) };
    with(|state| state.sent.push(bytes.to_vec()));
    code("cpg_mcast_joined")
}

unsafe extern "C" fn local_get(_: u64, node: *mut c_uint) -> c_int {
    // SAFETY: the caller's local.
    unsafe { node.write(7) };
    code("cpg_local_get")
}

unsafe extern "C" fn cpg_dispatch(_: u64, _: c_int) -> c_int {
    run(true);
    code("cpg_dispatch")
}

unsafe extern "C" fn quorum_dispatch(_: u64, _: c_int) -> c_int {
    run(false);
    code("quorum_dispatch")
}

unsafe extern "C" fn trackstart(_: u64, _: c_uint) -> c_int {
    code("quorum_trackstart")
}

fn run(group: bool) {
    let of_group = |call: &Call| !matches!(call, Call::Quorum(_) | Call::Nodes(..));
    let (calls, cpg, quorum) = with(|state| {
        let (now, later) = std::mem::take(&mut state.script)
            .into_iter()
            .partition(|(_, call)| of_group(call) == group);
        state.script = later;
        (now, state.cpg, state.quorum)
    });
    let calls: Vec<(bool, Call)> = calls;
    let (Some(cpg), Some((quorum, nodes))) = (cpg, quorum) else {
        return;
    };
    let ring = CRingId { nodeid: 1, seq: 44 };
    for (right, call) in calls {
        let handle = |own: u64| if right { own } else { own ^ 0xffff };
        match call {
            Call::Deliver(bytes, claimed) => {
                let first = bytes.as_ref().map_or(std::ptr::null(), |it| it.as_ptr());
                let first = first.cast::<c_void>().cast_mut();
                (cpg.deliver)(handle(CPG), std::ptr::null(), 1, 2, first, claimed);
            }
            Call::Group(members, left) => {
                let (members, left) = (members.addresses(), left.addresses());
                (cpg.confchg)(
                    handle(CPG),
                    std::ptr::null(),
                    members
                        .0
                        .as_ref()
                        .map_or(std::ptr::null(), |it| it.as_ptr()),
                    members.1 as usize,
                    left.0.as_ref().map_or(std::ptr::null(), |it| it.as_ptr()),
                    left.1 as usize,
                    std::ptr::null(),
                    usize::MAX,
                );
            }
            Call::Totem => (cpg.totem)(handle(CPG), ring, u32::MAX, std::ptr::null()),
            Call::Quorum(quorate) => {
                (quorum)(handle(QUORUM), quorate, ring, u32::MAX, std::ptr::null());
            }
            Call::Nodes(one, two, three) => {
                let all = [one.numbers(), two.numbers(), three.numbers()];
                let first = |at: usize| {
                    all[at]
                        .0
                        .as_ref()
                        .map_or(std::ptr::null(), |it| it.as_ptr())
                };
                let h = handle(QUORUM);
                (nodes)(
                    h,
                    ring,
                    all[0].1,
                    first(0),
                    all[1].1,
                    first(1),
                    all[2].1,
                    first(2),
                );
            }
        }
    }
}

impl List {
    fn numbers(&self) -> (Option<Vec<u32>>, u32) {
        match self {
            List::Honest(list) => (Some(list.clone()), list.len() as u32),
            List::Null(claimed) => (None, *claimed),
            List::Huge(claimed) => (Some(vec![1]), *claimed),
        }
    }

    fn addresses(&self) -> (Option<Vec<CpgAddress>>, u32) {
        let address = |node: &u32| CpgAddress {
            nodeid: *node,
            pid: 1,
            reason: *node % 7,
        };
        let (list, claimed) = self.numbers();
        (list.map(|list| list.iter().map(address).collect()), claimed)
    }
}

unsafe extern "C" fn map_open(handle: *mut u64, map: c_int) -> c_int {
    // SAFETY: the caller's local.
    unsafe { handle.write(MAP) };
    opened(if map == 0 { "cmap" } else { "stats" })
}

unsafe extern "C" fn map_get(
    _: u64,
    key: *const c_char,
    value: *mut c_void,
    bytes: *mut usize,
    _: *mut c_int,
) -> c_int {
    // SAFETY: the caller's text.
    let key = unsafe { CStr::from_ptr(key) }
        .to_string_lossy()
        .into_owned();
    with(|state| {
        let found = state.map.iter().find(|(one, ..)| *one == key);
        let Some((_, held, claimed)) = found.filter(|(one, ..)| !state.gone.contains(one)) else {
            return 12;
        };
        // SAFETY: the caller's buffer, as long as it says.
        unsafe {
            let room = held.len().min(*bytes);
            std::ptr::copy_nonoverlapping(held.as_ptr(), value.cast(), room);
            bytes.write(*claimed);
        }
        OK
    })
}

unsafe extern "C" fn iter_init(_: u64, _: *const c_char, iterator: *mut u64) -> c_int {
    // SAFETY: the caller's local.
    unsafe { iterator.write(0) };
    NEXT.set(0);
    code("cmap_iter_init")
}

thread_local! {
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

unsafe extern "C" fn iter_next(
    _: u64,
    _: u64,
    key: *mut c_char,
    _: *mut usize,
    _: *mut c_int,
) -> c_int {
    let at = NEXT.replace(NEXT.get() + 1);
    with(|state| {
        let Some((name, ..)) = state.map.get(at) else {
            return 12;
        };
        for (n, byte) in name.bytes().take(256).enumerate() {
            // SAFETY: CMAP_KEYNAME_MAXLEN bytes are the caller's to give; no end is written.
            unsafe { key.add(n).write(byte as c_char) };
        }
        OK
    })
}

unsafe extern "C" fn iter_finalize(_: u64, _: u64) -> c_int {
    OK
}

/// The fake, as if it had been loaded; with a fresh state.
pub(crate) fn api() -> Api {
    with(|state| *state = State::default());
    OPEN.set(0);
    Api {
        functions: Functions {
            cpg_model_initialize,
            cpg_finalize: close,
            cpg_fd_get: fd_get,
            cpg_dispatch,
            cpg_join: named,
            cpg_leave: named,
            cpg_mcast_joined: mcast,
            cpg_local_get: local_get,
            quorum_model_initialize,
            quorum_finalize: close,
            quorum_fd_get: fd_get,
            quorum_dispatch,
            quorum_trackstart: trackstart,
            cmap_initialize_map: map_open,
            cmap_finalize: close,
            cmap_get: map_get,
            cmap_iter_init: iter_init,
            cmap_iter_next: iter_next,
            cmap_iter_finalize: iter_finalize,
        },
        _libraries: Vec::new(),
    }
}
