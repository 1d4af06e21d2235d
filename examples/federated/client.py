"""One site of the federation: learns from its own scans and shares weights and metrics, never scans.

NVFlare starts it at each site (see simulate.py); MONAI's MonaiAlgo drives the bundle's train config.
"""

import argparse
from pathlib import Path

import nvflare.client as flare
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems, FlStatistics
from monai.fl.utils.exchange_object import ExchangeObject

from scripts import bundle_root


def main() -> None:
    """Answer each round of the server: evaluate the global weights, train from them, send what was learnt."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data_root", required=True, help="folder with a data set a site, named for the site"
    )
    parser.add_argument("--output_root", required=True, help="gains a run folder a site")
    parser.add_argument("--spatial_shape", type=int, nargs=3, required=True)
    parser.add_argument("--batches_per_epoch", type=int, required=True)
    options = parser.parse_args()
    flare.init()
    site = flare.get_site_name()
    settings = {
        "dataset_dir": str(Path(options.data_root, site)),
        "output_dir": str(Path(options.output_root, site)),
        "spatial_shape": options.spatial_shape,
        "batches_per_epoch": options.batches_per_epoch,
        "num_workers": 0,
    }
    algorithm = MonaiAlgo(
        bundle_root(),
        local_epochs=1,
        send_weight_diff=False,
        config_evaluate_filename="configs/train.json",  # evaluate.json would load a local checkpoint instead
        train_kwargs=settings,
        eval_kwargs=settings,
    )
    algorithm.initialize({ExtraItems.CLIENT_NAME: site})
    while flare.is_running():
        received = flare.receive()
        if received is None:
            break
        weights = ExchangeObject(weights=received.params)
        metrics = algorithm.evaluate(weights).metrics
        algorithm.train(weights)
        learnt = algorithm.get_weights()
        steps = learnt.statistics[FlStatistics.NUM_EXECUTED_ITERATIONS]
        flare.send(
            flare.FLModel(params=learnt.weights, metrics=metrics, meta={"NUM_STEPS_CURRENT_ROUND": steps})
        )
        accuracy = metrics["accuracy"]
        print(f"{site}, round {received.current_round}: accuracy of the global weights {accuracy:.3f}")
    algorithm.finalize()


if __name__ == "__main__":
    main()
