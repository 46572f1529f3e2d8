// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/acpi_tables.hpp"

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kHeaderSize = 36;
constexpr std::uint64_t kRsdpSize = 36;
constexpr std::uint64_t kXsdtSize = kHeaderSize + 2 * 8;
constexpr std::uint64_t kFadtSize = 268; // revision 5
constexpr std::uint64_t kMadtFixed = kHeaderSize + 8;
constexpr std::uint64_t kLocalApicSize = 8;
constexpr std::uint64_t kLocalApicAddress = 0xfee00000;

constexpr std::uint64_t align_64(std::uint64_t n)
{
    return (n + 63) & ~std::uint64_t{63};
}

constexpr std::uint64_t kXsdtAt = align_64(kRsdpSize);
constexpr std::uint64_t kDsdtAt = kXsdtAt + align_64(kXsdtSize);
constexpr std::uint64_t kFadtAt = kDsdtAt + align_64(kHeaderSize);
constexpr std::uint64_t kMadtAt = kFadtAt + align_64(kFadtSize);

constexpr std::uint64_t madt_size(unsigned vcpus)
{
    return kMadtFixed + vcpus * kLocalApicSize;
}

// One table inside the buffer; all offsets below are the specification's.
class Table {
  public:
    Table(std::span<std::byte> buffer, std::uint64_t at, std::uint64_t size)
        : bytes_{buffer.subspan(at, size)}
    {
    }

    void put(std::uint64_t offset, unsigned width, std::uint64_t value)
    {
        for (unsigned i = 0; i < width; ++i, value >>= 8)
            bytes_[offset + i] = static_cast<std::byte>(value);
    }
    template <std::size_t N> void put_text(std::uint64_t offset, const char (&text)[N])
    {
        for (std::size_t i = 0; i < N - 1; ++i)
            bytes_[offset + i] = static_cast<std::byte>(text[i]);
    }
    template <std::size_t N> void put_header(const char (&signature)[N], unsigned revision)
    {
        put_text(0, signature);
        put(4, 4, bytes_.size());
        put(8, 1, revision);
        put_text(10, "ZOCALO");
        put_text(16, "PVH     ");
        put(24, 4, 1);
        put_text(28, "ZCLO");
        put(32, 4, 1);
    }
    // Makes the first `length` bytes add up to zero.
    void seal(std::uint64_t checksum_at, std::uint64_t length)
    {
        unsigned sum = 0;
        for (std::uint64_t i = 0; i < length; ++i)
            sum += std::to_integer<unsigned>(bytes_[i]);
        put(checksum_at, 1, (256 - sum % 256) % 256);
    }
    void seal() { seal(9, bytes_.size()); }

  private:
    std::span<std::byte> bytes_;
};

void fill_rsdp(std::uint64_t base, std::span<std::byte> out)
{
    Table rsdp{out, 0, kRsdpSize};
    rsdp.put_text(0, "RSD PTR ");
    rsdp.put_text(9, "ZOCALO");
    rsdp.put(15, 1, 2);
    rsdp.put(20, 4, kRsdpSize);
    rsdp.put(24, 8, base + kXsdtAt);
    rsdp.seal(8, 20); // the part ACPI 1.0 knew
    rsdp.seal(32, kRsdpSize);
}

void fill_fadt(std::uint64_t base, std::span<std::byte> out)
{
    // No ACPI hardware is emulated for PVH: say so, or guests poll ports that read as all ones.
    constexpr std::uint64_t kWbinvd = 1 << 0;
    constexpr std::uint64_t kNoPowerButton = 1 << 4;
    constexpr std::uint64_t kNoSleepButton = 1 << 5;
    constexpr std::uint64_t kHardwareReduced = 1 << 20;
    constexpr std::uint64_t kNoVga = 1 << 2;
    constexpr std::uint64_t kNoRtc = 1 << 5;

    Table fadt{out, kFadtAt, kFadtSize};
    fadt.put_header("FACP", 5);
    fadt.put(40, 4, base + kDsdtAt);
    fadt.put(109, 2, kNoVga | kNoRtc);
    fadt.put(112, 4, kWbinvd | kNoPowerButton | kNoSleepButton | kHardwareReduced);
    fadt.put(131, 1, 1); // minor version
    fadt.put(140, 8, base + kDsdtAt);
    fadt.seal();
}

void fill_madt(unsigned vcpus, std::span<std::byte> out)
{
    Table madt{out, kMadtAt, madt_size(vcpus)};
    madt.put_header("APIC", 4);
    madt.put(36, 4, kLocalApicAddress);
    for (unsigned cpu = 0; cpu < vcpus; ++cpu) {
        const std::uint64_t at = kMadtFixed + cpu * kLocalApicSize;
        madt.put(at, 1, 0); // processor local APIC
        madt.put(at + 1, 1, kLocalApicSize);
        madt.put(at + 2, 1, cpu);
        madt.put(at + 3, 1, cpu * 2ULL);
        madt.put(at + 4, 4, 1); // enabled; which ones run is xenstore's word (cpu/N/availability)
    }
    madt.seal();
}

} // namespace

std::uint64_t acpi_size(unsigned vcpus)
{
    return kMadtAt + madt_size(vcpus);
}

void fill_acpi(std::uint64_t base, unsigned vcpus, std::span<std::byte> out)
{
    for (std::byte& b : out)
        b = std::byte{};
    fill_rsdp(base, out);
    Table xsdt{out, kXsdtAt, kXsdtSize};
    xsdt.put_header("XSDT", 1);
    xsdt.put(kHeaderSize, 8, base + kFadtAt);
    xsdt.put(kHeaderSize + 8, 8, base + kMadtAt);
    xsdt.seal();
    Table dsdt{out, kDsdtAt, kHeaderSize};
    dsdt.put_header("DSDT", 2);
    dsdt.seal();
    fill_fadt(base, out);
    fill_madt(vcpus, out);
}

} // namespace zocalo::xen
