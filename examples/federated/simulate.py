"""Two sites learn one PA-66-M by federated averaging, in NVFlare's simulator, on phantoms of their own.

PYTHONPATH=. python examples/federated/simulate.py --output_dir OUT [--rounds 2]

For real sites, give the same recipe to NVFlare's ProdEnv in the place of SimEnv.
"""

import argparse
import os
from pathlib import Path

import torch
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.recipe import SimEnv

from scripts import bundle_root
from scripts.checkpoints import describe, read_configs
from scripts.networks import pa_66_m
from scripts.phantoms import write_data_set

SITES = ("site-1", "site-2")
GLOBAL_MODEL = "server/simulate_job/app_server/FL_global_model.pt"
SHAPE = (32, 32, 24)  # voxels of the network's grid: small enough for a CPU


def main() -> None:
    """Write each site's phantoms, average over some rounds, and save the global weights as model.pt."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batches_per_epoch", type=int, default=4)
    options = parser.parse_args()
    folder = options.output_dir.resolve()
    os.environ["PYTHONPATH"] = bundle_root()  # for the processes that the simulator starts
    for seed, site in enumerate(SITES):
        write_data_set(folder / "data" / site, count=16, seed=seed, shape=(64, 64, 48), workers=1)
    first = folder / "first.pt"
    torch.save(pa_66_m(spatial_shape=SHAPE).state_dict(), first)
    shape = " ".join(map(str, SHAPE))
    recipe = FedAvgRecipe(
        name="chest_ct",
        model={"class_path": "scripts.networks.pa_66_m", "args": {"spatial_shape": list(SHAPE)}},
        initial_ckpt=str(first),
        min_clients=len(SITES),
        num_rounds=options.rounds,
        train_script=str(Path(__file__).with_name("client.py")),
        train_args=f"--data_root {folder / 'data'} --output_root {folder / 'runs'} --spatial_shape {shape} "
        f"--batches_per_epoch {options.batches_per_epoch}",
    )
    run = recipe.execute(SimEnv(clients=list(SITES), workspace_root=str(folder / "workspace")))
    _save_plain(Path(run.get_result(), GLOBAL_MODEL), folder / "model.pt")
    print(f"{len(SITES)} sites averaged {options.rounds} rounds into {options.output_dir / 'model.pt'}")


def _save_plain(path: Path, target: Path) -> None:
    """Save NVFlare's global model as the state dict that every part of the bundle reads, and its model file.

    The hashes of the sites' scans stay at the sites, in the model files of their own runs.
    """
    network = pa_66_m(spatial_shape=SHAPE)
    network.load_state_dict(torch.load(path, weights_only=True)["model"])
    torch.save(network.state_dict(), target)
    config = read_configs([Path(bundle_root(), "configs", "inference.yaml")])
    config["spatial_shape"] = list(SHAPE)
    describe(config).write(target)


if __name__ == "__main__":
    main()
