//! The C side: types, functions and callbacks of libcpg.so.4, libquorum.so.5 and libcmap.so.4.
//!
//! The only place of this product with `unsafe`. What is relied on is Corosync's public headers (cpg.h,
//! quorum.h, cmap.h, corotypes.h of release 3): the sonames stand for exactly these signatures.
//!
//! *Use.* [`Api::load`], once; its methods take and give Rust values. Callbacks run on the thread that
//! called a `dispatch`, inside that call, and put what they were given into that thread's queue.
//!
//! *Failure.* A callback believes nothing: a null list is empty, a count beyond [`MEMBERS_MAX`] makes the
//! call a [`Raw::Faulty`], a message beyond [`MESSAGE_BYTES_MAX`] is not ours. Beyond [`QUEUE_MAX`] the rest is
//! dropped and the queue ends in one `Faulty`. Nothing in a callback can panic.

#![expect(
    unsafe_code,
    reason = "Corosync's libraries are C; each block says what it relies on"
)]

use crate::{MESSAGE_BYTES_MAX, Member, Reason, RingId};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::os::fd::BorrowedFd;

/// Most nodes, and processes of a group, that a callback may name; Corosync has bounds of its own below.
pub(crate) const MEMBERS_MAX: usize = 1_024;
/// Callbacks that wait to be read; read after each dispatch.
pub(crate) const QUEUE_MAX: usize = 4_096;
/// Longest value of the configuration map that is read.
const VALUE_BYTES_MAX: usize = 256;
/// CMAP_KEYNAME_MAXLEN and its end.
const KEY_BYTES: usize = 256;
/// CPG_MAX_NAME_LENGTH.
const NAME_BYTES: usize = 128;

/// CS_OK.
const OK: c_int = 1;
const MODEL_V1: c_int = 1;
const DISPATCH_ALL: c_int = 2;
/// CPG_TYPE_AGREED: everybody gets messages and changes of the group in one order.
const AGREED: c_int = 2;
const TRACK_CHANGES: c_uint = 2;
/// CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF.
const INITIAL_RING: c_uint = 1;

/// A code other than CS_OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) i32);

impl Code {
    /// CS_ERR_NOT_EXIST.
    pub(crate) const NOT_EXIST: Code = Code(12);
}

/// What a callback was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Group {
        members: Vec<Member>,
        left: Vec<(Member, Reason)>,
    },
    Message {
        from: Member,
        bytes: Vec<u8>,
    },
    CpgRing(RingId),
    Quorum {
        quorate: bool,
        ring: RingId,
    },
    Nodes {
        ring: RingId,
        members: Vec<u32>,
        joined: Vec<u32>,
        left: Vec<u32>,
    },
    /// It makes no sense, or there was no room for it.
    Faulty,
}

