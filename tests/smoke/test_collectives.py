"""Every collective that a torch exports has a stand-in, which with one process gives what the real one gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402

from auditor.smoke.harness.collectives import ABOUT_GROUPS, Done, direction, names, stand_in  # noqa: E402

# Name, then parameters up to the group, as the versions at both ends of what is supported have them.
LISTED = {
    "2.5": """
_all_gather_base output_tensor input_tensor group
_reduce_scatter_base output input op group
all_gather tensor_list tensor group
all_gather_coalesced output_tensor_lists input_tensor_list group
all_gather_into_tensor output_tensor input_tensor group
all_gather_object object_list obj group
all_reduce tensor op group
all_reduce_coalesced tensors op group
all_to_all output_tensor_list input_tensor_list group
all_to_all_single output input output_split_sizes input_split_sizes group
broadcast tensor src group
broadcast_object_list object_list src group
gather tensor gather_list dst group
gather_object obj object_gather_list dst group
reduce tensor dst op group
reduce_scatter output input_list op group
reduce_scatter_tensor output input op group
scatter tensor scatter_list src group
scatter_object_list scatter_object_output_list scatter_object_input_list src group
""",
    "2.13": """
all_gather_single output_tensor input_tensor group
reduce_scatter_single output input op group
""",
    "2.14": """
gather_into_tensor tensor gather_tensor dst group
gather_single tensor gather_tensor dst group
""",
}


def there(*shape: int) -> torch.Tensor:
    return torch.arange(1.0, 1.0 + torch.Size(shape).numel()).reshape(shape)


CALLS = [
    ("all_gather", lambda f: (out := [torch.zeros(3)], f(out, there(3)))[0][0]),
    ("all_gather_into_tensor", lambda f: (out := torch.zeros(3), f(out, there(3)))[0]),
    ("all_gather_single", lambda f: (out := torch.zeros(3), f(out, there(3)))[0]),
    ("_all_gather_base", lambda f: (out := torch.zeros(3), f(output_tensor=out, input_tensor=there(3)))[0]),
    ("all_gather_object", lambda f: (out := [None], f(out, there(3)))[0][0]),
    ("reduce_scatter", lambda f: (out := torch.zeros(3), f(out, [there(3)]))[0]),
    ("reduce_scatter_tensor", lambda f: (out := torch.zeros(3), f(out, there(3)))[0]),
    ("reduce_scatter_single", lambda f: (out := torch.zeros(3), f(out, input=there(3)))[0]),
    ("all_to_all", lambda f: (out := [torch.zeros(3)], f(out, [there(3)]))[0][0]),
    ("all_to_all_single", lambda f: (out := torch.zeros(3), f(out, there(3), [3], [3]))[0]),
    ("all_reduce", lambda f: (out := there(3), f(out))[0]),
    ("broadcast", lambda f: (out := there(3), f(out, src=0))[0]),
    ("reduce", lambda f: (out := there(3), f(out, 0))[0]),
    ("scatter", lambda f: (out := torch.zeros(3), f(out, [there(3)], src=0))[0]),
    ("gather", lambda f: (out := [torch.zeros(3)], f(there(3), out))[0][0]),
    ("gather_into_tensor", lambda f: (out := torch.zeros(3), f(there(3), out))[0]),
    ("gather_single", lambda f: (out := torch.zeros(3), f(there(3), gather_tensor=out))[0]),
    ("gather_object", lambda f: (out := [None], f(there(3), out))[0][0]),
    ("scatter_object_list", lambda f: (out := [None], f(out, [there(3)], src=0))[0][0]),
    ("broadcast_object_list", lambda f: (out := [there(3)], f(out, src=0))[0][0]),
]


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_what_goes_in_comes_out(name, call):
    known = dict(names(dist))
    if name not in known:
        pytest.skip(f"this torch has no {name}")
    assert torch.equal(call(stand_in(known[name])), there(3))


@pytest.mark.parametrize("version", LISTED)
def test_directions_for_the_oldest_and_the_newest(version):
    in_place = {"all_reduce", "all_reduce_coalesced", "broadcast", "broadcast_object_list", "reduce"}
    for line in LISTED[version].strip().splitlines():
        name, *parameters = line.split()
        output, source = direction(parameters)
        assert (output is None) == (name in in_place), name
        written = {"all_gather": "tensor_list", "gather": "gather_list", "scatter": "tensor"}
        written |= dict.fromkeys(("gather_into_tensor", "gather_single"), "gather_tensor")
        assert written.get(name, output) == output
        assert output is None or output != source


def test_handles_are_done():
    work = stand_in(("tensor", "group"))(there(2), None)
    assert isinstance(work, Done) and work.wait() and work.is_completed()


def test_no_function_of_a_group_is_left_as_it_is():
    """In a process of its own: the stand-ins replace what torch exports."""
    script = (
        "import inspect, torch, torch.distributed as dist\n"
        "from types import FunctionType\n"
        "from auditor.smoke.harness import distributed\n"
        "before = {n: f for n, f in vars(dist).items() if type(f) is FunctionType}\n"
        "class Journal:\n    def stand_in(self, *a): pass\n"
        "distributed.install(Journal())\n"
        "about = ('group', 'groups', 'pg', 'parent_pg', 'device_type', 'p2p_op_list', 'ranks_per_subgroup_list')\n"
        "for name, function in before.items():\n"
        "    if set(about) & set(inspect.signature(inspect.unwrap(function)).parameters):\n"
        "        print(name, getattr(dist, name) is function)\n"
        "dist.init_process_group('nccl')\n"
        "mesh = dist.init_device_mesh('cuda', (1, 1), mesh_dim_names=('dp', 'tp'))\n"
        "x = torch.ones(3)\n"
        "dist.all_reduce(x, group=mesh['dp'].get_group())\n"
        "work = dist.batch_isend_irecv([dist.P2POp(dist.isend, x, 0), dist.P2POp(dist.irecv, x, 0)])\n"
        "group, groups = dist.new_subgroups(1)\n"
        "print('works', mesh.size(), mesh['tp'].ndim, dist.get_world_size(group), [w.wait() for w in work])\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *rows, works = done.stdout.splitlines()
    assert works == "works 1 1 1 [True, True]"
    left = {row.split()[0] for row in rows if row.endswith("True")}
    # What these do needs no group: a profiler's estimate, and names for errors.
    assert left <= {"_time_estimator", "_create_process_group_wrapper"}, left
    assert {"all_gather_into_tensor", "_all_gather_base", "new_subgroups", "init_device_mesh"} <= {
        row.split()[0] for row in rows
    }
    assert ABOUT_GROUPS.match("get_rank")
