"""What the resolved configs and the running objects do, for the tables of the papers' claims."""

from types import SimpleNamespace

import torch
from ignite.engine import Engine
from monai.handlers import LrScheduleHandler

from scripts import bundle_root
from scripts.checkpoints import read_configs


def configs(*names):
    """Read configs by name, with one weight in place of the network, so that rates can be run through."""
    parser = read_configs([f"{bundle_root()}/configs/{name}.yaml" for name in names])
    parser.update({"network": {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}})
    return parser


def rates(parser, iterations_of_an_epoch, epochs):
    """Return the learning rate of each iteration, stepped by the trainer's own handler, and the optimiser."""
    optimizer = parser.get_parsed_content("optimizer")
    scheduler = parser.get_parsed_content("lr_scheduler")
    (settings,) = (
        handler for handler in parser.get("train")["handlers"] if handler["_target_"] == "LrScheduleHandler"
    )
    seen = []

    def step(engine, batch):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()

    trainer = Engine(step)
    handler = LrScheduleHandler(scheduler, print_lr=False, epoch_level=settings["epoch_level"])
    handler.attach(trainer)
    trainer.run(range(iterations_of_an_epoch), max_epochs=epochs)
    return seen, optimizer


def moves(transforms, size, draws):
    """Measure what augmentations do to a volume whose voxels hold their own coordinates.

    Returns:
        For each draw the in-plane turn in degrees, the two zooms, the shift in voxels, whether R is mirrored,
        how far any voxel moved along S, and the smallest value of what was 1 everywhere.
    """
    coordinates = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in size), indexing="ij"))
    image = torch.cat([coordinates, torch.ones(1, *size)])
    for number, transform in enumerate(transforms):
        transform.set_random_state(number)
    centre = (torch.tensor(size[:2], dtype=torch.float64) - 1) / 2
    for _ in range(draws):
        item = {"image": image.clone()}
        for transform in transforms:
            item = transform(item)
        moved = torch.as_tensor(item["image"]).double()
        inner = moved[3] > 0.999
        places = coordinates[:2, inner].T.double() - centre
        source = moved[:2, inner].T - centre
        known = torch.cat([places, torch.ones(len(places), 1, dtype=torch.float64)], dim=1)
        matrix = torch.linalg.lstsq(known, source).solution.T  # (2, 3)
        mirrored = bool(torch.linalg.det(matrix[:, :2]) < 0)
        plain = torch.diag(torch.tensor([-1.0 if mirrored else 1.0, 1.0], dtype=torch.float64)) @ matrix
        yield SimpleNamespace(
            turn=torch.rad2deg(torch.atan2(plain[1, 0], plain[0, 0])).item(),
            zooms=plain[:, :2].norm(dim=0).tolist(),
            shift=plain[:, 2].abs().tolist(),
            mirrored=mirrored,
            along_s=(moved[2, inner] - coordinates[2, inner]).abs().max().item(),
            least=moved[3].min().item(),
        )
