// SPDX-License-Identifier: Apache-2.0
// Files for images of a test, a buffer for their transfers, and a note of each that ended.
#pragma once

#include "backends/blk/uring_image.hpp"
#include "common/base/address.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace zocalo::blk::test {

struct ImageWorld : testing::Test {
    backend::Worker worker;
    boost::asio::io_context io;
    std::string path; // of the file made last
    std::vector<Completion> done;
    struct alignas(kPageSize) Page {
        std::byte bytes[8 * kPageSize];
    };
    std::unique_ptr<Page> page = std::make_unique<Page>();

    // Its name is gone before the test ends.
    UniqueFd file(off_t bytes, int access = O_RDWR)
    {
        forget_file();
        const char* folder = std::getenv("TMPDIR");
        path = std::string{folder != nullptr ? folder : "/var/tmp"} + "/image_test.XXXXXX";
        UniqueFd made{::mkstemp(path.data())};
        EXPECT_TRUE(made);
        EXPECT_EQ(::ftruncate(made.get(), bytes), 0);
        return UniqueFd{::open(path.c_str(), access | O_CLOEXEC)};
    }
    ~ImageWorld() override { forget_file(); }
    void forget_file()
    {
        if (!path.empty())
            ::unlink(path.c_str());
    }
    // In memory: the kernel is done when it has taken a transfer.
    UniqueFd memory(off_t bytes)
    {
        UniqueFd made{::memfd_create("image_test", MFD_CLOEXEC)};
        EXPECT_TRUE(made);
        EXPECT_EQ(::ftruncate(made.get(), bytes), 0);
        return made;
    }
    void listen(Image& image)
    {
        image.on_completed([this](std::span<const Completion> all) {
            done.insert(done.end(), all.begin(), all.end());
        });
    }
    std::span<std::byte> buffer(std::size_t bytes) { return {page->bytes, bytes}; }
    void run_until(std::size_t count)
    {
        while (done.size() < count)
            io.run_one();
    }
};

} // namespace zocalo::blk::test
