"""What a block or a function costs, without a worker, a broker or a server.

    with robometrics.measure("load map") as m:
        load_map()
    print(m)

    @robometrics.measured
    def plan(): …

All figures are of the whole process, from the kernel: what other threads do meanwhile
counts as well, and ``thread_cpu_time_ns`` tells the measuring thread apart. ``None``
is what cannot be known here. Importing this needs the standard library alone, and
``measured``, which needs more of it, is imported by who uses it.
"""

from robometrics.lib.measure.measurement import Measurement
from robometrics.lib.measure.measuring import Measuring, measure

__all__ = ["Measurement", "Measuring", "measure"]
