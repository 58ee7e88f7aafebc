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
MODULE = OBJECT | frozenset(_MODULE.split())

# The classes by which a base may be known; of an object with another base nothing is said.
BASES: dict[str, frozenset[str]] = {
    "object": OBJECT,
    "torch.nn.Module": MODULE,
    "torch.nn.modules.Module": MODULE,
    "torch.nn.modules.module.Module": MODULE,
    "abc.ABC": OBJECT,
}
