"""The page that shows answered scans: what it holds, what it cannot show, and what a browser does with it."""

import base64
import gzip
import json
import re
import shutil
import subprocess

import nibabel
import numpy as np
import pytest

from scripts.explanation import save_heat_map
from scripts.files import sha256_of
from scripts.viewer.view import LIBRARY, main, write_view

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# What a user does, and what is then drawn: the coloured pixels of the canvas show that a heat map is there.
CLICKS = """
const settled = async () => {
  do { await new Promise((resolve) => setTimeout(resolve, 50)); } while (!document.body.dataset.ready);
};
const look = () => {
  viewer.drawScene();
  const gl = viewer.gl, width = gl.drawingBufferWidth, height = gl.drawingBufferHeight;
  const pixels = new Uint8Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  let coloured = 0, grey = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    const pixel = pixels.subarray(i, i + 3);
    Math.max(...pixel) - Math.min(...pixel) > 40 ? coloured++ : grey += pixel[0];
  }
  const {shown, ready} = document.body.dataset;
  return {coloured, grey, shown, window: ready, said: document.querySelector(".answer").innerText};
};
const click = async (id) => { document.getElementById(id).click(); await settled(); return look(); };
const select = async (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("change"));
  await settled();
  return look();
};
(async () => {
  await settled();
  const seen = {opened: look(), plain: await click("heat"), lobes: await click("lobes")};
  await click("lobes");
  seen.mediastinum = await select("window", "mediastinum");
  document.querySelectorAll("nav button")[1].click();
  await settled();
  seen.refused = look();
  const result = {id: "seen", textContent: JSON.stringify(seen)};
  document.body.append(Object.assign(document.createElement("pre"), result));
})();
"""


@pytest.fixture(scope="module")
def answers(phantoms, save_model, run_config, tmp_path_factory):
    """The folder of an inference with heat maps, of a phantom and of a file that is no scan."""
    folder = tmp_path_factory.mktemp("view")
    save_model(folder / "model.pt", spatial_shape=[24, 24, 16])
    item = json.loads((phantoms / "datalist.json").read_text())["test"][0]
    shutil.copy(phantoms / item["image"], folder / "a_scan.nii.gz")
    (folder / "no_scan.nii.gz").write_bytes(b"no scan")
    with pytest.raises(SystemExit):
        run_config(
            "inference", ["inference.yaml"], ckpt_path=str(folder / "model.pt"), explain=True, num_workers=0,
            scans=[str(folder / f"{name}.nii.gz") for name in ("a_scan", "no_scan")],
            output_dir=str(folder / "answers"),
        )  # fmt: skip
    (path,) = (folder / "answers" / "heat_maps").glob("*.nii.gz")
    heat = np.zeros(nibabel.load(path).shape, np.uint8)
    heat[10:30, 10:30, 10:30] = 255  # what random weights give may be nothing at all
    save_heat_map(heat, nibabel.load(path).affine, path, "a cube")
    return folder / "answers"


@pytest.fixture
def copied(answers, tmp_path):
    """A copy of the answers, to write in."""
    return shutil.copytree(answers, tmp_path / "answers", ignore=shutil.ignore_patterns("view"))


@pytest.fixture
def lobes(answers, tmp_path):
    """The folder of an inference of lobes for the same scan: its left half is one lobe."""
    scan = nibabel.load(answers.parent / "a_scan.nii.gz")
    labels = np.zeros(scan.shape, np.uint8)
    labels[: scan.shape[0] // 2] = 2
    (tmp_path / "lobes").mkdir()
    nibabel.save(nibabel.Nifti1Image(labels, scan.affine), tmp_path / "lobes" / "map.nii.gz")
    (tmp_path / "lobes" / "lobes.csv").write_text("image,lobe_map\na_scan.nii.gz,map.nii.gz\n")
    return tmp_path / "lobes"


def volumes(page):
    (script,) = (page.parent / "scans").glob("*.js")
    content = json.loads(re.fullmatch(r"receive\((.+)\);\n", script.read_text()).group(1))
    return {
        kind: nibabel.as_closest_canonical(
            nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))
        )
        for kind, text in content.items()
    }


def test_the_page_holds_the_scan_in_hu_and_its_overlays_in_one_geometry(answers, copied, lobes):
    page, missing = write_view(copied, [answers.parent / "a_scan.nii.gz"], lobes)
    assert missing == []
    found = volumes(page)
    assert set(found) == {"scan", "heat", "lobes"}
    assert found["heat"].shape == found["scan"].shape == found["lobes"].shape
    np.testing.assert_allclose(found["heat"].affine, found["scan"].affine, atol=1e-3)
    assert found["heat"].get_fdata().max() == pytest.approx(1)
    known = nibabel.as_closest_canonical(nibabel.load(answers.parent / "a_scan.nii.gz")).get_fdata()
    np.testing.assert_allclose(found["scan"].get_fdata(), known.clip(-1024, 3071), atol=1)


