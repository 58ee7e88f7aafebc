"""Files that are not there: an overlay over absolute paths, and data made when it is asked for.

An absolute path that the sandbox does not have is looked for, and written, below the overlay. Where it, or a path
below the working folder, reads like a shard, a folder of shards or a tokenizer, it is made first. What the script
itself writes to /tmp, source for a compiler say, stays there.
"""

from __future__ import annotations

import builtins
import contextlib
import glob
import io
import json
import os
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

from auditor.smoke.harness import shards, tokenizer
from auditor.smoke.harness.blame import main_has_begun
from auditor.smoke.harness.journal import Journal

_SHARD = re.compile(r"(?:train|val|fineweb|test)[^/]*\.bin\Z", re.I)
_FOLDER = re.compile(r"(?:fineweb|sp\d{3,5}|byte260)[^/.]*\Z|(?:^|/)datasets/[^/.]+\Z|(?:^|/)data\Z", re.I)
_PATTERN = re.compile(r"(?:train|val|fineweb)[^/]*\Z|\.bin\Z", re.I)
_TOKENIZER = re.compile(r"\.(?:model|vocab)\Z|tokenizer[^/]*\.json\Z", re.I)
_BYTES = re.compile(r"bytes?(?![a-z])[^/]*\.npy\Z", re.I)
_SYSTEM = ("/usr/", "/proc/", "/sys/", "/dev/", "/etc/", "/lib", "/bin/", "/opt/cuda")
_TEMPORARY = "/tmp/"
_OF_A_PATH = (
    "stat",
    "lstat",
    "scandir",
    "listdir",
    "open",
    "mkdir",
    "remove",
    "unlink",
    "rmdir",
    "access",
    "utime",
    "chmod",
)
_OF_TWO = ("rename", "replace", "link", "symlink")


