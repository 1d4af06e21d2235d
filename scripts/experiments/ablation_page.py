"""ablation.html: the papers' tables and figures for a user's networks, beside what was published."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.files import write_whole
from scripts.page import interval_text, spread_text, write_page
from scripts.report import confusion_figure, loss_figure
from scripts.statistics import ONE_VS_REST, OVERALL

from .published import published_accuracy, published_results

__all__ = ["write_ablation_page"]

Table = tuple[Sequence[str], list[list[Any]], str]  # header, rows, caption
ACCURACY = ("", "accuracy")  # of all classes
SHI = {
    "AUC": ("COVID-19", "auc"),
    "accuracy": ACCURACY,
    "sensitivity": ("COVID-19", "recall"),
    "specificity": ("COVID-19", "specificity"),
    "F1": ("COVID-19", "f1"),
}


def write_ablation_page(path: Path, content: Mapping[str, Any], curves: Sequence[Mapping[str, Any]]) -> None:
    """Write the page, and ``type_loss.png`` beside it; neither where matplotlib is not installed.

    Args:
        path: of the page.
        content: of ablation.json.
        curves: rows of type_loss.csv.
    """
    if find_spec("matplotlib") is None:
        print(f"{path.name} needs matplotlib: pip install matplotlib")
        return
    networks = content["networks"]
    tables = [_parameters(networks), *_wang(networks), *_shi(networks), _differences(content)]
    losses = _type_losses(curves)
    if losses is not None:
        write_whole(path.with_name("type_loss.png"), lambda file: losses.savefig(file, format="png", dpi=150))
    write_page(
        path,
        Path(__file__).with_name("ablation.html"),
        "Networks compared",
        "Beside what their papers printed. Research use only.",
        tables=tables,
        type_losses=losses,
        matrices=list(_matrices(networks)),
        caveats=[
            *content["published"]["parl"]["caveats"],
            *content["published"]["dual_attention"]["caveats"],
        ],
    )


def _parameters(networks: Mapping[str, Any]) -> Table:
    wang = published_results()["parl"]["parameters"]
    shi = published_results()["dual_attention"]["trainable_parameters_in_millions"]
    rows = [
        [
            name, each["parameters"]["trainable"], (name in shi and f"{shi[name]} million") or None,
            each["parameters"]["with_running_statistics"], wang.get(name),
        ]
        for name, each in networks.items()
    ]  # fmt: skip
    header = ["network", "trainable parameters", "published", "with running statistics", "published"]
    return header, rows, "Parameters (Wang et al., Table I; Shi et al., Table 3)"


def _wang(networks: Mapping[str, Any]) -> Iterator[Table]:
    """Yield Table II, and the accuracy that follows from it, where one of its networks was trained."""
    printed = published_results()["parl"]["five_folds_one_vs_rest_percent"]
    if not set(networks) & set(printed):
        return
    wanted = [(label, measure) for label, each in next(iter(printed.values())).items() for measure in each]
    found = {name: each.get("over_folds") for name, each in networks.items()}

    def published(name: str, label: str, measure: str) -> str | None:
        if name not in printed:
            return None
        if (label, measure) == ACCURACY:
            return f"{published_accuracy(name) + 1e-9:.1f}"
        mean, deviation = printed[name][label][measure]
        return f"{mean:.1f} \N{PLUS-MINUS SIGN} {deviation:.1f}"

    titles = {metric.name: metric.title for metric in ONE_VS_REST}
    rows = {(label, measure): f"{label}: {titles[measure]}" for label, measure in wanted}
    rows[ACCURACY] = "accuracy of all classes (published: derived)"
    caption = "Wang et al., Table II: each network on its own held-out fold, mean and deviation, %"
    yield _beside(
        rows, found, [*networks, *(name for name in printed if name not in networks)], published, caption
    )


def _shi(networks: Mapping[str, Any]) -> Iterator[Table]:
    """Yield Tables 2 and 3 of Shi et al., where one of their networks was trained."""
    printed = published_results()["dual_attention"]["five_models_on_one_test_set"]
    if not set(networks) & set(printed):
        return
    found = {name: each.get("over_folds_on_test") for name, each in networks.items()}

    def published(name: str, label: str, measure: str) -> str | None:
        if name not in printed:
            return None
        mean, deviation = (100 * value for value in printed[name][measure])
        return f"{mean:.2f} \N{PLUS-MINUS SIGN} {deviation:.2f}"

    rows = {
        place: f"COVID-19: {title}" if place[0] else f"{title} of all classes" for title, place in SHI.items()
    }
    caption = "Shi et al., Tables 2 and 3: each fold's network on the test list, mean and deviation, %"
    yield _beside(
        rows, found, [*networks, *(name for name in printed if name not in networks)], published, caption
    )


def _beside(
    rows: Mapping[tuple[str, str], str],
    found: Mapping[str, Any],
    names: Sequence[str],
    published: Any,
    caption: str,
) -> Table:
    """Return a row a metric, with two columns a network: this one's and the published one's."""
    header = ["metric", *(title for name in names for title in (name, "published"))]
    body = []
    for (label, measure), title in rows.items():
        row: list[Any] = [title]
        for name in names:
            row += [_spread(found.get(name), label, measure), published(name, label, measure)]
        body.append(row)
    return header, body, caption


def _spread(found: Mapping[str, Any] | None, label: str, measure: str) -> str | None:
    if found is None or (label and label not in found["one_vs_rest"]):
        return None
    spread = found["one_vs_rest"][label][measure] if label else found[measure]
    percent = {
        key: None if spread[key] is None else 100 * spread[key] for key in ("mean", "standard_deviation")
    }
    return spread_text(percent, digits=1)


def _differences(content: Mapping[str, Any]) -> Table:
    differences = content["differences"]
    rows = [
        [metric.title, *(interval_text(each[metric.name]) for each in differences.values())]
        for metric in OVERALL
    ]
    caption = f"Minus {content['reference']}, pooled held-out folds, 95 % interval"
    return ["metric", *differences], rows, caption


def _type_losses(curves: Sequence[Mapping[str, Any]]) -> Any:
    """Draw Fig. 5, a line a network: trained on all folds as in the paper, or the mean of the folds."""
    if not curves:
        return None
    table = pd.DataFrame(curves).astype({"epoch": int, "type_loss": float})
    names = list(dict.fromkeys(table["network"]))
    whole = table[table["fold"] == "all"]
    if set(whole["network"]) != set(names):
        whole = table[table["fold"] != "all"]
    means = whole.pivot_table(index="epoch", columns="network", values="type_loss")
    rows = [{"epoch": epoch, **row.dropna().to_dict()} for epoch, row in means.iterrows()]
    return loss_figure({"": rows}, names, "pneumonia-type loss", names=lambda name: name)


def _matrices(networks: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """Yield Fig. 6 for each network, then as printed."""
    printed = published_results()["parl"]["test_of_600_confusion"]
    for name, each in networks.items():
        for part, what in (
            ("all_folds_on_test", "trained on all folds, test list"),
            ("ensemble_on_test", "ensemble of the folds, test list"),
        ):
            if part in each:
                labels = list(each[part]["one_vs_rest"])
                yield confusion_figure(each[part]["confusion_matrix"]["counts"], labels), f"{name}: {what}"
                break
        if name in printed:
            labels = ["non-pneumonia", "other pneumonia", "COVID-19"]
            yield (
                confusion_figure(printed[name], labels),
                f"{name}: published, 600 scans (Wang et al., Fig. 6)",
            )
