// SPDX-License-Identifier: Apache-2.0
// ConsoleRing: the backend's view of one PV console page (public/io/console.h). The page belongs to
// the guest, which may write anything there at any time: indices are read once, checked, and an
// impossible one is an error that stops this console only. Knows no event channels; pure over the
// page it is given.
#pragma once

#include "common/base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>

struct xencons_interface;

namespace zocalo::toolstack {

class ConsoleRing {
  public:
    explicit ConsoleRing(xencons_interface& page) : page_{&page} {}

    // Appends what the guest has written to `into` and frees its place: at most one ring (2 KiB) a
    // call. Errno::inval: the producer's index lies.
    Result<std::size_t> take_output(std::string& into);
    // Puts as much of `input` as fits into the guest's input ring and says how much that was.
    // Errno::inval: the consumer's index lies.
    Result<std::size_t> put_input(std::string_view input);

  private:
    xencons_interface* page_;
};

} // namespace zocalo::toolstack
