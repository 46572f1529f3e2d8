// SPDX-License-Identifier: Apache-2.0
// The program without its main(): words in, text and an exit status out. Tests run it too.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace zocalo::cli {

struct Surroundings {
    std::ostream& out;
    std::ostream& err;
    bool out_is_tty{false};
    bool err_is_tty{false};
    std::string socket; // of the environment; empty: the default
};

// `words` begins with the program's name, which decides between zl and xl. The status is that of
// docs/api.md's codes (0 ok, 1 failure, 2 usage …); as xl only 0 or 1.
int run_program(const std::vector<std::string>& words, const Surroundings& around);

} // namespace zocalo::cli
