"""The tables by the names of the command line."""

from collections.abc import Callable, Sequence
from typing import Any

from emotrack.training.evaluation.evaluated import Evaluated
from emotrack.training.evaluation.tables.main import main_tables
from emotrack.training.evaluation.tables.missing import ablation_tables, missing_tables
from emotrack.training.evaluation.tables.per_class import per_class_tables, streaming_tables
from emotrack.training.evaluation.tables.render import Table
from emotrack.training.evaluation.tables.robustness import (
    alone_tables,
    drawn_tables,
    elsewhere_tables,
    word_tables,
)

TABLES: dict[str, Callable[[Evaluated], list[Table]]] = {
    "main": main_tables,
    "missing": missing_tables,
    "ablation": ablation_tables,
    "streaming": streaming_tables,
    "per-class": per_class_tables,
    "words": word_tables,
    "drawn": drawn_tables,
    "alone": alone_tables,
    "elsewhere": elsewhere_tables,
}


def markdown(evaluated: Evaluated, names: Sequence[str]) -> str:
    """The named tables as one text."""
    return "\n".join(table.markdown() for name in names for table in TABLES[name](evaluated))


def data(evaluated: Evaluated, names: Sequence[str]) -> dict[str, Any]:
    """The named tables as plain data, and beside them the `metrics` that a bundle of these seeds keeps."""
    seeds = evaluated.now or evaluated.seeds
    metrics: dict[str, Any] = (
        {"seeds": [one.model_dump(mode="json", by_alias=True) for one in seeds]} if seeds else {}
    )
    if evaluated.mosi is not None:
        metrics["mosi"] = evaluated.mosi.model_dump(mode="json", by_alias=True)
    metrics["encoders"] = evaluated.encoders.model_dump(mode="json", by_alias=True)
    return {
        "tables": {name: [table.data() for table in TABLES[name](evaluated)] for name in names},
        "metrics": metrics,
    }
