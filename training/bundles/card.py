"""The model card: written from what the bundle's manifest holds alone, so that the two cannot disagree."""

from collections.abc import Mapping
from typing import Any

from emotrack.errors import UserError
from emotrack.model.manifest import PartName
from emotrack.training.evaluation.evaluated import Evaluated
from emotrack.training.evaluation.records import CalibratedOn, EncoderFigures, Metrics, OnDev, metrics_of
from emotrack.training.evaluation.tables.render import Table, TableRow
from emotrack.training.evaluation.tables.tables import TABLES
from emotrack.training.loop.metrics import Figures, mean_and_deviation
from emotrack.training.tasks.network.matching import MatchSettings

CARD = "MODEL_CARD.md"
SHOWN = ("main", "words", "elsewhere", "drawn", "alone", "missing", "streaming", "per-class")
"""The tables in the card; `ablation` is about the architecture, not about these weights."""
POOR = 40.0
"""F1 in percent below which a class is named among the known failures."""
CONFUSED_SHARE = 0.3
"""Share of a class' utterances that are named something else from which that confusion is told."""


def render(metrics: Mapping[str, Any], trained_on: Mapping[PartName, str]) -> str:
    """The text of the card, Markdown; `trained_on` says what each part of the bundle learnt from.

    Raises `UserError` where the metrics are not those of a whole bundle.
    """
    kept = metrics_of(metrics, "given")
    if kept is None:
        raise UserError("The bundle keeps no figures to write a card from: make it with --figures.")
    evaluated = Evaluated(now=(), kept=kept, mosi=kept.mosi, encoders=kept.encoders)
    sections = [
        introduction(kept),
        parts(trained_on, kept),
        training(kept).markdown(),
        splits(kept, trained_on),
    ]
    sections += [table.markdown() for name in SHOWN for table in TABLES[name](evaluated)]
    sections += [on_dev(kept.dev, kept.calibrated_on)] if kept.dev else []
    sections += [failures(kept), *([reproduce(kept)] if kept.matching else [])]
    return "\n".join(sections)


def introduction(kept: Metrics) -> str:
    """What the bundle is and is not."""
    seeds, classes = len(kept.seeds), list(kept.seeds[0].dialogues.live.by_class)
    return f"""# Model card of the bundle in this folder

It estimates *expressed* emotion in {len(classes)} classes: {", ".join(classes)}. What people feel and what they show are
different things; no label is a fact about anybody.{DRAWN if kept.matching else ""}

Streams trained: {", ".join(kept.trained)}; any other is masked `untrained`. Figures are means over {seeds} training
seed{"s" * (seeds > 1)} of the network, which share the encoders.
"""


DRAWN = """

It was never trained on people in conversation who were filmed or recorded: its words come from a television script, comments and
chats, its voices from actors and readers, its faces from photographs."""


def parts(trained_on: Mapping[PartName, str], kept: Metrics) -> str:
    """What each part learnt from, and where its terms are."""
    base = kept.training["text"].settings.get("base") if "text" in kept.training else None
    read = "" if base is None else f" Text is read by {base}, which is not in this folder."
    heard = kept.training["voice"].settings.get("base") if "voice" in kept.training else None
    read += (
        ""
        if heard is None
        else f" Voices are heard by the first layers of Whisper {heard}, which are not in it either."
    )
    rows = "\n".join(
        f"| `{name}.safetensors` | {learnt} | `LICENSE-{name}.txt` |" for name, learnt in trained_on.items()
    )
    return f"""## Parts, data, licences

| part | trained on | terms |
| --- | --- | --- |
{rows}

All weights are for non-commercial research, given their data.{read}
Encoders are stored in half precision and run in single precision.
"""


def training(kept: Metrics) -> Table:
    """Seeds, time and hardware of each part."""
    rows = []
    for name, one in kept.training.items():
        dev = ", ".join(f"{key} {value:.2f}" for key, value in one.dev.items())
        rows.append(
            TableRow(
                name,
                (
                    one.seed,
                    f"{one.best_epoch} of {one.epochs}",
                    f"{one.seconds / 60:.0f} min",
                    one.hardware,
                    dev,
                ),
            )
        )
    columns = ("seed", "epoch kept", "time", "hardware", "dev")
    text = "Choices were made on dev." + (IN_FOLD if "text" in kept.training else "")
    return Table("How it was trained", columns, tuple(rows), text)


