// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/packer.hpp"
#include "tests/unit/toolstackd/build/scratch.hpp"
#include "toolstackd/build/kernel_cache.hpp"
#include "toolstackd/build/kernel_store.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sys/stat.h>
#include <thread>

namespace zocalo::toolstack {
namespace {

using namespace zocalo::test;
namespace fs = std::filesystem;

std::vector<fs::path> files_in(const fs::path& folder)
{
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator{folder})
        if (entry.is_regular_file())
            files.push_back(entry.path());
    return files;
}

Bytes contents(const Kernel& kernel, std::size_t size)
{
    Bytes bytes(size);
    EXPECT_TRUE(kernel.read(0, bytes));
    return bytes;
}

class KernelStoreTest : public testing::Test {
  protected:
    Scratch scratch_;
    fs::path cache_{scratch_.path() / "cache"};
    Bytes elf_{kernel_file()};
    std::string path_{scratch_.write("vmlinuz", make_bzimage(packed(elf_, xen::Packing::xz)))};
};

TEST_F(KernelStoreTest, UnpacksAKernelAndKeepsItByContent)
{
    KernelStore store{cache_};
    const auto kernel = store.load(path_);
    ASSERT_TRUE(kernel) << describe(kernel.error());
    EXPECT_EQ(contents(**kernel, elf_.size()), elf_);
    EXPECT_EQ((*kernel)->image().paddr_start, kKernelAt);
    const auto files = files_in(cache_);
    ASSERT_EQ(files.size(), 1u) << "no temporary file may stay";
    EXPECT_EQ(files[0].filename().string().size(), 64u + 4);
}

TEST_F(KernelStoreTest, GivesTheSameKernelWithoutReadingAgain)
{
    KernelStore store{cache_};
    const auto first = store.load(path_);
    ASSERT_TRUE(first);
    fs::remove_all(cache_);
    const auto second = store.load(path_);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->get(), second->get());
    EXPECT_FALSE(fs::exists(cache_));
}

TEST_F(KernelStoreTest, ANewProcessUsesTheCachedFile)
{
    ASSERT_TRUE(KernelStore{cache_}.load(path_));
    const auto file = files_in(cache_).at(0);
    const auto written = fs::last_write_time(file);
    const auto kernel = KernelStore{cache_}.load(path_);
    ASSERT_TRUE(kernel);
    EXPECT_EQ(contents(**kernel, elf_.size()), elf_);
    EXPECT_EQ(fs::last_write_time(file), written);
}

// How it is known that a record is believed: it is made to lie.
TEST_F(KernelStoreTest, AnUnchangedKernelIsNotReadAgainByTheNextProcess)
{
    using namespace std::chrono_literals;
    ASSERT_TRUE((KernelStore{cache_, 0s}.load(path_)));
    ElfSpec spec = linux_like();
    spec.segments[0].content[5] = std::byte{0x99};
    const Bytes other = make_elf(spec);
    const std::string digest = digest_of(other);
    auto stored = store_cached(cache_, digest, other, 16);
    ASSERT_TRUE(stored);
    struct stat info {};
    ASSERT_EQ(::stat(path_.c_str(), &info), 0);
    remember_kernel(cache_, identity_of(info), {digest, *identity_of_open(stored->get())});
    const auto believed = KernelStore{cache_, 0s}.load(path_);
    ASSERT_TRUE(believed);
    EXPECT_EQ(contents(**believed, other.size()), other);
    // The entry changes: the record is old, and the kernel is read as if there were none.
    fs::resize_file(cache_ / (digest + ".elf"), 100);
    const auto read = KernelStore{cache_, 0s}.load(path_);
    ASSERT_TRUE(read);
    EXPECT_EQ(contents(**read, elf_.size()), elf_);
}

TEST_F(KernelStoreTest, AYoungFileIsNotRemembered)
{
    ASSERT_TRUE(KernelStore{cache_}.load(path_));
    EXPECT_FALSE(fs::exists(cache_ / "by-file"));
    ASSERT_TRUE((KernelStore{cache_, std::chrono::seconds{0}}.load(path_)));
    EXPECT_EQ(files_in(cache_ / "by-file").size(), 1u);
}

TEST_F(KernelStoreTest, ADamagedRecordOnlyCostsTheReading)
{
    const auto none = std::chrono::seconds{0};
    ASSERT_TRUE((KernelStore{cache_, none}.load(path_)));
    for (const char* text : {"", "x", "../../etc/passwd 1 2 3 4 5", "0123 1 2 3"}) {
        std::ofstream{files_in(cache_ / "by-file").at(0)} << text;
        const auto kernel = KernelStore{cache_, none}.load(path_);
        ASSERT_TRUE(kernel) << text;
        EXPECT_EQ(contents(**kernel, elf_.size()), elf_);
    }
}

