# SPDX-License-Identifier: Apache-2.0
"""The QEMU command line of a lab machine, decided here and nowhere else."""
import os
from dataclasses import dataclass
from pathlib import Path

from lab import paths
from lab.errors import LabError
from lab.images import Images

HYPERVISORS = ("xen", "none", "core")
DOM0_MIB = 1024  # under a hypervisor; the rest of the machine is for guests


@dataclass(frozen=True)
class Options:
    """What a person or a test chooses about a machine."""

    hypervisor: str = "xen"
    cpus: int = 2
    # One piece of RAM below the PCI hole: a split one makes PV dom0 map it page by page at boot.
    memory_mib: int = 3072
    icount: bool = False
    xsave: bool = False  # the processor has XSAVE and AVX, which other hypervisors do not survive here (docs/decisions/003)
    # Kernels copy by bytes then (REP MOVSB), which processors do by cache lines and TCG one by one.
    erms: bool = True
    share: Path | None = None
    gdb_port: int | None = None
    hypervisor_args: str = ""
    kernel_args: str = ""
    iso: Path | None = None  # boot from this CD (lab/iso.py) instead of by QEMU's own loader
    devices: tuple[str, ...] = ()  # further arguments of QEMU


def check(options: Options):
    """Raises LabError for what cannot work, before anything is built or started."""
    if options.hypervisor not in HYPERVISORS:
        raise LabError(f"unknown hypervisor {options.hypervisor!r}: one of {', '.join(HYPERVISORS)}")
    if options.hypervisor == "core" and core_image() is None:
        raise LabError("hypervisor-core is not built: ./dev build release (or another preset) makes it")
    if options.share is not None and not options.share.is_dir():
        raise LabError(f"--share {options.share}: no such folder")
    if not 1 <= options.cpus <= 64:
        raise LabError(f"--cpus {options.cpus}: from 1 to 64")
    if options.memory_mib < 1536:
        raise LabError(f"--memory {options.memory_mib}: dom0 and a guest need 1536 MiB or more")


def core_image() -> Path | None:
    """Our hypervisor as built last, whichever preset it was."""
    made = sorted(paths.TREE.glob("build/*/hypervisor-core/zocalo-core"), key=os.path.getmtime)
    return made[-1] if made else None


def uses_kvm(options: Options) -> bool:
    """Only where the processor can: /dev/kvm alone may be an interpreter slower than TCG."""
    if options.icount or os.environ.get("ZOCALO_LAB_ACCEL") == "tcg":
        return False
    with open("/proc/cpuinfo") as info:
        flags = next((line for line in info if line.startswith("flags")), "").split()
    return ("vmx" in flags or "svm" in flags) and os.access("/dev/kvm", os.R_OK | os.W_OK)


def command(options: Options, images: Images, run: Path, agent_fd: int, qmp_fd: int) -> list[str]:
    """The whole command line; logs go to `run`, whose initrd.cpio must be there."""
    args = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
        "-machine", "pc", "-m", str(options.memory_mib), "-smp", str(options.cpus),
        *_processor(options),
        "-chardev", f"file,id=serial,path={_escaped(run)}/serial.log", "-serial", "chardev:serial",
        "-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control",
        "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={agent_fd}",
        "-device", "virtserialport,chardev=agent,name=zocalo.lab",
        *_disk("root", images.root), *_disk("lab", images.lab_disk),
        *_boot(options, images, run),
    ]
    if options.share is not None:
        args += ["-virtfs", f"local,path={_escaped(options.share.resolve())},mount_tag=share,"
                            "security_model=none,multidevs=remap"]
    args += options.devices
    if options.gdb_port is not None:
        args += ["-gdb", f"tcp:127.0.0.1:{options.gdb_port}", "-S"]
    return args


def bare_command(options: Options, images: Images, run: Path) -> list[str]:
    """A machine without disks and agent: what its initrd.cpio holds is all that runs, and says so in serial.log."""
    return [*_bare(run), "-m", str(options.memory_mib), "-smp", str(options.cpus), *_processor(options),
            *options.devices, *_boot(options, images, run)]


def core_command(run: Path, arguments: str, modules: list[str], processor: str, memory_mib: int) -> list[str]:
    """Our hypervisor with whatever it is given, good or bad."""
    line = [*_bare(run), "-m", str(memory_mib), "-accel", "tcg", "-cpu", processor,
            "-kernel", str(core_image()), "-append", arguments]
    return line + (["-initrd", ",".join(modules)] if modules else [])


def _bare(run: Path) -> list[str]:
    return ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc",
            "-chardev", f"file,id=serial,path={_escaped(run)}/serial.log", "-serial", "chardev:serial"]


def _processor(options: Options) -> list[str]:
    if uses_kvm(options):
        return ["-accel", "kvm", "-cpu", "host"]
    # TCG's SMAP breaks user copies of PV kernels; its RDTSCP under nested SVM cannot be decoded; with its
    # XSAVE, processes crash at random as soon as two domains share a processor (docs/decisions/003).
    model = ["-cpu", "max,-smap,-rdtscp" + ("" if options.xsave else ",-xsave")
             + ("" if options.erms else ",-erms,-fsrm")]
    if options.icount:
        return ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", *model]
    return ["-accel", "tcg,thread=multi", *model]


def _disk(name: str, image: Path) -> list[str]:
    drive = f"if=none,id={name},file={_escaped(image)},format=raw,snapshot=on,cache=unsafe,aio=threads"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},serial={name}"]


def kernel_arguments(options: Options) -> str:
    """Of Linux, but for its console."""
    return ("rdinit=/init systemd.unit=zocalo-lab.target net.ifnames=0 mitigations=off "
            "init_on_alloc=0 audit=0 apparmor=0 nowatchdog cryptomgr.notests rodata=off "
            # Certificates, keyboards and the like: seconds under emulation, unused here.
            "initcall_blacklist=load_system_certificate_list,init_encrypted,digsig_init,init_zswap,"
            "i8042_init,init_acpi_pm_clocksource,selinux_nf_ip_init "
            "systemd.mask=serial-getty@hvc0.service systemd.mask=serial-getty@ttyS0.service "
            f"{'lab.share ' if options.share else ''}{options.kernel_args}").strip()


def hypervisor_arguments(options: Options) -> str:
    dom0 = min(DOM0_MIB, options.memory_mib // 2)
    return (f"console=com1 com1=115200,8n1 loglvl=info guest_loglvl=info noreboot=1 bootscrub=0 "
            f"dom0_mem={dom0}M,max:{dom0}M dom0_max_vcpus={options.cpus} {options.hypervisor_args}").strip()


def _boot(options: Options, images: Images, run: Path) -> list[str]:
    initrd = run / "initrd.cpio"
    linux = kernel_arguments(options)
    if options.iso is not None:
        return ["-cdrom", str(options.iso), "-boot", "d"]
    if options.hypervisor == "none":
        return ["-kernel", str(images.kernel), "-initrd", str(initrd),
                "-append", f"console=ttyS0,115200 {linux}"]
    hypervisor = core_image() if options.hypervisor == "core" else images.xen
    # Xen would unpack the compressed kernel slowly, under emulation.
    module = f"{_escaped(images.kernel_elf)} console=hvc0 {_escaped(linux)},{_escaped(initrd)}"
    return ["-kernel", str(hypervisor), "-append", hypervisor_arguments(options), "-initrd", module]


def _escaped(value) -> str:
    """QEMU splits option values at commas; a doubled one stands for itself."""
    return str(value).replace(",", ",,")
