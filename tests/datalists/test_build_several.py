import sys

import pytest

from scripts.datalists import class_names, read_datalist
from scripts.datalists.__main__ import main
from scripts.errors import UserError

TWO = ["--classes", "non-pneumonia", "COVID-19"]


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main replaces it; put it back


@pytest.fixture
def roots(tmp_path):
    """Three releases: MosMedData and CC-CCII without tables, iCTCF with one."""

    def touch(root, names):
        for name in names:
            path = tmp_path / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{root}{name}")
        return str(tmp_path / root)

    rows = [f"Patient {k},{'Control' if k % 2 else 'Mild'}" for k in range(20)]
    (tmp_path / "clinical.csv").write_text("\n".join(["Patient,Morbidity outcome", *rows]))
    return {
        "mosmed": touch("mosmed", [f"studies/CT-{k % 2}/study_{k}.nii.gz" for k in range(20)]),
        "cc_ccii": touch(
            "cc_ccii", [f"{g}/{g}{k}/0/0.png" for g in ("Normal", "CP", "NCP") for k in range(9)]
        ),
        "ictcf": touch("ictcf", [f"Patient {k}/CT/1.jpg" for k in range(20)]),
        "csv": str(tmp_path / "clinical.csv"),
    }


def build(tmp_path, *arguments, folder="out"):
    output = tmp_path / folder / "datalist.json"
    main(["build", *arguments, "--output", str(output), "--folds", "2", "--audit", "none"])
    return output


def test_several_layouts_and_roots_make_one_datalist(roots, tmp_path, capsys):
    path = build(
        tmp_path, "mosmed", roots["mosmed"], "+", "ictcf", roots["ictcf"], "--csv", roots["csv"], *TWO
    )
    scans = [item for items in read_datalist(path).values() for item in items]
    assert len(scans) == 40 and {item["source"] for item in scans} == {"mosmed", "ictcf"}
    assert class_names(path) == TWO[1:]
    assert all((path.parent / item["image"]).exists() for item in scans)
    assert "source ictcf: 10 non-pneumonia, 10 COVID-19" in capsys.readouterr().out


def test_a_set_without_a_class_gets_it_from_another(roots, tmp_path):
    path = build(tmp_path, "mosmed", roots["mosmed"], "+", "cc_ccii", roots["cc_ccii"])
    labels = [item["label"] for items in read_datalist(path).values() for item in items]
    assert [labels.count(label) for label in range(3)] == [19, 9, 19]


def test_each_data_set_keeps_its_own_options(roots, tmp_path):
    mapping = "{'other pneumonia': None}"
    path = build(
        tmp_path, "cc_ccii", roots["cc_ccii"], "--label_mapping", mapping, "--window", "-500", "1500",
        "+", "mosmed", roots["mosmed"], *TWO,
    )  # fmt: skip
    scans = [item for items in read_datalist(path).values() for item in items]
    assert {item["source"]: item.get("window") for item in scans} == {"cc_ccii": [-500, 1500], "mosmed": None}
    assert sum(item["source"] == "cc_ccii" for item in scans) == 18


def test_the_same_command_writes_the_same_bytes(roots, tmp_path):
    arguments = ["mosmed", roots["mosmed"], "+", "cc_ccii", roots["cc_ccii"]]
    path = build(tmp_path, *arguments)
    before = path.read_bytes()
    assert build(tmp_path, *arguments) == path and path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["datalist.json"]


def test_one_layout_twice_asks_who_the_patients_are(roots, tmp_path):
    again = tmp_path / "second"
    for k in range(20):
        (again / f"studies/CT-{k % 2}").mkdir(parents=True, exist_ok=True)
        (again / f"studies/CT-{k % 2}/study_{k}.nii.gz").write_text(f"other {k}")
    arguments = ["mosmed", roots["mosmed"], "+", "mosmed", str(again), *TWO]
    with pytest.raises(
        UserError, match=r"mosmed .*/mosmed and mosmed .*/second both have patients.*--sources"
    ):
        build(tmp_path, *arguments)
    path = build(tmp_path, *arguments, "--sources", "first", "second")
    assert len({item["patient"] for items in read_datalist(path).values() for item in items}) == 40


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--test", "0.3"], "--test is of the whole datalist"),
        (["--classes", "a", "b"], "--classes is of the whole datalist"),
        (["--output", "x.json"], "--output is of the whole datalist"),
    ],
)
def test_an_option_of_the_whole_in_another_place_is_refused(extra, message, roots, tmp_path, capsys):
    with pytest.raises(SystemExit):
        build(tmp_path, "mosmed", roots["mosmed"], *extra, "+", "cc_ccii", roots["cc_ccii"])
    assert message in capsys.readouterr().err


def test_a_data_set_that_is_not_named_is_refused(roots, tmp_path, capsys):
    with pytest.raises(SystemExit):
        build(tmp_path, "mosmed", roots["mosmed"], "+")
    assert "required: LAYOUT, ROOT" in capsys.readouterr().err


def test_an_output_is_asked_for(roots, capsys):
    for arguments in (["mosmed", roots["mosmed"]], ["mosmed", "A", "+", "mosmed", "B"]):
        with pytest.raises(SystemExit):
            main(["build", *arguments])
        assert "required: --output" in capsys.readouterr().err


def test_published_lists_are_kept_when_asked(tmp_path):
    """Of two tables; a set without published lists is refused, as when it is built alone."""
    arguments = []
    for name in "ab":
        rows = [f"{k}.nii,{k % 2},{k},{'training' if k < 12 else 'test'}" for k in range(20)]
        for k in range(20):
            path = tmp_path / name / f"{k}.nii"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{name}{k}")
        (tmp_path / f"{name}.csv").write_text("\n".join(["path,label,patient,list", *rows]))
        arguments += ["+"] * bool(arguments) + [
            "table",
            str(tmp_path / name),
            "--csv",
            f"{tmp_path}/{name}.csv",
        ]
    path = build(tmp_path, *arguments, *TWO, "--keep_split", "--validation", "0.2")
    lists = read_datalist(path)
    assert sorted(item["patient"] for item in lists["test"]) == sorted(
        f"{name}-{k}" for name in "ab" for k in range(12, 20)
    )
    assert {item["fold"] for item in lists["training"]} == {0, 1} and lists["validation"]
