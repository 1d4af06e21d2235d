"""Nothing but the lesions may betray the class."""

from dataclasses import asdict

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scripts.phantoms import POPULATIONS, Population, draw_phantom
from scripts.phantoms.acquisition import draw_acquisition
from scripts.phantoms.data_set import _roster
from scripts.phantoms.phantom import PATIENT, SCAN
from scripts.phantoms.population import draw_patient

CLASSIFIERS = [
    make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    RandomForestClassifier(40, random_state=0),
]


def header(seed, visit):
    """What a file's header and name would tell, and all that is drawn of patient and scanner."""
    population = Population()
    patient = draw_patient(np.random.default_rng([*seed, PATIENT]), population)
    scan = draw_acquisition(np.random.default_rng([*seed, SCAN, visit]), population, patient)
    numbers = [visit, *scan.spacing, *map(len, scan.axes), *scan.origin, scan.noise, scan.blur, scan.table]
    codes = [population.orientations.index(scan.orientation), scan.padding or 0, patient.sex == "F"]
    return numbers + codes + [*patient.scale, patient.fat, patient.heart, patient.blood, patient.nodules]


def surroundings(phantom):
    """What the voxels outside the lungs tell, and the sizes of the lobes."""
    outside = phantom.hounsfield[phantom.lobes == 0].astype(float)
    lobes = np.bincount(phantom.lobes.ravel(), minlength=6)
    spacing = np.linalg.norm(phantom.affine[:3, :3], axis=0)
    moments = [outside.mean(), outside.std(), *np.quantile(outside, np.linspace(0, 1, 11))]
    air = outside[(outside < -900) & (outside > -1024)]
    return [*phantom.hounsfield.shape, *spacing, *moments, air.std(), (outside > -500).mean(), *lobes]


def share_right(classifier, features, labels, patients):
    """Cross-validated accuracy; as a second scan would give its patient away, patients stay together."""
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return (cross_val_predict(classifier, features, labels, groups=patients, cv=folds) == labels).mean()


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["logistic", "forest"])
def test_headers_do_not_betray_the_class(classifier):
    """The 95 % interval of the mean accuracy over six data sets (t with 5 degrees) covers one third."""
    shares = []
    for data_seed in range(6):
        roster = list(_roster(240, data_seed))
        features = np.array([header(seed, visit) for _, seed, _, visit in roster])
        labels = np.array([label for _, _, label, _ in roster])
        patients = [seed for _, (_, seed), _, _ in roster]
        shares.append(share_right(classifier, features, labels, patients))
    assert abs(np.mean(shares) - 1 / 3) < 2.57 * np.std(shares, ddof=1) / np.sqrt(6)


@pytest.fixture(scope="module")
def data_set():
    roster = list(_roster(75, seed=2))
    phantoms = [draw_phantom(seed, label, (26, 24, 20), visit=visit) for _, seed, label, visit in roster]
    labels = np.array([phantom.label for phantom in phantoms])
    patients = [seed for _, (_, seed), _, _ in roster]
    return np.array([surroundings(phantom) for phantom in phantoms]), labels, patients


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["logistic", "forest"])
def test_surroundings_of_the_lungs_do_not_betray_the_class(classifier, data_set):
    """The 95 % interval of the accuracy (normal approximation) covers one third."""
    features, labels, patients = data_set
    share = share_right(classifier, features, labels, patients)
    assert abs(share - 1 / 3) < 1.96 * np.sqrt(2 / 9 / len(set(patients)))


@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=["logistic", "forest"])
def test_a_leak_would_be_found(classifier, data_set):
    """The control of the test above: noise with a trace of the class in it, hidden among the features."""
    features, labels, patients = data_set
    trace = labels + np.random.default_rng(0).normal(0, 0.4, len(labels))
    share = share_right(classifier, np.column_stack([features, trace]), labels, patients)
    assert share > 1 / 3 + 1.96 * np.sqrt(2 / 9 / len(set(patients)))


def test_shifted_population_is_drawn_from():
    shifted = Population(parenchyma=(-700, -690), width=(0.7, 0.71))
    shape, spacing = (36, 32, 30), (11.0, 11.0, 10.0)
    one, other = (draw_phantom(0, 0, shape, spacing, population=p) for p in (None, shifted))
    assert (other.lobes > 0).sum() < 0.9 * (one.lobes > 0).sum()
    assert (
        np.quantile(other.hounsfield[other.lobes > 0], 0.2)
        > np.quantile(one.hounsfield[one.lobes > 0], 0.2) + 80
    )


def test_the_shifted_population_lies_outside_the_ranges_of_adults_or_reaches_beyond_them():
    adults, shifted = POPULATIONS["adults"], POPULATIONS["shifted"]
    moved = [name for name, value in asdict(shifted).items() if value != asdict(adults)[name]]
    assert {"width", "depth", "height", "oblique_slope", "parenchyma"} <= set(moved)
    for name in moved:
        if name != "severities":
            (low, high), (least, most) = getattr(shifted, name), getattr(adults, name)
            assert low < least or high > most, name


def test_the_fissures_population_holds_the_fissures_and_chests_of_the_other_two():
    fissures = asdict(POPULATIONS["fissures"])
    widened = [name for name, value in fissures.items() if value != asdict(Population())[name]]
    assert {"width", "dome_height", "oblique_height", "oblique_slope", "horizontal_height"} <= set(widened)
    for name in set(widened) - {"severities"}:
        for other in ("adults", "shifted"):
            least, most = getattr(POPULATIONS[other], name)
            assert fissures[name][0] <= least and most <= fissures[name][1], (other, name)
