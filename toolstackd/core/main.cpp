// SPDX-License-Identifier: Apache-2.0
// zocalo-dump-core DOMID FILE BYTES: see README.md beside.
#include "toolstackd/core/sparse_file.hpp"

extern "C" { // Xen's library headers have no guard for C++
#include <xenctrl.h>
}

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string_view>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

using namespace zocalo;
using toolstack::SparseFile;

int fail(const Error& error)
{
    std::fprintf(stderr, "%s\n", describe(error).c_str());
    return 1;
}

template <class T> std::optional<T> number(std::string_view text)
{
    T value{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

struct Sink {
    SparseFile file;
    std::optional<Error> failure;
};

// libxenguest calls this for each piece, front to back.
int take(xc_interface*, void* argument, char* buffer, unsigned length)
{
    auto& sink = *static_cast<Sink*>(argument);
    const auto written = sink.file.append(std::as_bytes(std::span(buffer, length)));
    if (written)
        return 0;
    sink.failure = written.error();
    return -1;
}

Outcome<Unit> dump(std::uint32_t domid, const char* path, std::uint64_t limit)
{
    xc_interface* xc = xc_interface_open(nullptr, nullptr, 0);
    if (xc == nullptr)
        return system_error("cannot reach Xen", errno);
    Sink sink{TRY(SparseFile::create(path, limit)), {}};
    const int result = xc_domain_dumpcore_via_callback(xc, domid, &sink, take);
    const int why = errno;
    xc_interface_close(xc);
    if (sink.failure)
        return *sink.failure;
    if (result != 0)
        return system_error("cannot read domain " + std::to_string(domid) + "'s memory", why);
    return sink.file.finish();
}

} // namespace

int main(int argc, char** argv)
{
    // Nobody waits for it when the daemon is gone; the next one starts anew.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto domid = argc == 4 ? number<std::uint32_t>(argv[1]) : std::nullopt;
    const auto limit = argc == 4 ? number<std::uint64_t>(argv[3]) : std::nullopt;
    if (!domid || !limit) {
        std::fputs("usage: zocalo-dump-core DOMID FILE BYTES\n", stderr);
        return exit_status(Code::usage);
    }
    const auto dumped = dump(*domid, argv[2], *limit);
    return dumped ? 0 : fail(dumped.error());
}
