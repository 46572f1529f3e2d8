// SPDX-License-Identifier: Apache-2.0
// Prints one man page; run by the build only.
#include "cli/man.hpp"

#include <iostream>
#include <string_view>

int main(int argc, char** argv)
{
    const std::string_view page = argc > 1 ? argv[1] : "";
    if (page == "zl.1")
        zocalo::cli::print_man_zl(std::cout);
    else if (page == "zl.cfg.5")
        zocalo::cli::print_man_cfg(std::cout);
    else
        return 2;
    return std::cout.good() ? 0 : 1;
}
