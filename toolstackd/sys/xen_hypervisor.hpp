// SPDX-License-Identifier: Apache-2.0
// XenHypervisor: the Hypervisor on real Xen (or hypervisor-core): XenCalls, directly where it is a
// single short hypercall, else on two pools, one for what takes several of them, one for creating,
// building and destroying. A call that misses its
// deadline answers Code::timeout and goes on in its thread; later calls of that domain see what
// became of it.
#pragma once

#include "toolstackd/sys/hypervisor.hpp"
#include "toolstackd/sys/pool.hpp"
#include "toolstackd/sys/xen_calls.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace zocalo::toolstack {

// The domain builder (toolstackd/build) and its counterpart for core files, as the composition root
// wires them in. All block and may run on several threads at once.
struct DomainBuilder {
    std::function<Outcome<DomId>(const rpc::Uuid&, const rpc::DomainConfig&)> create;
    std::function<Outcome<Wiring>(DomId, const rpc::DomainConfig&)> build;
    std::function<Outcome<CoreDump>(DomId, const std::string& name, const GiveUp&)> dump;
};

class XenHypervisor final : public Hypervisor {
  public:
    XenHypervisor(
        boost::asio::any_io_executor executor,
        std::shared_ptr<XenCalls> calls,
        DomainBuilder builder,
        unsigned threads = 4
    );

    Answer<std::vector<LiveDomain>> list() override;
    Answer<LiveDomain> find(DomId domid) override;
    Answer<DomId> create(const rpc::Uuid& uuid, const rpc::DomainConfig& config) override;
    Answer<Wiring> build(DomId domid, const rpc::DomainConfig& config) override;
    Answer<Unit> pause(DomId domid) override;
    Answer<Unit> unpause(DomId domid) override;
    Answer<Unit> destroy(DomId domid) override;
    Answer<Unit> set_handle(DomId domid, const rpc::Uuid& uuid) override;
    Answer<CoreDump> dump_core(DomId domid, std::string name, GiveUp give_up) override;
    Answer<Unit> set_max_memory(DomId domid, std::uint64_t kib) override;
    Answer<Unit> set_affinity(
        DomId domid,
        std::optional<std::uint32_t> vcpu,
        std::optional<std::string> hard,
        std::optional<std::string> soft
    ) override;
    Answer<rpc::SchedConfig> scheduler(DomId domid) override;
    Answer<Unit> set_scheduler(DomId domid, rpc::SchedConfig parameters) override;
    Answer<std::vector<rpc::VcpuView>> vcpus(DomId domid) override;
    Answer<rpc::HostView> host() override;
    Answer<std::uint64_t> free_memory_kib() override;
    Answer<std::string> dmesg(bool clear) override;

  private:
    template <class T> Answer<T> quick(std::function<Outcome<T>()> work, std::string what);
    template <class T>
    Answer<T>
    slow(std::function<Outcome<T>()> work, std::string what, std::chrono::milliseconds limit);

    boost::asio::any_io_executor executor_;
    std::shared_ptr<XenCalls> calls_;
    std::shared_ptr<DomainBuilder> builder_;
    Pool quick_, slow_;
};

} // namespace zocalo::toolstack
