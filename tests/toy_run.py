"""Tables of predictions, and the folder of a cross-validation: seeded noise around a known truth."""

import csv
import json

import numpy as np

from scripts.checkpoints import ModelFile, Part
from scripts.statistics import PredictionTable, class_columns

NAMES = ["non-pneumonia", "other pneumonia", "COVID-19"]


def predictions(probabilities, labels, images=None, patients=None, names=NAMES, source="here", **columns):
    """Return a table of scans, each of a patient of its own unless told otherwise."""
    own = [f"p{row}" for row in range(len(labels))]
    known = {"image": images or own, "patient": patients or images or own, "label": labels}
    return PredictionTable.of(names, np.asarray(probabilities), known | columns, source=source)


def toy_datalist(scans=90, seed=0, names=NAMES):
    """Return a datalist of scans that are not there: two a patient, five folds, validation and test."""
    random = np.random.default_rng(seed)
    places = [*(("training", fold) for fold in range(5)), ("validation", None), ("test", None)]
    lists = {"training": [], "validation": [], "test": []}
    for scan in range(scans):
        patient = scan // 2
        place, fold = places[patient % 7]
        own = np.random.default_rng((seed, patient))
        item = {
            "image": f"images/{scan:03d}.nii.gz",
            "patient": f"p{patient:03d}",
            "label": int(own.integers(len(names))),
            "sex": "FM"[int(own.integers(2))],
            "age": int(own.integers(20, 90)),
            "source": ["hospital A", "hospital B"][int(random.integers(2))],
        }
        lists[place].append(item if fold is None else item | {"fold": fold})
    return {"name": "toy", "classes": names, **lists}


def answers(items, skill=1.5, sharpness=6.0, seed=0, classes=3):
    """Return probabilities (N, classes): softmax of noise plus `skill` for the truth, over-confident."""
    random = np.random.default_rng(seed)
    labels = np.array([item["label"] for item in items], dtype=int)
    logits = sharpness * (random.normal(size=(len(items), classes)) + skill * np.eye(classes)[labels])
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def write_answers(path, items, probabilities, folds=None, names=NAMES):
    """Write a table of the form of predictions.csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        columns = [
            "image",
            "patient",
            "label",
            *class_columns(names),
            "prediction",
            "abstain",
            "reason",
            "flags",
        ]
        writer = csv.DictWriter(file, [*columns, *(["fold"] if folds is not None else [])])
        writer.writeheader()
        for row, (item, values) in enumerate(zip(items, probabilities, strict=True)):
            content = dict(zip(class_columns(names), np.round(values, 7), strict=True))
            content |= {"image": item["image"], "patient": item["patient"], "label": item["label"]}
            content |= {"prediction": names[int(np.argmax(values))], "abstain": False}
            writer.writerow(content | ({} if folds is None else {"fold": folds[row]}))


def write_toy_model(path, names=NAMES, training_prior=(0.4, 0.3, 0.3)):
    """Write a file in the place of weights, and a model file that describes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"weights of {path.parent.name}".encode())
    ModelFile(
        network=Part(target="scripts.networks.wa_66"),
        spatial_shape=[24, 24, 16],
        window=[-500, 1500],
        region=Part(target="scripts.transforms.LungRegion"),
        classes=list(names),
        training_prior=list(training_prior),
    ).write(path)


def write_toy_run(folder, datalist, skill=1.5, sharpness=6.0):
    """Write all that a cross-validation leaves, but for true weights; return the datalist's path."""
    kinds = {"validation": datalist["validation"], "test": datalist["test"]}
    sums = {name: np.zeros((len(items), 3)) for name, items in kinds.items()}
    pooled, pooled_answers, pooled_folds = [], [], []
    folds = sorted({item["fold"] for item in datalist["training"]})
    for fold in folds:
        place = folder / "folds" / str(fold)
        held_out = [item for item in datalist["training"] if item["fold"] == fold]
        values = answers(held_out, skill, sharpness, seed=fold)
        write_answers(place / "held_out.csv", held_out, values)
        pooled, pooled_folds = pooled + held_out, pooled_folds + [fold] * len(held_out)
        pooled_answers.append(values)
        for number, (name, items) in enumerate(kinds.items(), 1):
            values = answers(items, skill, sharpness, seed=10 * number + fold)
            sums[name] += values / len(folds)
            write_answers(place / f"{name}.csv", items, values)
        write_history(place / "history.csv", fold)
        write_toy_model(place / "model.pt")
    write_answers(folder / "held_out.csv", pooled, np.concatenate(pooled_answers), pooled_folds)
    for name, items in kinds.items():
        write_answers(folder / f"{name}.csv", items, sums[name])
    flipped = answers(kinds["test"], skill * 1.2, 1.0, seed=99)
    write_answers(folder / "test_flipped.csv", kinds["test"], (flipped + sums["test"]) / 2)
    write_answers(folder / "external_elsewhere.csv", *elsewhere())
    run = {"datalist": "datalist.json", "seed": 0, "recipes": ["train.yaml"]}
    (folder / "run.json").write_text(json.dumps(run | {"parameters": 15988903}))
    (folder / "costs.json").write_text(json.dumps({"one network": 0.11, "ensemble": 0.52, "flips": 4.1}))
    path = folder.parent / "datalist.json"
    if not path.exists():
        path.write_text(json.dumps(datalist))
    return path


def elsewhere():
    items = [
        {"image": f"elsewhere/{scan}.nii.gz", "patient": f"e{scan}", "label": scan % 3} for scan in range(24)
    ]
    return items, answers(items, skill=0.7, seed=7)


def write_history(path, fold, epochs=12):
    random = np.random.default_rng(fold)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        terms = ["detection_loss", "type_loss", "combined_loss"]
        rest = ["validation_accuracy", "validation_log_likelihood", "learning_rate"]
        writer.writerow(["epoch", "loss", *terms, *rest])
        for epoch in range(1, epochs + 1):
            terms = np.exp(-epoch / np.array([4, 6, 5])) + 0.05 * random.random(3)
            accuracy = 1 - 0.6 * np.exp(-epoch / 5) if epoch % 2 else ""
            writer.writerow([epoch, terms.sum(), *terms, accuracy, "", 1e-4])
