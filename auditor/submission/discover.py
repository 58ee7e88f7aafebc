"""What each file of a record folder is: train script, helpers, run scripts, logs, README, metadata."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Sequence

from auditor.challenge import Challenge, challenges
from auditor.challenge.places import is_default_script, is_metadata, is_track
from auditor.regex import regex
from auditor.submission import trainer
from auditor.submission.model import Submission, Track, Tree, Unread
from auditor.submission.names import depth, is_log, is_readme, is_shell, is_source, shown, suffix

NO_FOLDER = "no train script in a record folder; the changed files of the repository are read instead"
_HEAD = 64 * 1024  # bytes of a README that are looked at
_LOG_HEAD = 1024 * 1024  # bytes that are looked at to tell a log: many begin with the whole script
_MOST_PEEKED = 400  # files that are looked into; a folder may hold thousands
_SOURCE_HEAD = 512 * 1024
_DOCUMENT_LIMIT = 256 * 1024
_LOG_LINE = regex(
    rb"^\W{0,3}.{0,60}?(step[:= ]\s*\d+|\d+/\d+ (train|val)_loss|train_loss|val_bpb\s*[:=]\s*\d|"
    rb"val_loss\s*[:=]\s*\d|train_time\s*[:=]\s*\d|step_avg|Total submission size|Serialized model|"
    rb"model_params:\d|world_size:\d)",
    re.MULTILINE,
)
_SCORE_LINE = regex(
    rb"^(?:[\w+.\-]{1,60}[ :]{1,3}){0,3}val_loss[:=] ?\d{1,2}\.\d{4,} val_bpb[:=] ?\d{1,2}\.\d{4,}", re.MULTILINE
)  # only an evaluation prints both so: one such line is a log
_NON_RECORD = regex(r"non[\s_-]*record", re.IGNORECASE)


def units(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the sub-folders that are the submissions when a record folder only wraps them, else ``("",)``.

    A folder wraps others when it holds no source code and no submission.json itself while several below do,
    or while one below holds everything.
    """
    listed = tuple(paths)
    if any(depth(p) == 0 and (is_source(p) or is_metadata(posixpath.basename(p))) for p in listed):
        return ("",)
    for marks in (is_metadata, is_default_script):
        holders = sorted({posixpath.dirname(p) for p in listed if marks(posixpath.basename(p))})
        outer = [h for h in holders if not any(h.startswith(other + "/") for other in holders)]
        if len(outer) > 1 or (outer and all(p.startswith(outer[0] + "/") for p in listed)):
            return tuple(outer)
    return ("",)


def describe(
    tree: Tree,
    *,
    given: str,
    name: str,
    place: str = "",
    sha: str | None = None,
    outside: tuple[str, ...] | None = None,
    problems: tuple[str, ...] = (),
    pr: int | None = None,
    script: str | None = None,
    folder: str | None = None,
    tracks: Iterable[str] = (),
    home: str = "",
) -> Submission:
    """Return the submission that a record folder's tree is.

    ``place`` is the folder's path in its repository or on disk, and tells the track. ``script`` fixes the
    train script; without it one is chosen and every doubt becomes a problem. ``tracks`` are the tracks' folders of the
    repository, which tell the challenge of what lies in none. ``folder`` is the field of that name, ``home`` the
    record folder's path in the tree where the tree holds more than it.
    """
    paths = tree.paths()
    notes = list(problems)
    at_home = [path for path in paths if path.startswith(f"{home}/")] if home else paths
    readme = _uppermost(path for path in at_home if is_readme(path))
    metadata, misspelt = _metadata([path.removeprefix(f"{home}/") if home else path for path in at_home])
    metadata = posixpath.join(home, metadata) if metadata is not None else None
    if misspelt:
        notes.append(misspelt)
    shells = tuple(path for path in paths if is_shell(path))
    sources = tuple(path for path in paths if is_source(path))
    if script is None:
        choice = _choose_script(tree, sources, [p for p in (readme, *shells, metadata) if p])
        script = choice.script
        if choice.doubt:
            notes.append(choice.doubt)
    named = {path: is_log(path) for path in paths}
    unclear = [path for path in paths if named[path] is None]
    if len(unclear) > _MOST_PEEKED:
        notes.append(f"{len(unclear):,} files could be logs by their names; {_MOST_PEEKED} were looked at")
    inside = {path for path in unclear[:_MOST_PEEKED] if _looks_like_log(tree, path)}
    logs = tuple(path for path in paths if named[path] or path in inside)
    challenge = challenges().of(track_folder(place), tracks)
    return Submission(
        given=given,
        name=name,
        track=track_of(place, name, *_self_description(tree, readme, metadata), challenge=challenge),
        sha=sha,
        tree=tree,
        script=script,
        helpers=tuple(path for path in sources if path != script),
        shells=shells,
        logs=logs,
        readme=readme,
        metadata=metadata,
        outside=outside,
        problems=tuple(notes),
        pr=pr,
        folder=folder,
        challenge=challenge,
        track_folder=track_folder(place),
    )


def lone_script(tree: Tree, script: str, *, given: str, sha: str | None = None, pr: int | None = None) -> Submission:
    """Return the submission that a single script and the sources beside it are: no package to judge."""
    return Submission(
        given=given,
        name=posixpath.basename(script),
        track="unknown",
        sha=sha,
        tree=tree,
        script=script,
        helpers=tuple(path for path in tree.paths() if is_source(path) and path != script),
        shells=(),
        logs=(),
        readme=None,
        metadata=None,
        outside=None,
        pr=pr,
        lone=True,
        challenge=challenges().of(""),
    )