#[repr(C)]
struct CpgName {
    length: u32,
    value: [c_char; NAME_BYTES],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CpgAddress {
    nodeid: u32,
    pid: u32,
    reason: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct CRingId {
    nodeid: u32,
    seq: u64,
}

#[repr(C)]
struct IoVec {
    base: *const c_void,
    len: usize,
}

type DeliverFn = extern "C" fn(u64, *const CpgName, u32, u32, *mut c_void, usize);
type ConfchgFn = extern "C" fn(
    u64,
    *const CpgName,
    *const CpgAddress,
    usize,
    *const CpgAddress,
    usize,
    *const CpgAddress,
    usize,
);
type TotemFn = extern "C" fn(u64, CRingId, u32, *const u32);
type QuorumFn = extern "C" fn(u64, u32, CRingId, u32, *const u32);
type NodesFn = extern "C" fn(u64, CRingId, u32, *const u32, u32, *const u32, u32, *const u32);

#[repr(C)]
struct CpgModel {
    model: c_int,
    deliver: DeliverFn,
    confchg: ConfchgFn,
    totem: TotemFn,
    flags: c_uint,
}

#[repr(C)]
struct QuorumModel {
    model: c_int,
    quorum: QuorumFn,
    nodes: NodesFn,
}

/// The functions, and with them the libraries: pointers into these never outlive them.
pub(crate) struct Api {
    functions: Functions,
    _libraries: Vec<libloading::Library>,
}

macro_rules! functions {
    ($($library:literal { $($name:ident: fn($($argument:ty),*);)* })*) => {
        /// By their names in C.
        #[derive(Clone, Copy)]
        struct Functions {
            $($($name: unsafe extern "C" fn($($argument),*) -> c_int,)*)*
        }

        impl Api {
            /// Loads the libraries of this host.
            ///
            /// # Errors
            /// Text of the loader: which library or function there is not.
            pub(crate) fn load() -> Result<Api, String> {
                let mut libraries = Vec::new();
                $(
                    // SAFETY: the initialisers of Corosync's libraries, and of libqb below them, register
                    // handles and logging and touch nothing of ours. The name is a soname, looked up in
                    // the loader's own directories.
                    let library = unsafe { libloading::Library::new($library) };
                    let library = library.map_err(|error| error.to_string())?;
                    $(
                        // SAFETY: the soname stands for the public header, in which the function of this
                        // name has this signature.
                        let $name = unsafe { library.get::<unsafe extern "C" fn($($argument),*) -> c_int>(
                            concat!(stringify!($name), "\0").as_bytes(),
                        ) };
                        let $name = *$name.map_err(|error| error.to_string())?;
                    )*
                    libraries.push(library);
                )*
                Ok(Api {
                    functions: Functions { $($($name,)*)* },
                    _libraries: libraries,
                })
            }
        }
    };
}

functions! {
    "libcpg.so.4" {
        cpg_model_initialize: fn(*mut u64, c_int, *mut CpgModel, *mut c_void);
        cpg_finalize: fn(u64);
        cpg_fd_get: fn(u64, *mut c_int);
        cpg_dispatch: fn(u64, c_int);
        cpg_join: fn(u64, *const CpgName);
        cpg_leave: fn(u64, *const CpgName);
        cpg_mcast_joined: fn(u64, c_int, *const IoVec, c_uint);
        cpg_local_get: fn(u64, *mut c_uint);
    }
    "libquorum.so.5" {
        quorum_model_initialize: fn(*mut u64, c_int, *mut QuorumModel, *mut u32, *mut c_void);
        quorum_finalize: fn(u64);
        quorum_fd_get: fn(u64, *mut c_int);
        quorum_dispatch: fn(u64, c_int);
        quorum_trackstart: fn(u64, c_uint);
    }
    "libcmap.so.4" {
        cmap_initialize_map: fn(*mut u64, c_int);
        cmap_finalize: fn(u64);
        cmap_get: fn(u64, *const c_char, *mut c_void, *mut usize, *mut c_int);
        cmap_iter_init: fn(u64, *const c_char, *mut u64);
        cmap_iter_next: fn(u64, u64, *mut c_char, *mut usize, *mut c_int);
        cmap_iter_finalize: fn(u64, u64);
    }
}

fn check(code: c_int) -> Result<(), Code> {
    if code == OK { Ok(()) } else { Err(Code(code)) }
}

impl Api {
    pub(crate) fn cpg_open(&self) -> Result<u64, Code> {
        let mut handle = 0;
        let mut model = CpgModel {
            model: MODEL_V1,
            deliver,
            confchg,
            totem,
            flags: INITIAL_RING,
        };
        // SAFETY: both pointers are to live locals of the header's layout, and the library copies the
        // model before it returns. No context is given and none is asked for.
        check(unsafe {
            (self.functions.cpg_model_initialize)(
                &raw mut handle,
                MODEL_V1,
                &raw mut model,
                std::ptr::null_mut(),
            )
        })?;
        Ok(handle)
    }

    pub(crate) fn cpg_close(&self, handle: u64) {
        // SAFETY: a handle is a number that the library looks up; one that it does not know is an error.
        unsafe { (self.functions.cpg_finalize)(handle) };
    }

    pub(crate) fn cpg_join(&self, handle: u64, group: &[u8]) -> Result<(), Code> {
        let name = cpg_name(group);
        // SAFETY: the name is a live local of the header's layout, only read during the call.
        check(unsafe { (self.functions.cpg_join)(handle, &raw const name) })
    }

    pub(crate) fn cpg_leave(&self, handle: u64, group: &[u8]) -> Result<(), Code> {
        let name = cpg_name(group);
        // SAFETY: as for joining.
        check(unsafe { (self.functions.cpg_leave)(handle, &raw const name) })
    }

    pub(crate) fn cpg_local(&self, handle: u64) -> Result<u32, Code> {
        let mut node: c_uint = 0;
        // SAFETY: the library writes one unsigned int to a live local.
        check(unsafe { (self.functions.cpg_local_get)(handle, &raw mut node) })?;
        Ok(node)
    }

    pub(crate) fn cpg_send(&self, handle: u64, bytes: &[u8]) -> Result<(), Code> {
        let part = IoVec {
            base: bytes.as_ptr().cast(),
            len: bytes.len(),
        };
        // SAFETY: one part, whose pointer and length are those of a slice that outlives the call; the
        // library only reads it.
        check(unsafe { (self.functions.cpg_mcast_joined)(handle, AGREED, &raw const part, 1) })
    }

    pub(crate) fn cpg_dispatch(&self, handle: u64) -> Result<(), Code> {
        // SAFETY: calls our callbacks, on this thread, and nothing else of ours.
        check(unsafe { (self.functions.cpg_dispatch)(handle, DISPATCH_ALL) })
    }

    pub(crate) fn cpg_fd(&self, handle: u64) -> Result<c_int, Code> {
        let mut fd = -1;
        // SAFETY: the library writes one int to a live local.
        check(unsafe { (self.functions.cpg_fd_get)(handle, &raw mut fd) })?;
        Ok(fd)
    }

    pub(crate) fn quorum_open(&self) -> Result<u64, Code> {
        let (mut handle, mut kind) = (0, 0);
        let mut model = QuorumModel {
            model: MODEL_V1,
            quorum,
            nodes,
        };
        // SAFETY: as for CPG: pointers to live locals, of which the library keeps none.
        check(unsafe {
            (self.functions.quorum_model_initialize)(
                &raw mut handle,
                MODEL_V1,
                &raw mut model,
                &raw mut kind,
                std::ptr::null_mut(),
            )
        })?;
        Ok(handle)
    }

    pub(crate) fn quorum_close(&self, handle: u64) {
        // SAFETY: as for `cpg_close`.
        unsafe { (self.functions.quorum_finalize)(handle) };
    }

    pub(crate) fn quorum_track(&self, handle: u64) -> Result<(), Code> {
        // SAFETY: numbers only.
        check(unsafe { (self.functions.quorum_trackstart)(handle, TRACK_CHANGES) })
    }

    pub(crate) fn quorum_dispatch(&self, handle: u64) -> Result<(), Code> {
        // SAFETY: as for `cpg_dispatch`.
        check(unsafe { (self.functions.quorum_dispatch)(handle, DISPATCH_ALL) })
    }

    pub(crate) fn quorum_fd(&self, handle: u64) -> Result<c_int, Code> {
        let mut fd = -1;
        // SAFETY: the library writes one int to a live local.
        check(unsafe { (self.functions.quorum_fd_get)(handle, &raw mut fd) })?;
        Ok(fd)
    }

    pub(crate) fn cmap_open(&self, map: c_int) -> Result<u64, Code> {
        let mut handle = 0;
        // SAFETY: the library writes one handle to a live local.
        check(unsafe { (self.functions.cmap_initialize_map)(&raw mut handle, map) })?;
        Ok(handle)
    }

    pub(crate) fn cmap_close(&self, handle: u64) {
        // SAFETY: as for `cpg_close`.
        unsafe { (self.functions.cmap_finalize)(handle) };
    }

    /// The bytes of a value, at most [`VALUE_BYTES_MAX`].
    pub(crate) fn cmap_get(&self, handle: u64, key: &CStr) -> Result<Vec<u8>, Code> {
        let mut value = [0u8; VALUE_BYTES_MAX];
        let (mut bytes, mut kind) = (VALUE_BYTES_MAX, 0);
        // SAFETY: the key ends in zero; the buffer is live and as long as the length says, which the
        // library does not write beyond.
        check(unsafe {
            (self.functions.cmap_get)(
                handle,
                key.as_ptr(),
                value.as_mut_ptr().cast(),
                &raw mut bytes,
                &raw mut kind,
            )
        })?;
        // What it claims to have written may be more than there is.
        Ok(value[..bytes.min(VALUE_BYTES_MAX)].to_vec())
    }

    /// The keys that begin so, at most `keys_max`.
    pub(crate) fn cmap_keys(
        &self,
        handle: u64,
        prefix: &CStr,
        keys_max: usize,
    ) -> Result<Vec<String>, Code> {
        let mut iterator = 0;
        // SAFETY: the prefix ends in zero, the library writes one handle to a live local.
        check(unsafe {
            (self.functions.cmap_iter_init)(handle, prefix.as_ptr(), &raw mut iterator)
        })?;
        let mut keys = Vec::new();
        while keys.len() < keys_max {
            // One byte more than the library fills, so that there is an end in any case.
            let mut key = [0 as c_char; KEY_BYTES + 1];
            let (mut bytes, mut kind) = (0, 0);
            // SAFETY: the key's buffer has CMAP_KEYNAME_MAXLEN and one more bytes, as the header demands;
            // the rest are live locals.
            let code = unsafe {
                (self.functions.cmap_iter_next)(
                    handle,
                    iterator,
                    key.as_mut_ptr(),
                    &raw mut bytes,
                    &raw mut kind,
                )
            };
            if code != OK {
                break;
            }
            let key = key.map(|byte| byte as u8);
            let end = key.iter().position(|byte| *byte == 0).unwrap_or(0);
            keys.push(String::from_utf8_lossy(&key[..end]).into_owned());
        }
        // SAFETY: both handles are numbers that the library looks up.
        unsafe { (self.functions.cmap_iter_finalize)(handle, iterator) };
        Ok(keys)
    }
}

/// Lends a descriptor that belongs to a library for as long as its connection is open.
pub(crate) fn lend<'a, T>(_owner: &'a T, fd: c_int) -> Option<BorrowedFd<'a>> {
    // SAFETY: it is not -1, and the owner keeps the connection open, and with it the descriptor, for 'a.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

fn cpg_name(group: &[u8]) -> CpgName {
    let mut name = CpgName {
        length: group.len().min(NAME_BYTES) as u32,
        value: [0; NAME_BYTES],
    };
    for (to, from) in name.value.iter_mut().zip(group) {
        *to = *from as c_char;
    }
    name
}

thread_local! {
    /// What callbacks brought, with the handle that they were called for.
    static QUEUE: RefCell<Vec<(u64, Raw)>> = const { RefCell::new(Vec::new()) };
}

/// Takes what the callbacks on this thread have brought.
pub(crate) fn take() -> Vec<(u64, Raw)> {
    QUEUE
        .with(|queue| {
            queue
                .try_borrow_mut()
                .map(|mut queue| std::mem::take(&mut *queue))
        })
        .unwrap_or_default()
}

fn push(handle: u64, raw: Raw) {
    // A thread that ends has no queue any more; nobody reads it either.
    let _ = QUEUE.try_with(|queue| {
        if let Ok(mut queue) = queue.try_borrow_mut() {
            match queue.len() {
                0..QUEUE_MAX => queue.push((handle, raw)),
                QUEUE_MAX => queue.push((handle, Raw::Faulty)),
                _ => {}
            }
        }
    });
}

/// A list that C handed over; `None` when it cannot be one.
fn list<T: Copy>(first: *const T, entries: usize) -> Option<Vec<T>> {
    if entries == 0 {
        return Some(Vec::new());
    }
    if first.is_null() || entries > MEMBERS_MAX || !first.is_aligned() {
        return None;
    }
    // SAFETY: not null, aligned, and so many entries long by the library's word for the time of the
    // callback; they are numbers, for which every bit pattern is valid, and are copied here.
    Some(unsafe { std::slice::from_raw_parts(first, entries) }.to_vec())
}

impl CpgAddress {
    fn member(self) -> Member {
        Member {
            node: self.nodeid,
            pid: self.pid,
        }
    }

