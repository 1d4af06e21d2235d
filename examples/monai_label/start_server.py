"""Start MONAI Label where torch is a CPU build: ``python start_server.py start_server --app ...``.

PyPI's torchvision is compiled for PyPI's torch, which is a CUDA build; beside a CPU build its import ends in
"operator torchvision::nms does not exist". MONAI Label imports it only to save pictures, so declaring the
two operators that its import looks for, which nobody calls here, is enough. Where torchvision loads, nothing
is declared.
"""

import torch

try:
    import torchvision
except RuntimeError:
    declared = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision  # noqa: F401

from monailabel.main import Main

if __name__ == "__main__":
    Main().run()
