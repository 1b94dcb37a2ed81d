"""A batch spread over several devices and several processes, by JAX alone: `to_jax()` is a function like any other.

python examples/sharded.py

The loss is scalar Python; the program compiled from it takes any batch size. Its gradient is computed on one device,
then with the batch spread over a mesh of eight, then by two processes that hold half of the batch each. On a real
cluster the devices are real; here they are parts of this machine's processor.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from typing import Any

DEVICES, PROCESSES, SAMPLES = 8, 2, 4096
START = [random.Random(0).uniform(-1.0, 1.0) for _ in range(4 * 3 + 4 + 1)]


def loss(p: list[Any], X: list[list[Any]], y: list[Any]) -> Any:
    """Mean square error of the network 2-4-1 with tanh, written for single numbers."""
    from microgradnet import tanh

    total = 0.0
    for (x1, x2), target in zip(X, y, strict=True):
        hidden = [tanh(p[3 * j] * x1 + p[3 * j + 1] * x2 + p[3 * j + 2]) for j in range(4)]
        total += (sum((p[12 + j] * h for j, h in enumerate(hidden)), p[16]) - target) ** 2
    return total / len(X)


def compiled() -> Any:
    """The loss as a function of three arrays, for any batch size: f(p, X, y)."""
    from microgradnet import Value, compile

    X, y = data(16)
    return compile(loss, [Value(x) for x in START], X, y, batch=True).to_jax()


def data(samples: int) -> tuple[Any, Any]:
    """Points of the square and, for each, the product of its coordinates."""
    import numpy as np

    X = np.random.default_rng(0).uniform(-1.0, 1.0, (samples, 2))
    return X, X[:, 0] * X[:, 1]


def main() -> None:
    """One device, a mesh of devices, and several processes."""
    try:
        jax = started(f"--xla_force_host_platform_device_count={DEVICES}")
    except ModuleNotFoundError:
        print("this example needs JAX: pip install 'microgradnet[jax]'")
        return
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    gradient = jax.jit(jax.grad(compiled()))
    X, y = data(SAMPLES)
    alone = gradient(jax.numpy.array(START), X, y)
    print(f"one device: the gradient of {len(alone)} parameters over {SAMPLES} samples")

    mesh = Mesh(jax.devices(), ("batch",))
    by_batch, everywhere = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    p = jax.device_put(jax.numpy.array(START), everywhere)
    X_spread, y_spread = jax.device_put((X, y), by_batch)
    rows = {shard.data.shape for shard in X_spread.addressable_shards}
    spread = gradient(p, X_spread, y_spread)
    print(f"{DEVICES} devices: each has an X of {rows.pop()}; {compared(spread, alone)}")

    port = free_port()
    workers = [
        subprocess.Popen([sys.executable, __file__, str(i), str(port)], stdout=subprocess.PIPE, encoding="utf-8")
        for i in range(PROCESSES)
    ]
    for printed in [worker.communicate()[0] for worker in workers]:
        lines = [line for line in printed.splitlines() if line.startswith("process")]  # gloo prints, too
        report, numbers = lines[0].split(" | ")
        print(f"{report}; {compared(list(map(float, numbers.split())), alone)}")


def work(process: int, port: int) -> None:
    """What one of the processes does: it holds its own rows only, and gets the gradient of all."""
    jax = started("")
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", PROCESSES, process)
    mesh = Mesh(jax.devices(), ("batch",))
    by_batch, everywhere = NamedSharding(mesh, PartitionSpec("batch")), NamedSharding(mesh, PartitionSpec())
    own = slice(process * SAMPLES // PROCESSES, (process + 1) * SAMPLES // PROCESSES)
    X, y = (jax.make_array_from_process_local_data(by_batch, array[own]) for array in data(SAMPLES))
    p = jax.make_array_from_process_local_data(everywhere, jax.numpy.array(START))
    got = jax.jit(jax.grad(compiled()), out_shardings=everywhere)(p, X, y)
    rows = X.addressable_shards[0].data.shape[0]
    print(f"process {process} of {jax.process_count()}: holds {rows} rows of {len(X)} |", *got.tolist(), flush=True)
    jax.distributed.shutdown()


def started(flags: str) -> Any:
    """JAX on the processor, in doubles, with these flags of XLA."""
    os.environ |= {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def compared(gradient: Any, wanted: Any) -> str:
    """Whether two gradients are equal but for rounding, in words."""
    import numpy as np

    a, b = np.asarray(gradient), np.asarray(wanted)
    off = float(np.abs(a - b).max() / np.abs(b).max())
    return "the same gradient, to rounding" if off < 1e-13 else f"ANOTHER gradient, by {off:.0e}"


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        number: int = listening.getsockname()[1]
        return number


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(int(sys.argv[1]), int(sys.argv[2]))
    else:
        main()
