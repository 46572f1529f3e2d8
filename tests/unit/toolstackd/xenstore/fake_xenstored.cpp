// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/xenstore/fake_xenstored.hpp"

#include "common/xen-proto/xs_wire.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>
#include <sys/socket.h>
#include <utility>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

struct Node {
    std::string value, permissions;
};
using Tree = std::map<std::string, Node>;

struct Transaction {
    Tree tree;
    std::uint64_t generation;
};

struct Line {
    explicit Line(const asio::any_io_executor& executor, int fd) : stream(executor, fd) {}
    asio::posix::stream_descriptor stream;
    xen::XsReader reader;
    std::array<char, 4096> input{};
    std::string output;
    std::map<std::string, std::string> watches; // token → path
    std::map<std::uint32_t, Transaction> transactions;
};

bool below(const std::string& path, const std::string& root)
{
    return path == root || path.starts_with(root == "/" ? root : root + "/");
}

std::string parent(const std::string& path)
{
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

} // namespace

struct FakeXenstored::State : std::enable_shared_from_this<FakeXenstored::State> {
    State(FakeXenstored& o, asio::any_io_executor e) : owner(&o), executor(std::move(e)) {}

    void read(const std::shared_ptr<Line>& line);
    void received(const std::shared_ptr<Line>& line, std::size_t n);
    void answer(Line& line, const xen::XsMessage& message);
    std::string act(Line& line, const xen::XsMessage& message, Tree& in);
    std::string end(Line& line, const xen::XsMessage& message, bool commit);
    void emit(
        Line& line,
        std::uint32_t type,
        std::uint32_t request,
        std::uint32_t transaction,
        const std::string& payload
    );
    void flush(const std::shared_ptr<Line>& line);
    void fire(const std::string& path);
    static void put(Tree& in, const std::string& path, const std::string& value);
    static void erase(Tree& in, const std::string& path);

    FakeXenstored* owner;
    asio::any_io_executor executor;
    Tree tree{{"/", {}}};
    std::uint64_t generation{};
    std::uint32_t last_transaction{};
    std::vector<std::shared_ptr<Line>> lines;
    std::string error;                // set by act(): the answer is XS_ERROR
    std::vector<std::string> changed; // by act()
};

void FakeXenstored::State::put(Tree& in, const std::string& path, const std::string& value)
{
    if (path != "/" && !in.contains(parent(path)))
        put(in, parent(path), "");
    Node& node = in[path];
    node.value = value;
    if (node.permissions.empty() && path != "/")
        node.permissions = in[parent(path)].permissions;
}

void FakeXenstored::State::erase(Tree& in, const std::string& path)
{
    std::erase_if(in, [&](const auto& entry) { return below(entry.first, path); });
}

void FakeXenstored::State::read(const std::shared_ptr<Line>& line)
{
    line->stream.async_read_some(
        asio::buffer(line->input),
        [self = shared_from_this(), line](boost::system::error_code failed, std::size_t n) {
            if (!failed)
                self->received(line, n);
        }
    );
}

void FakeXenstored::State::received(const std::shared_ptr<Line>& line, std::size_t n)
{
    std::string_view bytes(line->input.data(), n);
    unsigned together = 0;
    while (!bytes.empty() && !line->reader.broken()) {
        bytes.remove_prefix(line->reader.feed(bytes));
        xen::XsMessage message;
        if (line->reader.message(message)) {
            ++owner->requests;
            owner->at_once = std::max(owner->at_once, ++together);
            if (!owner->silent)
                answer(*line, message);
        }
    }
    for (const auto& each : lines)
        flush(each);
    read(line);
}

void FakeXenstored::State::answer(Line& line, const xen::XsMessage& message)
{
    error.clear();
    changed.clear();
    std::string payload;
    const auto id = message.header.tx_id;
    if (id != 0 && !line.transactions.contains(id))
        error = "ENOENT";
    else
        payload = act(line, message, id == 0 ? tree : line.transactions.at(id).tree);
    if (id == 0 && !changed.empty())
        ++generation;
    if (error.empty())
        emit(
            line,
            message.header.type,
            owner->as_device && message.header.type == XS_WATCH ? 0 : message.header.req_id,
            id,
            payload
        );
    else
        emit(line, XS_ERROR, message.header.req_id, id, error + '\0');
    if (id == 0 || message.header.type == XS_TRANSACTION_END)
        for (const std::string& path : std::exchange(changed, {}))
            fire(path);
    if (message.header.type == XS_WATCH && error.empty())
        emit(line, XS_WATCH_EVENT, 0, 0, std::string(message.payload));
}

