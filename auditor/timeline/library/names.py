"""What the names of libraries say: which of them are optimizers, views, readers, fresh tensors."""

from __future__ import annotations

from auditor.regex import regex

GRADIENT_HOOKS = frozenset(
    {
        "register_hook",
        "register_post_accumulate_grad_hook",
        "register_full_backward_hook",
        "register_backward_hook",
        "register_full_backward_pre_hook",
    }
)

HOOKS = frozenset(
    {
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_module_forward_hook",
        "register_full_backward_hook",
    }
)

SHAPE_ATTRIBUTES = frozenset(
    {
        "shape",
        "ndim",
        "dtype",
        "device",
        "requires_grad",
        "is_cuda",
        "itemsize",
        "nbytes",
        "layout",
        "is_leaf",
    }
)

SHAPE_METHODS = frozenset(
    {
        "numel",
        "size",
        "dim",
        "nelement",
        "stride",
        "element_size",
        "data_ptr",
        "is_contiguous",
        "get_device",
        "storage_offset",
        "tell",
        "is_floating_point",
    }
)

# Views and containers: what they give is still the live parameter.
VIEW_ATTRIBUTES = frozenset({"data", "T", "mT", "real", "values", "flat"})
VIEW_METHODS = frozenset(
    {
        "detach",
        "view",
        "view_as",
        "reshape",
        "flatten",
        "unsqueeze",
        "squeeze",
        "t",
        "requires_grad_",
        "expand",
        "contiguous",
        "values",
        "items",
        "keys",
        "__iter__",
    }
)

SELF_METHODS = frozenset(
    {
        "to",
        "cuda",
        "cpu",
        "train",
        "eval",
        "half",
        "float",
        "double",
        "bfloat16",
        "requires_grad_",
        "apply",
        "share_memory",
        "to_empty",
        "type",
        "compile",
        "prepare",
    }
)

PARAMETER_METHODS = frozenset(
    {
        "parameters",
        "named_parameters",
        "state_dict",
        "named_modules",
        "modules",
        "children",
        "named_children",
        "buffers",
        "named_buffers",
        "get_submodule",
        "trainable_parameters",
        "get_parameter",
    }
)

RESET_METHODS = frozenset(
    {
        "zero_",
        "normal_",
        "uniform_",
        "fill_",
        "copy_",
        "set_",
        "kaiming_uniform_",
        "orthogonal_",
        "trunc_normal_",
        "xavier_uniform_",
        "constant_",
        "zeros_",
        "ones_",
        "eye_",
        "reset_parameters",
        "kaiming_normal_",
    }
)

ALIASES = frozenset(
    {
        "torch.compile", "torch.jit.script", "torch.nn.parallel.DistributedDataParallel", "torch.jit.trace",
        "torch.nn.DataParallel", "torch.distributed.fsdp.FullyShardedDataParallel", "torch.compiler.disable",
        "torch._dynamo.disable", "torch._dynamo.optimize", "functools.wraps",
        "typing.cast", "torch.no_grad", "torch.inference_mode", "torch.fx.wrap", "mlx.core.compile",
        "torch.cuda.make_graphed_callables",
        "ctypes.c_double", "ctypes.c_float", "ctypes.c_int", "ctypes.c_int32", "ctypes.c_int64", "ctypes.c_uint32",
        "ctypes.c_uint64", "ctypes.c_uint16", "ctypes.c_size_t", "ctypes.c_long", "ctypes.c_bool",
    }
)  # fmt: skip

MODULE_CONTAINERS = frozenset({"ModuleList", "ModuleDict", "Sequential", "ParameterList", "ParameterDict"})

# What these load is machine code: it is followed where its source is part of the submission.
NATIVE = frozenset(
    {
        "ctypes.CDLL", "ctypes.PyDLL", "ctypes.cdll.LoadLibrary", "numpy.ctypeslib.load_library", "cffi.FFI",
        "torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline",
    }
)  # fmt: skip

OPENS_NATIVE = frozenset({"dlopen", "verify"})  # methods of cffi that give the library itself

READERS = frozenset(
    {
        "fromfile",
        "memmap",
        "load",
        "from_file",
        "loadtxt",
        "frombuffer",
        "read_parquet",
        "load_dataset",
        "open_memmap",
        "mmap",
        "read_csv",
        "genfromtxt",
        "load_file",
        "read_bytes",
    }
)

FRESH_TENSORS = frozenset(
    {
        "zeros",
        "ones",
        "empty",
        "full",
        "randn",
        "rand",
        "zeros_like",
        "ones_like",
        "empty_like",
        "tensor",
        "full_like",
        "randn_like",
    }
)

LOGGERS = regex(r"^(?:logging|logger|log|wandb|loguru|rich|tqdm)\b")


def is_optimizer_name(name: str) -> bool:
    """Return whether a dotted library name is an optimizer class."""
    last = name.rpartition(".")[2]
    if "scheduler" in name.lower():
        return False
    if last.endswith("Optimizer") or name.startswith(("torch.optim.", "mlx.optimizers.", "bitsandbytes.optim.")):
        return True
    return last in {
        "Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "LBFGS", "Muon", "Lion", "Adafactor", "RAdam", "NAdam",
        "Shampoo", "SOAP",
    }  # fmt: skip
