"""Several networks, cross-validated on the same folds and compared scan by scan."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.errors import UserError

from .ablation_tables import write_ablation_tables
from .cross_validation import cross_validate, process_rank
from .experiment import Experiment, find_recipes

__all__ = ["ablate", "named_experiments"]


def named_experiments(
    recipes: Mapping[str, Sequence[str]],
    also: str | Sequence[str] | None = None,
    tracking: Mapping[str, str] | None = None,
    **shared: Any,
) -> dict[str, Experiment]:
    """Return an experiment for each network of an ablation.

    Args:
        recipes: name and overlays of each.
        also: overlays that come after them.
        tracking: ``tracking_uri`` and ``experiment_name`` of MLflow; each network is an experiment of that
            name and its own. None keeps to TensorBoard.
        shared: the other arguments of :class:`Experiment`.
    """
    last = find_recipes(also)
    experiments = {}
    for name, files in recipes.items():
        own = tracking and {**tracking, "experiment_name": f"{tracking['experiment_name']} {name}"}
        experiments[name] = Experiment(recipe=[*find_recipes(files), *last], tracking=own, **shared)
    return experiments


def ablate(
    experiments: Mapping[str, Experiment],
    output_dir: str | Path,
    reference: str,
    flips: bool = False,
    report: bool = False,
    all_folds: bool = False,
) -> None:
    """Cross-validate each network, then write the tables that compare them.

    Args:
        experiments: by the name of the network, as the published tables have it.
        output_dir: gains a cross-validation in ``NETWORK/`` each, ``ablation.html``, ``ablation.json``,
            ``ablation.csv`` with a row a metric, and ``type_loss.csv``.
        reference: name of the network that the others are compared with.
        flips: as in :func:`cross_validate`.
        report: as in :func:`cross_validate`.
        all_folds: as in :func:`cross_validate`; Figs. 5 and 6 of Wang et al. are of such networks.

    Raises:
        UserError: the reference is not among the networks; or as :func:`cross_validate`.
    """
    if reference not in experiments:
        raise UserError(f"--reference {reference}: not among the networks {', '.join(experiments)}")
    output = Path(output_dir)
    for name, experiment in experiments.items():
        print(f"network {name}")
        cross_validate(experiment, output / name, flips, report, all_folds)
    if process_rank() == 0:
        write_ablation_tables(output, experiments, reference)
