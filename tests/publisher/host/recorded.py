"""A laptop, two boards of robots, and a container."""

from __future__ import annotations

from .trees import OTHER_NAMESPACE, Recorded, base, diskstats, hwmon, net_dev

LAPTOP = Recorded(
    base(4)
    | hwmon(
        10,
        "platform/coretemp.0/hwmon",
        {
            "name": "coretemp\n",
            "temp1_input": "51000\n",
            "temp1_label": "Package id 0\n",
            "temp2_input": "49000\n",
            "temp2_label": "Core 0\n",
        },
    )
    | hwmon(
        2,
        "pci0000:00/0000:04:00.0/nvme/nvme0",
        {"name": "nvme\n", "temp1_input": "38850\n", "temp1_label": "Composite\n"},
    )
    | hwmon(
        3,
        "pci0000:00/0000:05:00.0/nvme/nvme1",
        {"name": "nvme\n", "temp1_input": "-273150\n", "temp1_label": "Composite\n"},
    )
    | hwmon(
        4,
        "virtual/thermal/thermal_zone0",
        {"name": "acpitz\n", "temp1_input": "52000\n"},
    )
    | hwmon(
        5,
        "platform/thinkpad_hwmon/hwmon",
        {"name": "thinkpad\n", "fan1_input": "2100\n"},
    )
    | {
        "proc/diskstats": diskstats(
            loop0=4, nvme0n1=100, nvme0n1p1=60, sda=10, **{"dm-0": 90}, zram0=5
        ),
        **{f"sys/block/{name}/device/": "" for name in ("nvme0n1", "sda")},
        **{f"sys/block/{name}/": "" for name in ("loop0", "dm-0", "zram0")},
        "proc/net/dev": net_dev(
            lo=9, wlp2s0=50, docker0=7, veth1=7, wg0=20, enp0s31f6=0
        ),
        "sys/class/net/wlp2s0/device/": "",
        "sys/class/net/enp0s31f6/device/": "",
        "proc/net/wireless": (
            "Inter-| sta-|   Quality        |   Discarded packets\n"
            " face | tus | link level noise |  nwid  crypt   frag\n"
            "wlp2s0: 0000   58.  -52.  -256        0      0      0\n"
        ),
        "proc/self/mountinfo": (
            "22 1 0:21 / /proc rw - proc proc rw\n"
            "27 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/root rw\n"
            "28 27 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n"
            "29 27 253:0 /var/docker /var/docker rw - ext4 /dev/mapper/root rw\n"
            "30 27 0:50 / /mnt/my\\040data rw - btrfs /dev/sda1 rw\n"
            "31 27 0:60 / /home/me/nas rw - nfs4 nas:/export rw\n"
            "32 27 0:61 / /home/me/ssh rw - fuse.sshfs me@host: rw\n"
            "33 27 7:1 / /snap/core/1 ro - squashfs /dev/loop1 ro\n"
            "34 27 0:70 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw\n"
        ),
        "sys/class/thermal/thermal_zone0/type": "acpitz\n",
        "sys/class/thermal/thermal_zone0/temp": "52000\n",
        "sys/class/thermal/cooling_device0/type": "Processor\n",
        "sys/class/power_supply/BAT0/type": "Battery\n",
        "sys/class/power_supply/BAT0/capacity": "83\n",
        "sys/class/power_supply/BAT0/status": "Discharging\n",
        "sys/class/power_supply/BAT0/voltage_now": "11800000\n",
        "sys/class/power_supply/BAT0/power_now": "9440000\n",
        "sys/class/power_supply/AC/type": "Mains\n",
        "sys/class/power_supply/AC/online": "0\n",
        "sys/class/power_supply/hidpp_battery_0/type": "Battery\n",
        "sys/class/power_supply/hidpp_battery_0/scope": "Device\n",
        "sys/class/power_supply/hidpp_battery_0/capacity": "50\n",
        "sys/class/powercap/intel-rapl:0/name": "package-0\n",
        "sys/class/powercap/intel-rapl:0/energy_uj": "5000000\n",
        "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850\n",
        "sys/class/powercap/intel-rapl-mmio:0/name": "package-0\n",
        "sys/class/powercap/intel-rapl-mmio:0/energy_uj": "5000000\n",
        "sys/class/powercap/intel-rapl-mmio:0/max_energy_range_uj": "262143328850\n",
        "sys/class/powercap/intel-rapl:0:0/name": "core\n",
        "sys/class/powercap/intel-rapl:0:0/energy_uj": "3000000\n",
        **{
            f"sys/devices/system/cpu/cpu{core}/{name}": content
            for core in range(4)
            for name, content in {
                "topology/physical_package_id": "0\n",
                "thermal_throttle/package_throttle_count": "12\n",
                "thermal_throttle/package_throttle_total_time_ms": "345\n",
            }.items()
        },
        **{
            f"sys/devices/system/cpu/cpufreq/policy{core}/{name}": content
            for core in range(4)
            for name, content in {
                "scaling_cur_freq": f"{800000 + 400000 * core}\n",
                "scaling_max_freq": "4000000\n",
                "cpuinfo_max_freq": "4000000\n",
            }.items()
        },
    },
    {"/": 200, "/boot/efi": 1, "/mnt/my data": 1000},
)

