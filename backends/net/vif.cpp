// SPDX-License-Identifier: Apache-2.0
#include "backends/net/vif.hpp"

#include "backends/common/log.hpp"

namespace zocalo::net {

using backend::DeviceState;
using backend::Feature;

namespace {

void add(TxStats& to, const TxStats& from)
{
    to.packets += from.packets;
    to.bytes += from.bytes;
    to.dropped += from.dropped;
    to.bad_grants += from.bad_grants;
    to.bad_offload += from.bad_offload;
    to.tap_refused += from.tap_refused;
}

void add(RxStats& to, const RxStats& from)
{
    to.packets += from.packets;
    to.bytes += from.bytes;
    to.dropped += from.dropped;
    to.bad_grants += from.bad_grants;
    to.filtered += from.filtered;
}

// A segment's headers are written anew with its checksum, and what is to be segmented is long.
bool segments(const backend::AddNic& card)
{
    return card.segmentation && card.scatter_gather && card.checksums;
}

std::string flag(bool value)
{
    return value ? "1" : "0";
}

} // namespace

GuestOffloads offloads_of(const backend::AddNic& card, const backend::Connect& request)
{
    const bool segmentation = segments(card);
    return {
        .scatter_gather = card.scatter_gather && request.has(Feature::scatter_gather),
        .checksum_v4 = card.checksums && !request.has(Feature::no_csum_offload),
        .checksum_v6 = card.checksums && request.has(Feature::ipv6_csum_offload),
        .gso_v4 = segmentation && request.has(Feature::gso_tcpv4),
        .gso_v6 = segmentation && request.has(Feature::gso_tcpv6),
        .headroom = request.headroom,
    };
}

Outcome<std::unique_ptr<Vif>> Vif::open(
    const Surroundings& around,
    const backend::AddNic& config,
    std::vector<UniqueFd> taps,
    NetJournal journal,
    Stopped stopped
)
{
    if (taps.empty() || taps.size() != config.queues)
        return Error{
            Code::usage,
            "a card with " + std::to_string(config.queues) + " queues came with " +
                std::to_string(taps.size()) + " taps",
            {}};
    std::unique_ptr<Vif> vif{new Vif{around, config, std::move(stopped)}};
    vif->journal_ = std::move(journal);
    for (UniqueFd& fd : taps) {
        Tap& tap = vif->taps_.emplace_back(std::move(fd), around.ring);
        TRY(tap.prepare());
    }
    return vif;
}

backend::Ready Vif::ready() const
{
    backend::Ready ready{.device = config_.device};
    ready.features = {
        {"feature-sg", flag(config_.scatter_gather)},
        {"feature-gso-tcpv4", flag(segments(config_))},
        {"feature-gso-tcpv6", flag(segments(config_))},
        {"feature-no-csum-offload", flag(!config_.checksums)},
        {"feature-ipv6-csum-offload", flag(config_.checksums)},
        {"feature-rx-copy", "1"},
        {"feature-rx-flip", "0"},
        {"feature-split-event-channels", "1"},
        {"feature-multicast-control", "1"},
        {"feature-xdp-headroom", "1"},
        {"feature-ctrl-ring", "1"},
    };
    if (taps_.size() > 1)
        ready.features.push_back({"multi-queue-max-queues", std::to_string(taps_.size())});
    return ready;
}

backend::Device Vif::describe_device() const
{
    backend::Ready nodes = ready();
    return {
        .device = config_.device,
        .state = state_,
        .frontend = frontend_,
        .features = std::move(nodes.features),
        .connected = std::move(nodes.connected)};
}

backend::Stats Vif::stats() const
{
    TxStats tx = tx_before_;
    RxStats rx = rx_before_;
    std::uint64_t stalled = 0;
    for (const auto& queue : queues_) {
        add(tx, queue->tx_stats());
        add(rx, queue->rx_stats());
        stalled += queue->stalled();
    }
    // Named from the guest's side, as its own counters are.
    return {
        config_.device,
        {{"tx_packets", tx.packets},
         {"tx_bytes", tx.bytes},
         {"tx_dropped", tx.dropped},
         {"tx_bad_grants", tx.bad_grants},
         {"tx_bad_offload", tx.bad_offload},
         {"tx_tap_refused", tx.tap_refused},
         {"rx_packets", rx.packets},
         {"rx_bytes", rx.bytes},
         {"rx_dropped", rx.dropped},
         {"rx_bad_grants", rx.bad_grants},
         {"rx_filtered", rx.filtered},
         {"rx_stalled_queues", stalled}}};
}

void Vif::set_rate(const backend::SetLimits& limits)
{
    const auto now = backend::TokenBucket::Clock::now();
    for (backend::RateLimit* rate : {&card_.tx, &card_.rx}) // copies would share one bucket
        *rate = backend::RateLimit{
            {limits.bytes_per_second, limits.bytes_burst, now},
            {limits.operations_per_second, limits.operations_burst, now}};
}

Outcome<Unit> Vif::set_headroom(std::uint16_t bytes)
{
    if (state_ != DeviceState::connected)
        return Unit{}; // the next connection says what it wants
    offloads_.headroom = bytes;
    for (const auto& queue : queues_)
        queue->set_headroom(bytes);
    return taps_.front().set_offloads(tap_offloads(offloads_));
}

Outcome<Unit> Vif::connect(const backend::Connect& request)
{
    if (state_ != DeviceState::idle)
        return Error{
            Code::conflict, config_.label + " is connected already", "disconnect it first"};
    if (!request.has(Feature::rx_copy))
        return Error{
            Code::unsupported,
            "the frontend of " + config_.label + " wants pages flipped to it",
            "use a frontend that sets request-rx-copy (Linux since 2.6.37)"};
    if (request.queues.empty() || request.queues.size() > taps_.size())
        return Error{
            Code::usage,
            "the frontend of " + config_.label + " asks for " +
                std::to_string(request.queues.size()) + " queues; it was offered " +
                std::to_string(taps_.size()),
            {}};
    auto started = start(request);
    if (!started)
        disconnect(false);
    return started;
}

Outcome<Unit> Vif::start(const backend::Connect& request)
{
    offloads_ = offloads_of(config_, request);
    const QueuePump::Frontend frontend{
        request.frontend,
        offloads_,
        request.has(Feature::rx_notify),
        !config_.checksums,
        &multicast_};
    multicast_.start(request.has(Feature::multicast_control), request.resume);
    TRY(prepare_taps(frontend.offloads, request.queues.size()));
    TRY(connect_control(request));
    frontend_ = request.frontend;
    state_ = DeviceState::connected;
    for (std::size_t i = 0; i < request.queues.size(); ++i)
        queues_.push_back(TRY(QueuePump::connect(
            around_,
            taps_[i],
            frontend,
            request.queues[i],
            {journal_.tx(i), journal_.rx(i), request.resume},
            card_,
            [this](const std::string& reason) { stop_for(reason); }
        )));
    // Each queue puts frames on the rings of all: they come first.
    if (control_)
        control_->start();
    for (const auto& queue : queues_)
        queue->start();
    return taps_.front().set_carrier(true);
}

Outcome<Unit> Vif::connect_control(const backend::Connect& request)
{
    card_.steering = nullptr;
    if (!request.control)
        return Unit{};
    steering_.settings = HashSettings{static_cast<std::uint32_t>(request.queues.size())};
    control_ = TRY(ControlPump::connect(
        around_.io,
        around_.events,
        around_.grants,
        request.frontend,
        *request.control,
        steering_.settings,
        HashLog{journal_.settings()},
        request.resume,
        {[this] {
             for (const auto& queue : queues_)
                 queue->steer_again();
         },
         [this](const std::string& reason) { stop_for(reason); }}
    ));
    card_.steering = &steering_;
    return Unit{};
}

// Nothing of the guest's is mapped or bound afterwards.
void Vif::hang_up()
{
    remember_stats();
    control_.reset();
    queues_.clear();
}

Outcome<Unit> Vif::prepare_taps(const GuestOffloads& offloads, std::size_t queues)
{
    if (taps_.size() > 1)
        for (std::size_t i = 0; i < taps_.size(); ++i)
            TRY(taps_[i].set_attached(i < queues));
    // One setting for the whole device; the first queue is always attached.
    return taps_.front().set_offloads(tap_offloads(offloads));
}

void Vif::disconnect(bool for_good)
{
    for (std::size_t i = 0; for_good && i < queues_.size(); ++i) {
        journal_.tx(i).end();
        journal_.rx(i).end();
    }
    if (for_good)
        HashLog{journal_.settings()}.end();
    hang_up();
    state_ = DeviceState::idle;
    frontend_ = DomId{};
    if (auto done = taps_.front().set_carrier(false); !done)
        backend::log(backend::Level::warning, config_.label + ": " + describe(done.error()));
}

void Vif::stop_for(const std::string& reason)
{
    if (state_ != DeviceState::connected)
        return;
    state_ = DeviceState::stopped;
    hang_up(); // a guest that breaks one queue has forfeited all of them
    if (auto done = taps_.front().set_carrier(false); !done)
        backend::log(backend::Level::warning, config_.label + ": " + describe(done.error()));
    stopped_(reason);
}

void Vif::remember_stats()
{
    for (const auto& queue : queues_) {
        add(tx_before_, queue->tx_stats());
        add(rx_before_, queue->rx_stats());
    }
}

} // namespace zocalo::net
