"""What our own weights were trained on, and under what terms they may be used."""

from collections.abc import Sequence

from emotrack.model.manifest import PartName

LICENCES: dict[PartName, str] = {
    "voice": (
        "The weights in voice.safetensors are for non-commercial research only. They were trained on RAVDESS (Livingstone and "
        "Russo 2018, https://doi.org/10.5281/zenodo.1188976), which is licensed CC BY-NC-SA 4.0."
    ),
    "face": (
        "The weights in face.safetensors are for non-commercial research only. They were trained on the images of FER2013 (no "
        "licence stated by their source; research use) with the labels of FER+ (microsoft/FERPlus, MIT)."
    ),
    "text": (
        "The weights in text.safetensors are for non-commercial research only. They change all-MiniLM-L6-v2 (Apache-2.0) and were "
        "trained on the transcripts of MELD and EmoryNLP (declare-lab/MELD, GPL-3.0) and of DailyDialog (CC BY-NC-SA 4.0)."
    ),
}
"""Under what terms the weights of each encoder may be used."""

TRAINED_ON: dict[PartName, str] = {
    "voice": "RAVDESS speech, actors 1-14",
    "face": "FER+ train (FER2013 images with vote shares)",
    "text": "MELD, EmoryNLP and DailyDialog train dialogues, but for those of EmoryNLP that MELD's dev and test know",
}

CORPORA = {
    "meld": ("MELD train dialogues", "MELD (declare-lab/MELD, GPL-3.0)"),
    "emorynlp": ("EmoryNLP train dialogues", "EmoryNLP (declare-lab/MELD, GPL-3.0)"),
    "dailydialog": ("DailyDialog train dialogues", "DailyDialog (CC BY-NC-SA 4.0)"),
    "iemocap": ("IEMOCAP train dialogues", "IEMOCAP (under its own agreement with the University of Southern California)"),
    "mosi": ("CMU-MOSI train videos", "features of CMU-MOSI (published under MIT)"),
    "ravdess": ("label-matched voices of RAVDESS actors 15-18", "RAVDESS speech (CC BY-NC-SA 4.0)"),
    "ferplus": (
        "label-matched faces of three quarters of FER+ valid",
        "FER2013 images (no licence stated by their source; research use) with FER+ labels (MIT)",
    ),
}
"""What a network learns from in each corpus, and the terms of that."""


def of_network(corpora: Sequence[str]) -> tuple[str, str]:
    """The licence of a network trained on `corpora`, and what it was trained on."""
    learnt, terms = zip(*(CORPORA[name] for name in corpora), strict=True)
    licence = f"The weights in network.safetensors are for non-commercial research only. They were trained on {'; '.join(terms)}."
    return licence, "; ".join(learnt)
