// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/metrics.hpp"

#include <charconv>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kMostCombinations = 1000;

std::string escaped(const std::string& value)
{
    std::string out;
    for (const char c : value) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"')
            out += '\\';
        out += c;
    }
    return out;
}

std::string number(double value)
{
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
    return {buffer, end.ptr};
}

} // namespace

void MetricsText::family(const std::string& name, const char* type, const char* help)
{
    text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void MetricsText::sample(const std::string& name, const Labels& labels, double value)
{
    text_ += name;
    const char* separator = "{";
    for (const auto& [key, text] : labels) {
        text_ += separator + key + "=\"" + escaped(text) + "\"";
        separator = ",";
    }
    text_ += labels.empty() ? " " : "} ";
    text_ += number(value) + "\n";
}

void Metrics::add(const std::string& name, const Labels& labels, double value)
{
    auto& values = families_[name].values;
    auto found = values.find(labels);
    if (found == values.end()) {
        if (combinations_ >= kMostCombinations) {
            families_["zocalo_metrics_dropped_total"].values[{}] += 1;
            return;
        }
        ++combinations_;
        found = values.emplace(labels, 0).first;
    }
    found->second += value;
}

void Metrics::describe(const std::string& name, std::string help)
{
    families_[name].help = std::move(help);
}

void Metrics::on_collect(std::function<void(MetricsText&)> source)
{
    sources_.push_back(std::move(source));
}

void Metrics::write(MetricsText& text) const
{
    for (const auto& [name, family] : families_) {
        if (family.values.empty())
            continue;
        text.family(name, "counter", family.help.empty() ? name.c_str() : family.help.c_str());
        for (const auto& [labels, value] : family.values)
            text.sample(name, labels, value);
    }
    for (const auto& source : sources_)
        source(text);
}

} // namespace zocalo::toolstack
