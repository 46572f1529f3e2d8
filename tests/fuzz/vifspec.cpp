// SPDX-License-Identifier: Apache-2.0
// Network interface specifications: any text gives an interface or an error.
#include "cli/cfg/vif_spec.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size)
{
    const std::string text(data, data + size);
    std::vector<std::string> warnings;
    const auto nic = zocalo::cli::cfg::parse_vif_spec({&text, 1}, warnings);
    if (nic && !nic->mac.empty() && nic->mac.size() != 17)
        std::abort();
    return 0;
}
