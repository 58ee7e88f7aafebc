"""What ``golf-audit fix --unsafe --write`` does to real folders: each is written out, fixed, and looked at again.

    python benchmarks/fix_folders.py GIT_DIR SWEEP [--number 150] [--seed 2615] --results FILE

SWEEP are the JSON lines of ``golf-audit sweep``. Folders with findings that offer a change are drawn at random, of
different pull requests, in turn for each rule. Of each folder's copy it is checked that

* the findings of the changes made are gone from an audit of what lies there then,
* every file is the old one with the edits in it, and nothing else, put in here without LibCST,
* what compiled still does (it is parsed, never run),
* a second fix changes nothing.

One JSON line a folder; a run that was broken off goes on where it stopped. What was left, and why, stands in it.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import random
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from auditor.check import audit
from auditor.finding import Verdict
from auditor.fix.apply import decoded
from auditor.fix.change import Edit, NewFile, Part
from auditor.fix.plan import Plan, Wanted, plan
from auditor.fix.scores import what_is_left
from auditor.fix.write import write
from auditor.program.unpack import decode_text, unpack
from auditor.reaudit.compare import compare
from auditor.report import Report
from auditor.submission.folder import FolderTree
from auditor.submission.history import read_git
from auditor.submission.model import Submission, Tree, Unread
from auditor.submission.path import read_path
from auditor.verdict import weigh

_LARGEST = 64 * 1024 * 1024
_WANTED = Wanted(unsafe=True)


def drawn(sweep: Path, number: int, seed: int) -> list[tuple[int, str]]:
    """Return (pull request, name of its submission) of folders with offers, in turn for each rule."""
    offering: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for line in sweep.open():
        row = json.loads(line)
        report = row.get("report") or {}
        for slug in dict.fromkeys(f["rule"] for f in report.get("findings", ()) if f.get("fix")):
            offering[slug].append((row["pr"], report["name"]))
    draw = random.Random(seed)
    for slug in sorted(offering):
        draw.shuffle(offering[slug])
    taken: dict[int, str] = {}
    while len(taken) < number and any(offering.values()):
        for slug in sorted(offering):
            while offering[slug]:
                pr, name = offering[slug].pop()
                if pr not in taken:
                    taken[pr] = name
                    break
    return list(taken.items())[:number]


class Audits:
    """Audits that are made once for the same files."""

    def __init__(self) -> None:
        self.known: dict[str, Report] = {}
        self.asked = 0

    def __call__(self, submission: Submission) -> Report:
        key = hashlib.sha256()
        for path in submission.tree.paths():
            key.update(f"{path}\0".encode("utf-8", "surrogateescape"))
            key.update(hashlib.sha256(_read(submission.tree, path) or b"").digest())
        if key.hexdigest() not in self.known:
            self.asked += 1
            self.known[key.hexdigest()] = audit(submission)
        return self.known[key.hexdigest()]


def _read(tree: Tree, path: str) -> bytes | None:
    try:
        return tree.read(path, _LARGEST)
    except Unread:
        return None


def written_out(git_dir: str, pr: int, name: str, place: Path) -> Path:
    """Return the folder to which a submission of a pull request is written."""
    found = [s for s in read_git(git_dir, pr=pr) if s.name == name] or list(read_git(git_dir, pr=pr))
    submission = found[0]
    root = place / (submission.folder or name)
    for path in submission.tree.paths():
        data = _read(submission.tree, path)
        if data is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    return root


def fixed(root: Path) -> dict[str, object]:
    """Fix a folder, and return what was made, what was left, and each thing that is not as promised."""
    audits = Audits()
    before = {path: data for path, data in _files(root).items() if data is not None}
    (submission,) = read_path(str(root))[:1]
    found = plan(submission, audits, _WANTED)
    assert isinstance(submission.tree, FolderTree)
    write(submission.tree, found.files, {path: before.get(path) for path in found.files})
    after = _files(root)
    faults: list[str] = []
    for path in sorted({*before, *after} - set(found.files)):
        if before.get(path) != after.get(path):
            faults.append(f"{path} was changed")
    faults += _not_the_edits(found, before, after)
    faults += _no_longer_compile(found.files, before, after)
    (now,) = read_path(str(root))[:1]
    again_audits = Audits()
    again_audits.known = {} if not found.files else dict(list(audits.known.items())[1:])  # the first is made anew
    fresh = audit(now)
    gone = {id(pair.then) for pair in compare(found.before, fresh).gone}
    notes = {(f.rule, f.path, f.message) for f in fresh.findings if f.active is not False}
    for made in found.made:
        for finding in made.findings:
            here = any(finding is each for each in found.before.findings)
            if here and weigh(finding) is not Verdict.CLEAN and id(finding) not in gone:
                faults.append(f"{finding.rule} {finding.path}:{finding.line} is still there")
            elif (finding.rule, finding.path, finding.message) in notes:
                faults.append(f"{finding.rule} {finding.path}:{finding.line} is still said")
    again = plan(now, again_audits, _WANTED)
    if again.files:
        faults.append("a second fix changes " + ", ".join(made.change.title for made in again.made))
    return {
        "made": [[m.change.title, m.change.safety, sorted({f.rule for f in m.findings})] for m in found.made],
        "left": [[m.change.title, sorted({f.rule for f in m.findings}), m.why] for m in found.left],
        "says": what_is_left(found.before, found.after),
        "files": sorted(found.files),
        "faults": faults,
        "audits": audits.asked + again_audits.asked + 1,
        "verdicts": [found.before.verdict.value, fresh.verdict.value],
        "compliance": [found.before.compliance.value, fresh.compliance.value],
    }


def _files(root: Path) -> dict[str, bytes | None]:
    return {str(each.relative_to(root)): each.read_bytes() for each in sorted(root.rglob("*")) if each.is_file()}


def _not_the_edits(found: Plan, before: Mapping[str, bytes], after: Mapping[str, bytes | None]) -> Iterable[str]:
    """Yield the files that aren't the old ones with the edits put in, character by character."""
    for path in found.files:
        new = after.get(path)
        parts = [[part for part in some if part.path == path] for some in found.rounds]
        if new is None:
            yield f"{path} is missing"
        elif any(isinstance(part, NewFile) for some in parts for part in some):
            if path in before:
                yield f"{path} was there"
        elif any(isinstance(part, Edit) and part.layer for some in parts for part in some):
            yield from _packed(path, before, new, parts)
        elif _spliced(before[path], parts) != new:
            yield f"{path} has other changes"


