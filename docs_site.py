"""What the site (mkdocs.yml) has beside docs/: README as its start, CONTRIBUTING and CHANGELOG, with their links."""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
LINK = re.compile(r"(?<!\!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Add the pages from the top folder to those of docs/."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=LINK.sub(_relinked, text.replace("](docs/", "]("))))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turn links that leave docs/ into links to the added pages, or into text where no page shows the file."""
    if page.file.src_uri in PAGES.values():
        return markdown
    depth = page.file.src_uri.count("/") + 1

    def relinked(match):
        name = match[2].removeprefix("../" * depth)
        if name == match[2] or "://" in match[2]:
            return match[0]
        return _link(match[1], name, match[3] or "", "../" * (depth - 1))

    return LINK.sub(relinked, markdown)


def _relinked(match):
    if "://" in match[2] or match[2].startswith("mailto:"):
        return match[0]
    return _link(match[1], match[2], match[3] or "", "")


def _link(text, target, anchor, up):
    if target in PAGES:
        return f"[{text}]({up}{PAGES[target]}{anchor})"
    if (ROOT / "docs" / target).is_file():
        return f"[{text}]({up}{target}{anchor})"
    return text  # a file of the repository that is no page
