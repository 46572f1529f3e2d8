// SPDX-License-Identifier: Apache-2.0
// libxlutil, which xl itself uses, as the oracle for our disk, rate and file grammars: both must
// accept the same and understand it the same, also for specifications put together at random.
#include "cli/cfg/disk_spec.hpp"
#include "cli/cfg/document.hpp"
#include "cli/cfg/vif_spec.hpp"

#include <gtest/gtest.h>
extern "C" {
#include <libxlutil.h>
}

#include <memory>
#include <random>

namespace zocalo::cli::cfg {
namespace {

// xl's parser, its complaints thrown away.
class Xlutil {
  public:
    Xlutil() : sink_{std::fopen("/dev/null", "w")}, config_{xlu_cfg_init(sink_, "oracle")} {}
    ~Xlutil()
    {
        xlu_cfg_destroy(config_);
        std::fclose(sink_);
    }
    Xlutil(const Xlutil&) = delete;
    Xlutil& operator=(const Xlutil&) = delete;
    XLU_Config* get() { return config_; }

  private:
    std::FILE* sink_;
    XLU_Config* config_;
};

std::string or_none(const char* text)
{
    return text == nullptr ? "(none)" : text;
}

const char* word(const std::optional<bool>& value)
{
    return !value ? "-" : *value ? "1" : "0";
}

std::string bool_word(const libxl_defbool& value)
{
    if (libxl_defbool_is_default(value))
        return "-";
    return libxl_defbool_val(value) ? "1" : "0";
}

std::string theirs(const std::string& text)
{
    Xlutil xlutil;
    libxl_device_disk disk;
    libxl_device_disk_init(&disk);
    const char* spec = text.c_str();
    std::string out = "error";
    if (xlu_disk_parse(xlutil.get(), 1, &spec, &disk) == 0) {
        // script= without a value is the same as none.
        const std::string script =
            disk.script == nullptr || *disk.script == '\0' ? "(none)" : disk.script;
        out = or_none(disk.pdev_path) + "|" + or_none(disk.vdev) + "|" +
              libxl_disk_format_to_string(disk.format) + "|" +
              (disk.backend == LIBXL_DISK_BACKEND_UNKNOWN
                   ? ""
                   : libxl_disk_backend_to_string(disk.backend)) +
              "|" + script + "|" + std::to_string(disk.readwrite) + std::to_string(disk.is_cdrom) +
              std::to_string(disk.direct_io_safe) + "|" + bool_word(disk.discard_enable);
    }
    libxl_device_disk_dispose(&disk);
    return out;
}

std::string ours(const std::string& text)
{
    const auto spec = parse_disk_spec({&text, 1});
    if (!spec)
        return "error";
    return spec->target.value_or("(none)") + "|" + *spec->vdev + "|" + spec->format + "|" +
           spec->backendtype + "|" + (spec->script.empty() ? "(none)" : spec->script) + "|" +
           (spec->readwrite ? "1" : "0") + (spec->cdrom ? "1" : "0") +
           (spec->direct_io_safe ? "1" : "0") + "|" + word(spec->discard);
}

TEST(XlutilOracle, RandomDiskSpecificationsMeanTheSame)
{
    const std::vector<std::string> parts{
        "/a",
        "",
        "raw",
        "qcow2",
        "vhd",
        "qed",
        "empty",
        "hda",
        "xvda",
        "hdc:cdrom",
        "hdc:disk",
        "r",
        "ro",
        "rw",
        "w",
        "format=raw",
        "format=qcow2",
        "format=",
        "vdev=xvdb",
        "vdev=",
        "access=ro",
        "access=",
        "devtype=cdrom",
        "devtype=disk",
        "cdrom",
        "direct-io-safe",
        "discard",
        "no-discard",
        "backendtype=phy",
        "backendtype=qdisk",
        "script=block-x",
        "script=",
        " hda",
        "\txvdc",
        "raw:/a",
        "qcow2:/b",
        "iscsi:iqn.x:y",
        "nbd:h",
        "tap:aio:/x",
        "file:/f",
        "foo:/x",
        "foo:bar",
        "phy:vg/x",
        "target=/t",
        "target=/t,u,",
        "target=",
        "bad=1",
        "bad=long",
        "x=y",
        "ioemu:hda",
        "a b",
        "access=q",
        "backend=dom1"};
    std::mt19937 random{20231};
    auto below = [&](std::size_t n) { return random() % n; };
    int accepted = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        const std::size_t count = 1 + below(5);
        for (std::size_t k = 0; k < count; ++k)
            text += (k == 0 ? "" : ",") + parts[below(parts.size())];
        const std::string expected = theirs(text);
        ASSERT_EQ(ours(text), expected) << "\"" << text << "\"";
        accepted += expected == "error" ? 0 : 1;
    }
    EXPECT_GT(accepted, 500); // the comparison was not only of refusals
}

TEST(XlutilOracle, RatesMeanTheSame)
{
    const std::vector<std::string> numbers{"0", "1", "8", "10", "250", "4294967295", "4294967296"};
    const std::vector<std::string> units{
        "b/s", "B/s", "Kb/s", "KB/s", "Mb/s", "MB/s", "GB/s", "Tb/s", "M", ""};
    const std::vector<std::string> intervals{
        "", "@", "@50ms", "@20us", "@1s", "@5", "@0ms", "@1h", "@4295s"};
    for (const auto& number : numbers)
        for (const auto& unit : units)
            for (const auto& interval : intervals) {
                const std::string text = number + unit + interval;
                Xlutil xlutil;
                libxl_device_nic nic;
                libxl_device_nic_init(&nic);
                const bool good = xlu_vif_parse_rate(xlutil.get(), text.c_str(), &nic) == 0;
                const auto rate = parse_rate(text);
                ASSERT_EQ(rate.has_value(), good) << text;
                if (good) {
                    EXPECT_EQ(rate->bytes_per_interval, nic.rate_bytes_per_interval) << text;
                    EXPECT_EQ(rate->interval_us, nic.rate_interval_usecs) << text;
                }
                libxl_device_nic_dispose(&nic);
            }
}

TEST(XlutilOracle, RandomFilesAreAcceptedAlike)
{
    const std::vector<std::string> parts{
        "a",
        "b",
        "=",
        "=",
        "+=",
        "1",
        "0x1f",
        "'x'",
        "\"y\"",
        "[",
        "]",
        ",",
        "\n",
        "\n",
        ";",
        "#c\n",
        " "};
    std::mt19937 random{4711};
    int accepted = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text;
        const std::size_t count = 1 + random() % 12;
        for (std::size_t k = 0; k < count; ++k)
            text += parts[random() % parts.size()];
        Xlutil xlutil;
        const bool good =
            xlu_cfg_readdata(xlutil.get(), text.data(), static_cast<int>(text.size())) == 0;
        const auto document = parse(text, "f");
        ASSERT_EQ(document.has_value(), good) << text;
        accepted += good ? 1 : 0;
        const char* value{};
        if (good && xlu_cfg_get_string(xlutil.get(), "a", &value, 1) == 0) {
            const Setting* setting = document->find("a");
            ASSERT_NE(setting, nullptr) << text;
            EXPECT_EQ(setting->value.text, value) << text;
        }
    }
    EXPECT_GT(accepted, 500);
}

} // namespace
} // namespace zocalo::cli::cfg
