import nibabel
import numpy as np
import pytest
import torch
from small_encoder import SMALL
from toy_chest import chest

from scripts.errors import UserError
from scripts.features import Features, embed, joined
from scripts.features.embed_command import main
from scripts.networks import FeatureStore, FrozenEncoder
from scripts.transforms import preprocessing

STEPS = preprocessing(SMALL.region, SMALL.spatial_shape, SMALL.window)


@pytest.fixture
def encoder(small_encoder):
    """The small encoder, counting the grids that it really encodes."""
    return counting(FrozenEncoder(SMALL, precision="float32"))


def counting(encoder):
    encoder.count = 0

    def count(module, inputs):
        encoder.count += len(inputs[0])

    encoder.register_forward_pre_hook(count)
    return encoder


@pytest.fixture
def scans(tmp_path):
    """Two chests, one of them also under another name and orientation, and one scan without lungs."""
    folder = tmp_path / "scans"
    folder.mkdir()

    def write(name, voxels, affine):
        image = nibabel.Nifti1Image(voxels, affine)
        nibabel.save(image, folder / name)
        return {"image": str(folder / name), "name": name, "patient": name[0], "label": 2, "source": "toy"}

    one, other = chest((4, 5, 6)), chest((4, 5, 6), consolidated=[((-70, 5, 0), 40)])
    flipped = nibabel.Nifti1Image(*one).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    bare = {"image": str(folder / "d.nii.gz")}
    nibabel.save(nibabel.Nifti1Image(*chest((4, 5, 6), lungs=False)), bare["image"])
    return [
        write("a.nii.gz", *one),
        write("b.nii.gz", *other),
        write("c.nii", np.asarray(flipped.dataobj), flipped.affine),
        bare,
    ]


def test_each_scan_gives_the_encoders_mean_over_its_own_grid(encoder, scans):
    found = joined(list(embed(scans, encoder, STEPS)))
    for item, value in zip(scans[:2], found.values, strict=False):
        grid = STEPS(dict(item))["image"]
        expected = encoder(grid.as_tensor()[None]).mean((2, 3, 4))[0]
        torch.testing.assert_close(torch.from_numpy(value), expected)
    assert np.abs(found.values[0] - found.values[1]).max() > 1e-3
    assert found.name == ("a.nii.gz", "b.nii.gz", "c.nii", scans[3]["image"])
    assert found.patient == ("a", "b", "c", scans[3]["image"])
    assert found.labels.tolist() == [2, 2, 2, -1]
    assert found.encoder == f"small {SMALL.sha256} float32"


def test_a_refused_scan_keeps_its_row_and_its_reason(encoder, scans):
    found = joined(list(embed(scans, encoder, STEPS)))
    assert found.refusal[:3] == ("", "", "")
    assert found.refusal[3].startswith("[no_lungs] ")
    assert np.isnan(found.values[3]).all()
    assert len(found.accepted()) == 3


def test_a_scan_under_another_name_and_orientation_is_not_encoded_twice(encoder, scans):
    encoder.store = FeatureStore()
    found = joined(list(embed(scans, encoder, STEPS)))
    assert encoder.count == 2
    np.testing.assert_array_equal(found.values[0], found.values[2])


def test_a_second_run_reads_what_the_first_one_left(encoder, scans, tmp_path):
    encoder.store = FeatureStore(tmp_path / "store")
    rows = embed(scans, encoder, STEPS)
    first = next(rows)  # and then it is interrupted
    rows.close()
    again = counting(FrozenEncoder(SMALL, precision="float32"))
    again.store = FeatureStore(tmp_path / "store")
    found = joined(list(embed(scans, again, STEPS)))
    assert (encoder.count, again.count) == (1, 1)
    np.testing.assert_array_equal(found.values[0], first.values[0])


def test_a_damaged_file_is_made_again(encoder, scans, tmp_path):
    encoder.store = FeatureStore(tmp_path)
    list(embed(scans[:1], encoder, STEPS))
    (file,) = tmp_path.glob("*.npz")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    encoder.store = FeatureStore(tmp_path)
    list(embed(scans[:1], encoder, STEPS))
    assert encoder.count == 2
    assert file.read_bytes() == whole


def test_other_weights_another_precision_or_another_grid_find_no_entry(encoder):
    x = torch.rand(1, *SMALL.spatial_shape)
    keys = {FeatureStore.key(grid, name) for grid in (x, x + 0.1, x.transpose(1, 2)) for name in ("a", "b")}
    assert len(keys) == 6


def test_a_table_comes_back_from_its_file(encoder, scans, tmp_path):
    found = joined(list(embed(scans, encoder, STEPS)))
    found.write(tmp_path / "features.npz")
    again = Features.load(tmp_path / "features.npz")
    for name in ("name", "patient", "source", "content_hash", "flags", "refusal", "encoder"):
        assert getattr(again, name) == getattr(found, name)
    np.testing.assert_array_equal(again.values, found.values)
    np.testing.assert_array_equal(again.labels, found.labels)
    (tmp_path / "other.npz").write_text("text")
    with pytest.raises(UserError, match=r"other\.npz: no features"):
        Features.load(tmp_path / "other.npz")


def test_features_of_two_encoders_make_no_table(encoder, scans):
    rows = list(embed(scans[:1], encoder, STEPS))
    rows += list(embed(scans[:1], FrozenEncoder(SMALL, precision="bfloat16"), STEPS))
    with pytest.raises(UserError, match="features of 2 encoders"):
        joined(rows)


def test_the_command_encodes_a_folder_and_fails_where_a_scan_was_refused(encoder, scans, tmp_path, capsys):
    arguments = ["--output_dir", str(tmp_path / "out"), "--encoder", "small", "--num_workers", "0"]
    main([scans[0]["image"], *arguments])
    assert "1 of 1 scans" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "scans"), *arguments])
    assert stopped.value.code == 1
    shown = capsys.readouterr()
    assert "3 of 4 scans" in shown.out
    assert "[no_lungs]" in shown.err
    assert len(list((tmp_path / "out/scans").glob("*.npz"))) == 2
    with pytest.raises(UserError, match="encoder='astro' is not known"):
        main([scans[0]["image"], *arguments, "--encoder", "astro"])
