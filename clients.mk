# The bundle's clients, each in an environment of its own: make clients · make client-export · ...
# A client NAME has a target `client-NAME` whose last line of output says what it did, and, where it needs packages
# beyond the bundle's, requirements-NAME.txt, from which `.venv-NAME/ready` is made.

CLIENTS := zoo export processes federated dicom monailabel deploy service
CLIENT_RUN := results/clients/run

.PHONY: clients $(CLIENTS:%=client-%)

clients:  ## run every client and print one line for each
	@mkdir -p results/clients
	@failed=0; for client in $(CLIENTS); do \
		if $(MAKE) --silent client-$$client > results/clients/$$client.log 2>&1; \
		then echo "$$client: $$(tail -n 1 results/clients/$$client.log)"; \
		else echo "$$client: FAILED, see results/clients/$$client.log"; failed=1; fi; \
	done; exit $$failed

client-zoo: $(CLIENT_RUN)/model.pt  ## pack a release
	.venv/bin/python -m scripts.delivery.pack --ckpt_path $< --output_dir results/clients/zoo

client-export: .venv-export/ready $(CLIENT_RUN)/model.pt  ## export, and compare with eager PyTorch
	.venv-export/bin/python -m scripts.delivery.export --ckpt_path $(CLIENT_RUN)/model.pt \
		--output_dir results/clients/export

client-processes: $(CLIENT_RUN)/model.pt  ## evaluate by two processes
	.venv/bin/python -m torch.distributed.run --standalone --nproc_per_node 2 -m monai.bundle run evaluation --config_file \
		"['configs/train.yaml','configs/evaluate.yaml','configs/multi_gpu_evaluate.yaml']" \
		--dataset_dir $(CLIENT_RUN)/phantoms --output_dir $(CLIENT_RUN) --val_batch_size 1 --report False 2> /dev/null

client-federated: .venv-federated/ready  ## two sites in NVFlare's simulator
	rm -rf results/clients/federated
	PYTHONPATH=. .venv-federated/bin/python examples/federated/simulate.py --output_dir results/clients/federated

# --- clients that take or give medical images; with the checkpoint of `make demo` where it is there, else random weights
DEMO_PHANTOM := results/demo_phantom
DEMO_WEIGHTS := $(or $(wildcard demo/run/model.pt),results/random_model.pt)
DEMO_LOBES := $(wildcard demo/lobe_run/lobe_model.pt)

.PHONY: dicom-demo label-demo deploy-demo
client-dicom: dicom-demo
client-monailabel: label-demo
client-deploy: deploy-demo

dicom-demo: .venv-dicom/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## answer a phantom's DICOM series in DICOM
	rm -rf results/dicom_demo
	.venv-dicom/bin/python -m monai.bundle run inference \
		--config_file "['configs/inference.yaml','configs/dicom.yaml']" \
		--scans $(DEMO_PHANTOM)/series --ckpt_path $(DEMO_WEIGHTS) --output_dir results/dicom_demo
	.venv-dicom/bin/python -m scripts.delivery.dicom --series $(DEMO_PHANTOM)/series --lobes $(DEMO_PHANTOM)/lobes.nii.gz \
		--output results/dicom_demo/dicom/0000_series/known_lobes.dcm
	.venv-dicom/bin/python -m scripts.delivery.dicom.pictures --series $(DEMO_PHANTOM)/series \
		--objects results/dicom_demo/dicom/0000_series --output_dir results/dicom_demo/pictures

label-demo: .venv-monailabel/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## ask MONAI Label about a phantom
	rm -rf results/label_demo_answer
	.venv-monailabel/bin/python -m monai.bundle run inference \
		--config_file configs/inference.yaml \
		--scans $(DEMO_PHANTOM)/series --ckpt_path $(DEMO_WEIGHTS) --output_dir results/label_demo_answer
	.venv-monailabel/bin/python examples/monai_label/demo.py --scan $(DEMO_PHANTOM)/scan.nii.gz \
		--work_dir results/label_demo --answers results/label_demo_answer/predictions.csv \
		--ckpt_path $(DEMO_WEIGHTS) $(DEMO_LOBES:%=--lobe_ckpt_path %)

deploy-demo: .venv-deploy/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## run the MONAI Deploy application
	rm -rf results/deploy_demo
	ulimit -S -s 32768; .venv-deploy/bin/python examples/deploy/app.py --input $(DEMO_PHANTOM)/series --output results/deploy_demo \
		--ckpt_path $(DEMO_WEIGHTS)
	@objects=$$(find results/deploy_demo/dicom -name '*.dcm' | wc -l); \
		echo "$$objects DICOM objects: results/deploy_demo/dicom"; test $$objects -gt 0

client-service: .venv-service/ready $(DEMO_WEIGHTS) $(DEMO_PHANTOM)/scan.nii.gz  ## ask the HTTP service about a phantom
	.venv-service/bin/python examples/service/app.py --ckpt_path $(DEMO_WEIGHTS) --port 8123 & server=$$!; trap "kill $$server" EXIT; \
		curl --silent --show-error --fail --retry 240 --retry-delay 1 --retry-connrefused \
		--data-binary @$(DEMO_PHANTOM)/scan.nii.gz "http://127.0.0.1:8123/answers?name=scan.nii.gz"

$(DEMO_PHANTOM)/scan.nii.gz: $(READY)
	.venv/bin/python -m scripts.phantoms.dicom_series --output_dir $(DEMO_PHANTOM) --size 128 112 72

results/random_model.pt: $(READY)
	mkdir -p results
	.venv/bin/python -c "import torch; from scripts.networks import pa_66_m; torch.manual_seed(0); \
		torch.save(pa_66_m(spatial_shape=(40, 40, 32)).state_dict(), '$@')"
	.venv/bin/python -m scripts describe $@ --config_file configs/inference.yaml --spatial_shape "[40,40,32]"


$(CLIENT_RUN)/model.pt: $(READY)  # learnt in a minute, from a few phantoms: enough for clients to have something to load
	rm -rf $(CLIENT_RUN)
	.venv/bin/python -m scripts.phantoms --output_dir $(CLIENT_RUN)/phantoms --count 16 --seed 0 --size 64 64 48
	$(RUN) training --config_file $(DEMO_CONFIGS) --dataset_dir $(CLIENT_RUN)/phantoms --output_dir $(CLIENT_RUN) \
		--max_epochs 1 --batches_per_epoch 4

.venv-%/ready: requirements-%.txt requirements.txt
	test -d .venv-$* || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@
.PRECIOUS: .venv-%/ready
