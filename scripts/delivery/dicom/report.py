"""The classifier's answer as a structured report."""

from typing import Any

from scripts.answering import Answer

from .codes import (
    ANSWER,
    CHEST_CT_REPORT,
    COMMENT,
    DEVICE,
    INDETERMINATE,
    LUNG,
    NO_UNITS,
    PROBABILITY,
    UTF_8,
    class_code,
    highdicom,
)
from .producer import RESEARCH_USE, Producer
from .source import SourceSeries

__all__ = ["classification_report"]

SERIES_NUMBER = 9001


def classification_report(source: SourceSeries, answer: Answer, producer: Producer) -> Any:
    """Return a Comprehensive 3D SR, template TID 1500: not verified, never with a finding.

    One measurement group a class holds its Probability (122157, DCM), 0 to 1; one group holds the most
    probable class, or "Indeterminate" where the bundle abstained. Comments say the intended use and why it
    abstained.

    Args:
        source: the series that was answered for.
        answer: for the scan.
        producer: named as device observer and as the algorithm of each group.

    Returns:
        A ``highdicom.sr.Comprehensive3DSR`` in the series' study.

    Raises:
        ValueError: the scan was refused, so that there is no answer to report.
    """
    if not answer.prediction:
        raise ValueError(f"{answer.name}: was refused; a report needs an answer")
    hd = highdicom()
    groups = [
        _group(
            f"Probability of the class {name}",
            producer,
            measurements=[hd.sr.Measurement(PROBABILITY.concept(), round(value, 7), NO_UNITS.concept())],
        )
        for name, value in answer.probabilities.items()
    ]
    value = INDETERMINATE if answer.abstain else class_code(answer.prediction)
    answered = hd.sr.QualitativeEvaluation(ANSWER.concept(), value.concept())
    groups.append(_group("Answer of the classifier", producer, qualitative_evaluations=[answered]))
    content = hd.sr.MeasurementReport(
        observation_context=_observer(producer),
        procedure_reported=CHEST_CT_REPORT.concept(),
        imaging_measurements=groups,
    )
    content[0].ContentSequence.extend(_comments(answer))
    report = hd.sr.Comprehensive3DSR(
        evidence=source.slices,
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


def _group(tracking: str, producer: Producer, **content: Any) -> Any:
    hd = highdicom()
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier=tracking),
        algorithm_id=producer.reported_algorithm(),
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


def _comments(answer: Answer) -> list[Any]:
    hd = highdicom()
    texts = [RESEARCH_USE]
    texts += [f"Abstained: {answer.reason}"] if answer.reason else []
    texts += [f"Flags: {' '.join(answer.flags)}"] if answer.flags else []
    return [
        hd.sr.TextContentItem(COMMENT.concept(), text, hd.sr.RelationshipTypeValues.CONTAINS)
        for text in texts
    ]
