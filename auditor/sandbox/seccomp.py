"""The system calls that training never needs, refused by a filter that libseccomp writes.

What is left out is what containers leave out (namespaces, mounts, kernel modules, keys, tracing, BPF, io_uring), what
isn't in a network namespace (vsock), and modes that would outlive the sandbox (set-user-id).
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from functools import cache
from typing import Any

from auditor.sandbox.model import NoSandbox

_REFUSED = """
acct add_key adjtimex bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init finit_module
fsconfig fsmount fsopen fspick get_kernel_syms init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl
lookup_dcookie memfd_secret mount mount_setattr move_mount name_to_handle_at nfsservctl
open_by_handle_at open_tree perf_event_open pivot_root process_vm_readv process_vm_writev ptrace
query_module quotactl quotactl_fd reboot request_key semget setdomainname sethostname setns settimeofday shmget msgget
stime swapoff swapon sysfs _sysctl syslog umount umount2 unshare uselib userfaultfd ustat vhangup
"""
_ABSENT = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "openat2", "fchmodat2")
"""Calls whose arguments a filter can't see, or that would go around it; libraries fall back on an older one."""
_FAMILIES = (1, 2, 10, 16)  # of sockets on Linux: Unix, IPv4, IPv6 and netlink, by which addresses are listed
_TEMPORARY_FILE = 0o20000000  # O_TMPFILE without the O_DIRECTORY in it
_NAMESPACES = 0x7E020080  # CLONE_NEW*: mount, cgroup, uts, ipc, user, pid, net, and time, which clone can't make
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SETID = (stat.S_ISUID, stat.S_ISGID)
_NODES = {"mknod": 1, "mknodat": 2}
_MODES = {"chmod": 1, "fchmod": 1, "fchmodat": 2, "creat": 1, "mkdir": 1, "mkdirat": 2, **_NODES}
_CREATING = {"open": (1, 2), "openat": (2, 3)}  # arguments: flags, mode
_NEWER = range(424, 512)
"""Numbers that are the same on every architecture; those that this libseccomp has no name for are as good as absent."""


@cache
def program(*, memory_counted: bool) -> bytes:
    """Return the filter as the kernel takes it.

    ``memory_counted`` says that a control group counts memory; else files that only a descriptor holds (memfd) are
    refused too, since nothing else sees them. Raises :class:`NoSandbox` where libseccomp is missing.
    """
    try:
        import pyseccomp  # type: ignore[import-untyped]
    except (ImportError, OSError, RuntimeError) as error:
        raise NoSandbox(
            f"the filter of system calls can't be made ({error}): install libseccomp2 and pyseccomp, "
            "or give --no-sandbox to run the code unguarded"
        ) from None
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    _refuse(rules, pyseccomp, memory_counted=memory_counted)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _refuse(rules: Any, library: Any, *, memory_counted: bool) -> None:
    forbidden, absent = library.ERRNO(errno.EPERM), library.ERRNO(errno.ENOSYS)

    def rule(action: int, name: str, *arguments: Any) -> None:
        # A name that this architecture, or this version of the library, doesn't know can't be called by it either.
        if library.resolve_syscall(library.system_arch(), name) != -1:
            rules.add_rule(action, name, *arguments)

    def bits(position: int, mask: int, value: int) -> Any:
        return library.Arg(position, library.MASKED_EQ, mask, value)

    for name in _REFUSED.split():
        rule(forbidden, name)
    for name in (*_ABSENT, *(() if memory_counted else ("memfd_create",))):
        rule(absent, name)
    for number in _NEWER:
        if not _known(library, number):
            rules.add_rule(absent, number)
    for bit in range(7, 32):
        if _NAMESPACES >> bit & 1:
            rule(forbidden, "clone", bits(0, 1 << bit, 1 << bit))
    known = sorted(_FAMILIES)
    for family in range(max(known) + 1):
        if family not in known:
            rule(forbidden, "socket", library.Arg(0, library.EQ, family))
    rule(forbidden, "socket", library.Arg(0, library.GT, max(known)))
    for command in (_TIOCSTI, _TIOCLINUX):
        rule(forbidden, "ioctl", bits(1, 0xFFFFFFFF, command))
    for name, position in _NODES.items():
        for kind in (stat.S_IFCHR, stat.S_IFBLK):
            rule(forbidden, name, bits(position, stat.S_IFMT(0xFFFF), kind))
    for bit in _SETID:
        for name, position in _MODES.items():
            rule(forbidden, name, bits(position, bit, bit))
        for name, (flags, mode) in _CREATING.items():
            for creating in (os.O_CREAT, _TEMPORARY_FILE):
                rule(forbidden, name, bits(flags, creating, creating), bits(mode, bit, bit))


def _known(library: Any, number: int) -> bool:
    try:
        return bool(library.resolve_syscall(library.system_arch(), number))
    except ValueError:
        return False
