// SPDX-License-Identifier: Apache-2.0
// XenStore: the Store on a real xenstored. Reconnects by itself and arms all watches again; between
// connections every call answers Code::unreachable at once. One thread: everything runs on the
// executor given.
#pragma once

#include "toolstackd/xenstore/connection.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace zocalo::toolstack {

struct XenStoreOptions {
    std::function<Outcome<XsEndpoint>()> connect{XenstoredFinder{}};
    std::chrono::milliseconds request_limit{10'000};
    unsigned attempts{16}; // of one commit, before Code::conflict
    std::chrono::milliseconds reconnect_first{50}, reconnect_most{2'000};
};

class XenStore final : public Store {
  public:
    // Tries to connect at once; when that fails it goes on trying in the background.
    XenStore(boost::asio::any_io_executor executor, XenStoreOptions options);
    ~XenStore() override;
    XenStore(const XenStore&) = delete;
    XenStore& operator=(const XenStore&) = delete;

    bool up() const override;
    Answer<Unit> commit(std::vector<StoreChange> changes, std::vector<StoreGuard> guards) override;
    Answer<std::optional<std::string>> read(std::string path) override;
    Answer<std::vector<std::string>> list(std::string path) override;
    Answer<Unit> introduce(DomId domid, std::uint64_t frame, EventPort port) override;
    Answer<Unit> release(DomId domid) override;
    Answer<bool> is_introduced(DomId domid) override;
    Watch watch(std::string path, std::function<void(const std::string&)> changed) override;
    std::uint64_t request_count() const override;

    struct State; // in xen_store.cpp

  private:
    std::shared_ptr<State> state_;
};

} // namespace zocalo::toolstack
