"""What objects of a few well-known classes have, so that a name that none of an object's classes has can be told."""

from __future__ import annotations

OBJECT = frozenset(name for name in dir(object)) | {"__dict__", "__class__", "__module__", "__name__"}

_MODULE = """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
    modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad __call__
    __getattr__ __setattr__ __delattr__
"""
# What a module may have besides: that of the wrappers which stand for it here (DistributedDataParallel, FSDP, compile).
_OF_WRAPPERS = """
    clip_grad_norm_ join join_hook module no_sync register_comm_hook require_backward_grad_sync reshard unshard
    set_requires_gradient_sync set_is_last_backward set_modules_to_forward_prefetch summon_full_params _orig_mod
"""
WRAPPERS = frozenset(_OF_WRAPPERS.split())
MODULE = OBJECT | frozenset(_MODULE.split()) | WRAPPERS

# The classes by which a base may be known; of an object with another base nothing is said.
BASES: dict[str, frozenset[str]] = {
    "object": OBJECT,
    "torch.nn.Module": MODULE,
    "torch.nn.modules.Module": MODULE,
    "torch.nn.modules.module.Module": MODULE,
    "abc.ABC": OBJECT,
}
