// SPDX-License-Identifier: Apache-2.0
#include "cli/client/http.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cerrno>

namespace zocalo::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

constexpr std::uint64_t kMaxReply = 64ULL << 20;
constexpr std::uint32_t kMaxReplyHead = 64U << 10;

http::request<http::string_body> to_beast(const HttpRequest& request)
{
    http::request<http::string_body> out{http::string_to_verb(request.method), request.target, 11};
    out.set(http::field::host, "localhost");
    out.set(http::field::user_agent, "zl");
    out.set(http::field::connection, "close");
    if (!request.idempotency_key.empty())
        out.set("Idempotency-Key", request.idempotency_key);
    if (!request.body.empty()) {
        out.set(http::field::content_type, "application/json");
        out.body() = request.body;
    }
    out.prepare_payload();
    return out;
}

// One exchange as a chain of callbacks that stops at the first failure.
class Exchange {
  public:
    Exchange(const std::string& path, const HttpRequest& request)
        : path_{path}, request_{to_beast(request)}, stream_{io_}
    {
        parser_.body_limit(kMaxReply);
        parser_.header_limit(kMaxReplyHead);
    }

    Result<HttpReply, ExchangeError> run(std::chrono::milliseconds limit)
    {
        stream_.expires_after(limit);
        stream_.async_connect(asio::local::stream_protocol::endpoint{path_}, [this](error_code e) {
            connected(e);
        });
        io_.run();
        if (failure_)
            return explain();
        return HttpReply{parser_.get().result_int(), std::move(parser_.get().body())};
    }

  private:
    void connected(error_code e)
    {
        failure_ = e;
        if (e)
            return;
        stage_ = ExchangeStage::talking;
        http::async_write(stream_, request_, [this](error_code w, std::size_t) { written(w); });
    }

    // A daemon that refuses early closes its side; its answer may be there all the same.
    void written(error_code e)
    {
        if (e && e != asio::error::broken_pipe && e != asio::error::connection_reset) {
            failure_ = e;
            return;
        }
        http::async_read(stream_, buffer_, parser_, [this](error_code r, std::size_t) {
            failure_ = r;
        });
    }

    ExchangeError explain() const
    {
        if (stage_ == ExchangeStage::connecting && failure_ != beast::error::timeout)
            return {stage_, unreachable(path_, failure_.value())};
        if (failure_ == beast::error::timeout)
            return {
                stage_,
                Error{
                    Code::timeout,
                    "the daemon did not answer in time",
                    "see `systemctl status toolstackd`, or give a larger --timeout"}};
        const bool cut = failure_ == http::error::end_of_stream ||
                         failure_ == http::error::partial_message ||
                         failure_ == asio::error::connection_reset ||
                         failure_ == asio::error::broken_pipe || failure_ == asio::error::eof;
        if (cut)
            return {
                stage_,
                Error{
                    Code::unreachable,
                    "the daemon closed the connection before it had answered",
                    "see `journalctl -u toolstackd`"}};
        return {
            stage_,
            Error{
                Code::failed,
                "the answer on " + path_ + " is not a valid one: " + failure_.message(),
                "is it toolstackd's socket?"}};
    }

    asio::io_context io_{1};
    std::string path_;
    http::request<http::string_body> request_;
    Stream stream_;
    beast::flat_buffer buffer_;
    http::response_parser<http::string_body> parser_;
    ExchangeStage stage_{ExchangeStage::connecting};
    error_code failure_;
};

} // namespace

Error unreachable(const std::string& socket_path, int errno_value)
{
    const std::string what = "cannot reach toolstackd at " + socket_path;
    Error error = system_error(what, errno_value, "start it: `systemctl start toolstackd`");
    error.code = Code::unreachable;
    if (errno_value == EACCES || errno_value == EPERM) {
        error.code = Code::denied;
        error.next = "run as root or as a member of the group zocalo-admin";
    }
    return error;
}

Result<HttpReply, ExchangeError> exchange(
    const std::string& socket_path, const HttpRequest& request, std::chrono::milliseconds limit
)
{
    if (socket_path.size() > 100)
        return ExchangeError{
            ExchangeStage::connecting,
            Error{Code::usage, "the socket's path is longer than 100 characters", {}}};
    return Exchange{socket_path, request}.run(limit);
}

} // namespace zocalo::cli
