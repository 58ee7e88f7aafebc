"""Modules that may be imported although they are no part of a submission: libraries that can be installed.

A submission may import what ``pip`` installs. A module that is in none of these, and not in the submission either, lies
nowhere: what it does nobody can tell.
"""

from __future__ import annotations

import sys

# Seen in pull requests, or as likely there as those: what a trainer's environment has.
_INSTALLED = """
    IPython PIL absl accelerate aiohttp apex attr attrs bitsandbytes blosc blosc2 boto3 brotli brotlicffi
    causal_conv1d cffi chex click cloudpickle colorama constriction cuda cupy cutlass cv2 cython datasets
    deepspeed dill diskcache dotenv einops fairscale fastapi filelock fire fla flash_attn flash_attn_2_cuda
    flash_attn_3 flash_attn_interface flashinfer flax fsspec galore_torch gguf google h5py heavyball hf_transfer
    httpx huggingface_hub hydra hypothesis importlib_metadata ipywidgets jax jaxlib jaxtyping joblib jsonlines
    kenlm kernels liger_kernel lightning llvmlite loguru lz4 mamba_ssm marisa_trie matplotlib ml_collections
    ml_dtypes mlflow mlx mmh3 modal more_itertools mosaicml_streaming mpi4py msgpack msgspec natsort ncompress
    networkx ninja nltk numba numexpr numpy nvidia nvtx omegaconf onnx openai opt_einsum optax optuna orjson
    packaging pandas paramiko peft pkg_resources plotly polars prettytable psutil pyarrow pybind11 pydantic pylzma
    pynvml pyppmd pytest python_minifier pytorch_lightning pyzstd quack ray regex requests rich ruamel runpod
    safetensors schedulefree scipy seaborn sentencepiece setuptools simple_parsing simplejson six sklearn skopt
    snappy sortedcontainers soundfile spacy statsmodels sympy tabulate tensorboard tensorboardX tensorflow
    termcolor thunder_kittens tiktoken tokenizers toml tomli toolz torch torch_optimizer torchao torchaudio
    torchinfo torchmetrics torchtune torchvision tqdm transformer_engine transformers triton trl typeguard typer
    typing_extensions ujson unsloth uvloop vllm wandb websockets wheel xformers xxhash yaml yapf zarr zopfli
    zstandard zstd
"""
INSTALLED = frozenset(_INSTALLED.split())

# Modules of the challenge's own repository, which a submission may count on.
CHALLENGE = frozenset({"train_gpt", "train_gpt_mlx", "data"})


def lies_nowhere(dotted: str) -> bool:
    """Return whether a module that is not in the submission can't be a library either, as far as is known."""
    top = dotted.partition(".")[0]
    return bool(top) and top not in INSTALLED and top not in CHALLENGE and top not in sys.stdlib_module_names