IN_FOLD = """ The network learns from what the text adapter says of dialogues that the adapter has itself learnt from, so it meets
words a little plainer in training than later."""


def splits(kept: Metrics, trained_on: Mapping[PartName, str]) -> str:
    """Who is in which split, and how voices and faces are drawn for words."""
    told = [f"Dialogues: {SPLITS.get(kept.seeds[0].dialogues.corpus, 'as their store says')}."]
    told += [ACTORS] if "voice" in trained_on else []
    told += [PICTURES] if "face" in trained_on else []
    told += [drawn(kept.matching)] if kept.matching else []
    return "## Splits\n\n" + "\n".join(f"- {one}" for one in told) + "\n"


SPLITS = {"meld": "MELD's own train, dev and test", "iemocap": "IEMOCAP by session; the one held out is test"}
ACTORS = """Voice: RAVDESS by actor, as many women as men in each split: 1-14 train, 15-18 for fusion to learn from, 19-20 dev,
  21-24 test; nEMO and the readers of LibriSpeech by speaker, about half of them train, the others for fusion, dev and test."""
PICTURES = (
    "Face: FER+ train; of its valid split three quarters are for fusion to learn from and one quarter is "
    "dev; test is test."
)


def drawn(matching: MatchSettings) -> str:
    """How voices and faces are drawn for words."""
    voice, face = matching.voice, matching.face
    return f"""The dialogues' media are not used. Each utterance gets a voice and a face drawn by its label, in training
  from people that the voice and face networks have not learnt from, in dev and test from others again. People in
  conversation show less than actors do: a voice shows the label for {voice.label:.0%} of the utterances, nothing (neutral)
  for {voice.nothing:.0%}, and any class for the rest; a face, drawn on its own, {face.label:.0%} and {face.nothing:.0%};
  in a track that shows the label {1 - matching.pictures:.0%} of the pictures are neutral. Of the speakers
  {matching.habitual:.0%} have a habit of the face, and as many one of the voice: they show one class again and again, whatever
  the label.
  These shares are a judgement, not a measurement."""


def on_dev(dev: OnDev, calibrated: CalibratedOn | None) -> str:
    """What was seen on dev of the modalities, of JE and of calibration."""
    fitted = "dev" if calibrated is None else f"dev of {calibrated.corpus}"
    costs = ", ".join(f"{name} {cost:+.2f}" for name, cost in dev.weighted_f1_lost_when_shuffled.items())
    shuffled = (
        f"Weighted F1 lost on dev when one stream's rows change places among the utterances: {costs}. A "
        "stream that loses nothing would be shipped masked. "
        if costs
        else ""
    )
    return f"""## On dev

Weighted F1 {dev.weighted_f1:.2f}. {shuffled}Temperatures of the labels, fitted on {fitted} for each set of modes
(nothing, T, A, T+A, V, T+V, A+V, T+A+V): {", ".join(f"{one:.2f}" for one in dev.temperatures)}. The joint
embedding adds no information; its reliance on what it reconstructs, for each missing mode and subset present, is
{", ".join(f"{one:.3f}" for one in dev.reliance)} (0: not at all).
"""


def failures(kept: Metrics) -> str:
    """What is known to go wrong: by class, by sex, across corpora, and what no figure tells."""
    live = [one.dialogues.live for one in kept.seeds]
    known = [*by_class(live), *by_voice(kept.encoders), *(OF_DRAWN if kept.matching else ()), *ALWAYS]
    return "## Known failures\n\n" + "\n".join(f"- {one}" for one in known) + "\n"


def by_class(live: list[Figures]) -> list[str]:
    """The classes that are named poorly, with what they are taken for most."""
    names = list(live[0].by_class)
    told = []
    for place, name in enumerate(names):
        score = mean_and_deviation([one.by_class[name].f1 for one in live])[0]
        if score >= POOR:
            continue
        counts = [sum(one.confusion[place][other] for one in live) for other in range(len(names))]
        wrong = max((other for other in range(len(names)) if other != place), key=lambda other: counts[other])
        share = counts[wrong] / max(1, sum(counts))
        taken = f"; {share:.0%} of it is named {names[wrong]}" if share >= CONFUSED_SHARE else ""
        told.append(f"{name.capitalize()} is recognised poorly (F1 {score:.1f} %{taken}).")
    return told


