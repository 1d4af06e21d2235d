"""examples/service, asked over HTTP by a client that knows nothing of it."""

import gzip
import json
import threading
import time
import zipfile
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import nibabel
import numpy as np
import pytest

from scripts import Predictor, bundle_root

uvicorn = pytest.importorskip("uvicorn")


@pytest.fixture(scope="module")
def service_of():
    """The class Service of examples/service/app.py."""
    spec = spec_from_file_location("service_app", Path(bundle_root(), "examples", "service", "app.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Service


@contextmanager
def served(service):
    """Serve on a port that is free; give the address."""
    server = uvicorn.Server(uvicorn.Config(service.application, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def predictor(save_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("service") / "model.pt"
    save_model(path, spatial_shape=[24, 24, 16])
    return Predictor(path, device="cpu")


@pytest.fixture(scope="module")
def address(service_of, predictor):
    with served(service_of(predictor, most_bytes=10**7)) as found:
        yield found


@pytest.fixture(scope="module")
def scan(phantoms):
    return min((phantoms / "images").iterdir())


def get(request):
    with urlopen(request) as response:
        return response.read()


def post(address, name, content):
    return json.loads(get(Request(f"{address}/answers?name={name}", data=content, method="POST")))


def refused(request):
    with pytest.raises(HTTPError) as error:
        get(request)
    with error.value as response:
        return response.code, json.load(response)["error"]


def upload_refused(address, name, content):
    return refused(Request(f"{address}/answers?name={name}", data=content, method="POST"))


def test_the_answer_is_the_predictors_and_the_heat_map_lies_on_the_scan(address, predictor, scan):
    (answer,) = post(address, "scan.nii.gz", scan.read_bytes())["answers"]
    expected = predictor(scan, explain=True)
    assert answer["name"] == "scan.nii.gz" and answer["prediction"] == expected.prediction
    assert answer["probabilities"] == pytest.approx(expected.probabilities)
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(get(address + answer["heat_map"])))
    np.testing.assert_allclose(image.affine, nibabel.load(scan).affine, atol=1e-4)
    np.testing.assert_allclose(image.get_fdata(), expected.explanation.array, atol=1 / 255)


def test_each_scan_of_a_zip_is_answered_and_a_damaged_one_says_why(address, scan, tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.write(scan, "a.nii.gz")
        archive.writestr("b.nii.gz", b"damaged")
    good, bad = post(address, "two.zip", (tmp_path / "two.zip").read_bytes())["answers"]
    assert good["prediction"] and not good["reason"]
    assert bad["abstain"] and bad["reason"].startswith("unreadable") and bad["heat_map"] is None


def test_an_upload_without_a_scan_says_so(address):
    (answer,) = post(address, "notes.txt", b"x")["answers"]
    assert answer["name"] == "the upload" and answer["abstain"] and "tmp" not in answer["reason"]


@pytest.mark.parametrize(
    ("name", "content", "status", "message"),
    [
        ("", b"x", 400, "what the file is called"),
        ("..", b"x", 400, "what the file is called"),
        ("scan.nii.gz", bytes(10**7 + 1), 413, "larger than 10000000 bytes"),
    ],
)
def test_what_is_no_scan_is_refused_in_one_line(name, content, status, message, address):
    found, said = upload_refused(address, name, content)
    assert found == status and message in said and "\n" not in said and "/tmp" not in said


def test_when_too_many_wait_the_next_is_told_to_come_again(service_of):
    class Slow:
        """Answers when it may."""

        may, begun = threading.Event(), threading.Event()

        def predict(self, *scans, **choices):
            self.begun.set()
            self.may.wait()
            return iter(())

    slow = Slow()
    with served(service_of(slow, most_waiting=0)) as address:
        first = threading.Thread(target=upload_refused, args=(address, "a.nii", b"x"))
        first.start()
        slow.begun.wait()
        status, said = upload_refused(address, "b.nii", b"x")
        slow.may.set()
        first.join()
        assert status == 503 and said == "1 scans are waiting; come again"
        assert upload_refused(address, "c.nii", b"x") == (422, "c.nii: holds no scan")


def test_it_says_what_it_is(address, predictor):
    told = json.loads(get(f"{address}/health"))
    assert told["intended_use"].startswith("research use only")
    assert told["model"]["members"][0]["sha256"] == predictor.model.files[0].weights_sha256
    assert refused(f"{address}/heat_maps/999.nii.gz") == (404, "no such heat map; the last 16 are kept")
