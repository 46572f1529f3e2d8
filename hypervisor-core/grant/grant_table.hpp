// SPDX-License-Identifier: Apache-2.0
// GrantTable: the shared frames in which a domain grants its pages to others (xen/grant_table.h,
// version 1). For now it only has its frames: what maps them for others is still to come here.
#pragma once

#include "common/base/address.hpp"
#include "common/base/result.hpp"

#include <array>

namespace zocalo::hv {

class GrantTable {
  public:
    static constexpr unsigned kMaxFrames = 64;

    unsigned frames() const { return count_; }
    Mfn frame(unsigned index) const { return frames_[index]; }
    // One more frame, already lent to the domain; nospc when there are kMaxFrames.
    Result<Unit> add_frame(Mfn mfn)
    {
        if (count_ == kMaxFrames)
            return Errno::nospc;
        frames_[count_++] = mfn;
        return Unit{};
    }

  private:
    std::array<Mfn, kMaxFrames> frames_{};
    unsigned count_{};
};

} // namespace zocalo::hv
