"""One thread: tensors this small lose more to handing work around than they gain."""

import torch

torch.set_num_threads(1)