def by_voice(encoders: EncoderFigures) -> list[str]:
    """How much worse the voice network is for one sex, and in another language and room."""
    voice, told = encoders.voice, []
    if voice is None:
        return []
    if len(voice.by_sex) == 2:
        (better, more), (worse, less) = sorted(voice.by_sex.items(), key=lambda one: -one[1])
        told.append(
            f"The voice network is right about {more:.1f} % of {better} and {less:.1f} % of {worse} "
            "actors' clips (unweighted accuracy, RAVDESS actors that it has not heard; there are few of "
            "each, so the difference may be theirs)."
        )
    if voice.emodb is not None:
        told.append(
            f"Across corpora it goes from {voice.accuracy:.1f} % on RAVDESS to {voice.emodb:.1f} % on "
            "EmoDB (German, another studio; only the classes that both have)."
        )
    return told


OF_DRAWN = (
    "The voice network has heard actors, and readers as neutral; it has heard nobody who truly felt what "
    "was to be named.",
    "Calm speech is counted as neutral. Voices are English and Polish, in a quiet studio.",
    "Words are those of American sitcom scripts, of comments and of chats. Half of them were read in "
    "training as a recogniser writes them, but nobody spoke them in earnest; where only an exclamation "
    "mark tells lines apart, a recogniser's words do not.",
)
ALWAYS = (
    "Contempt has no class.",
    "Faces turned far to the side, small, blurred or covered are masked where that is seen; hands and "
    "scarves are taken for faces.",
    "Valence and arousal are the coordinates of the seven emotions (Russell and Mehrabian 1977), weighed "
    "by their probabilities: no more is known of them than of the label.",
)


def reproduce(kept: Metrics) -> str:
    """The commands, with the seed that was bundled."""
    seed = kept.training["network"].seed if "network" in kept.training else kept.seeds[0].seed
    return REPRODUCE.format(seed=seed)


REPRODUCE = """## Reproduce

With the reference data in DIR (`text_dialogues.csv`, `text/goemotions_ekman.csv`, `text/emobank.csv`, `ravdess/`,
`speech_labels.csv` and its clips, `fer2013plus_48x48_webp.npz` and its labels, the MOSI features):

```
make mpnet && emotrack train --config text-first && emotrack train --config teacher    # --set gives each its data
emotrack train --config text --set start=runs/text-first/seed-1                        # then voice and face
emotrack bundle runs/text/seed-2 runs/voice/seed-3 runs/face/seed-1 --out runs/encoders
emotrack features meld DIR --out stores/meld --bundle runs/encoders --disturbed 2
emotrack features emorynlp DIR --out stores/emorynlp --bundle runs/encoders --disturbed 1
emotrack features goemotions DIR --out stores/goemotions --bundle runs/encoders --disturbed 1
emotrack features ravdess DIR/ravdess --out stores/ravdess --bundle runs/encoders --disturbed 3
emotrack features nemo DIR --out stores/nemo --bundle runs/encoders --disturbed 1
emotrack features ordinary DIR --out stores/ordinary --bundle runs/encoders --disturbed 1
emotrack features ferplus DIR --out stores/ferplus --bundle runs/encoders --disturbed 1
emotrack train --config network
for n in 1 2 3 4 5; do emotrack train --config voice --set out=runs/folds/$n --set fold=$n --set 'seeds=[1]' \
  --set optimisation.keep=last; done
emotrack evaluate runs/network/seed-* --table all --data DIR --folds runs/folds --format json > figures.json
emotrack bundle runs/network/seed-{seed} --out bundle --figures figures.json
emotrack evaluate bundle --table all --data DIR
```

The factors that the text adapter's second part began with (`text-first`) are from an earlier version of this code, which also
dropped some of the factors' inputs; the voice network's disturbed copies were partly drawn from other random numbers.
"""
