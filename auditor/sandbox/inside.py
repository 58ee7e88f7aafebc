"""The last step before a stranger's command, run inside as ``python -I -S inside.py SOCKET``.

It takes what to do from the socket, hands out the folders that can be written, waits until they are filled, takes on
the limits, the filter of system calls and no-new-privileges, and becomes the command. Standard library only.
"""

import base64
import ctypes
import json
import os
import resource
import signal
import socket
import sys

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_INSTRUCTION = 8  # bytes


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def main() -> None:
    """Take the orders, follow them, and become the command."""
    line = socket.socket(fileno=int(sys.argv[1]))
    orders = json.loads(_line(line))
    handles = [os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in orders["places"]]
    socket.send_fds(line, [b"ready"], handles)
    if line.recv(1) != b"!":
        sys.exit("the auditor is gone")
    os.chdir(orders["places"][0])
    for kind, value in orders["limits"].items():
        _limit(getattr(resource, kind), value)
    os.closerange(3, 65536)
    os.umask(0o077)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # which Python ignores, and a program would inherit
    libc = ctypes.CDLL(None, use_errno=True)
    prctl = libc.prctl
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
    code = base64.b64decode(orders["filter"])
    program = _Program(len(code) // _INSTRUCTION, code)
    for option, value, pointer in (
        (_PR_SET_NO_NEW_PRIVS, 1, None),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program)),
    ):
        if prctl(option, value, pointer, 0, 0):
            sys.exit(f"the filter can't be put on: {os.strerror(ctypes.get_errno())}")
    try:
        os.execvpe(orders["command"][0], orders["command"], orders["environment"])
    except OSError as error:
        sys.exit(f"{orders['command'][0]}: {error.strerror}")


def _line(line: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        piece = line.recv(1 << 16)
        if not piece:
            sys.exit("the auditor is gone")
        data += piece
    return data


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    least = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (least, least))


if __name__ == "__main__":
    main()
