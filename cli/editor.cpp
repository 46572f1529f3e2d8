// SPDX-License-Identifier: Apache-2.0
#include "cli/editor.hpp"

#include "cli/cfg/document.hpp"
#include "cli/config_source.hpp"
#include "cli/terminal.hpp"

#include <cerrno>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace zocalo::cli {
namespace {

// A file that goes away with the object.
class TemporaryFile {
  public:
    TemporaryFile() : fd_{::mkostemps(path_.data(), 4, 0)} {}
    ~TemporaryFile()
    {
        if (fd_ < 0)
            return;
        ::close(fd_);
        ::unlink(path_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    int fd() const { return fd_; }
    const std::string& path() const { return path_; }

  private:
    std::string path_{"/tmp/zl-XXXXXX.cfg"};
    int fd_;
};

std::string editor_command()
{
    for (const char* name : {"VISUAL", "EDITOR"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0')
            return value;
    }
    return "vi";
}

} // namespace

Outcome<std::string> edit_text(const std::string& text)
{
    const TemporaryFile file;
    if (file.fd() < 0 || !write_all(file.fd(), text.data(), text.size()))
        return system_error("cannot write a temporary file in /tmp", errno);
    const std::string editor = editor_command();
    // The path is made of our own characters: it needs no quoting.
    const int status = std::system((editor + " " + file.path()).c_str());
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return Error{
            Code::failed, "the editor (" + editor + ") failed: nothing was changed", "set $EDITOR"};
    return read_file(file.path(), cfg::kMaxFile);
}

} // namespace zocalo::cli
