// SPDX-License-Identifier: Apache-2.0
// PlayedHost: what XenDevices needs around it, played in the test: a xenstored, backend processes,
// and an event loop that runs until something holds.
#pragma once

#include "tests/unit/toolstackd/device/fake_backend.hpp"
#include "tests/unit/toolstackd/xenstore/fake_xenstored.hpp"
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/xenstore/xen_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

namespace zocalo::toolstack {

class PlayedHost : public ::testing::Test {
  protected:
    XenStoreOptions options()
    {
        XenStoreOptions o;
        o.connect = server.connector();
        return o;
    }
    template <class T> Outcome<T> get(Answer<T> answer)
    {
        std::optional<Outcome<T>> out;
        boost::asio::co_spawn(io, keep(std::move(answer), out), boost::asio::detached);
        until([&out] { return out.has_value(); });
        return *out;
    }
    void until(const std::function<bool()>& holds)
    {
        while (!holds())
            io.run_one();
    }
    // For work that goes on while the test does other things.
    template <class T>
    static boost::asio::awaitable<void> keep(Answer<T> answer, std::optional<Outcome<T>>& out)
    {
        out.emplace(co_await std::move(answer));
    }
    // Makes the devices' nodes, and follows them as for a domain that begins.
    void attach(XenDevices& devices, const DeviceOwner& owner, const DeviceConfig& device)
    {
        auto nodes = get(devices.prepare(owner, {device}));
        ASSERT_TRUE(nodes) << describe(nodes.error());
        ASSERT_TRUE(get(store.commit(*nodes, {})));
        ASSERT_TRUE(get(devices.follow(owner, {device})));
    }

    boost::asio::io_context io;
    FakeXenstored server{io.get_executor()};
    XenStore store{io.get_executor(), options()};
    std::shared_ptr<FakeBackends> backends = std::make_shared<FakeBackends>(io.get_executor());
};

} // namespace zocalo::toolstack
