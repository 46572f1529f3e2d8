// SPDX-License-Identifier: Apache-2.0
// PvChannels: the channels of all domains on Xen's devices: it follows each frontend in xenstore,
// joins its ring to the channel's socket or terminal, and carries events. It has an event channel
// device of its own, so that consoles are not kept waiting. Daemon's thread only.
#pragma once

#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"
#include "toolstackd/console/channel.hpp"
#include "toolstackd/console/channel_nodes.hpp"
#include "toolstackd/sys/answer.hpp"
#include "toolstackd/sys/task_scope.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <map>

namespace zocalo::toolstack {

class PvChannels {
  public:
    // Everything must outlive it. Call `start` before anything else.
    PvChannels(
        boost::asio::any_io_executor executor,
        Store& store,
        xen::EventChannels& events,
        xen::GrantTable& grants
    );
    ~PvChannels();

    void start();
    boost::asio::awaitable<void> stop();

    // Makes the sockets and terminals and serves whatever the guest connects. Idempotent, and how a
    // restarted daemon takes the channels up again.
    Answer<Unit>
    follow(const rpc::Uuid& uuid, DomId domid, std::vector<rpc::ChannelConfig> channels);
    // The domain is gone: its sockets and terminals go too.
    void close(const rpc::Uuid& uuid) { domains_.erase(uuid); }
    Answer<std::vector<rpc::ChannelView>> views(rpc::Uuid uuid);

  private:
    struct Session {
        rpc::Uuid uuid;
        DomId domid;
        rpc::ChannelConfig config;
        ChannelPaths paths;
        std::shared_ptr<Channel> channel;
        Store::Watch watch;
        bool working{}, again{};
        Pace joins{1.0, 16.0}; // a guest that comes and goes costs mappings and log lines
        int published{};       // the state we wrote last
    };
    using Shared = std::shared_ptr<Session>;

    void fire(EventPort port);
    void kick(const Shared& session);
    boost::asio::awaitable<void> work(Shared session);
    Answer<Unit> settle(const Shared& session);
    Answer<Unit> join(const Shared& session);
    Answer<Unit> publish(const Shared& session, int state);
    StoreGuard owner_guard(const Session& session) const;

    boost::asio::any_io_executor executor_;
    Store& store_;
    xen::EventChannels& events_;
    xen::GrantTable& grants_;
    std::map<rpc::Uuid, std::vector<Shared>> domains_;
    std::map<EventPort, std::weak_ptr<Channel>> ports_;
    boost::asio::posix::stream_descriptor device_;
    TaskScope tasks_;
};

} // namespace zocalo::toolstack