    fn reason(self) -> Reason {
        match self.reason {
            2 => Reason::Left,
            3 => Reason::NodeDown,
            5 => Reason::ProcessGone,
            _ => Reason::Other,
        }
    }
}

impl From<CRingId> for RingId {
    fn from(ring: CRingId) -> RingId {
        RingId {
            node: ring.nodeid,
            sequence: ring.seq,
        }
    }
}

extern "C" fn deliver(
    handle: u64,
    _group: *const CpgName,
    node: u32,
    pid: u32,
    message: *mut c_void,
    bytes: usize,
) {
    if bytes > MESSAGE_BYTES_MAX {
        // Others may speak in a group of this name; so long is nothing that we say.
        return;
    }
    let raw = match list(message.cast_const().cast::<u8>(), bytes) {
        Some(bytes) => Raw::Message {
            from: Member { node, pid },
            bytes,
        },
        None => Raw::Faulty,
    };
    push(handle, raw);
}

extern "C" fn confchg(
    handle: u64,
    _group: *const CpgName,
    members: *const CpgAddress,
    member_entries: usize,
    left: *const CpgAddress,
    left_entries: usize,
    _joined: *const CpgAddress,
    _joined_entries: usize,
) {
    let lists = list(members, member_entries).zip(list(left, left_entries));
    let raw = match lists {
        Some((members, left)) => Raw::Group {
            members: members.into_iter().map(CpgAddress::member).collect(),
            left: left
                .into_iter()
                .map(|one| (one.member(), one.reason()))
                .collect(),
        },
        None => Raw::Faulty,
    };
    push(handle, raw);
}

extern "C" fn totem(handle: u64, ring: CRingId, _entries: u32, _members: *const u32) {
    push(handle, Raw::CpgRing(ring.into()));
}

extern "C" fn quorum(handle: u64, quorate: u32, ring: CRingId, _entries: u32, _of: *const u32) {
    let raw = Raw::Quorum {
        quorate: quorate == 1,
        ring: ring.into(),
    };
    push(handle, raw);
}

extern "C" fn nodes(
    handle: u64,
    ring: CRingId,
    member_entries: u32,
    members: *const u32,
    joined_entries: u32,
    joined: *const u32,
    left_entries: u32,
    left: *const u32,
) {
    let list = |first, entries: u32| list(first, entries as usize);
    let lists = list(members, member_entries)
        .zip(list(joined, joined_entries))
        .zip(list(left, left_entries));
    let raw = match lists {
        Some(((members, joined), left)) => Raw::Nodes {
            ring: ring.into(),
            members,
            joined,
            left,
        },
        None => Raw::Faulty,
    };
    push(handle, raw);
}

#[cfg(test)]
pub(crate) mod fake;
