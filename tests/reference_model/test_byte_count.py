from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_model.data import caseops
from reference_model.data.byte_count import byte_table
from reference_model.data.byte_drift import Drift, drift, drifts
from reference_model.data.documents import document_spans, document_starts, segment_ids
from reference_model.data.tokenizer import BOS, Bytes, Kind, SentencePiece, train_tokenizer
from reference_model.errors import BadInput

TEXT = [
    "The quick brown fox jumps over the lazy dog. 0123456789 " * 3,
    "She sells sea shells; naïve café €5 – déjà vu. " * 4,
]


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of given pieces: None is a mark, an int a byte."""

    entries: tuple[str | int | None, ...]
    kinds: dict[type, Kind] = field(default_factory=lambda: {str: Kind.PIECE, int: Kind.BYTE, type(None): Kind.MARK})

    @property
    def vocab_size(self) -> int:
        return len(self.entries)

    def kind(self, token: int) -> Kind:
        return self.kinds[type(self.entries[token])]

    def piece(self, token: int) -> str:
        return str(self.entries[token])

    def encode(self, text: str) -> list[int]:
        raise NotImplementedError


def test_bytes_depend_on_the_token_before() -> None:
    table = byte_table(Vocabulary((None, None, 65, "▁", "▁the", "é")), vocab_size=8)
    tokens = np.array([BOS, 4, 4, 5, 3, 2, BOS, 3, 7, 4], dtype=np.uint16)
    # The space of "▁the" counts after text, not after bos nor after an id that the tokenizer doesn't have.
    assert table.count(tokens).tolist() == [0, 3, 4, 2, 1, 1, 0, 0, 0, 3]


def test_a_token_beyond_the_table_is_refused() -> None:
    with pytest.raises(BadInput, match="token id 9 is beyond"):
        byte_table(Vocabulary((None, None, "▁"))).count(np.array([1, 9], dtype=np.uint16))


@pytest.mark.parametrize(("entries", "reason"), [((None, "▁a"), "lone space"), ((None, "▁", "a▁b"), "space inside")])
def test_a_tokenizer_that_a_table_gets_wrong_is_refused(entries: tuple[str | None, ...], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        byte_table(Vocabulary(entries))


@pytest.fixture(scope="module")
def sentencepiece() -> SentencePiece:
    return SentencePiece(train_tokenizer(TEXT, 330))


@given(text=st.text(max_size=60))
def test_the_table_counts_the_normalised_text(sentencepiece: SentencePiece, text: str) -> None:
    tokens = np.array([BOS, *sentencepiece.encode(text), BOS, *sentencepiece.encode("a b")], dtype=np.uint16)
    counted = byte_table(sentencepiece).count(tokens)
    assert counted.sum() == len(sentencepiece.normalize(text).encode()) + 3


def test_the_byte_tokenizer_counts_raw_bytes() -> None:
    tokens = np.array([BOS, *Bytes().encode("  é\n")], dtype=np.uint16)
    assert tokens.tolist()[1:3] == [36, 36]
    assert byte_table(Bytes()).count(tokens).sum() == 5


@given(text=st.text(st.sampled_from("aAbZ ß\n" + "".join(caseops.OPERATORS))))
def test_case_operators_are_a_bijection_that_keeps_bytes(text: str) -> None:
    encoded = caseops.encode(text)
    assert caseops.decode(encoded) == text
    assert not any("A" <= letter <= "Z" for letter in encoded)
    # However the encoded text is cut, its parts cover the bytes of the original.
    size = len(encoded.encode())
    for width in (1, 3):
        widths = [width] * (size // width) + [size % width]
        assert sum(caseops.original_bytes(encoded, widths)) == len(text.encode())


def test_case_operators_are_those_of_the_published_data() -> None:
    title, allcaps, capnext, esc = caseops.OPERATORS
    assert caseops.encode("The NASA McD A é") == f"{title}the {allcaps}nasa {title}mc{capnext}d {title}a é"
    assert caseops.encode("aB" + title) == f"a{capnext}b{esc}{title}"


def test_training_a_tokenizer_is_deterministic_and_names_what_is_too_small() -> None:
    assert train_tokenizer(TEXT, 330) == train_tokenizer(TEXT, 330)
    with pytest.raises(BadInput, match="too small"):
        train_tokenizer(TEXT, 200)
    with pytest.raises(BadInput, match="not a SentencePiece model"):
        SentencePiece(b"no model")


def test_documents_begin_with_bos_and_share_its_target() -> None:
    tokens = np.array([1, 5, 6, 1, 7, 1, 8], dtype=np.uint16)
    starts = document_starts(tokens)
    assert starts.tolist() == [0, 3, 5]
    spans = document_spans(starts, len(tokens))
    assert spans == ((0, 3), (3, 5), (5, 6))
    targets = [target for first, last in spans for target in range(first + 1, last + 1)]
    assert targets == list(range(1, 7))


def test_segments_change_at_bos_and_at_the_longest() -> None:
    tokens = np.array([9, 9, 1, 9, 9, 9, 9, 1, 1, 9])
    assert segment_ids(tokens).tolist() == [0, 0, 1, 1, 1, 1, 1, 2, 3, 3]
    assert segment_ids(tokens, longest=2).tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5, 5]


def test_what_normalising_does_to_the_bytes_of_a_text() -> None:
    normalising = SentencePiece(train_tokenizer(TEXT, 330))
    assert (drift(normalising, "½"), drift(normalising, "\ufdfa")) == (Drift(2, 5), Drift(3, 33))
    assert drift(normalising, "½").moved == pytest.approx(-0.6)
    assert drift(normalising, "a  b") == Drift(4, 3)
    told = drifts(normalising)
    assert "a fraction counts 5 bytes for 2: bits per byte of it read 60% lower" in told
    assert "a ligature of 18 letters (U+FDFA) counts 33 bytes for 3: bits per byte of it read 91% lower" in told


def test_what_is_counted_wrongly_even_without_normalising() -> None:
    plain = SentencePiece(train_tokenizer(TEXT, 330, normalization="identity"))
    assert drift(plain, "½") == Drift(2, 2)
    assert drift(plain, "a▁b") == Drift(5, 3)
    assert drift(plain, " a") == Drift(2, 1)
    assert [note.partition(" counts")[0] for note in drifts(plain)] == [
        "a word mark of the text's own (U+2581)",
        "a space at the start",
    ]
    assert drifts(Bytes()) == ()
    assert drift(plain, TEXT[0]).moved == 0
