import pytest
import torch

from scripts.errors import UserError
from scripts.explanation import DetectionGradCAM, GradCAM, TypeGradCAM
from scripts.networks import da_ca_resnet18, pa_66_m, wa_66

SHAPE = (48, 40, 32)
CLASSES = torch.tensor([2, 0, 1])


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return pa_66_m(spatial_shape=SHAPE).eval()


@pytest.fixture(scope="module")
def x():
    return torch.rand(3, 1, *SHAPE, generator=torch.Generator().manual_seed(1))


def coarse(maps):
    return maps[:, ::32, ::32, ::32]


def by_autograd(network, x, branch, logit):
    """Oracle: the two equations of Grad-CAM on the branch's stages run one after the other."""
    detection, pneumonia_type = x, x
    for stage in network.stages.values():
        detection, pneumonia_type = stage(detection, pneumonia_type)
    features = {"detection": detection, "pneumonia_type": pneumonia_type}[branch]
    head = {
        "detection": ("detection_features", "detection_head"),
        "pneumonia_type": ("type_features", "type_head"),
    }
    first, second = (getattr(network, part) for part in head[branch])
    (gradient,) = torch.autograd.grad(second(first(features))[0, logit], features)
    return torch.einsum("c,cras->ras", gradient[0].mean(dim=(1, 2, 3)), features[0]).relu()


def test_each_class_differentiates_its_own_logit_in_its_own_branch(network, x):
    found = coarse(TypeGradCAM(network)(x, CLASSES))
    logit_of = {2: ("pneumonia_type", 1), 1: ("pneumonia_type", 0), 0: ("detection", 0)}
    for scan, target in enumerate(CLASSES.tolist()):
        torch.testing.assert_close(found[scan], by_autograd(network, x[scan : scan + 1], *logit_of[target]))
    found = coarse(DetectionGradCAM(network)(x, CLASSES))
    for scan, target in enumerate(CLASSES.tolist()):
        expected = by_autograd(network, x[scan : scan + 1], "detection", min(target, 1))
        torch.testing.assert_close(found[scan], expected)


def test_of_four_classes_each_but_the_negative_one_has_a_logit_in_the_type_branch(x):
    torch.manual_seed(0)
    network = pa_66_m(num_classes=4, spatial_shape=SHAPE).eval()
    for target in (1, 2, 3):
        found = coarse(TypeGradCAM(network)(x[:1], torch.tensor([target])))[0]
        torch.testing.assert_close(found, by_autograd(network, x[:1], "pneumonia_type", target - 1))
    found = coarse(TypeGradCAM(network)(x[:1], torch.tensor([0])))[0]
    torch.testing.assert_close(found, by_autograd(network, x[:1], "detection", 0))


@pytest.mark.parametrize("method", [TypeGradCAM, DetectionGradCAM])
def test_a_scan_s_map_does_not_depend_on_its_batch(method, network, x):
    together = method(network)(x, CLASSES)
    alone = torch.cat([method(network)(x[i : i + 1], CLASSES[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone)
    assert together.shape == (3, *SHAPE) and (together >= 0).all() and (together > 0).any()


def test_maps_of_the_two_pneumonias_differ(network, x):
    other, covid = (TypeGradCAM(network)(x, torch.full((3,), target)) for target in (1, 2))
    assert not torch.allclose(other, covid)


def test_an_earlier_stage_gives_a_finer_map(network, x):
    finer = TypeGradCAM(network, stage="transition_3")(x, CLASSES)
    assert finer.shape == (3, *SHAPE)
    assert not torch.allclose(finer, TypeGradCAM(network)(x, CLASSES))


def test_one_branch_is_explained_by_its_class(x):
    network = wa_66(spatial_shape=SHAPE).eval()
    features = network.features(x)
    chosen = network.head(features.flatten(1)).gather(1, CLASSES[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, features)
    expected = torch.einsum("bc,bcras->bras", gradient.mean(dim=(2, 3, 4)), features).relu()
    torch.testing.assert_close(coarse(GradCAM(network)(x, CLASSES)), expected.detach())


def test_what_a_method_cannot_explain_is_refused_by_name(network):
    with pytest.raises(UserError, match="SingleTaskNetwork has one branch"):
        TypeGradCAM(wa_66(spatial_shape=SHAPE))
    with pytest.raises(UserError, match="VideoResNet has one branch"):
        DetectionGradCAM(da_ca_resnet18(spatial_shape=(32, 32, 16)))
    with pytest.raises(UserError, match=r"no layer 'stages.transition_9.detection'"):
        TypeGradCAM(network, stage="transition_9")
    with pytest.raises(UserError, match="give `layer`"):
        GradCAM(network)
