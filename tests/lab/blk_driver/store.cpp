// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/blk_driver/store.hpp"

#include <cstdlib>
#include <stdexcept>

extern "C" {
#include <xenstore.h>
}

namespace zocalo::lab {
namespace {

void need(bool good, const std::string& what)
{
    if (!good)
        throw std::runtime_error{"xenstore: " + what};
}

} // namespace

Store::Store() : handle_{::xs_open(0)}
{
    need(handle_ != nullptr, "open");
}
Store::~Store()
{
    ::xs_close(handle_);
}

std::optional<std::string> Store::read(const std::string& path)
{
    unsigned length = 0;
    void* value = ::xs_read(handle_, XBT_NULL, path.c_str(), &length);
    if (value == nullptr)
        return std::nullopt;
    std::string text{static_cast<char*>(value), length};
    std::free(value);
    return text;
}

void Store::write(const std::string& path, const std::string& value)
{
    need(
        ::xs_write(
            handle_, XBT_NULL, path.c_str(), value.data(), static_cast<unsigned>(value.size())
        ),
        "write " + path
    );
}

void Store::remove(const std::string& path)
{
    ::xs_rm(handle_, XBT_NULL, path.c_str());
}

void Store::directory(const std::string& path, unsigned owner, unsigned reader)
{
    xs_permissions rights[2] = {{owner, XS_PERM_NONE}, {reader, XS_PERM_READ}};
    need(::xs_mkdir(handle_, XBT_NULL, path.c_str()), "mkdir " + path);
    need(::xs_set_permissions(handle_, XBT_NULL, path.c_str(), rights, 2), "chmod " + path);
}

void Store::watch(const std::string& path)
{
    need(::xs_watch(handle_, path.c_str(), path.c_str()), "watch " + path);
}

int Store::fd()
{
    return ::xs_fileno(handle_);
}

std::vector<std::string> Store::changed()
{
    std::vector<std::string> paths;
    while (char** event = ::xs_check_watch(handle_)) {
        paths.emplace_back(event[XS_WATCH_PATH]);
        std::free(event);
    }
    return paths;
}

} // namespace zocalo::lab
