"""Harmless probes, by what an attacker would be after. Each says in its last words what became of it."""

from __future__ import annotations

REACHING = {
    "host files: a secret of the user": "open(os.environ['SECRET']).read()",
    "host files: a folder of the user": "os.listdir(os.path.dirname(os.environ['SECRET']))",
    "host files: /etc/shadow": "open('/etc/shadow').read()",
    "host files: /root": "os.listdir('/root/.ssh')",
    "host files: write to /usr": "open('/usr/inside', 'w')",
    "host files: write to /": "open('/outside', 'w')",
    "host files: write to /etc": "open('/etc/outside', 'w')",
    "host files: write to /dev": "open('/dev/outside', 'w')",
    "host files: write to the interpreter": "open(os.path.join(sys.base_prefix, 'outside'), 'w')",
    "host files: the old root": "os.listdir('/.old/etc')",
    "host files: through the auditor's own process": "os.listdir('/proc/1/root/home')",
    "environment: a token of the caller": "os.environ['GITHUB_TOKEN']",
    "environment: the first process's": "leak(open('/proc/1/environ').read())",
    "environment: the parent's": "leak(open(f'/proc/{os.getppid()}/environ').read())",
    "other processes: signal": "os.kill(int(os.environ['VICTIM']), 0)",
    "other processes: the first one's memory": "open('/proc/1/mem', 'rb+')",
    "other processes: list": "few([name for name in os.listdir('/proc') if name.isdigit()])",
    "network: the machine's loopback": "socket.create_connection(('127.0.0.1', int(os.environ['PORT'])), 3)",
    "network: another machine": "socket.create_connection(('192.0.2.1', 80), 3)",
    "network: names": "socket.getaddrinfo('example.com', 80)",
    "network: the hypervisor": "socket.socket(socket.AF_VSOCK)",
    "network: raw packets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "abstract sockets": "socket.socket(socket.AF_UNIX).connect('\\0' + os.environ['ABSTRACT'])",
    "kernel settings: a sysctl": "os.open('/proc/sys/vm/overcommit_memory', os.O_WRONLY)",
    "kernel settings: core pattern": "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)",
    "kernel settings: sysrq": "os.open('/proc/sysrq-trigger', os.O_WRONLY)",
    "kernel settings: the own OOM score": "os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')",
    "kernel settings: control groups": "os.mkdir('/sys/fs/cgroup/memory/outside')",
    "kernel settings: its memory": "open('/proc/kcore', 'rb').read(1)",
    "privileges: mount": "libc('mount', b'none', b'/tmp', b'tmpfs', 0, None)",
    "privileges: another user": "os.setuid(0 if os.getuid() else 1)",
    "privileges: capabilities": "nothing(re.findall('Cap(?:Prm|Eff|Inh|Amb|Bnd):\\\\s*0*([1-9a-f].*)', status()))",
    "privileges: new ones on exec": "nothing([] if re.search('NoNewPrivs:\\\\s*1', status()) else ['allowed'])",
    "privileges: trace": "libc('ptrace', 16, os.getppid(), None, None)",
    "privileges: device files": "os.mknod('device', stat.S_IFCHR | 0o666, os.makedev(1, 1))",
    "privileges: BPF": "libc('syscall', 321, 0, None, 0)",
    "privileges: io_uring": "libc('syscall', 425, 1, None)",
    "privileges: keys": "libc('syscall', 250, 0, -3, 0)",
    "set-id: chmod": "os.chmod(made('a'), 0o4755)",
    "set-id: on opening": "os.open('b', os.O_CREAT | os.O_WRONLY, 0o6755)",
    "set-id: of a group": "os.chmod(made('c'), 0o2755)",
    "set-id: on making a node": "os.mkfifo('e', 0o4755)",
    "set-id: by the newer call": "libc('syscall', 452, -100, made('d').encode(), 0o4755, 0)",
    "nested namespaces: unshare": "libc('unshare', 0x10000000)",
    "nested namespaces: clone": "libc('syscall', 56, 0x10000000 | 17, None, None, None, None)",
    "nested namespaces: clone3": "libc('syscall', 435, None, 0)",
    "nested namespaces: a program": "subprocess.run(['unshare', '--user', 'true'], check=True, capture_output=True)",
}
"""Expressions that succeed only if the sandbox doesn't hold."""

