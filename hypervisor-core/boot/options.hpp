// SPDX-License-Identifier: Apache-2.0
// Options: the hypervisor's command line as values. Which there are: hypervisor-core/README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace zocalo::hv {

// spec-ctrl=: which defences against leaks through speculation are used.
enum class Speculation : std::uint8_t {
    by_processor, // what this one needs
    retpoline,    // bti-thunk=retpoline: also where the processor has something better
    none,         // no
};

struct Options {
    std::uint64_t dom0_bytes{}; // dom0_mem=SIZE; 0: all but what guests are left
    unsigned dom0_vcpus{};      // dom0_max_vcpus=N; 0: one per processor
    unsigned processors{~0U};   // maxcpus=N: how many of the machine's run at most
    bool stays_down{};          // noreboot: after a panic or a crash of dom0
    Speculation speculation{};
    std::string_view first_unknown; // an option nobody knows; empty when all are known
};

// "512M", "1G", "4096" (KiB, as in Xen) in bytes.
std::optional<std::uint64_t> parse_size(std::string_view text);

Options parse_options(std::string_view command_line);

} // namespace zocalo::hv
