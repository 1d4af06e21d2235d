# The bundle's clients, each in an environment of its own: make clients · make client-export · ...
# A client NAME has a target `client-NAME` whose last line of output says what it did, and, where it needs packages
# beyond the bundle's, requirements-NAME.txt, from which `.venv-NAME/ready` is made.

-include clients_dicom.mk
CLIENTS += zoo export processes federated
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
	.venv/bin/python -m scripts.delivery.pack --ckpt_path $< --recipe configs/recipe_demo.yaml --output_dir results/clients/zoo

client-export: .venv-export/ready $(CLIENT_RUN)/model.pt  ## export, and compare with eager PyTorch
	.venv-export/bin/python -m scripts.delivery.export --ckpt_path $(CLIENT_RUN)/model.pt \
		--recipe configs/recipe_demo.yaml --output_dir results/clients/export

client-processes: $(CLIENT_RUN)/model.pt  ## evaluate by two processes
	.venv/bin/python -m torch.distributed.run --standalone --nproc_per_node 2 -m monai.bundle run evaluation --config_file \
		"['configs/train.yaml','configs/recipe_demo.yaml','configs/evaluate.yaml','configs/multi_gpu_evaluate.yaml']" \
		--dataset_dir $(CLIENT_RUN)/phantoms --output_dir $(CLIENT_RUN) --val_batch_size 1 2> /dev/null

client-federated: .venv-federated/ready  ## two sites in NVFlare's simulator
	rm -rf results/clients/federated
	PYTHONPATH=. .venv-federated/bin/python examples/federated/simulate.py --output_dir results/clients/federated

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
