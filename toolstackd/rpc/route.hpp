// SPDX-License-Identifier: Apache-2.0
// Route: one row of the control API as data: method, path, who may, what it takes, what it answers
// and the function that does it. Routing, authorisation, body checks and the OpenAPI document all
// read the same rows. Handlers know neither HTTP nor sockets.
#pragma once

#include "toolstackd/console/consoles.hpp"
#include "toolstackd/domain/toolstack.hpp"
#include "toolstackd/rpc/peer.hpp"
#include "toolstackd/rpc/target.hpp"
#include "toolstackd/sys/metrics.hpp"

#include <boost/json/value.hpp>

#include <map>
#include <span>

namespace zocalo::toolstack {

enum class Method { get, post, put, delete_ };

// What handlers may use; outlives the server.
struct Services {
    Toolstack& toolstack;
    Consoles& consoles;
    Metrics& metrics;
    std::string version;
};

struct Route;

// One request, routed, authorised and checked.
struct Call {
    const Route* route{};
    std::map<std::string, std::string> params; // {ref}, {id} … of the path
    Target target;
    boost::json::object body;
    std::string idempotency_key;
    Peer peer;
    std::function<bool()> client_gone; // asked between the slices of a long wait
};

struct Reply {
    unsigned status{200};
    const char* content_type{"application/json"};
    std::string body;
};

// How the OpenAPI document describes a body: adds what it names to `components`, answers the
// schema. `check` is the strict reader (null: anything).
struct Shape {
    boost::json::value (*schema)(boost::json::object& components){};
    Outcome<Unit> (*check)(const boost::json::value& body){};
};

struct Parameter {
    const char* name;
    const char* meaning;
};

using Handler = Answer<Reply> (*)(Services& services, Call call);
// Rows with a stream answer WebSocket upgrades as well (or only, without a handler).
enum class Stream { none, events, console };

struct Route {
    Method method;
    const char* pattern; // "/v1/domains/{ref}/start"
    Access access;
    Handler handler;
    const char* verb; // of a change (Request::verb); nullptr for reads
    const char* summary;
    Shape takes, answers;
    std::vector<Parameter> query{};
    Stream stream{Stream::none};
};

// Every route of docs/api.md, in its order.
std::span<const Route> routes();

struct Match {
    const Route* route{}; // null: nothing has this path, or `allowed` says which methods it has
    std::map<std::string, std::string> params;
    std::string allowed; // "GET, POST" for 405
};

Match match(Method method, const std::vector<std::string>& path);

const char* name(Method method);

} // namespace zocalo::toolstack
