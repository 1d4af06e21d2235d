"""From a model file's parts to objects: by a closed list of names, within bounds, evaluating nothing."""

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from monai.inferers import Inferer
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from scripts.errors import UserError
from scripts.networks import check_fit

from .model_file import Part

__all__ = ["as_part", "build_inferer", "build_network", "build_part", "build_region", "public_name"]

Found = Callable[[str, Any], bool]


def _is_network(name: str, found: Any) -> bool:
    made_by_preset = inspect.isfunction(found) and found.__module__ == "scripts.networks.presets"
    return made_by_preset or (isinstance(found, type) and issubclass(found, nn.Module))


def _is_region(name: str, found: Any) -> bool:
    return name.endswith("Region") and dataclasses.is_dataclass(found)


def _is_inferer(name: str, found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, Inferer)


CLOSED_LIST: dict[str, tuple[tuple[str, ...], Found]] = {  # kind: packages, and what of them is meant
    "network": (("scripts.networks", "scripts.lobes", "monai.networks.nets"), _is_network),
    "region": (("scripts.transforms", "scripts.lobes"), _is_region),
    "inferer": (("scripts.networks", "monai.inferers"), _is_inferer),
}


def public_name(kind: str, target: str) -> str:
    """Return the name under which a component stands in the closed list, or the name as it is.

    Args:
        kind: ``network``, ``region`` or ``inferer``.
        target: dotted name, perhaps of the module that defines it, as MONAI's short names resolve to.
    """
    name = target.rpartition(".")[2]
    for package in CLOSED_LIST[kind][0]:
        module = importlib.import_module(package)
        if target == f"{package}.{name}" or target == _defined_as(getattr(module, name, None)):
            return f"{package}.{name}"
    return target


def build_part(kind: str, part: Part, declared: Collection[str] = ()) -> Any:
    """Call what a part names with its arguments.

    Args:
        kind: ``network``, ``region`` or ``inferer``.
        part: of a model file.
        declared: dotted names beyond the closed list that the user's own config or command names.

    Raises:
        UserError: the name is not in the list, or the arguments do not suit it.
    """
    target = _look_up(kind, part.target, declared)
    arguments = {name: _value(kind, value, declared) for name, value in part.arguments.items()}
    if arguments.get("pretrained"):
        raise UserError(
            f"{part.target}: pretrained={arguments['pretrained']!r}; weights come from the checkpoint"
        )
    if part.factory:
        return partial(target, **arguments) if arguments else target
    try:
        return target(**arguments)
    except UserError:
        raise
    except Exception as error:  # a wrong argument fails in as many ways as there are networks
        raise UserError(f"{part.target} cannot be built with {part.arguments}: {error}") from error


def build_network(
    part: Part, weights: Mapping[str, torch.Tensor], declared: Collection[str] = ()
) -> nn.Module:
    """Build a network for the weights at hand, without drawing random ones, and put them in.

    It is built without memory first. One that would hold more parameters than the weights have numbers is
    given up as it grows.

    Args:
        part: of a model file.
        weights: the state dict; every name and every shape must fit.
        declared: see :func:`build_part`.

    Returns:
        The network, on the CPU, in eval mode.

    Raises:
        UserError: as :func:`build_part`; or the network is larger than the weights, or they do not fit it.
    """
    numbers = sum(value.numel() for value in weights.values())
    try:
        with torch.device("meta"), _at_most(numbers):
            network = build_part("network", part, declared)
    except UserError as mistake:
        if not isinstance(mistake.__cause__, (NotImplementedError, RuntimeError)):
            raise
        network = None  # it looks at values while it is built, and has none without memory
    else:
        check_fit(network, weights, part.target)
    if network is not None and _all_are_stored(network):
        network = network.to_empty(device="cpu")
    else:
        with _at_most(numbers):
            network = build_part("network", part, declared)
        check_fit(network, weights, part.target)
    network.load_state_dict(weights)
    return network.eval()


def build_region(
    part: Part, find_segmenter: Callable[[str], Any] | None = None, declared: Collection[str] = ()
) -> Any:
    """Build a region; a lobe network in it is named by the hash of its weights.

    Args:
        part: of a model file.
        find_segmenter: returns the lobe segmenter of a hash.
        declared: see :func:`build_part`.

    Raises:
        UserError: as :func:`build_part`; or the region needs a lobe network, and none can be found.
    """
    needed = part.arguments.get("segmenter")
    if not isinstance(needed, dict):
        return build_part("region", part, declared)
    wanted = str(needed.get("lobe_model_sha256"))
    if find_segmenter is None:
        raise UserError(
            f"{part.target} needs the lobe network with SHA-256 {wanted[:12]}..., and none is at hand"
        )
    plain = part.model_copy(update={"arguments": {**part.arguments, "segmenter": None}})
    return dataclasses.replace(build_part("region", plain, declared), segmenter=find_segmenter(wanted))


def build_inferer(part: Part, declared: Collection[str] = ()) -> Any:
    """Build what shows a scan to the network; see :func:`build_part`."""
    return build_part("inferer", part, declared)


def as_part(value: Any) -> Any:
    """Return what an argument is in a model file, where it is no plain data itself.

    Raises:
        TypeError: it cannot be written as data.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        return value.item()
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return [as_part(inner) for inner in (value.tolist() if hasattr(value, "tolist") else value)]
    if isinstance(value, Mapping):
        return {str(key): as_part(inner) for key, inner in value.items()}
    if hasattr(value, "sha256"):
        return {"lobe_model_sha256": value.sha256}
    raise TypeError(f"{type(value).__name__} is no number, text, list or part")


def _look_up(kind: str, target: str, declared: Collection[str]) -> Any:
    package, _, name = target.rpartition(".")
    packages, meant = CLOSED_LIST[kind]
    if target in declared:
        found = getattr(importlib.import_module(package), name, None)
        if callable(found):
            return found
    elif package in packages:
        found = getattr(importlib.import_module(package), name, None)
        if found is not None and meant(name, found):
            return found
    raise UserError(
        f"{target!r} is no {kind} of {', '.join(packages)}; a {kind} of your own is used where your config "
        f"names it: {'network_def' if kind == 'network' else kind}::_target_"
    )


def _value(kind: str, value: Any, declared: Collection[str]) -> Any:
    if isinstance(value, dict) and "target" in value:
        return build_part(kind, Part.model_validate(value), declared)
    if isinstance(value, dict):
        return {key: _value(kind, inner, declared) for key, inner in value.items()}
    return [_value(kind, inner, declared) for inner in value] if isinstance(value, list) else value


def _defined_as(found: Any) -> str:
    return f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', '')}"


def _all_are_stored(network: nn.Module) -> bool:
    """Say whether the state dict holds every tensor of the network, so that none would stay unset."""
    stored = set(network.state_dict())
    own = [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]
    return all(name in stored for name, _ in own)


@contextmanager
def _at_most(numbers: int) -> Iterator[None]:
    """Give up a network that grows beyond the weights it is built for."""
    left = numbers

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else max(parameter.numel(), 1)
        if left < 0:
            raise UserError(f"the network has more parameters than the checkpoint's {numbers} numbers")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
