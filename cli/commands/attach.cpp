// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/attach.hpp"

#include "cli/client/stream.hpp"
#include "cli/terminal.hpp"
#include "common/rpc/json.hpp"

#include <ostream>
#include <thread>
#include <unistd.h>

namespace zocalo::cli {
namespace {

constexpr std::chrono::milliseconds kPollPause{500};

class ConsoleHandler : public StreamHandler {
  public:
    ConsoleHandler(char detach, bool write) : detach_{detach}, write_{write} {}

    bool frame(std::string_view bytes, bool binary) override
    {
        if (binary)
            return write_all(STDOUT_FILENO, bytes.data(), bytes.size());
        const auto message = rpc::parse(bytes);
        if (message && message->is_object())
            if (const auto* end = message->get_object().if_contains("end"))
                end_ = cell_text(*end);
        return true; // the daemon closes
    }

    bool input(std::string_view bytes, std::string& to_send) override
    {
        const std::size_t key = bytes.find(detach_);
        if (write_)
            to_send = bytes.substr(0, key);
        detached_ = key != std::string_view::npos;
        return !detached_;
    }

    const std::string& end() const { return end_; }
    bool detached() const { return detached_; }

  private:
    char detach_;
    bool write_;
    bool detached_{false};
    std::string end_;
};

std::string target_of(const Attachment& attachment)
{
    std::string query;
    if (attachment.replay)
        query += "&replay=" + std::to_string(*attachment.replay);
    if (attachment.write)
        query += attachment.steal ? "&write=1&steal=1" : "&write=1";
    if (!query.empty())
        query.front() = '?';
    return domain_path(attachment.ref, "/console" + query);
}

std::string key_name(char key)
{
    const auto code = static_cast<unsigned char>(key);
    return code < 0x20 ? std::string{"^"} + static_cast<char>(code + 0x40) : std::string{key};
}

} // namespace

Outcome<char> parse_detach_key(std::string_view text)
{
    if (text.size() == 1)
        return text[0];
    if (text.size() == 2 && text[0] == '^') {
        const auto upper =
            static_cast<char>(text[1] >= 'a' && text[1] <= 'z' ? text[1] - 0x20 : text[1]);
        if (upper >= '@' && upper <= '_')
            return static_cast<char>(upper - '@');
    }
    return Error{
        Code::usage, "\"" + std::string{text} + "\" is no key", "write ^] or one character"};
}

Outcome<Unit> attach_console(const Session& session, const Attachment& attachment)
{
    ConsoleHandler handler{attachment.detach, attachment.write};
    if (session.err_is_tty)
        session.err << session.program() << ": attached, " << key_name(attachment.detach)
                    << " detaches\n"
                    << std::flush;
    session.out << std::flush;
    auto result = [&] {
        const RawTerminal raw{STDIN_FILENO};
        return run_stream(
            session.api.socket_path(),
            target_of(attachment),
            STDIN_FILENO,
            handler,
            session.api.limit()
        );
    }();
    if (session.err_is_tty && handler.detached())
        session.err << '\n' << session.program() << ": detached\n";
    if (!handler.end().empty())
        session.err << '\n'
                    << session.program() << ": console ended: " << printable(handler.end()) << '\n';
    return result;
}

Outcome<Unit> wait_for_end(const Session& session, const std::string& ref)
{
    for (;;) {
        const auto detail = session.api.domain(ref);
        if (!detail && detail.error().code == Code::not_found)
            return Unit{};
        if (!detail)
            return detail.error();
        const auto state = detail->domain.state;
        if (state == rpc::DomainState::stopped || state == rpc::DomainState::defined)
            return Unit{};
        std::this_thread::sleep_for(kPollPause);
    }
}

} // namespace zocalo::cli