TEST_F(KernelStoreTest, NoticesDamageInTheCacheAndRepairsIt)
{
    ASSERT_TRUE(KernelStore{cache_}.load(path_));
    const auto file = files_in(cache_).at(0);
    const auto size = fs::file_size(file);
    for (const auto& damage : std::initializer_list<std::function<void()>>{
             [&] { fs::resize_file(file, size - 1); },
             [&] { fs::resize_file(file, 3); },
             [&] { fs::resize_file(file, 0); },
             [&] { fs::resize_file(file, size + 5); },
             [&] {
                 std::fstream f{file, std::ios::in | std::ios::out | std::ios::binary};
                 f.seekp(300);
                 f.put('!');
             },
         }) {
        damage();
        const auto kernel = KernelStore{cache_}.load(path_);
        ASSERT_TRUE(kernel);
        EXPECT_EQ(contents(**kernel, elf_.size()), elf_);
        EXPECT_EQ(fs::file_size(file), size) << "the entry must be whole again";
    }
}

TEST_F(KernelStoreTest, AKernelReplacedInPlaceIsAnotherKernel)
{
    KernelStore store{cache_};
    const auto first = store.load(path_);
    ASSERT_TRUE(first);
    ElfSpec other = linux_like();
    other.segments[0].content[5] = std::byte{0x99};
    scratch_.write("vmlinuz", make_bzimage(packed(make_elf(other), xen::Packing::gzip)));
    const auto second = store.load(path_);
    ASSERT_TRUE(second);
    EXPECT_EQ(contents(**second, elf_.size()), make_elf(other));
    EXPECT_EQ(contents(**first, elf_.size()), elf_) << "who has the old one keeps it";
}

TEST_F(KernelStoreTest, WorksWithoutAFolder)
{
    for (const fs::path& folder : {fs::path{}, fs::path{"/proc/none"}, fs::path{path_}}) {
        KernelStore store{folder};
        const auto kernel = store.load(path_);
        ASSERT_TRUE(kernel) << describe(kernel.error());
        EXPECT_EQ(contents(**kernel, elf_.size()), elf_);
    }
}

TEST_F(KernelStoreTest, KeepsOnlySoManyFiles)
{
    KernelStore store{cache_};
    for (unsigned i = 0; i < KernelStore::kMaxCached + 5; ++i) {
        ElfSpec spec = linux_like();
        spec.segments[0].content[0] = static_cast<std::byte>(i);
        ASSERT_TRUE(store.load(scratch_.write("k" + std::to_string(i), make_elf(spec))));
    }
    EXPECT_EQ(files_in(cache_).size(), KernelStore::kMaxCached);
}

TEST_F(KernelStoreTest, ManyThreadsGetOneKernel)
{
    KernelStore store{cache_};
    std::vector<const Kernel*> seen(8);
    {
        std::vector<std::jthread> threads;
        for (auto& slot : seen)
            threads.emplace_back([&] { slot = store.load(path_).value().get(); });
    }
    for (const Kernel* kernel : seen)
        EXPECT_EQ(kernel, seen[0]);
}

TEST_F(KernelStoreTest, ErrorsNameTheFileAndTheCause)
{
    KernelStore store{cache_};
    const auto why = [&](const std::string& path) {
        const auto kernel = store.load(path);
        EXPECT_FALSE(kernel);
        EXPECT_NE(kernel.error().what.find(path), std::string::npos) << kernel.error().what;
        return kernel.error().what;
    };
    EXPECT_NE(why("/no/such/kernel").find("No such file"), std::string::npos);
    EXPECT_EQ(store.load("/no/such/kernel").error().code, Code::not_found);
    EXPECT_NE(why(scratch_.path().string()).find("not a regular file"), std::string::npos);
    EXPECT_NE(why(scratch_.write("empty", {})).find("empty"), std::string::npos);
    EXPECT_NE(why(scratch_.write("text", to_bytes("hello"))).find("bzImage"), std::string::npos);
    ElfSpec noteless = linux_like();
    noteless.notes.clear();
    EXPECT_NE(
        why(scratch_.write("plain", make_elf(noteless))).find("Xen ELF notes"), std::string::npos
    );
    const std::string fifo = (scratch_.path() / "fifo").string();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_NE(why(fifo).find("not a regular file"), std::string::npos);
    EXPECT_FALSE(fs::exists(cache_)) << "bad kernels must leave nothing behind";
}

TEST_F(KernelStoreTest, ReadingPastTheEndIsAnError)
{
    KernelStore store{cache_};
    const auto kernel = store.load(path_);
    ASSERT_TRUE(kernel);
    Bytes bytes(10);
    EXPECT_FALSE((*kernel)->read(1ULL << 40, bytes));
}

} // namespace
} // namespace zocalo::toolstack
