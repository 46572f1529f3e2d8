# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a Debian guest on our daemon and our backends, from nothing to `DEMO OK`.

Every step proves itself: checksums are compared, and a step that cannot show its result ends the run.
"""
import argparse
import sys
import time

from lab import cli, images, qemu
from lab.errors import LabError
from lab.guest_shell import GuestShell
from lab.machine import Machine

GUESTS = "/var/lib/zocalo-lab/guests"
WORK = "/var/lib/zocalo-lab/demo"
CONFIG = f"""# The demo's guest, in xl.cfg syntax.
name = "demo"
type = "{{type}}"
kernel = "{GUESTS}/vmlinuz"
ramdisk = "{GUESTS}/initrd.img"
cmdline = "root=/dev/xvda rw console=hvc0 guest.ip=10.77.0.2/24 mitigations=off"
memory = 384
vcpus = 2
disk = [ "format=raw, vdev=xvda, access=rw, target={WORK}/root.img",
         "format=raw, vdev=xvdb, access=rw, target={WORK}/data.img" ]
vif = [ "mac=00:16:3e:5a:0c:a1, bridge=xenbr0" ]
"""
BOOT_LIMIT_S = 600


class Demo:
    """The steps in order, each timed; `rows` is the table printed at the end."""

    def __init__(self, machine: Machine, guest_type: str):
        self.machine, self.guest_type = machine, guest_type
        self.rows: list[tuple[str, str, float]] = []
        self.guest: GuestShell | None = None

    def step(self, title: str, action):
        say(f"\n── {title}")
        start = time.monotonic()
        result = action() or "ok"
        self.rows.append((title, result, time.monotonic() - start))
        say(f"   {result}")

    def zl(self, *words: str, timeout: float = 120) -> str:
        say("   dom0# zl " + " ".join(words))
        return self.machine.must(["zl", *words], timeout)

    def prepare(self):
        self.machine.must(
            f"mkdir -p {WORK} && cp --sparse=always {GUESTS}/debian.img {WORK}/root.img"
            f" && truncate -s 256M {WORK}/data.img && truncate -s 128M {WORK}/hot.img"
            " && ip link add xenbr0 type bridge forward_delay 0 && ip address add 10.77.0.1/24 dev xenbr0"
            " && ip link set xenbr0 up")
        self.machine.put(f"{WORK}/demo.cfg", CONFIG.format(type=self.guest_type))
        version = self.machine.must("xl info xen_version").strip()
        name = "zocalo-core" if version.endswith("-zocalo") else "Xen"
        return f"{name} {version}, dom0 {self.machine.must('uname -r').strip()}, bridge xenbr0"

    def create(self):
        self.zl("create", f"{WORK}/demo.cfg")
        return self.zl("domid", "demo").strip() + " is its domid"

    def boot(self):
        self.guest = GuestShell(self.machine, ["zl", "console", "demo"], echo=show)
        self.guest.expect(r"root@\S+#", BOOT_LIMIT_S)
        say("")
        self.guest.must("dmesg -n 1")  # what its kernel says would stand between what commands say
        return "kernel " + self.guest.must("uname -r").strip()

    def disk(self):
        guest = self.guest
        guest.must("printf ',,L\\n' | sfdisk --quiet /dev/xvdb && udevadm settle")
        guest.must("mkfs.ext4 -q /dev/xvdb1 && mount /dev/xvdb1 /mnt")
        guest.must("dd if=/dev/urandom of=/mnt/data bs=1M count=24 status=none && sync")
        wrote = guest.must("sha256sum < /mnt/data").split()[0]
        guest.must("umount /mnt && blockdev --flushbufs /dev/xvdb && mount /dev/xvdb1 /mnt")
        read = guest.must("sha256sum < /mnt/data").split()[0]
        if wrote != read:
            raise LabError(f"the disk gave back other data: {wrote} became {read}")
        # The oracle: dom0 reads the image itself, past the guest and past the backend.
        guest.must("umount /mnt")
        outside = self.machine.must(
            f"mkdir -p {WORK}/m && mount -o loop,ro,offset=1048576 {WORK}/data.img {WORK}/m"
            f" && sha256sum < {WORK}/m/data; umount {WORK}/m").split()[0]
        if outside != wrote:
            raise LabError(f"dom0 sees other data in the image: {wrote} became {outside}")
        return f"24 MiB, sha256 {wrote[:12]}… in the guest and in dom0"

    def network(self):
        guest, machine = self.guest, self.machine
        guest.must("ping -c 3 -W 5 10.77.0.1", 30)
        machine.must("pkill -x nc; nc -h 2>&1 | head -1; true")
        made = machine.must(f"head -c 16M /dev/urandom > {WORK}/net && sha256sum < {WORK}/net").split()[0]
        server = machine.start(f"busybox nc -l -p 7000 < {WORK}/net")
        server.end_input()
        there = guest.must("sleep 1; nc -d 10.77.0.1 7000 > /tmp/net; sha256sum < /tmp/net", 120).split()[0]
        if there != made:
            raise LabError(f"dom0 to guest: {made} became {there}")
        back = machine.start("busybox nc -l -p 7001 | sha256sum")
        back.end_input()
        guest.must("sleep 1; nc -N 10.77.0.1 7001 < /tmp/net", 120)
        _, out, _ = back.collect(60)
        if out.decode().split()[0] != made:
            raise LabError("guest to dom0: the data changed on its way")
        return f"ping; 16 MiB each way, sha256 {made[:12]}… at both ends"

    def hot_disk(self):
        guest = self.guest
        self.zl("block-attach", "demo", f"format=raw, vdev=xvdc, access=rw, target={WORK}/hot.img")
        guest.must("for i in $(seq 50); do test -b /dev/xvdc && break; sleep 0.2; done; test -b /dev/xvdc")
        guest.must("mkfs.ext4 -q /dev/xvdc && mount /dev/xvdc /mnt"
                   " && cp /tmp/net /mnt/net && cmp /tmp/net /mnt/net && umount /mnt")
        self.zl("block-detach", "demo", "xvdc")
        # The guest's kernel takes the node away when the device's xenstore nodes are gone, on its own time.
        guest.must("for i in $(seq 50); do test -b /dev/xvdc || break; sleep 0.2; done; ! test -b /dev/xvdc")
        self.machine.must(f"e2fsck -fn {WORK}/hot.img")
        return "attached, used, detached; e2fsck in dom0 is content"

    def kill_daemon(self):
        guest, machine = self.guest, self.machine
        guest.must("mount /dev/xvdb1 /mnt")
        guest.must("(fio --name=verify --filename=/mnt/fio --size=24m --bs=16k --rw=randwrite --direct=1"
                   " --ioengine=libaio --iodepth=8 --verify=crc32c --do_verify=1 > /tmp/fio.log 2>&1;"
                   " echo $? > /tmp/fio.status) & true")
        before = machine.must("systemctl show -P MainPID toolstackd").strip()
        machine.must(f"kill -9 {before}")
        say(f"   dom0# kill -9 {before}    (toolstackd, while the guest writes)")
        machine.must("for i in $(seq 100); do zl list demo >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1", 90)
        after = machine.must("systemctl show -P MainPID toolstackd").strip()
        if after in (before, "0"):
            raise LabError("toolstackd did not come back")
        guest.close()
        self.guest = guest = GuestShell(machine, ["zl", "console", "demo"])
        guest.expect(r"Linux version", 30)  # the history from before the kill is replayed
        guest.send("\n")
        guest.expect(r"root@\S+#\s*\Z", 30)
        guest.must("for i in $(seq 600); do test -s /tmp/fio.status && break; sleep 0.2; done;"
                   " cat /tmp/fio.log | tail -3; test \"$(cat /tmp/fio.status)\" = 0", 180)
        return f"pid {before} → {after}; fio verified, console history continues"

    def finish(self):
        self.zl("shutdown", "-w", "demo", timeout=180)
        left = self.machine.must("zl list -o csv -c name").split()
        if "demo" in left:
            raise LabError("the domain is still listed after its shutdown")
        # The directories of the kinds (zblk, znet) are the host's; what is below them belongs to domains.
        remains = self.machine.must("backends=/local/domain/0/zocalo/backend;"
                                    " for kind in $(xenstore-list $backends); do"
                                    " xenstore-list $backends/$kind; done;"
                                    " ip -br link show type tun;"
                                    " pgrep -a 'zocalo-(blk|net)back' || true").strip()
        if remains:
            raise LabError(f"something was left behind:\n{remains}")
        return "clean: no domain, process, tap or xenstore node left"

    def run(self):
        self.step("dom0 is up, our package installed", self.prepare)
        self.step("zl create: an unmodified Debian guest with two disks and a vif", self.create)
        self.step("it boots, on its console", self.boot)
        self.step("disk: partition, format, write, re-read, compare", self.disk)
        self.step("network: ping and data both ways", self.network)
        self.step("a second disk, attached and detached while it runs", self.hot_disk)
        self.step("kill -9 of the daemon while I/O runs", self.kill_daemon)
        self.step("shutdown; nothing left behind", self.finish)

    def table(self):
        width = max(len(title) for title, _, _ in self.rows)
        say("")
        for title, result, seconds in self.rows:
            say(f"{title.ljust(width)}  {seconds:6.1f} s  {result}")


def say(text: str):
    print(text, flush=True)


def show(data: bytes):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev demo", description="The platform's main job, shown and proved.")
    parser.add_argument("--hypervisor", choices=["core", "xen"], default="core",
                        help="below it all: our own (default) or Xen")
    parser.add_argument("--type", choices=["pv", "pvh"], default="pv", help="the guest's type (default pv)")
    parser.add_argument("--memory", type=int, default=1536, help="MiB of the whole machine")
    parser.add_argument("--shell", action="store_true", help="at the end, a root shell in dom0 instead of power-off")
    parser.add_argument("--cpus", type=int, default=2, help="of the machine (default 2)")
    args = parser.parse_args()
    args.no_deb, args.deb = False, None
    try:
        options = qemu.Options(hypervisor=args.hypervisor, cpus=args.cpus, memory_mib=args.memory)
        qemu.check(options)
        deb = cli.find_deb(args)
        cli.build_images(deb)
        say(f"booting {args.hypervisor} with a Debian dom0 under QEMU …")
        with Machine(options, deb) as machine:
            machine.wait_up()
            say(f"dom0 is up after {time.monotonic() - machine.started:.1f} s")
            demo = Demo(machine, args.type)
            try:
                demo.run()
            except LabError:
                machine.save_evidence()
                raise
            demo.table()
            if args.shell:
                say("\na root shell in dom0; leave it with `exit`")
                cli.shell(machine)
        say("DEMO OK")
        return 0
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        say("DEMO FAILED")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
