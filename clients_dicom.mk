# Clients that take or give medical images, each in an environment of its own: make dicom-demo · label-demo · deploy-demo
# Each uses the checkpoint of `make demo` where it is there, else random weights. The last line of output says what it did.

CLIENTS += dicom monailabel deploy
DEMO_PHANTOM := results/demo_phantom
DEMO_WEIGHTS := $(or $(wildcard demo/run/model.pt),results/random_model.pt)

.PHONY: dicom-demo label-demo deploy-demo client-dicom client-monailabel client-deploy
client-dicom: dicom-demo
client-monailabel: label-demo
client-deploy: deploy-demo

dicom-demo: .venv-dicom/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## answer a phantom's DICOM series in DICOM
	rm -rf results/dicom_demo
	.venv-dicom/bin/python -m monai.bundle run inference \
		--config_file "['configs/inference.yaml','configs/recipe_demo.yaml','configs/dicom.yaml']" \
		--scans $(DEMO_PHANTOM)/series --ckpt_path $(DEMO_WEIGHTS) --output_dir results/dicom_demo
	.venv-dicom/bin/python -m scripts.delivery.dicom --series $(DEMO_PHANTOM)/series --lobes $(DEMO_PHANTOM)/lobes.nii.gz \
		--output results/dicom_demo/dicom/0000_series/lobes.dcm
	.venv-dicom/bin/python -m scripts.delivery.dicom.pictures --series $(DEMO_PHANTOM)/series \
		--objects results/dicom_demo/dicom/0000_series --output_dir results/dicom_demo/pictures

label-demo: .venv-monailabel/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## ask MONAI Label about a phantom
	.venv-monailabel/bin/python -m monai.bundle run inference \
		--config_file "['configs/inference.yaml','configs/recipe_demo.yaml']" \
		--scans $(DEMO_PHANTOM)/series --ckpt_path $(DEMO_WEIGHTS) --output_dir results/label_demo_answer
	.venv-monailabel/bin/python examples/monai_label/demo.py --scan $(DEMO_PHANTOM)/scan.nii.gz \
		--work_dir results/label_demo --ckpt_path $(DEMO_WEIGHTS) --spatial_shape 40 40 32

deploy-demo: .venv-deploy/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## run the MONAI Deploy application
	rm -rf results/deploy_demo
	ulimit -S -s 32768; .venv-deploy/bin/python examples/deploy/app.py --input $(DEMO_PHANTOM)/series --output results/deploy_demo \
		--ckpt_path $(DEMO_WEIGHTS) --recipe recipe_demo.yaml

$(DEMO_PHANTOM)/scan.nii.gz: $(READY)
	.venv/bin/python -m scripts.phantoms.dicom_series --output_dir $(DEMO_PHANTOM) --size 128 112 72

results/random_model.pt: $(READY)
	mkdir -p results
	.venv/bin/python -c "import torch; from scripts.networks import pa_66_m; torch.manual_seed(0); \
		torch.save(pa_66_m(spatial_shape=(40, 40, 32)).state_dict(), '$@')"

.venv-dicom/ready .venv-monailabel/ready .venv-deploy/ready: .venv-%/ready: requirements-%.txt requirements.txt
	test -d .venv-$* || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@