def _spliced(data: bytes, rounds: Sequence[Sequence[Part]]) -> bytes:
    for some in rounds:
        text, encoding = decoded(data)
        edits = [part for part in some if isinstance(part, Edit)]
        for edit in sorted(edits, key=lambda each: each.start, reverse=True):
            text = text[: edit.start] + edit.new + text[edit.end :]
        data = text.encode(encoding)
    return data


def _packed(path: str, before: Mapping[str, bytes], new: bytes, rounds: Sequence[Sequence[Part]]) -> Iterable[str]:
    """Yield how a packed script differs, unpacked, from the old one with the edits of its layer."""
    old_layers = unpack(before[path], path, before.get).layers
    new_layers = unpack(new, path, before.get).layers
    if [layer.how for layer in old_layers] != [layer.how for layer in new_layers]:
        yield f"{path} is packed otherwise"
    elif _spliced(old_layers[-1].data, rounds) != new_layers[-1].data:
        yield f"{path} unpacks to other changes"


def _no_longer_compile(
    paths: Iterable[str], before: Mapping[str, bytes], after: Mapping[str, bytes | None]
) -> Iterable[str]:
    for path in paths:
        if path.endswith(".py"):
            for layer in unpack(after[path] or b"", path, before.get).layers:
                old = before.get(path)
                if not _compiles(layer.data) and (old is None or _compiles(old)):
                    yield f"{path} no longer compiles"


def _compiles(data: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(decode_text(data)[0])
        except (SyntaxError, ValueError, RecursionError):
            return False
    return True


def main() -> None:
    """Draw folders, fix them, and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("git_dir")
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--number", type=int, default=150)
    parser.add_argument("--seed", type=int, default=2615)
    parser.add_argument("--results", type=Path, required=True)
    given = parser.parse_args()
    kept = given.results.read_text().splitlines() if given.results.exists() else []
    rows = {json.loads(line)["pr"]: json.loads(line) for line in kept}
    for pr, name in drawn(given.sweep, given.number, given.seed):
        if pr in rows:
            continue
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as place:
            try:
                row = fixed(written_out(given.git_dir, pr, name, Path(place)))
            except Exception as error:
                row = {"faults": [f"{type(error).__name__}: {error}"]}
        rows[pr] = {"pr": pr, "name": name, **row, "seconds": round(time.process_time() - begun, 1)}
        with given.results.open("a") as file:
            file.write(json.dumps(rows[pr]) + "\n")
    fine = sum(not row["faults"] and not row.get("left") for row in rows.values())
    print(
        f"{len(rows)} folders, {sum(len(row.get('made', ())) for row in rows.values())} changes made in "
        f"{sum(bool(row.get('made')) for row in rows.values())}, {fine} with nothing left, "
        f"{sum(len(row.get('left', ())) for row in rows.values())} changes left, "
        f"{sum(bool(row['faults']) for row in rows.values())} with faults"
    )
    for row in rows.values():
        for each in row["faults"]:
            print(f"#{row['pr']} {row['name']}: {each}")


if __name__ == "__main__":
    main()
