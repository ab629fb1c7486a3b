"""Measures whether the published weights say what made the label: each stream left out in turn, and the odds compared."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr

from emotrack.model.batch import collate
from emotrack.model.bundle import Bundle
from emotrack.model.configuration import STREAMS, Stream
from emotrack.model.dialogue import Dialogue
from emotrack.model.influence import influences, stream_weights
from emotrack.model.memory import Floats
from emotrack.model.plain_context import PlainContext
from emotrack.training.dialogues import ReadDialogue, Tokens
from emotrack.training.metrics import percent
from emotrack.training.tables.records import Weights

DIALOGUES = 60
"""The first ones are enough: every utterance is fused and labelled once more for each stream that it has."""


@torch.inference_mode()
def weight_figures(bundle: Bundle, dialogues: Sequence[ReadDialogue]) -> Weights | None:
    """Published weights of utterances with several streams, beside how far the label's odds move without each of these.

    What is left out is left out of the utterance before it is fused, with the dialogue before it as it was. None where no
    utterance has several streams, and for networks that do not weigh evidence: those publish the weights of their fusion.
    """
    if not bundle.configuration.weighs_evidence:
        return None
    context, trained = PlainContext(bundle.network), bundle.configuration.trained

    def said(tokens: Tokens) -> Floats:
        row: Floats = bundle.network.fuse(collate([dict(tokens)], bundle.configuration.widths)).said[0].cpu().numpy()
        return row

    published, measured, words = list[list[float]](), list[list[float]](), list[float]()
    for dialogue in dialogues[:DIALOGUES]:
        live = Dialogue(context)
        for number, (tokens, speaker) in enumerate(zip(dialogue.tokens, dialogue.speakers.tolist(), strict=True)):
            present: dict[Stream, int] = {one: len(tokens[one]) for one in STREAMS if one in tokens and one in trained}
            row, memory = said(tokens), live.memory(str(speaker))
            label = live.commit(str(number), row, str(speaker))
            if len(present) < 2:
                continue
            whole = context.step(row, memory)[0].logits
            rest = [said({one: tokens[one] for one in present if one != left_out}) for left_out in present]
            lost = [whole - context.step(one, memory)[0].logits for one in rest]
            weights = stream_weights(label.influences.tolist(), present)
            published.append([weights[one] for one in present])
            measured.append([float(influences(whole, one[None])[0]) for one in lost])
            words.append(weights["text"])
    return agreement(published, measured, words) if published else None


def agreement(published: Sequence[Sequence[float]], measured: Sequence[Sequence[float]], words: Sequence[float]) -> Weights:
    """Of weights, an utterance each, with what was measured of the same streams; `words`: their weight in each."""
    shares = [[one / max(sum(row), 1e-9) for one in row] for row in measured]
    agrees = [int(np.argmax(weights)) == int(np.argmax(moved)) for weights, moved in zip(published, measured, strict=True)]
    return Weights(
        utterances=len(published),
        correlation=round(float(spearmanr(np.concatenate(published), np.concatenate(shares)).statistic), 3),
        top=percent(float(np.mean(agrees))),
        deviation=round(float(np.std(words)), 3),
    )
