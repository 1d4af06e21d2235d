# CPU:   docker build -t chest-ct .
# CUDA:  docker build -t chest-ct --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 \
#          --build-arg TORCH_INDEX= .
# Run:   docker run --rm --user "$(id -u):$(id -g)" --shm-size 2g -v "$PWD:/work" chest-ct run inference \
#          --config_file /bundle/configs/inference.yaml --ckpt_path RUN/model.pt --scans SCANS --output_dir ANSWERS
# CUDA runs with `--gpus all` and the NVIDIA container toolkit. --shm-size: processes that load scans hand them over in
# /dev/shm, where Docker gives 64 MB; without the flag add `--num_workers 0`.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# The base's tag fixes its packages: a version pinned here would not be found in the other base.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib

WORKDIR /bundle
COPY requirements.txt ./
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY configs configs
COPY distribution distribution
COPY scripts scripts
RUN pip install --no-cache-dir --no-deps . \
    && useradd --create-home --uid 10001 bundle \
    && mkdir /work && chown bundle /work

USER 10001
WORKDIR /work
ENTRYPOINT ["chest-ct"]
CMD ["--help"]
