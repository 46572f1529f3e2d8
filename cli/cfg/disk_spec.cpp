// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/disk_spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace zocalo::cli::cfg {
namespace {

constexpr std::size_t kMaxSpec = 8192;
constexpr std::string_view kBlanks = " \t\n";

class SpecReader {
  public:
    Outcome<Unit> read(std::string_view text);
    Outcome<DiskSpec> finish();

  private:
    using Set = Outcome<Unit> (SpecReader::*)(std::string_view value);
    struct KeyRow {
        std::string_view key;
        Set set;
    };
    static const std::array<KeyRow, 16> kKeys;

    Outcome<Unit> item(std::string_view text);
    Outcome<Unit> positional(std::string_view text);
    bool flag(std::string_view text);
    Outcome<bool> prefix(std::string_view text, std::size_t& used);

    Outcome<Unit> set_once(std::string& member, std::string_view key, std::string_view value);
    Outcome<Unit>
    set_once(std::optional<std::string>& member, std::string_view key, std::string_view value);
    Outcome<Unit> set_word(
        std::string& member,
        std::string_view key,
        std::string_view value,
        std::span<const std::string_view> words
    );

    Outcome<Unit> format(std::string_view value);
    Outcome<Unit> access(std::string_view value);
    Outcome<Unit> devtype(std::string_view value);
    Outcome<Unit> backendtype(std::string_view value);
    Outcome<Unit> specification(std::string_view value);
    Outcome<Unit> grant_usage(std::string_view value);
    Outcome<Unit> sector_size(std::string_view value);
    Outcome<Unit> colo_port(std::string_view value);
    Outcome<Unit> colo(std::string_view value);
    Outcome<Unit> target(std::string_view v) { return set_once(spec_.target, "target", v); }
    Outcome<Unit> vdev(std::string_view v) { return set_once(spec_.vdev, "vdev", v); }
    Outcome<Unit> script(std::string_view v) { return set_once(spec_.script, "script", v); }
    Outcome<Unit> backend(std::string_view v) { return set_once(spec_.backend, "backend", v); }
    Outcome<bool> vdev_with_devtype(std::string_view text);

    Error bad(std::string what, std::string next = {}) const
    {
        return Error{Code::usage, "disk \"" + whole_ + "\": " + what, std::move(next)};
    }

    DiskSpec spec_;
    std::string whole_; // for messages
    bool had_prefix_{false};
    bool had_access_{false};
};

const std::array<SpecReader::KeyRow, 16> SpecReader::kKeys{{
    {"target", &SpecReader::target},
    {"format", &SpecReader::format},
    {"vdev", &SpecReader::vdev},
    {"access", &SpecReader::access},
    {"devtype", &SpecReader::devtype},
    {"backend", &SpecReader::backend},
    {"backendtype", &SpecReader::backendtype},
    {"script", &SpecReader::script},
    {"specification", &SpecReader::specification},
    {"grant_usage", &SpecReader::grant_usage},
    {"sector-size", &SpecReader::sector_size},
    {"colo-host", &SpecReader::colo},
    {"colo-port", &SpecReader::colo_port},
    {"colo-export", &SpecReader::colo},
    {"active-disk", &SpecReader::colo},
    {"hidden-disk", &SpecReader::colo},
}};

std::string quoted(std::string_view text)
{
    return "\"" + std::string{text} + "\"";
}

// The word before ':' of `text` if it can be one of the old prefixes: [a-z][a-z0-9]*.
std::string_view prefix_word(std::string_view text)
{
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || text[0] < 'a' || text[0] > 'z')
        return {};
    const std::string_view word = text.substr(0, colon);
    const bool plain = std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
    return plain ? word : std::string_view{};
}

template <std::size_t N>
bool one_of(std::string_view word, const std::array<std::string_view, N>& words)
{
    return std::ranges::find(words, word) != words.end();
}

Outcome<Unit>
SpecReader::set_once(std::string& member, std::string_view key, std::string_view value)
{
    if (!member.empty())
        return bad(std::string{key} + " is given twice");
    member = value;
    return Unit{};
}

Outcome<Unit> SpecReader::set_once(
    std::optional<std::string>& member, std::string_view key, std::string_view value
)
{
    if (member && !member->empty())
        return bad(std::string{key} + " is given twice");
    member = std::string{value};
    return Unit{};
}

