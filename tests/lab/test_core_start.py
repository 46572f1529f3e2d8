# SPDX-License-Identifier: Apache-2.0
"""Our hypervisor started wrongly: one line says what is wrong and what to do, then it stops. No dom0 runs here."""
import shutil
from pathlib import Path

import pytest

from lab import bare, images, qemu


@pytest.fixture(scope="module", autouse=True)
def core() -> Path:
    if qemu.core_image() is None:
        pytest.skip("zocalo-core is not built: ./dev build release makes it")
    return qemu.core_image()


@pytest.fixture(scope="module")
def text_file(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("modules") / "readme"
    path.write_text("not a kernel\n" * 1000)
    return str(path)


def stops(says: str, *also: str, **how):
    """It says so in one line, and nothing of it runs on."""
    text = bare.core(**how)
    line = next((line for line in text.splitlines() if says in line), None)
    assert line is not None, text
    assert all(word in line for word in also), line
    assert "called from" not in text and "  rip " not in text


def test_without_a_module_it_asks_for_a_kernel():
    stops("cannot start dom0: no kernel was loaded", "vmlinux")


def test_a_file_that_is_no_kernel_is_named_as_such(text_file):
    stops("neither an ELF file nor a Linux bzImage", "vmlinux with CONFIG_XEN_PV", modules=[text_file])


def test_a_program_without_xens_notes_is_no_kernel_for_it(core):
    stops("cannot start dom0", "CONFIG_XEN_PV", modules=[str(core)])


def test_a_truncated_kernel_is_refused(deb, tmp_path):
    kernel = images.ensure(deb).kernel_elf.read_bytes()
    (tmp_path / "vmlinux").write_bytes(kernel[:1 << 20])
    stops("cannot start dom0", modules=[str(tmp_path / "vmlinux")])


def test_a_compressed_kernel_comes_with_advice(deb):
    stops("compressed bzImage", "extract-vmlinux", modules=[str(images.ensure(deb).kernel)])


def test_too_little_memory_for_the_kernel(deb, tmp_path):
    """As little as fits the modules, but not dom0 with them."""
    kernel = tmp_path / "vmlinux"
    shutil.copyfile(images.ensure(deb).kernel_elf, kernel)
    stops("cannot start dom0", "more memory", "dom0_mem=", modules=[str(kernel)], memory_mib=160)


def test_a_dom0_of_no_size(deb):
    stops("cannot start dom0", "dom0_mem=", arguments="dom0_mem=16M", modules=[str(images.ensure(deb).kernel_elf)])


def test_too_little_memory_for_the_hypervisor_itself():
    stops("give the machine more", memory_mib=4)


def test_a_processor_without_no_execute_pages():
    stops("no 64-bit mode with no-execute pages", "use another", processor="qemu64,nx=off", until="use another one")


def test_a_processor_without_fxsave():
    stops("this processor has no FXSAVE", "use another", processor="qemu64,fxsr=off")


def test_an_unknown_option_is_named_and_the_rest_goes_on():
    text = bare.core("dom0_mme=1G maxcpus=1")
    assert "unknown option 'dom0_mme=1G' ignored" in text and "README.md" in text
    assert "cannot start dom0" in text


def test_the_defences_can_be_switched_off_and_on():
    assert "indirect branches by retpoline" in bare.core()
    assert "indirect branches undefended" in bare.core("spec-ctrl=no")
    assert "unknown option 'spec-ctrl=maybe'" in bare.core("spec-ctrl=maybe")
