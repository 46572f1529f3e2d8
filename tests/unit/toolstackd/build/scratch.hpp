// SPDX-License-Identifier: Apache-2.0
// A temporary folder for one test, and files in it.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

namespace zocalo::test {

class Scratch {
  public:
    Scratch()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "zocalo-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::filesystem::path& path() const { return path_; }
    std::string write(const std::string& name, std::span<const std::byte> bytes) const
    {
        const auto file = path_ / name;
        std::ofstream out{file, std::ios::binary | std::ios::trunc};
        out.write(
            reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())
        );
        return file.string();
    }

  private:
    std::filesystem::path path_;
};

} // namespace zocalo::test