Outcome<Unit> SpecReader::set_word(
    std::string& member,
    std::string_view key,
    std::string_view value,
    std::span<const std::string_view> words
)
{
    if (std::ranges::find(words, value) == words.end())
        return bad("unknown " + std::string{key} + " " + quoted(value));
    if (!member.empty() && member != value)
        return bad(std::string{key} + " is given twice");
    member = value;
    return Unit{};
}

Outcome<Unit> SpecReader::format(std::string_view value)
{
    constexpr std::array<std::string_view, 6> kWords{"raw", "qcow", "qcow2", "vhd", "qed", "empty"};
    return set_word(spec_.format, "format", value.empty() ? "raw" : value, kWords);
}

Outcome<Unit> SpecReader::access(std::string_view value)
{
    if (value == "r" || value == "ro")
        spec_.readwrite = false;
    else if (value == "w" || value == "rw" || value.empty())
        spec_.readwrite = true;
    else
        return bad("unknown access " + quoted(value), "use r, ro, w or rw");
    return Unit{};
}

Outcome<Unit> SpecReader::devtype(std::string_view value)
{
    if (value != "cdrom" && value != "disk")
        return bad("unknown devtype " + quoted(value), "use cdrom or disk");
    spec_.cdrom = value == "cdrom";
    return Unit{};
}

Outcome<Unit> SpecReader::backendtype(std::string_view value)
{
    constexpr std::array<std::string_view, 4> kWords{"phy", "tap", "qdisk", "standalone"};
    return set_word(spec_.backendtype, "backendtype", value, kWords);
}

Outcome<Unit> SpecReader::specification(std::string_view value)
{
    constexpr std::array<std::string_view, 2> kWords{"xen", "virtio"};
    return set_word(spec_.specification, "specification", value, kWords);
}

Outcome<Unit> SpecReader::grant_usage(std::string_view value)
{
    if (value != "0" && value != "1")
        return bad("grant_usage must be 0 or 1");
    spec_.grant_usage = value == "1";
    return Unit{};
}

Outcome<Unit> SpecReader::colo(std::string_view)
{
    spec_.colo = true;
    return Unit{};
}

Outcome<Unit> SpecReader::sector_size(std::string_view value)
{
    if (value != "512" && value != "4096")
        return bad("sector-size must be 512 or 4096");
    spec_.sector_size = value == "512" ? 512 : 4096;
    return Unit{};
}

Outcome<Unit> SpecReader::colo_port(std::string_view value)
{
    unsigned port{};
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), port);
    if (failure != std::errc{} || port == 0 || port > 65535)
        return bad("colo-port must be 1 … 65535");
    return colo(value);
}

bool SpecReader::flag(std::string_view text)
{
    if (text == "cdrom")
        spec_.cdrom = true;
    else if (text == "direct-io-safe")
        spec_.direct_io_safe = true;
    else if (text == "discard" || text == "no-discard")
        spec_.discard = text == "discard";
    else if (text == "trusted" || text == "untrusted")
        spec_.trusted = text == "trusted";
    else if (text == "colo" || text == "no-colo")
        spec_.colo = text == "colo";
    else
        return false;
    return true;
}

// One old prefix at the front of `text`: `used` becomes its length with the colon. False: none.
Outcome<bool> SpecReader::prefix(std::string_view text, std::size_t& used)
{
    constexpr std::array<std::string_view, 4> kFormats{"raw", "qcow", "qcow2", "vhd"};
    constexpr std::array<std::string_view, 4> kScripts{"iscsi", "nbd", "enbd", "drbd"};
    constexpr std::array<std::string_view, 7> kDropped{
        "tapdisk", "tap", "tap2", "aio", "ioemu", "file", "phy"};
    const std::string_view word = prefix_word(text);
    if (word.empty())
        return false;
    used = word.size() + 1;
    if (one_of(word, kFormats)) {
        TRY(format(word));
    } else if (one_of(word, kScripts)) {
        TRY(set_once(spec_.script, "script", "block-" + std::string{word}));
    } else if (!one_of(word, kDropped)) {
        // "hdc:cdrom" and names with colons are no prefixes; "foo:/path" is a misspelt one.
        const char after = used < text.size() ? text[used] : '/';
        if ((after >= 'a' && after <= 'z') || (after >= '0' && after <= '9'))
            return false;
        return bad(
            "unknown prefix " + quoted(text.substr(0, used)), "write format=, vdev= and target="
        );
    }
    had_prefix_ = true;
    return true;
}