def holds_anything(submission: Submission) -> bool:
    """Tell whether anything in a folder makes it a submission: code, a log, metadata or a README."""
    return bool(submission.script or submission.helpers or submission.logs or submission.metadata or submission.readme)


def holds_a_program(submission: Submission) -> bool:
    """Tell whether a folder holds a script, or logs that carry one by the custom of the challenge."""
    return submission.script is not None or (submission.challenge.layout.logs_carry_source and bool(submission.logs))


def holds_a_trainer(submission: Submission) -> bool:
    """Tell whether a submission's script trains, or is called as the challenge's own trainer is.

    Outside a record folder nothing else says that a script is a submission.
    """
    script = submission.script
    if script is None or is_default_script(posixpath.basename(script)):
        return script is not None
    return trainer.trains(_text(submission.tree, script, _SOURCE_HEAD))


def track_folder(place: str) -> str:
    """Return the name of the track's folder that a record folder's path has above it, "" where there is none."""
    parts = [part for part in re.split(r"[/\\]", place) if part][:-1]
    return next((part for part in reversed(parts) if is_track(part)), "")


def track_of(
    place: str, name: str, title: str = "", declared: str = "", *, challenge: Challenge | None = None
) -> Track:
    """Return the track from the folder's path, its name, the README's title and the metadata's track.

    What calls itself non-record in its name, title or metadata is non-record in whichever track it lies; so is what
    lies in a track that the challenge keeps for that.
    """
    parts = [part for part in re.split(r"[/\\]", place) if part][:-1]
    folder = track_folder(place)
    asked = challenge if challenge is not None else challenges().of(folder)
    known = asked.track(folder)
    if known is not None and known.kind == "non-record":
        return "non-record"
    if _NON_RECORD.search(folder) or any(_NON_RECORD.search(text) for text in (name, title, declared)):
        return "non-record"
    called = [t.declared for t in asked.tracks if t.kind == "record" and t.declared is not None]
    if folder or any(re.fullmatch(name, declared.strip(), re.IGNORECASE) for name in called):
        return "record"
    return "non-record" if any(_NON_RECORD.search(part) for part in parts[-2:]) else "unknown"


def peek(tree: Tree, path: str, count: int) -> bytes:
    """Return a file's first ``count`` bytes, or nothing when it cannot be read."""
    try:
        head = getattr(tree, "head", None)
        if head is not None:
            return bytes(head(path, count))
        return tree.read(path, count)
    except Unread:
        return b""


def _uppermost(paths: Iterable[str]) -> str | None:
    return min(paths, key=lambda path: (depth(path), not path.endswith(".md"), path), default=None)


def _metadata(paths: Sequence[str]) -> tuple[str | None, str]:
    exact = _uppermost(path for path in paths if is_metadata(posixpath.basename(path)))
    if exact is not None:
        name = posixpath.basename(exact)
        where = f"{name} is not at the top of the folder but in {shown(posixpath.dirname(exact))}"
        return exact, where if depth(exact) else ""
    for name in sorted(challenges().metadata_names):
        alike = [path for path in paths if depth(path) == 0 and _almost_metadata(path, name)]
        if alike:
            return alike[0], f"{name} is missing; {shown(alike[0])} is read in its place"
    return None, ""


def _almost_metadata(path: str, name: str) -> bool:
    base = path.lower()
    if suffix(base) not in {".json", ".jsonl", ".jsn", ".txt", ""} or base == ".json":
        return False
    if len(base) > 3 * len(name):
        return False
    import difflib

    near = difflib.SequenceMatcher(None, base, name, autojunk=False).ratio() > 0.88
    stem, extension = (re.escape(part) for part in posixpath.splitext(name))
    return near or re.fullmatch(rf"{stem}[\w.-]*{extension}(\.txt)?|{stem}", base) is not None


def _choose_script(tree: Tree, sources: Sequence[str], documents: Sequence[str]) -> trainer.Choice:
    if not trainer.needs_texts(sources):
        return trainer.choose(sources, {}, ())
    scripts = sorted((p for p in sources if suffix(p) == ".py"), key=lambda p: (depth(p), p))
    texts = {path: _text(tree, path, _SOURCE_HEAD) for path in scripts[:_MOST_PEEKED]}
    return trainer.choose(
        sources, texts, [(path, _text(tree, path, _DOCUMENT_LIMIT)) for path in documents[:_MOST_PEEKED]]
    )


def _looks_like_log(tree: Tree, path: str) -> bool:
    head = peek(tree, path, _LOG_HEAD)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    return b"\0" not in head and (len(_LOG_LINE.findall(head)) >= 2 or _SCORE_LINE.search(head) is not None)


def _self_description(tree: Tree, readme: str | None, metadata: str | None) -> tuple[str, str]:
    text = _text(tree, readme, _HEAD) if readme else ""
    title = next((line for line in text.splitlines() if line.strip()), "")
    declared = ""
    if metadata:
        try:
            content = json.loads(_text(tree, metadata, _DOCUMENT_LIMIT))
        except (ValueError, RecursionError):
            content = None  # the evidence room reports what is wrong with it
        if isinstance(content, dict):
            declared = str(content.get("track", ""))
    return title[:300], declared[:100]


def _text(tree: Tree, path: str, count: int) -> str:
    return peek(tree, path, count).decode("utf-8-sig", "replace")