class Files:
    """Where each path that the script names really lies; ``sets`` writes the data that is made."""

    def __init__(self, overlay: str, journal: Journal, sets: shards.Sets | None = None) -> None:
        self._overlay = overlay
        self._sets = sets or shards.Sets()
        self._home = os.environ["HOME"]
        self._journal = journal
        self._real: dict[str, Any] = {name: getattr(os, name) for name in (*_OF_A_PATH, *_OF_TWO)}
        self._tried: set[str] = set()
        self._busy = False

    def place(self, path: Any) -> Any:
        """Return the path to use for ``path``: itself, or one below the overlay; data is made on the way."""
        if self._busy or not isinstance(path, str | os.PathLike):
            return path
        name = os.fspath(path)
        if not isinstance(name, str) or name.startswith(self._overlay) or "\0" in name:
            return path
        self._busy = True
        try:
            if self._exists(name):
                return path
            full = os.path.normpath(os.path.join(os.getcwd(), name))  # noqa: PTH109, PTH118
            here = full if full.startswith(self._home) else self._overlay + full
            if full.startswith(_SYSTEM):
                return path
            self._make(full, here)
            return path if here == full or self._stays(full, here) else here
        finally:
            self._busy = False

    def _stays(self, full: str, here: str) -> bool:
        """Tell whether what the script puts at ``full`` lies there, where a program that it starts looks for it."""
        folder = os.path.dirname(full)  # noqa: PTH120
        return full.startswith(_TEMPORARY) and not self._exists(here) and self._exists(folder)

    def _exists(self, name: str) -> bool:
        try:
            self._real["lstat"](name)
        except OSError:
            return False
        return True

    def _make(self, full: str, here: str) -> None:
        """Make the data that ``full`` reads like at ``here``, once."""
        if here in self._tried:
            return
        self._tried.add(here)
        folder, base = os.path.split(here)
        if _SHARD.search(base) and not re.search(r"[*?\[]", base):
            self._made("data shards")
            if base.startswith(("fineweb_train", "fineweb_val")) and "bytes" not in base:
                self._set(folder)
            if not self._exists(here):
                self._folders(folder)
                val = re.search("val|test", base) is not None
                self._sets.write_shard(here, sidecar="bytes" in base, val=val, size=shards.vocabulary(full))
        elif _TOKENIZER.search(base):
            self._made("tokenizer")
            self._folders(folder)
            with self._real_open(here, "w") as out:
                json.dump({"stand-in": shards.vocabulary(base)}, out)
        elif _BYTES.search(base):
            self._made("table of bytes")
            self._folders(folder)
            self._write_bytes(here, shards.vocabulary(full))
        elif _FOLDER.search(here) and not re.search(r"\.\w{1,5}\Z", base):
            self._made("data shards")
            self._set(here)
        elif here != full and self._exists(here) is False:
            with contextlib.suppress(OSError):
                self._folders(folder)  # a file may be written there

    def _write_bytes(self, here: str, size: int) -> None:
        """Write the bytes of each token of the stand-in tokenizer, (size,) int16, a leading space among them."""
        import numpy as np

        pieces = tokenizer.SentencePieceProcessor()
        pieces._size = size
        table = [
            1 if pieces.is_byte(token) else 0 if pieces.is_control(token) or pieces.is_unknown(token)
            else len(str(pieces.id_to_piece(token)).replace("\u2581", " ").encode("utf-8"))
            for token in range(size)
        ]  # fmt: skip
        with self._real_open(here, "wb") as out:
            np.save(out, np.array(table, dtype=np.int16))

    def _set(self, folder: str) -> None:
        if not self._exists(f"{folder}/fineweb_train_000000.bin"):
            self._folders(folder)
            self._sets.write(folder)

    def _looked_for(self, pattern: Any, root: Any = None) -> None:
        """Make the shards that a pattern reads like, where its folder has none."""
        if self._busy or not isinstance(pattern, str | os.PathLike):
            return
        name = os.path.join(os.fspath(root), os.fspath(pattern)) if root is not None else os.fspath(pattern)  # noqa: PTH118
        folder, base = os.path.split(name)
        if isinstance(name, str) and _PATTERN.search(base) and not re.search(r"[*?\[]", folder):
            self.place(f"{folder or '.'}/fineweb_train_000000.bin")

    def _folders(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103

    def _made(self, what: str) -> None:
        if main_has_begun(sys._getframe(1)):
            self._journal.once("imported")
        self._journal.stand_in(what)

    def _real_open(self, path: str, mode: str) -> Any:
        return io.open(path, mode) if not self._busy else self._opener(path, mode)  # noqa: UP020

    def install(self) -> None:
        """Replace the functions through which Python's own modules, pathlib, glob and numpy reach files."""
        self._opener = builtins.open
        for name in _OF_A_PATH:
            setattr(os, name, self._one(self._real[name]))
        for name in _OF_TWO:
            setattr(os, name, self._two(self._real[name]))
        opener = self._one(builtins.open)
        builtins.open = io.open = opener
        self._numpy()
        self._patterns()

    def _patterns(self) -> None:
        """See the patterns that files are looked for by, before a folder is read that isn't there."""
        find, walk, below = glob.glob, glob.iglob, pathlib.Path.glob

        def found(pattern: Any, *args: Any, **kwargs: Any) -> Any:
            self._looked_for(pattern, kwargs.get("root_dir"))
            return find(pattern, *args, **kwargs)

        def walked(pattern: Any, *args: Any, **kwargs: Any) -> Any:
            self._looked_for(pattern, kwargs.get("root_dir"))
            return walk(pattern, *args, **kwargs)

        def of_path(path: Any, pattern: Any, *args: Any, **kwargs: Any) -> Any:
            self._looked_for(pattern, path)
            return below(path, pattern, *args, **kwargs)

        glob.glob, glob.iglob, pathlib.Path.glob = found, walked, of_path

    def _one(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
            for key in ("file", "path"):
                if path == "." and key in kwargs:
                    path = kwargs.pop(key)
            return real(path if kwargs.get("dir_fd") is not None else self.place(path), *args, **kwargs)

        call.__name__ = real.__name__
        return call

    def _two(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(one: Any, other: Any, *args: Any, **kwargs: Any) -> Any:
            source, target = self.place(one), self.place(other)
            if (
                real.__name__ != "symlink" and _folder(one) == _folder(other) is not None
            ):  # what a compiler, say, put there stays in its folder
                target = os.path.join(_folder(source) or "", os.path.basename(os.fspath(other)))  # noqa: PTH118, PTH119
            return real(source, target, *args, **kwargs)

        call.__name__ = real.__name__
        return call

    def _numpy(self) -> None:
        import numpy as np

        real = np.fromfile

        def fromfile(file: Any, *args: Any, **kwargs: Any) -> Any:
            return real(self.place(file), *args, **kwargs)

        np.fromfile = fromfile


def _folder(path: Any) -> str | None:
    """Return the folder that a path names its last part in; None for what is no path."""
    return os.path.dirname(os.path.abspath(path)) if isinstance(path, str | os.PathLike) else None  # noqa: PTH100, PTH120
