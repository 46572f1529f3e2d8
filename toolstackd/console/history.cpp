// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/history.hpp"

#include <algorithm>

namespace zocalo::toolstack {

void History::append(std::string_view data)
{
    data_ += data;
    if (data_.size() > 2 * capacity_) {
        const std::size_t drop = data_.size() - capacity_;
        data_.erase(0, drop);
        dropped_ += drop;
    }
}

std::string_view History::kept() const
{
    const std::string_view all = data_;
    return all.substr(all.size() - std::min(all.size(), capacity_));
}

std::string_view History::tail(std::size_t bytes) const
{
    const std::string_view all = kept();
    return all.substr(all.size() - std::min(all.size(), bytes));
}

History::Slice History::read(std::uint64_t position, std::size_t most) const
{
    Slice slice;
    const std::uint64_t from = std::clamp(position, begin(), end());
    slice.lost = from > position ? from - position : 0;
    slice.data = kept().substr(static_cast<std::size_t>(from - begin()), most);
    return slice;
}

} // namespace zocalo::toolstack