def test_a_scan_that_is_not_named_is_shown_as_the_network_saw_it(answers, copied):
    page, missing = write_view(copied)
    assert missing == []
    grid, whole = volumes(page)["scan"], nibabel.load(answers.parent / "a_scan.nii.gz")
    assert grid.shape == (24, 24, 16)
    assert grid.get_fdata().min() >= -1250 and grid.get_fdata().max() <= 250
    corners = nibabel.affines.apply_affine(
        np.linalg.inv(whole.affine) @ grid.affine, [[0, 0, 0], [23, 23, 15]]
    )
    assert (corners > -20).all() and (corners < np.array(whole.shape) + 20).all()  # the lungs and a margin


def test_a_large_scan_is_thinned_and_stays_where_it_is(answers, copied):
    page, _ = write_view(copied, [answers.parent / "a_scan.nii.gz"], longest_axis=32)
    thin, whole = volumes(page)["scan"], nibabel.load(answers.parent / "a_scan.nii.gz")
    assert thin.shape == (32, 32, 32)
    middles = [nibabel.affines.apply_affine(i.affine, (np.array(i.shape) - 1) / 2) for i in (thin, whole)]
    np.testing.assert_allclose(*middles, atol=1e-3)
    assert abs(thin.get_fdata().mean() - whole.get_fdata().mean()) < 5


def test_a_scan_that_cannot_be_shown_is_named_and_the_page_is_written(copied, capsys):
    shutil.rmtree(copied / "grids")
    assert main([str(copied)]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("not shown: a_scan.nii.gz") and captured.err.count("\n") == 1
    assert "index.html" in captured.out
    assert "not shown" in (copied / "view" / "index.html").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "no JSON"),
        ("[]", "not of an inference"),
        ('{"version": "0.1.0"}', "not of an inference"),
    ],
)
def test_a_folder_without_answers_is_one_line(tmp_path, capsys, content, message):
    if content is not None:
        (tmp_path / "predictions.json").write_text(content)
    assert main([str(tmp_path)]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "view").exists()


def test_a_name_cannot_break_out_of_the_page(copied):
    content = json.loads((copied / "predictions.json").read_text())
    content["predictions"][1]["image"] = "</script><script>alert(1)</script>"
    (copied / "predictions.json").write_text(json.dumps(content))
    page, _ = write_view(copied)
    assert "<script>alert" not in page.read_text()


def test_the_library_is_the_one_that_its_source_names():
    source = (LIBRARY.parent / "SOURCE.md").read_text()
    assert f"SHA-256 of the file | {sha256_of(LIBRARY)} |" in source
    assert "Copyright (c) 2021, Niivue" in (LIBRARY.parent / "LICENSE").read_text()


def test_the_page_asks_nothing_of_the_network():
    page = (LIBRARY.parents[1] / "view.html").read_text()
    assert re.findall(r"(?:src|href)=\"([^\"]+)\"", page) == ["#planes", "niivue.umd.js"]
    assert "http" not in page


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")
def test_a_browser_shows_the_scan_and_follows_its_controls(copied, lobes):
    page, _ = write_view(copied, lobes=lobes)
    page.write_text(page.read_text().replace("</body>", f"<script>{CLICKS}</script></body>"))
    command = [
        BROWSER, "--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader",
        f"--user-data-dir={copied / 'profile'}", "--virtual-time-budget=60000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    seen = json.loads(re.search(r'<pre id="seen">(.+?)</pre>', done.stdout).group(1))
    assert seen["opened"]["shown"] == "scan heat" and seen["plain"]["shown"] == "scan"
    assert seen["opened"]["coloured"] > seen["plain"]["coloured"] + 10_000
    assert seen["lobes"]["coloured"] > seen["plain"]["coloured"] + 10_000
    assert seen["opened"]["window"] == "lung" and seen["mediastinum"]["window"] == "mediastinum"
    assert seen["mediastinum"]["grey"] < 0.9 * seen["plain"]["grey"]
    assert "a_scan.nii.gz" in seen["opened"]["said"] and "0." in seen["opened"]["said"]
    assert "refused" in seen["refused"]["said"] and "no_scan.nii.gz" in seen["refused"]["said"]
