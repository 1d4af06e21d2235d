"""A MONAI Label app that serves whichever models this bundle's directory has: classifier, lobes, or both.

monailabel start_server --app examples/monai_label --studies SCANS --host 127.0.0.1 --conf bundle .

The stock ``monaibundle`` app serves the classifier alone. One directory has two networks here, so each gets
its own config, weights and metadata; see docs/monai_label.md.
"""

import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.transforms import MapTransform
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.exception import MONAILabelError, MONAILabelException
from monailabel.interfaces.tasks.infer_v2 import InferTask
from monailabel.tasks.infer.bundle import BundleConstants, BundleInferTask


class ClassifierTask(InferTask):
    """The classifier; its answer is the predictor's, calibrated as in the report."""

    def __init__(self, bundle: str) -> None:
        from scripts import Predictor  # on the path since the app started

        self.predictor = Predictor(Path(bundle, "models", "model.pt"))
        names = {name: index for index, name in enumerate(self.predictor.classes)}
        super().__init__("classification", names, dimension=3, description="Chest CT; research use only")

    def is_valid(self) -> bool:
        return True

    def __call__(self, request: dict[str, Any]) -> tuple[None, dict[str, Any]]:
        answer = self.predictor(request["image"])
        if answer.refusal:
            raise MONAILabelException(MONAILabelError.INFERENCE_ERROR, answer.reason)
        scores = [
            {"idx": index, "label": name, "score": answer.probabilities[name]}
            for index, name in enumerate(answer.classes)
        ]
        return None, {"prediction": scores, "abstain": answer.abstain, "flags": list(answer.flags)}


class LobeConstants(BundleConstants):
    """Where the lobe network's parts lie in the bundle."""

    def configs(self) -> Sequence[str]:
        return ["inference_lobes.json"]

    def metadata_json(self) -> str:
        return str(Path(__file__).with_name("metadata_lobes.json"))

    def model_pytorch(self) -> str:
        return "lobe_model.pt"

    def model_torchscript(self) -> str:
        return "lobe_model.ts"


class LobeTask(BundleInferTask):
    """The lobe network; its answer is a label map on the scan's own voxels."""

    def post_transforms(self, data: Mapping[str, Any] | None = None) -> list[Callable]:
        return [*super().post_transforms(data), LabelsOnScand(self.key_pred)]


class LabelsOnScand(MapTransform):
    """Turn probabilities on the grid into labels on the scan, of which the grid is a part."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        from scripts.lobes import labels_on_scan  # on the path since the app started

        d = dict(data)
        image = d["image"]
        affine, shape = image.meta["original_affine"], image.meta["original_shape"].tolist()
        for key in self.key_iterator(d):
            d[key] = labels_on_scan(d[key].as_tensor(), image.affine, affine, shape)
            d[f"{key}_meta_dict"] = {"affine": affine}
        return d


class MyApp(MONAILabelApp):
    """The app; MONAI Label looks it up by this name."""

    def __init__(self, app_dir: str, studies: str, conf: dict[str, str]) -> None:
        self.bundle = str(Path(conf.get("bundle", Path(app_dir, "..", ".."))).resolve())
        sys.path.append(self.bundle)  # its tasks have it there only while they read configs
        super().__init__(app_dir, studies, conf, name="Chest CT COVID-19", description="Research use only")

    def init_infers(self) -> dict[str, InferTask]:
        tasks: dict[str, InferTask] = {}
        if Path(self.bundle, "models", "model.pt").is_file():
            tasks["classification"] = ClassifierTask(self.bundle)
        lobes = LobeTask(
            self.bundle, self.conf, const=LobeConstants(), type="segmentation",
            add_post_restore=False, load_strict=True,
        )  # fmt: skip
        if lobes.is_valid():
            lobes._config["model_filename"] = ["lobe_model.pt"]  # else the shortest name in models/ is loaded
            tasks["lobe_segmentation"] = lobes
        return tasks
