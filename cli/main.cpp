// SPDX-License-Identifier: Apache-2.0
#include "cli/program.hpp"

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

int main(int argc, char** argv)
{
    std::signal(SIGPIPE, SIG_IGN);
    const char* const socket = std::getenv("ZOCALO_SOCKET");
    const int status = zocalo::cli::run_program(
        {argv, argv + argc},
        {.out = std::cout,
         .err = std::cerr,
         .out_is_tty = ::isatty(STDOUT_FILENO) != 0,
         .err_is_tty = ::isatty(STDERR_FILENO) != 0,
         .socket = socket == nullptr ? "" : socket}
    );
    if (status == 0 && !std::cout) {
        std::cerr << "zl: cannot write to standard output\n";
        return 1;
    }
    return status;
}
