"""The model card: written from the figures in the bundle alone, so that the two cannot disagree."""

from collections.abc import Mapping
from typing import Any

from emotrack.model.manifest import PartName

CARD = "MODEL_CARD.md"

LICENCES: dict[PartName, str] = {
    "network": (
        "The weights in network.safetensors are for non-commercial research only. They were trained on the transcripts of MELD "
        "(declare-lab/MELD, GPL-3.0) together with features of RAVDESS speech (CC BY-NC-SA 4.0) and of FER2013 images "
        "(no licence stated by their source; research use)."
    ),
    "voice": (
        "The weights in voice.safetensors are for non-commercial research only. They were trained on RAVDESS (Livingstone and "
        "Russo 2018, https://doi.org/10.5281/zenodo.1188976), which is licensed CC BY-NC-SA 4.0."
    ),
    "face": (
        "The weights in face.safetensors are for non-commercial research only. They were trained on the images of FER2013 (no "
        "licence stated by their source; research use) with the labels of FER+ (microsoft/FERPlus, MIT)."
    ),
}
"""Under what terms the weights of each part may be used."""

TRAINED_ON: dict[PartName, str] = {
    "network": "MELD train dialogues; label-matched voices of RAVDESS actors 15-18 and faces of three quarters of FER+ valid",
    "voice": "RAVDESS speech, actors 1-14",
    "face": "FER+ train (FER2013 images with vote shares)",
}


