"""The functions of other libraries that scripts of the challenge use, by what they do."""

from __future__ import annotations

from auditor.timeline.library.effects.effect import Effect, rows, table

PURE, VIEW, SHAPE, FRESH, RANDOM = Effect.PURE, Effect.VIEW, Effect.SHAPE, Effect.FRESH, Effect.RANDOM
IN_PLACE, MAKES, CONTEXT, STATE = Effect.IN_PLACE, Effect.MAKES, Effect.CONTEXT, Effect.STATE
READS, WRITES, TOLD = Effect.READS, Effect.WRITES, Effect.TOLD

OTHERS = table(
    rows(MAKES, "sentencepiece", "SentencePieceProcessor SentencePieceTrainer"),
    rows(STATE, "sentencepiece.SentencePieceTrainer", "Train train"),
    rows(READS, "tokenizers.Tokenizer", "from_file from_pretrained from_str"),
    rows(MAKES, "tokenizers", "Tokenizer ByteLevelBPETokenizer"),
    rows(READS, "tiktoken", "get_encoding encoding_for_model"),
    rows(READS, "transformers.AutoTokenizer", "from_pretrained"),
    rows(READS, "transformers.PreTrainedTokenizerFast", "from_pretrained"),
    rows(READS, "datasets", "load_dataset load_from_disk"),
    rows(READS, "huggingface_hub", "hf_hub_download snapshot_download list_repo_files"),
    rows(STATE, "huggingface_hub", "login HfApi upload_file upload_folder"),
    rows(PURE, "zstandard", "compress decompress ZstdCompressor ZstdDecompressor ZstdCompressionParameters"),
    rows(PURE, "zstandard", "ZstdCompressionDict train_dictionary"),
    rows(PURE, "zstd", "compress decompress"),
    rows(PURE, "brotli", "compress decompress Compressor Decompressor"),
    rows(PURE, "brotlicffi", "compress decompress"),
    rows(PURE, "lz4.frame", "compress decompress"),
    rows(PURE, "lz4.block", "compress decompress"),
    rows(PURE, "snappy", "compress decompress"),
    rows(PURE, "blosc2", "compress decompress pack unpack"),
    rows(PURE, "xxhash", "xxh32 xxh64 xxh3_64 xxh128 xxh32_intdigest xxh64_intdigest xxh3_64_intdigest"),
    rows(PURE, "mmh3", "hash hash64 hash128"),
    rows(PURE, "safetensors.torch", "save load"),
    rows(READS, "safetensors.torch", "load_file"),
    rows(WRITES, "safetensors.torch", "save_file save_model"),
    rows(READS, "safetensors", "safe_open"),
    rows(PURE, "einops", "rearrange reduce repeat einsum pack unpack asnumpy parse_shape"),
    rows(MAKES, "einops.layers.torch", "Rearrange Reduce EinMix"),
    rows(
        PURE,
        "flash_attn",
        "flash_attn_func flash_attn_varlen_func flash_attn_qkvpacked_func flash_attn_kvpacked_func",
    ),
    rows(PURE, "flash_attn.flash_attn_interface", "flash_attn_func flash_attn_varlen_func"),
    rows(PURE, "flash_attn_interface", "flash_attn_func flash_attn_varlen_func flash_attn_qkvpacked_func"),
    rows(PURE, "flash_attn_3", "flash_attn_func flash_attn_varlen_func"),
    rows(PURE, "flash_attn_3.flash_attn_interface", "flash_attn_func flash_attn_varlen_func"),
    rows(MAKES, "flash_attn.bert_padding", "pad_input unpad_input index_first_axis"),
    rows(MAKES, "kernels", "get_kernel"),
    rows(STATE, "triton", "cdiv next_power_of_2 autotune jit heuristics Config set_allocator testing"),
    rows(STATE, "triton.language", "constexpr"),
    rows(STATE, "numba", "njit jit prange vectorize guvectorize set_num_threads get_num_threads"),
    rows(CONTEXT, "tqdm", "tqdm trange"),
    rows(CONTEXT, "tqdm.auto", "tqdm trange"),
    rows(TOLD, "tqdm.tqdm", "write"),
    rows(TOLD, "wandb", "log init finish define_metric save watch alert"),
    rows(MAKES, "wandb", "Artifact Table Histogram Image Settings"),
    rows(TOLD, "rich", "print"),
    rows(MAKES, "rich.console", "Console"),
    rows(MAKES, "rich.table", "Table"),
    rows(SHAPE, "psutil", "Process cpu_count cpu_percent virtual_memory disk_usage pid_exists"),
    rows(STATE, "pynvml", "nvmlInit nvmlShutdown"),
    rows(
        SHAPE,
        "pynvml",
        "nvmlDeviceGetCount nvmlDeviceGetHandleByIndex nvmlDeviceGetMemoryInfo nvmlDeviceGetName"
        " nvmlDeviceGetUtilizationRates nvmlDeviceGetPowerUsage nvmlDeviceGetTemperature nvmlDeviceGetClockInfo",
    ),
    rows(
        TOLD,
        "matplotlib.pyplot",
        """
        axhline axvline bar close figure fill_between gca gcf grid hist imshow legend loglog plot savefig scatter
        semilogx semilogy show subplot subplots suptitle tight_layout title xlabel xlim xscale xticks ylabel ylim
        yscale yticks
        """,
    ),
    rows(STATE, "matplotlib", "use"),
    rows(READS, "yaml", "safe_load load full_load"),
    rows(WRITES, "yaml", "dump safe_dump"),
    rows(READS, "pandas", "DataFrame Series read_csv read_parquet read_json"),
    rows(PURE, "scipy.special", "expit log_softmax logsumexp logit softmax xlogy entr gammaln digamma"),
    rows(PURE, "scipy.stats", "entropy norm ttest_ind spearmanr pearsonr"),
    rows(STATE, "modal", "App Image Volume Secret Mount gpu Function Stub"),
    rows(STATE, "setuptools", "setup Extension find_packages"),
    rows(MAKES, "mlx.nn", "RoPE Linear Embedding RMSNorm LayerNorm Module Dropout MultiHeadAttention"),
    rows(
        PURE,
        "mlx.core",
        """
        abs add all any arange argmax argmin argsort array array_equal as_strided broadcast_to clip concatenate conj
        cos cumsum diag divide equal erf exp expand_dims eye flatten floor full gather_mm greater greater_equal
        isnan less less_equal linspace log log10 log1p log2 log_softmax logaddexp logical_and logical_not logical_or
        logsumexp matmul max maximum mean min minimum moveaxis multiply negative ones ones_like outer pad power prod
        quantize quantized_matmul reciprocal repeat reshape round rsqrt sigmoid sign sin softmax sort split sqrt
        square squeeze stack stop_gradient subtract sum swapaxes take take_along_axis tan tanh tile topk transpose
        tri tril triu var where zeros zeros_like dequantize einsum roll
        """,
    ),
    rows(
        STATE, "mlx.core", "eval async_eval synchronize clear_cache set_default_device disable_compile enable_compile"
    ),
    rows(STATE, "mlx.core", "set_memory_limit set_cache_limit set_wired_limit"),
    rows(SHAPE, "mlx.core", "default_device get_active_memory get_peak_memory get_cache_memory device_info gpu cpu"),
    rows(RANDOM, "mlx.core.random", "bernoulli categorical gumbel key normal permutation randint split uniform"),
    rows(STATE, "mlx.core.random", "seed"),
    rows(SHAPE, "mlx.core.metal", "is_available device_info get_active_memory get_peak_memory clear_cache"),
    rows(STATE, "mlx.core.metal", "set_cache_limit set_memory_limit set_wired_limit reset_peak_memory"),
    rows(READS, "mlx.core", "load"),
    rows(WRITES, "mlx.core", "save savez save_safetensors"),
    rows(
        PURE,
        "mlx.nn",
        "gelu gelu_approx relu relu_squared sigmoid silu softmax log_softmax softplus tanh",
    ),
    rows(PURE, "mlx.nn.losses", "cross_entropy mse_loss nll_loss binary_cross_entropy"),
    rows(PURE, "mlx.core.fast", "rms_norm layer_norm rope scaled_dot_product_attention"),
    rows(PURE, "mlx.utils", "tree_flatten tree_unflatten tree_reduce"),
    rows(READS, "train_gpt", "load_data_shard load_validation_tokens DistributedTokenLoader TokenStream"),
    rows(SHAPE, "train_gpt", "Hyperparameters build_sentencepiece_luts"),
)
