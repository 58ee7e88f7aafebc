"""Addresses that a comment links to: lines at the audited commit, pull requests, rulings."""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import quote

from auditor.challenge import default
from auditor.finding import Finding
from auditor.regex import regex
from auditor.report import Report
from auditor.rule import Rule
from reports.escape import Markdown, code, markdown
from reports.excerpt import place

_CLONE = Path(__file__).parents[1]
_ADDRESS = regex(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~-]+)+/?")
_PLAIN = regex(r"#\d+")
_REF = regex(r"(?:([\w.-]+/[\w.-]+) ?)?(?:#(\d+)|README)")
_SHA = regex(r"[0-9a-f]{4,64}")
_LONGEST = 500  # characters of an address; a path that makes a longer one is named, not linked
_NUMBER = regex(r"<span>#</span>(\d+)\b")  # how escaped prose shows #123


def is_repository(address: str) -> bool:
    """Tell whether an address can stand for a repository, such as ``https://github.com/openai/parameter-golf``."""
    return _ADDRESS.fullmatch(address) is not None


def repository_of(report: Report, given: str | None) -> str | None:
    """Return the address of the repository that a report's lines link into; None: they can't be linked.

    Without one that is ``given``, a pull request is taken to be one of the challenge's repository.
    """
    if given is not None:
        return given.rstrip("/")
    return report.challenge.address if report.pr is not None else None


def line_address(
    report: Report, repository: str | None, path: str, line: int | None, end_line: int | None = None, layer: int = 0
) -> str | None:
    """Return the permanent address of a line at the head commit, None where there is none.

    Lines of an unpacked layer have none: what is in the repository is the packed file.
    """
    return (
        None
        if report.folder is None
        else _at(report, repository, posixpath.join(report.folder, path), line, end_line, layer)
    )


def finding_address(report: Report, repository: str | None, finding: Finding) -> str | None:
    """Return the permanent address of a finding's lines at the head commit, None where there is none."""
    where = None if report.folder is None else finding.path_from(report.folder)
    return None if where is None else _at(report, repository, where, finding.line, finding.end_line, finding.layer)


def _at(
    report: Report, repository: str | None, path: str, line: int | None, end_line: int | None, layer: int
) -> str | None:
    if repository is None or not _is_sha(report.sha) or layer:
        return None
    where = quote(path.encode("utf-8", "surrogatepass"), safe="/")
    lines = "" if line is None else f"#L{line}"
    if line is not None and end_line is not None and end_line > line:
        lines += f"-L{end_line}"
    address = f"{repository}/blob/{report.sha}/{where}{lines}"
    return address if len(address) <= _LONGEST else None


def linked(text: Markdown, address: str | None) -> Markdown:
    """Return ``text`` as a link to an address of ours; as it is where there is none."""
    return text if address is None else Markdown(f"[{text}]({address})")


def place_link(
    report: Report, repository: str | None, path: str, line: int | None, end_line: int | None = None, layer: int = 0
) -> Markdown:
    """Return ``path:line`` as code that links to the line where that can be."""
    return linked(code(place(path, line, layer)), line_address(report, repository, path, line, end_line, layer))


def commit_link(report: Report, repository: str | None) -> Markdown:
    """Return the head commit, shortened, as code that links to it where that can be."""
    if report.sha is None:
        return Markdown("")
    address = f"{repository}/commit/{report.sha}" if repository is not None and _is_sha(report.sha) else None
    return linked(code(report.sha[:12]), address)


def pull_link(number: int, repository: str | None) -> Markdown:
    """Return ``#N`` as a link to the pull request."""
    return Markdown(f"[#{number}]({repository or default().address}/pull/{number})")


def reference(ref: str) -> Markdown:
    """Return what a rule cites (``#462``, ``README``, ``OWNER/NAME#462``) as a link into the challenge's repository."""
    return linked(Markdown(ref) if _PLAIN.fullmatch(ref) else markdown(ref), ruling_address(ref))


def _is_sha(sha: str | None) -> bool:
    return sha is not None and _SHA.fullmatch(sha) is not None


def prose(text: str) -> Markdown:
    """Return prose of a rule of ours, with its references to pull requests as links."""
    return Markdown(_NUMBER.sub(lambda match: reference(f"#{match[1]}"), markdown(text)))


def rule_page(rule: Rule, docs: str | None = None, local: bool = False) -> str | None:
    """Return the address of a rule's page.

    It lies below ``docs``, the address of our pages where somebody serves them; else, with ``local``, in the clone
    that runs; else it is that of the weightiest ruling behind the rule (None: it has none).
    """
    if docs is not None:
        return f"{docs.rstrip('/')}/rules/{rule.slug}/"
    page = _CLONE / "docs" / "rules" / f"{rule.slug}.md"
    if local and page.is_file():
        return page.as_uri()
    order = ("official", "audit", "community")
    refs = [source.ref for source in sorted(rule.authority, key=lambda source: order.index(source.weight))]
    return next((address for ref in refs if (address := ruling_address(ref)) is not None), None)


def ruling_address(ref: str) -> str | None:
    """Return where what a rule cites can be read; None where it has no address.

    ``#462`` and ``README`` are parameter-golf's, ``OWNER/NAME#462`` and ``OWNER/NAME README`` another challenge's.
    """
    match = _REF.fullmatch(ref)
    if match is None:
        return None
    at = f"https://github.com/{match[1]}" if match[1] else default().address
    return f"{at}/pull/{match[2]}" if match[2] else f"{at}#readme"
