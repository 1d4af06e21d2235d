"""A study as a hospital exports it: what is a scan, and what lies beside."""

import numpy as np
from scan_writers import write_series
from toy_chest import chest

THIN = chest((12.0, 11.0, 20.0))
THICK = chest((12.0, 11.0, 30.0))
SCOUT = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
REPORT = {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.22"}
DOSE = {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.67"}
PDF = {"Modality": "DOC", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}


def write_study(folder, patient="p1", study="1.2.1", kernels=("B40f",)):
    """Write PATIENT/STUDY/SERIES: kernels of one acquisition, a thick copy, topogram, reports, a PDF."""
    folder.mkdir(parents=True)
    of_study = {"PatientID": patient, "StudyInstanceUID": study}

    def series(number, name, volume=THIN, **tags):
        uid = f"{study}.{number}"
        tags = {**of_study, "SeriesInstanceUID": uid, "SeriesNumber": number, **tags}
        return write_series(folder / name, *volume, **tags)

    series(1, "SE1_topogram", keep=[3], **SCOUT)
    for number, kernel in enumerate(kernels, 2):
        series(number, f"SE{number}_{kernel}", ConvolutionKernel=kernel)
    series(8, "SE8_thick", THICK, ConvolutionKernel="B40f")
    series(501, "SE501_dose", keep=[1], **DOSE)
    series(502, "SE502_report", keep=[1], **REPORT)
    series(503, "SE503_pdf", keep=[1], **PDF)
    (folder / "viewer.exe").write_bytes(bytes(np.arange(200, dtype=np.uint8)))
    return folder
