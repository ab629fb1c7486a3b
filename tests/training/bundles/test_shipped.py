"""The weights that ship were trained by the recipes that ship."""

from importlib.resources import files

import pytest
import yaml

from emotrack.model.bundle import default_directory, load_manifest
from emotrack.training.run import KINDS


@pytest.mark.parametrize("part", KINDS)
def test_each_part_keeps_how_it_was_trained_and_that_is_its_recipe(part: str) -> None:
    kept = load_manifest(default_directory())[0].metrics["training"][part]
    recipe = yaml.safe_load((files("emotrack.configs") / "training" / f"{part}.yaml").read_text("utf-8"))
    places = {
        name: recipe[name] for name in ("out", "store", "encoders", "heard") if name in recipe
    }  # what folders are called is up to who trains
    shipped = KINDS[part].settings.model_validate({**kept["settings"], **places})
    assert shipped.recipe() == KINDS[part].settings.model_validate(recipe).recipe()
    assert kept["seconds"] > 0 and kept["hardware"] and kept["seed"] in (1, 2, 3)
