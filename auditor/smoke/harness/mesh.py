"""A device mesh of one process."""

from __future__ import annotations

from typing import Any


class DeviceMesh:
    """A mesh whose every dimension has one place; groups are None, as everywhere with one process."""

    def __init__(self, device_type: str, mesh: Any = (1,), *, mesh_dim_names: Any = None, **_kwargs: Any) -> None:
        self.device_type = device_type
        self.mesh_dim_names = tuple(mesh_dim_names) if mesh_dim_names else None
        self.shape = tuple(1 for _ in (mesh if isinstance(mesh, (list, tuple)) else (mesh,)))

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def __getitem__(self, names: Any) -> DeviceMesh:
        wanted = (names,) if isinstance(names, str) else tuple(names)
        return DeviceMesh(self.device_type, wanted, mesh_dim_names=wanted)

    def __enter__(self) -> DeviceMesh:
        return self

    def __exit__(self, *_args: Any) -> None:
        return None

    def size(self, _dim: Any = None) -> int:
        """Return how many places a dimension has."""
        return 1

    def get_group(self, _dim: Any = None) -> None:
        """Return the group of a dimension."""
        return

    def get_all_groups(self) -> list[None]:
        """Return the groups of all dimensions."""
        return [None] * self.ndim

    def get_rank(self) -> int:
        """Return the rank of this process."""
        return 0

    def get_local_rank(self, _dim: Any = None) -> int:
        """Return the rank along a dimension."""
        return 0

    def get_coordinate(self) -> list[int]:
        """Return the place of this process."""
        return [0] * self.ndim


def init_device_mesh(
    device_type: str, mesh_shape: Any = (1,), *, mesh_dim_names: Any = None, **kwargs: Any
) -> DeviceMesh:
    """Return a mesh of the shape's number of dimensions."""
    return DeviceMesh(device_type, mesh_shape, mesh_dim_names=mesh_dim_names, **kwargs)
