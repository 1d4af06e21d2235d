"""MONAI Deploy: DICOM in, this bundle, DICOM out.

python examples/deploy/app.py --input DICOM_FOLDER --output OUT --ckpt_path model.pt

The SDK finds the CT series among what lies in the folder; the bundle's predictor, of which ``run inference``
is made, reads, checks and answers for them, so that an answer here is the answer there. docs/dicom.md
says why the SDK's own bundle operator is not used.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from monai.deploy.conditions import CountCondition
from monai.deploy.core import Application, Fragment, Operator, OperatorSpec
from monai.deploy.operators.dicom_data_loader_operator import DICOMDataLoaderOperator
from monai.deploy.operators.dicom_series_selector_operator import DICOMSeriesSelectorOperator

ROOT = Path(__file__).resolve().parents[2]
CT_SERIES = json.dumps({"selections": [{"name": "CT", "conditions": {"Modality": "^CT$"}}]})


class BundleOperator(Operator):
    """Answer for the selected series; write answers, and DICOM objects in the series' own studies."""

    def __init__(self, fragment: Fragment, output: Path, ckpt_path: Path, **kwargs: Any) -> None:
        self.output = output
        self.ckpt_path = ckpt_path
        self.status = 0
        super().__init__(fragment, **kwargs)

    def setup(self, spec: OperatorSpec) -> None:
        spec.input("series")

    def compute(self, op_input: Any, op_output: Any, context: Any) -> None:
        from scripts import Predictor  # on the path since the program started
        from scripts.answering import HeatMapFiles, PredictionFiles
        from scripts.delivery.dicom import DicomObjects

        studies = op_input.receive("series")
        series = [selected.series for study in studies for selected in study.selected_series]
        if not series:
            raise SystemExit("error: no CT series in the input folder")
        predictor = Predictor(self.ckpt_path)
        version = json.loads((ROOT / "configs" / "metadata.json").read_text())["version"]
        sinks = [
            PredictionFiles(self.output, version),
            HeatMapFiles(self.output),
            DicomObjects(self.output, version),
        ]  # fmt: skip
        for sink in sinks:
            sink.start(predictor)
        for answer in predictor.predict([self._folder(one) for one in series], batch_size=1, explain=True):
            self.status |= bool(answer.refusal)
            print(f"{answer.name}: {answer.prediction or answer.reason}")
            for sink in sinks:
                sink.take(answer)
        for sink in sinks:
            sink.finish()

    def _folder(self, series: Any) -> Path:
        """Link the files of one series into a folder: several series may share the input folder."""
        folder = self.output / "series" / str(series.SeriesInstanceUID)
        folder.mkdir(parents=True, exist_ok=True)
        for number, instance in enumerate(series.get_sop_instances()):
            link = folder / f"{number:04d}.dcm"
            link.unlink(missing_ok=True)
            link.symlink_to(Path(instance.get_native_sop_instance().filename).resolve())
        return folder


class ChestCtApplication(Application):
    """Three operators in a row: load, select, answer."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.arguments = options
        super().__init__([sys.executable, __file__])  # else it reads the command line, which is read here

    def compose(self) -> None:
        given = self.arguments
        once = CountCondition(self, 1)  # else it loads the folder again and again
        load = DICOMDataLoaderOperator(self, once, input_folder=given.input, name="load")
        select = DICOMSeriesSelectorOperator(self, rules=CT_SERIES, all_matched=True, name="select")
        answer = self.answer = BundleOperator(self, given.output.resolve(), given.ckpt_path, name="answer")
        self.add_flow(load, select, {("dicom_study_list", "dicom_study_list")})
        self.add_flow(select, answer, {("study_selected_series_list", "series")})


def main() -> None:
    """Run the application on the folder that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True, help="folder of DICOM files")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--ckpt_path", type=Path, required=True)
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)
    sys.path.insert(0, str(ROOT))
    application = ChestCtApplication(options)
    application.run()
    raise SystemExit(application.answer.status)


if __name__ == "__main__":
    main()
