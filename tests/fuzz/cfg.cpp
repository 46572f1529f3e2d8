// SPDX-License-Identifier: Apache-2.0
// Domain configuration files: any bytes give a configuration or an error; what is accepted can be
// written and read again.
#include "cli/cfg/domain_file.hpp"
#include "cli/config_source.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size)
{
    const std::string text(data, data + size);
    const auto file = zocalo::cli::cfg::read_domain_file(text, "fuzz", {});
    if (!file)
        return 0;
    const std::string again = zocalo::cli::config_text(file->config);
    if (!zocalo::cli::cfg::read_domain_file(again, "again", {}))
        std::abort();
    return 0;
}
