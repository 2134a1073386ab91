#!/usr/bin/python3
"""Runs a program as systemd would under a unit, without systemd: play.py UNIT WRITABLE PROGRAM ARGUMENT...

Played, as the unit has it: user (number 65534 in its place), capabilities, NoNewPrivileges, UMask, ProtectSystem=strict
(WRITABLE stands for all of the service's directories), MemoryDenyWriteExecute, RestrictAddressFamilies,
RestrictNamespaces, RestrictRealtime and SystemCallFilter, as systemd's own groups and libseccomp have them; but a call
that the filter does not allow ends the process, so that none goes unnoticed. Not played: the private /tmp, /dev and the protected places of /proc and /sys, which need systemd's mounts, and limits of cgroups.
A setting of the unit that is neither is an error, so that none is added without a thought.
"""
import ctypes
import os
import subprocess
import sys

USER = 65534
PLAYED = {
    "AmbientCapabilities", "CapabilityBoundingSet", "MemoryDenyWriteExecute", "NoNewPrivileges", "ProtectSystem",
    "RestrictAddressFamilies", "RestrictNamespaces", "RestrictRealtime", "SystemCallArchitectures",
    "SystemCallErrorNumber", "SystemCallFilter", "UMask", "User",
}
NOT_PLAYED = {
    "ExecReload", "ExecStart", "LockPersonality", "LogsDirectory", "LogsDirectoryMode", "OOMPolicy", "OOMScoreAdjust",
    "PrivateDevices", "PrivateTmp", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "ReadWritePaths", "Restart",
    "RestartSec", "RestrictSUIDSGID", "RuntimeDirectory", "RuntimeDirectoryMode", "StateDirectory",
    "StateDirectoryMode", "TimeoutStopSec", "Type",
}
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
FAMILIES_MAX = 64
CLONE_NEWNS, MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x20000, 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
NAMESPACES = 0x7E020000
EPERM, EAFNOSUPPORT = 1, 97
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EQUAL, MASKED = 4, 7
PROT_WRITE, PROT_EXEC = 2, 4
SECOND_HALF = "--filter"

libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result < 0:
        sys.exit(f"play.py: {what}: {os.strerror(ctypes.get_errno() or -result)}")


def settings(unit):
    found, inside = {}, False
    for line in open(unit, encoding="utf-8"):
        line = line.strip()
        if line.startswith("["):
            inside = line == "[Service]"
        elif inside and line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    strange = set(found) - PLAYED - NOT_PLAYED
    if strange:
        sys.exit(f"play.py: neither played nor left out: {' '.join(sorted(strange))}")
    return found


def read_only_but(writable):
    must(libc.unshare(CLONE_NEWNS), "unshare")
    must(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    here = os.fsencode(writable)
    must(libc.mount(here, here, None, MS_BIND, None), "bind")
    for line in open("/proc/self/mountinfo", encoding="utf-8"):
        fields = line.split()
        place = fields[4].encode().decode("unicode_escape")
        api = any(place == top or place.startswith(top + "/") for top in ("/dev", "/proc", "/sys"))
        if api or place == writable or place.startswith(writable + "/"):
            continue
        flags = MS_BIND | MS_REMOUNT | MS_RDONLY
        for word, flag in (("nosuid", MS_NOSUID), ("nodev", MS_NODEV), ("noexec", MS_NOEXEC)):
            flags |= flag if word in fields[5].split(",") else 0
        ended = libc.mount(None, os.fsencode(place), None, flags, None)
        if place == "/":
            must(ended, "read-only /")


class Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """One seccomp filter; several hold together."""

    def __init__(self, default):
        self.lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.at = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, action, call, *compares):
        number = self.lib.seccomp_syscall_resolve_name(call.encode())
        if number == -1:
            return  # Not on this architecture.
        array = (Compare * len(compares))(*compares)
        ended = self.lib.seccomp_rule_add_array(
            self.at, ctypes.c_uint32(action), ctypes.c_int(number), ctypes.c_uint(len(compares)), array)
        if ended and number >= 0:
            must(ended, call)

    def load(self):
        must(self.lib.seccomp_load(self.at), "seccomp_load")


def group(name):
    """The calls of one of systemd's groups, or the call of that name."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in text.stdout.splitlines()[1:]]
    return set().union(*(group(line) for line in lines if line and not line.startswith("#")))


def calls(unit):
    allowed = set()
    for value in unit["SystemCallFilter"]:
        names = set().union(*(group(name) for name in value.lstrip("~").split()))
        allowed = allowed - names if value.startswith("~") else allowed | names
    return allowed | group("@default")


def confine(unit):
    allowed = calls(unit)
    refused = Filter(ALLOW)
    for family in range(FAMILIES_MAX):
        if family not in [FAMILIES[name] for name in unit["RestrictAddressFamilies"][0].split()]:
            refused.rule(ERRNO | EAFNOSUPPORT, "socket", Compare(0, EQUAL, family, 0))
    both = PROT_WRITE | PROT_EXEC
    refused.rule(ERRNO | EPERM, "mmap", Compare(2, MASKED, both, both))
    refused.rule(ERRNO | EPERM, "mprotect", Compare(2, MASKED, PROT_EXEC, PROT_EXEC))
    refused.rule(ERRNO | EPERM, "pkey_mprotect", Compare(2, MASKED, PROT_EXEC, PROT_EXEC))
    for call in ("unshare", "setns"):
        refused.rule(ERRNO | EPERM, call)
    for policy in (1, 2, 6):
        refused.rule(ERRNO | EPERM, "sched_setscheduler", Compare(1, EQUAL, policy, 0))
    only = Filter(KILL)
    for call in sorted(allowed):
        only.rule(ALLOW, call)
    refused.load()
    only.load()


def main():
    if sys.argv[1] == SECOND_HALF:
        confine(settings(sys.argv[2]))
        os.execv(sys.argv[3], sys.argv[3:])
    unit, writable, program = settings(sys.argv[1]), os.path.realpath(sys.argv[2]), sys.argv[3:]
    assert unit["ProtectSystem"] == ["strict"] and unit["NoNewPrivileges"] == ["yes"]
    assert unit["MemoryDenyWriteExecute"] == unit["RestrictNamespaces"] == unit["RestrictRealtime"] == ["yes"]
    read_only_but(writable)
    os.umask(int(unit["UMask"][0], 8))
    short = lambda name: "+" + name.removeprefix("CAP_").lower()
    ambient = ",".join(["-all", *map(short, unit["AmbientCapabilities"][0].split())])
    bounds = ",".join(["-all", *map(short, unit["CapabilityBoundingSet"][0].split())])
    os.execvp("setpriv", [
        "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", f"--inh-caps={ambient}",
        f"--ambient-caps={ambient}", f"--bounding-set={bounds}", "--no-new-privs", "--",
        sys.executable, os.path.realpath(__file__), SECOND_HALF, sys.argv[1], *program])


main()
