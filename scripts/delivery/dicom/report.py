"""The classifier's answer as a structured report."""

from collections.abc import Mapping
from typing import Any

from scripts.answering import Answer

from .codes import (
    ANSWER,
    CHEST_CT_REPORT,
    COMMENT,
    DEVICE,
    INDETERMINATE,
    LUNG,
    PERCENT,
    PRIVATE_SCHEME,
    PROBABILITY,
    UTF_8,
    Code,
    class_code,
    highdicom,
)
from .producer import RESEARCH_USE, Producer
from .source import SourceSeries

__all__ = ["classification_report"]

SERIES_NUMBER = 9001


def classification_report(
    source: SourceSeries, answer: Answer, producer: Producer, objects: Mapping[str, Any] | None = None
) -> Any:
    """Return a Comprehensive 3D SR, template TID 1500: not verified, never with a finding.

    The first measurement group holds the most probable class with its Probability (122157, DCM) in per cent,
    or "Indeterminate" where the bundle abstained; a group each follows for the probabilities of all classes.
    Comments say why it abstained and what was flagged, then come references to the other objects; the
    intended use is last.

    Args:
        source: the series that was answered for.
        answer: for the scan.
        producer: named as device observer, and as the algorithm of the first group.
        objects: the scan's other objects, by what they are called in references.

    Returns:
        A ``highdicom.sr.Comprehensive3DSR`` in the series' study.

    Raises:
        ValueError: the scan was refused, so that there is no answer to report.
    """
    if not answer.prediction:
        raise ValueError(f"{answer.name}: was refused; a report needs an answer")
    hd = highdicom()
    value = INDETERMINATE if answer.abstain else class_code(answer.prediction)
    groups = [
        _group(
            f"Most probable class: {'none stated' if answer.abstain else answer.prediction}",
            algorithm_id=producer.reported_algorithm(),
            measurements=[] if answer.abstain else [_probability(answer.probabilities[answer.prediction])],
            qualitative_evaluations=[hd.sr.QualitativeEvaluation(ANSWER.concept(), value.concept())],
        ),
        *(
            _group(f"Probability of the class {name}", measurements=[_probability(value)])
            for name, value in answer.probabilities.items()
        ),
    ]
    content = hd.sr.MeasurementReport(
        observation_context=_observer(producer),
        procedure_reported=CHEST_CT_REPORT.concept(),
        imaging_measurements=groups,
    )
    others = dict(objects or {})
    content[0].ContentSequence.extend(
        [*map(_comment, _remarks(answer)), *map(_reference, others, others.values()), _comment(RESEARCH_USE)]
    )
    report = hd.sr.Comprehensive3DSR(
        evidence=[*source.slices, *others.values()],
        content=content[0],
        series_instance_uid=hd.UID(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        is_complete=True,
        is_final=False,
        is_verified=False,
        specific_character_set=UTF_8,
        **producer.equipment(),
    )
    report.SeriesDescription = "Chest CT classifier: report; research use only"
    return report


def _group(tracking: str, **content: Any) -> Any:
    hd = highdicom()
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=tracking),
        finding_sites=[hd.sr.FindingSite(LUNG.concept())],
        **content,
    )


def _observer(producer: Producer) -> Any:
    hd = highdicom()
    equipment = producer.equipment()
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=hd.UID(),
        name=equipment["manufacturer_model_name"],
        manufacturer_name=equipment["manufacturer"],
        model_name=equipment["manufacturer_model_name"],
        serial_number=equipment["device_serial_number"],
    )
    observer = hd.sr.ObserverContext(DEVICE.concept(), device)
    return hd.sr.ObservationContext(observer_device_context=observer)


def _probability(value: float) -> Any:
    percent = round(100 * value, 5)  # of the seven decimals of predictions.csv
    return highdicom().sr.Measurement(PROBABILITY.concept(), percent, PERCENT.concept())


def _remarks(answer: Answer) -> list[str]:
    words = "; ".join(flag.replace("_", " ") for flag in answer.flags)
    return [
        *([f"Abstained: {answer.reason}"] if answer.reason else []),
        *([f"Take care: {words}"] if words else []),
    ]


def _comment(text: str) -> Any:
    hd = highdicom()
    return hd.sr.TextContentItem(COMMENT.concept(), text, hd.sr.RelationshipTypeValues.CONTAINS)


def _reference(name: str, dataset: Any) -> Any:
    hd = highdicom()
    return hd.sr.ImageContentItem(
        Code(name.replace(" ", "_").lower()[:16], PRIVATE_SCHEME, name).concept(),
        referenced_sop_class_uid=dataset.SOPClassUID,
        referenced_sop_instance_uid=dataset.SOPInstanceUID,
        relationship_type=hd.sr.RelationshipTypeValues.CONTAINS,
    )