_PRELUDE = """
import ctypes, json, os, re, socket, stat, subprocess, sys
c = ctypes.CDLL(None, use_errno=True)
def libc(name, *arguments):
    result = getattr(c, name)(*arguments)
    if result == 0 and name == "syscall" and arguments[0] == 56:
        os._exit(0)  # the child of a clone that should not have been
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def leak(text):
    if "a-token" not in text and "TOKEN" not in text:
        raise LookupError("nothing of the caller's")
def few(found):
    if len(found) < 10:
        raise LookupError(f"{len(found)} processes")
def nothing(found):
    if not found:
        raise LookupError("nothing")
def status():
    return open("/proc/self/status").read()
def made(name):
    open(name, "w").close()
    return name
said = {}
"""


def all_reaching() -> str:
    """Return one program that tries every expression of ``REACHING`` and prints what came of each."""
    tries = "".join(
        f"try:\n    {code}\nexcept Exception as error:\n    said[{name!r}] = f'{{type(error).__name__}}: {{error}}'\n"
        for name, code in REACHING.items()
    )
    return f"{_PRELUDE}{tries}print(json.dumps(said))"


EXHAUSTING = {
    "memory: heap": ("memory", "x = []\nfor i in range(64): x.append(bytearray(32 << 20))"),
    "memory: heap of many": (
        "memory",
        "import os, time\nfor i in range(12):\n    if os.fork() == 0:\n        x = bytearray(64 << 20)\n"
        "        time.sleep(10)\ntime.sleep(10)",
    ),
    "memory: memfd": (
        "memory",
        "import os\nkept = []\nfor i in range(64):\n    kept.append(os.memfd_create('m'))\n"
        "    os.write(kept[-1], bytes(32 << 20))",
    ),
    "memory: tmpfs": ("disk memory", "for i in range(80): open(f'/tmp/{i}', 'wb').write(bytes(32 << 20))"),
    "memory: /dev/shm": ("memory", "for i in range(80): open(f'/dev/shm/{i}', 'wb').write(bytes(32 << 20))"),
    "memory: shared pages": (
        "memory",
        "import mmap, time\nkept = []\nfor i in range(64):\n    kept.append(mmap.mmap(-1, 32 << 20))\n"
        "    kept[-1].write(bytes(32 << 20))\ntime.sleep(5)",
    ),
    "disk: a file": ("disk", "f = open('big', 'wb')\nfor i in range(64): f.write(bytes(1 << 20))\nf.flush()"),
    "disk: unlinked": (
        "disk",
        "import os\nkept = []\nfor i in range(64):\n    kept.append(open('x', 'wb')); os.unlink('x')\n"
        "    kept[-1].write(bytes(1 << 20)); kept[-1].flush()",
    ),
    "disk: unreadable": (
        "disk",
        "import os, time\nos.mkdir('shut')\nfor i in range(64): open(f'shut/{i}', 'wb').write(bytes(1 << 20))",
    ),
    "disk: deep": ("disk", "import os\nfor i in range(20_000): os.mkdir('d' * 50); os.chdir('d' * 50)"),
    "disk: many": ("disk", "for i in range(1_000_000): open(f'f{i}', 'w').close()"),
    "processes": (
        "processes",
        "import os, time\nfor i in range(200):\n    if os.fork() == 0: time.sleep(10)\ntime.sleep(10)",
    ),
    "processes: threads": (
        "processes",
        "import threading, time\nfor i in range(200): threading.Thread(target=time.sleep, args=(5,)).start()",
    ),
    "time: asleep": ("wallclock", "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(60)"),
    "time: busy, with its output closed": ("wallclock", "import os\nos.close(1); os.close(2)\nwhile True: pass"),
    "output flood": ("output", "while True: print('x' * 100_000)"),
}
"""What uses up a limit, and the limit that has to be named; several where which comes first is a matter of sizes."""
