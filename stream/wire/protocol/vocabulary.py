"""The label names that messages carry, and what they are called elsewhere."""

from emotrack.stream.wire.protocol.parts import Vocabulary

LABELS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
RESTING = "neutral"
"""The label of who shows and says nothing in particular."""
MELD = Vocabulary(name="MELD", uri="https://affective-meld.github.io", labels=LABELS)

EMOTIONML_BIG6: dict[str, str | None] = {
    "neutral": None,
    "joy": "happiness",
    "sadness": "sadness",
    "anger": "anger",
    "surprise": "surprise",
    "fear": "fear",
    "disgust": "disgust",
}
"""W3C "Vocabularies for EmotionML", the big six; it has no name for neutral (an `<emotion>` without a
category)."""

ROS4HRI: dict[str, str] = {
    "neutral": "neutral",
    "joy": "happy",
    "sadness": "sad",
    "anger": "angry",
    "surprise": "surprised",
    "fear": "scared",
    "disgust": "disgusted",
}
"""Values of `expression` in the ROS message `hri_msgs/Expression` (REP-155)."""
