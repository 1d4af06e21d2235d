"""ResNet-152 inflated to three dimensions: the image encoder of Merlin and of Astra."""

from collections.abc import Mapping, Sequence

import torch
from monai.networks.nets import ResNet

__all__ = ["InflatedResNet", "convert_inflated_resnet"]


class InflatedResNet(ResNet):
    r"""Turn a scan into feature maps by a 2-D ResNet whose kernels got a third axis.

    Merlin (Blankemeier et al., arXiv:2406.06512) took I3D's recipe (Carreira and Zisserman, CVPR 2017,
    section 2.4) to ResNet-152: a kernel of :math:`n \times n` weights becomes one of
    :math:`n \times n \times t`, with :math:`t = 3` wherever :math:`n > 1`. The stem keeps all slices
    (stride 2 x 2 x 1); max-pooling and the first block of layers 2 to 4 halve all axes, by the 3 x 3 x 3
    convolution. It is MONAI's ``ResNet`` of these sizes, without average pooling and classifier.

    Departures from the published code: depth is the last axis, and the three equal colour channels are one
    (:func:`convert_inflated_resnet`). Neither changes what it computes, but for rounding.

    Args:
        channels: of the stem, C; the last layer gives 32 C.
        blocks: bottlenecks in each of the four layers.

    Shape: ``(B, 1, R, A, S)`` to ``(B, 32 * C, R / 32, A / 32, S / 16)``, rounded up.

    >>> InflatedResNet(channels=4, blocks=(1, 1, 1, 1))(torch.rand(1, 1, 64, 40, 32)).shape
    torch.Size([1, 128, 2, 2, 2])
    """

    def __init__(self, channels: int = 64, blocks: Sequence[int] = (3, 8, 36, 3)) -> None:
        super().__init__(
            block="bottleneck",
            layers=list(blocks),
            block_inplanes=[channels * 2**stage for stage in range(4)],
            n_input_channels=1,
            conv1_t_size=(7, 7, 3),  # type: ignore[arg-type]  # annotated as a tuple of one
            conv1_t_stride=(2, 2, 1),  # type: ignore[arg-type]
            feed_forward=False,
            bias_downsample=False,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.act(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def convert_inflated_resnet(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Translate a state dict of Merlin's encoder to that of :class:`InflatedResNet`.

    The stem's three colours are summed, which is what a grey scan shown as three equal channels gives; the
    kernels' axes (S, R, A) become (R, A, S). A number type of fewer bits rounds the sum once.
    """
    grey = {
        name: value.float().sum(dim=1, keepdim=True).to(value.dtype) if name == "conv1.weight" else value
        for name, value in weights.items()
    }
    return {name: value.permute(0, 1, 3, 4, 2) if value.ndim == 5 else value for name, value in grey.items()}
