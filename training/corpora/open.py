"""Corpora by the names that the command line knows them by."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from emotrack.errors import UserError
from emotrack.training.corpora.clips import read_clips
from emotrack.training.corpora.ferplus import read_ferplus
from emotrack.training.corpora.iemocap import read_iemocap
from emotrack.training.corpora.meld import read_meld
from emotrack.training.corpora.mosi import read_mosi
from emotrack.training.corpora.ravdess import read_acted_speech
from emotrack.training.corpora.records import Corpus
from emotrack.training.corpora.speech import SPOKEN, read_emodb, read_spoken
from emotrack.training.corpora.texts import TABLE, comments, read_emorynlp, read_table, sentences


def open_corpus(name: str, root: Path) -> Corpus:
    """Read the corpus `name` from `root`; raises UserError where it is not as its reader expects it."""
    if name not in CORPORA:
        raise UserError(f"There is no corpus {name!r}; choose one of {', '.join(CORPORA)}.")
    if not root.exists():
        raise UserError(f"There is no {root}; give the folder or file of the corpus {name}.")
    return CORPORA[name](root)


def _table_of(root: Path) -> Path:
    return root / TABLE if root.is_dir() else root


def _read_words_only(corpus: str, root: Path) -> Corpus:
    return read_table(_table_of(root), corpus)


def _read_any_meld(root: Path) -> Corpus:
    """MELD with its media, or a table of its transcripts."""
    return _read_words_only("meld", root) if root.is_file() or (root / TABLE).exists() else read_meld(root)


CORPORA: dict[str, Callable[[Path], Corpus]] = {
    "meld": _read_any_meld,
    "emorynlp": lambda root: read_emorynlp(_table_of(root)),
    "dailydialog": partial(_read_words_only, "dailydialog"),
    "goemotions": comments,
    "emobank": sentences,
    "iemocap": read_iemocap,
    "ravdess": read_acted_speech,
    "emodb": read_emodb,
    **{name: partial(read_spoken, name) for name in SPOKEN},
    "ferplus": read_ferplus,
    "mosi": read_mosi,
    "clips": read_clips,
}