def render(metrics: Mapping[str, Any]) -> str:
    """The text of the card, Markdown."""
    held = metrics["held_out"]
    live = held["text_live"]
    rows = "\n".join(
        f"| {name} | {held[key]['weighted_f1']:.2f} | {held[key]['macro_f1']:.2f} | {held[key]['accuracy']:.2f} "
        f"| {held[key]['calibration_error']:.3f} |"
        for name, key in (
            ("live (causal)", "text_live"),
            ("revised, two utterances later", "text_revised_after_2"),
            ("revised, four utterances later", "text_revised_after_4"),
            ("revised, whole dialogue (offline)", "text_revised_offline"),
        )
    )
    plain = held["label_matched_without_joint_embedding"]
    matched = {"T": live["weighted_f1"], **held["label_matched_live_weighted_f1"]}
    modes = "\n".join(f"| {name} | {figure:.2f} | {plain[name]:.2f} |" for name, figure in matched.items())
    classes = "\n".join(f"| {name} | {figure:.2f} |" for name, figure in live["f1_by_class"].items())
    costs = ", ".join(f"{name} {cost:+.2f}" for name, cost in metrics["dev_weighted_f1_lost_when_shuffled"].items())
    seeds = ", ".join(f"{name} {seed}" for name, seed in metrics["seeds"].items())
    epochs = ", ".join(f"{name} {count}" for name, count in metrics["epochs"].items())
    reliance = ", ".join(f"{one:.3f}" for one in metrics["reliance"])
    revising = held["text_revised_after_4"]["weighted_f1"] - live["weighted_f1"]
    voices, faces = metrics["matching"]["voice"], metrics["matching"]["face"]
    plain_pictures = 1 - metrics["matching"]["pictures"]
    voice = metrics["encoders"]["voice_ravdess_test_actors_unweighted_accuracy"]
    face = metrics["encoders"]["face_ferplus_test_majority_accuracy"]
    return f"""# Model card of the bundle in this folder

A first bundle: it works and its figures are honest; one run from one seed. It estimates *expressed* emotion in seven classes
(neutral, joy, sadness, anger, surprise, fear, disgust). It was never trained on people in conversation who were filmed or
recorded: its words come from a television script, its voices from actors reading two sentences, its faces from photographs.
Streams trained: {", ".join(metrics["trained"])}. Body is not trained and is masked `untrained`.

## Parts, data, licences
| part | trained on | terms |
|---|---|---|
| `network.safetensors` | {TRAINED_ON["network"]} | `LICENSE-network.txt` |
| `voice.safetensors` | {TRAINED_ON["voice"]} | `LICENSE-voice.txt` |
| `face.safetensors` | {TRAINED_ON["face"]} | `LICENSE-face.txt` |

All weights are for non-commercial research, given their data. Text is read by all-MiniLM-L6-v2, frozen (Apache-2.0, not in this
folder). Voice and face are stored in half precision and run in single precision.

## Splits
- Voice: RAVDESS by actor, as many women as men in each split: 1-14 train, 15-18 for fusion to learn from, 19-20 dev, 21-24 test.
- Face: FER+ train trains the face network; of its valid split three quarters are for fusion to learn from and one quarter is dev;
  test is test.
- Text and context: MELD's own train, dev and test. Of the fusion network the epoch and the temperature were chosen on dev, with the
  dev voices and faces; of voice and face the last epoch was taken. Nothing was chosen on test, though the test figures of an
  earlier, hardly trained bundle had been seen.
- MELD's media are not used. Each utterance gets a voice and a face drawn by its label; in training from people whom the voice and
  face networks have not learnt from, in dev and test from others again. People in conversation show less than actors do: a voice
  shows the label for {voices["label"]:.0%} of the utterances, nothing (neutral) for {voices["nothing"]:.0%},
  and any class for the rest; a face, drawn on its own, {faces["label"]:.0%} and {faces["nothing"]:.0%};
  in a track that shows the label {plain_pictures:.0%} of the pictures are neutral.
  These shares are a judgement, meant to bring A+V (below) near the 52.85 that AM²-EmoJE reports for MELD's real media.
- Modes in training: all with probability 0.5, else a uniform non-empty subset.

Seeds: {seeds}. Epochs: {epochs}.
Trained on 2 CPU cores shared with other work, one thread for each part: about 27 CPU minutes for face, 8 for voice, 6 for the text
vectors, 15 for fusion. Voice, face and text vectors were made first, with the same functions, settings and seeds, and given to the
command below as finished stages.

## Held out: MELD test, text only (the headline)
| label | weighted F1 | macro F1 | accuracy | calibration error |
|---|---|---|---|---|
{rows}

Live, F1 by class:

| class | F1 |
|---|---|
{classes}

Temperature {metrics["temperature"]:.3f}, fitted on dev.

## Held out: label-matched voices and faces on MELD test
**Not comparable with published MELD figures**: the voices and faces are drawn by label (RAVDESS actors 21-24, FER+ test, the same
shares as above), so the rows say that fusion uses its modes and survives their absence, no more. Live weighted F1, with the joint
embedding standing in for missing modes and without it (fusion renormalised over what is present):

| modes | with JE | without |
|---|---|---|
{modes}

Weighted F1 lost on dev when one stream's rows change places among the utterances: {costs}. A stream that loses
nothing would be shipped masked. The joint embedding adds no information; its reliance per missing mode and subset is {reliance}.

## Held out: encoders by themselves
- Voice, RAVDESS actors 21-24, eight emotions, unweighted accuracy per clip: {voice:.1f} %.
- Face, FER+ test, strict majority after dropping single votes, eight expressions, one forward pass: {face:.1f} %.

## Known failures
- Rare classes are recognised poorly (see fear and disgust above); neutral is the default answer.
- Ordinary lively speech sounds like an emotion to the voice network, which has only heard actors (a read political speech: joy);
  fusion was therefore taught to trust voices little.
- Revising changes little yet: {revising:+.2f} points of weighted F1 after four utterances.
- Calm speech is counted as neutral; contempt has no class. Voices are English, acted, in a quiet studio, read by 14 people.
- Faces turned far to the side, small, dark or covered are outside what the face network has seen.
- Valence and arousal are not estimated.

## Reproduce
`python -m emotrack.training.bundle --data DIR --out DIR` with the reference data in DIR: `ravdess/`, `text_dialogues.csv`,
`fer2013plus_48x48_webp.npz`, `fer2013plus_labels.csv`.
"""