RASPBERRY_PI = Recorded(
    base(4)
    | hwmon(
        0,
        "virtual/thermal/thermal_zone0",
        {"name": "cpu_thermal\n", "temp1_input": "61350\n"},
    )
    | hwmon(
        1,
        "platform/soc/soc:firmware/raspberrypi-hwmon/hwmon",
        {"name": "rpi_volt\n", "in0_lcrit_alarm": "1\n"},
    )
    | hwmon(
        2, "platform/cooling_fan/hwmon", {"name": "pwmfan\n", "fan1_input": "3049\n"}
    )
    | {
        "proc/diskstats": diskstats(mmcblk0=70, mmcblk0p1=30, mmcblk0boot0=1),
        "sys/block/mmcblk0/device/": "",
        "sys/block/mmcblk0boot0/device/": "",
        "proc/net/dev": net_dev(lo=1, eth0=5, can0=400, vcan0=9),
        "sys/class/net/eth0/device/": "",
        "sys/class/net/can0/device/": "",
        "proc/self/mountinfo": "27 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "61350\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1000000\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "2400000\n",
        "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "2400000\n",
    },
    {"/": 32},
)

JETSON = Recorded(
    base(2)
    | hwmon(
        3,
        "platform/c240000.i2c/i2c-1/1-0040/hwmon",
        {
            "name": "ina3221\n",
            "in1_label": "VDD_IN\n",
            "in1_input": "19000\n",
            "curr1_input": "500\n",
            "in2_label": "VDD_CPU_GPU_CV\n",
            "in2_input": "19000\n",
            "curr2_input": "100\n",
            "in7_label": "sum of shunt voltages\n",
            "in7_input": "4\n",
        },
    )
    | hwmon(
        4,
        "platform/soctherm-oc-event/hwmon",
        {"name": "soctherm_oc\n", "oc1_event_cnt": "3\n", "oc2_event_cnt": "4\n"},
    )
    | hwmon(
        5, "platform/39c0000.tachometer/hwmon", {"name": "pwm_tach\n", "rpm": "900"}
    )
    | {
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone0/temp": "48500\n",
        "sys/class/thermal/thermal_zone1/type": "gpu-thermal\n",
        "sys/class/thermal/thermal_zone1/temp": "47000\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "729600\n",
        "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "1510400\n",
        "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "2265600\n",
    },
    {},
)

_SLICE = "sys/fs/cgroup/kubepods.slice"
CONTAINER = Recorded(
    base(2)
    | {
        "proc/self/ns/pid": OTHER_NAMESPACE,
        "proc/self/cgroup": "0::/kubepods.slice/pod1.slice/worker.scope\n",
        "proc/net/dev": net_dev(lo=1, eth0=5),
        "sys/class/net/eth0/": "",
        "proc/diskstats": diskstats(vda=3, vda1=3),
        "sys/block/vda/device/": "",
        "proc/self/mountinfo": (
            "27 1 0:51 / / rw - overlay overlay rw\n"
            "28 27 252:1 /hosts /etc/hosts rw - ext4 /dev/vda1 rw\n"
        ),
        "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        f"{_SLICE}/cpu.max": "max 100000\n",
        f"{_SLICE}/memory.max": "max\n",
        f"{_SLICE}/pod1.slice/cpu.max": "150000 100000\n",
        f"{_SLICE}/pod1.slice/cpu.stat": (
            "usage_usec 9\nnr_periods 5\nnr_throttled 2\nthrottled_usec 250\n"
        ),
        f"{_SLICE}/pod1.slice/memory.max": "1073741824\n",
        f"{_SLICE}/pod1.slice/memory.current": "700000000\n",
        f"{_SLICE}/pod1.slice/memory.stat": "anon 1\ninactive_file 200000000\n",
        f"{_SLICE}/pod1.slice/worker.scope/cpu.max": "max 100000\n",
        f"{_SLICE}/pod1.slice/worker.scope/memory.max": "2147483648\n",
    },
    {"/": 50},
)
