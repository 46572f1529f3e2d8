// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/nearest.hpp"

#include <algorithm>
#include <vector>

namespace zocalo::cli::cfg {
namespace {

constexpr std::size_t kMaxWord = 64; // longer words are nobody's misspelling

} // namespace

unsigned edit_distance(std::string_view a, std::string_view b)
{
    a = a.substr(0, kMaxWord);
    b = b.substr(0, kMaxWord);
    // Optimal string alignment: three rows of the table are enough.
    std::vector<unsigned> two_up(b.size() + 1), up(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j)
        up[j] = static_cast<unsigned>(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = static_cast<unsigned>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const unsigned change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({up[j] + 1, row[j - 1] + 1, up[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], two_up[j - 2] + 1);
        }
        two_up.swap(up);
        up.swap(row);
    }
    return up[b.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known)
{
    std::string_view best;
    unsigned best_distance = static_cast<unsigned>(std::min(word.size(), kMaxWord) / 3) + 1;
    for (const std::string_view candidate : known) {
        const unsigned distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

} // namespace zocalo::cli::cfg
