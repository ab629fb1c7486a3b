"""What the papers claim, row by row under their own names, and what is known to be wrong with it.

Weighted F1 in percent on MELD (7 classes) and IEMOCAP (6 classes): AM²-EmoJE (arXiv 2402.10921, Tables 1 to
3), AMuSE (arXiv 2401.15164), and the systems they and we are compared with. Nothing here is tuned to.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row of a paper: weighted F1 on MELD and on IEMOCAP, None where it gives none; `notes` are keys of
    `FOOTNOTES`."""

    name: str
    meld: float | None = None
    iemocap: float | None = None
    notes: tuple[str, ...] = ()


FOOTNOTES = {
    "five": "The 5-class column of AM²-EmoJE is arithmetically incompatible with its 7-class column; it is "
    "not printed.",
    "better": "Without multimodal attention AM²-EmoJE reports more on IEMOCAP (75.27) than with all of it "
    "(74.91).",
    "accuracy": "M2FNet's MELD 67.85, often quoted as its weighted F1, is its accuracy; its weighted F1 is "
    "66.71.",
    "causal": "Uses no future utterance, as our live labels do; with a fine-tuned large text encoder.",
    "offline": "The papers' models read the whole dialogue, future utterances too; our live labels never do.",
    "single": "AM²-EmoJE's Table 1 has no row of one mode alone.",
    "tests": (
        "AMuSE's fusion tests 1-3: the paper's text was not at hand. Measured are the three other fusions "
        "that can be defined soundly: a learned α that does not depend on the query (as in the authors' "
        "public code), concatenation, Hadamard product."
    ),
    "gamma": "AMuSE reports γ = 1.0 as the best of the four, without figures that we could print.",
}

MODES = (
    PaperRow("T", notes=("single",)),
    PaperRow("A", notes=("single",)),
    PaperRow("V", notes=("single",)),
    PaperRow("T+A", 62.63, 61.62),
    PaperRow("T+V", 61.96, 63.43),
    PaperRow("A+V", 52.85, 53.79),
    PaperRow("T+A (JE)", 68.36, 69.19),
    PaperRow("T+V (JE)", 68.97, 70.94),
    PaperRow("A+V (JE)", 60.85, 65.80),
    PaperRow("No Face", 69.14, 71.75),
    PaperRow("No Body", 70.89, 72.86),
    PaperRow("T+A+V", 71.98, 74.91, ("five", "offline")),
)
"""AM²-EmoJE by what is present. Pairs are tests with the third mode missing, with the joint embedding (JE)
and without."""

OTHERS = (
    PaperRow("AMuSE, T+A+V", 71.32, 73.91, ("offline",)),
    PaperRow("M2FNet, T+A+V", 66.71, None, ("accuracy", "offline")),
    PaperRow("DAG-ERC, T", 63.65, None, ("causal",)),
    PaperRow("TelME, T+A+V", 67.37, None, ("causal",)),
    PaperRow("InstructERC, T", 69.15, None, ("causal",)),
)
"""Other systems that are compared with."""

CAUSAL = (
    PaperRow("RoBERTa-base, one line alone", 62.0),
    PaperRow("EmoBERTa-base, with the speaker", 63.1),
    PaperRow("EmoBERTa-large, past lines only", 64.55, 68.57),
    PaperRow("EACL (large), past lines only", 67.12, 70.41),
)
"""Systems that read the script's words and no later line (EmoBERTa: arXiv 2108.12009; EACL: arXiv
2403.20289)."""

ABLATIONS = (
    PaperRow("full model", 71.98, 74.91),
    PaperRow("no multimodal attention", 61.60, 75.27, ("better",)),
    PaperRow("equal fusion weights", 69.34, 71.65),
    PaperRow("no guided NCE", 70.41, 72.86),
    PaperRow("no guided NCE, No Face", 60.21, 61.82),
    PaperRow("no guided NCE, No Body", 63.43, 64.91),
)
"""AM²-EmoJE, Table 3."""

AMUSE = (
    PaperRow("ACN layers 1", 65.37),
    PaperRow("ACN layers 3", 69.26),
    PaperRow("ACN layers 4", 71.32, 73.91),
    PaperRow("ACN layers 5", 71.03),
    PaperRow("focal γ 0.5", notes=("gamma",)),
    PaperRow("focal γ 0.75", notes=("gamma",)),
    PaperRow("focal γ 1", 71.32, 73.91, ("gamma",)),
    PaperRow("focal γ 1.25", notes=("gamma",)),
    PaperRow("fusion test 1: constant α", notes=("tests",)),
    PaperRow("fusion test 2: concatenation", notes=("tests",)),
    PaperRow("fusion test 3: product", notes=("tests",)),
)
"""AMuSE's own ablations."""
