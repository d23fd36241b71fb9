"""``napari-bayesseg models``."""

from __future__ import annotations

import warnings
from pathlib import Path

from napari_bayesseg.cli import options
from napari_bayesseg.cli.output import say, write_json
from napari_bayesseg.core.errors import BayesSegError, BayesSegWarning
from napari_bayesseg.networks.checkpoint import ModelCard, load_card
from napari_bayesseg.networks.model_folders import list_models, local_models_folder

__all__ = ["models"]


def models(*, json: options.JsonOutput = False) -> None:
    """List shipped and local models with their cards."""
    cards = {name: (path, card) for name, path in list_models().items() if (card := _card(path))}
    if json:
        write_json(
            {
                name: {"path": str(path), **card.model_dump(mode="json")}
                for name, (path, card) in cards.items()
            }
        )
        return
    for path, card in cards.values():
        _say_card(card)
        say(f"  folder    {path}")
        say("")
    say(f"your own models are looked for in {local_models_folder()}")


def _card(path: Path) -> ModelCard | None:
    """Read a card; a damaged model is told of and doesn't hide the others."""
    try:
        return load_card(path)
    except BayesSegError as error:
        warnings.warn(str(error), BayesSegWarning, stacklevel=2)
        return None


def _say_card(card: ModelCard) -> None:
    say(f"{card.name}: {card.title or card.method}")
    say(f"  method    {card.method}, {card.training.get('parameters', '?')} parameters")
    say(f"  classes   {', '.join(f'{i} {name}' for i, name in enumerate(card.class_names))}")
    if card.spacing is not None:
        spacing = " x ".join(f"{length:g}" for length in card.spacing.zyx)
        say(f"  spacing   {spacing} {card.spacing.unit} (z, y, x)")
    if card.data:
        say(f"  data      {card.data}")
    dice = card.scores.get("dice", {})
    if dice:
        known = {name: value for name, value in dice.items() if value is not None}
        say(f"  Dice      {', '.join(f'{name} {value:.3f}' for name, value in known.items())}")
    say(f"  licence   {card.licence}")
