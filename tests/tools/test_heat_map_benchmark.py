import re

from scripts.tools.heat_map_benchmark import main


def test_a_row_has_the_ratio_of_its_own_seconds_and_gates_only_for_depth_attention(capsys):
    presets = ["wa_66", "da_ca_resnet18"]
    main(["--preset", *presets, "--spatial_shape", "33", "20", "16", "--repeats", "1"])
    rows = [
        re.split(r" \| ", line.strip("| ")) for line in capsys.readouterr().out.splitlines() if "33 x" in line
    ]
    assert [row[:2] for row in rows] == [[preset, "33 x 20 x 16"] for preset in presets]
    for row in rows:
        answer, heat_map, gates, ratio = map(float, row[2:])
        assert answer > 0 and heat_map > 0
        assert abs(ratio - (heat_map + gates) / answer) <= 0.02 * ratio
    assert float(rows[0][4]) == 0 < float(rows[1][4])
