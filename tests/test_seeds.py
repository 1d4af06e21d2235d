import pickle

import numpy as np
import torch

from scripts.seeds import SeededIndex, Stream, seed_generators, seed_of


def test_no_two_places_and_no_two_uses_share_a_seed():
    places = [(stream, seed, epoch, index) for stream in Stream for seed in (0, 1) for epoch in (0, 1, 2)
              for index in range(50)]  # fmt: skip
    assert len({seed_of(*place) for place in places}) == len(places)
    assert all(0 <= seed_of(*place) < 2**32 for place in places)


def test_an_index_takes_its_seed_along_to_a_worker():
    sent = pickle.loads(pickle.dumps(SeededIndex(3, seed=7)))
    assert sent == 3 and [10, 11, 12, 13][sent] == 13 and sent.seed == 7


def test_all_global_generators_follow_the_seed():
    draws = []
    for seed in (5, 5, 6):
        seed_generators(seed)
        draws.append((np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1] != draws[2]
