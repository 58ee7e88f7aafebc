"""``golf-audit data``: the shards that the reference model trains on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli import Group
from auditor.cli._extra import one_line

if TYPE_CHECKING:
    from reference_model.data.pack import Packed

_EXAMPLES = """\b
Examples:
  golf-audit data demo
  golf-audit data fetch --variant sp1024 --train-shards 10
  golf-audit data pack notes.txt --documents paragraph --vocab 512 --out data/notes
"""

_folder_type = click.Path(file_okay=False, path_type=Path)


@click.group(cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """Fetch or make the token shards that the reference model trains on.

    All three commands write what 'python -m reference_model --data FOLDER' reads. Exit code 0: the data is there;
    2: it can't be had, with one line that says why.
    """


@command.command()
@click.option(
    "--variant", type=click.Choice(["sp1024", "sp4096", "sp8192", "caseops"]), required=True, help="Which tokenizer's."
)
@click.option(
    "--train-shards",
    metavar="N",
    type=click.IntRange(min=0),
    default=80,
    show_default=True,
    help="The first N training shards, 200 MB each.",
)
@click.option("--out", metavar="DIR", type=_folder_type, default=Path("data"), show_default=True, help="Data folder.")
def fetch(variant: str, train_shards: int, out: Path) -> None:
    """Download the challenge's shards and tokenizer from the Hugging Face hub.

    The whole validation split always comes. Files that are whole already are kept, so that the same command goes
    on from where it was interrupted. HF_ENDPOINT names a mirror.
    """
    with one_line():
        from reference_model.data.fetch import fetch as download

        place = download(variant, train_shards, out, lambda line: click.echo(line, err=True))
        click.echo(str(place))


@command.command()
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--out", metavar="DIR", type=_folder_type, required=True, help="Folder for tokenizer and shards.")
@click.option("--vocab", metavar="N", type=click.IntRange(min=260), default=1024, show_default=True, help="Token ids.")
@click.option(
    "--documents",
    type=click.Choice(["file", "paragraph", "line"]),
    default="file",
    show_default=True,
    help="What one document is; a .jsonl file always holds one on each line.",
)
@click.option(
    "--tokenizer",
    type=click.Choice(["bpe", "bytes", "caseops"]),
    default="bpe",
    show_default=True,
    help="SentencePiece BPE, plain bytes, or BPE over text with its capitals as operators.",
)
@click.option(
    "--val-share",
    metavar="F",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Share of the text that the first documents give to validation.",
)
def pack(texts: tuple[str, ...], out: Path, vocab: int, documents: str, tokenizer: str, val_share: float) -> None:
    """Make a tokenizer and shards from text files.

    TEXT is UTF-8 text, or .jsonl with a string or {"text": ...} on each line. The first documents are the validation
    split; the tokenizer sees only the others.
    """
    with one_line():
        from typing import cast

        from reference_model.data.pack import Scheme, Unit, read_documents
        from reference_model.data.pack import pack as write

        scheme = Scheme(vocab_size=vocab, tokenizer=tokenizer, val_share=val_share)  # type: ignore[arg-type]
        _tell(write(read_documents(texts, cast(Unit, documents)), out, scheme), out)


@command.command()
@click.option(
    "--out", metavar="DIR", type=_folder_type, default=Path("data/demo"), show_default=True, help="Folder to write."
)
def demo(out: Path) -> None:
    """Make a tokenizer and shards from the English text that comes with Python.

    The documentation topics, docstrings and licence of this Python: some two megabytes, the same bytes each time.
    """
    with one_line():
        from reference_model.data.demo import demo as write
        from reference_model.data.demo import is_there

        if is_there(out):
            click.echo(f"{out} is there already")
            return
        _tell(write(out), out)


def _tell(packed: Packed, out: Path) -> None:
    click.echo(
        f"{out}: {packed.train_tokens:,} training and {packed.val_tokens:,} validation tokens of {packed.documents:,} "
        f"documents, {packed.vocab_size:,} ids\nsha256 {packed.sha256}"
    )
