// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/tree.hpp"

#include "toolstackd/console/channel_nodes.hpp"

namespace zocalo::toolstack {
namespace {

using Kind = StoreChange::Kind;

std::string number(std::uint64_t n)
{
    return std::to_string(n);
}

// Builds the list; `guest_reads_` and `guest_owns_` are the two permissions a guest ever gets.
// xenstored spends most of a create on our requests, so there is one a node and none more: missing
// parents are made by writing below them, and a new node has its parent's permissions.
class Nodes {
  public:
    explicit Nodes(DomId domid)
        : guest_reads_{"n0", "r" + number(domid.value)}, guest_owns_{"n" + number(domid.value)}
    {
    }
    void remove(std::string path) { add(Kind::remove, std::move(path), {}, {}); }
    void mkdir(std::string path) { add(Kind::mkdir, std::move(path), {}, {}); }
    void readable(std::string path) { add(Kind::mkdir, std::move(path), {}, guest_reads_); }
    void owned(std::string path) { add(Kind::mkdir, std::move(path), {}, guest_owns_); }
    void make_readable(std::string path) { add(Kind::permit, std::move(path), {}, guest_reads_); }
    void write(std::string path, std::string value)
    {
        add(Kind::write, std::move(path), std::move(value), {});
    }
    std::vector<StoreChange> take() { return std::move(changes_); }

  private:
    void add(Kind kind, std::string path, std::string value, Permissions permissions)
    {
        changes_.push_back({kind, std::move(path), std::move(value), std::move(permissions)});
    }
    Permissions guest_reads_, guest_owns_;
    std::vector<StoreChange> changes_;
};

void add_vm(
    Nodes& nodes, const rpc::Uuid& uuid, const rpc::DomainConfig& config, std::int64_t now_ms
)
{
    const std::string vm = vm_path(uuid);
    nodes.readable(vm);
    nodes.write(vm + "/uuid", rpc::text(uuid));
    nodes.write(vm + "/name", config.name);
    nodes.write(vm + "/image/cmdline", config.cmdline);
    nodes.write(
        vm + "/start_time",
        number(static_cast<std::uint64_t>(now_ms / 1000)) + "." +
            number(static_cast<std::uint64_t>(now_ms % 1000 / 10))
    );
}

// libxl's layout: a tree the guest reads, and those few nodes in it that it may write. They are
// made while all of it is the guest's (nobody is there yet to use that), then the rest is taken
// back.
void add_guest_directories(Nodes& nodes, const std::string& path)
{
    nodes.owned(path);
    for (const char* name :
         {"/control/shutdown",
          "/control/feature-poweroff",
          "/control/feature-reboot",
          "/control/feature-suspend",
          "/control/sysrq",
          "/device/suspend/event-channel",
          "/data",
          "/drivers",
          "/feature",
          "/attr",
          "/error"})
        nodes.mkdir(path + name);
    for (const char* name : {"", "/control", "/device", "/device/suspend"})
        nodes.make_readable(path + name);
    nodes.write(path + "/control/platform-feature-multiprocessor-suspend", "1");
    nodes.write(path + "/control/platform-feature-xs_reset_watches", "1");
}

// Bytes the console's reader in dom0 may buffer, as libxl announces it.
constexpr std::uint64_t kConsoleLimit = 1'048'576;

void add_console(Nodes& nodes, const std::string& path, const Wiring& wiring)
{
    const std::string console = path + "/console";
    nodes.write(console + "/ring-ref", number(wiring.console_frame));
    nodes.write(console + "/port", number(wiring.console_port.value));
    nodes.write(console + "/limit", number(kConsoleLimit));
    nodes.write(console + "/type", kConsoleType);
}

} // namespace

std::string domain_path(DomId domid)
{
    return "/local/domain/" + number(domid.value);
}

std::string vm_path(const rpc::Uuid& uuid)
{
    return "/vm/" + rpc::text(uuid);
}

std::string frontend_path(DomId domid, const DeviceRef& device)
{
    return domain_path(domid) + "/device/" + (device.disk ? "vbd/" : "vif/") + number(device.devid);
}

std::vector<StoreChange> domain_tree(
    const rpc::Uuid& uuid,
    DomId domid,
    const rpc::DomainConfig& config,
    const Wiring& wiring,
    std::int64_t now_ms
)
{
    const std::string path = domain_path(domid);
    const std::string libxl = "/libxl/" + number(domid.value);
    Nodes nodes(domid);
    for (const std::string& stale : {path, libxl}) // of an earlier domain of that number
        nodes.remove(stale);
    add_guest_directories(nodes, path);
    add_vm(nodes, uuid, config, now_ms);
    nodes.write(libxl + "/type", config.type == rpc::GuestType::pv ? "pv" : "pvh");
    nodes.write(libxl + "/dm-version", "qemu_xen");
    nodes.write(path + "/vm", vm_path(uuid));
    nodes.write(path + "/name", config.name);
    nodes.write(path + "/domid", number(domid.value));
    nodes.write(path + "/memory/static-max", number(config.maxmem_mib * 1024));
    nodes.write(path + "/memory/target", number(config.memory_mib * 1024));
    nodes.write(path + "/store/ring-ref", number(wiring.store_frame));
    nodes.write(path + "/store/port", number(wiring.store_port.value));
    add_console(nodes, path, wiring);
    auto changes = nodes.take();
    for (StoreChange& change : vcpu_nodes(domid, config.vcpus, config.maxvcpus))
        changes.push_back(std::move(change));
    for (const rpc::ChannelConfig& channel : config.channels)
        for (StoreChange& change : channel_nodes(domid, channel))
            changes.push_back(std::move(change));
    return changes;
}

StoreGuard owner_guard(const rpc::Uuid& uuid, DomId domid)
{
    return {.path = domain_path(domid) + "/vm", .value = vm_path(uuid), .absent = false};
}

std::vector<StoreChange> tree_removal(const rpc::Uuid& uuid, DomId domid)
{
    Nodes nodes(domid);
    nodes.remove(vm_path(uuid));
    nodes.remove("/libxl/" + number(domid.value));
    nodes.remove(channel_backends(domid));
    nodes.remove(domain_path(domid));
    return nodes.take();
}

std::vector<StoreChange>
kept_nodes(const rpc::Uuid& uuid, const rpc::Uuid& kept, DomId domid, const std::string& name)
{
    Nodes nodes(domid);
    nodes.remove(vm_path(uuid));
    nodes.readable(vm_path(kept));
    nodes.write(vm_path(kept) + "/uuid", rpc::text(kept));
    nodes.write(vm_path(kept) + "/name", name);
    nodes.remove(domain_path(domid) + "/device");
    nodes.remove(domain_path(domid) + "/console");
    nodes.remove(channel_backends(domid));
    nodes.write(domain_path(domid) + "/vm", vm_path(kept));
    nodes.write(domain_path(domid) + "/name", name);
    return nodes.take();
}

std::vector<StoreChange> rename_nodes(const rpc::Uuid& uuid, DomId domid, const std::string& name)
{
    Nodes nodes(domid);
    nodes.write(domain_path(domid) + "/name", name);
    nodes.write(vm_path(uuid) + "/name", name);
    return nodes.take();
}

std::vector<StoreChange> vcpu_nodes(DomId domid, std::uint32_t online, std::uint32_t max)
{
    Nodes nodes(domid);
    for (std::uint32_t i = 0; i < max; ++i)
        nodes.write(
            domain_path(domid) + "/cpu/" + number(i) + "/availability",
            i < online ? "online" : "offline"
        );
    return nodes.take();
}

} // namespace zocalo::toolstack
