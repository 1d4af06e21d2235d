import pytest
from bright_cube import BrightnessNetwork

from scripts.explanation import ClassActivation, GradCAM, Occlusion, TypeGradCAM, all_methods, default_method
from scripts.networks import pa_66_m, resnet18, sa_66, wa_66_m

SHAPE = (32, 32, 24)


@pytest.mark.parametrize(
    ("build", "method"),
    [(pa_66_m, TypeGradCAM), (wa_66_m, TypeGradCAM), (sa_66, GradCAM), (resnet18, ClassActivation)],
)
def test_each_network_is_explained_as_its_paper_does(build, method):
    assert type(default_method(build(spatial_shape=SHAPE))) is method


def test_any_other_classifier_is_occluded():
    assert type(default_method(BrightnessNetwork())) is Occlusion


def test_all_methods_have_names_of_their_own():
    names = [
        method.name
        for method in all_methods(pa_66_m(spatial_shape=SHAPE), occlusion=True, stages=["transition_2"])
    ]
    groups = [f"attention_group_{group}" for group in range(1, 5)]
    assert names == [
        "grad_cam_type",
        "grad_cam_detection",
        "grad_cam_type_transition_2",
        *groups,
        "occlusion",
    ]
    assert [method.name for method in all_methods(resnet18(spatial_shape=SHAPE))] == ["cam"]
    assert [method.name for method in all_methods(BrightnessNetwork(), occlusion=True)] == ["occlusion"]
