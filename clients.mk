# The bundle's clients, each in an environment of its own: make clients · make client-export · ...
# A client NAME needs requirements-NAME.txt and a target `client-NAME` whose last line of output says what it did.

-include clients_dicom.mk
CLIENTS += export federated

.PHONY: clients $(CLIENTS:%=client-%)

clients:  ## run every client and print one line for each
	@mkdir -p results/clients
	@failed=0; for client in $(CLIENTS); do \
		if $(MAKE) --silent client-$$client > results/clients/$$client.log 2>&1; \
		then echo "$$client: $$(tail -n 1 results/clients/$$client.log)"; \
		else echo "$$client: FAILED, see results/clients/$$client.log"; failed=1; fi; \
	done; exit $$failed

.venv-%/ready: requirements-%.txt requirements.txt
	test -d .venv-$* || $(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@
.PRECIOUS: .venv-%/ready
