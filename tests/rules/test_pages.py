"""The rules' pages in docs/rules are those that the rules make."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor import catalogue
from auditor.rule import Example
from reports.pages import main, page, pages, write

DOCS = Path(__file__).parents[2] / "docs" / "rules"


def test_the_pages_are_up_to_date():
    """When this fails: make docs."""
    written = {path.name: path.read_text("utf-8") for path in DOCS.glob("*.md")}
    assert written == pages(catalogue.load())


def test_every_rule_is_in_the_index():
    made = pages(catalogue.load())
    for rule in catalogue.load():
        assert f"| [{rule.slug}]({rule.slug}.md) |" in made["README.md"]
        assert made[f"{rule.slug}.md"].startswith(f"# {rule.slug}: ")


def test_pages_of_removed_rules_go_and_others_stay(tmp_path):
    (tmp_path / "gone.md").write_text("# gone\n", "utf-8")
    (tmp_path / "notes.txt").write_text("mine\n", "utf-8")
    write(tmp_path, catalogue.load()[:1])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["README.md", f"{catalogue.load()[0].slug}.md", "notes.txt"]
    )


def test_nothing_in_a_rule_is_markup():
    rule = replace(
        catalogue.load()[0],
        summary="Reads fineweb_train_*.bin, as #44 and `a_b*c` say; <b>.",
        invalid=(Example("closes ```the fence", 'x = """\n```\n# not a heading\n"""\n\u202ey = 1\n', "y = 1"),),
    )
    text = page(rule)
    assert (
        r"fineweb\_train\_\*.bin, as [#44](https://github.com/openai/parameter-golf/pull/44) and `a_b*c` say; \<b\>."
        in text
    )
    assert "````python\n" in text
    assert "<U+202E>y = 1" in text


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == "usage: python -m reports.pages FOLDER\n"


def test_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("", "utf-8")
    assert main([str(tmp_path / "file" / "docs")]) == 2
    assert capsys.readouterr().err.startswith("can't write ")
