// SPDX-License-Identifier: Apache-2.0
// xdp: puts a BPF program on a network card, run by root inside a guest (lab/test_cards.py).
//
//     xdp eth0      prints "on" once it is there; takes it away when it ends
#include "common/posix/unique_fd.hpp"

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using zocalo::UniqueFd;
using Register = std::uint8_t;

[[noreturn]] void die(const char* what)
{
    std::perror(what);
    std::exit(1);
}

constexpr bpf_insn
insn(int code, Register to, Register from, std::int16_t offset, std::int32_t value)
{
    bpf_insn out{};
    out.code = static_cast<std::uint8_t>(code);
    out.dst_reg = to & 0xf;
    out.src_reg = from & 0xf;
    out.off = offset;
    out.imm = value;
    return out;
}
constexpr bpf_insn set(Register to, std::int32_t value)
{
    return insn(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}
constexpr bpf_insn copy(Register to, Register from)
{
    return insn(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}
constexpr bpf_insn load(int size, Register to, Register from, std::int16_t offset)
{
    return insn(BPF_LDX | size | BPF_MEM, to, from, offset, 0);
}
constexpr bpf_insn jump(int when, Register left, std::int32_t right, std::int16_t over)
{
    return insn(BPF_JMP | when | BPF_K, left, 0, over, right);
}
constexpr bpf_insn call(std::int32_t function)
{
    return insn(BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

constexpr std::int32_t kRoom = 64; // bytes before the frame, as a program that encapsulates takes
constexpr std::int32_t kArp = 0x0608, kIpv4 = 0x0008; // EtherTypes as this machine reads them

constexpr std::array kProgram{
    copy(6, 1),
    set(2, -kRoom),
    call(BPF_FUNC_xdp_adjust_head),
    jump(BPF_JNE, 0, 0, 13), // no room: drop
    copy(1, 6),
    set(2, kRoom),
    call(BPF_FUNC_xdp_adjust_head),
    load(BPF_W, 2, 6, offsetof(xdp_md, data)),
    load(BPF_W, 3, 6, offsetof(xdp_md, data_end)),
    copy(4, 2),
    insn(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, 14),
    insn(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 5, 0), // shorter than a header: drop
    load(BPF_H, 5, 2, 12),
    jump(BPF_JEQ, 5, kArp, 1),
    jump(BPF_JNE, 5, kIpv4, 2),
    set(0, XDP_PASS),
    insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    set(0, XDP_DROP),
    insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
};

UniqueFd bpf(bpf_cmd command, bpf_attr& what)
{
    return UniqueFd{static_cast<int>(::syscall(SYS_bpf, command, &what, sizeof what))};
}

UniqueFd load_program()
{
    std::array<char, 16384> log{};
    bpf_attr what{};
    what.prog_type = BPF_PROG_TYPE_XDP;
    what.insns = reinterpret_cast<std::uintptr_t>(kProgram.data());
    what.insn_cnt = kProgram.size();
    what.license = reinterpret_cast<std::uintptr_t>("Apache-2.0");
    what.log_buf = reinterpret_cast<std::uintptr_t>(log.data());
    what.log_size = log.size();
    what.log_level = 1;
    UniqueFd program = bpf(BPF_PROG_LOAD, what);
    if (!program) {
        std::fputs(log.data(), stderr);
        die("xdp: load");
    }
    return program;
}

} // namespace

int main(int argc, char** argv)
{
    const unsigned card = argc > 1 ? ::if_nametoindex(argv[1]) : 0;
    if (card == 0)
        die("xdp: needs the name of a network card");
    const UniqueFd program = load_program();
    bpf_attr what{};
    what.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
    what.link_create.target_ifindex = card;
    what.link_create.attach_type = BPF_XDP;
    const UniqueFd link = bpf(BPF_LINK_CREATE, what);
    if (!link)
        die("xdp: attach");
    std::puts("on");
    std::fflush(stdout);
    ::pause(); // the link ends with the process
}