std::string FakeXenstored::State::act(Line& line, const xen::XsMessage& message, Tree& in)
{
    std::string_view rest = message.payload;
    std::string_view first;
    xen::next_string(rest, first);
    const std::string path{first};
    switch (message.header.type) {
    case XS_READ:
        if (!in.contains(path))
            return error = "ENOENT";
        return in[path].value;
    case XS_DIRECTORY: {
        if (!in.contains(path))
            return error = "ENOENT";
        std::string names;
        for (const auto& [name, node] : in)
            if (name != "/" && name != path && parent(name) == path)
                names += name.substr(path == "/" ? 1 : path.size() + 1) + '\0';
        return names.size() > xen::kXsPayloadMax ? (error = "E2BIG") : names;
    }
    case XS_DIRECTORY_PART: {
        std::string names;
        for (const auto& [name, node] : in)
            if (name != "/" && name != path && parent(name) == path)
                names += name.substr(path.size() + 1) + '\0';
        const std::string tag = std::to_string(generation) + '\0';
        std::string part = names.substr(std::stoul(std::string(rest)));
        if (part.size() <= 1000)
            return tag + part + '\0';
        return tag + part.substr(0, part.rfind('\0', 1000) + 1);
    }
    case XS_WRITE:
        put(in, path, std::string(rest));
        changed.push_back(path);
        return "OK\0";
    case XS_MKDIR:
        if (!in.contains(path))
            put(in, path, "");
        changed.push_back(path);
        return "OK\0";
    case XS_RM:
        if (!in.contains(path) && !in.contains(parent(path)))
            return error = "ENOENT";
        erase(in, path);
        changed.push_back(path);
        return "OK\0";
    case XS_SET_PERMS:
        if (!in.contains(path))
            return error = "ENOENT";
        in[path].permissions.clear();
        while (xen::next_string(rest, first))
            in[path].permissions += (in[path].permissions.empty() ? "" : " ") + std::string(first);
        return "OK\0";
    case XS_WATCH:
        xen::next_string(rest, first);
        line.watches[std::string(first)] = path;
        return "OK\0";
    case XS_UNWATCH:
        xen::next_string(rest, first);
        line.watches.erase(std::string(first));
        return "OK\0";
    case XS_TRANSACTION_START:
        ++owner->transactions;
        line.transactions[++last_transaction] = {tree, generation};
        return std::to_string(last_transaction) + '\0';
    case XS_TRANSACTION_END:
        return end(line, message, path == "T");
    case XS_INTRODUCE:
        owner->introduced.insert(path);
        return "OK\0";
    case XS_RELEASE:
        return owner->introduced.erase(path) == 0 ? (error = "ENOENT") : "OK";
    case XS_IS_DOMAIN_INTRODUCED:
        return owner->introduced.contains(path) ? "T" : "F";
    default:
        return error = "ENOSYS";
    }
}

std::string FakeXenstored::State::end(Line& line, const xen::XsMessage& message, bool commit)
{
    Transaction done = std::move(line.transactions.at(message.header.tx_id));
    line.transactions.erase(message.header.tx_id);
    if (!commit)
        return "OK\0";
    if (owner->conflicts > 0 || done.generation != generation) {
        owner->conflicts -= owner->conflicts > 0 ? 1 : 0;
        return error = "EAGAIN";
    }
    for (const auto& [path, node] : done.tree)
        if (!tree.contains(path) || tree[path].value != node.value)
            changed.push_back(path);
    for (const auto& [path, node] : tree)
        if (!done.tree.contains(path))
            changed.push_back(path);
    tree = std::move(done.tree);
    ++generation;
    return "OK\0";
}

void FakeXenstored::State::emit(
    Line& line,
    std::uint32_t type,
    std::uint32_t request,
    std::uint32_t transaction,
    const std::string& payload
)
{
    const auto header = xen::xs_header(type, request, transaction, payload.size());
    line.output.append(header.data(), header.size()).append(payload);
}

void FakeXenstored::State::fire(const std::string& path)
{
    for (const auto& line : lines)
        for (const auto& [token, watched] : line->watches)
            if (below(path, watched) || below(watched, path))
                emit(
                    *line,
                    XS_WATCH_EVENT,
                    0,
                    0,
                    (below(path, watched) ? path : watched) + '\0' + token + '\0'
                );
}

// The tests' answers fit a socket's buffer.
void FakeXenstored::State::flush(const std::shared_ptr<Line>& line)
{
    const std::string bytes = std::exchange(line->output, {});
    if (!bytes.empty() && line->stream.is_open())
        ::send(line->stream.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

FakeXenstored::FakeXenstored(asio::any_io_executor executor)
    : state_(std::make_shared<State>(*this, std::move(executor)))
{
}

FakeXenstored::~FakeXenstored()
{
    drop_connections();
}

std::function<Outcome<XsEndpoint>()> FakeXenstored::connector()
{
    return [this]() -> Outcome<XsEndpoint> {
        std::array<int, 2> ends{};
        if (!accepting || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
            return Error{Code::unreachable, "no xenstored", {}};
        const auto line = std::make_shared<Line>(state_->executor, ends[1]);
        state_->lines.push_back(line);
        state_->read(line);
        return XsEndpoint{UniqueFd(ends[0]), as_device};
    };
}

void FakeXenstored::write(const std::string& path, const std::string& value)
{
    State::put(state_->tree, path, value);
    ++state_->generation;
    state_->fire(path);
    for (const auto& line : state_->lines)
        state_->flush(line);
}

void FakeXenstored::remove(const std::string& path)
{
    State::erase(state_->tree, path);
    ++state_->generation;
    state_->fire(path);
    for (const auto& line : state_->lines)
        state_->flush(line);
}

std::optional<std::string> FakeXenstored::value(const std::string& path) const
{
    const auto found = state_->tree.find(path);
    return found == state_->tree.end() ? std::nullopt : std::optional(found->second.value);
}

std::optional<std::string> FakeXenstored::permissions(const std::string& path) const
{
    const auto found = state_->tree.find(path);
    return found == state_->tree.end() ? std::nullopt : std::optional(found->second.permissions);
}

std::size_t FakeXenstored::nodes() const
{
    return state_->tree.size();
}

void FakeXenstored::drop_connections()
{
    for (const auto& line : std::exchange(state_->lines, {})) {
        boost::system::error_code ignored;
        line->stream.close(ignored);
    }
}

void FakeXenstored::send_garbage(const std::string& bytes)
{
    for (const auto& line : state_->lines) {
        line->output += bytes;
        state_->flush(line);
    }
}

unsigned FakeXenstored::open_transactions() const
{
    unsigned open = 0;
    for (const auto& line : state_->lines)
        open += static_cast<unsigned>(line->transactions.size());
    return open;
}

} // namespace zocalo::toolstack
