"""How good the recipe of the voice network is on actors not heard, from runs of it that each left out one fold."""

from pathlib import Path

from emotrack.model.bundle import MANIFEST, load_manifest
from emotrack.model.errors import UserError
from emotrack.training.voice import FOLDS


def fold_accuracies(folder: Path) -> list[float]:
    """Unweighted accuracy, in percent, of each run below `folder` on the actors of its fold, in the order of `FOLDS`.

    Raises `UserError` where those are not one recipe's runs of every fold.
    """
    runs = [path.parent for path in sorted(folder.glob(f"*/*/{MANIFEST}"))]
    trained = {run: load_manifest(run)[0].metrics.get("training", {}).get("voice") for run in runs}
    for run, one in trained.items():
        if one is None or one["settings"].get("fold") is None:
            raise UserError(f"{run} is no run of the voice recipe on one fold: train it with --set fold=N.")
    by_fold = {one["settings"]["fold"]: one for one in trained.values()}
    if len(trained) != len(FOLDS) or len(by_fold) != len(FOLDS):
        raise UserError(f"{folder} holds runs of the folds {sorted(by_fold)}: it needs one of each of 1 to {len(FOLDS)}.")
    recipes = [one["settings"] | {"fold": None} for one in by_fold.values()]
    if any(recipe != recipes[0] for recipe in recipes):
        raise UserError(f"The runs in {folder} have different recipes: train all of them with the same settings.")
    return [round(by_fold[fold]["dev"]["score"], 2) for fold in sorted(by_fold)]