// "hdc:cdrom" in the place of the vdev.
Outcome<bool> SpecReader::vdev_with_devtype(std::string_view text)
{
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return false;
    TRY(vdev(text.substr(0, colon)));
    TRY(devtype(text.substr(colon + 1)));
    return true;
}

Outcome<Unit> SpecReader::positional(std::string_view text)
{
    if (!spec_.target)
        return target(text);
    if (!had_prefix_ && spec_.format.empty()) {
        const bool empty_drive = spec_.target->empty() && TRY(vdev_with_devtype(text));
        return format(empty_drive ? "empty" : text);
    }
    if (!spec_.vdev) {
        if (TRY(vdev_with_devtype(text)))
            return Unit{};
        return vdev(text);
    }
    if (had_access_)
        return bad("too many parts without a name", "write name=value: target=, format=, vdev=");
    had_access_ = true;
    return access(text);
}

Outcome<Unit> SpecReader::item(std::string_view text)
{
    if (flag(text))
        return Unit{};
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        return positional(text);
    const std::string_view key = text.substr(0, equals);
    const auto row = std::ranges::find(kKeys, key, &KeyRow::key);
    if (row == kKeys.end())
        return bad(
            "unknown key " + quoted(key), "a target that holds '=' is given last, as target=PATH"
        );
    return (this->*row->set)(text.substr(equals + 1));
}

Outcome<Unit> SpecReader::read(std::string_view text)
{
    whole_ += whole_.empty() ? text : "," + std::string{text};
    if (whole_.size() > kMaxSpec) {
        whole_.resize(40);
        return bad("longer than 8192 characters");
    }
    for (;;) {
        const std::size_t start = text.find_first_not_of(kBlanks);
        if (start == std::string_view::npos)
            return Unit{};
        text.remove_prefix(start);
        if (text.starts_with("target=")) { // takes all the rest, less one comma at its end
            text.remove_prefix(7);
            return target(text.substr(0, text.size() - (text.ends_with(',') ? 1 : 0)));
        }
        std::size_t used = 0;
        if (TRY(prefix(text, used))) {
            text.remove_prefix(used);
            continue;
        }
        const std::size_t comma = std::min(text.find(','), text.size());
        TRY(item(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
}

Outcome<DiskSpec> SpecReader::finish()
{
    if (spec_.format.empty())
        spec_.format = "raw";
    if (spec_.cdrom) {
        spec_.readwrite = false;
        if (!spec_.target || spec_.target->empty())
            spec_.format = "empty";
    }
    if (!spec_.vdev)
        return bad("no vdev", "say where the guest shall see it, such as vdev=xvda");
    if (!spec_.target && !spec_.cdrom)
        return bad("no target", "name the image or the device: target=/path");
    return std::move(spec_);
}

} // namespace

Outcome<DiskSpec> parse_disk_spec(std::span<const std::string> pieces)
{
    SpecReader reader;
    for (const std::string& piece : pieces)
        TRY(reader.read(piece));
    return reader.finish();
}

rpc::DiskConfig to_config(const DiskSpec& spec, std::vector<std::string>& warnings)
{
    rpc::DiskConfig disk;
    disk.target = spec.target.value_or("");
    // xl's hotplug script looks for bare names in /dev.
    if (!disk.target.empty() && !disk.target.starts_with('/') && spec.script.empty())
        disk.target.insert(0, "/dev/");
    disk.format = spec.format == "empty" ? "raw" : spec.format;
    disk.vdev = spec.vdev.value_or("");
    disk.readonly = !spec.readwrite;
    disk.cdrom = spec.cdrom;
    disk.discard = spec.discard.value_or(true);
    disk.direct_io_safe = spec.direct_io_safe;
    disk.trusted = spec.trusted.value_or(true);
    disk.sector_size = spec.sector_size;
    if (!spec.backend.empty())
        disk.backend = spec.backend;
    disk.backendtype = spec.backendtype;
    disk.script = spec.script;
    const std::string here = "disk " + disk.vdev + ": ";
    if (spec.colo)
        warnings.push_back(here + "the colo settings have no effect");
    if (spec.specification == "virtio")
        warnings.push_back(here + "specification=virtio has no effect, the disk is a Xen one");
    if (spec.grant_usage == false)
        warnings.push_back(here + "grant_usage=0 has no effect, grants are always used");
    return disk;
}

} // namespace zocalo::cli::cfg
