import pytest

from scripts.delivery.dicom import codes
from scripts.delivery.dicom.segmentation import LOBES

dictionaries = pytest.importorskip("pydicom.sr._concepts_dict")
CODES = [value for name, value in vars(codes).items() if name.isupper() and isinstance(value, codes.Code)]
CODES += codes.GRADES.values()


def test_every_standard_code_is_in_the_dictionary_with_its_meaning():
    standard = [code for code in CODES if code.scheme != codes.PRIVATE_SCHEME]
    assert len(standard) > 10
    for code in standard:
        meanings = [
            entry[code.value][0]
            for entry in dictionaries.concepts[code.scheme].values()
            if code.value in entry
        ]
        assert code.meaning in meanings, code


def test_only_the_answer_and_the_classes_are_private():
    assert [code for code in CODES if code.scheme == codes.PRIVATE_SCHEME] == [codes.ANSWER]
    assert codes.PRIVATE_SCHEME.startswith("99")  # the standard leaves these to anyone
    for name in ("non-pneumonia", "other pneumonia", "COVID-19"):
        assert codes.class_code(name).scheme == codes.PRIVATE_SCHEME
        assert codes.class_code(name).meaning == name


def test_any_names_of_classes_are_different_codes_that_fit():
    names = ["not COVID-19", "no nodule", "organising pneumonia", "organising pneumonitis", "肺炎", "正常"]
    names += ["a" * 70, "none", "Moderate"]
    found = [codes.class_code(name) for name in names]
    assert len({code.value for code in found}) == len(names)
    assert all(len(code.value) <= 16 and code.value.isascii() and len(code.meaning) <= 64 for code in found)


def test_a_grade_is_coded_as_the_standard_codes_it():
    assert codes.class_code("Moderate") == codes.Code("6736007", "SCT", "Moderate")


def test_lobes_are_numbered_as_the_datalist_numbers_them():
    sides = [side.meaning if side else "Right" for _, _, side, _ in LOBES]
    assert sides == ["Left", "Left", "Right", "Right", "Right"]
    assert [name.split()[0].title() for name, *_ in LOBES] == sides
    assert [name.split()[1] for name, *_ in LOBES] == [
        code.meaning.split()[0].lower() for _, code, _, _ in LOBES
    ]
