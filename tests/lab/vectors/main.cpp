// SPDX-License-Identifier: Apache-2.0
// Keeps a pattern of its own in all AVX registers for SECONDS and looks whether it is still there:
// says how often it looked, or that a register changed, and then ends with 1.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sched.h>
#include <unistd.h>

namespace {

using Registers = std::array<std::uint64_t, 16 * 4>;

#define ZOCALO_EACH(one)                                                                           \
    one(0) one(1) one(2) one(3) one(4) one(5) one(6) one(7) one(8) one(9) one(10) one(11) one(12)  \
        one(13) one(14) one(15)
#define ZOCALO_LOAD(n) "vmovups 32*" #n "(%[in]), %%ymm" #n "\n"
#define ZOCALO_STORE(n) "vmovups %%ymm" #n ", 32*" #n "(%[out])\n"

// Loads all registers, waits or lets others run, stores them; no compiler's code in between.
void round_trip(const Registers& in, Registers& out, bool yield)
{
    std::uint64_t spins = 20000;
    std::uint64_t number = 24; // sched_yield
    asm volatile(
        ZOCALO_EACH(ZOCALO_LOAD) "test %[yield], %[yield]\n"
                                 "jz 1f\n"
                                 "syscall\n"
                                 "1: dec %[spins]\n"
                                 "jnz 1b\n" ZOCALO_EACH(ZOCALO_STORE)
        : [spins] "+r"(spins), "+a"(number)
        : [in] "r"(in.data()), [out] "r"(out.data()), [yield] "r"(static_cast<std::uint64_t>(yield))
        : "rcx",
          "r11",
          "memory",
          "cc",
          "xmm0",
          "xmm1",
          "xmm2",
          "xmm3",
          "xmm4",
          "xmm5",
          "xmm6",
          "xmm7",
          "xmm8",
          "xmm9",
          "xmm10",
          "xmm11",
          "xmm12",
          "xmm13",
          "xmm14",
          "xmm15"
    );
}

} // namespace

int main(int argc, char** argv)
{
    const long seconds = argc > 1 ? std::atol(argv[1]) : 10;
    const std::time_t end = time(nullptr) + seconds;
    Registers in{}, out{};
    std::uint64_t state = static_cast<std::uint64_t>(getpid()) * 0x9e3779b97f4a7c15;
    long rounds = 0;
    for (; time(nullptr) < end; ++rounds) {
        for (std::uint64_t& word : in)
            word = state = state * 6364136223846793005 + 1442695040888963407;
        round_trip(in, out, rounds % 2 == 0);
        for (std::size_t i = 0; i < in.size(); ++i)
            if (in[i] != out[i]) {
                std::printf("ymm%zu changed in round %ld\n", i / 4, rounds);
                return 1;
            }
    }
    std::printf("kept %ld times\n", rounds);
    return rounds == 0 ? 1 : 0;
}
